/** Links that are cut, slow, or refused for a reason that the other side gives, on real servers. */
import { setTimeout as pause } from 'node:timers/promises'
import { expect, onTestFinished } from 'vitest'
import { removeFolder, temporaryFolder } from '../../../lab/cleanup.ts'
import { createAuthority } from '../../../lab/database/certificates.ts'
import type { OpenConnection } from '../../../lab/database/connection.ts'
import { PAIR, type Stage } from '../../../lab/stage.ts'
import { tailOfHeartbeats } from '../lost-tail.ts'
import { eventually, ledgerOf, looks, situation, startWatch } from '../on-stage.ts'
import { endSessions, replicationOf, type Server, useCertificate } from '../words.ts'
import { playScenarios } from './play.ts'
import {
  applicationBeside,
  applicationByName,
  changeReceiversPassword,
  commitLarge,
  createLargeTable,
  failedOver,
  linksOf,
  missingOn,
  nothingOpened,
  purgeWhatBobNeeds,
  settlesAs,
  told,
} from './scene.ts'

/** Everything that leads to alice's host, and from it. */
const linksOfAlice = (stage: Stage) => {
  const { functionToAlice, applicationToAlice, aliceToBob, bobToAlice } = linksOf(stage)
  return [functionToAlice, applicationToAlice, aliceToBob, bobToAlice]
}

async function blackHole(stage: Stage): Promise<void> {
  await Promise.all(linksOfAlice(stage).map((link) => link.cut()))
}

async function backOnTheNetwork(stage: Stage): Promise<void> {
  await Promise.all(linksOfAlice(stage).map((link) => link.heal()))
}

/** Replication breaks for a reason that alice gives; then the function loses its way to her. Nothing may be opened. */
async function brokenThenCutOff(
  stage: Stage,
  breakIt: () => Promise<void>,
  errnos: number[],
  judged: { situation: string; event: string } = {
    situation: 'writer-partitioned',
    event: 'writer-partitioned',
  },
): Promise<void> {
  const { alice, bob } = stage.pair
  const watch = await startWatch(stage)
  await breakIt()
  await eventually('the receiver says why', async () =>
    errnos.includes((await replicationOf(bob)).receiverErrno),
  )
  await settlesAs(watch, 'spare-not-replicating')
  await linksOf(stage).functionToAlice.cut()
  await situation(watch, judged.situation)
  await told(stage, judged.event)
  expect(looks(watch).at(-1)?.situation).toBe(judged.situation)
  await nothingOpened(stage)
  expect(await alice.isOpen()).toBe(true)
}

/** Every answer of both servers takes this long on its way to the function and back, logins too. */
async function farAway(stage: Stage, roundTripMs: number, die: Death): Promise<void> {
  const { functionToAlice, functionToBob } = linksOf(stage)
  for (const link of [functionToAlice, functionToBob]) link.delay(roundTripMs / 2)
  await wellUntilItDies(stage, die)
}

/** Overloaded: both servers get a fifteenth of the time only, until the writer is killed. */
async function sluggish(stage: Stage): Promise<void> {
  const { alice, servers } = stage.pair
  let loaded = true
  const load = (async () => {
    while (loaded) {
      for (const server of servers) if (server.running) server.freeze()
      await pause(STOPS_MS)
      for (const server of servers) server.wake()
      await pause(RUNS_MS)
    }
  })()
  const end = () => {
    loaded = false
    return load
  }
  onTestFinished(end)
  await wellUntilItDies(stage, async () => {
    await end()
    await alice.kill()
  })
}

const RUNS_MS = 10
const STOPS_MS = 140

type Death = (stage: Stage) => unknown

