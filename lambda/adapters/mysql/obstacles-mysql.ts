/**
 * MySQL's words for what stands in the way of a closing: old transactions and statements, DDL, locks, backups.
 *
 * The one thing to understand: no statement's text is read; what a session does is told by the kind of its statement or lock.
 */
import { ourAccount } from './our-account.ts'

/** Threads that apply or receive, whoever started them; `name` is a column of performance_schema.threads. */
export function notReplication(name: string): string {
  return `${name} NOT LIKE 'thread/sql/replica_%' AND ${name} NOT LIKE 'thread/sql/slave_%'`
}

/** Replication, the system's own threads, and Hotspare are in nobody's way. */
const strangers = `t.PROCESSLIST_ID IS NOT NULL AND ${notReplication('t.NAME')} AND t.PROCESSLIST_ID <> CONNECTION_ID()
  AND t.PROCESSLIST_COMMAND NOT IN ('Binlog Dump', 'Binlog Dump GTID', 'Daemon')
  AND t.PROCESSLIST_USER NOT IN ('system user', 'event_scheduler', 'unauthenticated user', ${ourAccount})`

/** A picosecond timer where the server keeps one; else the whole seconds of its start, which is in the system's time zone. */
const transactions = `SELECT t.PROCESSLIST_ID AS session, t.PROCESSLIST_USER AS account, 'transaction' AS kind,
    COALESCE(e.TIMER_WAIT / 1000000000,
      TIMESTAMPDIFF(MICROSECOND, x.trx_started, CONVERT_TZ(UTC_TIMESTAMP(6), '+00:00', 'SYSTEM')) / 1000) AS age_ms,
    IF(x.trx_rows_modified > 0, 'transaction with changes', 'transaction') AS doing
  FROM information_schema.INNODB_TRX AS x
  JOIN performance_schema.threads AS t ON t.PROCESSLIST_ID = x.trx_mysql_thread_id
  LEFT JOIN performance_schema.events_transactions_current AS e ON e.THREAD_ID = t.THREAD_ID AND e.STATE = 'ACTIVE'
  WHERE ${strangers}
  HAVING age_ms >= ?`

const ddlEvents = [
  'alter_db',
  'alter_table',
  'alter_tablespace',
  'analyze',
  'create_db',
  'create_index',
  'create_table',
  'create_view',
  'drop_db',
  'drop_index',
  'drop_table',
  'drop_view',
  'optimize',
  'rename_table',
  'repair',
  'truncate',
].map((name) => `'statement/sql/${name}'`)

const statements = `SELECT t.PROCESSLIST_ID AS session, t.PROCESSLIST_USER AS account,
    IF(s.EVENT_NAME IN (${ddlEvents.join(', ')}), 'ddl', 'statement') AS kind,
    s.TIMER_WAIT / 1000000000 AS age_ms, REPLACE(SUBSTRING_INDEX(s.EVENT_NAME, '/', -1), '_', ' ') AS doing
  FROM performance_schema.events_statements_current AS s
  JOIN performance_schema.threads AS t USING (THREAD_ID)
  WHERE s.END_EVENT_ID IS NULL AND s.NESTING_EVENT_ID IS NULL AND ${strangers}
  HAVING kind = 'ddl' OR age_ms >= ?`

/** Who has or waits for a lock, and which kind of it. */
const lockHolders = `SELECT t.PROCESSLIST_ID AS session, MAX(t.PROCESSLIST_USER) AS account,
    IF(MAX(m.OBJECT_TYPE = 'BACKUP LOCK'), 'backup', 'lock') AS kind,
    MAX(t.PROCESSLIST_TIME) * 1000 AS age_ms,
    CASE
      WHEN MAX(m.OBJECT_TYPE = 'BACKUP LOCK') THEN 'backup lock'
      WHEN MAX(m.OBJECT_TYPE IN ('GLOBAL', 'COMMIT')) THEN 'global read lock'
      ELSE 'table lock'
    END AS doing
  FROM performance_schema.metadata_locks AS m
  JOIN performance_schema.threads AS t ON t.THREAD_ID = m.OWNER_THREAD_ID`

/**
 * Locks that no ordinary statement takes: LOCK TABLES, FLUSH TABLES WITH READ LOCK, and the lock of backups. One that is waited for
 * counts, too: others already wait behind it.
 */
const locks = `${lockHolders}
  WHERE ${strangers} AND (
    (m.OBJECT_TYPE IN ('GLOBAL', 'COMMIT', 'BACKUP LOCK') AND m.LOCK_TYPE = 'SHARED')
    OR (m.OBJECT_TYPE = 'TABLE' AND m.LOCK_TYPE IN ('SHARED_READ_ONLY', 'SHARED_NO_WRITE', 'SHARED_NO_READ_WRITE')))
  GROUP BY t.PROCESSLIST_ID`

export const mysqlObstacles = `(${transactions}) UNION ALL (${statements}) UNION ALL (${locks})`

/** Tables that an applier waits for: of these, whoever holds any lock is in its way. */
const waitedFor = `SELECT w.OBJECT_SCHEMA AS home, w.OBJECT_NAME AS name
  FROM performance_schema.metadata_locks AS w
  JOIN performance_schema.threads AS x ON x.THREAD_ID = w.OWNER_THREAD_ID
  WHERE w.OBJECT_TYPE = 'TABLE' AND w.LOCK_STATUS = 'PENDING'
    AND NOT (${notReplication('x.NAME')})`

export const mysqlBlockers = `${lockHolders}
  WHERE ${strangers} AND m.LOCK_STATUS = 'GRANTED' AND (
    (m.OBJECT_TYPE IN ('GLOBAL', 'COMMIT', 'BACKUP LOCK') AND m.LOCK_TYPE = 'SHARED')
    OR (m.OBJECT_TYPE = 'TABLE' AND (
      m.LOCK_TYPE IN ('SHARED_READ_ONLY', 'SHARED_NO_READ_WRITE')
      OR (m.OBJECT_SCHEMA, m.OBJECT_NAME) IN (${waitedFor}))))
  GROUP BY t.PROCESSLIST_ID ORDER BY age_ms DESC`
