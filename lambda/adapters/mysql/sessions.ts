/**
 * All sessions that one invocation has on one server.
 *
 * The one thing to understand: whether a session in the server's list is ours is told by the token that it carries, not by its id,
 * because the server lists a login before we have read its answer. A session that never ran anything but a question is harmless
 * for ever; any other that we gave up is a stranger's from then on, and has to be killed (R4).
 */
import { KnownCredentials } from './credentials.ts'
import { failureOf, isAccessDenied } from './errors.ts'
import { type Credentials, type Endpoint, type Role, Session } from './session.ts'

export interface SessionsOptions {
  readonly who: string
  readonly endpoint: Endpoint
  readonly credentials: () => Promise<Credentials>
  readonly refreshCredentials?: () => Promise<Credentials>
  readonly connectTimeoutMs: number
  readonly monotonicNow: () => number
}

/** How long an orderly end may take; the server answers within a millisecond, or is gone. */
const quitTimeoutMs = 100

export class Sessions {
  readonly #options: SessionsOptions
  readonly #credentials: KnownCredentials
  readonly #live = new Map<string, Session>()
  readonly #harmless = new Set<string>()
  #opened = 0
  #closed = false

  constructor(options: SessionsOptions) {
    this.#options = options
    this.#credentials = new KnownCredentials(options)
  }

  /** Waits until the account is known, which is not part of any deadline of the server's. */
  async prepare(): Promise<void> {
    await this.#credentials.get()
  }

  /** A session whose login is done. Rejects with what went wrong, within the connect time-out. */
  async open(role: Role): Promise<Session> {
    const credentials = await this.#credentials.get()
    if (this.#closed) throw new Error('the link is closed')
    this.#opened += 1
    const token = `${this.#options.who}/${this.#opened}`
    const session = new Session({
      ...{ endpoint: this.#options.endpoint, who: this.#options.who, credentials, role, token },
      connectTimeoutMs: this.#options.connectTimeoutMs,
    })
    session.onClosed(() => this.#live.delete(token))
    this.#live.set(token, session)
    try {
      await session.ready
      return session
    } catch (error) {
      if (isAccessDenied(failureOf(error))) this.#credentials.denied()
      throw error
    }
  }

  /** Whether a session that the server lists is alive and ours, or was ours and can do no harm. */
  isOurs(token: string, id: number): boolean {
    if (token !== '') return this.#live.has(token) || this.#harmless.has(token)
    return [...this.#live.values()].some((session) => session.id === id)
  }

  /** The session has only asked questions so far. */
  markHarmless(session: Session): void {
    this.#harmless.add(session.token)
  }

  /** From now on statements that change something may go over the session. */
  markHarmful(session: Session): void {
    this.#harmless.delete(session.token)
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.all([...this.#live.values()].map((session) => session.quit(quitTimeoutMs)))
  }
}
