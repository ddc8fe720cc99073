/**
 * A killed and a frozen writer, end to end: real servers of a family, the built bundle, a real name.
 *
 * The one thing to understand: `crashAndFreeze` is what runs on every family each time; `moreDeaths` is the rest.
 */
import { describe, expect, it } from 'vitest'
import type { Family } from '../../lab/database/family.ts'
import { playFailover } from '../../lab/failover-story.ts'
import { messageOf } from '../../lab/log-line.ts'
import { EVENT_TRIES } from '../../lambda/core/situations/events.ts'
import {
  eventually,
  flips,
  isOpen,
  ledgerOf,
  looks,
  onStage,
  recordOf,
  situation,
  startWatch,
  timesDone,
} from './on-stage.ts'
import { hasReceivedAll, isLocked, setEventRights, strayCommit, WORDS } from './words.ts'

/** A crash and a freeze, played and judged as the demo does. */
export function crashAndFreeze(family: Family): void {
  describe(`a writer that dies, ${family}`, () => {
    it('M2, T2: the spare has every row it received, is opened once, and the flip is one batch', async () => {
      await onStage({ family }, async (stage) => {
        const verdict = await playFailover(stage, { scenario: 'crash', warmUpMs: 2500 })
        expect(verdict.failures).toEqual([])
        expect(recordOf(stage)).toEqual([stage.pair.bob.host])
        expect(ledgerOf(stage)).toMatchObject({ epoch: 2, writer: 'bob', how: 'failover', claim: null })
        expect(flips(stage)).toBe(1)
        const flip = stage.aws.route53.batches.at(-1)
        expect(flip?.changes.map(({ action, type }) => `${action} ${type}`).sort()).toEqual([
          'CREATE A',
          'CREATE TXT',
          'DELETE A',
          'DELETE TXT',
        ])
        expect(stage.aws.route53.counts.upserts).toBe(0)
      })
    })

    it('T9, T35: the deposed writer is closed as it wakes; at most five rows get through', async () => {
      await onStage({ family }, async (stage) => {
        const verdict = await playFailover(stage, { scenario: 'freeze', warmUpMs: 2500 })
        expect(verdict.failures).toEqual([])
        expect(await isOpen(stage.pair.alice)).toBe(false)
        expect(await isOpen(stage.pair.bob)).toBe(true)
        expect(ledgerOf(stage)).toMatchObject({ epoch: 2, writer: 'bob' })
        expect(flips(stage)).toBe(1)
      })
    })
  })
}

