/**
 * Finds out which tables single transactions change, from the newest binary logs.
 *
 * The one thing to understand: a list of tables is told only if it is certainly whole. A transaction with anything in it that doesn't
 * name its table (a statement, DDL), or that was not seen to its end, gets no table in its list, so that nobody takes it for harmless.
 */
import { intervals, members, subtract } from '../../core/gtid-set.ts'
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
  readonly #wanted: readonly Stretch[]
  readonly #listed: readonly string[]
  readonly #found = new Map<string, readonly string[]>()
  #gtid = ''
  #tables = new Set<string>()
  #statements = new Set<string>()
  #opaque = false
  /** What had been logged before the file that is being read; null if it doesn't say (MySQL). */
  #before: ReadonlyMap<string, number> | null = null
  /** The same of the oldest file that was read to its end. */
  #floors: ReadonlyMap<string, number> | null = null

  /** At most `limit` transactions of the set are told of one by one. */
  constructor(gtidSet: string, limit: number) {
    this.#wanted = intervals(gtidSet)
    this.#listed = members(gtidSet, limit)
  }

  get complete(): boolean {
    return this.#found.size === this.#wanted.reduce((total, { first, last }) => total + last - first + 1, 0)
  }

  /** One event, as SHOW BINLOG EVENTS tells it. */
  add(eventType: string, info: string): void {
    const gtid = gtidOf(eventType, info)
    if (gtid !== null) {
      this.endTransaction()
      this.#gtid = gtid.toLowerCase()
      return
    }
    if (eventType === 'Gtid_list') this.#before = lastsOf(info)
    if (fileEvents.test(eventType)) return
    const table = eventType === 'Table_map' ? /\(([^)]*)\)/.exec(info)?.[1] : undefined
    if (table !== undefined) this.#tables.add(table)
    else if (!this.#isQuiet(eventType, info)) {
      this.#opaque = true
      const told = eventType === 'Query' ? statementOn(info) : null
      if (told !== null) this.#statements.add(told)
    }
    if (eventType === 'Xid' || /^COMMIT\b/i.test(info)) this.endTransaction()
  }

  /** The transaction is whole: its end, or that of its file, was seen. */
  endTransaction(): void {
    if (this.#isWanted(this.#gtid))
      this.#found.set(this.#gtid, [...(this.#opaque ? this.#statements : this.#tables)].sort())
    this.#gtid = ''
    this.#tables = new Set()
    this.#statements = new Set()
    this.#opaque = false
  }

  endFile(): void {
    this.endTransaction()
    this.#floors = this.#before
    this.#before = null
  }

  result(): Found {
    const absent = this.#absent()
    const missing = new Set(members(absent, ABSENT_MAX))
    const listed = this.#listed.filter((gtid) => !missing.has(gtid))
    const others = [...this.#found.keys()].filter((gtid) => !listed.includes(gtid))
    const told = [...listed, ...others].map((gtid) => ({ gtid, tables: this.#found.get(gtid) ?? [] }))
    return { transactions: told, absent }
  }

  /** On MariaDB a file says what came before it: a wanted number above that which was not met in it or later is nobody's. */
  #absent(): string {
    const floors = this.#floors
    if (floors === null) return ''
    const searched = this.#wanted
      .map(({ origin, first, last }) => ({
        origin,
        last,
        first: Math.max(first, (floors.get(origin) ?? 0) + 1),
      }))
      .filter(({ first, last }) => first <= last)
      .map(({ origin, first, last }) => `${origin}:${first}-${last}`)
    return subtract(searched.join(','), [...this.#found.keys()].join(','))
  }

  #isWanted(gtid: string): boolean {
    const match = /^(.+)[-:](\d+)$/.exec(gtid)
    const number = Number(match?.[2])
    return this.#wanted.some(
      ({ origin, first, last }) => origin === match?.[1] && first <= number && number <= last,
    )
  }

  #isQuiet(eventType: string, info: string): boolean {
    if (eventType === 'Query') return /^(BEGIN|COMMIT)\b/i.test(info)
    return quietEvents.test(eventType)
  }
}

type Stretch = ReturnType<typeof intervals>[number]

export interface Found {
  readonly transactions: readonly Transaction[]
  /** See `Answer.absent`. */
  readonly absent: string
}

/** Of those that are nobody's, so many are taken out of the list one by one. */
const ABSENT_MAX = 10_000

/** `[0-1-100,0-2-150]`: the last transaction of each origin. */
function lastsOf(info: string): ReadonlyMap<string, number> {
  const gtids = [...info.matchAll(/(\d+-\d+)-(\d+)/g)]
  return new Map(gtids.map(([, origin = '', last]) => [origin, Number(last)]))
}

/** What a statement is on, as far as its beginning says; none of its values. */
export function statementOn(info: string): string | null {
  const [, home, text] = /^(?:use `([^`]*)`; )?([\s\S]*)$/.exec(info) ?? []
  const pattern =
    /^\s*(?:\/\*[\s\S]*?\*\/\s*)*(?:(?:insert|replace)(?:\s+ignore)?(?:\s+into)?|update(?:\s+ignore)?|delete(?:\s+ignore)?\s+from|(?:create|alter|drop|truncate|rename)(?:\s+or\s+replace)?\s+table(?:\s+if(?:\s+not)?\s+exists)?)\s+([`\w$]+(?:\.[`\w$]+)?)/i
  const table = pattern.exec(text ?? '')?.[1]?.replaceAll('`', '')
  if (table === undefined) return home === undefined ? null : `statement in ${home}`
  return `statement on ${table.includes('.') || home === undefined ? table : `${home}.${table}`}`
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
): Promise<Found> {
  const endsAtMs = monotonicNow() + limits.timeMs
  const collector = new TableCollector(gtidSet, limits.transactions)
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
      collector.endFile()
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
