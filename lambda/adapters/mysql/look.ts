/**
 * Reads one server's facts over its standing connection.
 *
 * The one thing to understand is the order: closed, then received, then executed. A server that was closed before its executed set was
 * read can't have committed more; and what it received before that read is either executed or really unapplied.
 */
import type { Answer, Channel, HeartbeatRow, OtherSession, SemiSync, TakeoverRow } from '../../core/world.ts'
import { type Asked, askAll } from './ask-all.ts'
import { flagOf, numberOf, textOf, withoutBlanks } from './columns.ts'
import type { ServerProfile } from './control.ts'
import type { ChannelPart, Dialect } from './dialect.ts'
import { withoutAccount, withoutGtids } from './errors.ts'
import { eventsOf, eventsQueries } from './events.ts'
import { blockersQuery, obstaclesOf, obstaclesQuery } from './obstacles.ts'
import { ourAccount } from './our-account.ts'
import { rightsOf, rightsQueries } from './rights.ts'
import type { Row, Session, Statement } from './session.ts'
import { newestHeartbeat } from './statements.ts'

export interface Reading {
  readonly session: Session
  readonly profile: ServerProfile
  readonly pair: string
  readonly monotonicNow: () => number
  /** Whether a session, by its token or id, is a live connection of this invocation or can do no harm. */
  readonly isOurs: (token: string, id: number) => boolean
  /** Takes what moves with all that comes over the channel, and says when it moved last; null if nobody knows. */
  readonly arrived: (mark: string) => number | null
  /** Whether to read the events too. */
  readonly events: boolean
  /** Look for what stands in the way of a switchover, too, from this age on; null: don't. */
  readonly obstaclesFromMs: number | null
  /** Look for locks and backups of others. */
  readonly blockers: boolean
  /** Compare our account's rights with what it needs. */
  readonly rights: boolean
}

/** A look's facts, and the name of the replication channel they are about. */
export interface Facts {
  readonly answer: Omit<Answer, 'transactions' | 'absent' | 'unread'>
  readonly channelName: string
  /** Every session of Hotspare's account, our own included. */
  readonly accountSessions: ReadonlySet<number>
}

/** No such database or table, no right to read it. */
const unreadableTable = new Set([1044, 1049, 1142, 1143, 1146])

/**
 * One request for all; another for what comes behind a statement that the server refuses. Rejects with the server's error where a look can't
 * do without, and with the connection's.
 */
export async function readFacts(reading: Reading): Promise<Facts> {
  const { session, profile, obstaclesFromMs, monotonicNow } = reading
  const { dialect } = profile
  const optional = (statement: Statement): Asked => ({ ...statement, maySkip: () => true })
  // Whatever had been committed by now is in the sets that are about to be read; what the server does while they travel may be, too.
  const readAtMs = monotonicNow()
  let clockReadMs: number | null = null
  const clockRead = () => {
    clockReadMs = monotonicNow()
  }
  const asked: Asked[] = [
    { sql: `SELECT ${dialect.globals.join(', ')}` },
    { sql: dialect.showReplication },
    { sql: dialect.channelFacts },
    { sql: sessionsQuery(dialect) },
    {
      sql: tablesQuery,
      values: [reading.pair, reading.pair],
      maySkip: (errno) => unreadableTable.has(errno),
    },
    ...(reading.events ? eventsQueries.map(optional) : []),
    ...(obstaclesFromMs === null ? [] : [optional(obstaclesQuery(dialect, obstaclesFromMs))]),
    ...(reading.blockers ? [optional(blockersQuery(dialect))] : []),
    ...(reading.rights ? rightsQueries.map(optional) : []),
  ]
  const answers = await askAll(session, asked, clockRead)
  const [first, replications, channels, sessionRows, tableRows, ...more] = answers
  const globals = only(first)
  if (flagOf(globals, 'without_gtids')) throw withoutGtids('gtid_mode is not ON')
  const replication = chooseChannel(replications ?? [], dialect)
  const channelName = replication === null ? '' : textOf(replication, dialect.channelNameColumn)
  const mark = replication === null ? null : arrivalMark(replication, dialect)
  const arrivedAtMs = mark === null ? null : reading.arrived(mark)
  const isOfChannel = (row: Row) =>
    replication === null || row.channel === null || textOf(row, 'channel') === channelName
  const facts = only(channels?.filter(isOfChannel))
  // The server read its clock, first of all, at some time since `readAtMs`: at that moment it showed this at the least.
  const clockMs = Math.floor(numberOf(globals, 'clock_ms') - ((clockReadMs ?? monotonicNow()) - readAtMs))
  const sessions = sessionsOf(sessionRows ?? [], reading)
  const next = () => more.shift() ?? null
  const events = reading.events ? eventsOf(next(), next()) : null
  const obstacles = obstaclesFromMs === null ? null : obstaclesOf(next())
  const blockers = reading.blockers ? obstaclesOf(next()) : null
  const rights = reading.rights ? await rightsOf(session, profile, next(), next()) : null
  return {
    channelName,
    accountSessions: sessions.accountSessions,
    answer: {
      session: numberOf(globals, 'session'),
      family: dialect.family,
      version: profile.version,
      uuid: textOf(globals, 'uuid'),
      clockMs,
      startedClockMs: profile.startedClockMs,
      readAtMs,
      askedAtMs: readAtMs,
      closed: flagOf(globals, 'closed'),
      halfClosed: flagOf(globals, 'half_closed'),
      executed: dialect.setOf(textOf(facts, 'executed')),
      numbering: dialect.numberingOf(globals),
      channel:
        replication === null
          ? null
          : {
              ...channelOf(replication, dialect.channelOf(replication, facts)),
              ...(arrivedAtMs === null ? {} : { lastReceivedClockMs: clockMs + (arrivedAtMs - readAtMs) }),
            },
      ...tablesOf(tableRows ?? null),
      others: sessions.others,
      clients: sessions.clients,
      events,
      semiSync: semiSyncOf(globals, dialect),
      durable: flagOf(globals, 'durable'),
      skipsReplicaStart:
        textOf(globals, 'skips_replica_start') === '' ? null : flagOf(globals, 'skips_replica_start'),
      obstacles,
      blockers,
      rights,
    },
  }
}

