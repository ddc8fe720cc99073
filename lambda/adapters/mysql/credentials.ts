/**
 * The account's name and password, asked for once and kept for the invocation.
 *
 * The one thing to understand: they change while we run (rotation). Access denied makes them be read again, in the background and at
 * most every ten seconds, so that a wrong secret can't flood the place it comes from.
 */
import type { Credentials } from './session.ts'

export interface CredentialSource {
  readonly credentials: () => Promise<Credentials>
  /** Reads them anew, past any cache. Without it, `credentials` is asked again. */
  readonly refreshCredentials?: () => Promise<Credentials>
  readonly monotonicNow: () => number
}

const refreshEveryMs = 10_000

export class KnownCredentials {
  readonly #source: CredentialSource
  #current: Promise<Credentials> | null = null
  #refreshedAtMs = Number.NEGATIVE_INFINITY

  constructor(source: CredentialSource) {
    this.#source = source
  }

  /** Rejects if they can't be read; the next call asks again. */
  get(): Promise<Credentials> {
    this.#current ??= this.#ask(this.#source.credentials)
    return this.#current
  }

  /** The server refused them. */
  denied(): void {
    const nowMs = this.#source.monotonicNow()
    if (nowMs - this.#refreshedAtMs < refreshEveryMs) return
    this.#refreshedAtMs = nowMs
    const refreshed = (this.#source.refreshCredentials ?? this.#source.credentials)()
    // Until they are here the old ones stay in use; a failed refresh changes nothing.
    refreshed.then(
      (credentials) => {
        this.#current = Promise.resolve(credentials)
      },
      () => undefined,
    )
  }

  #ask(ask: () => Promise<Credentials>): Promise<Credentials> {
    const asked = ask()
    asked.catch(() => {
      if (this.#current === asked) this.#current = null
    })
    return asked
  }
}
