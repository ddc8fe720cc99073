/** Servers that are open and should not be, closed and should not be, or that come back changed: on real servers. */
import { setImmediate as breathe } from 'node:timers/promises'
import { expect, onTestFinished } from 'vitest'
import type { Invocation } from '../../../lab/lambda/invocation.ts'
import type { Stage } from '../../../lab/stage.ts'
import { eventually, ledgerOf, looks, situation, startWatch, timesDone } from '../on-stage.ts'
import {
  createAdministrator,
  replicationOf,
  type Server,
  semiSyncCounters,
  strayCommit,
  switchSemiSyncOn,
  WORDS,
} from '../words.ts'
import { OldDisk } from './old-disk.ts'
import { playScenarios } from './play.ts'
import {
  applicationBeside,
  applicationByName,
  failedOver,
  firstWrite,
  linksOf,
  missingOn,
  nothingOpened,
  settlesAs,
  told,
} from './scene.ts'

/** Alice dies and bob is the writer. */
async function failOver(stage: Stage, watch: Invocation): Promise<void> {
  await stage.pair.alice.kill()
  await failedOver(stage)
  await settlesAs(watch, 'spare-unreachable')
}

/** What was done to the servers since that moment of the log, heartbeats left out. */
function stepsSince(watch: Invocation, lookCount: number): string[] {
  return looks(watch)
    .slice(lookCount)
    .flatMap(({ step }) => (step === null || step === 'beat' ? [] : [step]))
}

/** Clients that insert and, when they are thrown out or refused, connect again at once. */
class Stampede {
  acknowledged = 0
  refused = 0
  #stopping = false
  readonly #clients: Promise<unknown>

  constructor(stage: Stage, server: Server, clients: number) {
    this.#clients = Promise.all(
      Array.from({ length: clients }, (_, number) => this.#run(stage, server, number)),
    )
  }

  async stop(): Promise<void> {
    this.#stopping = true
    await this.#clients
  }

  async #run({ pair }: Stage, server: Server, client: number): Promise<void> {
    for (let row = 0; !this.#stopping; )
      try {
        await pair.as(pair.application, server, async (connection) => {
          for (; !this.#stopping; row++) {
            await connection.query('INSERT INTO shop.orders (token) VALUES (?)', [`rush-${client}-${row}`])
            this.acknowledged += 1
          }
        })
      } catch {
        this.refused += 1
        // Where nobody listens the refusal costs nothing, and nothing else would get its turn.
        await breathe()
      }
  }
}

