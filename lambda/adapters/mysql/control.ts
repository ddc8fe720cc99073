/**
 * The standing connection over which a server is looked at and acted upon, and what was learnt about the server on it.
 *
 * The one thing to understand: what can't change while the server runs (version, start, plugins) is asked once per connection,
 * because the connection can't outlive the server.
 */
import { numberOf, textOf } from './columns.ts'
import { type Dialect, decidingVariables, dialectFor } from './dialect.ts'
import { prepareWriting } from './own-domain.ts'
import type { Session } from './session.ts'

export interface ServerProfile {
  readonly version: string
  readonly dialect: Dialect
  /** When the server started, by its own clock; exact to about a second. */
  readonly startedClockMs: number
}

/** How long a server keeps a session of ours that says nothing; longer than any watch. */
const idleSeconds = 3600

/**
 * Settings of every session: times in UTC, values quoted as the driver quotes them, nothing left open, and no lock waited for
 * longer than `lockWaitSeconds`. Nothing but heartbeats and takeover records is written to any table, so nothing else can get
 * into the binary log.
 */
export function sessionSettings(lockWaitSeconds: number): string {
  return `SET SESSION time_zone = '+00:00', sql_mode = 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION', autocommit = 1,
    group_concat_max_len = 65536, wait_timeout = ${idleSeconds}, lock_wait_timeout = ${lockWaitSeconds},
    innodb_lock_wait_timeout = ${lockWaitSeconds}`
}

/** Prepares a fresh session for looks and steps, in one request. Rejects with the server's error. */
export async function profileOf(session: Session): Promise<ServerProfile> {
  const { replies } = await prepareWriting(async (settings) => {
    const answered = await session.batch([
      { sql: settings },
      { sql: 'SHOW GLOBAL VARIABLES WHERE Variable_name IN (?)', values: [decidingVariables] },
      { sql: `SHOW GLOBAL STATUS LIKE 'Uptime'` },
      { sql: 'SELECT VERSION() AS version, UNIX_TIMESTAMP(UTC_TIMESTAMP()) AS clock' },
    ])
    if (answered.error !== null) throw answered.error
    return answered
  }, sessionSettings(1))
  const [, known, [uptime] = [], [row] = []] = replies.map(({ rows }) => rows)
  const variables = new Set(known?.map((each) => textOf(each, 'Variable_name').toLowerCase()))
  if (row === undefined || uptime === undefined) throw new Error('the server told neither version nor uptime')
  const version = textOf(row, 'version')
  const startedClockMs = (numberOf(row, 'clock') - numberOf(uptime, 'Value')) * 1000
  return { version, dialect: dialectFor(version, variables), startedClockMs }
}
