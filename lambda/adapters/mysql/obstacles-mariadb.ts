/**
 * MariaDB's words for what stands in the way of a closing. Its performance schema is off by default, so locks that an idle session holds
 * (LOCK TABLES, FLUSH TABLES WITH READ LOCK, BACKUP STAGE) don't show; a closing that meets one gives up by its own limit.
 *
 * The one thing to understand: of a statement's text only the first word leaves the server.
 */
import { ourAccount } from './our-account.ts'

const strangers = `p.ID <> CONNECTION_ID()
  AND p.COMMAND NOT IN ('Binlog Dump', 'Daemon', 'Slave_IO', 'Slave_SQL', 'Slave_worker')
  AND p.USER NOT IN ('system user', 'event_scheduler', 'unauthenticated user', ${ourAccount})`

const transactions = `SELECT p.ID AS session, p.USER AS account, 'transaction' AS kind,
    TIMESTAMPDIFF(MICROSECOND, x.trx_started, CONVERT_TZ(UTC_TIMESTAMP(6), '+00:00', 'SYSTEM')) / 1000 AS age_ms,
    IF(x.trx_rows_modified > 0, 'transaction with changes', 'transaction') AS doing
  FROM information_schema.INNODB_TRX AS x
  JOIN information_schema.PROCESSLIST AS p ON p.ID = x.trx_mysql_thread_id
  WHERE ${strangers}
  HAVING age_ms >= ?`

const firstWord = `LOWER(SUBSTRING_INDEX(TRIM(LEADING '\\n' FROM LTRIM(p.INFO)), ' ', 1))`

const statements = `SELECT p.ID AS session, p.USER AS account,
    CASE
      WHEN ${firstWord} IN ('alter', 'analyze', 'create', 'drop', 'optimize', 'rename', 'repair', 'truncate') THEN 'ddl'
      WHEN ${firstWord} IN ('lock', 'flush') THEN 'lock'
      WHEN ${firstWord} = 'backup' THEN 'backup'
      ELSE 'statement'
    END AS kind,
    p.TIME_MS AS age_ms, LEFT(${firstWord}, 20) AS doing
  FROM information_schema.PROCESSLIST AS p
  WHERE p.COMMAND = 'Query' AND p.INFO IS NOT NULL AND ${strangers}
  HAVING kind <> 'statement' OR age_ms >= ?`

export const mariadbObstacles = `(${transactions}) UNION ALL (${statements})`

/** States in which an applier waits for a lock that an idle session may hold: of tables, or of a backup (FLUSH TABLES WITH READ LOCK too). */
const appliersWaiting = `SELECT MAX(w.TIME_MS) AS waited_ms FROM information_schema.PROCESSLIST AS w
  WHERE w.COMMAND IN ('Slave_SQL', 'Slave_worker')
    AND w.STATE IN ('Waiting for backup lock', 'Waiting for table metadata lock', 'Waiting for global read lock',
      'Waiting for commit lock')
  HAVING waited_ms >= 500`

/** Nobody tells who holds such a lock. While an applier waits for one, every session of others may. */
export const mariadbBlockers = `SELECT p.ID AS session, p.USER AS account, 'lock' AS kind,
    applier.waited_ms AS age_ms, 'perhaps the lock that the applier waits for' AS doing
  FROM information_schema.PROCESSLIST AS p JOIN (${appliersWaiting}) AS applier
  WHERE ${strangers} ORDER BY p.TIME_MS DESC`
