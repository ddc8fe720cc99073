/**
 * Runs the built bundle on this machine as AWS Lambda would: in processes of its own, with Lambda's environment and limits.
 *
 * The one thing to understand: each concurrent invocation has an environment (a child process) to itself; a free one is
 * reused, still warm, and stands still in between. Nothing of this process's environment variables reaches the function.
 */
import { randomUUID } from 'node:crypto'
import { dirname, resolve } from 'node:path'
import { defaultMemoryMb, nodeOptions } from '../../lambda/runtime-options.ts'
import type { FunctionError, LogSink, Turn } from './environment.ts'
import { ExecutionEnvironment } from './environment.ts'
import type { InvocationResult } from './invocation.ts'
import { Invocation } from './invocation.ts'

export type LocalFunctionOptions = {
  /** The file that `buildBundle` wrote. */
  bundleFile: string
  /** The bundle's export that handles the events. */
  handler: 'watch' | 'request' | 'selfTest' | 'widget'
  /** The function's own variables; they win over the ones set here. */
  environment: Record<string, string>
  /** An invocation is killed after this long. */
  timeoutMs: number
  /** @default 256 */
  memoryMb?: number
  /** @default hotspare-<handler> */
  name?: string
  /** Whether an environment stands still while it has no invocation. @default true */
  freezeBetween?: boolean
}

/** Lambda's limit for loading the module. */
const initTimeoutMs = 10_000

const region = 'us-east-1'
const account = '000000000000'

export class LocalFunction {
  readonly name: string
  readonly arn: string
  readonly #options: LocalFunctionOptions
  readonly #memoryMb: number
  readonly #environments = new Set<ExecutionEnvironment>()
  /** The ones without an invocation; the one used last is at the end and goes first, as Lambda prefers it. */
  readonly #idle: ExecutionEnvironment[] = []
  #isClosed = false

  constructor(options: LocalFunctionOptions) {
    this.#options = options
    this.#memoryMb = options.memoryMb ?? defaultMemoryMb
    this.name = options.name ?? `hotspare-${options.handler}`
    this.arn = `arn:aws:lambda:${region}:${account}:function:${this.name}`
  }