playScenarios('open', {
  'both-open': async (stage) => {
    const { alice, bob } = stage.pair
    const watch = await startWatch(stage)
    stage.aws.route53.faults.outage = 'hang'
    await bob.open()
    await situation(watch, 'unnamed-open-unconfirmed')
    const readings = stage.aws.route53.counts.listCalls
    await eventually('it has tried to read again', () => stage.aws.route53.counts.listCalls > readings + 2)
    expect(await told(stage, 'second-server-open')).toContain('SET GLOBAL')
    expect(await bob.isOpen()).toBe(true)
    stage.aws.route53.faults.outage = 'none'
    await eventually('bob is closed', async () => !(await bob.isOpen()))
    await settlesAs(watch, 'healthy')
    expect(await alice.isOpen()).toBe(true)
    await nothingOpened(stage)
  },

  'reconnecting-clients': async (stage) => {
    const { alice, bob } = stage.pair
    const watch = await startWatch(stage)
    const most = 'SELECT @@global.max_connections AS most'
    const before = await bob.query(most)
    const rush = new Stampede(stage, bob, 20)
    onTestFinished(() => rush.stop())
    await eventually('they are refused', () => rush.refused > 20)
    await bob.open()
    await situation(watch, 'unnamed-open')
    await eventually('bob is closed', async () => !(await bob.isOpen()))
    const refused = async (more: number) => {
      const atLeast = rush.refused + more
      await eventually('they go on trying', () => rush.refused > atLeast)
    }
    // An acknowledgement may still be on its way when the server is seen closed.
    await refused(100)
    const { acknowledged } = rush
    await refused(200)
    await rush.stop()
    expect(rush.acknowledged).toBe(acknowledged)
    expect(await bob.query(most)).toEqual(before)
    expect(timesDone('close', watch)).toBe(1)
    expect(await alice.isOpen()).toBe(true)
    await nothingOpened(stage)
  },

  'old-writer-returns-closed': async (stage) => {
    const { alice, bob } = stage.pair
    const watch = await startWatch(stage)
    await failOver(stage, watch)
    await alice.start()
    await settlesAs(watch, 'spare-stopped')
    expect([await alice.isOpen(), await bob.isOpen()]).toEqual([false, true])
    expect(ledgerOf(stage).holds).toEqual([])
    expect(await told(stage, 'old-writer-returned')).toContain('START REPLICA on alice')
    expect((await replicationOf(alice)).receiver).toBe('off')
  },

  'old-writer-boots-open': async (stage) => {
    const { alice, bob } = stage.pair
    const watch = await startWatch(stage)
    await failOver(stage, watch)
    const lookCount = looks(watch).length
    await alice.restart(WORDS[alice.family].openAtBoot)
    await settlesAs(watch, 'spare-stopped')
    expect(stepsSince(watch, lookCount)[0]).toBe('close')
    expect([await alice.isOpen(), await bob.isOpen()]).toEqual([false, true])
    expect(ledgerOf(stage).holds).toEqual([])
  },

  'old-writer-boots-open-with-clients': async (stage) => {
    const { alice, bob } = stage.pair
    const watch = await startWatch(stage)
    await failOver(stage, watch)
    await linksOf(stage).functionToAlice.cut()
    await alice.restart(WORDS[alice.family].openAtBoot)
    const beside = applicationBeside(stage, alice)
    await eventually('ten rows', () => beside.acknowledged.length >= 10)
    const lookCount = looks(watch).length
    await linksOf(stage).functionToAlice.heal()
    await settlesAs(watch, 'spare-on-hold')
    await beside.stop()
    const steps = stepsSince(watch, lookCount)
    expect(steps[0]).toBe('close')
    expect(steps).toContain('swap')
    expect([await alice.isOpen(), await bob.isOpen()]).toEqual([false, true])
    expect(ledgerOf(stage).holds).toEqual(['alice'])
    const listed = (await told(stage, 'server-held')).match(/shop\.orders/g)?.length
    expect(listed).toBe(Math.min(20, beside.acknowledged.length))
    expect(await missingOn(alice, beside.acknowledged)).toEqual([])
  },

  'privileged-session-on-old-writer': async (stage) => {
    const { alice, bob } = stage.pair
    const administrator = await createAdministrator(stage.pair)
    const watch = await startWatch(stage)
    await failOver(stage, watch)
    await linksOf(stage).functionToAlice.cut()
    await alice.restart(WORDS[alice.family].openAtBoot)
    const { connection, close } = await stage.pair.connect(administrator, alice)
    await connection.query('BEGIN')
    await connection.query(`INSERT INTO shop.orders (token) VALUES ('administrator')`)
    await linksOf(stage).functionToAlice.heal()
    await settlesAs(watch, 'spare-stopped')
    await expect(connection.query('COMMIT')).rejects.toThrow()
    await expect(connection.query('SELECT 1'), 'the session has ended').rejects.toThrow()
    close()
    expect(await alice.query(`SELECT token FROM shop.orders WHERE token = 'administrator'`)).toEqual([])
    expect([await alice.isOpen(), await bob.isOpen()]).toEqual([false, true])
    expect(ledgerOf(stage).holds).toEqual([])
  },

  'privileged-writer-on-spare': async (stage) => {
    const { alice, bob } = stage.pair
    const administrator = await createAdministrator(stage.pair)
    await stage.pair.waitUntilCaughtUp(bob)
    const watch = await startWatch(stage)
    await alice.query('STOP REPLICA')
    const written = stage.pair.as(administrator, bob, async (connection) => {
      for (const statement of WORDS[bob.family].letRootWrite) await connection.query(statement)
      await connection.query(`INSERT INTO shop.orders (token) VALUES ('administrator')`)
    })
    await written
    await settlesAs(watch, 'spare-on-hold')
    await eventually('bob is closed', async () => !(await bob.isOpen()))
    expect(ledgerOf(stage).holds).toEqual(['bob'])
    expect(await told(stage, 'server-held')).toMatch(/shop\.orders/)
    await nothingOpened(stage)
  },

  'old-writer-lost-its-own': async (stage) => {
    const { alice, bob } = stage.pair
    const disk = await OldDisk.ofWriter(stage)
    const watch = await startWatch(stage)
    const app = await applicationByName(stage)
    await eventually('ten rows', () => app.acknowledged.length >= 10)
    await app.stop()
    await stage.pair.waitUntilCaughtUp(bob)
    await failOver(stage, watch)
    disk.putBack()
    await alice.start()
    await settlesAs(watch, 'spare-on-hold')
    expect(ledgerOf(stage).holds).toEqual(['alice'])
    const held = await told(stage, 'server-held')
    expect(held).toMatch(/lost \d+ of its own/)
    expect(Number(/lost (\d+) of its own/.exec(held)?.[1])).toBeGreaterThanOrEqual(10)
    expect(await missingOn(bob, app.acknowledged)).toEqual([])
  },

  'held-server-is-received-from': async (stage) => {
    const { alice, bob } = stage.pair
    await alice.query(`INSERT INTO shop.orders (token, note) VALUES ('disputed', 'old')`)
    await stage.pair.waitUntilCaughtUp(bob)
    const watch = await startWatch(stage)
    await failOver(stage, watch)
    await linksOf(stage).functionToAlice.cut()
    await alice.start()
    await strayCommit(alice, `UPDATE shop.orders SET note = 'stale' WHERE token = 'disputed'`)
    await linksOf(stage).functionToAlice.heal()
    await settlesAs(watch, 'spare-on-hold')
    await bob.query(`UPDATE shop.orders SET note = 'new' WHERE token = 'disputed'`)
    await bob.restart()
    await eventually('bob is open again', () => bob.isOpen())
    await settlesAs(watch, 'spare-on-hold')
    const note = `SELECT note FROM shop.orders WHERE token = 'disputed'`
    expect((await replicationOf(bob)).receiver).toBe('off')
    expect(await bob.query(note)).toEqual([{ note: 'new' }])
    await bob.query('START REPLICA IO_THREAD')
    await situation(watch, 'held-server-cut-off')
    await eventually('its receiver is off', async () => (await replicationOf(bob)).receiver === 'off')
    expect(await bob.query(note)).toEqual([{ note: 'new' }])
  },

  'named-writer-restarts-whole': async (stage) => {
    const { alice } = stage.pair
    const watch = await startWatch(stage)
    watch.kill()
    await alice.restart()
    expect(await alice.isOpen()).toBe(false)
    const later = await startWatch(stage, 'restarted-writer', { name: 'later' })
    await eventually('alice is open', () => alice.isOpen())
    await situation(later, 'undone')
    await eventually('the claim is released', () => ledgerOf(stage).claim === null)
    expect(ledgerOf(stage)).toMatchObject({ epoch: 1, writer: 'alice' })
    await alice.query('START REPLICA')
    await settlesAs(later, 'healthy')
  },

  'named-writer-restarts-half-closed': async (stage) => {
    const { alice } = stage.pair
    const watch = await startWatch(stage)
    const app = await applicationByName(stage)
    await eventually('ten rows', () => app.acknowledged.length >= 10)
    watch.kill()
    await alice.restart({ read_only: 'ON', super_read_only: 'OFF' })
    expect(await flagsOf(alice)).toEqual({ read_only: 1, super_read_only: 0 })
    const before = app.acknowledged.length
    const later = await startWatch(stage, 'restarted-writer', { name: 'later' })
    await eventually('the claim is released', () => ledgerOf(stage).claim === null)
    await eventually('applications write again', () => app.acknowledged.length > before)
    expect(await flagsOf(alice)).toEqual({ read_only: 0, super_read_only: 0 })
    expect(ledgerOf(stage)).toMatchObject({ epoch: 1, writer: 'alice' })
    await alice.query('START REPLICA')
    await settlesAs(later, 'healthy')
    await app.stop()
  },

  'writer-closed-by-half': async (stage) => {
    const { alice } = stage.pair
    const watch = await startWatch(stage)
    await settlesAs(watch, 'healthy')
    await alice.query('SET GLOBAL read_only = 1')
    await situation(watch, 'writer-closed-by-operator')
    const body = await told(stage, 'writer-closed')
    expect(body).toContain('read_only without super_read_only')
    expect(body).toMatch(/Can anybody write\? {2}No\. alice is the writer, and it is half closed/)
    expect(await flagsOf(alice)).toEqual({ read_only: 1, super_read_only: 0 })
    expect(timesDone('swap', watch)).toBe(1)
    await alice.open()
    await settlesAs(watch, 'healthy')
  },

  'named-writer-restarts-short': async (stage) => {
    const { alice, bob } = stage.pair
    const disk = await OldDisk.ofWriter(stage)
    const watch = await startWatch(stage)
    const app = await applicationByName(stage)
    await eventually('ten rows', () => app.acknowledged.length >= 10)
    await app.stop()
    await stage.pair.waitUntilCaughtUp(bob)
    watch.kill()
    await alice.kill()
    disk.putBack()
    await alice.start()
    const later = await startWatch(stage, 'restarted-writer-short', { name: 'later' })
    await failedOver(stage)
    await situation(later, 'spare-diverged')
    expect(await alice.isOpen()).toBe(false)
    expect(await missingOn(bob, app.acknowledged)).toEqual([])
    await eventually('alice is held', () => ledgerOf(stage).holds.join() === 'alice')
  },

  'semi-sync-writer-dies': {
    on: (family) => ({ pair: { options: WORDS[family].semiSyncOptions } }),
    play: async (stage) => {
      const { alice, bob } = stage.pair
      await switchSemiSyncOn(stage.pair)
      await startWatch(stage)
      const app = await applicationByName(stage)
      await alice.kill()
      expect(await firstWrite(stage, bob), 'milliseconds of the first write').toBeLessThan(5000)
      await failedOver(stage)
      await app.stop()
      expect(await told(stage, 'failed-over')).toContain(LOSSLESS)
      expect(await missingOn(bob, app.acknowledged)).toEqual([])
    },
  },

  'semi-sync-writer-freezes': {
    on: (family) => ({ pair: { options: WORDS[family].semiSyncOptions } }),
    play: async (stage) => {
      const { alice, bob } = stage.pair
      await switchSemiSyncOn(stage.pair)
      const watch = await startWatch(stage)
      // What alice commits from now on reaches nobody, and so waits for an hour.
      await linksOf(stage).aliceToBob.cut()
      const client = await stage.pair.connect(stage.pair.application, alice)
      const commit = client.connection.query(`INSERT INTO shop.orders (token) VALUES ('waiting')`)
      commit.catch(() => undefined)
      await eventually('a commit waits', async () => (await semiSyncCounters(alice)).waiting > 0)
      await eventually('so does our own heartbeat', () => heartbeatWaits(alice))
      alice.freeze()
      expect(await firstWrite(stage, bob), 'milliseconds of the first write').toBeLessThan(5000)
      await failedOver(stage)
      await linksOf(stage).aliceToBob.heal()
      alice.wake()
      await eventually('alice is closed', async () => !(await alice.isOpen()))
      await expect(commit).rejects.toThrow()
      client.close()
      await settlesAs(watch, 'spare-on-hold')
      expect(await told(stage, 'server-held')).toMatch(/shop\.orders/)
    },
  },

  'semi-sync-gave-up': {
    on: (family) => ({ pair: { options: WORDS[family].semiSyncOptions } }),
    play: async (stage) => {
      const { alice, bob } = stage.pair
      await switchSemiSyncOn(stage.pair, 300)
      await startWatch(stage)
      const app = await applicationByName(stage)
      await heartbeats(alice, 3)
      await linksOf(stage).aliceToBob.cut()
      // The first commit waits in vain; those after it do not wait any more.
      await heartbeats(alice, 3)
      const sentAlone = await missingOn(bob, app.acknowledged)
      expect(sentAlone.length).toBeGreaterThan(20)
      await alice.kill()
      await failedOver(stage)
      await app.stop()
      const message = await told(stage, 'failed-over')
      expect(message).not.toContain(LOSSLESS)
      const atMost = Number(/at most about (\d+)/.exec(message)?.[1])
      expect((await missingOn(bob, app.acknowledged)).length).toBeLessThanOrEqual(atMost)
    },
  },

  'events-follow-the-writer': async (stage) => {
    const { alice, bob } = stage.pair
    const administrator = await createAdministrator(stage.pair)
    await alice.query('CREATE TABLE shop.ticks (id BIGINT AUTO_INCREMENT PRIMARY KEY, server INT NOT NULL)')
    await stage.pair.as(administrator, alice, async (connection) => {
      const tick = 'ON SCHEDULE EVERY 1 SECOND DO INSERT INTO shop.ticks (server) VALUES (@@global.server_id)'
      await connection.query(`CREATE EVENT shop.tick ${tick.replace(' DO ', ' ENABLE DO ')}`)
      await connection.query(`CREATE EVENT shop.never ${tick.replace(' DO ', ' DISABLE DO ')}`)
    })
    await eventually('it ticks', async () => (await ticksOf(alice, alice)) > 0)
    await stage.pair.waitUntilCaughtUp(bob)
    const watch = await startWatch(stage)
    await eventually('its events are known', () =>
      looks(watch).some(({ memory }) => memory.servers.alice?.events.now !== null),
    )
    alice.freeze()
    await failedOver(stage)
    await eventually('it ticks on bob', async () => (await ticksOf(bob, bob)) > 2)
    const events = `SELECT EVENT_NAME AS name, STATUS AS status, DEFINER AS definer FROM information_schema.EVENTS
      WHERE EVENT_SCHEMA = 'shop' ORDER BY EVENT_NAME DESC`
    const [tick, never] = await bob.query<{ status: string; definer: string }>(events)
    expect(tick).toMatchObject({ status: 'ENABLED', definer: 'administrator@127.%' })
    expect(never?.status).not.toBe('ENABLED')
    alice.wake()
    await situation(watch, 'stopping-events')
    await eventually('the scheduler of alice is off', async () => {
      const [row] = await alice.query<{ scheduler: string }>('SELECT @@global.event_scheduler AS scheduler')
      return row?.scheduler === 'OFF'
    })
    const ticks = await ticksOf(alice, alice)
    const ticksOfBob = await ticksOf(bob, bob)
    await eventually('bob goes on', async () => (await ticksOf(bob, bob)) > ticksOfBob + 2)
    expect(await ticksOf(alice, alice)).toBe(ticks)
  },
})

