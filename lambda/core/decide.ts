/**
 * decide: one look in, at most one step out. Everything that Hotspare decides is decided here, by the first row that matches.
 *
 *   no ledger                             -> adopting         a claim of ours to fail over     -> failover
 *   no claim of ours                      -> watching         a claim of ours to switch over   -> switchover
 *   a ledger that has gone back           -> rewound, whatever claim it holds
 *   the same, a switchover asked          -> requested        a claim of ours to go back       -> undo
 *   the same, a change of the ledger asked -> ledgerRequests
 *
 * Pure and synchronous: the same memory, world and time give the same decision, today and when a log line is replayed.
 */

import { type Assessment, assess, unreadableForMs } from './assessment.ts'
import { learn } from './learn.ts'
import type { Memory } from './memory.ts'
import { compose, type Message, milestones, type Tell, tell } from './message.ts'
import { mayBeDone } from './observing.ts'
import { rewound } from './rewound.ts'
import type { Row, Situation } from './situation.ts'
import { adopting } from './situations/adopting.ts'
import { asksForBlockers } from './situations/blocked.ts'
import { failover } from './situations/failover.ts'
import { givingBack } from './situations/giving-back.ts'
import { ledgerRewound } from './situations/ledger-rewound.ts'
import { requested } from './situations/requested.ts'
import { answersRequest, asksOfLedger, requests } from './situations/requests.ts'
import { asksForRights } from './situations/rights.ts'
import { swept } from './situations/sweeping.ts'
import { switching } from './situations/switching.ts'
import { mayWait, switchoverRefusals } from './situations/switchover-refusals.ts'
import { undo } from './situations/undo.ts'
import { watching } from './situations/watching.ts'
import type { LookRequest, Step } from './step.ts'
import { beat, killOthers, renewed, swap } from './steps.ts'
import { givesBack, givesWay, heldUp, tellsOf } from './stuck.ts'
import { obstacles, planned } from './switchover.ts'
import type { World } from './world.ts'
import { refusesWrites, takesWrites } from './writability.ts'

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

export interface Tables {
  readonly adopting: readonly Row[]
  readonly watching: readonly Row[]
  /** Instead of watching, where a person has asked for a switchover. */
  readonly requested: readonly Row[]
  readonly failover: readonly Row[]
  readonly switchover: readonly Row[]
  readonly undo: readonly Row[]
  /** Instead of all others, where a person asks for a change of the ledger. */
  readonly ledgerRequests: readonly Row[]
  /** Instead of all others, where the ledger is older than it should be. */
  readonly rewound: readonly Row[]
  /** Before the rows of a claim of ours. */
  readonly claimEnds: readonly Row[]
  /** Instead of a row whose step a server refuses for too long. */
  readonly givingBack: readonly Row[]
}

/** Every row there is, but for `directory-refuses`, which stands in for any row whose swap is refused again and again. */
export const TABLES: Tables = {
  adopting,
  watching,
  requested,
  ledgerRequests: requests,
  failover,
  switchover: switching,
  undo,
  rewound: ledgerRewound,
  claimEnds: claimEnds(),
  givingBack,
}

/**
 * `tables` is there for tests that take a rule away and see what breaks; nothing else passes it.
 *
 * @throws {Error} if no row matches: a hole in the tables is a defect, never a default.
 */
export function decide(before: Memory, world: World, now: number, tables: Tables = TABLES): Decision {
  const learned = learn(before, world, now)
  const a = assess(learned, world, now)
  const row = rowOf(a, tables)
  const step = stepOf(a, row)
  const situation: Situation = {
    code: row.code,
    severity: row.severity,
    because: row.because(a),
    advice: row.advice?.(a) ?? '',
  }
  const tells = [row.tell?.(a) ?? null, ...tellsOf(a), ...(rewound(a) === null ? milestones(a) : [])].filter(
    (each): each is Tell => each !== null && !learned.told.includes(each.key),
  )
  return {
    memory: {
      ...learned,
      told: tells.length === 0 ? learned.told : [...learned.told, ...tells.map(({ key }) => key)],
      givenUp: givenUp(a, row, situation),
      ours:
        row.givesBack === true && learned.ours !== null
          ? { ...learned.ours, givingBack: true }
          : learned.ours,
    },
    situation,
    step,
    look: lookFor(a, row, step),
    messages: tells.map((each) => compose(a, each, situation)),
    finish: row.finish === true || ending(a, step) || answered(a, row),
  }
}

/** The first row that matches, unless what it wants is refused again and again: then what stands in for it. */
function rowOf(a: Assessment, tables: Tables): Row {
  const stepOf = (row: Row) => sweepFirst(a, row.step?.(a) ?? null)
  const matched = rowsFor(a, tables).find((row) => row.when(a) && !givesWay(a, row, stepOf(row)))
  if (matched === undefined)
    throw new Error(`no situation matches; claim: ${a.claim.kind}, ledger: ${a.memory.ledger.text}`)
  if (holdsBack(a, matched)) return directoryRefuses
  if (!givesBack(a, matched, stepOf(matched))) return heldUp(a, matched, stepOf(matched))
  const instead = tables.givingBack.find((row) => row.when(a)) ?? matched
  return holdsBack(a, instead) ? directoryRefuses : instead
}

