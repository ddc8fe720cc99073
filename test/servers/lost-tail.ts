/**
 * MariaDB after a failover with a tail that never reached the spare, on real servers: of heartbeats alone, and of rows; and after the
 * old writer was made anew.
 *
 * The one thing to understand: within a domain all servers draw from one row of numbers, so whatever was lost has a number that the new
 * writer uses again; and a server made from a copy knows where that copy ends, but not who wrote what before (X31, X32, X63).
 */
import { cpSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { Invocation } from '../../lab/lambda/invocation.ts'
import { PAIR, type Stage } from '../../lab/stage.ts'
import { eventually, isOpen, ledgerOf, looks, onStage, recordOf, situation, startWatch } from './on-stage.ts'
import { answerOf } from './switching.ts'
import { replicationOf, type Server } from './words.ts'

const family = 'mariadb'
const options = { family, pair: { proxies: true } } as const
/** A rebuilt pair is slow to be judged on a busy machine. */
const TIMEOUT_MS = 200_000

export function lostHeartbeats(): void {
  it(
    'X31, M5: a tail of heartbeats alone: clean; START REPLICA on both, as we say, and both go on',
    async () => {
      await onStage(options, tailOfHeartbeats)
    },
    TIMEOUT_MS,
  )
}

export async function tailOfHeartbeats(stage: Stage): Promise<void> {
  const { alice, bob } = stage.pair
  const watch = await startWatch(stage)
  await dieWithTail(stage, watch)
  await situation(watch, 'spare-stopped')
  expect(ledgerOf(stage).holds).toEqual([])
  const said = await stage.aws.sns.waitForMessage(
    ({ attributes }) => attributes.event === 'old-writer-returned',
    5000,
  )
  expect(said.message).toContain('START REPLICA on alice')
  await alice.query('START REPLICA')
  await stage.pair.waitUntilCaughtUp(alice)
  await bob.query('START REPLICA')
  await expectBothFollow(stage)
  expect(looks(watch).at(-1)?.situation).toBe('healthy')
}

export function lostRowsAndRebuilt(): void {
  it(
    'X31, X32, X63: a tail of rows: held and listed; made anew, released, there and back',
    async () => {
      await onStage(options, async (stage) => {
        const { bob } = stage.pair
        await formerServer(stage)
        const first = await startWatch(stage)
        await dieWithTail(stage, first, `INSERT INTO shop.orders (token) VALUES ('lost')`)
        await situation(first, 'spare-on-hold')
        expect(ledgerOf(stage).holds).toEqual(['alice'])
        const said = await stage.aws.sns.waitForMessage(
          ({ attributes }) => attributes.event === 'server-held',
          5000,
        )
        expect(said.message).toMatch(/0-1-\d+ +shop\.orders/)
        first.kill()
        await makeAnew(stage)
        expect(await ask(stage, { action: 'release', server: 'alice' })).toMatchObject({
          ok: true,
          situation: 'released',
        })
        await startWatch(stage, 'reverse-stopped', { name: 'second' })
        await expectStale(bob)
        await receiveFromWhereItIs(bob)
        await expectBothFollow(stage)
        await expectSwitchedTo(stage, 'alice')
        await expectBothFollow(stage)
        await expectSwitchedTo(stage, 'bob')
        await expectBothFollow(stage)
      })
    },
    TIMEOUT_MS,
  )
}

/** The writer dies with a heartbeat, and what `statement` writes, that only it has; and comes back. */
async function dieWithTail(stage: Stage, watch: Invocation, statement?: string): Promise<void> {
  const { alice, bob, links } = stage.pair
  await alice.query(`INSERT INTO shop.orders (token) VALUES ('arrived')`)
  await stage.pair.waitUntilCaughtUp(bob)
  await links?.aliceToBob.cut()
  const newest = await newestBeat(bob)
  await eventually('a heartbeat is lost', async () => (await newestBeat(alice)) > newest + 1)
  if (statement !== undefined) await alice.query(statement)
  await alice.kill()
  await links?.aliceToBob.heal()
  await situation(watch, 'spare-unreachable')
  await eventually('bob commits heartbeats', async () => (await newestBeat(bob)) > newest + 3)
  await bob.query(`INSERT INTO shop.orders (token) VALUES ('new epoch')`)
  await alice.start()
}

/** The history knows a server that is gone; from before the pair, or the write would come back to alice as somebody else's. */
async function formerServer({ pair }: Stage): Promise<void> {
  const { alice, bob } = pair
  await alice.query('STOP REPLICA')
  await alice.session(async (connection) => {
    await connection.query('SET SESSION server_id = 3')
    await connection.query(`INSERT INTO shop.orders (token) VALUES ('of a former server')`)
  })
  await pair.waitUntilCaughtUp(bob)
  await receiveFromWhereItIs(alice)
}

async function receiveFromWhereItIs(server: Server): Promise<void> {
  await server.query('STOP REPLICA')
  await server.query('SET GLOBAL gtid_slave_pos = @@global.gtid_binlog_pos')
  await server.query('START REPLICA')
}

async function newestBeat(server: Server): Promise<number> {
  const [row] = await server.query<{ sequence: number }>(
    'SELECT MAX(sequence) AS sequence FROM hotspare.heartbeat',
  )
  return Number(row?.sequence ?? 0)
}

/** As from a backup: the other server's data, no binary log, and the position at which the copy ends. */
async function makeAnew(stage: Stage): Promise<void> {
  const { pair } = stage
  const { alice, bob } = pair
  const data = (server: Server) => join(server.folder, 'data')
  await Promise.all([alice.stop(), bob.stop()])
  rmSync(data(alice), { recursive: true })
  cpSync(data(bob), data(alice), { recursive: true })
  for (const file of readdirSync(data(alice)))
    if (/^(binlog|relay)\.|^(master|relay-log|multi-master)\.info$/.test(file))
      rmSync(join(data(alice), file))
  await Promise.all([alice.start(), bob.start()])
  await bob.open()
  const [copied] = await bob.query<{ position: string }>('SELECT @@global.gtid_binlog_pos AS position')
  await alice.query('RESET MASTER')
  await alice.query('SET GLOBAL gtid_slave_pos = ?', [copied?.position])
  const host = pair.links?.bobToAlice.host ?? bob.host
  await alice.receiveFrom({ ...pair.replication, host, port: pair.port, caFile: pair.caFile })
  await bob.query(`INSERT INTO shop.orders (token) VALUES ('after the copy')`)
  await pair.waitUntilCaughtUp(alice).catch(() => undefined)
}

/** What the writer itself last received of the other server's is not in that one's new binary log. */
async function expectStale(server: Server): Promise<void> {
  await server.query('START REPLICA')
  await eventually('it is refused', async () => (await replicationOf(server)).receiverErrno === 1236)
}

/** Both threads run on both servers, and still do when more heartbeats have come over. */
async function expectBothFollow({ pair }: Stage): Promise<void> {
  const { alice, bob } = pair
  const sound = { receiver: 'on', receiverErrno: 0, applier: 'on', applierErrno: 0 }
  const [open, closed] = (await isOpen(alice)) ? [alice, bob] : [bob, alice]
  const before = await newestBeat(closed)
  await open.query('INSERT INTO shop.orders (token) VALUES (UUID())')
  await eventually('more heartbeats come over', async () => (await newestBeat(closed)) > before + 3).catch(
    async (error) => {
      throw new Error(`${error}; ${JSON.stringify(await Promise.all([alice, bob].map(replicationOf)))}`)
    },
  )
  expect(await replicationOf(alice)).toMatchObject(sound)
  expect(await replicationOf(bob)).toMatchObject(sound)
}

async function ask(stage: Stage, request: Readonly<Record<string, unknown>>) {
  const invocation = stage.watcher({ handler: 'request', name: 'request' }).start({ pair: PAIR, ...request })
  return answerOf(await invocation.finished)
}

async function expectSwitchedTo(stage: Stage, to: 'alice' | 'bob'): Promise<void> {
  const answer = await ask(stage, { action: 'switchover', to, waitForQuietMs: 30_000 })
  expect(answer, JSON.stringify(answer)).toMatchObject({ ok: true, situation: 'switched-over' })
  expect(ledgerOf(stage)).toMatchObject({ writer: to, how: 'switchover', claim: null, holds: [] })
  expect(recordOf(stage)).toEqual([stage.pair.hostFor('application', stage.pair[to])])
}
