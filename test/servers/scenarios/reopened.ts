/** Makes a pair whole again that was taken apart for a scenario, before any watch has seen it. */
import { waitUntilReplicating } from '../../../lab/database/replication.ts'
import type { Stage } from '../../../lab/stage.ts'
import type { Server } from '../words.ts'

const TIMEOUT_MS = 20_000

/** After restarts both servers are closed and no thread runs: `writer` is opened, and each follows the other again. */
export async function reopened(stage: Stage, writer: Server): Promise<void> {
  const { pair } = stage
  await writer.open()
  for (const server of pair.servers) await server.query('START REPLICA')
  for (const server of pair.servers) await waitUntilReplicating(server, TIMEOUT_MS)
  await pair.waitUntilCaughtUp(pair.otherOf(writer))
}