/** The rows that are asked now, in order. */
export function rowsFor(a: Assessment, tables: Tables): readonly Row[] {
  const unclaimed = planned(a) === null ? tables.watching : tables.requested
  if (a.memory.ledger.state !== 'known' || a.ledgerProblem !== null) return unclaimed
  if (rewound(a) !== null) return tables.rewound
  if (a.claim.kind !== 'mine' && asksOfLedger(a)) return tables.ledgerRequests
  // Whoever asks for a failover of a pair that has no ledger is told so.
  if (a.ledger === null) return a.world.request === null ? tables.adopting : tables.ledgerRequests
  if (a.claim.kind !== 'mine') return unclaimed
  return [...tables.claimEnds, ...tables[a.claim.claim.intent]]
}

/** Why a switchover is given up is known when it is decided, and told when all is as it was. */
function givenUp(a: Assessment, row: Row, { code, because }: Situation): Memory['givenUp'] {
  if (row.givesUp !== true || a.memory.givenUp !== null) return a.memory.givenUp
  const early = a.claim.kind === 'mine' && a.claim.ours.closing === null
  return { code, because, obstacles: obstacles(a) ?? [], early }
}

/** A refusal may be a race that the next reading settles; a second one is not, and asking on would only spend the request limit. */
function holdsBack(a: Assessment, row: Row): boolean {
  const { refused } = a.memory.ledger
  if (refused === null || refused.count < 2 || row.step?.(a)?.kind !== 'swap') return false
  return a.now - refused.atMs < Math.min(refused.count, 10) * 1000
}

const directoryRefuses: Row = {
  code: 'directory-refuses',
  severity: 'critical',
  when: () => true,
  because: (a) =>
    `The directory has refused our change ${a.memory.ledger.refused?.count} times (${a.memory.ledger.refused?.message}): what it was for has to wait, nothing else was changed.`,
  advice: () =>
    'Check the rights of the function (docs/setup.md) and that nobody else manages these two records. It is tried again every few seconds.',
  afterMs: 1000,
  tell: (a) => tell(a, 'directory-refuses', 'critical'),
}

/** Our own claim has run out: by our own clock we may not act on it any more, only take it over again, as anybody would. */
function claimEnds(): readonly Row[] {
  const lapsed = (a: Assessment) => a.claim.kind === 'mine' && a.claim.remainingMs <= 0
  return [
    {
      code: 'claim-retaken',
      severity: 'warning',
      when: (a) =>
        lapsed(a) &&
        (a.memory.ledger.unsettled ||
          a.memory.tookOverAtMs === null ||
          a.now - a.memory.tookOverAtMs >= RETAKE_EVERY_MS),
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
      readsDirectory: true,
    },
  ]
}

const RETAKE_EVERY_MS = 60_000

function stepOf(a: Assessment, row: Row): Step | null {
  const step = wantedStep(a, row)
  return mayBeDone(a, step) ? step : null
}

function wantedStep(a: Assessment, row: Row): Step | null {
  const step = sweepFirst(a, row.step?.(a) ?? null)
  // R6: a swap of ours may still land. Once the text has changed again it can't, and servers may be touched.
  if (a.memory.ledger.unsettled && step !== null && step.kind !== 'swap') return swap(a, 'renew', {})
  if (a.claim.kind === 'mine') {
    const working = row.progress === true || (step !== null && step.kind !== 'swap')
    if (working && a.claim.remainingMs < a.policy.claimMs / 2 && a.claim.remainingMs > 0)
      return swap(a, 'renew', { claim: renewed(a, a.claim.claim) })
    return step
  }
  if (step !== null || row.finish === true) return step
  // A request doesn't beat: a watch would take it for a younger one and leave.
  const beating =
    a.world.request === null &&
    a.claim.kind === 'none' &&
    rewound(a) === null &&
    a.memory.ledger.state === 'known' &&
    a.ledger?.writer === a.named.name
  return beating ? beat(a) : null
}

/** R4: under a claim, once more before a server is opened or its threads are started. */
function sweepFirst(a: Assessment, step: Step | null): Step | null {
  if (a.claim.kind !== 'mine' || (step?.kind !== 'open' && step?.kind !== 'start-threads')) return step
  const side = step.server === a.named.name ? a.named : a.spare
  return swept(a, side, 'opening') ? step : killOthers(side)
}

/**
 * Time to hand over to the next invocation: nothing of ours stands half done. A failover that only waits leaves its claim to whoever comes next, with
 * the proof in it (R15).
 */
function ending(a: Assessment, step: Step | null): boolean {
  if (a.world.remainingMs >= ENDING_MS) return false
  if (a.claim.kind !== 'mine' || rewound(a) !== null) return true
  const { claim, ours } = a.claim
  return step === null && claim.intent === 'failover' && ours.opening === null
}
const ENDING_MS = 3000

