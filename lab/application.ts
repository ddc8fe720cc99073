/**
 * An application that writes a row every ten milliseconds and remembers what was acknowledged: the judge of what was lost.
 *
 * It finds its server as applications do: by name, over real DNS, keeping the answer for its TTL. A stubborn one is given an address
 * and no time-outs instead: it stays on its connection whatever happens, like a pool that nobody told.
 */
import { Resolver } from 'node:dns/promises'
import { setTimeout as pause } from 'node:timers/promises'
import type { Account } from './database/accounts.ts'
import { type OpenConnection, openConnection } from './database/connection.ts'

export interface Acknowledged {
  readonly token: string
  /** By `performance.now()` of this process. */
  readonly atMs: number
  /** Address of the server that acknowledged it. */
  readonly host: string
}

export interface Application {
  readonly acknowledged: readonly Acknowledged[]
  /** Resolves with the first row that this host acknowledges after this moment. Throws after `timeoutMs`. */
  firstFrom(host: string, sinceMs: number, timeoutMs: number): Promise<Acknowledged>
  stop(): Promise<void>
}

export interface ApplicationOptions {
  readonly name: string
  readonly account: Account
  readonly port: number
  readonly caFile: string
  /** By name, through this name server (`ip:port`), or straight to an address, without time-outs. */
  readonly target: { readonly name: string; readonly nameServer: string } | { readonly host: string }
  readonly everyMs?: number
}

const STATEMENT_TIMEOUT_MS = 1000
const CONNECT_TIMEOUT_MS = 1000

export function startApplication(options: ApplicationOptions): Application {
  const acknowledged: Acknowledged[] = []
  const hostOf = addressLookup(options.target)
  const stubborn = 'host' in options.target
  let connection: OpenConnection | null = null
  let host = ''
  let stopping = false
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
      try {
        await write()
      } catch {
        connection?.close()
        connection = null
        // A stubborn one whose session was killed has nothing more to say to that server.
        if (stubborn) return
      }
      await pause(Math.max(0, startedAtMs + (options.everyMs ?? 10) - performance.now()))
    }
  }

  const running = run()
  return {
    acknowledged,
    async firstFrom(from, sinceMs, timeoutMs) {
      const endsAtMs = performance.now() + timeoutMs
      for (;;) {
        const found = acknowledged.find((each) => each.host === from && each.atMs >= sinceMs)
        if (found !== undefined) return found
        if (performance.now() > endsAtMs)
          throw new Error(`${options.name}: no row from ${from} within ${timeoutMs} ms`)
        await pause(2)
      }
    },
    async stop() {
      stopping = true
      connection?.close()
      await Promise.race([running, pause(STATEMENT_TIMEOUT_MS * 2)])
    },
  }
}

/** Resolves with real DNS queries, and asks again only when the answer's TTL has run out. */
function addressLookup(target: ApplicationOptions['target']): () => Promise<string> {
  if ('host' in target) return () => Promise.resolve(target.host)
  const resolver = new Resolver({ timeout: 1000, tries: 1 })
  resolver.setServers([target.nameServer])
  let cached = { host: '', endsAtMs: 0 }
  return async () => {
    if (performance.now() < cached.endsAtMs) return cached.host
    const [answer] = await resolver.resolve4(target.name, { ttl: true })
    if (answer === undefined) throw new Error(`${target.name} has no address`)
    cached = { host: answer.address, endsAtMs: performance.now() + answer.ttl * 1000 }
    return cached.host
  }
}

async function failAfter(ms: number): Promise<never> {
  await pause(ms)
  throw new Error(`no answer within ${ms} ms`)
}
