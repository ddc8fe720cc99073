/**
 * A client that tries to write on one server, over and over, whatever it is told: it measures when a server began and ceased to take
 * writes. No name, no cache, no waiting: the floor under what applications see.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { type OpenConnection, openConnection } from './database/connection.ts'
import type { DatabaseServer } from './database/database-server.ts'
import type { Stage } from './stage.ts'

export interface Knocker {
  /** When commits were acknowledged, by `performance.now()` of this process. */
  readonly acknowledgedAtMs: readonly number[]
  /** The tokens of the rows behind them. */
  readonly tokens: readonly string[]
  /** Resolves when a commit was acknowledged after this moment. Throws after `timeoutMs`. */
  firstSince(sinceMs: number, timeoutMs: number): Promise<void>
  stop(): Promise<void>
}

/** How long nobody could write while the writer's role moved, as clients saw it that never stopped trying. */
export interface WriteBlock {
  /** The last commit that the old writer acknowledged, by `performance.now()`. */
  readonly lastOldAtMs: number
  /** The first one of the new writer. */
  readonly firstNewAtMs: number
  readonly blockMs: number
}

/** Of a move that began at `sinceMs`; null while the new writer has acknowledged nothing since then. */
export function writeBlockOf(onOld: Knocker, onNew: Knocker, sinceMs: number): WriteBlock | null {
  const lastOldAtMs = onOld.acknowledgedAtMs.at(-1)
  const firstNewAtMs = onNew.acknowledgedAtMs.find((atMs) => atMs > sinceMs)
  if (lastOldAtMs === undefined || firstNewAtMs === undefined) return null
  return { lastOldAtMs, firstNewAtMs, blockMs: firstNewAtMs - lastOldAtMs }
}

const EVERY_MS = 2
const CONNECT_TIMEOUT_MS = 2000

export function knockOn(stage: Pick<Stage, 'pair'>, server: DatabaseServer, name: string): Knocker {
  const { application, port, caFile } = stage.pair
  const host = stage.pair.hostFor('application', server)
  const acknowledgedAtMs: number[] = []
  const tokens: string[] = []
  let connection: OpenConnection | null = null
  let stopping = false

  async function knock(count: number): Promise<void> {
    connection ??= await openConnection({ ...application, host, port, caFile }, CONNECT_TIMEOUT_MS)
    const token = `${name}-${count}`
    await connection.connection.query('INSERT INTO shop.orders (token) VALUES (?)', [token])
    acknowledgedAtMs.push(performance.now())
    tokens.push(token)
  }

  async function run(): Promise<void> {
    for (let count = 1; !stopping; count++) {
      try {
        await knock(count)
      } catch (error) {
        // A refused write leaves the connection as it is; one that is gone is made again.
        const refused = error instanceof Error && 'errno' in error && error.errno === READ_ONLY_ERRNO
        if (!refused) {
          connection?.close()
          connection = null
        }
      }
      await pause(EVERY_MS)
    }
  }

  const running = run()
  return {
    acknowledgedAtMs,
    tokens,
    async firstSince(sinceMs, timeoutMs) {
      const endsAtMs = performance.now() + timeoutMs
      while ((acknowledgedAtMs.at(-1) ?? 0) <= sinceMs) {
        if (performance.now() > endsAtMs) throw new Error(`${name}: no commit within ${timeoutMs} ms`)
        await pause(EVERY_MS)
      }
    },
    async stop() {
      stopping = true
      // A statement on a connection that is closed under it never ends.
      await Promise.race([running, pause(STOP_TIMEOUT_MS)])
      connection?.close()
    },
  }
}

const READ_ONLY_ERRNO = 1290
const STOP_TIMEOUT_MS = 2000
