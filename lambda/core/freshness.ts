/**
 * Freshness: was the spare up to date when the writer died (must 2)? Fresh means *received*. Applying may take as long as it takes.
 *
 * | what proves it | where it comes from | how long it lasts | who inherits it |
 * |---|---|---|---|
 * | `received`: the spare held all that the writer had at most `freshnessMs` before its first failure | this process read the writer's set, and later the spare's | as long as this process, for this writer | whoever takes the claim over, as `claim` |
 * | `heartbeat`: the newest heartbeat that the spare has applied was that young at the first failure | the row on the spare, its age by the spare's clock, corrected where both clocks were seen | as long as the row stays that young against the first failure that is seen | anybody who looks soon enough |
 * | `claim`: who held the claim before saw the writer dead with one of these in hand | the claim's text: when that was, by the target's own clock, and how much the target held | until the next holder's proof, 180 s later at the most; not once the writer was seen open, or the target holds less | whoever takes the claim over next, with the clock set anew by each renewal |
 *
 * What is none of these is either `stale`, which was seen, or `unproven`: nothing older than the process is known to it, and no clock's zero is a
 * time (X59).
 */
import { contains, count } from './gtid-set.ts'
import type { Claim } from './ledger.ts'
import type { Memory, ServerMemory } from './memory.ts'
import type { Policy } from './policy.ts'
import { caughtUp, held, losesRelayLog } from './spare.ts'
import type { Answer, HeartbeatRow } from './world.ts'

/** What freshness is judged by. */
export interface Evidence {
  readonly spare: Answer
  readonly spareMemory: ServerMemory
  readonly named: ServerMemory
  readonly memory: Memory
  readonly policy: Policy
  readonly claim: Claim | null
  readonly now: number
}

export type Freshness =
  | { readonly kind: 'fresh'; readonly by: 'received' | 'heartbeat' | 'claim' }
  /** It was seen to lack what the writer had this long before its first failure. */
  | { readonly kind: 'stale'; readonly behindMs: number }
  | { readonly kind: 'unproven' }

export function freshness(e: Evidence): Freshness {
  const failingSinceMs = e.named.failingSinceMs ?? e.now
  const young = (atMs: number | null) =>
    atMs !== null && failingSinceMs - atMs <= e.policy.detection.freshnessMs
  if (young(e.memory.coveredAtMs)) return { kind: 'fresh', by: 'received' }
  if (young(heartbeatAtMs(e))) return { kind: 'fresh', by: 'heartbeat' }
  if (inherited(e)) return { kind: 'fresh', by: 'claim' }
  const behindMs = seenBehindMs(e, failingSinceMs)
  return behindMs > e.policy.detection.freshnessMs ? { kind: 'stale', behindMs } : { kind: 'unproven' }
}

/** Up to when the spare is known to have everything that the writer had committed, by the function's clock; null if that is not known. */
export function coveredUntilMs(e: Evidence): number | null {
  const times = [e.memory.coveredAtMs, heartbeatAtMs(e)].filter((time) => time !== null)
  return times.length === 0 ? null : Math.max(...times)
}

/** Clocks may be this far apart without being told of. */
const CLOCKS_APART_MS = 1000

/**
 * When the newest heartbeat that the spare has applied was written: everything committed before it came with it. One from the future only
 * shows that clocks are apart, or were.
 */
function heartbeatAtMs({ spare, named, memory, policy }: Evidence): number | null {
  if (typeof spare.heartbeat === 'string') return null
  const ageMs = spare.clockMs + aheadMs(named, memory, policy) - spare.heartbeat.writtenClockMs
  return ageMs < -CLOCKS_APART_MS ? null : spare.readAtMs - ageMs
}

/** A claim whose holder died is taken over within a minute or two. After much longer nobody knows what happened meanwhile. */
const GAP_MS_MAX = 180_000

/** R15: the proof of the holder before, if nothing can have happened since that would end it. */
function inherited({ spare, memory, claim }: Evidence): boolean {
  if (claim === null || claim.intent !== 'failover' || claim.provenClockMs === 0 || memory.openUnderClaim)
    return false
  const gapMs = spare.clockMs - claim.provenClockMs
  return gapMs >= -CLOCKS_APART_MS && gapMs <= GAP_MS_MAX && count(held(spare)) >= claim.heldCount
}

