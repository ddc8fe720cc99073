/**
 * Heartbeat writes, over a connection of their own because a write may hang (full disk, a global lock, semi-sync).
 *
 * The one thing to understand: at most one is outstanding on the server. One that waits too long for a lock is killed by its id, one that
 * is in its commit is left alone; until the server has been seen without that session no other is sent, or they would pile up
 * towards max_connections (T37).
 */
import type { BeatStep } from '../../core/step.ts'
import type { Beat } from '../../core/world.ts'
import { sessionSettings } from './control.ts'
import { settledWithin } from './deadline.ts'
import { failureOf, serverErrno } from './errors.ts'
import { prepareWriting } from './own-domain.ts'
import type { Session } from './session.ts'
import type { Sessions } from './sessions.ts'
import { heartbeatKey, insertHeartbeat, sqlClock, updateHeartbeat } from './statements.ts'

export interface BeatsOptions {
  readonly sessions: Sessions
  readonly pair: string
  /** The server's name in the configuration. */
  readonly server: string
  readonly who: string
  readonly monotonicNow: () => number
  /**
   * Asks the server, over the standing connection, to end a session if all that it does is wait for a lock. Resolves to what it was
   * doing, '' if nobody knows.
   */
  readonly giveUp: (id: number) => Promise<string>
}

/** The server refuses writes: closed. */
const readOnlyErrno = 1290
/** Limit on the server for locks, if nobody is left here to kill the statement. */
const lockWaitSeconds = 5
const settingsTimeoutMs = 1000
const quitTimeoutMs = 100

export class Beats {
  readonly #options: BeatsOptions
  #session: Session | null = null
  #opening = false
  #beat: Beat | null = null
  /** The heartbeat that is being given up at this moment. */
  #givingUp: number | null = null
  /** A session that was given up with a write in it, until the server no longer lists it. */
  #abandoned: number | null = null
  /** The session lacks rights that our account has by now. */
  #outdated = false

  constructor(options: BeatsOptions) {
    this.#options = options
  }

  get last(): Beat | null {
    return this.#beat
  }

  /** Opens the connection in the background, if there is none. */
  ensureOpen(): void {
    if (this.#session !== null || this.#opening || this.#abandoned !== null) return
    this.#opening = true
    this.#open().then(
      () => {
        this.#opening = false
      },
      () => {
        this.#opening = false
      },
    )
  }

  /** A session has the rights of its login, and numbers by them: from the next heartbeat on it is a fresh one. */
  renew(): void {
    this.#outdated = this.#session !== null
    if (this.#beat?.state !== 'pending') this.#replace()
  }

  #replace(): void {
    const session = this.#session
    if (!this.#outdated || session === null) return
    this.#outdated = false
    this.#session = null
    session.quit(quitTimeoutMs)
    this.ensureOpen()
  }

  /** What the server lists as sessions of our account. */
  seen(accountSessions: ReadonlySet<number>): void {
    if (this.#abandoned !== null && !accountSessions.has(this.#abandoned)) this.#abandoned = null
  }

  /** Sends a heartbeat; null if it was sent, else why not. */
  send(step: BeatStep): string | null {
    if (this.#beat?.state === 'pending') return `heartbeat ${this.#beat.sequence} is still outstanding`
    if (this.#abandoned !== null)
      return `the server still has session ${this.#abandoned}, which hangs in a heartbeat`
    const session = this.#session
    if (session === null) {
      this.ensureOpen()
      return 'the connection for heartbeats is not open yet'
    }
    const sentAtMs = this.#options.monotonicNow()
    this.#beat = { sequence: step.sequence, state: 'pending', sentAtMs, endedAtMs: null, message: '' }
    const written = this.#write(session, step)
    written.then(
      (matched) =>
        this.#end(
          step,
          matched ? 'committed' : 'skipped',
          matched ? '' : 'the server is closed, or it was too late',
        ),
      (error) =>
        this.#end(
          step,
          serverErrno(error) === readOnlyErrno ? 'skipped' : 'failed',
          failureOf(error).message,
        ),
    )
    this.#watch(session, written, step)
    return null
  }

  async #open(): Promise<void> {
    const session = await this.#options.sessions.open('beat')
    const ask = (statement: string) => session.queryWithin(settingsTimeoutMs, statement)
    await prepareWriting(ask, sessionSettings(lockWaitSeconds))
    if (session.closed) return
    this.#session = session
    session.onClosed(() => {
      if (this.#session === session) this.#session = null
    })
  }

  /** True if a row was written. Both statements carry the same guards, so a row that another just made is no danger. */
  async #write(session: Session, step: BeatStep): Promise<boolean> {
    const { pair, server, who } = this.#options
    const key = heartbeatKey(pair, server)
    const until = sqlClock(step.untilClockMs)
    const since = sqlClock(step.watchSinceClockMs)
    const updated = await session.query(updateHeartbeat, [step.sequence, who, since, key, until])
    if (updated.matchedRows > 0) return true
    const inserted = await session.query(insertHeartbeat, [key, step.sequence, who, since, until, key])
    return inserted.matchedRows > 0
  }

  async #watch(session: Session, written: Promise<boolean>, step: BeatStep): Promise<void> {
    if (await settledWithin(written, step.deadlineMs)) return
    this.#abandoned = session.id
    this.#givingUp = step.sequence
    const waitedFor = session.id === null ? '' : await this.#options.giveUp(session.id)
    session.destroy()
    const state = waitedFor === '' ? '' : ` (${waitedFor})`
    this.#givingUp = null
    this.#end(step, 'failed', `no answer within ${step.deadlineMs} ms${state}`)
  }

  #end(step: BeatStep, state: Beat['state'], message: string): void {
    // Its session may break off because we end it; why we do says more than that.
    if (state === 'failed' && this.#givingUp === step.sequence) return
    if (this.#beat?.sequence !== step.sequence || this.#beat.state !== 'pending') return
    this.#beat = { ...this.#beat, state, endedAtMs: this.#options.monotonicNow(), message }
    this.#replace()
  }
}
