/** What is wrong with the spare at the moment it is needed, on real servers. */
import { expect } from 'vitest'
import type { Stage } from '../../../lab/stage.ts'
import { eventually, ledgerOf, looks, situation, startWatch, timesDone } from '../on-stage.ts'
import {
  behindItsBack,
  delayApplier,
  endSessions,
  hasReceivedAll,
  replicationOf,
  type Server,
  setEventRights,
  strayCommit,
  WORDS,
} from '../words.ts'
import { whileCrowded } from './crowd.ts'
import { heartbeatsGoOn } from './heartbeats.ts'
import { playScenarios } from './play.ts'
import {
  changeReceiversPassword,
  commitLarge,
  createLargeTable,
  failedOver,
  firstWrite,
  linksOf,
  nothingOpened,
  purgeWhatBobNeeds,
  settlesAs,
  told,
} from './scene.ts'

/** Rows whose tokens start with this word; one transaction each. */
async function commitRows(stage: Stage, word: string, count: number): Promise<void> {
  const clients = 10
  await Promise.all(
    Array.from({ length: clients }, (_, client) =>
      stage.pair.as(stage.pair.application, stage.pair.alice, async (connection) => {
        for (let row = client; row < count; row += clients)
          await connection.query('INSERT INTO shop.orders (token) VALUES (?)', [`${word}-${row}`])
      }),
    ),
  )
}

async function rowsOf(stage: Stage, word: string): Promise<number> {
  const [row] = await stage.pair.bob.query<{ count: number }>(
    'SELECT COUNT(*) AS count FROM shop.orders WHERE token LIKE ?',
    [`${word}-%`],
  )
  return Number(row?.count)
}

async function receivedAll(stage: Stage): Promise<void> {
  await eventually('bob has received everything', () => hasReceivedAll(stage.pair.bob, stage.pair.alice))
}

/** A person asks for a failover that goes without these reasons; what the function answers. */
async function force(stage: Stage, ...reasons: string[]): Promise<unknown> {
  const request = stage.watcher({ handler: 'request', name: 'request', timeoutMs: 60_000 })
  const { result } = await request.invoke({ action: 'failover', pair: 'orders', force: reasons })
  return result
}

/** Bob has applied a heartbeat that was written well after it started: it is not "possibly short" (R9). */
async function heartbeatSinceItsStart({ pair: { bob } }: Stage): Promise<void> {
  await eventually('a heartbeat since its start', async () => {
    const [uptime] = await bob.query<{ Value: string }>(`SHOW GLOBAL STATUS LIKE 'Uptime'`)
    const [beat] = await bob.query<{ age: number }>(
      'SELECT TIMESTAMPDIFF(SECOND, MAX(written_at), UTC_TIMESTAMP()) AS age FROM hotspare.heartbeat',
    )
    return beat?.age != null && Number(uptime?.Value) - Number(beat.age) > 3
  })
}

/** Long enough to be seen, short enough for a test. */
const GRACE = { failover: { endBlockersAfterMs: 4000 } }

/** Somebody locks what the spare has to apply, and the writer dies. */
async function dieWhileLocked(stage: Stage, lock: readonly string[]): Promise<void> {
  const { alice, bob } = stage.pair
  await startWatch(stage)
  await bob.session(
    async (backup) => {
      for (const statement of lock) await backup.query(statement)
      await commitRows(stage, 'locked', 20)
      await receivedAll(stage)
      await alice.kill()
      await endsTheLock(stage, 'lock')
    },
    { timeoutMs: 60_000 },
  )
  expect(await rowsOf(stage, 'locked')).toBe(20)
}

/** It is told who holds it, and not ended before its time; then bob takes over, and takes writes. */
async function endsTheLock(stage: Stage, kind: string): Promise<void> {
  const { bob } = stage.pair
  expect(await told(stage, 'failover-blocked')).toMatch(new RegExp(`session \\d+ \\(root\\): .*${kind}`))
  await nothingOpened(stage)
  expect(await told(stage, 'blockers-ended')).toContain('repeat it')
  await failedOver(stage)
  await firstWrite(stage, bob)
}

