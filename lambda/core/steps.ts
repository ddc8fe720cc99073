/** Builds the steps that rows order, each with its deadline. */
import { type Assessment, evidenceOf, type Side } from './assessment.ts'
import { NO_PROOF, type Proof, proofNow } from './freshness.ts'
import { type Claim, formatLedger, type Intent, type Ledger } from './ledger.ts'
import type { Step, SwapStep } from './step.ts'
import type { EventName, ServerName, WriterRecord } from './world.ts'
import { closednessOf } from './writability.ts'

const DEADLINE_MS = {
  swap: 5000,
  close: 3000,
  open: 2000,
  'kill-others': 3000,
  detach: 5000,
  'stop-applier': 10_000,
  'start-threads': 5000,
  reconnect: 5000,
  'stop-waiting': 2000,
  'record-takeover': 2000,
  'queue-close': 500,
  'start-events': 3000,
  'stop-events': 2000,
  'end-blockers': 3000,
} as const

/** A claim's last second is left unused: steps already under way end before it does. */
export const CLAIM_MARGIN_MS = 1000

/** Replaces the ledger; the writer record is deleted and created again in the same batch, changed or not. */
export function swap(
  a: Assessment,
  purpose: SwapStep['purpose'],
  change: Partial<Ledger>,
  record: WriterRecord | null = a.memory.ledger.record,
): Step | null {
  if (a.ledger === null || record === null) return null
  return swapTo(a, purpose, { ...a.ledger, ...change, revision: a.memory.ledger.revisionMax + 1 }, record)
}

/** The same with the whole text given, its revision too. */
export function swapTo(
  a: Assessment,
  purpose: SwapStep['purpose'],
  ledger: Ledger,
  record: WriterRecord,
): SwapStep {
  return {
    kind: 'swap',
    purpose,
    from: { ledger: a.memory.ledger.text, record: a.memory.ledger.record },
    to: { ledger: formatLedger(ledger), record },
    deadlineMs: DEADLINE_MS.swap,
  }
}

/** The first ledger of a pair; fails if somebody else was first. A record that points elsewhere moves in the same batch. */
export function adopt(a: Assessment, ledger: Ledger): Step {
  const record = a.memory.ledger.record
  const wanted = recordFor(a, ledger.writer)
  return {
    kind: 'swap',
    purpose: 'adopt',
    from: { ledger: null, record },
    to: {
      ledger: formatLedger(ledger),
      record: record?.values.join() === wanted.values.join() ? record : wanted,
    },
    deadlineMs: DEADLINE_MS.swap,
  }
}

export function recordFor(a: Assessment, server: ServerName): WriterRecord {
  const { type, ttlSeconds } = a.policy.record
  return { type, ttlSeconds, values: [a.policy.servers[server]?.address ?? ''], foreign: false }
}

/** TTL of the writer record while a switchover lets the old one run out, seconds. */
const LOWERED_TTL_SECONDS = 1

/** The writer record as it stands, but to be asked for again soon. */
export function loweredRecord(a: Assessment): WriterRecord | null {
  const { record } = a.memory.ledger
  return record === null ? null : { ...record, ttlSeconds: Math.min(record.ttlSeconds, LOWERED_TTL_SECONDS) }
}

/** The writer record as it stands, with the TTL that the configuration gives it: a switchover that went back may have lowered it. */
export function settledRecord(a: Assessment): WriterRecord | null {
  const { record } = a.memory.ledger
  return record === null || record.foreign ? record : { ...record, ttlSeconds: a.policy.record.ttlSeconds }
}

export function claimOf(a: Assessment, intent: Intent, target: ServerName, touched: boolean): Claim {
  const { who } = a.world
  const lengthMs = a.policy.claimMs
  if (intent !== 'failover') return { who, intent, target, lengthMs, touched, ...NO_PROOF, sinceClockMs: 0 }
  const standing = a.claim.kind === 'none' || a.claim.claim.intent !== 'failover' ? null : a.claim.claim
  const proof = proofOf(a, standing)
  const sinceClockMs = standing?.sinceClockMs || Math.floor(a.spare.answer?.clockMs ?? 0)
  return { who, intent, target, lengthMs, touched, ...proof, sinceClockMs }
}

/** Our own claim once more, with its proof as it stands now. */
export function renewed(a: Assessment, claim: Claim): Claim {
  return claim.intent === 'failover' ? { ...claim, ...proofOf(a, claim) } : claim
}

/**
 * What whoever takes over may believe (R15): the named server is dead now, and the target was up to date then. What can't be judged at this moment
 * stays as the claim has it, with the time that it was judged.
 */
function proofOf(a: Assessment, standing: Claim | null): Proof {
  const { answer } = a.spare
  const kept = standing === null || a.memory.openUnderClaim ? NO_PROOF : standing
  const judged = answer === null || a.named.health !== 'dead' ? null : proofNow(evidenceOf(a, answer))
  return judged ?? { provenClockMs: kept.provenClockMs, heldCount: kept.heldCount }
}