/** What a person asked for is done, or refused. */
function answered(a: Assessment, row: Row): boolean {
  if (a.world.request !== null && rewound(a) !== null)
    return row.refuses === true || unreadableForMs(a) >= PATIENCE_MS
  if (planned(a) !== null) return switchoverAnswered(a, row)
  if (a.world.request === null || a.claim.kind === 'mine') return false
  if (asksOfLedger(a)) return answersRequest(a, row)
  const missing = a.memory.ledger.state === 'known' && a.ledger === null
  if (missing || unreadableForMs(a) >= PATIENCE_MS) return true
  if (row.refuses === true) return true
  if (a.claim.kind !== 'none') return false
  return takesWrites(a.named) || (refusesWrites(a.named) && row.step === undefined)
}

/** A reason that may pass is waited for as long as was asked; what can't even be judged, for a moment. */
function switchoverAnswered(a: Assessment, row: Row): boolean {
  if (a.claim.kind === 'mine' || a.memory.moved !== null) return false
  const passing = switchoverRefusals.find(({ code }) => code === row.code)?.transient === true
  if (row.refuses === true) return !(passing && mayWait(a))
  const reading = a.memory.ledger.state !== 'known' && a.memory.ledger.failure === null
  const acting = row.step !== undefined && planned(a)?.dryRun !== true
  if (a.claim.kind === 'other' || acting || reading) return false
  return a.now - a.memory.startedAtMs > PATIENCE_MS && !mayWait(a)
}
const PATIENCE_MS = 10_000

function lookFor(a: Assessment, row: Row, step: Step | null): LookRequest {
  const { detection } = a.policy
  const stepped = step !== null && step.kind !== 'beat'
  const followed = toFollow(a)
  // The account's request limit is low and shared: a directory that fails is not asked in a frenzy.
  const failing = row.readsDirectory === true && a.memory.ledger.failure !== null
  const again = stepped && a.world.last?.step.kind === step.kind && a.world.last.outcome !== 'done'
  const wishedMs = typeof row.afterMs === 'function' ? row.afterMs(a) : row.afterMs
  const afterMs = again ? AGAIN_MS : stepped ? 0 : (wishedMs ?? detection.probeIntervalMs)
  const server = (side: Assessment['named']) => ({
    // While one is failing, the look takes what is there: a failover never waits for it.
    waitMs: side.memory.failingSinceMs !== null ? 0 : detection.probeTimeoutMs,
    probeEveryMs: probeEveryMs(a, side),
    events: asksForEvents(a, side),
    transactions: null as string | null,
    obstaclesFromMs: lookForObstacles(a, row) ? a.policy.switchover.longTransactionMs : null,
    blockers: asksForBlockers(a, side),
    rights: asksForRights(a, side),
  })
  const spare = server(a.spare)
  const inspecting = ['comparing', 'spare-diverged', 'release-comparing'].includes(row.code)
  return {
    afterMs: Math.max(
      followed === null ? afterMs : Math.min(afterMs, 250),
      failing ? UNREADABLE_AGAIN_MS : 0,
    ),
    directory: row.readsDirectory === true,
    servers: {
      [a.named.name]: server(a.named),
      [a.spare.name]: inspecting ? { ...spare, transactions: a.memory.comparison?.alone ?? null } : spare,
    },
    rereadLast: a.ledger === null ? null : a.named.name,
    followChange: followed,
  }
}

/** Now and then, and never while anything is failing or being moved. */
function asksForEvents(a: Assessment, side: Assessment['named']): boolean {
  if (a.claim.kind === 'mine' || side.memory.failingSinceMs !== null) return false
  const { now } = side.memory.events
  return now === null || now.readAtMs === null || a.now - now.readAtMs > EVENTS_EVERY_MS
}
const EVENTS_EVERY_MS = 60_000

/** The change that has to spread: of the writer, or of the TTL before a switchover. */
function toFollow({ memory, claim }: Assessment): string | null {
  const lowered = claim.kind === 'mine' ? claim.ours.lowered : null
  if (lowered !== null && lowered.insyncAtMs === null) return lowered.changeId
  const visible = memory.timeline.some(({ what }) => what === 'visible')
  return visible ? null : (memory.moved?.changeId ?? null)
}

/** They cost the servers something, so they are looked for only where a closing is being considered, and never while one blocks. */
function lookForObstacles(a: Assessment, row: Row): boolean {
  return (
    planned(a) !== null &&
    a.memory.moved === null &&
    takesWrites(a.named) &&
    row.code !== 'switchover-closing'
  )
}

/** A step that did not work is tried again, but not in a frenzy. */
const AGAIN_MS = 200
const UNREADABLE_AGAIN_MS = 1000
const REFUSED_AGAIN_MS = 30

/** Quick after a refusal (it costs nothing and says much), overlapping after silence, slow where nothing hangs on it. */
function probeEveryMs(a: Assessment, side: Assessment['named']): number {
  const { probeIntervalMs, probeTimeoutMs } = a.policy.detection
  if (side === a.spare || side.health === 'dead') return a.claim.kind === 'mine' ? 200 : probeIntervalMs
  return side.memory.refused > 0 ? REFUSED_AGAIN_MS : probeTimeoutMs / 2
}
