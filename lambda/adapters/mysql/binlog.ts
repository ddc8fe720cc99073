/**
 * Finds out which tables single transactions change, from the newest binary logs.
 *
 * The one thing to understand: a list of tables is told only if it is certainly whole. A transaction with anything in it that doesn't
 * name its table (a statement, DDL), or that was not seen to its end, gets no table in its list, so that nobody takes it for harmless.
 * A file counts as read to its end only by its size.
 */
import { intervals, members, subtract } from '../../core/gtid-set.ts'
import type { Transaction } from '../../core/world.ts'
import { AbsentNumbers, type Stretch } from './absent-numbers.ts'
import { numberOf, textOf } from './columns.ts'
import { failureOf } from './errors.ts'
import type { Row, Session } from './session.ts'
import { statementOn } from './statement-on.ts'

export interface ScanLimits {
  /** Told of one by one. */
  readonly transactions: number
  readonly files: number
  readonly timeMs: number
  /** Of what the server sends, in all. */
  readonly bytes: number
  /** For each question. */
  readonly events: number
}

export const usualLimits: ScanLimits = {
  transactions: 1000,
  files: 3,
  timeMs: 3000,
  bytes: 32_000_000,
  // MariaDB holds its log's lock while it answers, so an answer is short.
  events: 500,
}

/** An event may hold a statement of any size. */
const EVENT_BYTES_MAX = 8_000_000
/** Beside what it says of itself. */
const BYTES_AN_EVENT = 60

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

export interface Found {
  readonly transactions: readonly Transaction[]
  /** See `Answer.absent`. */
  readonly absent: string
  /** See `Answer.unread`. */
  readonly unread: string
}

/** Collects events in their order and keeps what it learns about the transactions asked for. */
export class TableCollector {
  readonly #wanted: readonly Stretch[]
  readonly #set: string
  readonly #limit: number
  readonly #numbers = new AbsentNumbers()
  readonly #found = new Map<string, readonly string[]>()
  #gtid = ''
  #tables = new Set<string>()
  #statements = new Set<string>()
  #opaque = false

  /** At most `limit` transactions of the set are told of one by one. */
  constructor(gtidSet: string, limit: number) {
    this.#wanted = intervals(gtidSet)
    this.#set = gtidSet
    this.#limit = limit
  }

  get complete(): boolean {
    return this.#found.size === this.#wanted.reduce((total, { first, last }) => total + last - first + 1, 0)
  }

  /** One event, as SHOW BINLOG EVENTS tells it. */
  add(eventType: string, info: string): void {
    const gtid = gtidOf(eventType, info)
    if (gtid !== null) {
      this.#endStatement()
      this.#gtid = gtid.toLowerCase()
      this.#numbers.meet(this.#gtid, this.#isWanted(this.#gtid))
      return
    }
    if (eventType === 'Gtid_list') this.#numbers.beginFile(info)
    if (fileEvents.test(eventType)) return
    const table = eventType === 'Table_map' ? /^table_id: \d+ \((.*)\)$/s.exec(info)?.[1] : undefined
    if (table !== undefined) this.#tables.add(table)
    else if (!isQuiet(eventType, info)) {
      this.#opaque = true
      const told = eventType === 'Query' ? statementOn(info) : null
      if (told !== null) this.#statements.add(told)
    }
    if (eventType === 'Xid' || (eventType === 'Query' && info === 'COMMIT')) this.#endTransaction()
  }

  /** `whole`: everything in the file was added. Files come newest first. */
  endFile(whole: boolean): void {
    if (whole) this.#endStatement()
    this.#forget()
    this.#numbers.endFile(whole)
  }

