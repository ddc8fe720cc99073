/**
 * The idle connection that only listens, and that can carry one close into a silent server.
 *
 * The one thing to understand: it has to be ready before the server falls silent. So its session is set up when it is opened, and a
 * close that was written to it can't be called back: not by us, not by the end of our process.
 */
import { sessionSettings } from './control.ts'
import type { Session } from './session.ts'
import type { Sessions } from './sessions.ts'

export interface GuardOptions {
  readonly sessions: Sessions
  readonly onClosed: (byPeer: boolean) => void
}

/** A close that wakes with its server may wait this long for locks before it gives up. */
const lockWaitSeconds = 10
const settingsTimeoutMs = 1000
const quitTimeoutMs = 100

export class Guard {
  readonly #options: GuardOptions
  #session: Session | null = null
  #opening = false
  #queued = false

  constructor(options: GuardOptions) {
    this.#options = options
  }

  get state(): 'open' | 'closed' {
    return this.#session === null ? 'closed' : 'open'
  }

  /** Opens the connection in the background, if there is none. */
  ensureOpen(): void {
    if (this.#session !== null || this.#opening) return
    this.#opening = true
    const done = () => {
      this.#opening = false
    }
    this.#open().then(done, done)
  }

  /** A session has the rights of its login. The old one is kept until a fresh one is ready. */
  renew(): void {
    const before = this.#session
    if (before === null || this.#opening || this.#queued) return
    this.#opening = true
    const done = () => {
      this.#opening = false
    }
    this.#open().then(() => {
      done()
      before.quit(quitTimeoutMs)
    }, done)
  }

  /** Sends a close and waits only until the kernel has it. Sent once; asked again, it is done already. */
  async queueClose(statement: string, timeoutMs: number): Promise<'sent' | 'no-connection' | 'unknown'> {
    if (this.#session === null) return 'no-connection'
    if (this.#queued) return 'sent'
    this.#queued = true
    return (await this.#session.queue(statement, timeoutMs)) ? 'sent' : 'unknown'
  }

  async #open(): Promise<void> {
    const session = await this.#options.sessions.open('guard')
    await session.queryWithin(settingsTimeoutMs, sessionSettings(lockWaitSeconds))
    if (session.closed) return
    this.#queued = false
    this.#session = session
    session.onClosed((byPeer) => {
      if (this.#session !== session) return
      this.#session = null
      this.#options.onClosed(byPeer)
    })
  }
}