  /**
   * Starts one invocation, in a free environment or a new one, and returns while it runs.
   *
   * @throws Error if the function is closed or the event is not JSON.
   */
  start(event: unknown): Invocation {
    if (this.#isClosed) throw new Error(`${this.name} is closed; start invocations before close().`)
    const eventText = JSON.stringify(event) ?? 'null'
    const requestId = randomUUID()
    const free = this.#takeIdle()
    const early: Parameters<LogSink>[] = []
    const environment = free ?? this.#startEnvironment((...line) => early.push(line))
    return new Invocation({
      requestId,
      pid: environment.pid,
      cold: free === undefined,
      control: {
        kill: () => environment.signal('SIGKILL'),
        freeze: () => environment.signal('SIGSTOP'),
        thaw: () => environment.signal('SIGCONT'),
      },
      run: (log) => this.#run({ environment, requestId, eventText, early, log, cold: free === undefined }),
    })
  }

  /** Runs one invocation to its end. */
  invoke(event: unknown): Promise<InvocationResult> {
    return this.start(event).finished
  }

  /** Ends the environments that are free, so that the next invocation is a cold start. */
  async retireIdle(): Promise<void> {
    const idle = this.#idle.splice(0)
    for (const environment of idle) environment.signal('SIGKILL')
    await Promise.all(idle.map((environment) => environment.ended))
  }

  /** Ends all environments at once, busy ones too, and waits until they are gone. Further starts are refused. */
  async close(): Promise<void> {
    this.#isClosed = true
    const environments = [...this.#environments]
    for (const environment of environments) environment.signal('SIGKILL')
    await Promise.all(environments.map((environment) => environment.ended))
  }

  #takeIdle(): ExecutionEnvironment | undefined {
    for (;;) {
      const environment = this.#idle.pop()
      if (environment === undefined || !environment.hasEnded) return environment
    }
  }

  #startEnvironment(sink: LogSink): ExecutionEnvironment {
    const { bundleFile, handler } = this.#options
    const environment = new ExecutionEnvironment({
      bundleFile: resolve(bundleFile),
      handler,
      environment: { ...this.#lambdaEnvironment(), ...this.#options.environment },
      sink,
    })
    this.#environments.add(environment)
    void environment.ended.then(() => {
      this.#environments.delete(environment)
      const index = this.#idle.indexOf(environment)
      if (index >= 0) this.#idle.splice(index, 1)
    })
    return environment
  }

  async #run(job: {
    environment: ExecutionEnvironment
    requestId: string
    eventText: string
    early: Parameters<LogSink>[]
    log: LogSink
    cold: boolean
  }): Promise<InvocationResult> {
    const { environment, requestId } = job
    const initTimer = setTimeout(() => environment.signal('SIGKILL'), initTimeoutMs)
    await environment.initialised
    clearTimeout(initTimer)
    for (const line of job.early) job.log(...line)

    const { timeoutMs } = this.#options
    const startedMs = performance.now()
    let timedOut = false
    const timer = setTimeout(() => {
      timedOut = true
      environment.signal('SIGKILL')
    }, timeoutMs)
    const message = {
      requestId,
      event: job.eventText,
      deadlineEpochMs: Date.now() + timeoutMs,
      functionName: this.name,
      functionArn: this.arn,
      memoryMb: this.#memoryMb,
    }
    const turn = await environment.turn(message, job.log)
    clearTimeout(timer)
    if (turn.exit === undefined) this.#rest(environment)
    const error = timedOut ? timeoutError(requestId, timeoutMs) : errorOf(requestId, turn)
    return {
      requestId,
      result: error === undefined && turn.result !== undefined ? JSON.parse(turn.result) : undefined,
      error,
      durationMs: turn.durationMs ?? performance.now() - startedMs,
      initMs: job.cold ? turn.initMs : undefined,
      maxRssMb: turn.maxRssMb,
    }
  }

  #rest(environment: ExecutionEnvironment): void {
    if (this.#options.freezeBetween ?? true) environment.signal('SIGSTOP')
    this.#idle.push(environment)
  }

  /** The variables that Lambda's Node runtime sets, as its manual lists them, and no others. */
  #lambdaEnvironment(): Record<string, string> {
    const { bundleFile, handler } = this.#options
    return {
      _HANDLER: `index.${handler}`,
      AWS_ACCESS_KEY_ID: 'local',
      AWS_DEFAULT_REGION: region,
      AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(this.#memoryMb),
      AWS_LAMBDA_FUNCTION_NAME: this.name,
      AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
      AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
      AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${this.name}`,
      AWS_LAMBDA_LOG_STREAM_NAME: `local/[$LATEST]${randomUUID().replaceAll('-', '')}`,
      AWS_REGION: region,
      AWS_SECRET_ACCESS_KEY: 'local',
      AWS_SESSION_TOKEN: 'local',
      LAMBDA_TASK_ROOT: dirname(resolve(bundleFile)),
      LANG: 'en_US.UTF-8',
      NODE_OPTIONS: nodeOptions(this.#memoryMb),
      PATH: '/usr/local/bin:/usr/bin:/bin',
      TZ: ':UTC',
    }
  }
}

/** Lambda's words for a function that took too long. */
function timeoutError(requestId: string, timeoutMs: number): FunctionError {
  const seconds = (timeoutMs / 1000).toFixed(2)
  return {
    errorType: 'Sandbox.Timedout',
    errorMessage: `RequestId: ${requestId} Error: Task timed out after ${seconds} seconds`,
    trace: [],
  }
}

function errorOf(requestId: string, turn: Turn): FunctionError | undefined {
  if (turn.error !== undefined || turn.exit === undefined) return turn.error
  const { code, signal } = turn.exit
  const how = signal === null ? `exit status ${code}` : `signal: ${signal === 'SIGKILL' ? 'killed' : signal}`
  return {
    errorType: 'Runtime.ExitError',
    errorMessage: `RequestId: ${requestId} Error: Runtime exited with error: ${how}`,
    trace: [],
  }
}
