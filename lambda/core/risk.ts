/** What a failover may lose: measured before the death, stated in the report, never guessed afterwards. */
import { coveredUntilMs, type Evidence, freshness } from './freshness.ts'
import { count, subtract } from './gtid-set.ts'
import type { Memory } from './memory.ts'
import { held } from './spare.ts'
import { IN_FLIGHT_MS } from './witness.ts'
import type { SemiSync } from './world.ts'

export interface Risk {
  /** Transactions that we saw on the old writer and that the new one does not have. */
  readonly missing: string
  readonly missingCount: number
  /** The stretch of time before the death from which commits may be missing, ms; null if nothing was seen or proven of it. */
  readonly windowMs: number | null
  /** How many transactions that is at most, at the rate seen lately; null if the old writer was not seen alive. */
  readonly transactionsAtMost: number | null
  /** For how long before the first failed probe nothing at all had reached the spare, ms; null likewise. */
  readonly quietMs: number | null
  /** No commit that anybody was told of is missing: semi-synchronous replication was working until it died. */
  readonly lossless: boolean
}

/** How much faster than lately the writer may have been in its last moments. */
const RATE_ALLOWANCE = 1.5

export function assessRisk(e: Evidence): Risk {
  const { memory, named, spare, policy } = e
  const { known, failingSinceMs } = named
  const coveredAtMs = coveredUntilMs(e)
  if (known === null || failingSinceMs === null || coveredAtMs === null)
    return {
      missing: '',
      missingCount: 0,
      windowMs: windowOfOthersMs(e, coveredAtMs),
      transactionsAtMost: null,
      quietMs: null,
      lossless: false,
    }
  const movedAtMs = e.spareMemory.channelMovedAtMs
  // Where we alone were cut off first, it went on for as long as the spare heard from it.
  const heardLater = movedAtMs !== null && movedAtMs > failingSinceMs + IN_FLIGHT_MS
  const livedUntilMs = heardLater ? movedAtMs : failingSinceMs
  const has = held(spare)
  const missing = subtract(known.executed, has)
  const missingCount = count(missing)
  const sinceReadMs = Math.max(0, livedUntilMs - known.readAtMs)
  const madeAtMost = Math.ceil((memory.commitsPerSecond * RATE_ALLOWANCE * sinceReadMs) / 1000)
  const arrived = Math.max(0, count(has) - known.count + missingCount)
  return {
    missing,
    missingCount,
    windowMs: Math.round(missingCount > 0 ? Math.max(0, livedUntilMs - coveredAtMs) : sinceReadMs),
    transactionsAtMost: missingCount + Math.max(0, madeAtMost - arrived),
    quietMs: movedAtMs === null ? null : Math.max(0, Math.round(failingSinceMs - movedAtMs)),
    lossless: lossless(memory, known.semiSync, livedUntilMs + policy.detection.probeTimeoutMs),
  }
}

/** As far as the heartbeats or the holder before tell: whoever proved that the spare was fresh bounded it by that. */
function windowOfOthersMs(e: Evidence, coveredAtMs: number | null): number | null {
  const { failingSinceMs } = e.named
  if (failingSinceMs === null) return null
  const windows = [
    ...(coveredAtMs === null ? [] : [Math.max(0, Math.round(failingSinceMs - coveredAtMs))]),
    ...(freshness(e).kind === 'fresh' ? [e.policy.detection.freshnessMs] : []),
  ]
  return windows.length === 0 ? null : Math.min(...windows)
}

/** Commits that wait in vain go on without the spare once the time-out has passed, and not before. */
function lossless({ acknowledgedAtMs }: Memory, semiSync: SemiSync | null, deadByMs: number): boolean {
  if (acknowledgedAtMs === null || semiSync?.working !== true) return false
  return deadByMs - acknowledgedAtMs < semiSync.timeoutMs
}
