/**
 * What Hotspare owns on a MySQL server: its two small tables, and the rights of its account, statement by statement.
 *
 * The one thing to understand: every right is here because one named act needs it, and nothing needs ALL or, from MySQL 8.0 on,
 * SUPER. CONNECTION_ADMIN also lets a session write while read_only is on; that is why Hotspare closes a server with
 * super_read_only, which stops it too.
 */

/**
 * The statements that make the schema. They can be run again at any time, on the open server only: replication carries
 * them to the other one.
 *
 * `heartbeat` is the write probe and the freshness of the spare: `written_at` is the writer's own UTC clock, `watch` names the
 * invocation that is watching and `watch_since` when that began, by the function's UTC clock. `takeover` keeps the full
 * GTID set at which each writer took over, because it does not fit into the ledger.
 */
export function hotspareSchema(): string[] {
  return [
    'CREATE DATABASE IF NOT EXISTS hotspare',
    `CREATE TABLE IF NOT EXISTS hotspare.heartbeat (
      pair VARCHAR(64) NOT NULL,
      sequence BIGINT UNSIGNED NOT NULL,
      written_at DATETIME(6) NOT NULL,
      watch VARCHAR(32) NOT NULL,
      watch_since DATETIME(3) NOT NULL,
      PRIMARY KEY (pair)
    ) ENGINE = InnoDB`,
    `CREATE TABLE IF NOT EXISTS hotspare.takeover (
      pair VARCHAR(64) NOT NULL,
      epoch BIGINT UNSIGNED NOT NULL,
      writer VARCHAR(64) NOT NULL,
      taken_at DATETIME(6) NOT NULL,
      gtid_set LONGTEXT NOT NULL,
      PRIMARY KEY (pair, epoch)
    ) ENGINE = InnoDB`,
  ]
}

/**
 * The GRANT statements for Hotspare's account. `account` is quoted as SQL wants it, such as `'hotspare'@'10.0.%'`; it must
 * exist already (with REQUIRE SSL). `version` is the server's: 5.7 knows no dynamic privileges and needs SUPER instead
 * (written from the manual; tried on 9.7).
 */
export function grantsFor(account: string, version: { major: number; minor: number }): string[] {
  return [
    ...commonGrants(account),
    ...(version.major >= 8 ? dynamicGrants(account) : [`GRANT SUPER ON *.* TO ${account}`]),
  ]
}

function commonGrants(account: string): string[] {
  return [
    // Everyone's sessions and open transactions: who would be cut by a switchover, and who could still write.
    `GRANT PROCESS ON *.* TO ${account}`,
    // SHOW REPLICA STATUS, SHOW BINARY LOG STATUS, SHOW BINARY LOGS.
    `GRANT REPLICATION CLIENT ON *.* TO ${account}`,
    // SHOW BINLOG EVENTS: lists what a held server alone has.
    `GRANT REPLICATION SLAVE ON *.* TO ${account}`,
    // The replication_* tables, and session_connect_attrs by which Hotspare tells its own sessions apart (R4).
    `GRANT SELECT ON performance_schema.* TO ${account}`,
    // Heartbeats and takeover records; nothing is ever deleted.
    `GRANT SELECT, INSERT, UPDATE ON hotspare.* TO ${account}`,
  ]
}

function dynamicGrants(account: string): string[] {
  return [
    // START REPLICA and STOP REPLICA.
    `GRANT REPLICATION_SLAVE_ADMIN ON *.* TO ${account}`,
    // SET GLOBAL read_only, super_read_only, event_scheduler and the semi-sync switches; SET SESSION sql_log_bin = 0.
    `GRANT SYSTEM_VARIABLES_ADMIN ON *.* TO ${account}`,
    // KILL of other accounts' sessions.
    `GRANT CONNECTION_ADMIN ON *.* TO ${account}`,
    // KILL also of sessions that have SYSTEM_USER themselves: administrators', who pass read_only, and the applier's
    // workers, of which one may hold half a transaction. Without it both answer 1095, "not owner of thread" (tried on 9.7).
    // The privilege protects and reaches such sessions only; it gives no right on data. It came with 8.0.16.
    `GRANT SYSTEM_USER ON *.* TO ${account}`,
  ]
}