async function setRight(server: Server, how: 'GRANT' | 'REVOKE', right: string): Promise<void> {
  const account = `'hotspare'@'127.%'`
  await behindItsBack(server, `${how} ${right} ON *.* ${how === 'GRANT' ? 'TO' : 'FROM'} ${account}`)
}

playScenarios('spare', {
  'behind-by-5000': async (stage) => {
    const { alice, bob } = stage.pair
    await alice.query(`INSERT INTO shop.orders (token) VALUES ('blocked')`)
    await stage.pair.waitUntilCaughtUp(bob)
    const watch = await startWatch(stage)
    await bob.session(async (blocker) => {
      await blocker.query('BEGIN')
      await blocker.query(`SELECT * FROM shop.orders WHERE token = 'blocked' LOCK IN SHARE MODE`)
      await alice.query(`UPDATE shop.orders SET note = 'updated' WHERE token = 'blocked'`)
      await commitRows(stage, 'late', 5000)
      await receivedAll(stage)
      await alice.kill()
      await situation(watch, 'catching-up')
      expect(await rowsOf(stage, 'late')).toBeLessThan(5000)
      await nothingOpened(stage)
      await blocker.query('ROLLBACK')
    })
    await failedOver(stage, 60_000)
    expect(await rowsOf(stage, 'late')).toBe(5000)
    expect(await bob.query(`SELECT note FROM shop.orders WHERE token = 'blocked'`)).toEqual([
      { note: 'updated' },
    ])
  },

  'half-a-transaction': async (stage) => {
    const { alice, bob } = stage.pair
    const { aliceToBob } = linksOf(stage)
    await createLargeTable(alice)
    await alice.query('INSERT INTO shop.large VALUES (0, NULL)')
    await stage.pair.waitUntilCaughtUp(bob)
    const watch = await startWatch(stage)
    const bytesBefore = aliceToBob.bytes.toClient
    aliceToBob.delay(50)
    const write = commitLarge(alice, 39, `UPDATE shop.large SET filler = 'held' WHERE id = 0`)
    await eventually('half of it is through', () => aliceToBob.bytes.toClient - bytesBefore > 15_000_000)
    // The rest never arrives: what the link still holds goes with the connection.
    await aliceToBob.stall()
    await write
    await alice.kill()
    await aliceToBob.reset()
    await failedOver(stage)
    expect(timesDone('stop-applier', watch)).toBe(1)
    const [free] = await bob.query('SELECT filler FROM shop.large WHERE id = 0 FOR UPDATE NOWAIT')
    expect(free).toEqual({ filler: null })
    expect(await bob.query('SELECT COUNT(*) AS count FROM shop.large')).toEqual([{ count: 1 }])
  },

  'applier-stopped-by-operator': async (stage) => {
    const { alice, bob } = stage.pair
    const watch = await startWatch(stage)
    await bob.query('STOP REPLICA SQL_THREAD')
    await commitRows(stage, 'unapplied', 200)
    await receivedAll(stage)
    expect(await rowsOf(stage, 'unapplied')).toBe(0)
    await alice.kill()
    await failedOver(stage)
    expect(await rowsOf(stage, 'unapplied')).toBe(200)
    expect(timesDone('start-threads', watch)).toBe(1)
  },

  'applier-stopped-for-long': {
    on: { configuration: { detection: { freshnessMs: 2000 } } },
    play: async (stage) => {
      const { alice, bob } = stage.pair
      const watch = await startWatch(stage)
      await bob.query('STOP REPLICA SQL_THREAD')
      await settlesAs(watch, 'spare-stopped')
      await commitRows(stage, 'unapplied', 200)
      await receivedAll(stage)
      await eventually('that is long ago', () => {
        const seenAtMs = looks(watch).find(({ situation: code }) => code === 'spare-stopped')?.world
          .wallClockMs
        return seenAtMs !== undefined && Date.now() - seenAtMs > 4000
      })
      await alice.kill()
      await situation(watch, 'spare-applier-stopped')
      expect(await told(stage, 'failover-refused')).toContain('was stopped long before it died')
      await nothingOpened(stage)
      // Nothing was thrown away: the person who starts the applier gets all of it, and the failover.
      await bob.query('START REPLICA SQL_THREAD')
      await failedOver(stage)
      expect(await rowsOf(stage, 'unapplied')).toBe(200)
    },
  },

  'restarted-since-the-death': async (stage) => {
    const { alice, bob } = stage.pair
    const watch = await startWatch(stage)
    await commitRows(stage, 'before', 20)
    await stage.pair.waitUntilCaughtUp(bob)
    await Promise.all([alice.kill(), bob.kill()])
    await situation(watch, 'blind')
    await bob.start()
    await situation(watch, 'no-witness')
    await nothingOpened(stage)
    const refused = await force(stage, 'no-witness')
    expect(refused).toMatchObject({ ok: false, situation: 'spare-possibly-short' })
    await nothingOpened(stage)
    watch.kill()
    expect(await force(stage, 'no-witness', 'spare-possibly-short')).toMatchObject({ ok: true })
    await failedOver(stage)
    expect(await rowsOf(stage, 'before')).toBe(20)
  },

  'receiver-stopped-for-long': {
    on: { configuration: { detection: { freshnessMs: 2000 } } },
    play: async (stage) => {
      const { alice, bob } = stage.pair
      const watch = await startWatch(stage)
      await heartbeatSinceItsStart(stage)
      watch.kill()
      await bob.query('STOP REPLICA IO_THREAD')
      const stoppedAtMs = performance.now()
      await commitRows(stage, 'never-received', 20)
      await eventually('its heartbeat is stale', () => performance.now() - stoppedAtMs > 6000)
      await alice.kill()
      const late = await startWatch(stage, 'no-witness', { name: 'late' })
      await nothingOpened(stage)
      const refused = await force(stage, 'no-witness')
      expect(refused).toMatchObject({ ok: false, situation: 'spare-freshness-unproven' })
      const seconds = Number(/is (\d+\.\d) s old/.exec((refused as { because: string }).because)?.[1])
      expect(seconds).toBeGreaterThan(6)
      expect(seconds).toBeLessThan(6 + (performance.now() - stoppedAtMs) / 1000)
      await nothingOpened(stage)
      late.kill()
      expect(await force(stage, 'no-witness', 'spare-freshness-unproven')).toMatchObject({ ok: true })
      await failedOver(stage)
      expect(await rowsOf(stage, 'never-received')).toBe(0)
      expect(await told(stage, 'failed-over')).toContain('no-witness, spare-freshness-unproven')
    },
  },

  'receiver-failing-for-long': {
    on: { configuration: { detection: { freshnessMs: 2000 } } },
    play: async (stage) => {
      const { alice, bob } = stage.pair
      const watch = await startWatch(stage)
      await changeReceiversPassword(stage)
      await settlesAs(watch, 'spare-not-replicating')
      // Where nothing is missing there is nothing to be late with: heartbeats alone are numbered apart on MariaDB.
      await alice.query(`INSERT INTO shop.orders (token) VALUES ('never received')`)
      const sinceMs = performance.now()
      await eventually('its heartbeat is stale', () => performance.now() - sinceMs > 5000)
      await alice.kill()
      await situation(watch, 'spare-stale')
      await eventually('the receiver confirms it', async () =>
        [2002, 2003, 2013].includes((await replicationOf(bob)).receiverErrno),
      )
      await nothingOpened(stage)
    },
  },

  'receiver-lacks-purged-log-and-writer-dies': async (stage) => {
    const { alice } = stage.pair
    const watch = await startWatch(stage)
    await purgeWhatBobNeeds(stage)
    await settlesAs(watch, 'spare-not-replicating')
    await alice.kill()
    await situation(watch, 'no-witness')
    await nothingOpened(stage)
  },

  'applier-error': async (stage) => {
    const { alice, bob } = stage.pair
    const watch = await startWatch(stage)
    await behindItsBack(bob, `INSERT INTO shop.orders (id, token) VALUES (1000000, 'twice')`)
    await alice.query(`INSERT INTO shop.orders (token) VALUES ('twice')`)
    await commitRows(stage, 'after', 20)
    await eventually('the applier has failed', async () => (await replicationOf(bob)).applierErrno !== 0)
    await settlesAs(watch, 'spare-not-replicating')
    await alice.kill()
    const line = await situation(watch, 'spare-applier-broken')
    await nothingOpened(stage)
    expect(line.because).toMatch(/stopped by an error \(.{10,}\)/)
    await behindItsBack(bob, `DELETE FROM shop.orders WHERE id = 1000000`)
    await bob.query('START REPLICA SQL_THREAD')
    await failedOver(stage)
    expect(await rowsOf(stage, 'after')).toBe(20)
  },

  'applier-delayed-by-an-hour': {
    on: { configuration: { detection: { freshnessMs: 2000 } } },
    play: async (stage) => {
      const { alice, bob } = stage.pair
      const watch = await startWatch(stage)
      await delayApplier(bob, 3600)
      await commitRows(stage, 'delayed', 20)
      await settlesAs(watch, 'spare-behind')
      await alice.kill()
      await situation(watch, 'spare-delayed')
      await nothingOpened(stage)
      expect(await rowsOf(stage, 'delayed')).toBe(0)
    },
  },

  'applier-delayed-by-seconds': async (stage) => {
    const { alice, bob } = stage.pair
    await delayApplier(bob, 4)
    const watch = await startWatch(stage)
    await commitRows(stage, 'delayed', 20)
    await receivedAll(stage)
    await alice.kill()
    await situation(watch, 'catching-up')
    expect(await rowsOf(stage, 'delayed')).toBe(0)
    await failedOver(stage)
    expect(await rowsOf(stage, 'delayed')).toBe(20)
  },

  'errant-seen': async (stage) => {
    const { alice, bob } = stage.pair
    const watch = await startWatch(stage)
    // With this channel running alice would receive the transaction, and nothing would be errant.
    await alice.query('STOP REPLICA')
    await strayCommit(bob, `INSERT INTO shop.orders (token) VALUES ('errant')`)
    await settlesAs(watch, 'spare-on-hold')
    expect(await told(stage, 'server-held')).toMatch(/shop\.orders/)
    await alice.kill()
    await situation(watch, 'spare-held')
    await nothingOpened(stage)
  },

  'errant-unseen': async (stage) => {
    const { alice, bob } = stage.pair
    const watch = await startWatch(stage)
    await eventually('the takeover is written down on bob', async () => {
      const [row] = await bob.query<{ count: number }>('SELECT COUNT(*) AS count FROM hotspare.takeover')
      return Number(row?.count) === 1
    })
    await heartbeatsGoOn(stage)
    watch.kill()
    await alice.kill()
    await strayCommit(bob, `INSERT INTO shop.orders (token) VALUES ('errant')`)
    const late = await startWatch(stage, 'spare-errant', { name: 'late' })
    expect(looks(late).at(-1)?.because).toMatch(/has transactions of its own/)
    await nothingOpened(stage)
  },

  'both-threads-stopped': async (stage) => {
    const { alice } = stage.pair
    await bothStopped(stage)
    await alice.kill()
    const watch = await startWatch(stage, 'no-witness', { name: 'late' })
    await nothingOpened(stage)
    watch.kill()
    expect(await force(stage, 'no-witness')).toMatchObject({ ok: true })
    await failedOver(stage)
    expect(await rowsOf(stage, 'unapplied')).toBe(200)
  },

  'both-threads-stopped-purging': async (stage) => {
    const { alice, bob } = stage.pair
    await bothStopped(stage)
    const [before] = await bob.query('SHOW REPLICA STATUS')
    await alice.kill()
    const watch = await startWatch(stage, 'no-witness', { name: 'late' })
    watch.kill()
    expect(await force(stage, 'no-witness')).toMatchObject({ ok: false, situation: 'spare-possibly-short' })
    await nothingOpened(stage)
    const [after] = await bob.query('SHOW REPLICA STATUS')
    expect(Number(after?.Relay_Log_Space)).toBeGreaterThan(10_000)
    expect(after?.Relay_Log_Space).toBe(before?.Relay_Log_Space)
  },

  'backup-lock-on-spare': {
    on: { configuration: GRACE },
    play: async (stage) => {
      const { alice, bob } = stage.pair
      const watch = await startWatch(stage)
      await bob.session(
        async (backup) => {
          await backup.query('LOCK INSTANCE FOR BACKUP')
          expect((await situation(watch, 'spare-blocked')).because).toContain('backup lock')
          await alice.kill()
          await endsTheLock(stage, 'backup lock')
        },
        { timeoutMs: 60_000 },
      )
    },
  },

  'read-lock-on-spare': {
    on: { configuration: GRACE },
    play: (stage) => dieWhileLocked(stage, ['FLUSH TABLES WITH READ LOCK']),
  },

  'backup-blocks-commits-on-spare': {
    on: { configuration: GRACE },
    play: (stage) => dieWhileLocked(stage, ['BACKUP STAGE START', 'BACKUP STAGE BLOCK_COMMIT']),
  },

  'table-locked-on-spare': {
    on: { configuration: GRACE },
    play: (stage) => dieWhileLocked(stage, ['LOCK TABLES shop.orders READ']),
  },

  'right-missing-on-spare': async (stage, family) => {
    const { alice, bob } = stage.pair
    const right = WORDS[family].rightToOpen
    await setRight(bob, 'REVOKE', right)
    const watch = await startWatch(stage, 'rights-missing')
    await heartbeatSinceItsStart(stage)
    const [look] = looks(watch).filter(({ situation: code }) => code === 'rights-missing')
    expect(look?.advice).toContain(`On bob: GRANT ${right} ON *.* TO 'hotspare'@'127.%'`)
    await alice.kill()
    await situation(watch, 'spare-rights-missing')
    expect(await told(stage, 'failover-refused')).toContain(`GRANT ${right} ON *.*`)
    await nothingOpened(stage)
    await setRight(bob, 'GRANT', right)
    await failedOver(stage, 90_000)
  },

  'right-taken-away-late': async (stage, family) => {
    const { alice, bob } = stage.pair
    const right = WORDS[family].rightToStop
    // With them comes SUPER on MariaDB, which stands for more than it says.
    await setEventRights(stage.pair, 'taken')
    const watch = await startWatch(stage)
    await setRight(bob, 'REVOKE', right)
    // MariaDB asks the rights that a session had at its login.
    await endSessions(bob, { user: 'hotspare' })
    await eventually('it is back', () => looks(watch).at(-1)?.situation === 'healthy')
    await alice.kill()
    expect((await situation(watch, 'giving-back')).because).toContain('1227')
    await told(stage, 'step-refused')
    await situation(watch, 'spare-refuses')
    await eventually('the claim is given back', () => ledgerOf(stage).claim === null)
    await nothingOpened(stage)
    await setRight(bob, 'GRANT', right)
    await failedOver(stage, 90_000)
  },

  'spare-full-of-connections': async (stage) => {
    const { alice, bob } = stage.pair
    await startWatch(stage)
    await whileCrowded(stage, bob, async () => {
      await alice.kill()
      await eventually('bob is named', () => ledgerOf(stage).writer === 'bob', 30_000)
    })
    await failedOver(stage)
  },
})

/** A watch has seen the pair healthy; then bob receives 200 transactions without applying them, and stops receiving. */
async function bothStopped(stage: Stage): Promise<void> {
  const { bob } = stage.pair
  const watch = await startWatch(stage)
  await heartbeatSinceItsStart(stage)
  watch.kill()
  await bob.query('STOP REPLICA SQL_THREAD')
  await commitRows(stage, 'unapplied', 200)
  await receivedAll(stage)
  await bob.query('STOP REPLICA IO_THREAD')
  expect(await rowsOf(stage, 'unapplied')).toBe(0)
}
