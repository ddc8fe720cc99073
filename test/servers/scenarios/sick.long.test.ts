/** A writer that answers and is of no use, or that only looks dead, on real servers. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { Invocation } from '../../../lab/lambda/invocation.ts'
import type { Stage } from '../../../lab/stage.ts'
import { eventually, ledgerOf, looks, situation, startWatch } from '../on-stage.ts'
import { endSessions, hasReceivedAll, OPEN, type Server } from '../words.ts'
import { startBlockedHost } from './blocked-host.ts'
import { cutOver, sessionsOver, whileCrowded } from './crowd.ts'
import { countHeartbeats, heartbeatsGoOn } from './heartbeats.ts'
import { playScenarios } from './play.ts'
import { reopened } from './reopened.ts'
import type { Family } from './scenario.ts'
import { applicationByName, failedOver, linksOf, missingOn, nothingOpened, settlesAs, told } from './scene.ts'
import { withBinlogOnSmallDisk } from './small-disk.ts'

const SECRET = 'hotspare/orders'
const OTHER_PASSWORD = 'rotated-lab-password'

const changePassword = (password: string) =>
  `ALTER USER 'hotspare'@'127.%' IDENTIFIED BY '${password}' REQUIRE SSL`

/** The writer is known, and no watch runs. */
async function adopted(stage: Stage): Promise<void> {
  const watch = await startWatch(stage)
  watch.kill()
  await watch.finished
}

/** It lives, however sick: the look and the message say this, and nothing was opened. */
async function livesWith(stage: Stage, watch: Invocation, complaint: RegExp): Promise<void> {
  const look = await situation(watch, 'writer-sick')
  expect(look.because).toMatch(complaint)
  expect(look.because).toMatch(/sick is not dead/)
  expect(await told(stage, 'writer-sick')).toMatch(complaint)
  await nothingOpened(stage)
}

/** Neither a password nor the account's name and host are in what was logged or sent. */
function nothingTold(stage: Stage, watch: Invocation): void {
  const said = [
    ...watch.logs.map(({ text }) => text),
    ...stage.aws.sns.messages.map(({ message }) => message),
  ]
  const secrets = new RegExp(`${stage.pair.hotspare.password}|${OTHER_PASSWORD}|'hotspare'@`)
  expect(said.filter((text) => secrets.test(text))).toEqual([])
}

/** Nobody can write on alice: it is told with the cause, one heartbeat at most waits there, and nothing is opened. */
async function stallIsTold(stage: Stage, watch: Invocation, cause: RegExp): Promise<void> {
  const { pid } = stage.pair.alice
  const count = countHeartbeats(stage.pair.alice)
  await situation(watch, 'writer-stalled')
  expect(await told(stage, 'writer-stalled')).toMatch(/NOT WRITABLE|nobody can write/)
  expect(looks(watch).at(-1)?.because).toMatch(cause)
  const { writes, sessions } = await count.stop()
  expect(writes).toBeLessThanOrEqual(1)
  // Looking, listening, one heartbeat, and a probe at most.
  expect(sessions).toBeLessThanOrEqual(4)
  expect(stage.pair.alice.pid).toBe(pid)
  await nothingOpened(stage)
}

async function lockedWhile(
  server: Server,
  [lock, unlock]: readonly [readonly string[], string],
  work: () => Promise<void>,
): Promise<void> {
  await server.session(
    async (root) => {
      for (const statement of lock) await root.query(statement)
      await work()
      await root.query(unlock)
    },
    { timeoutMs: 60_000 },
  )
}

/** Four clients insert as fast as they can, until their server dies; begun when bob has some of it. */
async function underLoad(stage: Stage): Promise<{ readonly ended: Promise<unknown> }> {
  const { alice, bob, application } = stage.pair
  const clients = Array.from({ length: 4 }, (_, client) =>
    stage.pair.as(application, alice, async (connection) => {
      for (let row = 0; ; row += 1)
        await connection.query(`INSERT INTO shop.orders (token, note) VALUES (?, REPEAT('x', 250))`, [
          `load-${client}-${row}`,
        ])
    }),
  )
  const ended = Promise.allSettled(clients)
  await eventually('there is a load', async () => {
    const [row] = await bob.query<{ rows_seen: number }>('SELECT COUNT(*) AS rows_seen FROM shop.orders')
    return Number(row?.rows_seen) > 500
  })
  return { ended }
}

async function playLock(stage: Stage, lock: readonly string[], unlock: string): Promise<void> {
  const watch = await startWatch(stage)
  await lockedWhile(stage.pair.alice, [lock, unlock], () => stallIsTold(stage, watch, /lock/i))
  await settlesAs(watch, 'healthy')
  await heartbeatsGoOn(stage)
}

const backupLock: Readonly<Record<Family, readonly [readonly string[], string]>> = {
  mysql: [['LOCK INSTANCE FOR BACKUP'], 'UNLOCK INSTANCE'],
  mariadb: [['BACKUP STAGE START', 'BACKUP STAGE FLUSH', 'BACKUP STAGE BLOCK_DDL'], 'BACKUP STAGE END'],
}

