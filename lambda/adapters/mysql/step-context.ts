/**
 * What a step works with: the standing connection that the look used, and what was learnt on it.
 *
 * The one thing to understand: a step that fails before it changed anything is refused; after that its outcome is unknown. So every
 * step calls `changes()` just before its first statement that changes something, and `changed()` once one has succeeded.
 */
import type { ActResult } from '../../core/step.ts'
import { textOf } from './columns.ts'
import type { Detachment } from './detach.ts'
import type { Dialect } from './dialect.ts'
import { serverErrno } from './errors.ts'
import type { Row, Session } from './session.ts'

export interface StepContext {
  readonly control: Session
  readonly dialect: Dialect
  readonly channelName: string
  readonly pair: string
  /** Accounts whose sessions a close leaves alone. */
  readonly keepSessionsOf: readonly string[]
  readonly detachment: Detachment
  readonly monotonicNow: () => number
  readonly endsAtMs: number
  /** Whether the session of this id is alive and ours. */
  readonly isLive: (id: number) => boolean
  /** A second connection for the time of the step. */
  openAid(): Promise<Session>
  /** The aid outlives the step. */
  keepAid(aid: Session): void
  /** The next statement changes something; if the server refuses it, nothing was changed. */
  changes(): void
  /** Something has been changed, whatever the next statement brings. */
  changed(): void
}

export type StepEnd = Pick<ActResult, 'outcome' | 'message'> & Partial<Pick<ActResult, 'errno'>>

/** The channel's row of SHOW REPLICA STATUS; null if it isn't configured. */
export async function replicationStatus(context: StepContext): Promise<Row | null> {
  const { rows } = await context.control.query(context.dialect.showReplication)
  return rows.find((row) => textOf(row, context.dialect.channelNameColumn) === context.channelName) ?? null
}

/** No connection is left: of the server, or of our account. */
const USED_UP: ReadonlySet<number | null> = new Set([1040, 1203, 1226])

/** A second connection, or null if the server has none left: then the standing one has to do it alone. */
export async function aidOrNone(context: StepContext): Promise<Session | null> {
  return context.openAid().catch((error: unknown) => {
    if (USED_UP.has(serverErrno(error))) return null
    throw error
  })
}
