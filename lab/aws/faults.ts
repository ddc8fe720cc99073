/**
 * The ways in which a service of the lab can misbehave on demand, the same for all of them. A fault is a plain field or a
 * count of calls; it takes effect with the next call that arrives, and nothing has to be restarted.
 */

/** `hang`: the call is read and never answered. `refuse`: the connection is destroyed. */
export type Outage = 'none' | 'hang' | 'refuse'

export class ServiceFaults {
  /** Milliseconds that every call waits before it is worked on. A client that gives up meanwhile doesn't recall its call. */
  latencyMs = 0
  outage: Outage = 'none'
  #lostResponses = 0
  #hungResponses = 0

  /** The next `count` calls that change something take effect, and then their connection is destroyed without an answer. */
  loseNextResponses(count: number): void {
    this.#lostResponses = count
  }

  /** The next `count` calls that change something take effect, and are then never answered. */
  hangNextResponses(count: number): void {
    this.#hungResponses = count
  }

  /** What happens to the answer of a call that changed something; counts it off. */
  takeResponseFault(): Outage {
    if (this.#lostResponses > 0) {
      this.#lostResponses -= 1
      return 'refuse'
    }
    if (this.#hungResponses > 0) {
      this.#hungResponses -= 1
      return 'hang'
    }
    return 'none'
  }

  /** Ends every fault. Calls that hang already stay without an answer. */
  clear(): void {
    this.latencyMs = 0
    this.outage = 'none'
    this.#lostResponses = 0
    this.#hungResponses = 0
  }
}
