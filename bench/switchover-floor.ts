/**
 * The floor of a planned switchover: the same end by bare statements over connections that were open before. Nothing can be faster;
 * what a product takes beyond it is looking twice, deciding, and being able to go back.
 *
 * The one thing to understand: it checks nothing, so no watch may be at work; one would close the server that its ledger does not
 * name. It runs on the pair right after the product's switchovers, whose watch is gone, under a load of the same kind. Sessions on
 * the old writer are ended one by one, but nobody waits for it; the record is moved in the lab's zone, unasked. Hotspare
 * closes when the spare has just caught up, so the floor does too: before the closing, which is where its time begins.
 */
import type { Connection } from 'mysql2/promise'
import { application } from '../lab/database/accounts.ts'
import { type OpenConnection, openConnection } from '../lab/database/connection.ts'
import type { DatabaseServer } from '../lab/database/database-server.ts'
import { type Family, flavours } from '../lab/database/family.ts'
import { type WriteBlock, writeBlockOf } from '../lab/knocker.ts'
import { type Stage, WRITER_NAME } from '../lab/stage.ts'
import { type Load, type LoadOptions, startLoad } from '../lab/switchover-load.ts'
import { judge } from '../lab/switchover-story.ts'

export interface FloorOfSwitchovers {
  /** As clients saw it: from the last commit on the old writer to the first on the new one. */
  readonly measuredBlocksMs: readonly number[]
  /** The statements alone: from the start of the closing to the end of the opening. */
  readonly statementsMs: readonly number[]
  /** Acknowledged rows a second before each. */
  readonly rowsPerSecond: readonly number[]
  readonly failures: readonly string[]
}

interface FloorOptions extends LoadOptions {
  readonly swaps: number
  readonly restMs: number
  readonly ttlSeconds: number
}

const TIMEOUT_MS = 30_000
const APPLIED_TIMEOUT_SECONDS = 30

/** Moves the role there and back on a pair whose writer is `writer`. What is lost is in `failures`. */
export async function playSwitchoverFloor(
  stage: Stage,
  writer: DatabaseServer,
  options: FloorOptions,
): Promise<FloorOfSwitchovers> {
  const { pair } = stage
  const load = startLoad(stage, { ...options, prefix: 'floor-' })
  const opened: OpenConnection[] = []
  try {
    const connect = async (server: DatabaseServer): Promise<Side> => {
      const one = await openConnection({ socketPath: server.socketFile, user: 'root' }, 5000)
      opened.push(one)
      return { server, connection: one.connection }
    }
    let [from, to] = [await connect(writer), await connect(pair.otherOf(writer))]
    await everybodyWritesOn(stage, load, from.server, 0)
    const swaps: { block: WriteBlock; statementsMs: number; rowsPerSecond: number }[] = []
    for (let count = 0; count < options.swaps; count++) {
      await load.holdOn(from.server)
      const rowsPerSecond = await load.rate(options.restMs)
      const { startedAtMs, statementsMs } = await move(from.connection, to.connection, pair.family)
      const values = [pair.hostFor('application', to.server)]
      stage.aws.zone.set({ name: WRITER_NAME, type: 'A', ttlSeconds: options.ttlSeconds, values })
      await everybodyWritesOn(stage, load, to.server, startedAtMs)
      const block = writeBlockOf(load.knockerOf(from.server), load.knockerOf(to.server), startedAtMs)
      if (block === null) throw new Error(`the floor: nobody could write on ${to.server.name}`)
      swaps.push({ block, statementsMs, rowsPerSecond })
      ;[from, to] = [to, from]
    }
    await load.stop()
    const end = await judge(stage, from.server, to.server, load.tokens())
    return {
      measuredBlocksMs: swaps.map(({ block }) => block.blockMs),
      statementsMs: swaps.map((each) => each.statementsMs),
      rowsPerSecond: swaps.map((each) => each.rowsPerSecond),
      failures: end.failures.map((failure) => `the floor: ${failure}`),
    }
  } finally {
    await load.stop()
    for (const each of opened) each.close()
  }
}

interface Side {
  readonly server: DatabaseServer
  readonly connection: Connection
}

async function everybodyWritesOn(stage: Stage, load: Load, server: DatabaseServer, sinceMs: number) {
  const host = stage.pair.hostFor('application', server)
  const measures = load.knockerOf(server)
  await Promise.all([
    measures.firstSince(sinceMs, TIMEOUT_MS),
    ...load.apps.map((app) => app.firstFrom(host, sinceMs, TIMEOUT_MS)),
  ])
}

/** Close, read the position, wait for it, open: nothing else is needed if nothing goes wrong. */
async function move(old: Connection, spare: Connection, family: Family): Promise<Moved> {
  await caughtUp(old, spare, family)
  const startedAtMs = performance.now()
  await old.query(flavours[family].close)
  const applied = caughtUp(old, spare, family)
  // Sent after the position was asked for, on the same connection; nobody who writes waits for it.
  const ended = endSessions(old)
  await applied
  await spare.query(flavours[family].open)
  const statementsMs = performance.now() - startedAtMs
  await ended
  return { startedAtMs, statementsMs }
}

interface Moved {
  readonly startedAtMs: number
  readonly statementsMs: number
}

/** Resolves when the spare has applied what the old writer has committed by now. */
async function caughtUp(old: Connection, spare: Connection, family: Family): Promise<void> {
  // Both wait until the applier has committed everything that these name, or for so many seconds.
  const [wait, position] =
    family === 'mysql'
      ? ['WAIT_FOR_EXECUTED_GTID_SET', '@@global.gtid_executed']
      : ['MASTER_GTID_WAIT', '@@global.gtid_binlog_pos']
  const [executed] = await old.query(`SELECT ${position} AS position`)
  const wanted = (executed as { position: string }[])[0]?.position
  const [answer] = await spare.query(`SELECT ${wait}(?, ${APPLIED_TIMEOUT_SECONDS}) AS outcome`, [wanted])
  const outcome = (answer as { outcome: number }[])[0]?.outcome
  if (Number(outcome) !== 0)
    throw new Error(`The spare did not apply ${wanted} within ${APPLIED_TIMEOUT_SECONDS} s (${outcome})`)
}

async function endSessions(old: Connection): Promise<void> {
  const [rows] = await old.query('SELECT id FROM information_schema.PROCESSLIST WHERE user = ?', [
    application.user,
  ])
  // One that has gone meanwhile is what is wanted.
  for (const { id } of rows as { id: number }[]) await old.query('KILL ?', [id]).catch(() => undefined)
}
