/**
 * Reads one server's facts over its standing connection.
 *
 * The one thing to understand is the order: closed, then received, then executed. A server that was closed before its executed set was
 * read can't have committed more; and what it received before that read is either executed or really unapplied.
 */
import type { Answer, Channel, HeartbeatRow, OtherSession, SemiSync, TakeoverRow } from '../../core/world.ts'
import { flagOf, gtidSetOf, numberOf, textOf } from './columns.ts'
import type { ServerProfile } from './control.ts'
import type { Dialect } from './dialect.ts'
import { serverErrno } from './errors.ts'
import type { Row, Session } from './session.ts'

export interface Reading {
  readonly session: Session
  readonly profile: ServerProfile
  readonly pair: string
  readonly monotonicNow: () => number
  /** Whether a session, by its token or id, is a live connection of this invocation or can do no harm. */
  readonly isOurs: (token: string, id: number) => boolean
}

/** A look's facts, and the name of the replication channel they are about. */
export interface Facts {
  readonly answer: Omit<Answer, 'transactions'>
  readonly channelName: string
  /** Every session of Hotspare's account, our own included. */
  readonly accountSessions: ReadonlySet<number>
}

/** No such database or table, no right to read it. */
const unreadableTable = new Set([1044, 1049, 1142, 1143, 1146])

/** Five statements, one after the other. Rejects with the first error of server or connection. */
export async function readFacts(reading: Reading): Promise<Facts> {
  const { session, profile } = reading
  const { dialect } = profile
  const globals = only(await session.query(`SELECT ${dialect.globals.join(', ')}`))
  const replication = chooseChannel((await session.query(dialect.showReplication)).rows)
  const channelName = replication === null ? '' : textOf(replication, 'Channel_Name')
  const more = only(await session.query(dialect.channelFacts, [channelName, channelName, channelName]))
  const readAtMs = reading.monotonicNow()
  const tables = await readTables(reading)
  const sessions = await readSessions(reading)
  return {
    channelName,
    accountSessions: sessions.accountSessions,
    answer: {
      session: numberOf(globals, 'session'),
      family: dialect.family,
      version: profile.version,
      uuid: textOf(globals, 'uuid'),
      clockMs: numberOf(globals, 'clock_ms'),
      startedClockMs: profile.startedClockMs,
      readAtMs,
      closed: flagOf(globals, 'closed'),
      executed: gtidSetOf(more, 'executed'),
      channel: replication === null ? null : channelOf(replication, more),
      ...tables,
      others: sessions.others,
      clients: sessions.clients,
      semiSync: semiSyncOf(globals, dialect),
      durable: flagOf(globals, 'durable'),
      skipsReplicaStart: flagOf(globals, 'skips_replica_start'),
    },
  }
}

/** The default channel if there is one, else the only one, else the first; channels of group replication are not ours. */
export function chooseChannel(rows: readonly Row[]): Row | null {
  const names = rows.filter((row) => !textOf(row, 'Channel_Name').startsWith('group_replication_'))
  return names.find((row) => textOf(row, 'Channel_Name') === '') ?? names[0] ?? null
}

/** The receiver's state from a row of SHOW REPLICA STATUS. */
export function receiverOf(row: Row): Channel['receiver'] {
  const state = textOf(row, 'Replica_IO_Running', 'Slave_IO_Running')
  if (state === 'Yes') return 'on'
  return state === 'No' ? 'off' : 'connecting'
}

/** The applier's state from the same row. */
export function applierOf(row: Row): Channel['applier'] {
  return textOf(row, 'Replica_SQL_Running', 'Slave_SQL_Running') === 'Yes' ? 'on' : 'off'
}

function channelOf(row: Row, more: Row): Channel {
  const file = textOf(row, 'Source_Log_File', 'Master_Log_File')
  return {
    receiver: receiverOf(row),
    receiverErrno: numberOf(row, 'Last_IO_Errno'),
    receiverError: textOf(row, 'Last_IO_Error'),
    sourceUuid: textOf(row, 'Source_UUID', 'Master_UUID'),
    received: gtidSetOf(row, 'Retrieved_Gtid_Set'),
    readPosition: `${file}:${textOf(row, 'Read_Source_Log_Pos', 'Read_Master_Log_Pos')}`,
    heartbeatsReceived: numberOf(more, 'heartbeats'),
    lastReceivedClockMs: numberOf(more, 'last_received'),
    heartbeatPeriodMs: Math.round(numberOf(more, 'period') * 1000),
    queueing: textOf(more, 'queueing'),
    applier: applierOf(row),
    applierErrno: numberOf(row, 'Last_SQL_Errno'),
    applierError: textOf(row, 'Last_SQL_Error'),
    applying: [
      ...new Set(
        textOf(more, 'applying')
          .split(',')
          .filter((gtid) => gtid !== ''),
      ),
    ],
    delaySeconds: numberOf(row, 'SQL_Delay'),
  }
}

