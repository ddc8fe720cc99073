/**
 * Finds the sessions that stand in the way of a switchover: old transactions and statements, DDL, locks, backups.
 *
 * The one thing to understand: no statement's text is read, so no literal of an application can get into a log or an answer. What
 * a session does is told by the kind of its statement or lock.
 */
import type { Obstacle } from '../../core/world.ts'
import { numberOf, textOf } from './columns.ts'
import type { Dialect } from './dialect.ts'
import { serverErrno } from './errors.ts'
import type { Session } from './session.ts'

/** More than these say nothing more to a person. */
const LISTED_MAX = 50

/**
 * Oldest first; transactions and statements from the age on. Null if the server can't say (a missing right, switched-off
 * instruments are no error). Rejects only if the connection fails.
 */
export async function obstaclesOn(
  session: Session,
  dialect: Dialect,
  fromMs: number,
): Promise<readonly Obstacle[] | null> {
  const sql = `SELECT session, account, kind, age_ms, doing FROM (${dialect.obstacles}) AS obstacles
    ORDER BY age_ms DESC LIMIT ${LISTED_MAX}`
  try {
    const { rows } = await session.query(sql, [fromMs, fromMs])
    return rows.map((row) => ({
      session: numberOf(row, 'session'),
      account: textOf(row, 'account'),
      kind: textOf(row, 'kind') as Obstacle['kind'],
      ageMs: Math.round(numberOf(row, 'age_ms')),
      doing: textOf(row, 'doing'),
    }))
  } catch (error) {
    if (serverErrno(error) === null) throw error
    return null
  }
}
