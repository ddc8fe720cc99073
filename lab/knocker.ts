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
  stop(): Promise<void>
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
