/**
 * MySQL's dialect. 9.7 is tested; 5.7 to 8.0.25 are written from the manual.
 */
import { numberOf, textOf, withoutBlanks } from './columns.ts'
import type { Dialect, SessionWords } from './dialect.ts'
import { mysqlBlockers, mysqlObstacles, notReplication } from './obstacles-mysql.ts'

/** `version` is major * 10000 + minor * 100 + patch. */
export function mysqlDialect(version: number, variables: ReadonlySet<string>): Dialect {
  // Inclusive words came with 8.0.22 (statements) and 8.0.26 (variables); 8.4 took the old statements away.
  const replica = version >= 80_022 ? 'REPLICA' : 'SLAVE'
  const semiSync = semiSyncWord(variables)
  return {
    family: 'mysql',
    variables,
    closedExpression: mysqlClosed,
    executedExpression: '@@global.gtid_executed',
    setOf: withoutBlanks,
    numberingOf: () => null,
    close: 'SET GLOBAL super_read_only = 1',
    globals: [...mysqlGlobals(variables), ...semiSyncGlobals(semiSync)],
    showReplication: `SHOW ${replica} STATUS`,
    channelNameColumn: 'Channel_Name',
    channelFacts: version >= 80_000 ? channelFacts : channelFactsOf57,
    channelOf: (replication, facts) => ({
      received: withoutBlanks(textOf(replication, 'Retrieved_Gtid_Set')),
      queueing: textOf(facts, 'queueing'),
      applying: [...new Set(textOf(facts, 'applying').split(','))].filter((gtid) => gtid !== ''),
      heartbeatsReceived: numberOf(facts, 'heartbeats'),
      heartbeatPeriodMs: Math.round(numberOf(facts, 'period') * 1000),
      lastReceivedClockMs: numberOf(facts, 'last_received'),
      sourceUuid: textOf(replication, 'Source_UUID', 'Master_UUID'),
    }),
    // Before 8.0 that row doesn't count the source's own heartbeats, so it can date nothing either.
    arrivalColumns: null,
    sessions: threadSessions,
    stopReceiver: `STOP ${replica} IO_THREAD FOR CHANNEL ?`,
    startReceiver: `START ${replica} IO_THREAD FOR CHANNEL ?`,
    stopApplier: `STOP ${replica} SQL_THREAD FOR CHANNEL ?`,
    startApplier: `START ${replica} SQL_THREAD FOR CHANNEL ?`,
    waitingAppliers: version >= 80_000 ? waitingAppliers : waitingAppliersOf57,
    fullDisk: version >= 80_022 ? fullDisk : null,
    killAppliersAfterMs: 0,
    receiverStates,
    obstacles: mysqlObstacles,
    blockers: mysqlBlockers,
    waitingSwitch: semiSync === null ? null : `rpl_semi_sync_${semiSync}_enabled`,
  }
}

const mysqlClosed = '(@@global.read_only AND @@global.super_read_only)'

function mysqlGlobals(variables: ReadonlySet<string>): string[] {
  const skip = ['skip_replica_start', 'skip_slave_start'].find((name) => variables.has(name))
  return [
    'CONNECTION_ID() AS session',
    '@@global.server_uuid AS uuid',
    `@@global.gtid_mode <> 'ON' AS without_gtids`,
    'TRUNCATE(UNIX_TIMESTAMP(UTC_TIMESTAMP(6)) * 1000, 0) AS clock_ms',
    `${mysqlClosed} AS closed`,
    '(@@global.read_only AND NOT @@global.super_read_only) AS half_closed',
    '@@global.sync_binlog = 1 AND @@global.innodb_flush_log_at_trx_commit = 1 AS durable',
    // Before 8.0.24 it is an option only, which no statement shows.
    `${skip === undefined ? 'NULL' : `@@global.${skip}`} AS skips_replica_start`,
  ]
}

function semiSyncWord(variables: ReadonlySet<string>): 'source' | 'master' | null {
  if (variables.has('rpl_semi_sync_source_enabled')) return 'source'
  return variables.has('rpl_semi_sync_master_enabled') ? 'master' : null
}

function semiSyncGlobals(word: 'source' | 'master' | null): string[] {
  if (word === null) return []
  return [
    `@@global.rpl_semi_sync_${word}_enabled AS semi_sync_waits`,
    `@@global.rpl_semi_sync_${word}_timeout AS semi_sync_timeout_ms`,
    `${status(`'Rpl_semi_sync_${word}_clients'`)} AS semi_sync_replicas`,
    `${status(`'Rpl_semi_sync_${word}_status'`)} AS semi_sync_works`,
    // The replica's half is a plugin of its own, in the old or the new words.
    `${status(`'Rpl_semi_sync_replica_status', 'Rpl_semi_sync_slave_status'`)} AS semi_sync_acknowledges`,
  ]
}

function status(names: string): string {
  return `(SELECT MAX(VARIABLE_VALUE) FROM performance_schema.global_status WHERE VARIABLE_NAME IN (${names}))`
}

