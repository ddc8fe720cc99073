/**
 * MariaDB's dialect: 10.6 and later. 10.11 and 11.8 are tested.
 *
 * The one thing to understand: what MySQL tells about channels and sessions in its performance schema, which is off here by default,
 * has to be found in counters and positions. A half-received transaction shows as a position: all that is complete is applied, and more
 * has been read than applied.
 */
import { contains } from '../../core/gtid-set.ts'
import { numberOf, textOf, withoutBlanks } from './columns.ts'
import type { ChannelPart, Dialect } from './dialect.ts'
import { withoutGtids } from './errors.ts'
import { mariadbBlockers, mariadbObstacles } from './obstacles-mariadb.ts'
import { isOurDomain, numberingGlobals, numberingOf } from './own-domain.ts'
import type { Row } from './session.ts'

export function mariadbDialect(variables: ReadonlySet<string>): Dialect {
  return {
    family: 'mariadb',
    variables,
    // There is no super_read_only: accounts with READ ONLY ADMIN still write, so their sessions are killed and their writes found.
    closedExpression: '@@global.read_only',
    close: 'SET GLOBAL read_only = 1',
    executedExpression: executed,
    setOf: setOfState,
    numberingOf,
    globals: globals(variables),
    showReplication: 'SHOW ALL SLAVES STATUS',
    channelNameColumn: 'Connection_name',
    channelFacts: `SELECT ${executed} AS executed, NULL AS channel`,
    channelOf,
    arrivalColumns: ['Master_Log_File', 'Read_Master_Log_Pos', 'Gtid_IO_Pos', 'Slave_received_heartbeats'],
    sessions: {
      table:
        '(SELECT ID AS id, USER AS account, COMMAND AS command, STATE AS state FROM information_schema.PROCESSLIST) AS session',
      isClient: `command NOT IN ('Binlog Dump', 'Daemon', 'Slave_IO', 'Slave_SQL', 'Slave_worker')
        AND account NOT IN ('system user', 'event_scheduler', 'unauthenticated user')`,
      attributes: null,
    },
    stopReceiver: 'STOP SLAVE ? IO_THREAD',
    startReceiver: 'START SLAVE ? IO_THREAD',
    stopApplier: 'STOP SLAVE ? SQL_THREAD',
    startApplier: 'START SLAVE ? SQL_THREAD',
    waitingAppliers,
    fullDisk: null,
    // It rolls half a transaction back by itself (0.3 s for 150 MB, tried on 10.11), unless that touched a table that can't.
    killAppliersAfterMs: 2000,
    receiverStates: `SELECT STATE AS state FROM information_schema.PROCESSLIST WHERE COMMAND = 'Slave_IO'`,
    obstacles: mariadbObstacles,
    blockers: mariadbBlockers,
    waitingSwitch: variables.has('rpl_semi_sync_master_enabled') ? 'rpl_semi_sync_master_enabled' : null,
  }
}

/** What was logged here, and what was applied without being logged again (log_slave_updates off). */
const executed = `CONCAT_WS(',', @@global.gtid_binlog_state, @@global.gtid_slave_pos)`

function globals(variables: ReadonlySet<string>): string[] {
  // 10.6 to 11.x have it as an option only, which no statement shows.
  const skip = variables.has('skip_slave_start') ? '@@global.skip_slave_start' : 'NULL'
  return [
    'CONNECTION_ID() AS session',
    '@@global.server_id AS uuid',
    // Each channel says for itself whether it goes by them.
    '0 AS without_gtids',
    'TRUNCATE(UNIX_TIMESTAMP(UTC_TIMESTAMP(6)) * 1000, 0) AS clock_ms',
    ...numberingGlobals,
    '@@global.read_only AS closed',
    '0 AS half_closed',
    '@@global.sync_binlog = 1 AND @@global.innodb_flush_log_at_trx_commit = 1 AS durable',
    `${skip} AS skips_replica_start`,
    '@@global.rpl_semi_sync_master_enabled AS semi_sync_waits',
    '@@global.rpl_semi_sync_master_timeout AS semi_sync_timeout_ms',
    `${status('RPL_SEMI_SYNC_MASTER_CLIENTS')} AS semi_sync_replicas`,
    `${status('RPL_SEMI_SYNC_MASTER_STATUS')} AS semi_sync_works`,
    `${status('RPL_SEMI_SYNC_SLAVE_STATUS')} AS semi_sync_acknowledges`,
  ]
}

function status(name: string): string {
  return `(SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = '${name}')`
}

function channelOf(replication: Row, facts: Row): ChannelPart {
  if (textOf(replication, 'Using_Gtid') === 'No') throw withoutGtids('MASTER_USE_GTID is no')
  const received = textOf(replication, 'Gtid_IO_Pos')
  // Whatever is read and not applied may be a heartbeat of ours, too.
  const appliedAll = contains(wholeSetOf(textOf(facts, 'executed')), wholeSetOf(received))
  const readAll =
    textOf(replication, 'Master_Log_File') === textOf(replication, 'Relay_Master_Log_File') &&
    numberOf(replication, 'Read_Master_Log_Pos') <= numberOf(replication, 'Exec_Master_Log_Pos')
  return {
    received: setOfState(received),
    queueing: !readAll && appliedAll ? 'half' : '',
    applying: [],
    heartbeatsReceived: numberOf(replication, 'Slave_received_heartbeats'),
    heartbeatPeriodMs: Math.round(numberOf(replication, 'Slave_heartbeat_period') * 1000),
    lastReceivedClockMs: 0,
    sourceUuid: textOf(replication, 'Master_Server_Id'),
  }
}

const waitingAppliers = `SELECT ID AS id FROM information_schema.PROCESSLIST
  WHERE COMMAND IN ('Slave_SQL', 'Slave_worker') AND STATE LIKE '%waiting for more updates%'`

/**
 * A list of each origin's last transaction, such as `0-1-100,0-2-150`, as the set of everything up to them, without what Hotspare numbers
 * apart. An origin may be named twice; its later one counts.
 */
export function setOfState(state: string): string {
  const gtids = withoutBlanks(state).split(',')
  return wholeSetOf(gtids.filter((gtid) => !isOurDomain(Number(gtid.split('-')[0]))).join(','))
}

function wholeSetOf(state: string): string {
  const lasts = new Map<string, number>()
  for (const gtid of withoutBlanks(state).split(',')) {
    if (gtid === '') continue
    const match = /^(\d+-\d+)-(\d+)$/.exec(gtid)
    if (match === null) throw new TypeError(`not a list of MariaDB GTIDs: ${state}`)
    const [, origin = '', last] = match
    lasts.set(origin, Math.max(lasts.get(origin) ?? 0, Number(last)))
  }
  return [...lasts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([origin, last]) => `${origin}:1-${last}`)
    .join(',')
}
