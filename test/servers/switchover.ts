/** Planned switchovers on real servers: done, refused with its reason, given up and undone. The longest are in switchover.long.test.ts. */
import { describe, expect, it } from 'vitest'
import type { Family } from '../../lab/database/family.ts'
import { playSwitchover } from '../../lab/switchover-story.ts'
import { eventually, flips, isOpen, ledgerOf, onStage, situation, timesDone } from './on-stage.ts'
import { answerOf, expectSettled, longestGapMs, onScene, when } from './switching.ts'
import { switchSemiSyncOn, WORDS } from './words.ts'

/** On a busy machine the spare may lag for a moment; that is not what these tests are about. */
const QUIET = { waitForQuietMs: 30_000 }

/** There and back under load: what runs each time. */
export function thereAndBack(family: Family): void {
  describe(`done, ${family}`, () => {
    it('M7, R11, T27: there and back under load: nothing is lost, both servers are the same', async () => {
      // Every application has to write on the new writer before the role moves on, and finds it within the TTL.
      await onStage({ family, ttlSeconds: 2 }, async (stage) => {
        const verdict = await playSwitchover(stage, { swaps: 2, restMs: 700, refusalsMax: 3 })
        expect(verdict.failures).toEqual([])
        expect(verdict).toMatchObject({ lostRows: 0, checksumsEqual: true })
        expect(ledgerOf(stage)).toMatchObject({ epoch: 3, writer: 'alice', how: 'switchover', claim: null })
        expect(flips(stage)).toBe(2)
        for (const { writeBlockMs } of verdict.swaps) expect(writeBlockMs).toBeLessThan(5000)
      })
      // Each request may wait a minute for a spare that lags, as on a slow disk; the load is then halved, and it is asked again.
    }, 400_000)
  })
}

/** What servers of each family do alike. */
export function switchovers(family: Family): void {
  describe(`done once, ${family}`, () => {
    it('T24: a request that arrives twice is done once; one to the present writer says so', async () => {
      await onScene({ family }, async (scene) => {
        const answers = await Promise.all([scene.ask(QUIET), scene.ask(QUIET)])
        expect(answers.map(({ situation }) => situation).sort()).toEqual(['already-writer', 'switched-over'])
        expect(answers.map(({ ok }) => ok)).toEqual([true, true])
        expect(flips(scene.stage)).toBe(1)
        const again = await scene.ask()
        expect(again).toMatchObject({ ok: true, situation: 'already-writer', writeBlockMs: null })
        await expectSettled(scene, 'bob')
      })
    })

    it('T22: the TTL is lowered, the old one runs out, and the move puts it back', async () => {
      await onScene({ family, ttlSeconds: 3 }, async (scene) => {
        const { zone } = scene.stage.aws
        const request = scene.send({ lowerTtl: true, ...QUIET })
        await situation(request, 'switchover-ttl-waiting')
        expect(zone.get('writer.orders.example.com', 'A')?.ttlSeconds).toBe(1)
        expect(await isOpen(scene.stage.pair.alice)).toBe(true)
        const answer = answerOf(await request.finished)
        expect(answer).toMatchObject({ ok: true, situation: 'switched-over' })
        const at = (what: string) => answer.timeline.find((mark) => mark.what === what)?.ms ?? Number.NaN
        expect(at('closing') - at('claimed')).toBeGreaterThan(3000)
        expect(zone.get('writer.orders.example.com', 'A')?.ttlSeconds).toBe(3)
        await expectSettled(scene, 'bob')
      })
    })
  })

  describe('M7, T14: undone, the old writer open again within the budget', () => {
    const budget = {
      configuration: { switchover: { writeBlockMs: 3000, longTransactionMs: 20_000 } },
      pair: { proxies: true },
    }

    it('the spare does not catch up in time', async () => {
      await onScene({ family, ...budget }, async (scene) => {
        const { alice, bob } = scene.stage.pair
        await alice.query(`INSERT INTO shop.orders (token) VALUES ('locked')`)
        await scene.stage.pair.waitUntilCaughtUp(bob)
        await bob.session(async (blocker) => {
          await blocker.query('BEGIN')
          await blocker.query(`SELECT * FROM shop.orders WHERE token = 'locked' LOCK IN SHARE MODE`)
          await alice.query(`UPDATE shop.orders SET note = 'late' WHERE token = 'locked'`)
          const since = performance.now()
          const answer = await scene.ask({ force: ['switchover-lagging'] })
          expect(answer, JSON.stringify(answer)).toMatchObject({
            ok: false,
            situation: 'switchover-over-budget',
          })
          expect(answer.writeBlockMs).toBeLessThan(3000)
          await eventually(
            'alice takes writes',
            () => (scene.knockers.alice.acknowledgedAtMs.at(-1) ?? 0) > since + 2000,
          )
          expect(longestGapMs(scene.knockers.alice, since)).toBeLessThan(3500)
          await blocker.query('ROLLBACK')
        })
        await expectSettled(scene, 'alice')
        const said = await scene.stage.aws.sns.waitForMessage(
          ({ attributes }) => attributes.event === 'switchover-undone',
          5000,
        )
        expect(said.subject).toContain('alice stays the writer')
      })
    })

    it('the spare dies, and the function loses sight of it, between closing and opening', async () => {
      await onScene({ family, ...budget }, async (scene) => {
        const { links } = scene.stage.pair
        const request = scene.send()
        when(
          request,
          ({ situation: code }) => code === 'switchover-closing',
          () => links?.functionToBob.cut(),
        )
        const answer = answerOf(await request.finished)
        expect(answer).toMatchObject({ ok: false, situation: 'switchover-target-silent' })
        expect(answer.writeBlockMs).toBeLessThan(3000)
        links?.functionToBob.heal()
        await eventually('the watch sees both', () => timesDone('close', scene.watch) === 0)
        await expectSettled(scene, 'alice')
      })
    })
  })
}

