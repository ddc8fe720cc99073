/**
 * decide: one look in, at most one step out. Everything that Hotspare decides is decided here, by the first row that matches.
 *
 *   no ledger    -> adopting          a claim of ours to fail over   -> failover
 *   no claim     -> watching          a claim of ours to go back     -> undo
 *
 * Pure and synchronous: the same memory, world and time give the same decision, today and when a log line is replayed.
 */
import { adopting } from './adopting.ts'
import { type Assessment, assess } from './assessment.ts'
import { failover } from './failover.ts'
import { learn } from './learn.ts'
import type { Memory } from './memory.ts'
import { compose, type Message, milestones, type Tell } from './message.ts'
import type { Row, Situation } from './situation.ts'
import type { LookRequest, Step } from './step.ts'
import { beat, swap } from './steps.ts'
import { undo } from './undo.ts'
import { watching } from './watching.ts'
import type { World } from './world.ts'

export interface Decision {
  readonly memory: Memory
  readonly situation: Situation
  readonly step: Step | null
  readonly look: LookRequest
  /** To be sent to people; sending never delays the next look. */
  readonly messages: readonly Message[]
  /** Nothing is left for this invocation to do. */
  readonly finish: boolean
}

/** @throws {Error} if no row matches: a hole in the tables is a defect, never a default. */
export function decide(before: Memory, world: World, now: number): Decision {
  const learned = learn(before, world, now)
  const a = assess(learned, world, now)
  const row = tableFor(a).find((each) => each.when(a))
  if (row === undefined)
    throw new Error(`no situation matches; claim: ${a.claim.kind}, ledger: ${learned.ledger.text}`)
  const step = stepOf(a, row)
  const situation: Situation = {
    code: row.code,
    severity: row.severity,
    because: row.because(a),
    advice: row.advice?.(a) ?? '',
  }
  const tells = [row.tell?.(a) ?? null, ...milestones(a)].filter(
    (each): each is Tell => each !== null && !learned.told.includes(each.key),
  )
  return {
    memory:
      tells.length === 0 ? learned : { ...learned, told: [...learned.told, ...tells.map(({ key }) => key)] },
    situation,
    step,
    look: lookFor(a, row, step),
    messages: tells.map((each) => compose(a, each, situation)),
    finish: row.finish === true || ending(a),
  }
}

/** Every row there is, for tests and documentation that have to cover each. */
export const TABLES: Readonly<Record<string, readonly Row[]>> = {
  adopting,
  watching,
  failover,
  undo,
  claimEnds: claimEnds(),
}

function tableFor(a: Assessment): readonly Row[] {
  if (a.memory.ledger.state !== 'known' || a.claim.kind !== 'mine')
    return a.ledger === null && a.ledgerProblem === null && a.memory.ledger.state === 'known'
      ? adopting
      : watching
  const table = a.claim.claim.intent === 'undo' ? undo : failover
  return [...claimEnds(), ...table]
}

/** Our own claim has run out: by our own clock we may not act on it any more, only take it over again, as anybody would. */
function claimEnds(): readonly Row[] {
  const lapsed = (a: Assessment) => a.claim.kind === 'mine' && a.claim.remainingMs <= 0
  return [
    {
      code: 'claim-retaken',
      severity: 'warning',
      when: (a) =>
        lapsed(a) && (a.memory.tookOverAtMs === null || a.now - a.memory.tookOverAtMs >= RETAKE_EVERY_MS),
      because: () => 'Our own claim has run out before its work was done: it is taken over like any other.',
      step: (a) =>
        a.claim.kind === 'mine' ? swap(a, 'take-over', { claim: { ...a.claim.claim, touched: true } }) : null,
    },
    {
      code: 'claim-lapsed',
      severity: 'critical',
      when: lapsed,
      because: () =>
        'Our own claim has run out and was retaken less than a minute ago: nothing is done until then.',
      advice: (a) =>
        `${a.named.name} and ${a.spare.name}: at least one has to come back. Nobody else acts meanwhile.`,
      afterMs: 1000,
    },
  ]
}

const RETAKE_EVERY_MS = 60_000

function stepOf(a: Assessment, row: Row): Step | null {
  const step = row.step?.(a) ?? null
  if (a.claim.kind === 'mine') {
    const working = row.progress === true || (step !== null && step.kind !== 'swap')
    if (working && a.claim.remainingMs < a.policy.claimMs / 2 && a.claim.remainingMs > 0)
      return swap(a, 'renew', { claim: a.claim.claim })
    return step
  }
  if (step !== null || row.finish === true) return step
  const beating =
    a.claim.kind === 'none' && a.memory.ledger.state === 'known' && a.ledger?.writer === a.named.name
  return beating ? beat(a) : null
}

/** Time to hand over to the next invocation: nothing of ours stands half done. */
function ending(a: Assessment): boolean {
  return a.claim.kind !== 'mine' && a.world.remainingMs < ENDING_MS
}
const ENDING_MS = 3000

function lookFor(a: Assessment, row: Row, step: Step | null): LookRequest {
  const { detection } = a.policy
  const stepped = step !== null && step.kind !== 'beat'
  const moved = a.memory.moved
  const following = moved?.changeId != null && !a.memory.timeline.some(({ what }) => what === 'visible')
  const afterMs = stepped ? (row.afterMs ?? 0) : (row.afterMs ?? detection.probeIntervalMs)
  const server = (side: Assessment['named']) => ({
    // While one is silent, the look takes what is there: a failover never waits for it.
    waitMs:
      side.memory.lastAnswerAtMs === null && side.health === 'unknown'
        ? detection.probeTimeoutMs
        : side.answer === null
          ? 0
          : HURRY_MS,
    probeEveryMs: probeEveryMs(a, side),
    transactions: null as string | null,
  })
  const spare = server(a.spare)
  const inspecting = row.code === 'comparing' || row.code === 'spare-diverged'
  return {
    afterMs: following ? Math.min(afterMs, 250) : afterMs,
    directory: row.readsDirectory === true,
    servers: {
      [a.named.name]: server(a.named),
      [a.spare.name]: inspecting ? { ...spare, transactions: a.memory.comparison?.alone ?? null } : spare,
    },
    rereadLast: a.ledger === null ? null : a.named.name,
    followChange: following ? (moved?.changeId ?? null) : null,
  }
}

/** How long a look waits for a server that answered the last time, before it goes on without. */
const HURRY_MS = 250
const REFUSED_AGAIN_MS = 30

/** Quick after a refusal (it costs nothing and says much), overlapping after silence, slow where nothing hangs on it. */
function probeEveryMs(a: Assessment, side: Assessment['named']): number {
  const { probeIntervalMs, probeTimeoutMs } = a.policy.detection
  if (side === a.spare || side.health === 'dead') return a.claim.kind === 'mine' ? 200 : probeIntervalMs
  return side.memory.refused > 0 ? REFUSED_AGAIN_MS : probeTimeoutMs / 2
}
