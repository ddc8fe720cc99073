/**
 * An application that writes a row every ten milliseconds and remembers what was acknowledged: the judge of what was lost.
 *
 * It finds its server as applications do: by name, over real DNS, keeping the answer for its TTL. A stubborn one is given an address
 * and no time-outs instead: it stays on its connection whatever happens, like a pool that nobody told.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { type NamedTarget, nameLookup } from './address-lookup.ts'
import type { Account } from './database/accounts.ts'
import { type OpenConnection, openConnection } from './database/connection.ts'

export interface Acknowledged {
  readonly token: string
  /** By `performance.now()` of this process. */
  readonly atMs: number
  /** Address of the server that acknowledged it. */
  readonly host: string
}

/** Whoever writes rows and remembers what was acknowledged. */
export interface Client {
  readonly name: string
  readonly acknowledged: readonly Acknowledged[]
  /** Resolves with the first row that this host acknowledges after this moment. Throws after `timeoutMs`. */
  firstFrom(host: string, sinceMs: number, timeoutMs: number): Promise<Acknowledged>
  stop(): Promise<void>
}

export interface Application extends Client {
  /** Writes half as often from now on. */
  ease(): void
  /** Writes nothing while it rests; resolves when nothing of its own is under way any more. */
  rest(): Promise<void>
  /** Writes again. */
  goOn(): void
}

export interface ApplicationOptions {
  readonly name: string
  readonly account: Account
  readonly port: number
  readonly caFile: string
  /** By name, through this name server (`ip:port`), or straight to an address, without time-outs. */
  readonly target: NamedTarget | { readonly host: string }
  readonly everyMs?: number
  /** How long it waits after an error before it tries again, ms. @default as `everyMs` */
  readonly retryAfterMs?: number
}

const STATEMENT_TIMEOUT_MS = 1000
const CONNECT_TIMEOUT_MS = 1000

export function startApplication(options: ApplicationOptions): Application {
  const acknowledged: Acknowledged[] = []
  const hostOf = hostLookup(options.target)
  let everyMs = options.everyMs ?? 10
  const stubborn = 'host' in options.target
  let connection: OpenConnection | null = null
  let host = ''
  let stopping = false
  let resting = false
  let writing = false
  let count = 0

  async function write(): Promise<void> {
    if (connection === null) {
      host = await hostOf()
      const { account, port, caFile } = options
      connection = await openConnection({ ...account, host, port, caFile }, CONNECT_TIMEOUT_MS)
    }
    const token = `${options.name}-${++count}`
    const sql = 'INSERT INTO shop.orders (token) VALUES (?)'
    const insert = connection.connection.query(sql, [token])
    insert.catch(() => undefined)
    await (stubborn ? insert : Promise.race([insert, failAfter(STATEMENT_TIMEOUT_MS)]))
    acknowledged.push({ token, atMs: performance.now(), host })
  }

  async function run(): Promise<void> {
    while (!stopping) {
      const startedAtMs = performance.now()
      let waitMs = everyMs
      try {
        writing = !resting
        if (writing) await write()
      } catch {
        waitMs = options.retryAfterMs ?? everyMs
        connection?.close()
        connection = null
        // A stubborn one whose session was killed has nothing more to say to that server.
        if (stubborn) return
      } finally {
        writing = false
      }
      await pause(Math.max(0, startedAtMs + waitMs - performance.now()))
    }
  }

  const running = run()
  return {
    name: options.name,
    acknowledged,
    firstFrom: (from, sinceMs, timeoutMs) =>
      firstFrom({ name: options.name, acknowledged }, from, sinceMs, timeoutMs),
    ease() {
      everyMs *= 2
    },
    async rest() {
      resting = true
      while (writing) await pause(2)
    },
    goOn() {
      resting = false
    },
    async stop() {
      stopping = true
      connection?.close()
      await Promise.race([running, pause(STATEMENT_TIMEOUT_MS * 2)])
    },
  }
}

/** The first row of this client that `from` acknowledged since then, past or to come. Throws after `timeoutMs`. */
export async function firstFrom(
  client: { readonly name: string; readonly acknowledged: readonly Acknowledged[] },
  from: string,
  sinceMs: number,
  timeoutMs: number,
): Promise<Acknowledged> {
  const endsAtMs = performance.now() + timeoutMs
  for (;;) {
    // Rows are in the order of time, and there may be many: only the newest are gone through.
    const past = client.acknowledged.findLastIndex(({ atMs }) => atMs < sinceMs)
    const found = client.acknowledged.slice(past + 1).find(({ host }) => host === from)
    if (found !== undefined) return found
    if (performance.now() > endsAtMs)
      throw new Error(`${client.name}: no row from ${from} within ${timeoutMs} ms`)
    await pause(2)
  }
}

function hostLookup(target: ApplicationOptions['target']): () => Promise<string> {
  return 'host' in target ? () => Promise.resolve(target.host) : nameLookup(target)
}

async function failAfter(ms: number): Promise<never> {
  await pause(ms)
  throw new Error(`no answer within ${ms} ms`)
}