  /** `why`: what kept the rest from being read. */
  result(why: string): Found {
    const absent = this.#numbers.among(this.#wanted)
    const listed = members(absent === '' ? this.#set : subtract(this.#set, absent), this.#limit)
    const transactions = listed.map((gtid) => ({ gtid, tables: this.#found.get(gtid) ?? [] }))
    return { transactions, absent, unread: listed.every((gtid) => this.#found.has(gtid)) ? '' : why }
  }

  /** DDL has no event for its end: the next transaction's beginning is one. Rows have, and without it may not be all. */
  #endStatement(): void {
    if (this.#opaque) this.#endTransaction()
    else this.#forget()
  }

  #endTransaction(): void {
    if (this.#isWanted(this.#gtid))
      this.#found.set(this.#gtid, [...(this.#opaque ? this.#statements : this.#tables)].sort())
    this.#forget()
  }

  #forget(): void {
    this.#gtid = ''
    this.#tables = new Set()
    this.#statements = new Set()
    this.#opaque = false
  }

  #isWanted(gtid: string): boolean {
    const match = /^(.+)[-:](\d+)$/.exec(gtid)
    const number = Number(match?.[2])
    return this.#wanted.some(
      ({ origin, first, last }) => origin === match?.[1] && first <= number && number <= last,
    )
  }
}

function isQuiet(eventType: string, info: string): boolean {
  if (eventType === 'Query') return info === 'BEGIN' || info === 'COMMIT'
  return quietEvents.test(eventType)
}

/** What the reader needs of a session. */
export type LogSession = Pick<Session, 'query' | 'each'>

interface Scan {
  readonly session: LogSession
  readonly collector: TableCollector
  readonly limits: ScanLimits
  readonly isLate: () => boolean
  /** What was sent so far. */
  bytes: number
}

interface LogFile {
  readonly name: string
  /** When the search began. */
  readonly bytes: number
}

/**
 * The tables of each transaction in the set, newest logs first, within the limits. Rejects with the server's error, such as a
 * missing right, if nothing at all can be read.
 */
export async function tablesOf(
  session: LogSession,
  gtidSet: string,
  monotonicNow: () => number,
  limits: ScanLimits = usualLimits,
): Promise<Found> {
  const endsAtMs = monotonicNow() + limits.timeMs
  const collector = new TableCollector(gtidSet, limits.transactions)
  const scan: Scan = { session, collector, limits, isLate: () => monotonicNow() >= endsAtMs, bytes: 0 }
  const { rows } = await session.query('SHOW BINARY LOGS')
  const logs = rows.map((row) => ({ name: textOf(row, 'Log_name'), bytes: numberOf(row, 'File_size') }))
  const searched = logs.reverse().slice(0, limits.files)
  let why: string | null = null
  for (const file of searched) {
    if (collector.complete || spent(scan) !== null) break
    const rest = await scanFile(scan, file).catch((error) => {
      if (file === searched[0]) throw error
      collector.endFile(false)
      return `${file.name}: ${failureOf(error).message}`
    })
    why ??= rest
  }
  const where = `the newest ${searched.length} of ${logs.length} binary logs`
  return collector.result(why ?? `${where} do not have all of them`)
}

/** What the search has used up, if anything. */
function spent({ limits, bytes, isLate }: Scan): string | null {
  if (isLate()) return `${limits.timeMs / 1000} s`
  return bytes >= limits.bytes ? `${limits.bytes / 1_000_000} MB` : null
}

/** Null if the file was read to its end, or nothing more has to be found; else why not, as the end of a sentence. */
async function scanFile(scan: Scan, file: LogFile): Promise<string | null> {
  const { session, collector, limits } = scan
  const place = new Place()
  for (;;) {
    let events = 0
    const from = [file.name, place.position, place.passed, limits.events]
    await session.each('SHOW BINLOG EVENTS IN ? FROM ? LIMIT ?, ?', from, EVENT_BYTES_MAX, (row) => {
      const info = textOf(row, 'Info')
      place.pass(row)
      collector.add(textOf(row, 'Event_type'), info)
      events += 1
      scan.bytes += info.length + BYTES_AN_EVENT
    })
    if (collector.complete) return null
    if (events < limits.events) {
      const whole = place.end >= file.bytes
      collector.endFile(whole)
      return whole ? null : `${file.name} was read up to ${place.end} of its ${file.bytes} bytes`
    }
    const used = spent(scan)
    if (used === null) continue
    collector.endFile(false)
    return `${file.name} was read up to ${place.position} of its ${file.bytes} bytes, then ${used} were used up`
  }
}

/**
 * Where in a file the reader is: the last event with a position of its own, and how many rows from there on have passed.
 *
 * MariaDB 11.8 says 0 for the end of all events of a transaction but its first and its last. What MySQL unpacks from a compressed
 * transaction it shows, event by event, at the position after it, as both the beginning and the end.
 */
class Place {
  position = 4
  passed = 0
  /** The end of the last event that tells it. */
  end = 0

  pass(row: Row): void {
    const position = numberOf(row, 'Pos')
    const end = numberOf(row, 'End_log_pos')
    if (end === position) this.passed += 1
    else {
      this.position = position
      this.passed = 1
    }
    this.end = Math.max(this.end, end)
  }
}