/** What else there is to a death: the message, the return, a spare that is behind, half a transaction, two watches. */
export function moreDeaths(family: Family): void {
  describe(`deaths, ${family}`, () => {
    describe('crash', () => {
      it('says in the message who writes now, what is at risk, what to do, and when everything happened', async () => {
        await onStage({ family }, async (stage) => {
          const watch = await startWatch(stage)
          await stage.pair.alice.kill()
          const { subject, message, attributes } = await stage.aws.sns.waitForMessage(
            (each) => each.attributes.event === 'failed-over',
            20_000,
          )
          expect(subject).toBe('[hotspare] orders: writer moved from alice to bob')
          expect(attributes).toMatchObject({ pair: 'orders', severity: 'critical' })
          for (const words of [
            'Can anybody write?  Yes. On bob.',
            'Is data at risk?',
            'FENCE UNCONFIRMED',
            'What now?',
          ])
            expect(message).toContain(words)
          for (const mark of ['detected', 'confirmed', 'claimed', 'caughtUp', 'opened', 'moved', 'writable'])
            expect(message).toMatch(new RegExp(`^ {2}${mark} +\\d+$`, 'm'))
          expect(timesDone('open', watch)).toBe(1)
          const said = [message, ...watch.logs.map(({ text }) => text)].join('\n')
          expect(said).not.toContain(stage.pair.hotspare.password)
        })
      })

      it('T10, T32: the old writer returns closed, with its threads stopped, and is compared before anything else', async () => {
        await onStage({ family }, async (stage) => {
          const watch = await startWatch(stage)
          await stage.pair.alice.kill()
          await situation(watch, 'spare-unreachable')
          await stage.pair.alice.start()
          await situation(watch, 'spare-stopped')
          expect(await isOpen(stage.pair.alice)).toBe(false)
          expect(await isOpen(stage.pair.bob)).toBe(true)
          expect(ledgerOf(stage).holds).toEqual([])
          const said = await stage.aws.sns.waitForMessage(
            (each) => each.attributes.event === 'old-writer-returned',
            5000,
          )
          expect(said.message).toContain('START REPLICA on alice')
        })
      })
    })

    describe('a spare that is behind', () => {
      it('M2, T2: it is not opened before everything it received is applied', async () => {
        await onStage({ family }, async (stage) => {
          const { alice, bob } = stage.pair
          await alice.query(`INSERT INTO shop.orders (token) VALUES ('blocked')`)
          await stage.pair.waitUntilCaughtUp(bob)
          const watch = await startWatch(stage)
          await bob.session(async (blocker) => {
            await blocker.query('BEGIN')
            await blocker.query(`SELECT * FROM shop.orders WHERE token = 'blocked' LOCK IN SHARE MODE`)
            await alice.query(`UPDATE shop.orders SET note = 'updated' WHERE token = 'blocked'`)
            for (let row = 0; row < 100; row++)
              await alice.query('INSERT INTO shop.orders (token) VALUES (?)', [`late-${row}`])
            await eventually('bob has received it all', () => hasReceivedAll(bob, alice))
            await alice.kill()
            await situation(watch, 'catching-up')
            expect(await isOpen(bob)).toBe(false)
            await blocker.query('ROLLBACK')
          })
          await eventually('bob is named', () => ledgerOf(stage).writer === 'bob')
          const [rows] = await bob.query<{ late: number; updated: number }>(
            `SELECT SUM(token LIKE 'late-%') AS late, SUM(note = 'updated') AS updated FROM shop.orders`,
          )
          expect({ late: Number(rows?.late), updated: Number(rows?.updated) }).toEqual({
            late: 100,
            updated: 1,
          })
        })
      })
    })

    describe('half a transaction', () => {
      it('T33, T34: a writer that dies while a large one is on its way: it is dropped, its rows are free', async () => {
        await onStage({ family, pair: { proxies: true } }, async (stage) => {
          const { alice, bob, links } = stage.pair
          await alice.query('CREATE TABLE shop.large (id INT PRIMARY KEY, filler LONGBLOB)')
          await alice.query('INSERT INTO shop.large VALUES (1, NULL)')
          const watch = await startWatch(stage)
          await links?.aliceToBob.delay(20)
          const write = alice.session(async (root) => {
            await root.query('BEGIN')
            await root.query(`UPDATE shop.large SET filler = 'held' WHERE id = 1`)
            for (let id = 2; id < 40; id++)
              await root.query(`INSERT INTO shop.large VALUES (?, REPEAT('x', 1000000))`, [id])
            await root.query('COMMIT')
          })
          await eventually(
            'bob works on half of it',
            async () =>
              (await isLocked(bob, 'SELECT id FROM shop.large WHERE id = 1')) &&
              !(await hasReceivedAll(bob, alice)),
          )
          // The rest never arrives: what the link still holds goes with the connection.
          await links?.aliceToBob.stall()
          await write
          await alice.kill()
          await links?.aliceToBob.reset()
          await situation(watch, 'spare-unreachable')
          expect(timesDone('stop-applier', watch)).toBe(1)
          const [free] = await bob.query('SELECT filler FROM shop.large WHERE id = 1 FOR UPDATE NOWAIT')
          expect(free).toEqual({ filler: null })
        })
      })
    })

    describe('what only the returned writer has', () => {
      /** Lets the old writer come back behind our back and commit something there. */
      async function returnsWith(
        statement: string,
        judge: (
          stage: Parameters<Parameters<typeof onStage>[1]>[0],
          watch: Awaited<ReturnType<typeof startWatch>>,
        ) => Promise<void>,
      ) {
        await onStage({ family, pair: { proxies: true } }, async (stage) => {
          const { alice, links } = stage.pair
          const watch = await startWatch(stage)
          await alice.kill()
          await situation(watch, 'spare-unreachable')
          links?.functionToAlice.cut()
          await alice.start()
          await strayCommit(alice, statement)
          links?.functionToAlice.heal()
          await judge(stage, watch)
        })
      }

      it('M5: rows of an application hold it, and the message lists them and how to extract them', async () => {
        await returnsWith(`INSERT INTO shop.orders (token) VALUES ('stray')`, async (stage, watch) => {
          await situation(watch, 'spare-on-hold')
          expect(ledgerOf(stage).holds).toEqual(['alice'])
          const said = await stage.aws.sns.waitForMessage(
            (each) => each.attributes.event === 'server-held',
            5000,
          )
          expect(said.message).toMatch(WORDS[family].extracts)
          expect(said.message).toMatch(WORDS[family].strayOrder)
        })
      })

      it('M5, T35: a heartbeat of ours does not', async () => {
        const heartbeat = `UPDATE hotspare.heartbeat SET sequence = sequence + 1 WHERE pair = 'orders/alice'`
        await returnsWith(heartbeat, async (stage, watch) => {
          await situation(watch, 'spare-stopped')
          expect(ledgerOf(stage).holds).toEqual([])
        })
      })
    })

    describe('two watches for one death', () => {
      it('T24: one opening, one flip, epoch + 1', async () => {
        await onStage({ family }, async (stage) => {
          const first = await startWatch(stage)
          const second = await startWatch(stage, null, { name: 'second' })
          await second.waitForLog(() => true, 10_000)
          await stage.pair.alice.kill()
          await eventually('bob is named', () => ledgerOf(stage).writer === 'bob')
          await eventually(
            'both see it',
            () =>
              looks(first, second).filter((look) => look.memory.ledger.text?.includes('epoch=2')).length > 1,
          )
          expect(timesDone('open', first, second)).toBe(1)
          expect(flips(stage)).toBe(1)
          expect(ledgerOf(stage).epoch).toBe(2)
        })
      })

      it('the younger relieves the older', async () => {
        await onStage({ family }, async (stage) => {
          const older = await startWatch(stage)
          const younger = await startWatch(stage, 'healthy', { name: 'younger' })
          const { result, error } = await older.finished
          expect(error).toBeUndefined()
          expect(result).toMatchObject({ ok: true, pairs: { orders: { situation: { code: 'relieved' } } } })
          expect(looks(younger).at(-1)?.situation).not.toBe('relieved')
        })
      })
    })

    it('M9: a failover does not wait for SNS', async () => {
      await onStage({ family }, async (stage) => {
        const watch = await startWatch(stage)
        stage.aws.sns.faults.outage = 'hang'
        await stage.pair.alice.kill()
        await eventually('bob is named', () => ledgerOf(stage).writer === 'bob', 5000)
        const unsent = await watch.waitForLog((line) => messageOf(line)?.event === 'failed-over', 15_000)
        expect(messageOf(unsent)?.sent).toMatch(/SNS did not answer/)
      })
    })
  })
}

/** On MariaDB nobody without SUPER may start the scheduler. */
export function withoutEventRights(family: Family): void {
  it(`T18: without the rights for events they are left alone, and everything else goes on, ${family}`, async () => {
    await onStage({ family }, async (stage) => {
      await setEventRights(stage.pair, 'taken')
      const watch = await startWatch(stage)
      await stage.pair.alice.kill()
      await situation(watch, 'spare-unreachable')
      expect(ledgerOf(stage)).toMatchObject({ epoch: 2, writer: 'bob', claim: null })
      const beats = async () => {
        const [row] = await stage.pair.bob.query<{ sequence: number }>(
          'SELECT MAX(sequence) AS sequence FROM hotspare.heartbeat',
        )
        return Number(row?.sequence)
      }
      const before = await beats()
      await eventually(
        'heartbeats are written on bob',
        async () => (await beats()) > before + 2 * EVENT_TRIES,
      )
      const tries = looks(watch).filter(({ step }) => step === 'start-events')
      expect(tries.length).toBeLessThanOrEqual(EVENT_TRIES)
      expect(looks(watch).at(-1)?.situation).toBe('spare-unreachable')
    })
  })
}
