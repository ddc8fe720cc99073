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

/**
 * The row that a server writes its heartbeats into: each has one of its own, so that no two servers ever change the same (a heartbeat that
 * was lost in a crash comes back later). What was written before there was one for each stands under the pair's name alone.
 */
export function heartbeatKey(pair: string, server: string): string {
  return `${pair}/${server}`
}

/** The key of a pair's newest heartbeat row, whoever wrote it. Parameter: pair. */
export const newestHeartbeat = `(SELECT pair FROM hotspare.heartbeat WHERE SUBSTRING_INDEX(pair, '/', 1) = ?
    ORDER BY sequence DESC, written_at DESC LIMIT 1)`

/** Parameters: sequence, watch, watch since, key, until. */
export const updateHeartbeat = `UPDATE hotspare.heartbeat SET sequence = ?, written_at = UTC_TIMESTAMP(6), watch = ?, watch_since = ?
  WHERE pair = ? AND @@global.read_only = 0 AND UTC_TIMESTAMP(6) < ?`

/** A server's first heartbeat. Parameters: key, sequence, watch, watch since, until, key. */
export const insertHeartbeat = `INSERT INTO hotspare.heartbeat (pair, sequence, written_at, watch, watch_since)
  SELECT ?, ?, UTC_TIMESTAMP(6), ?, ? FROM (SELECT 1) AS one
  WHERE @@global.read_only = 0 AND UTC_TIMESTAMP(6) < ? AND NOT EXISTS (SELECT 1 FROM hotspare.heartbeat WHERE pair = ?)`

/** Parameters: pair, epoch, writer, GTID set. Guarded because MariaDB's read_only does not stop an account that may close servers. */
export const recordTakeover = `INSERT INTO hotspare.takeover (pair, epoch, writer, taken_at, gtid_set)
  SELECT ?, ?, ?, UTC_TIMESTAMP(6), ? FROM (SELECT 1) AS one WHERE @@global.read_only = 0
  ON DUPLICATE KEY UPDATE writer = VALUES(writer), gtid_set = VALUES(gtid_set)`