/** A watch over a pair that is well but slow sees and tells what it would see nearby, and fails over when the writer dies. */
async function wellUntilItDies(stage: Stage, die: Death): Promise<void> {
  const { alice, bob } = stage.pair
  const watch = await startWatch(stage)
  const app = await applicationByName(stage)
  const first = await sequenceOf(alice)
  await eventually('heartbeats flow', async () => (await sequenceOf(alice)) >= first + 8)
  const seen = looks(watch).map(({ situation: code }) => code)
  expect(new Set(seen.slice(seen.indexOf('healthy')))).toEqual(new Set(['healthy']))
  expect(stage.aws.sns.messages.map(({ attributes }) => attributes.event)).toEqual(['adopted'])
  for (const server of [alice, bob]) expect(await ourSessionsOn(server)).toBeLessThanOrEqual(SESSIONS_MAX)
  const request = stage.watcher({ handler: 'request', name: 'request' })
  expect((await request.invoke({ action: 'status', pair: PAIR })).result).toMatchObject({
    situation: 'healthy',
    servers: { alice: { state: 'open' }, bob: { state: 'closed' } },
  })
  await die(stage)
  await failedOver(stage, 40_000)
  await app.stop()
  expect(await missingOn(bob, app.acknowledged)).toEqual([])
}

/** Looks, guard, heartbeats, and one that is being opened or closed. */
const SESSIONS_MAX = 4

const sequenceOf = async (server: Server): Promise<number> => {
  const [row] = await server.query<{ sequence: number }>(
    'SELECT MAX(sequence) AS sequence FROM hotspare.heartbeat',
  )
  return Number(row?.sequence ?? 0)
}

const ourSessionsOn = async (server: Server): Promise<number> => {
  const [row] = await server.query<{ sessions: number }>(
    `SELECT COUNT(*) AS sessions FROM information_schema.PROCESSLIST WHERE USER = 'hotspare' AND COMMAND <> 'Killed'`,
  )
  return Number(row?.sessions ?? 0)
}

const crash: Death = ({ pair }) => pair.alice.kill()
const freeze: Death = ({ pair }) => pair.alice.freeze()

