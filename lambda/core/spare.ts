/** What the spare has received and applied, and whether it may be trusted to take over (must 2). */
import { contains, union } from './gtid-set.ts'
import type { Claim } from './ledger.ts'
import type { Memory, ServerMemory } from './memory.ts'
import type { Policy } from './policy.ts'
import type { Answer } from './world.ts'

/** Every complete transaction that it received is applied. Half of one doesn't count: the writer never had it acknowledged here. */
export function caughtUp(spare: Answer): boolean {
  return spare.channel === null || contains(spare.executed, spare.channel.received)
}

/** Everything that the spare has, applied or not. */
export function held(spare: Answer): string {
  return spare.channel === null ? spare.executed : union(spare.executed, spare.channel.received)
}

/** Clocks may be this far apart without being told of. */
const CLOCKS_APART_MS = 1000

/** A claim whose holder died is taken over within a minute or two. After much longer nobody knows what happened meanwhile. */
const INHERITED_MS_MAX = 180_000

/**
 * Whether the spare was replicating well when the writer died: seen by ourselves, or proven by a heartbeat that is fresh by the
 * spare's clock, or inherited from the claim of an invocation that had proof (T1).
 */
export function provenFresh(
  spare: Answer,
  named: ServerMemory,
  memory: Memory,
  policy: Policy,
  claim: Claim | null,
  now: number,
): boolean {
  const { freshnessMs } = policy.detection
  const failingSinceMs = named.failingSinceMs ?? now
  if (memory.replicatingAtMs !== null && failingSinceMs - memory.replicatingAtMs <= freshnessMs) return true
  if (typeof spare.heartbeat === 'string') return false
  if (claim !== null && claim.heartbeatClockMs > 0 && !memory.openUnderClaim)
    return (
      spare.heartbeat.writtenClockMs >= claim.heartbeatClockMs &&
      spare.clockMs - claim.heartbeatClockMs <= INHERITED_MS_MAX
    )
  // Where the two clocks were never compared, one from the future only shows that they are apart.
  const compared = named.clockOffsetMs !== null
  if (!compared && spare.heartbeat.writtenClockMs > spare.clockMs + CLOCKS_APART_MS) return false
  const ageMs = spare.clockMs + aheadMs(named, memory, policy) - spare.heartbeat.writtenClockMs
  return ageMs <= freshnessMs + (now - failingSinceMs)
}

/**
 * MariaDB with GTID throws the relay log away when a thread is started while both are stopped, applied or not (T30). As long as nobody
 * starts one, what was received is still there.
 */
export function losesRelayLog(server: Answer): boolean {
  const { channel } = server
  if (server.family !== 'mariadb' || channel === null) return false
  return channel.receiver === 'off' && channel.applier === 'off' && !caughtUp(server)
}

/** How much later than its start a heartbeat must have been written to count: clocks may be a second apart, start times inexact. */
const START_MARGIN_MS = 2000

/**
 * A spare that restarted may have thrown away what only its relay log held (relay_log_recovery). It is whole again once a heartbeat
 * written after the restart has been applied: everything that the writer had committed before that heartbeat came with it (R9).
 * One that would throw its relay log away as soon as it is told to apply it is no better.
 */
export function possiblyShort(spare: Answer, writerAheadMs: number): boolean {
  if (typeof spare.heartbeat === 'string' || losesRelayLog(spare)) return true
  return spare.heartbeat.writtenClockMs < spare.startedClockMs + writerAheadMs + START_MARGIN_MS
}

/** How far the named server's clock is ahead of the spare's; 0 if this invocation has not seen both. */
export function aheadMs(named: ServerMemory, memory: Memory, policy: Policy): number {
  const other = Object.keys(policy.servers).find((name) => memory.servers[name] !== named) ?? ''
  const offsetMs = memory.servers[other]?.clockOffsetMs ?? null
  return named.clockOffsetMs === null || offsetMs === null ? 0 : named.clockOffsetMs - offsetMs
}
