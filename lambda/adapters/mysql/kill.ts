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
import type { Row, Session } from './session.ts'
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

/** Ends the sessions of applications and people. Returns what the server refused, by id. */
export async function killClients(context: StepContext): Promise<Map<number, string>> {
  return killTogether(context.control, await clientSessions(context))
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
  const refused = await killTogether(context.control, strangers)
  const survivors = new Survivors(context, strangers)
  const gone = await until(() => survivors.areGone(), {
    // The poll has to end before the step's deadline, which would cost the connection.
    timeoutMs: context.endsAtMs - context.monotonicNow() - 2 * pollEveryMs,
    everyMs: pollEveryMs,
    monotonicNow: context.monotonicNow,
  })
  if (gone) return { outcome: 'done', message: '' }
  const reasons = survivors.left.map((id) => `${id} (${refused.get(id) ?? 'its statement has not ended'})`)
  return {
    outcome: 'refused',
    message: `earlier sessions of Hotspare were told to end and are still there: ${reasons.join(', ')}. What they were sent may still be done`,
  }
}

/**
 * One that is marked as killed and has no statement at work runs none any more, though it may stay listed: on a server under load the KILL of
 * an idle TLS session does not wake it until its client says something (8.0.30, 150 s seen). The table that `sessions.table` reads calls
 * it asleep; only this one tells the mark.
 */
const markedAndIdle = `SELECT ID AS id FROM information_schema.PROCESSLIST
  WHERE COMMAND = 'Killed' AND INFO IS NULL AND ID IN (?)`
/** One that had something to read when it was marked would have been seen at work within this time. */
const restMs = 500

/** Sessions that were told to end, as long as they may still do something. */
class Survivors {
  readonly #context: StepContext
  /** Since when each has been marked and idle without a break. */
  #restingSinceMs: ReadonlyMap<number, number> = new Map()
  left: readonly number[]

  constructor(context: StepContext, ids: readonly number[]) {
    this.#context = context
    this.left = ids
  }

  async areGone(): Promise<boolean> {
    const { control, dialect, monotonicNow } = this.#context
    if (this.left.length === 0) return true
    const listed = await control.query(`SELECT id FROM ${dialect.sessions.table} WHERE id IN (?)`, [
      this.left,
    ])
    this.left = idsIn(listed.rows)
    if (this.left.length === 0) return true
    const marked = idsIn((await control.query(markedAndIdle, [this.left])).rows)
    const nowMs = monotonicNow()
    const before = this.#restingSinceMs
    this.#restingSinceMs = new Map(marked.map((id) => [id, before.get(id) ?? nowMs]))
    return this.left.every((id) => nowMs - (this.#restingSinceMs.get(id) ?? nowMs) >= restMs)
  }
}

const idsIn = (rows: readonly Row[]) => rows.map((row) => numberOf(row, 'id'))
