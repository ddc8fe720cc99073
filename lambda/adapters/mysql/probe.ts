/**
 * Fresh connections that find out whether a server lives: full handshake, login and a query, under one deadline.
 *
 * The one thing to understand: a probe tells only what it saw. It runs in the background, several at a time if the server is
 * silent, and each is reported once.
 */
import type { Probe } from '../../core/world.ts'
import { DeadlineError, withinDeadline } from './deadline.ts'
import { type Failure, failureOf } from './errors.ts'
import type { Session } from './session.ts'
import type { Sessions } from './sessions.ts'

export interface ProberOptions {
  readonly sessions: Sessions
  readonly probeTimeoutMs: number
  readonly monotonicNow: () => number
  /** Takes the session of a probe that was answered; true if it is kept. */
  readonly onAnswered: (session: Session) => boolean
  readonly onEnded: () => void
}

const inFlightMax = 4
const dueMarginMs = 10
const quitTimeoutMs = 1000

export class Prober {
  readonly #options: ProberOptions
  #ended: Probe[] = []
  #inFlight = 0
  #lastStartedAtMs = Number.NEGATIVE_INFINITY

  constructor(options: ProberOptions) {
    this.#options = options
  }

  get inFlight(): number {
    return this.#inFlight
  }

  /** A probe has ended without an answer, and nobody was told of it yet. */
  get hasFailed(): boolean {
    return this.#ended.some(({ outcome }) => outcome !== 'answered')
  }

  /** When the next one may start; always a little later than now. */
  dueAtMs(everyMs: number): number {
    return Math.max(this.#lastStartedAtMs + everyMs, this.#options.monotonicNow() + dueMarginMs)
  }

  /** Lets the next probe start at once: something has just happened. */
  hurry(): void {
    this.#lastStartedAtMs = Number.NEGATIVE_INFINITY
  }

  /** Starts a probe if the last one started at least `everyMs` ago and not too many are waiting already. */
  startIfDue(everyMs: number): void {
    const nowMs = this.#options.monotonicNow()
    if (nowMs - this.#lastStartedAtMs < everyMs || this.#inFlight >= inFlightMax) return
    this.#lastStartedAtMs = nowMs
    this.#inFlight += 1
    this.#run().then((probe) => {
      this.#inFlight -= 1
      this.add(probe)
    })
  }

  /** Adds what another connection found out. */
  add(probe: Probe): void {
    this.#ended.push(probe)
    this.#options.onEnded()
  }

  /** The probes that ended since the last call, oldest first. */
  takeEnded(): readonly Probe[] {
    const ended = this.#ended
    this.#ended = []
    return ended
  }

  async #run(): Promise<Probe> {
    const { sessions, monotonicNow } = this.#options
    try {
      await sessions.prepare()
    } catch (error) {
      const nowMs = monotonicNow()
      const message = `the account's credentials can't be read: ${failureOf(error).message}`
      return probeOf(nowMs, nowMs, { outcome: 'sick', errno: null, message })
    }
    const startedAtMs = monotonicNow()
    try {
      await this.#connectAndAsk(startedAtMs)
      return { ...probeOf(startedAtMs, monotonicNow(), null) }
    } catch (error) {
      return probeOf(startedAtMs, monotonicNow(), failureOf(error))
    }
  }

  async #connectAndAsk(startedAtMs: number): Promise<void> {
    const { sessions, probeTimeoutMs, monotonicNow, onAnswered } = this.#options
    const session = await sessions.open('watch')
    sessions.markHarmless(session)
    const leftMs = startedAtMs + probeTimeoutMs - monotonicNow()
    try {
      if (leftMs <= 0) throw new DeadlineError(`the login took all of ${probeTimeoutMs} ms`)
      await withinDeadline(session.query('SELECT 1'), leftMs, 'SELECT 1')
    } catch (error) {
      session.destroy()
      throw error
    }
    if (onAnswered(session)) sessions.markHarmful(session)
    else session.quit(quitTimeoutMs)
  }
}

/** `failure` null: it was answered. */
export function probeOf(startedAtMs: number, endedAtMs: number, failure: Failure | null): Probe {
  return { startedAtMs, endedAtMs, ...(failure ?? { outcome: 'answered', errno: null, message: '' }) }
}