async function flagsOf(server: Server): Promise<unknown> {
  const [flags] = await server.query(
    'SELECT @@global.read_only AS read_only, @@global.super_read_only AS super_read_only',
  )
  return flags
}

async function heartbeatWaits(writer: Server): Promise<boolean> {
  const rows = await writer.query(
    `SELECT ID FROM information_schema.PROCESSLIST WHERE INFO LIKE 'UPDATE hotspare.heartbeat%' AND TIME > 0`,
  )
  return rows.length > 0
}

const LOSSLESS = 'every commit that an application was told of is here'

/** So many of our heartbeats have been committed from now on: as many looks were made. */
async function heartbeats(writer: Server, count: number): Promise<void> {
  const sequence = async () => {
    const [row] = await writer.query<{ sequence: number }>(
      'SELECT MAX(sequence) AS sequence FROM hotspare.heartbeat',
    )
    return Number(row?.sequence)
  }
  const first = await sequence()
  await eventually('heartbeats', async () => (await sequence()) >= first + count)
}

/** Ticks on `server` that the event made there, on `origin`. */
async function ticksOf(server: Server, origin: Server): Promise<number> {
  const [id] = await origin.query<{ id: number }>('SELECT @@global.server_id AS id')
  const sql = 'SELECT COUNT(*) AS count FROM shop.ticks WHERE server = ?'
  const [row] = await server.query<{ count: number }>(sql, [id?.id])
  return Number(row?.count)
}
