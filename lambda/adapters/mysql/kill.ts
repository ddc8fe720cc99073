/**
 * Ending sessions on a server by their ids.
 *
 * The one thing to understand: KILL is a request. A session that is gone already is what we want; one that we may not kill is told.
 */
import { numberOf } from './columns.ts'
import { until } from './deadline.ts'
import type { Dialect } from './dialect.ts'
import { failureOf, serverErrno } from './errors.ts'
import { ourAccount } from './our-account.ts'
import type { Session } from './session.ts'
import type { StepContext, StepEnd } from './step-context.ts'

const noSuchThread = 1094
const pollEveryMs = 20

/** Asks the server to end these sessions. Returns what it refused, by id; rejects only if the connection fails. */
export async function killSessions(
  session: Pick<Session, 'query'>,
  ids: readonly number[],
): Promise<Map<number, string>> {
  const refused = new Map<number, string>()
  for (const id of ids) {
    try {
      await session.query('KILL ?', [id])
    } catch (error) {
      const errno = serverErrno(error)
      if (errno === null) throw error
      if (errno !== noSuchThread) refused.set(id, failureOf(error).message)
    }
  }
  return refused
}

/** With more than these, a connection that takes all in one request costs less than a round trip for each. */
const fewSessions = 8

/** Ends the sessions of applications and people. Returns what the server refused, by id. */
export async function killClients(context: StepContext): Promise<Map<number, string>> {
  const ids = await clientSessions(context)
  if (ids.length <= fewSessions) return killSessions(context.control, ids)
  // A server whose connections are used up takes no further one, and has to be closed all the same (T3, T16).
  const aid = await context.openAid('kill').catch(() => null)
  return aid === null ? killSessions(context.control, ids) : killTogether(aid, ids)
}

/**
 * All of them in one request, because nobody can write meanwhile, and a pool has hundreds. A statement that fails ends its request: those
 * behind it are asked for again.
 */
export async function killTogether(
  session: Pick<Session, 'query'>,
  ids: readonly number[],
): Promise<Map<number, string>> {
  const refused = new Map<number, string>()
  let left = ids
  while (left.length > 0) {
    try {
      await session.query(left.map((id) => `KILL ${id}`).join('; '))
      break
    } catch (error) {
      const errno = serverErrno(error)
      if (errno === null) throw error
      const { message } = failureOf(error)
      // Both errors that a KILL may meet end with its id: "Unknown thread id: 12", "You are not owner of thread 12".
      const failed = Number(/(\d+)$/.exec(message)?.[1])
      const at = left.indexOf(failed)
      if (at === -1) return new Map([...refused, ...(await killSessions(session, left))])
      if (errno !== noSuchThread) refused.set(failed, message)
      left = left.slice(at + 1)
    }
  }
  return refused
}

/** Ids of sessions of applications and people, but for accounts that are to be left alone. */
async function clientSessions({ control, dialect, keepSessionsOf }: StepContext): Promise<number[]> {
  const { rows } = await control.query(
    `SELECT id FROM ${dialect.sessions.table}
      WHERE ${dialect.sessions.isClient} AND account <> ${ourAccount} AND account NOT IN (?)`,
    // An empty list is no SQL; no account has this name.
    [keepSessionsOf.length === 0 ? [''] : keepSessionsOf],
  )
  return rows.map((row) => numberOf(row, 'id'))
}

/**
 * Ids of our own sessions whose commit waits for a replica's acknowledgement: it is in the binary log and only its answer is missing, but
 * a close would wait with it for as long (T13). Unlike one that waits for disk space, it can be ended without harm.
 */
export async function unacknowledgedBeats(session: Session, dialect: Dialect): Promise<number[]> {
  const { rows } = await session.query(
    `SELECT id FROM ${dialect.sessions.table}
      WHERE account = ${ourAccount} AND id <> CONNECTION_ID() AND state LIKE '%semi-sync ACK%'`,
  )
  return rows.map((row) => numberOf(row, 'id'))
}

export async function killOthers(context: StepContext, ids: readonly number[]): Promise<StepEnd> {
  const strangers = ids.filter((id) => !context.isLive(id))
  context.changes()
  const refused = await killSessions(context.control, strangers)
  const gone = await until(async () => (await stillThere(context, strangers)) === 0, {
    // The poll has to end before the step's deadline, which would cost the connection.
    timeoutMs: context.endsAtMs - context.monotonicNow() - 2 * pollEveryMs,
    everyMs: pollEveryMs,
    monotonicNow: context.monotonicNow,
  })
  if (gone) return { outcome: 'done', message: '' }
  const reasons = [...refused].map(([id, message]) => `${id}: ${message}`).join('; ')
  return {
    outcome: 'unknown',
    message: `sessions were told to end and are still there${reasons === '' ? '' : ` (${reasons})`}`,
  }
}

async function stillThere(context: StepContext, ids: readonly number[]): Promise<number> {
  if (ids.length === 0) return 0
  const { rows } = await context.control.query(
    `SELECT id FROM ${context.dialect.sessions.table} WHERE id IN (?)`,
    [ids],
  )
  return rows.length
}
