/**
 * What Hotspare owns on a server: its two small tables, and the rights of its account, statement by statement.
 *
 * The one thing to understand: every right is here because one named act needs it, and nothing that guards data needs ALL or, where
 * there is anything finer, SUPER. But whoever may close a server may also write on it while it is closed: by CONNECTION_ADMIN on
 * MySQL, until super_read_only stops that too; by READ ONLY ADMIN on MariaDB, which has nothing more. So every statement of ours
 * that writes asks in itself whether the server is open.
 */

/**
 * The statements that make the schema. They can be run again at any time, on the open server only: replication carries
 * them to the other one.
 *
 * `heartbeat` is the write probe and the freshness of the spare, one row for each server that has been the writer, `pair/server`:
 * `written_at` is that server's own UTC clock, `watch` names the invocation that is watching and `watch_since` when that began, by
 * the function's UTC clock. `takeover` keeps the full
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

/** What decides which rights a server knows. */
export interface ServerKind {
  readonly family: 'mysql' | 'mariadb'
  readonly major: number
  readonly minor: number
}

/**
 * The GRANT statements for Hotspare's account. `account` is quoted as SQL wants it, such as `'hotspare'@'10.0.%'`; it must
 * exist already (with REQUIRE SSL). MySQL 5.7 knows no dynamic privileges and needs SUPER instead. Each was found necessary by
 * taking it away on MySQL 9.7, MariaDB 10.11 and 11.8; what is for MySQL 5.7 and 8.0 is written from the manual.
 */
export function grantsFor(account: string, server: ServerKind): string[] {
  if (server.family === 'mariadb') return mariadbGrants(account)
  return [
    ...mysqlGrants(account),
    ...(server.major >= 8 ? dynamicGrants(account) : [`GRANT SUPER ON *.* TO ${account}`]),
  ]
}

/**
 * What the account needs besides so that events run on the writer and only there. Give it only where a pair has events: whoever may
 * alter events in the name of other accounts can make one that runs as any of them, so in effect this is root.
 */
export function eventGrantsFor(account: string, server: ServerKind): string[] {
  return [
    // information_schema.EVENTS shows only events of schemas that one has it on; ALTER EVENT ... ENABLE needs it.
    `GRANT EVENT ON *.* TO ${account}`,
    ...definerGrants(account, server),
  ]
}

/**
 * ALTER EVENT makes whoever runs it the definer, unless it names another; so the old one is named again, and it is run out of the
 * binary log.
 */
function definerGrants(account: string, { family, major, minor }: ServerKind): string[] {
  if (family === 'mariadb') {
    return [
      // SET SESSION sql_log_bin = 0. It may also purge binary logs.
      `GRANT BINLOG ADMIN ON *.* TO ${account}`,
      `GRANT SET USER ON *.* TO ${account}`,
      // SET GLOBAL event_scheduler, for which neither 10.11 nor 11.8 has anything finer.
      `GRANT SUPER ON *.* TO ${account}`,
    ]
  }
  // 5.7: SUPER, which it has already, is enough.
  if (major < 8) return []
  // A definer who is an administrator takes SYSTEM_USER too, which it has already.
  const right = major > 8 || minor >= 2 ? 'SET_ANY_DEFINER' : 'SET_USER_ID'
  return [`GRANT ${right} ON *.* TO ${account}`]
}

function mysqlGrants(account: string): string[] {
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

/** That 10.6 has them by these names is from the manual. */
function mariadbGrants(account: string): string[] {
  return [
    // Everyone's sessions and open transactions, as on MySQL. Without it the list is short, and no error says so.
    `GRANT PROCESS ON *.* TO ${account}`,
    // SHOW BINARY LOGS, and SHOW BINLOG EVENTS, which lists what a held server alone has.
    `GRANT BINLOG MONITOR ON *.* TO ${account}`,
    // SHOW ALL REPLICAS STATUS, SHOW RELAYLOG EVENTS.
    `GRANT REPLICA MONITOR ON *.* TO ${account}`,
    // START REPLICA and STOP REPLICA.
    `GRANT REPLICATION REPLICA ADMIN ON *.* TO ${account}`,
    // SET GLOBAL read_only; see the head of this file.
    `GRANT READ_ONLY ADMIN ON *.* TO ${account}`,
    // The semi-sync switch of a source.
    `GRANT REPLICATION MASTER ADMIN ON *.* TO ${account}`,
    // KILL of other accounts' sessions, administrators' too, and of the applier's threads.
    `GRANT CONNECTION ADMIN ON *.* TO ${account}`,
    // SET SESSION gtid_domain_id: heartbeats are numbered apart, for each server by itself. There is nothing finer; with it comes the
    // BINLOG statement, which writes rows without asking for rights on their tables.
    `GRANT BINLOG REPLAY ON *.* TO ${account}`,
    // Heartbeats and takeover records; nothing is ever deleted.
    `GRANT SELECT, INSERT, UPDATE ON hotspare.* TO ${account}`,
  ]
}