function semiSyncOf(globals: Row, dialect: Dialect): SemiSync | null {
  if (dialect.waitingSwitch === null) return null
  return {
    sourceWaits: flagOf(globals, 'semi_sync_waits'),
    replicasAcknowledging: numberOf(globals, 'semi_sync_replicas'),
    timeoutMs: numberOf(globals, 'semi_sync_timeout_ms'),
  }
}

interface Tables {
  readonly heartbeat: HeartbeatRow | 'no-row' | 'no-table'
  readonly takeover: TakeoverRow | null
}

const tablesQuery = `SELECT h.pair AS beating, h.sequence, TRUNCATE(UNIX_TIMESTAMP(h.written_at) * 1000, 0) AS written_ms, h.watch,
    TRUNCATE(UNIX_TIMESTAMP(h.watch_since) * 1000, 0) AS watch_since_ms, t.epoch, t.gtid_set
  FROM (SELECT ? AS pair) AS wanted
  LEFT JOIN hotspare.heartbeat AS h ON h.pair = wanted.pair
  LEFT JOIN hotspare.takeover AS t ON t.pair = wanted.pair
    AND t.epoch = (SELECT MAX(epoch) FROM hotspare.takeover AS newest WHERE newest.pair = wanted.pair)`

async function readTables(reading: Reading): Promise<Tables> {
  try {
    const row = only(await reading.session.query(tablesQuery, [reading.pair]))
    const takeover =
      row.epoch === null ? null : { epoch: numberOf(row, 'epoch'), gtidSet: gtidSetOf(row, 'gtid_set') }
    return { heartbeat: row.beating === null ? 'no-row' : heartbeatOf(row), takeover }
  } catch (error) {
    if (unreadableTable.has(serverErrno(error) ?? 0)) return { heartbeat: 'no-table', takeover: null }
    throw error
  }
}

function heartbeatOf(row: Row): HeartbeatRow {
  return {
    sequence: numberOf(row, 'sequence'),
    writtenClockMs: numberOf(row, 'written_ms'),
    watch: textOf(row, 'watch'),
    watchSinceClockMs: numberOf(row, 'watch_since_ms'),
  }
}

/** Hotspare's account, as the server sees the session that asks. */
export const ourAccount = `SUBSTRING_INDEX(USER(), '@', 1)`

/** One row for each session of our account, and one with id 0 that counts everybody else's. */
function sessionsQuery(dialect: Dialect): string {
  return `SELECT IF(account = ${ourAccount}, id, 0) AS session_id, COUNT(*) AS sessions,
      MAX(IF(a.ATTR_NAME = 'hotspare_who', a.ATTR_VALUE, '')) AS who,
      MAX(IF(a.ATTR_NAME = 'hotspare_session', a.ATTR_VALUE, '')) AS token
    FROM ${dialect.sessions.table}
    LEFT JOIN performance_schema.session_account_connect_attrs AS a
      ON a.PROCESSLIST_ID = id AND a.ATTR_NAME IN ('hotspare_who', 'hotspare_session') AND account = ${ourAccount}
    WHERE ${dialect.sessions.isClient}
    GROUP BY session_id`
}

async function readSessions(reading: Reading) {
  const { rows } = await reading.session.query(sessionsQuery(reading.profile.dialect))
  const others: OtherSession[] = []
  const accountSessions = new Set<number>()
  let clients = 0
  for (const row of rows) {
    const id = numberOf(row, 'session_id')
    if (id === 0) {
      clients = numberOf(row, 'sessions')
      continue
    }
    accountSessions.add(id)
    if (!reading.isOurs(textOf(row, 'token'), id)) others.push({ id, who: textOf(row, 'who') })
  }
  return { others, clients, accountSessions }
}

function only(reply: { readonly rows: readonly Row[] }): Row {
  const [row] = reply.rows
  if (row === undefined) throw new Error('the server answered a question about itself with no row')
  return row
}
