/** Heartbeats, as the servers see them: that they arrive, and that they do not pile up. */
import type { Stage } from '../../../lab/stage.ts'
import { eventually } from '../on-stage.ts'
import type { Server } from '../words.ts'
import { sessionsOver } from './crowd.ts'

/** Two more are committed and reach bob, who counts as whole and up to date then, for whoever begins to watch. */
export async function heartbeatsGoOn(stage: Stage): Promise<void> {
  const newest = async () => {
    const [row] = await stage.pair.bob.query<{ sequence: number }>(
      'SELECT MAX(sequence) AS sequence FROM hotspare.heartbeat',
    )
    return Number(row?.sequence ?? 0)
  }
  const before = await newest()
  await eventually('two more heartbeats reach bob', async () => (await newest()) >= before + 2)
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
