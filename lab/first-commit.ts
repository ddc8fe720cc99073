/** The client that says when a server takes its first write: the same one for a product's failover and for the floor beside it. */
import { setTimeout as pause } from 'node:timers/promises'
import { openConnection } from './database/connection.ts'
import type { DatabaseServer } from './database/database-server.ts'
import type { Pair } from './database/pair.ts'

const AGAIN_MS = 2

/** Tries to write on this server over and over. Resolves with the moment of the first commit, by `performance.now()`. */
export async function firstCommit(pair: Pair, server: DatabaseServer, timeoutMs: number): Promise<number> {
  const { application, port, caFile } = pair
  const host = pair.hostFor('application', server)
  const prober = await openConnection({ ...application, host, port, caFile }, 5000)
  const endsAtMs = performance.now() + timeoutMs
  try {
    for (let attempt = 1; performance.now() < endsAtMs; attempt++) {
      try {
        await prober.connection.query('INSERT INTO shop.orders (token) VALUES (?)', [`prober-${attempt}`])
        return performance.now()
      } catch {
        await pause(AGAIN_MS)
      }
    }
    throw new Error(`${server.name} took no write within ${timeoutMs} ms`)
  } finally {
    prober.close()
  }
}