/** One row for each channel, and one without a name where there is none: all of them, so that nobody has to know a name before. */
const channelFacts = `SELECT @@global.gtid_executed AS executed, s.CHANNEL_NAME AS channel,
    s.QUEUEING_TRANSACTION AS queueing, s.COUNT_RECEIVED_HEARTBEATS AS heartbeats, c.HEARTBEAT_INTERVAL AS period,
    UNIX_TIMESTAMP(GREATEST(s.LAST_HEARTBEAT_TIMESTAMP, s.LAST_QUEUED_TRANSACTION_START_QUEUE_TIMESTAMP,
      s.LAST_QUEUED_TRANSACTION_END_QUEUE_TIMESTAMP)) * 1000 AS last_received,
    CONCAT_WS(',',
      (SELECT GROUP_CONCAT(DISTINCT APPLYING_TRANSACTION) FROM performance_schema.replication_applier_status_by_worker AS w
        WHERE w.CHANNEL_NAME = s.CHANNEL_NAME AND SERVICE_STATE = 'ON' AND APPLYING_TRANSACTION <> ''),
      (SELECT GROUP_CONCAT(DISTINCT PROCESSING_TRANSACTION) FROM performance_schema.replication_applier_status_by_coordinator AS w
        WHERE w.CHANNEL_NAME = s.CHANNEL_NAME AND SERVICE_STATE = 'ON' AND PROCESSING_TRANSACTION <> '')) AS applying
  FROM (SELECT 1) AS one
  LEFT JOIN performance_schema.replication_connection_status AS s ON TRUE
  LEFT JOIN performance_schema.replication_connection_configuration AS c ON c.CHANNEL_NAME = s.CHANNEL_NAME`

/** 5.7 doesn't show which transactions are half received or being applied, nor when one came. */
const channelFactsOf57 = `SELECT @@global.gtid_executed AS executed, s.CHANNEL_NAME AS channel,
    '' AS queueing, s.COUNT_RECEIVED_HEARTBEATS AS heartbeats, c.HEARTBEAT_INTERVAL AS period,
    0 AS last_received, '' AS applying
  FROM (SELECT 1) AS one
  LEFT JOIN performance_schema.replication_connection_status AS s ON TRUE
  LEFT JOIN performance_schema.replication_connection_configuration AS c ON c.CHANNEL_NAME = s.CHANNEL_NAME`

const notClients = `command NOT IN ('Binlog Dump', 'Binlog Dump GTID', 'Daemon')
  AND account NOT IN ('system user', 'event_scheduler', 'unauthenticated user')`

/** Those of sessions of the account that asks. */
const attributes = 'performance_schema.session_account_connect_attrs'

/**
 * Unlike SHOW PROCESSLIST it stops no logins while it is read; unlike performance_schema.processlist it tells what a thread is. The threads
 * of replication go by the account that started them, here and in 8.0 everywhere, and that may be ours (X30).
 */
const threadSessions: SessionWords = {
  table: `(SELECT PROCESSLIST_ID AS id, PROCESSLIST_USER AS account, PROCESSLIST_COMMAND AS command,
      PROCESSLIST_STATE AS state
    FROM performance_schema.threads WHERE TYPE = 'FOREGROUND' AND PROCESSLIST_USER IS NOT NULL AND ${notReplication('NAME')}) AS session`,
  isClient: notClients,
  attributes,
}

const waitingAppliers = `SELECT t.PROCESSLIST_ID AS id
  FROM performance_schema.replication_applier_status_by_worker AS w
  JOIN performance_schema.threads AS t ON t.THREAD_ID = w.THREAD_ID
  WHERE w.CHANNEL_NAME = ? AND w.APPLYING_TRANSACTION <> ''
    AND (t.PROCESSLIST_STATE LIKE 'Waiting for an event from Coordinator%'
      OR t.PROCESSLIST_STATE LIKE '%waiting for more updates%'
      OR t.PROCESSLIST_STATE LIKE 'Waiting for the next event in relay log%'
      OR t.PROCESSLIST_STATE LIKE 'Reading event from the relay log%')`

/** 5.7 doesn't show what a worker applies; one that waits holds nothing or an incomplete transaction, and may be killed either way. */
const waitingAppliersOf57 = `SELECT t.PROCESSLIST_ID AS id
  FROM performance_schema.replication_applier_status_by_worker AS w
  JOIN performance_schema.threads AS t ON t.THREAD_ID = w.THREAD_ID
  WHERE w.CHANNEL_NAME = ? AND t.PROCESSLIST_STATE LIKE 'Waiting for an event from Coordinator%'`

/** It is repeated every ten minutes. */
const fullDisk = `SELECT DATA AS data FROM performance_schema.error_log
  WHERE LOGGED > NOW(6) - INTERVAL 15 MINUTE AND DATA LIKE '%isk is full%' ORDER BY LOGGED DESC LIMIT 1`

const receiverStates = `SELECT PROCESSLIST_STATE AS state FROM performance_schema.threads
  WHERE NAME IN ('thread/sql/replica_io', 'thread/sql/slave_io')`