/** How far before its first failure the writer had something that the spare was seen to lack; 0 if that was not seen. */
function seenBehindMs({ spare, named, memory }: Evidence, failingSinceMs: number): number {
  const lacked = memory.unreceivedMarks.find(({ executed }) => !contains(held(spare), executed))
  // What is received and not applied may hold younger heartbeats than the row shows.
  const written = caughtUp(spare) ? writtenApartMs(named.known?.heartbeat ?? null, spare.heartbeat) : null
  return Math.max(lacked === undefined ? 0 : failingSinceMs - lacked.readAtMs, written ?? 0)
}

/** How far the spare's newest heartbeat is behind the writer's, ms: both rows were written by the writer's clock. */
export function heartbeatLagMs(named: Answer | null, spare: Answer | null): number | null {
  return writtenApartMs(named?.heartbeat ?? null, spare?.heartbeat ?? null)
}

function writtenApartMs(
  written: Answer['heartbeat'] | null,
  applied: Answer['heartbeat'] | null,
): number | null {
  return isRow(written) && isRow(applied)
    ? Math.max(0, written.writtenClockMs - applied.writtenClockMs)
    : null
}

const isRow = (row: Answer['heartbeat'] | null): row is HeartbeatRow =>
  row !== null && typeof row !== 'string'

/** How much later than its start the spare must have been whole to count: clocks may be a second apart, start times inexact. */
const START_MARGIN_MS = 2000

/**
 * The spare may lack what it once had received: it holds less than it was seen to hold (X6), or restarted, which may have thrown away what only
 * its relay log held (relay_log_recovery). It is whole again once it has what the writer had committed after the restart: shown by an applied
 * heartbeat (R9), by both servers' sets as this process read them, or to the holder before. One that would throw its relay log away as soon as
 * it is told to apply it is no better.
 */
export function possiblyShort(e: Evidence): boolean {
  const { spare, spareMemory, named, memory, policy, claim } = e
  if (typeof spare.heartbeat === 'string' || losesRelayLog(spare) || holdsLess(e)) return true
  const wholeFromClockMs = spare.startedClockMs + START_MARGIN_MS
  if (spare.heartbeat.writtenClockMs >= wholeFromClockMs + aheadMs(named, memory, policy)) return false
  const offsetMs = spareMemory.clockOffsetMs ?? spare.clockMs - spare.readAtMs
  if (memory.coveredOpenAtMs !== null && memory.coveredOpenAtMs + offsetMs >= wholeFromClockMs) return false
  return !(inherited(e) && (claim?.provenClockMs ?? 0) >= wholeFromClockMs)
}

/** What is received never comes down but by being thrown away. */
export function holdsLess({ spare, spareMemory, claim }: Evidence): boolean {
  const has = held(spare)
  if (has !== spareMemory.held && !contains(has, spareMemory.held)) return true
  return claim?.intent === 'failover' && claim.heldCount > 0 && count(has) < claim.heldCount
}

/** What a claim says of the target to whoever takes it over. */
export type Proof = Pick<Claim, 'provenClockMs' | 'heldCount'>

export const NO_PROOF: Proof = { provenClockMs: 0, heldCount: 0 }

/** The most that the ledger's text has room for; more is not told. */
const HELD_COUNT_MAX = 999_999_999_999_999

/** The proof as it stands now, with the writer dead; null if nothing proves it now. */
export function proofNow(e: Evidence): Proof | null {
  const heldCount = count(held(e.spare))
  if (freshness(e).kind !== 'fresh' || possiblyShort(e) || heldCount > HELD_COUNT_MAX) return null
  return { provenClockMs: Math.floor(e.spare.clockMs), heldCount }
}

/** How far the named server's clock is ahead of the spare's; 0 if this invocation has not seen both. */
export function aheadMs(named: ServerMemory, memory: Memory, policy: Policy): number {
  const other = Object.keys(policy.servers).find((name) => memory.servers[name] !== named) ?? ''
  const offsetMs = memory.servers[other]?.clockOffsetMs ?? null
  return named.clockOffsetMs === null || offsetMs === null ? 0 : named.clockOffsetMs - offsetMs
}
