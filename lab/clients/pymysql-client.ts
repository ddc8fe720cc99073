/**
 * Runs pymysql_client.py, the client of another language, and reads back what it saw acknowledged.
 *
 * The one thing to understand: its times are of the machine's monotonic clock, which `process.hrtime` shows too; so they are turned
 * into this process's `performance.now()` exactly, however late its lines are read.
 */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { type Acknowledged, type Client, firstFrom } from '../application.ts'
import { atEnd } from '../cleanup.ts'
import type { ClientOptions } from './pooled-node-client.ts'
import type { Python } from './python-tree.ts'

const EVERY_MS = 20
const SCRIPT = join(import.meta.dirname, 'pymysql_client.py')
const END_TIMEOUT_MS = 5000

export function startPymysqlClient(python: Python, options: ClientOptions): Client {
  const acknowledged: Acknowledged[] = []
  const [program = '', ...prefix] = python.launch
  const child = spawn(program, [...prefix, SCRIPT], {
    env: { ...python.environment },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const forget = atEnd(() => child.kill('SIGKILL'))
  const ended = new Promise<void>((done) => child.once('close', () => done()))
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-2000)
  })
  // A client that ended by itself says why; the write into its closed input is no news.
  child.stdin.on('error', () => undefined)
  child.stdin.write(`${JSON.stringify(optionsFor(options))}\n`)
  const toOurClockMs = performance.now() - Number(process.hrtime.bigint()) / 1e6
  createInterface({ input: child.stdout }).on('line', (line) => {
    const { token, host, monotonicMs } = JSON.parse(line) as {
      token: string
      host: string
      monotonicMs: number
    }
    acknowledged.push({ token, host, atMs: monotonicMs + toOurClockMs })
  })
  return {
    name: options.name,
    acknowledged,
    async firstFrom(from, sinceMs, timeoutMs) {
      try {
        return await firstFrom({ name: options.name, acknowledged }, from, sinceMs, timeoutMs)
      } catch (error) {
        throw new Error(`${String(error)}; it said last:\n${said}`, { cause: error })
      }
    },
    async stop() {
      child.kill('SIGTERM')
      const late = await Promise.race([ended.then(() => false), pause(END_TIMEOUT_MS, true)])
      if (late) child.kill('SIGKILL')
      await ended
      forget()
    },
  }
}

function optionsFor({ name, account, port, caFile, target, askAfterMs }: ClientOptions) {
  const [nameServer, nameServerPort] = target.nameServer.split(':')
  return {
    ...{ prefix: name, name: target.name, nameServer, nameServerPort: Number(nameServerPort) },
    ...{ user: account.user, password: account.password, port, caFile, everyMs: EVERY_MS, askAfterMs },
  }
}
