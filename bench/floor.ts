/**
 * The floor of a failover: the same end with the death already known, by bare statements on the spare over a connection that was open
 * before. Nothing can be faster; what a product takes beyond it is deciding.
 *
 * The one thing to understand: everything around it is as it is for the product, since it costs time on a small machine: an application
 * that has lost its writer and looks for it by name, and a client that tries to write on the spare until it may.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { Connection } from 'mysql2/promise'
import { startApplication } from '../lab/application.ts'
import { openConnection } from '../lab/database/connection.ts'
import type { Family } from '../lab/database/family.ts'
import { prepareDeath } from '../lab/death.ts'
import { firstCommit } from '../lab/first-commit.ts'
import { type Stage, WRITER_NAME } from '../lab/stage.ts'

const APPLIED_TIMEOUT_SECONDS = 60

export interface Floor {
  /** From the kill -9 to the first commit on the spare. */
  readonly writableMs: number
  readonly failures: readonly string[]
}

/** Plays one on a fresh pair, under the same load as a product's failover. */
export async function playFloor(
  { pair, aws }: Stage,
  options: { scenario: 'crash' | 'backlog'; warmUpMs: number },
): Promise<Floor> {
  const { alice, bob, application: account, port, caFile } = pair
  const host = pair.hostFor('application', alice)
  // Nobody adopts this pair, so nobody else makes the record.
  aws.zone.set({ name: WRITER_NAME, type: 'A', ttlSeconds: 5, values: [host] })
  const target = { name: WRITER_NAME, nameServer: aws.environment.HOTSPARE_NAME_SERVER }
  const load = startApplication({ name: 'app', account, port, caFile, target })
  try {
    await load.firstFrom(host, 0, 10_000)
    await pause(options.warmUpMs)
    const death = await prepareDeath(pair, options.scenario)
    const opened = await openConnection({ socketPath: bob.socketFile, user: 'root' }, 5000)
    try {
      const diedAtMs = performance.now()
      const dying = death.begin()
      const writable = firstCommit(pair, bob, APPLIED_TIMEOUT_SECONDS * 1000)
      // Awaited only once the spare is open; what went wrong is told then.
      writable.catch(() => undefined)
      await death.applying()
      await promote(opened.connection, pair.family)
      const writableMs = (await writable) - diedAtMs
      await dying
      return { writableMs, failures: (await death.missing()).map((text) => `the floor: ${text}`) }
    } finally {
      opened.close()
    }
  } finally {
    await load.stop()
  }
}

async function promote(spare: Connection, family: Family): Promise<void> {
  await spare.query('STOP REPLICA IO_THREAD')
  const [rows] = await spare.query('SHOW REPLICA STATUS')
  const status = (rows as Record<string, string>[])[0] ?? {}
  // Both wait until the applier has committed everything that these name, or for so many seconds.
  const [wait, received] =
    family === 'mysql'
      ? ['WAIT_FOR_EXECUTED_GTID_SET', status.Retrieved_Gtid_Set]
      : ['MASTER_GTID_WAIT', status.Gtid_IO_Pos]
  const [answer] = await spare.query(`SELECT ${wait}(?, ${APPLIED_TIMEOUT_SECONDS}) AS outcome`, [received])
  const outcome = (answer as { outcome: number }[])[0]?.outcome
  if (Number(outcome) !== 0)
    throw new Error(`The spare did not apply ${received} within ${APPLIED_TIMEOUT_SECONDS} s (${outcome})`)
  await spare.query('STOP REPLICA SQL_THREAD')
  await spare.query('SET GLOBAL read_only = 0')
}