playScenarios('network', {
  'writer-dies-with-lost-heartbeats': tailOfHeartbeats,

  'writer-host-black-holed': async (stage) => {
    const { alice, bob } = stage.pair
    const watch = await startWatch(stage)
    const app = await applicationByName(stage)
    await app.firstFrom(stage.pair.hostFor('application', alice), performance.now(), 5000)
    await app.stop()
    await stage.pair.waitUntilCaughtUp(bob)
    await blackHole(stage)
    await failedOver(stage)
    const message = await told(stage, 'failed-over')
    expect(message).toContain('FENCE UNCONFIRMED')
    expect(await alice.isOpen()).toBe(true)
    await backOnTheNetwork(stage)
    await eventually('alice is closed', async () => !(await alice.isOpen()))
    await settlesAs(watch, 'reverse-stopped')
    expect(ledgerOf(stage).holds).toEqual([])
    expect(await missingOn(bob, app.acknowledged)).toEqual([])
  },

  'writer-host-black-holed-with-clients': async (stage) => {
    const { alice, bob } = stage.pair
    const watch = await startWatch(stage)
    await blackHole(stage)
    const beside = applicationBeside(stage, alice)
    await failedOver(stage)
    await beside.firstFrom(alice.host, performance.now(), 5000)
    await backOnTheNetwork(stage)
    await situation(watch, 'spare-on-hold')
    expect(await alice.isOpen()).toBe(false)
    await beside.stop()
    expect(await missingOn(alice, beside.acknowledged)).toEqual([])
    expect(ledgerOf(stage).holds).toEqual(['alice'])
    const message = await told(stage, 'server-held')
    expect(beside.acknowledged.length).toBeGreaterThan(20)
    expect(message.match(/shop\.orders/g)?.length, 'listed one by one').toBe(20)
    expect(await bob.query(`SELECT token FROM shop.orders WHERE token LIKE 'beside-%'`)).toEqual([])
  },

  'function-cut-off-from-writer': async (stage) => {
    const watch = await startWatch(stage)
    const app = await applicationByName(stage)
    await linksOf(stage).functionToAlice.cut()
    await situation(watch, 'writer-partitioned')
    const message = await told(stage, 'writer-partitioned')
    expect(message).toContain('Applications can probably write')
    await app.firstFrom(stage.pair.hostFor('application', stage.pair.alice), performance.now(), 1000)
    await nothingOpened(stage)
    await linksOf(stage).functionToAlice.heal()
    await settlesAs(watch, 'healthy')
    await app.stop()
    await stage.pair.waitUntilCaughtUp(stage.pair.bob)
    expect(await missingOn(stage.pair.bob, app.acknowledged)).toEqual([])
  },

  'function-cut-off-during-large-transaction': async (stage) => {
    const { alice, bob } = stage.pair
    const { aliceToBob, functionToAlice } = linksOf(stage)
    await createLargeTable(alice)
    await stage.pair.waitUntilCaughtUp(bob)
    const watch = await startWatch(stage)
    const bytesBefore = aliceToBob.bytes.toClient
    // The link holds a megabyte at most, so it takes about ten times this long.
    aliceToBob.delay(1000)
    await commitLarge(alice, 10)
    await functionToAlice.cut()
    await situation(watch, 'writer-partitioned')
    expect(aliceToBob.bytes.toClient - bytesBefore, 'it is still on its way').toBeLessThan(9_000_000)
    await eventually('it has arrived', async () => {
      const [row] = await bob.query<{ rows: number }>('SELECT COUNT(*) AS `rows` FROM shop.large')
      return Number(row?.rows) === 10
    })
    expect(looks(watch).some(({ situation: code }) => code === 'writer-dead')).toBe(false)
    await functionToAlice.heal()
    await settlesAs(watch, 'healthy')
    await nothingOpened(stage)
  },

  'function-cut-off-from-both': async (stage) => {
    const { functionToAlice, functionToBob } = linksOf(stage)
    const watch = await startWatch(stage)
    const app = await applicationByName(stage)
    await Promise.all([functionToAlice.cut(), functionToBob.cut()])
    await situation(watch, 'blind')
    await told(stage, 'blind')
    await app.firstFrom(stage.pair.hostFor('application', stage.pair.alice), performance.now(), 1000)
    await app.stop()
    await nothingOpened(stage)
    expect(await stage.pair.alice.isOpen()).toBe(true)
    await Promise.all([functionToAlice.heal(), functionToBob.heal()])
    await settlesAs(watch, 'healthy')
  },

  'receiver-denied': (stage) => brokenThenCutOff(stage, () => changeReceiversPassword(stage), [1045]),

  'receiver-lacks-purged-log': (stage) =>
    brokenThenCutOff(stage, () => purgeWhatBobNeeds(stage), [1236, 13_114], {
      situation: 'no-witness',
      event: 'failover-refused',
    }),

  'receiver-distrusts-certificate': async (stage) => {
    const { alice } = stage.pair
    const folder = temporaryFolder('stranger')
    const changeCertificate = async () => {
      const authority = createAuthority(folder)
      const { certificateFile, keyFile } = authority.issue('alice', [alice.name, alice.host])
      await useCertificate(alice, { caFile: authority.caFile, certificateFile, keyFile })
      await endSessions(alice, 'dumps')
    }
    await brokenThenCutOff(stage, changeCertificate, [2026]).finally(() => removeFolder(folder))
  },

  'receiver-too-many-connections': async (stage) => {
    const { alice, bob } = stage.pair
    const clients: OpenConnection[] = []
    const fillUp = async () => {
      await bob.query('STOP REPLICA IO_THREAD')
      await endSessions(alice, 'dumps')
      await alice.query('SET GLOBAL max_connections = 12')
      const another = () => stage.pair.connect(stage.pair.application, alice)
      await expect(
        (async () => {
          for (;;) clients.push(await another())
        })(),
      ).rejects.toMatchObject({ errno: 1040 })
      await bob.query('START REPLICA IO_THREAD')
    }
    await brokenThenCutOff(stage, fillUp, [1040])
    for (const client of clients) client.close()
  },

  'far-away-5-crash': (stage) => farAway(stage, 5, crash),
  'far-away-5-freeze': (stage) => farAway(stage, 5, freeze),
  'far-away-40-crash': (stage) => farAway(stage, 40, crash),
  'far-away-40-freeze': (stage) => farAway(stage, 40, freeze),
  'far-away-150-crash': (stage) => farAway(stage, 150, crash),
  'far-away-150-freeze': (stage) => farAway(stage, 150, freeze),
  'sluggish-servers': sluggish,
})
