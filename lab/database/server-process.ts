/**
 * One database server as an operating-system process: start it, kill it, freeze it, wake it, and know which it is.
 *
 * The one thing to understand: the process is ours to end in every case. It runs in a process group of its own (Ctrl-C in the
 * terminal reaches only us), and where `setpriv` exists the kernel kills it when we die, even by SIGKILL.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import { atEnd, recordProcess, waitUntilDeadSync } from '../cleanup.ts'
import { lastLines } from './command.ts'

export type ProcessState = 'stopped' | 'running' | 'frozen'

export class ServerProcess {
  readonly #name: string
  readonly #folder: string
  readonly #logFile: string
  readonly #onGone: () => void
  #child: ChildProcess | undefined
  #gone: Promise<void> = Promise.resolve()
  #frozen = false

  /** `onGone` is called when the process has ended or is certain to end within a moment, once for each start. */
  constructor(options: { name: string; folder: string; logFile: string; onGone: () => void }) {
    this.#name = options.name
    this.#folder = options.folder
    this.#logFile = options.logFile
    this.#onGone = options.onGone
  }

  get state(): ProcessState {
    if (this.#child === undefined) return 'stopped'
    return this.#frozen ? 'frozen' : 'running'
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  /** Starts the command; what it prints is appended to the log file. Throws if it runs already or can't be started. */
  start(command: readonly string[]): void {
    if (this.#child !== undefined)
      throw new Error(`${this.#name} is running already (pid ${this.#child.pid})`)
    const [program = '', ...args] = [...dieWithParent(), ...command]
    const log = openSync(this.#logFile, 'a')
    const child = spawn(program, args, { cwd: this.#folder, detached: true, stdio: ['ignore', log, log] })
    closeSync(log)
    if (child.pid === undefined) {
      child.once('error', () => undefined)
      throw new Error(`${this.#name} can't be started: is ${program} there and executable?`)
    }
    const pid = child.pid
    this.#child = child
    this.#frozen = false
    recordProcess(this.#folder, pid)
    const forget = atEnd(() => {
      child.kill('SIGKILL')
      waitUntilDeadSync(pid, 2000)
    })
    this.#gone = new Promise((resolve) => {
      child.once('exit', () => {
        forget()
        if (this.#child === child) {
          this.#child = undefined
          this.#frozen = false
          this.#onGone()
        }
        resolve()
      })
    })
    // A forgotten server does not keep a finished program alive: the exit handler ends it.
    child.unref()
  }

  /** SIGKILL, as `kill -9`, frozen or not; resolves when the process is gone. Does nothing if it is not running. */
  async kill(): Promise<void> {
    const child = this.#child
    if (child === undefined) return
    child.kill('SIGKILL')
    this.#onGone()
    await this.#waitUntilGone(child, 10_000)
  }

  /** SIGTERM, a clean shutdown; resolves when the process is gone. Throws if that takes longer than `timeoutMs`. */
  async stop(timeoutMs: number): Promise<void> {
    const child = this.#child
    if (child === undefined) return
    this.wake()
    child.kill('SIGTERM')
    await this.#waitUntilGone(child, timeoutMs)
  }

  /** SIGSTOP: the process keeps its sockets and locks and does nothing. Throws if it is not running. */
  freeze(): void {
    if (this.#child === undefined) throw new Error(`${this.#name} is not running, so it can't be frozen`)
    this.#child.kill('SIGSTOP')
    this.#frozen = true
  }

  /** SIGCONT: goes on where it was frozen. Does nothing if it is not frozen. */
  wake(): void {
    if (!this.#frozen) return
    this.#frozen = false
    this.#child?.kill('SIGCONT')
  }

  /** The end of what the server logged, for people and error messages. */
  logTail(lineCount: number): string {
    return existsSync(this.#logFile) ? lastLines(readFileSync(this.#logFile, 'utf8'), lineCount) : ''
  }

  async #waitUntilGone(child: ChildProcess, timeoutMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    child.ref()
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(
          new Error(
            `${this.#name} (pid ${child.pid}) did not end within ${timeoutMs} ms:\n${this.logTail(10)}`,
          ),
        )
      }, timeoutMs)
    })
    try {
      await Promise.race([this.#gone, late])
    } finally {
      clearTimeout(timer)
      child.unref()
    }
  }
}

/** The words that make the kernel kill the command when this process dies, where the system has them. */
function dieWithParent(): string[] {
  const setpriv = ['/usr/bin/setpriv', '/bin/setpriv'].find((path) => existsSync(path))
  return setpriv === undefined ? [] : [setpriv, '--pdeathsig', 'KILL', '--']
}
