/**
 * Finds out which tables single transactions change, from the newest binary logs.
 *
 * The one thing to understand: a list of tables is told only if it is certainly whole. A transaction with anything in it that doesn't
 * name its table (a statement, DDL), or that was not seen to its end, gets an empty list, so that nobody takes it for harmless.
 */
import { members } from '../../core/gtid-set.ts'
import type { Transaction } from '../../core/world.ts'
import { numberOf, textOf } from './columns.ts'
import type { Row, Session } from './session.ts'

export interface ScanLimits {
  readonly transactions: number
  readonly files: number
  readonly timeMs: number
}

export const usualLimits: ScanLimits = { transactions: 1000, files: 3, timeMs: 3000 }

const eventsPerPage = 2000
/** Events within a row-based transaction that need not name a table. */
const quietEvents =
  /^(Write_rows|Update_rows|Delete_rows|Rows_query|Annotate_rows|Transaction_payload|Xid|Table_map)|^Update_rows_partial|^Partial_update_rows/
const fileEvents =
  /^(Format_desc|Previous_gtids|Gtid_list|Binlog_checkpoint|Start_encryption|Rotate|Stop|Heartbeat)/

/** MySQL: `SET @@SESSION.GTID_NEXT= 'uuid:5'`. MariaDB: `BEGIN GTID 0-1-5`, or `GTID 0-1-5` before DDL, with more after it. */
function gtidOf(eventType: string, info: string): string | null {
  if (!/gtid/i.test(eventType)) return null
  return /GTID_NEXT\s*=\s*'([^']+)'/i.exec(info)?.[1] ?? /\bGTID (\d+-\d+-\d+)/i.exec(info)?.[1] ?? null
}

/** Collects events in their order and keeps what it learns about the transactions asked for. */
export class TableCollector {
  readonly #wanted: Set<string>
  readonly #found = new Map<string, readonly string[]>()
  #gtid = ''
  #tables = new Set<string>()
  #opaque = false

  constructor(wanted: readonly string[]) {
    this.#wanted = new Set(wanted)
  }

  get complete(): boolean {
    return this.#found.size === this.#wanted.size
  }

  /** One event, as SHOW BINLOG EVENTS tells it. */
  add(eventType: string, info: string): void {
    const gtid = gtidOf(eventType, info)
    if (gtid !== null) {
      this.endTransaction()
      this.#gtid = gtid.toLowerCase()
      return
    }
    if (fileEvents.test(eventType)) return
    const table = eventType === 'Table_map' ? /\(([^)]*)\)/.exec(info)?.[1] : undefined
    if (table !== undefined) this.#tables.add(table)
    else if (!this.#isQuiet(eventType, info)) this.#opaque = true
    if (eventType === 'Xid' || /^COMMIT\b/i.test(info)) this.endTransaction()
  }

  /** The transaction is whole: its end, or that of its file, was seen. */
  endTransaction(): void {
    if (this.#wanted.has(this.#gtid))
      this.#found.set(this.#gtid, this.#opaque ? [] : [...this.#tables].sort())
    this.#gtid = ''
    this.#tables = new Set()
    this.#opaque = false
  }

  result(): Transaction[] {
    return [...this.#wanted].map((gtid) => ({ gtid, tables: this.#found.get(gtid) ?? [] }))
  }

  #isQuiet(eventType: string, info: string): boolean {
    if (eventType === 'Query') return /^(BEGIN|COMMIT)\b/i.test(info)
    return quietEvents.test(eventType)
  }
}

/**
 * The tables of each transaction in the set, newest logs first, within the limits. Rejects with the server's error, such as a
 * missing right.
 */
export async function tablesOf(
  session: Session,
  gtidSet: string,
  monotonicNow: () => number,
  limits: ScanLimits = usualLimits,
): Promise<readonly Transaction[]> {
  const endsAtMs = monotonicNow() + limits.timeMs
  const collector = new TableCollector(members(gtidSet, limits.transactions))
  const logs = (await session.query('SHOW BINARY LOGS')).rows.map((row) => textOf(row, 'Log_name'))
  for (const file of logs.reverse().slice(0, limits.files)) {
    if (collector.complete) break
    if (!(await scanFile(session, file, collector, () => monotonicNow() >= endsAtMs))) break
  }
  return collector.result()
}

/** False if the time was up before the end of the file. */
async function scanFile(
  session: Session,
  file: string,
  collector: TableCollector,
  isLate: () => boolean,
): Promise<boolean> {
  let position = 4
  for (;;) {
    const { rows } = await session.query('SHOW BINLOG EVENTS IN ? FROM ? LIMIT ?', [
      file,
      position,
      eventsPerPage,
    ])
    for (const row of rows) collector.add(textOf(row, 'Event_type'), textOf(row, 'Info'))
    const next = endOf(rows)
    if (rows.length < eventsPerPage || next <= position) {
      collector.endTransaction()
      return true
    }
    if (collector.complete) return true
    if (isLate()) return false
    position = next
  }
}

function endOf(rows: readonly Row[]): number {
  const last = rows.at(-1)
  return last === undefined ? 0 : numberOf(last, 'End_log_pos')
}
