/**
 * What was looked up in a server's own binary log about single transactions: plain bookkeeping, and when it ends.
 *
 * The one thing to understand: a look-up that fails, is late or comes back incomplete clears nothing. It is tried again a few times; then
 * what it was for is judged as if it had never been asked: unknown, with the server's own words for why.
 */
import { members, union } from './gtid-set.ts'
import type { Comparison } from './memory.ts'
import type { ServerName, ServerView } from './world.ts'

export interface Inspection {
  /** Tables of single transactions, as far as they are known: GTID to `schema.table`s. */
  readonly tables: Readonly<Record<string, readonly string[]>>
  /** Numbers that were found to belong to no transaction in this server's log, as a GTID set. */
  readonly absent: string
  /** Look-ups in a row that failed. */
  readonly failures: number
  /** Why the last one failed or is not complete, in the server's words; '' if nothing was missing. */
  readonly unread: string
  /** Since when something is looked up that no look has told yet; null while there is nothing. */
  readonly waitingSinceMs: number | null
}

/** By server: the same number may be another transaction on another server (MariaDB). */
export type Inspections = Readonly<Record<ServerName, Inspection>>

const NOTHING: Inspection = { tables: {}, absent: '', failures: 0, unread: '', waitingSinceMs: null }

/** So many have to be looked up before a set is judged; what is known of more counts too. */
const LOOKED_UP_MIN = 200
/** After so many failures in a row, or so long, nothing is waited for any more. */
const LOOK_UPS_MAX = 3
const WAIT_MAX_MS = 15_000

export function inspectionOf(inspections: Inspections, server: ServerName): Inspection {
  return inspections[server] ?? NOTHING
}

export function learnInspections(
  before: Inspections,
  servers: Readonly<Record<ServerName, ServerView>>,
): Inspections {
  const changed = Object.entries(servers).flatMap(([name, { answer }]) => {
    if (answer === null || (answer.transactions === null && answer.unread === '')) return []
    const inspection = inspectionOf(before, name)
    if (answer.transactions === null)
      return [[name, { ...inspection, failures: inspection.failures + 1, unread: answer.unread }] as const]
    const tables = Object.fromEntries(answer.transactions.map((each) => [each.gtid, each.tables]))
    const learned: Inspection = {
      ...inspection,
      tables: { ...inspection.tables, ...tables },
      absent: answer.absent === '' ? inspection.absent : union(inspection.absent, answer.absent),
      failures: 0,
      unread: answer.unread,
    }
    return [[name, learned] as const]
  })
  return changed.length === 0 ? before : { ...before, ...Object.fromEntries(changed) }
}

/** Notes since when the comparison waits for a look-up. */
export function learnWaiting(before: Inspections, comparison: Comparison | null, now: number): Inspections {
  if (comparison === null) return before
  const inspection = inspectionOf(before, comparison.server)
  const waiting = uninspected(comparison.alone, inspection) !== ''
  const since = waiting ? (inspection.waitingSinceMs ?? now) : null
  if (since === inspection.waitingSinceMs) return before
  return { ...before, [comparison.server]: { ...inspection, waitingSinceMs: since } }
}

/** What still has to be looked up in the binary log before a set can be judged; empty if nothing. */
export function uninspected(set: string, { tables }: Inspection): string {
  return members(set, LOOKED_UP_MIN)
    .filter((gtid) => tables[gtid] === undefined)
    .join(',')
}

/** It failed too often, or takes too long: what is not known by now is unknown. */
export function isGivenUp({ failures, waitingSinceMs }: Inspection, now: number): boolean {
  return failures >= LOOK_UPS_MAX || (waitingSinceMs !== null && now - waitingSinceMs >= WAIT_MAX_MS)
}
