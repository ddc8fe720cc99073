/**
 * Who ran when, and what they wrote: the invocations that schedules start, for what Lambda and CloudWatch Logs would bill.
 *
 * The one thing to understand: Lambda bills an environment from the moment that it is started for, loading included, until the
 * handler has answered; whoever is killed here because the measuring is over counts until then.
 */
import type { Invocation, InvocationResult } from '../lab/lambda/invocation.ts'

export interface Run {
  readonly invocation: Invocation
  readonly startedAtMs: number
  /** Null while it runs. */
  result: InvocationResult | null
}

export class Runs {
  readonly all: Run[] = []
  /** Once it has been started. */
  readonly first: Promise<Invocation>
  #started: (invocation: Invocation) => void = () => undefined

  constructor() {
    this.first = new Promise((resolve) => {
      this.#started = resolve
    })
  }

  /** Starts as the function does, and takes note of it. */
  of(watched: { start(event: unknown): Invocation }): { start(event: unknown): Invocation } {
    return {
      start: (event) => {
        const startedAtMs = performance.now()
        const invocation = watched.start(event)
        const run: Run = { invocation, startedAtMs, result: null }
        this.all.push(run)
        this.#started(invocation)
        void invocation.finished.then((result) => {
          run.result = result
        })
        return invocation
      },
    }
  }

  running(): Invocation[] {
    return this.all.flatMap(({ invocation, result }) => (result === null ? [invocation] : []))
  }

  /** How many ran at the same time, on average, between two moments of `performance.now()`. */
  meanConcurrency(fromMs: number, toMs: number): number {
    const ranMs = this.all.map((run) =>
      Math.max(0, Math.min(toMs, endedAtMs(run)) - Math.max(fromMs, run.startedAtMs)),
    )
    return ranMs.reduce((sum, each) => sum + each, 0) / (toMs - fromMs)
  }

  /** Bytes of the lines that the functions wrote between two moments, line ends included. */
  logBytes(fromMs: number, toMs: number): number {
    const lines = this.all.flatMap(({ invocation }) => invocation.logs)
    const within = lines.filter(({ atMs }) => atMs >= fromMs && atMs < toMs)
    return within.reduce((sum, { text }) => sum + Buffer.byteLength(text) + 1, 0)
  }
}

/** When it was no longer billed; far away while it runs. */
export function endedAtMs({ startedAtMs, result }: Run): number {
  if (result === null || result.error !== undefined) return Number.POSITIVE_INFINITY
  return startedAtMs + (result.initMs ?? 0) + result.durationMs
}