playScenarios('sick', {
  'connections-used-up-at-start': async (stage) => {
    await adopted(stage)
    let late: Invocation | undefined
    await whileCrowded(stage, stage.pair.alice, async () => {
      late = await startWatch(stage, null, { name: 'late' })
      await livesWith(stage, late, /1040.*Too many connections/)
    })
    if (late !== undefined) await settlesAs(late, 'healthy')
  },

  'connections-used-up-later': async (stage) => {
    const watch = await startWatch(stage)
    await whileCrowded(stage, stage.pair.alice, async (root) => {
      await cutOver(root)
      await livesWith(stage, watch, /1040.*Too many connections/)
    })
    await settlesAs(watch, 'healthy')
    await heartbeatsGoOn(stage)
  },

  'access-denied-by-writer': async (stage) => {
    const { alice, hotspare } = stage.pair
    const watch = await startWatch(stage)
    const change = (password: string) =>
      alice.session(async (root) => {
        await root.query('SET SESSION sql_log_bin = 0')
        await root.query(changePassword(password))
      })
    await change(OTHER_PASSWORD)
    await endSessions(alice, { user: 'hotspare' })
    await livesWith(stage, watch, /1045.*Access denied/)
    await change(hotspare.password)
    await settlesAs(watch, 'healthy')
    nothingTold(stage, watch)
  },

  'access-denied-by-both': async (stage) => {
    const { alice, bob, servers } = stage.pair
    const watch = await startWatch(stage)
    await alice.query(changePassword(OTHER_PASSWORD))
    await stage.pair.waitUntilCaughtUp(bob)
    for (const server of servers) await endSessions(server, { user: 'hotspare' })
    await situation(watch, 'blind')
    expect(await told(stage, 'blind')).toMatch(/Access denied/)
    await nothingOpened(stage)
    stage.aws.secrets.put(SECRET, { username: 'hotspare', password: OTHER_PASSWORD })
    await settlesAs(watch, 'healthy', 30_000)
    nothingTold(stage, watch)
  },

  'host-blocked': async (stage) => {
    const watch = await startWatch(stage)
    const { functionToAlice } = linksOf(stage)
    await functionToAlice.reset()
    const blocked = await startBlockedHost(functionToAlice.host, functionToAlice.port)
    try {
      await livesWith(stage, watch, /1129.*is blocked/)
    } finally {
      await blocked.close()
      await functionToAlice.heal()
    }
    await settlesAs(watch, 'healthy')
  },

  'starting-up': {
    // Without links: one that leads to a server which does not answer yet would refuse.
    on: { pair: { proxies: false }, configuration: { detection: { freshnessMs: 2000 } } },
    play: async (stage) => {
      const { alice } = stage.pair
      await adopted(stage)
      await alice.kill()
      const diedAtMs = performance.now()
      const file = join(alice.folder, 'at-start.sql')
      // MariaDB sleeps for 5 s at most while it starts.
      writeFileSync(file, 'DO SLEEP(4);\n'.repeat(5))
      const started = alice.restart({ init_file: file })
      // Awaited below; should the play fail before that, its failure is what counts.
      started.catch(() => undefined)
      await eventually('the last heartbeat is stale', () => performance.now() - diedAtMs > 4500)
      const late = await startWatch(stage, 'spare-freshness-unproven', { name: 'late' })
      // Refused is what a server that is gone does; this one takes the connection and says nothing.
      expect(looks(late).at(-1)?.because).toMatch(/alice is dead/)
      expect(looks(late).at(-1)?.memory.servers.alice).toMatchObject({ refused: 0 })
      await nothingOpened(stage)
      await started
      await situation(late, 'undone')
      expect(await alice.isOpen()).toBe(true)
    },
  },

  'recovers-during-failover': async (stage) => {
    const { alice, bob } = stage.pair
    await alice.query(`INSERT INTO shop.orders (token) VALUES ('blocked')`)
    await stage.pair.waitUntilCaughtUp(bob)
    const watch = await startWatch(stage)
    const app = await applicationByName(stage)
    await bob.session(async (reader) => {
      await reader.query('BEGIN')
      await reader.query(`SELECT * FROM shop.orders WHERE token = 'blocked' LOCK IN SHARE MODE`)
      await alice.query(`UPDATE shop.orders SET note = 'updated' WHERE token = 'blocked'`)
      await app.firstFrom(stage.pair.hostFor('application', alice), performance.now(), 10_000)
      await eventually('bob has received it', () => hasReceivedAll(bob, alice))
      await alice.kill()
      await situation(watch, 'catching-up')
      await alice.start()
      await situation(watch, 'undone')
      expect(await alice.isOpen()).toBe(true)
      await nothingOpened(stage)
      await reader.query('ROLLBACK')
    })
    await app.firstFrom(stage.pair.hostFor('application', alice), performance.now(), 10_000)
    await app.stop()
    expect(await missingOn(alice, app.acknowledged)).toEqual([])
    await stage.pair.waitUntilCaughtUp(bob)
  },

  'recovers-after-opening': async (stage) => {
    const { alice, bob } = stage.pair
    const watch = await startWatch(stage)
    const app = await applicationByName(stage)
    const load = await underLoad(stage)
    await alice.kill()
    await situation(watch, 'moving')
    await alice.start()
    await failedOver(stage)
    await load.ended
    await eventually('alice is compared', () =>
      /^spare-(stopped|on-hold)$/.test(looks(watch).at(-1)?.situation ?? ''),
    )
    expect(await alice.isOpen()).toBe(false)
    await app.firstFrom(stage.pair.hostFor('application', bob), 0, 10_000)
    await app.stop()
    const missing = await missingOn(bob, app.acknowledged)
    // What only the old writer has is kept there, and it is held for it.
    expect(missing.length === 0 || ledgerOf(stage).holds.includes('alice')).toBe(true)
    const kept = app.acknowledged.filter(({ token }) => missing.includes(token))
    expect(await missingOn(alice, kept)).toEqual([])
  },

  'password-rotated': async (stage) => {
    const { alice, bob, servers } = stage.pair
    const watch = await startWatch(stage)
    const readsBefore = stage.aws.secrets.readCount
    const beganAtMs = performance.now()
    await alice.query(changePassword(OTHER_PASSWORD))
    await stage.pair.waitUntilCaughtUp(bob)
    for (const server of servers) await endSessions(server, { user: 'hotspare' })
    // The first reading comes too early, as it may in a rotation in two steps.
    await eventually('the secret was read again', () => stage.aws.secrets.readCount > readsBefore)
    stage.aws.secrets.put(SECRET, { username: 'hotspare', password: OTHER_PASSWORD })
    await eventually('it watches again', () => looks(watch).at(-1)?.situation === 'healthy', 30_000)
    const readings = stage.aws.secrets.readCount - readsBefore
    expect(readings).toBeLessThanOrEqual(1 + Math.ceil((performance.now() - beganAtMs) / 10_000))
    await heartbeatsGoOn(stage)
    await nothingOpened(stage)
    nothingTold(stage, watch)
  },

  'disk-full': async (stage, family) => {
    const { alice, application } = stage.pair
    const disk = await withBinlogOnSmallDisk(alice)
    try {
      await reopened(stage, alice)
      const watch = await startWatch(stage)
      disk.fill()
      // MariaDB tells its log file only.
      await stallIsTold(
        stage,
        watch,
        family === 'mysql' ? /disk is full/i : /no heartbeat write has been committed/,
      )
      const write = stage.pair.as(application, alice, (connection) =>
        connection.query(`INSERT INTO shop.orders (token) VALUES ('while-full')`),
      )
      await expect(write).rejects.toThrow()
      disk.empty()
      // The server itself looks for space once a minute.
      await settlesAs(watch, 'healthy', 90_000)
      await heartbeatsGoOn(stage)
      await nothingOpened(stage)
    } finally {
      await alice.kill()
      disk.remove()
    }
  },

  'global-read-lock': (stage) => playLock(stage, ['FLUSH TABLES WITH READ LOCK'], 'UNLOCK TABLES'),

  'backup-lock': async (stage, family) => {
    const { alice } = stage.pair
    const watch = await startWatch(stage)
    await lockedWhile(alice, backupLock[family], async () => {
      await heartbeatsGoOn(stage)
      await heartbeatsGoOn(stage)
    })
    await settlesAs(watch, 'healthy')
    expect(looks(watch).map((look) => look.situation)).not.toContain('writer-stalled')
  },

  'backup-blocks-commits': (stage) =>
    playLock(stage, [...backupLock.mariadb[0], 'BACKUP STAGE BLOCK_COMMIT'], 'BACKUP STAGE END'),

  'close-waits-for-lock': async (stage) => {
    const { alice, bob } = stage.pair
    const watch = await startWatch(stage)
    const { functionToBob } = linksOf(stage)
    // Nobody looks between the two statements.
    await functionToBob.stall()
    const isLocked = Promise.withResolvers<void>()
    const holder = bob.session(async (root) => {
      await root.query(OPEN)
      await root.query('LOCK TABLES shop.orders WRITE')
      isLocked.resolve()
      await root.query('SELECT SLEEP(60)')
    })
    const end = holder.then(
      () => 'it slept on',
      () => 'it was cut off',
    )
    await Promise.race([isLocked.promise, holder])
    await functionToBob.heal()
    await situation(watch, 'unnamed-open')
    await eventually('bob is closed', async () => !(await bob.isOpen()))
    expect(await end).toBe('it was cut off')
    await settlesAs(watch, 'healthy')
    const left = await bob.session(sessionsOver)
    expect(left.filter(({ user, statement }) => user === 'hotspare' && /SET GLOBAL/.test(statement))).toEqual(
      [],
    )
    expect(await alice.isOpen()).toBe(true)
  },
})
