/**
 * The statements in which servers differ, chosen by what a server says it is.
 *
 * The one thing to understand: only this file and the two dialects beside it know versions; everything else asks the dialect.
 */
import type { Channel, Numbering } from '../../core/world.ts'
import { mariadbDialect } from './dialect-mariadb.ts'
import { mysqlDialect } from './dialect-mysql.ts'
import type { Row } from './session.ts'

export interface Dialect {
  readonly family: 'mysql' | 'mariadb'
  /** The server's variables, as far as its version and plugins have them. */
  readonly variables: ReadonlySet<string>
  /** Columns of the server's own state that one SELECT reads, as `expression AS name`. */
  readonly globals: readonly string[]
  /** True (1) if nobody can write. */
  readonly closedExpression: string
  /** Makes the server refuse all writes. */
  readonly close: string
  /** Everything committed, in the server's own words. */
  readonly executedExpression: string
  /** The same as a set in the core's notation. */
  readonly setOf: (words: string) => string
  /** How the server numbers what is written on it, by its `globals`; null where each server has numbers of its own. */
  readonly numberingOf: (globals: Row) => Numbering | null
  /** One row for each channel. */
  readonly showReplication: string
  /** The column of it that names the channel. */
  readonly channelNameColumn: string
  /**
   * What the row of `showReplication` lacks, and `executed`: a row for each `channel`, or one for whichever there is (NULL). At least one row.
   */
  readonly channelFacts: string
  /** What only this family's rows tell about a channel. */
  readonly channelOf: (replication: Row, facts: Row) => ChannelPart
  /** Columns of `showReplication` that move with all that comes, where the server doesn't say when something last came; else null. */
  readonly arrivalColumns: readonly string[] | null
  readonly sessions: SessionWords
  readonly stopReceiver: string
  readonly startReceiver: string
  readonly stopApplier: string
  readonly startApplier: string
  /** Process list ids of applier threads that hold a transaction and wait for more of it; each `?` is the channel's name. */
  readonly waitingAppliers: string
  /** A stop of the applier is given this long to end by itself before such a thread is killed. */
  readonly killAppliersAfterMs: number
  /** The newest complaint about a full disk of the last minutes, as `data`; null where the server keeps no such list. */
  readonly fullDisk: string | null
  /** What receivers do at this moment, in the server's words. */
  readonly receiverStates: string
  /**
   * Sessions that stand in the way of a closing, one SELECT with the columns session, account, kind, age_ms and doing. Takes the age in
   * ms from which transactions and statements count, twice.
   */
  readonly obstacles: string
  /** Sessions whose locks keep this server from applying, or from taking writes; the same columns, no parameters, without its LIMIT. */
  readonly blockers: string
  /** Variable that makes a source wait for replicas; null if semi-synchronous replication isn't loaded. */
  readonly waitingSwitch: string | null
}

export type ChannelPart = Pick<
  Channel,
  | 'received'
  | 'queueing'
  | 'applying'
  | 'heartbeatsReceived'
  | 'heartbeatPeriodMs'
  | 'lastReceivedClockMs'
  | 'sourceUuid'
>

export interface SessionWords {
  /** A table of sessions with the columns id, account, command and state. */
  readonly table: string
  /** Leaves out replication, the system's own threads and logins under way. */
  readonly isClient: string
  /** Connection attributes by session id: PROCESSLIST_ID, ATTR_NAME, ATTR_VALUE; null where the server shows none. */
  readonly attributes: string | null
}

/** Variables whose existence decides how a server is asked. */
export const decidingVariables: readonly string[] = [
  'skip_replica_start',
  'skip_slave_start',
  'rpl_semi_sync_source_enabled',
  'rpl_semi_sync_master_enabled',
  'gtid_executed',
  'super_read_only',
]

/**
 * The dialect of a server by its VERSION() and by which of `decidingVariables` it has.
 * @throws {Error} for a server that this program doesn't know.
 */
export function dialectFor(version: string, variables: ReadonlySet<string>): Dialect {
  const [major = 0, minor = 0, patch = 0] = version.split(/[^0-9]+/).map(Number)
  const number = major * 10_000 + minor * 100 + patch
  if (/mariadb/i.test(version)) {
    if (number < 100_600) throw new Error(`the server is MariaDB ${version}; Hotspare needs 10.6 or later`)
    return mariadbDialect(variables)
  }
  if (number < 50_700) throw new Error(`the server is MySQL ${version}; Hotspare needs 5.7 or later`)
  return mysqlDialect(number, variables)
}

/** The parameters of a statement of the dialect whose every `?` is the channel's name. */
export function channelParameters(statement: string, channelName: string): string[] {
  return [...statement.matchAll(/\?/g)].map(() => channelName)
}
