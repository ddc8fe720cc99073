/**
 * Texts of the statements that carry their own guard.
 *
 * The one thing to understand: a statement that was sent can run much later, when a frozen server wakes (T35). So each of these says
 * in itself until when, by the server's clock, it may do anything.
 */

/** A moment of a server's UTC clock as SQL text, such as `2026-03-01 12:00:00.250000`. */
export function sqlClock(clockMs: number): string {
  return new Date(clockMs).toISOString().replace('T', ' ').replace('Z', '000')
}

/** Opens a server (on MySQL, super_read_only goes off with it); after `untilClockMs` of its clock it changes nothing (T36). */
export function openStatement(untilClockMs: number): string {
  return `SET GLOBAL read_only = IF(UTC_TIMESTAMP(6) < '${sqlClock(untilClockMs)}', 0, @@global.read_only)`
}

/** Parameters: sequence, watch, watch since, pair, until. */
export const updateHeartbeat = `UPDATE hotspare.heartbeat SET sequence = ?, written_at = UTC_TIMESTAMP(6), watch = ?, watch_since = ?
  WHERE pair = ? AND @@global.read_only = 0 AND UTC_TIMESTAMP(6) < ?`

/** The first heartbeat of a pair. Parameters: pair, sequence, watch, watch since, until, pair. */
export const insertHeartbeat = `INSERT INTO hotspare.heartbeat (pair, sequence, written_at, watch, watch_since)
  SELECT ?, ?, UTC_TIMESTAMP(6), ?, ? FROM (SELECT 1) AS one
  WHERE @@global.read_only = 0 AND UTC_TIMESTAMP(6) < ? AND NOT EXISTS (SELECT 1 FROM hotspare.heartbeat WHERE pair = ?)`

/** Parameters: pair, epoch, writer, GTID set. Guarded because MariaDB's read_only does not stop an account that may close servers. */
export const recordTakeover = `INSERT INTO hotspare.takeover (pair, epoch, writer, taken_at, gtid_set)
  SELECT ?, ?, ?, UTC_TIMESTAMP(6), ? FROM (SELECT 1) AS one WHERE @@global.read_only = 0
  ON DUPLICATE KEY UPDATE writer = VALUES(writer), gtid_set = VALUES(gtid_set)`
