/**
 * One execution environment of a LocalFunction: a child process that loaded the bundle and handles one invocation at a time.
 *
 * The one thing to understand: like Lambda's, it outlives its invocations. Between two of them it is stopped (SIGSTOP), its
 * sockets and timers with it, and goes on exactly there at the next one.
 */
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { atEnd } from '../cleanup.ts'
import { guardAgainstOrphaning, releaseFromGuard } from './orphan-guard.ts'

/** An error as Lambda answers it to the one who invoked. */
export type FunctionError = { errorType: string; errorMessage: string; trace: string[] }

/** What the runtime in the child sends. */
type Message =
  | { kind: 'ready'; initMs: number }
  | { kind: 'done'; durationMs: number; maxRssMb: number; result?: string; error?: FunctionError }
  | { kind: 'fatal'; error: FunctionError }

/** How one turn of an environment ended. `exit` is set if the process ended: with `error` when it could still say why. */
export type Turn = {
  result?: string
  error?: FunctionError
  durationMs?: number
  initMs: number | undefined
  maxRssMb: number | undefined
  exit?: { code: number | null; signal: NodeJS.Signals | null }
}

export type InvocationMessage = {
  requestId: string
  event: string
  deadlineEpochMs: number
  functionName: string
  functionArn: string
  memoryMb: number
}

export type LogSink = (stream: 'stdout' | 'stderr', text: string) => void

/** What the child writes after the last log line of an invocation; no JSON and no text a person would log. */
const endOfLog = '\u0004hotspare-end-of-log'

export class ExecutionEnvironment {
  readonly pid: number
  /** Milliseconds from process start to the module loaded; undefined until then. */
  initMs: number | undefined
  /** Resolves when the process is gone and all it wrote has been read. */
  readonly ended: Promise<void>
  /** Resolves when the bundle is loaded or the process ended. */
  readonly initialised: Promise<void>
  hasEnded = false

  readonly #child: ChildProcess
  readonly #forgetAtEnd: () => void
  #sink: LogSink = () => {}
  #message: Extract<Message, { kind: 'done' }> | undefined
  #fatal: FunctionError | undefined
  #exit: Turn['exit']
  #marksMissing = 0
  #peakRssMb: number | undefined
  #settleTurn: () => void = () => {}
  #settleInit: () => void = () => {}

  constructor(options: {
    bundleFile: string
    handler: string
    environment: Record<string, string>
    sink: LogSink
  }) {
    this.#sink = options.sink
    const runtimeArguments = JSON.stringify({
      bundleFile: options.bundleFile,
      handlerName: options.handler,
      endOfLog,
    })
    // Detached: Ctrl-C in a terminal must reach us, not the functions; the guard and atEnd end them.
    this.#child = spawn(process.execPath, [join(import.meta.dirname, 'runtime.mjs'), runtimeArguments], {
      env: options.environment,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      detached: true,
    })
    const pid = this.#child.pid
    if (pid === undefined) throw new Error(`Could not start ${process.execPath}; is it executable?`)
    this.pid = pid
    guardAgainstOrphaning(pid)
    this.#forgetAtEnd = atEnd(() => this.signal('SIGKILL'))
    this.initialised = new Promise((settle) => {
      this.#settleInit = settle
    })
    this.ended = new Promise((settle) =>
      this.#child.once('close', (code, signal) => settle(this.#onEnd(code, signal))),
    )
    // The exit is seen before the pipes are empty: from here on the number may belong to someone else.
    this.#child.once('exit', () => this.#onExit())
    this.#child.on('message', (message) => this.#onMessage(message as Message))
    this.#child.on('error', () => {})
    for (const stream of ['stdout', 'stderr'] as const) this.#readLines(stream)
  }

  /** Hands over one event, once initialised; the promise never rejects. The process must not be busy. */
  turn(message: InvocationMessage, sink: LogSink): Promise<Turn> {
    this.#sink = sink
    this.#message = undefined
    this.#marksMissing = 2
    this.signal('SIGCONT')
    return new Promise((resolve) => {
      this.#settleTurn = () => resolve(this.#describeTurn())
      if (this.hasEnded) this.#settleTurn()
      // A child that is just ending refuses the message; its end settles the turn.
      else this.#child.send(message, () => {})
    })
  }

  /** Sends a signal if the process still exists. */
  signal(signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    // What a killed process used can't be read afterwards.
    if (signal === 'SIGKILL') this.#peakRssMb = peakRssMb(this.pid)
    this.#child.kill(signal)
  }

  #readLines(stream: 'stdout' | 'stderr'): void {
    const input = this.#child[stream]
    if (input === null) return
    createInterface({ input }).on('line', (line) => {
      if (!line.endsWith(endOfLog)) return this.#sink(stream, line)
      const unterminated = line.slice(0, -endOfLog.length)
      if (unterminated !== '') this.#sink(stream, unterminated)
      this.#marksMissing -= 1
      this.#settleIfComplete()
    })
  }

  #onMessage(message: Message): void {
    switch (message.kind) {
      case 'ready':
        this.initMs = message.initMs
        this.#settleInit()
        break
      case 'fatal':
        this.#fatal = message.error
        break
      case 'done':
        this.#message = message
        this.#settleIfComplete()
        break
    }
  }

  #settleIfComplete(): void {
    if (this.#message === undefined || this.#marksMissing > 0) return
    this.#peakRssMb = peakRssMb(this.pid) ?? this.#message.maxRssMb
    this.#settleTurn()
  }

  #onExit(): void {
    releaseFromGuard(this.pid)
    this.#forgetAtEnd()
  }

  #onEnd(code: number | null, signal: NodeJS.Signals | null): void {
    this.hasEnded = true
    this.#exit = { code, signal }
    this.#settleInit()
    this.#settleTurn()
  }

  #describeTurn(): Turn {
    const turn: Turn = { initMs: this.initMs, maxRssMb: this.#peakRssMb }
    const error = this.#fatal ?? this.#message?.error
    if (error !== undefined) turn.error = error
    if (this.#message?.result !== undefined) turn.result = this.#message.result
    if (this.#message !== undefined) turn.durationMs = this.#message.durationMs
    if (this.#exit !== undefined) turn.exit = this.#exit
    return turn
  }
}

/**
 * The most memory a process ever held, in megabytes; undefined where the system has no /proc. The child's own figure is
 * second best: what getrusage counts includes the parent's memory from before the exec.
 */
function peakRssMb(pid: number): number | undefined {
  try {
    const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    return kilobytes === undefined ? undefined : Number(kilobytes) / 1024
  } catch {
    return undefined
  }
}
