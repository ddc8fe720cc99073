/**
 * A client as a careful user of Node and mysql2 writes it: a pool whose every new connection looks the writer up by name.
 *
 * The one thing to understand: a pool keeps what it has. What lets it find the new writer is that Hotspare ends its sessions on the old
 * one, and that a connection which is told "read only" is thrown away instead of being given back: it leads to the old writer too.
 */
import { readFileSync } from 'node:fs'
import { connect, type LookupFunction, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import mysql, { type PoolConnection } from 'mysql2/promise'
import { type NamedTarget, nameLookup } from '../address-lookup.ts'
import { type Acknowledged, type Client, firstFrom } from '../application.ts'
import type { Account } from '../database/accounts.ts'

export interface ClientOptions {
  readonly name: string
  readonly account: Account
  readonly port: number
  readonly caFile: string
  readonly target: NamedTarget
  /** How long after the end of a connection it asks for the name again at the earliest, ms. */
  readonly askAfterMs: number
}

const CONNECTIONS = 4
const EVERY_MS = 20
const TIMEOUT_MS = 2000
/** After an error that the same server, asked again at once, would only repeat. */
const RETRY_MS = 50
/** ER_OPTION_PREVENTS_STATEMENT and ER_READ_ONLY_MODE: this server is no writer. */
const READ_ONLY_ERRNOS: readonly unknown[] = [1290, 1836]

export function startPooledNodeClient(options: ClientOptions): Client {
  const acknowledged: Acknowledged[] = []
  const sockets = new WeakMap<object, Socket>()
  const pool = poolFor(options, sockets)
  let stopping = false
  let count = 0

  async function write(): Promise<void> {
    const connection = await pool.getConnection()
    try {
      const token = `${options.name}-${++count}`
      const host = sockets.get(connection.connection.config)?.remoteAddress ?? ''
      await connection.query({
        ...{ sql: 'INSERT INTO shop.orders (token) VALUES (?)', values: [token] },
        timeout: TIMEOUT_MS,
      })
      acknowledged.push({ token, atMs: performance.now(), host })
      connection.release()
    } catch (error) {
      giveUp(connection, error)
      throw error
    }
  }

  async function run(): Promise<void> {
    while (!stopping) {
      try {
        await write()
        await pause(EVERY_MS)
      } catch {
        await pause(RETRY_MS)
      }
    }
  }

  const running = Array.from({ length: CONNECTIONS }, run)
  return {
    name: options.name,
    acknowledged,
    firstFrom: (from, sinceMs, timeoutMs) =>
      firstFrom({ name: options.name, acknowledged }, from, sinceMs, timeoutMs),
    async stop() {
      if (stopping) return
      stopping = true
      await Promise.race([Promise.all(running), pause(2 * TIMEOUT_MS)])
      await Promise.race([pool.end(), pause(TIMEOUT_MS)])
    },
  }
}

/** What a careful user sets: few connections, bounded waiting, nothing kept for ever, the server's certificate verified. */
function poolFor(options: ClientOptions, sockets: WeakMap<object, Socket>) {
  const { account, port, caFile, target, askAfterMs } = options
  const nameToHost = nameLookup(target)
  let lostAtMs = Number.NEGATIVE_INFINITY
  // A pool replaces connections that have ended as soon as it is asked for one, so the waiting is done here.
  const hostOf = async () => {
    await pause(Math.max(0, lostAtMs + askAfterMs - performance.now()))
    return nameToHost()
  }
  const lookup: LookupFunction = (_name, { all }, done) => {
    hostOf().then(
      // An address looks like a name to whoever asked for all of them.
      (address) => (all === true ? done(null, [{ address, family: 4 }]) : done(null, address, 4)),
      (error: NodeJS.ErrnoException) => done(error, '', 4),
    )
  }
  return mysql.createPool({
    ...account,
    ...{ host: target.name, port, connectionLimit: CONNECTIONS, maxIdle: CONNECTIONS, idleTimeout: 60_000 },
    // Node's own look-up keeps nothing and knows no TTL; this one asks the lab's name server.
    stream: ({ config }: { config: object }) => {
      const socket = connect({ host: target.name, port, lookup, noDelay: true, keepAlive: true })
      sockets.set(config, socket)
      socket.once('close', () => {
        lostAtMs = performance.now()
      })
      return socket
    },
    ssl: { ca: readFileSync(caFile, 'utf8'), rejectUnauthorized: true },
    connectTimeout: TIMEOUT_MS,
  })
}

/** A statement that was refused leaves a whole connection; one that got no answer, or none that it can have, leaves none. */
function giveUp(connection: PoolConnection, error: unknown): void {
  const errno = error instanceof Error && 'errno' in error ? error.errno : undefined
  const isServers = error instanceof Error && 'sqlState' in error && error.sqlState !== undefined
  if (isServers && !READ_ONLY_ERRNOS.includes(errno)) connection.release()
  else connection.destroy()
}
