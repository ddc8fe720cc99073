/** What a failover may lose: measured before the death, stated in the report, never guessed afterwards. */
import { count, subtract } from './gtid-set.ts'
import type { Memory } from './memory.ts'
import type { Policy } from './policy.ts'
import { held } from './spare.ts'
import type { Answer, SemiSync, ServerName } from './world.ts'

export interface Risk {
  /** Transactions that we saw on the old writer and that the new one does not have. */
  readonly missing: string
  readonly missingCount: number
  /** The stretch of time before the death from which commits may be missing, ms; null if nobody watched. */
  readonly windowMs: number | null
  /** How many transactions that is at most, at the rate seen lately; null if nobody watched. */
  readonly transactionsAtMost: number | null
  /** For how long before the first failed probe nothing at all had reached the spare, ms; null if nobody watched. */
  readonly quietMs: number | null
  /** No commit that anybody was told of is missing: semi-synchronous replication was working until it died. */
  readonly lossless: boolean
}

/** How much faster than lately the writer may have been in its last moments. */
const RATE_ALLOWANCE = 1.5

export function assessRisk(memory: Memory, old: ServerName, spare: Answer, policy: Policy): Risk {
  const { known, failingSinceMs } = memory.servers[old] ?? { known: null, failingSinceMs: null }
  if (known === null || failingSinceMs === null || memory.coveredAtMs === null)
    return {
      missing: '',
      missingCount: 0,
      windowMs: null,
      transactionsAtMost: null,
      quietMs: null,
      lossless: false,
    }
  const spareName = Object.keys(memory.servers).find((name) => name !== old) ?? ''
  const movedAtMs = memory.servers[spareName]?.channelMovedAtMs ?? null
  const has = held(spare)
  const missing = subtract(known.executed, has)
  const missingCount = count(missing)
  const sinceReadMs = Math.max(0, failingSinceMs - known.readAtMs)
  const madeAtMost = Math.ceil((memory.commitsPerSecond * RATE_ALLOWANCE * sinceReadMs) / 1000)
  const arrived = Math.max(0, count(has) - known.count + missingCount)
  return {
    missing,
    missingCount,
    windowMs: Math.round(missingCount > 0 ? Math.max(0, failingSinceMs - memory.coveredAtMs) : sinceReadMs),
    transactionsAtMost: missingCount + Math.max(0, madeAtMost - arrived),
    quietMs: movedAtMs === null ? null : Math.max(0, Math.round(failingSinceMs - movedAtMs)),
    lossless: lossless(memory, known.semiSync, failingSinceMs + policy.detection.probeTimeoutMs),
  }
}

/** Commits that wait in vain go on without the spare once the time-out has passed, and not before. */
function lossless({ acknowledgedAtMs }: Memory, semiSync: SemiSync | null, deadByMs: number): boolean {
  if (acknowledgedAtMs === null || semiSync?.working !== true) return false
  return deadByMs - acknowledgedAtMs < semiSync.timeoutMs
}