export function close(side: Side, killFirst = false): Step | null {
  return toServer(side, { kind: 'close', lockWaitSeconds: 1, killFirst })
}

/**
 * The statement carries its own end, in the target's clock as this look read it: bounded by the write-block budget (R3) and by
 * the claim, so that nothing we send can open a server after somebody else may have taken over.
 */
export function open(a: Assessment, side: Side, withinMs = a.policy.switchover.writeBlockMs): Step | null {
  if (side.answer === null || a.claim.kind !== 'mine') return null
  const sinceLookMs = Math.max(0, a.now - side.answer.readAtMs)
  const budgetMs = Math.min(withinMs, a.claim.remainingMs - CLAIM_MARGIN_MS)
  return toServer(side, {
    kind: 'open',
    untilClockMs: Math.floor(side.answer.clockMs + sinceLookMs + budgetMs),
  })
}

export function killOthers(side: Side): Step | null {
  return toServer(side, { kind: 'kill-others', ids: side.answer?.others.map(({ id }) => id) ?? [] })
}

export function detach(side: Side): Step | null {
  return toServer(side, { kind: 'detach' })
}

export function stopApplier(side: Side): Step | null {
  return toServer(side, { kind: 'stop-applier' })
}

export function startThreads(side: Side, threads: { applier: boolean; receiver: boolean }): Step | null {
  return toServer(side, { kind: 'start-threads', ...threads })
}

export function reconnect(side: Side): Step | null {
  return toServer(side, { kind: 'reconnect' })
}

export function stopWaiting(side: Side): Step | null {
  return toServer(side, { kind: 'stop-waiting' })
}

export function recordTakeover(side: Side, ledger: Ledger, gtidSet: string): Step | null {
  return toServer(side, { kind: 'record-takeover', epoch: ledger.epoch, writer: ledger.writer, gtidSet })
}

export function startEvents(side: Side, enable: readonly EventName[]): Step | null {
  return toServer(side, { kind: 'start-events', enable })
}

export function stopEvents(side: Side): Step | null {
  return toServer(side, { kind: 'stop-events' })
}

export function endBlockers(side: Side, ids: readonly number[]): Step | null {
  return toServer(side, { kind: 'end-blockers', ids })
}

export function queueClose(side: Side): Step {
  return { kind: 'queue-close', server: side.name, deadlineMs: DEADLINE_MS['queue-close'] }
}

/**
 * More than are ever written in one epoch. The newest heartbeat row is the one with the highest sequence; so every heartbeat of an epoch is
 * newer than those of the one before, however many of these the new writer never saw.
 */
const BEATS_IN_EPOCH = 1_000_000_000

/** The heartbeat write, if one is due on the server that is named and open. Its end keeps a late one from doing anything (T35). */
export function beat(a: Assessment): Step | null {
  const { view, name } = a.named
  const writer = beatable(a)
  if (writer === null) return null
  const { probeIntervalMs, probeTimeoutMs } = a.policy.detection
  const last = view.beat
  if (last !== null && (last.state === 'pending' || a.now - last.sentAtMs < probeIntervalMs * 0.9))
    return null
  return {
    kind: 'beat',
    server: name,
    session: writer.session,
    sequence: Math.max(writer.sequence + 1, (a.ledger?.epoch ?? 0) * BEATS_IN_EPOCH),
    untilClockMs: writer.clockMs + Math.max(0, a.now - writer.readAtMs) + probeTimeoutMs,
    watchSinceClockMs: a.memory.watchSinceClockMs,
    deadlineMs: probeTimeoutMs,
  }
}

/** How old facts about the writer may be for a heartbeat, which refuses itself where they are no longer true. */
const BEAT_ON_OLD_FACTS_MS = 5000

/** The writer as this look has seen it; or, while its facts are late and nothing has failed, as one a moment ago did. */
function beatable(a: Assessment) {
  const { answer, memory, view, health } = a.named
  if (answer !== null) {
    if (closednessOf(answer) !== 'open' || answer.heartbeat === 'no-table') return null
    const sequence = answer.heartbeat === 'no-row' ? 0 : answer.heartbeat.sequence
    return { ...answer, sequence }
  }
  const { known, clockOffsetMs } = memory
  if (health !== 'unknown' || known === null || known.closed || known.heartbeat === null) return null
  if (clockOffsetMs === null || a.now - known.readAtMs > BEAT_ON_OLD_FACTS_MS) return null
  const sequence = Math.max(known.heartbeat.sequence, view.beat?.sequence ?? 0)
  return { ...known, sequence, clockMs: known.readAtMs + clockOffsetMs }
}

type Unaddressed<S> = S extends { kind: infer K; session: number }
  ? Omit<S, 'server' | 'session' | 'deadlineMs'> & { kind: K }
  : never

function toServer(side: Side, step: Unaddressed<Exclude<Step, { kind: 'beat' }>>): Step | null {
  if (side.answer === null) return null
  const deadlineMs = DEADLINE_MS[step.kind as keyof typeof DEADLINE_MS]
  return { ...step, server: side.name, session: side.answer.session, deadlineMs } as Step
}
