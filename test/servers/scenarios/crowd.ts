/** A server without a free connection, and what sessions it has. */
import type { Connection } from 'mysql2/promise'
import type { Stage } from '../../../lab/stage.ts'
import type { Server } from '../words.ts'

/** More than the server takes with the limit below, the one that is kept for administrators included. */
const CROWD = 16
const LIMIT = 10
const SESSION_MS = 60_000

export interface Listed {
  readonly id: number
  readonly user: string
  readonly state: string
  readonly statement: string
}

/** What the server lists, over this session: while it is crowded there is no other. */
export async function sessionsOver(root: Connection): Promise<Listed[]> {
  const [rows] = await root.query('SHOW PROCESSLIST')
  return (rows as Record<string, unknown>[]).map((row) => ({
    id: Number(row.Id),
    user: String(row.User),
    state: String(row.State ?? ''),
    statement: String(row.Info ?? ''),
  }))
}

/** Ends Hotspare's sessions, over this session. */
export async function cutOver(root: Connection): Promise<void> {
  // One that has gone by itself meanwhile is no failure.
  for (const { id, user } of await sessionsOver(root))
    if (user === 'hotspare') await root.query('KILL ?', [id]).catch(() => undefined)
}

/** While an application uses up all connections of the server. `work` gets the only session of root that there is. */
export async function whileCrowded(
  stage: Stage,
  server: Server,
  work: (root: Connection) => Promise<void>,
): Promise<void> {
  const { pair } = stage
  const crowd = await Promise.all(Array.from({ length: CROWD }, () => pair.connect(pair.application, server)))
  try {
    await server.session(
      async (root) => {
        const [rows] = await root.query('SELECT @@global.max_connections AS before_the_crowd')
        const [before] = rows as { before_the_crowd: number }[]
        await root.query('SET GLOBAL max_connections = ?', [LIMIT])
        try {
          await work(root)
        } finally {
          await root.query('SET GLOBAL max_connections = ?', [before?.before_the_crowd])
        }
      },
      { timeoutMs: SESSION_MS },
    )
  } finally {
    for (const { close } of crowd) close()
  }
}

export interface HeartbeatCount {
  /** The most heartbeat writes that were at work at once, and the most sessions that Hotspare had. */
  stop(): Promise<{ readonly writes: number; readonly sessions: number }>
}

/** Counts, until it is stopped, what Hotspare has on the server at once (T37). */
export function countHeartbeats(server: Server): HeartbeatCount {
  let isOver = false
  let writes = 0
  let sessions = 0
  const counting = server.session(
    async (root) => {
      while (!isOver) {
        const ours = (await sessionsOver(root)).filter(({ user }) => user === 'hotspare')
        sessions = Math.max(sessions, ours.length)
        writes = Math.max(
          writes,
          ours.filter(({ statement }) => /hotspare\.heartbeat/.test(statement)).length,
        )
      }
    },
    { timeoutMs: 200_000 },
  )
  // Told when it is stopped.
  counting.catch(() => undefined)
  return {
    stop: async () => {
      isOver = true
      await counting
      return { writes, sessions }
    },
  }
}