/** What is said and done in MySQL's own words: its super_read_only, its plugins, its list of locks. */
export function switchoversOfMysql(): void {
  describe('done, with sessions that may pass read_only, and with semi-sync', () => {
    it('T11: sessions that may pass read_only write nothing on the closed writer', async () => {
      await onScene({ family: 'mysql' }, async (scene) => {
        const { alice, bob } = scene.stage.pair
        const written: string[] = []
        let stopping = false
        const privileged = (async () => {
          for (let count = 1; !stopping; count++) {
            const token = `root-${count}`
            const insert = alice.query('INSERT INTO shop.orders (token) VALUES (?)', [token])
            await insert.then(
              () => written.push(token),
              () => undefined,
            )
          }
        })()
        expect(await scene.ask(QUIET)).toMatchObject({ ok: true, situation: 'switched-over' })
        const before = written.length
        expect(before).toBeGreaterThan(0)
        await eventually('bob takes writes', () => scene.knockers.bob.tokens.length > 50)
        stopping = true
        await privileged
        expect(written.length).toBe(before)
        const rows = await bob.query<{ token: string }>(
          `SELECT token FROM shop.orders WHERE token LIKE 'root-%'`,
        )
        expect(rows.map(({ token }) => token).sort()).toEqual([...written].sort())
        await expectSettled(scene, 'bob')
      })
    })

    it('T13, T38: with semi-sync on: the close does not hang, nor does the first commit on the new writer', async () => {
      await onScene({ pair: { options: WORDS.mysql.semiSyncOptions } }, async (scene) => {
        const { pair } = scene.stage
        await switchSemiSyncOn(pair, 10_000)
        for (const to of ['bob', 'alice'] as const) {
          const since = performance.now()
          const answer = await scene.ask({ to, ...QUIET })
          expect(answer, JSON.stringify(answer)).toMatchObject({ ok: true, situation: 'switched-over' })
          const first = () => scene.knockers[to].acknowledgedAtMs.find((atMs) => atMs > since)
          await eventually('it takes writes', () => first() !== undefined)
          const last = scene.knockers[to === 'bob' ? 'alice' : 'bob'].acknowledgedAtMs.at(-1)
          // The acknowledgement's time-out is ten seconds.
          expect((first() ?? 0) - (last ?? 0)).toBeLessThan(5000)
          const [waits] = await (to === 'bob' ? pair.bob : pair.alice).query<{ on: number }>(
            'SELECT @@global.rpl_semi_sync_source_enabled AS `on`',
          )
          expect(waits?.on).toBe(1)
        }
        await expectSettled(scene, 'alice')
      })
    })
  })

  describe('refused while writes flow, and nothing is changed', () => {
    it('each reason by its name, and who stands in the way, never their statements', async () => {
      await onScene({ family: 'mysql' }, async (scene) => {
        const { alice, bob } = scene.stage.pair
        const text = scene.stage.aws.zone.get('_hotspare.writer.orders.example.com', 'TXT')?.values
        const refused = async (code: string, event: Readonly<Record<string, unknown>> = {}) => {
          const answer = await scene.ask(event)
          expect(answer).toMatchObject({ ok: false, situation: code, writeBlockMs: null, from: 'alice' })
          expect(scene.stage.aws.zone.get('_hotspare.writer.orders.example.com', 'TXT')?.values).toEqual(text)
          return answer
        }
        await alice.session(async (other) => {
          await other.query('BEGIN')
          await other.query(`INSERT INTO shop.orders (token, note) VALUES ('held-back', 'secret-literal')`)
          await eventually('the transaction is old', async () => {
            const [row] = await alice.query<{ old: number }>(
              `SELECT MAX(TIMER_WAIT) > 2.2e12 AS old FROM performance_schema.events_transactions_current
              WHERE STATE = 'ACTIVE' AND AUTOCOMMIT = 'NO'`,
            )
            return row?.old === 1
          })
          const answer = await refused('switchover-long-transaction')
          expect(answer.blocking).toMatchObject([{ kind: 'transaction', account: 'root' }])
          expect(JSON.stringify(answer)).not.toContain('secret-literal')
          expect(await scene.ask({ dryRun: true })).toMatchObject({
            ok: false,
            situation: 'switchover-long-transaction',
          })
        })
        await alice.session(async (other) => {
          await other.query('LOCK TABLES shop.orders READ')
          expect((await refused('switchover-locked')).blocking).toMatchObject([
            { kind: 'lock', doing: 'table lock' },
          ])
        })
        await bob.session(async (other) => {
          await other.query('FLUSH TABLES WITH READ LOCK')
          expect((await refused('switchover-locked')).blocking[0]).toMatchObject({
            doing: 'global read lock',
          })
        })
        await bob.session(async (other) => {
          await other.query('LOCK INSTANCE FOR BACKUP')
          expect((await refused('switchover-backup')).blocking).toMatchObject([{ kind: 'backup' }])
        })
        await eventually('the backup lock is gone', async () => {
          const [row] = await bob.query<{ held: number }>(
            `SELECT COUNT(*) AS held FROM performance_schema.metadata_locks WHERE OBJECT_TYPE = 'BACKUP LOCK' AND LOCK_TYPE = 'SHARED'`,
          )
          return row?.held === 0
        })
        await bob.query('STOP REPLICA SQL_THREAD')
        await refused('switchover-not-replicating')
        await bob.query('START REPLICA')
        await scene.stage.pair.waitUntilCaughtUp(bob)
        await alice.query('STOP REPLICA')
        await refused('switchover-reverse-broken')
        await alice.query('START REPLICA')
        await refused('wrong-request', { to: 'carol' }).catch(() => undefined)
        expect(await scene.ask({ force: ['switchover-diverged'] })).toMatchObject({
          situation: 'wrong-request',
        })
        expect(await scene.ask({ to: 'carol' })).toMatchObject({ ok: false, situation: 'wrong-request' })
        expect(await scene.ask({ dryRun: true })).toMatchObject({
          ok: true,
          situation: 'switchover-possible',
        })
        expect(scene.stage.aws.zone.get('_hotspare.writer.orders.example.com', 'TXT')?.values).toEqual(text)
        await expectSettled(scene, 'alice')
      })
    })

    it('waitForQuietMs: it waits for a long transaction while writes flow, and nothing of it is lost', async () => {
      await onScene(
        { family: 'mysql', configuration: { switchover: { longTransactionMs: 300 } } },
        async (scene) => {
          const { alice, bob } = scene.stage.pair
          const request = await alice.session(async (other) => {
            await other.query('BEGIN')
            await other.query(`INSERT INTO shop.orders (token) VALUES ('long')`)
            const since = performance.now()
            await eventually('it is long', () => performance.now() - since > 500)
            const sent = scene.send({ waitForQuietMs: 30_000 })
            await situation(sent, 'switchover-long-transaction')
            const rows = scene.knockers.alice.tokens.length
            await eventually('writes flow', () => scene.knockers.alice.tokens.length > rows + 20)
            await other.query('COMMIT')
            return sent
          })
          expect(answerOf(await request.finished)).toMatchObject({ ok: true, situation: 'switched-over' })
          const [row] = await bob.query<{ found: number }>(
            `SELECT COUNT(*) AS found FROM shop.orders WHERE token = 'long'`,
          )
          expect(row?.found).toBe(1)
          await expectSettled(scene, 'bob')
        },
      )
    })
  })

  describe('T12, T15: the close is blocked', () => {
    const blockers: Readonly<Record<string, { readonly force: string; readonly sql: readonly string[] }>> = {
      'LOCK TABLES': { force: 'switchover-locked', sql: ['LOCK TABLES shop.orders WRITE'] },
      'a long UPDATE': {
        force: 'switchover-long-transaction',
        sql: [`UPDATE shop.other SET note = SLEEP(8) WHERE id = 1`],
      },
      'an ALTER that waits itself': {
        force: 'switchover-ddl',
        sql: ['ALTER TABLE shop.other ADD COLUMN more INT, ALGORITHM = COPY'],
      },
    }

    it.each(Object.keys(blockers))(
      'by %s: it gives up, says by whom, and nothing lands later',
      async (name) => {
        await onScene(
          { family: 'mysql', configuration: { switchover: { longTransactionMs: 200 } } },
          async (scene) => {
            const { alice } = scene.stage.pair
            const { force, sql } = blockers[name] ?? { force: '', sql: [] }
            await alice.query('CREATE TABLE shop.other (id INT PRIMARY KEY, note VARCHAR(20))')
            await alice.query(`INSERT INTO shop.other VALUES (1, '')`)
            await alice.session(async (reader) => {
              // What the ALTER waits for; nothing else minds it.
              await reader.query('BEGIN')
              await reader.query('SELECT * FROM shop.other')
              await alice.session(async (blocker) => {
                const [[own]] = (await blocker.query('SELECT CONNECTION_ID() AS id')) as unknown as [
                  [{ id: number }],
                ]
                const blocking = blocker.query(sql[0] ?? '')
                blocking.catch(() => undefined)
                if (name === 'LOCK TABLES') await blocking
                const since = performance.now()
                await eventually('it is at work', () => performance.now() - since > 400)
                const answer = await scene.ask({
                  force: [force, 'switchover-long-transaction', 'switchover-locked'],
                })
                expect(answer, JSON.stringify(answer)).toMatchObject({
                  ok: false,
                  situation: 'switchover-close-failed',
                })
                expect(answer.blocking.map(({ session }) => session)).toContain(own?.id)
                expect(ledgerOf(scene.stage)).toMatchObject({ writer: 'alice', claim: null })
              })
              await reader.query('ROLLBACK')
            })
            const [pending] = await alice.query<{ found: number }>(
              `SELECT COUNT(*) AS found FROM performance_schema.processlist WHERE INFO LIKE 'SET GLOBAL super_read_only%'`,
            )
            expect(pending?.found).toBe(0)
            const before = scene.knockers.alice.tokens.length
            await eventually(
              'alice goes on taking writes',
              () => scene.knockers.alice.tokens.length > before + 100,
            )
            await expectSettled(scene, 'alice')
          },
        )
      },
    )

    it.each(['FLUSH TABLES WITH READ LOCK', 'LOCK INSTANCE FOR BACKUP'])(
      'not by %s, once waived: the close goes through, and the lock ends with its session',
      async (sql) => {
        await onScene({ family: 'mysql' }, async (scene) => {
          await scene.stage.pair.alice.session(async (other) => {
            await other.query(sql)
            const force = ['switchover-locked', 'switchover-backup', 'switchover-lagging']
            const answer = await scene.ask({ force })
            expect(answer, JSON.stringify(answer)).toMatchObject({ ok: true, forced: force })
          })
          await eventually('bob takes writes', () => scene.knockers.bob.tokens.length > 10)
          await expectSettled(scene, 'bob')
        })
      },
    )
  })
}