/** What moves with all that comes over this channel; null where the server itself says when something came. */
export function arrivalMark(replication: Row, { arrivalColumns }: Dialect): string | null {
  return arrivalColumns?.map((column) => textOf(replication, column)).join('|') ?? null
}

/** The default channel if there is one, else the only one, else the first; channels of group replication are not ours. */
export function chooseChannel(rows: readonly Row[], dialect: Dialect): Row | null {
  const nameOf = (row: Row) => textOf(row, dialect.channelNameColumn)
  const channels = rows.filter((row) => !nameOf(row).startsWith('group_replication_'))
  return channels.find((row) => nameOf(row) === '') ?? channels[0] ?? null
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

function channelOf(row: Row, part: ChannelPart): Channel {
  const file = textOf(row, 'Source_Log_File', 'Master_Log_File')
  return {
    ...part,
    receiver: receiverOf(row),
    receiverErrno: numberOf(row, 'Last_IO_Errno'),
    receiverError: withoutAccount(textOf(row, 'Last_IO_Error')),
    readPosition: `${file}:${textOf(row, 'Read_Source_Log_Pos', 'Read_Master_Log_Pos')}`,
    applier: applierOf(row),
    applierErrno: numberOf(row, 'Last_SQL_Errno'),
    applierError: withoutAccount(textOf(row, 'Last_SQL_Error')),
    delaySeconds: numberOf(row, 'SQL_Delay'),
  }
}

function semiSyncOf(globals: Row, dialect: Dialect): SemiSync | null {
  if (dialect.waitingSwitch === null) return null
  return {
    sourceWaits: flagOf(globals, 'semi_sync_waits'),
    working: flagOf(globals, 'semi_sync_works'),
    acknowledges: flagOf(globals, 'semi_sync_acknowledges'),
    replicasAcknowledging: numberOf(globals, 'semi_sync_replicas'),
    timeoutMs: numberOf(globals, 'semi_sync_timeout_ms'),
  }
}

interface Tables {
  readonly heartbeat: HeartbeatRow | 'no-row' | 'no-table'
  readonly takeover: TakeoverRow | null
}

const tablesQuery = `SELECT h.pair AS beating, h.sequence, TRUNCATE(UNIX_TIMESTAMP(h.written_at) * 1000, 0) AS written_ms, h.watch,
    TRUNCATE(UNIX_TIMESTAMP(h.watch_since) * 1000, 0) AS watch_since_ms, t.epoch, t.writer,
    TRUNCATE(UNIX_TIMESTAMP(t.taken_at) * 1000, 0) AS taken_ms, t.gtid_set
  FROM (SELECT ? AS pair) AS wanted
  LEFT JOIN hotspare.heartbeat AS h ON h.pair = ${newestHeartbeat}
  LEFT JOIN hotspare.takeover AS t ON t.pair = wanted.pair
    AND t.epoch = (SELECT MAX(epoch) FROM hotspare.takeover AS newest WHERE newest.pair = wanted.pair)`

function tablesOf(rows: readonly Row[] | null): Tables {
  if (rows === null) return { heartbeat: 'no-table', takeover: null }
  const row = only(rows)
  const takeover =
    row.epoch === null
      ? null
      : {
          epoch: numberOf(row, 'epoch'),
          writer: textOf(row, 'writer'),
          takenClockMs: numberOf(row, 'taken_ms'),
          gtidSet: withoutBlanks(textOf(row, 'gtid_set')),
        }
  return { heartbeat: row.beating === null ? 'no-row' : heartbeatOf(row), takeover }
}

function heartbeatOf(row: Row): HeartbeatRow {
  return {
    sequence: numberOf(row, 'sequence'),
    writtenClockMs: numberOf(row, 'written_ms'),
    watch: textOf(row, 'watch'),
    watchSinceClockMs: numberOf(row, 'watch_since_ms'),
  }
}

/** One row for each session of our account, and one with id 0 that counts everybody else's. */
export function sessionsQuery({ sessions }: Dialect): string {
  const attributes = (name: string) =>
    `MAX(IF(a.ATTR_NAME = 'hotspare_${name}', a.ATTR_VALUE, '')) AS ${name}`
  const join = `LEFT JOIN ${sessions.attributes} AS a ON a.PROCESSLIST_ID = id
    AND a.ATTR_NAME IN ('hotspare_who', 'hotspare_session') AND account = ${ourAccount}`
  return `SELECT IF(account = ${ourAccount}, id, 0) AS session_id, COUNT(*) AS sessions,
      ${sessions.attributes === null ? `'' AS who, '' AS session` : [attributes('who'), attributes('session')].join(', ')}
    FROM ${sessions.table} ${sessions.attributes === null ? '' : join}
    WHERE ${sessions.isClient}
    GROUP BY session_id`
}

function sessionsOf(rows: readonly Row[], reading: Reading) {
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
    if (!reading.isOurs(textOf(row, 'session'), id)) others.push({ id, who: textOf(row, 'who') })
  }
  return { others, clients, accountSessions }
}

function only(rows: readonly Row[] | null | undefined): Row {
  const [row] = rows ?? []
  if (row === undefined) throw new Error('the server answered a question about itself with no row')
  return row
}
