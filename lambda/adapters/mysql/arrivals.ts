/**
 * Dates what comes over a channel on servers that do not tell when something last came: between two looks, the channel's counters are
 * read a few times more.
 *
 * The one thing to understand: nothing is missed without it. A look that finds the counters moved, and no date, has to take them as moved
 * just then; with a second between looks, a death by silence is confirmed up to a second later than it could be.
 */

export interface ArrivalsOptions {
  readonly monotonicNow: () => number
  /** The counters as one text, read now; null if this is not the moment to ask, or there was no answer. */
  readonly read: () => Promise<string | null>
}

const EVERY_MS = 250

export class Arrivals {
  readonly #options: ArrivalsOptions
  #mark: string | null = null
  #movedAtMs: number | null = null
  #timer: NodeJS.Timeout | null = null
  #ended = false

  constructor(options: ArrivalsOptions) {
    this.#options = options
  }

  /**
   * Takes counters that have just been read. When they were first seen as they are, by the monotonic clock: what moved them came before
   * that. Null if they have not moved since they were first read: then nobody knows.
   */
  note(mark: string): number | null {
    if (mark !== this.#mark) {
      this.#movedAtMs = this.#mark === null ? null : this.#options.monotonicNow()
      this.#mark = mark
    }
    return this.#movedAtMs
  }

  /** Goes on reading until something comes in the way; every look calls it again. */
  goOn(): void {
    if (this.#timer !== null || this.#ended) return
    this.#timer = setTimeout(() => void this.#readOnce(), EVERY_MS)
  }

  end(): void {
    this.#ended = true
    if (this.#timer !== null) clearTimeout(this.#timer)
  }

  async #readOnce(): Promise<void> {
    const mark = await this.#options.read()
    this.#timer = null
    if (mark === null) return
    this.note(mark)
    this.goOn()
  }
}
