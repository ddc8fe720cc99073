/**
 * Finds the sessions that stand in the way of a switchover: old transactions and statements, DDL, locks, backups.
 *
 * The one thing to understand: no statement's text is read, so no literal of an application can get into a log or an answer. What
 * a session does is told by the kind of its statement or lock.
 */
import type { Obstacle } from '../../core/world.ts'
import { numberOf, textOf } from './columns.ts'
import type { Dialect } from './dialect.ts'
import type { Row, Statement } from './session.ts'

/** More than these say nothing more to a person. */
const LISTED_MAX = 50

/** One statement whose answer `obstaclesOf` takes: oldest first, transactions and statements from the age on. */
export function obstaclesQuery(dialect: Dialect, fromMs: number): Statement {
  const sql = `SELECT session, account, kind, age_ms, doing FROM (${dialect.obstacles}) AS obstacles
    ORDER BY age_ms DESC LIMIT ${LISTED_MAX}`
  return { sql, values: [fromMs, fromMs] }
}

/** The same for locks and backups of others that keep this server from applying, or rows from being written. */
export function blockersQuery(dialect: Dialect): Statement {
  return { sql: `${dialect.blockers} LIMIT ${LISTED_MAX}` }
}

/** Null if the server can't say: a missing right and switched-off instruments are no error. */
export function obstaclesOf(rows: readonly Row[] | null): readonly Obstacle[] | null {
  if (rows === null) return null
  return rows.map((row) => ({
    session: numberOf(row, 'session'),
    account: textOf(row, 'account'),
    kind: textOf(row, 'kind') as Obstacle['kind'],
    ageMs: Math.round(numberOf(row, 'age_ms')),
    doing: textOf(row, 'doing'),
  }))
}
