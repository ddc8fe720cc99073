/**
 * One invocation of a LocalFunction, as the one who started it sees it: its log while it runs, its end, and the means to kill it.
 *
 * The one thing to understand: `finished` never rejects. A function that failed, timed out or was killed is a result with
 * `error` set, as Lambda answers it.
 */
import type { FunctionError } from './environment.ts'

/** One line that the function wrote. `json` is undefined if the text is not a JSON object. */
export type LogLine = {
  text: string
  json: Record<string, unknown> | undefined
  stream: 'stdout' | 'stderr'
  /** When we read it, on this process's monotonic clock (`performance.now()`), in milliseconds. */
  atMs: number
}

export type InvocationResult = {
  requestId: string
  /** What the handler returned, through JSON; undefined if it failed. */
  result: unknown
  error: FunctionError | undefined
  /** From the handler's call to its answer, or to its end if it was killed. */
  durationMs: number
  /** From process start to the module loaded if this invocation had to start its environment, else undefined. */
  initMs: number | undefined
  /** The most memory its environment ever held, in megabytes; undefined if it was gone before it could be read. */
  maxRssMb: number | undefined
}

export type InvocationControl = { kill(): void; freeze(): void; thaw(): void }

export class Invocation {
  readonly requestId: string
  /** The child process that handles it. */
  readonly pid: number
  /** True if its environment was started for it. */
  readonly cold: boolean
  /** Every line so far, in order within each stream. */
  readonly logs: LogLine[] = []
  readonly finished: Promise<InvocationResult>

  readonly #control: InvocationControl
  readonly #listeners = new Set<(line: LogLine) => void>()
  #isFinished = false

  constructor(options: {
    requestId: string
    pid: number
    cold: boolean
    control: InvocationControl
    run(log: (stream: 'stdout' | 'stderr', text: string) => void): Promise<InvocationResult>
  }) {
    this.requestId = options.requestId
    this.pid = options.pid
    this.cold = options.cold
    this.#control = options.control
    this.finished = options
      .run((stream, text) => this.#log(stream, text))
      .finally(() => {
        this.#isFinished = true
      })
  }

  /** Calls back for every line from now on. Returns the function that ends it. */
  onLog(listener: (line: LogLine) => void): () => void {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  /**
   * The first line, past or future, that satisfies the predicate.
   *
   * @throws Error with the last lines if there is none within `timeoutMs` or the invocation ends without one.
   */
  waitForLog(predicate: (line: LogLine) => boolean, timeoutMs: number): Promise<LogLine> {
    const past = this.logs.find(predicate)
    if (past !== undefined) return Promise.resolve(past)
    return new Promise((resolve, reject) => {
      const settle = (line: LogLine | undefined, why: string): void => {
        clearTimeout(timer)
        forget()
        if (line !== undefined) resolve(line)
        else reject(new Error(`No such log line: ${why}. The last lines were:\n${this.#lastLines()}`))
      }
      const forget = this.onLog((line) => {
        if (predicate(line)) settle(line, '')
      })
      const timer = setTimeout(() => settle(undefined, `${timeoutMs} ms passed`), timeoutMs)
      void this.finished.then((result) => {
        settle(undefined, `the invocation ended (${result.error?.errorMessage ?? 'without an error'})`)
      })
    })
  }

  /** Ends its process at once, as when the platform loses the host. */
  kill(): void {
    if (!this.#isFinished) this.#control.kill()
  }

  /** Stops its process where it stands, as a hypervisor that pauses. Its timeout goes on. */
  freeze(): void {
    if (!this.#isFinished) this.#control.freeze()
  }

  /** Lets a frozen process go on. */
  thaw(): void {
    if (!this.#isFinished) this.#control.thaw()
  }

  #log(stream: 'stdout' | 'stderr', text: string): void {
    const line: LogLine = { text, json: parseObject(text), stream, atMs: performance.now() }
    this.logs.push(line)
    for (const listener of this.#listeners) listener(line)
  }

  #lastLines(): string {
    return this.logs
      .slice(-5)
      .map((line) => line.text.slice(0, 500))
      .join('\n')
  }
}

function parseObject(text: string): Record<string, unknown> | undefined {
  if (!text.startsWith('{')) return undefined
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch {
    return undefined
  }
}
