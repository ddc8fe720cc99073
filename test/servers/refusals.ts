/** What stops a failover, on real servers of a family: each reason has a name, and nothing is opened. */
import { describe, expect, it } from 'vitest'
import type { Family } from '../../lab/database/family.ts'
import type { Stage } from '../../lab/stage.ts'
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
import { heartbeatsGoOn } from './scenarios/heartbeats.ts'
import { endSessions } from './words.ts'

async function nothingOpened(stage: Stage): Promise<void> {
  expect(await isOpen(stage.pair.bob)).toBe(false)
  expect(flips(stage)).toBe(0)
}

export function refusals(family: Family): void {
  describe(`refusals, ${family}`, () => {
    describe('the claim itself is refused, and nothing has been opened', () => {
      it('M1: somebody else changed the writer record', async () => {
        await onStage({ family }, async (stage) => {
          const watch = await startWatch(stage)
          const record = stage.aws.zone.get('writer.orders.example.com', 'A')
          if (record === undefined) throw new Error('no record')
          stage.aws.zone.set({ ...record, values: ['127.0.9.9'] })
          await stage.pair.alice.kill()
          await situation(watch, 'record-disagrees')
          await nothingOpened(stage)
          expect(recordOf(stage)).toEqual(['127.0.9.9'])
        })
      })

      it('the rights to change records are gone', async () => {
        await onStage({ family }, async (stage) => {
          const watch = await startWatch(stage)
          stage.aws.route53.faults.deny('ChangeResourceRecordSets')
          await stage.pair.alice.kill()
          const look = await situation(watch, 'directory-refuses')
          expect(look.because).toMatch(/not authorized|AccessDenied/)
          await nothingOpened(stage)
          const said = await stage.aws.sns.waitForMessage(
            (each) => each.attributes.event === 'directory-refuses',
            5000,
          )
          expect(said.message).toContain('Check the rights')
        })
      })

      it('T23: the directory is out of reach: it is said, and the failover happens once it is back', async () => {
        await onStage({ family }, async (stage) => {
          const watch = await startWatch(stage)
          stage.aws.route53.faults.outage = 'refuse'
          await stage.pair.alice.kill()
          await situation(watch, 'directory-unreachable')
          await nothingOpened(stage)
          stage.aws.route53.faults.outage = 'none'
          await eventually('bob is named', () => ledgerOf(stage).writer === 'bob')
          expect(timesDone('open', watch)).toBe(1)
        })
      })
    })

    describe('lost responses', () => {
      it('R6: of the claim', async () => {
        await onStage({ family }, async (stage) => {
          const watch = await startWatch(stage)
          stage.aws.route53.faults.loseNextResponses(1)
          await stage.pair.alice.kill()
          await eventually('bob is named', () => ledgerOf(stage).writer === 'bob')
          expect(timesDone('open', watch)).toBe(1)
          expect(ledgerOf(stage).epoch).toBe(2)
        })
      })

      it('R6: of the move', async () => {
        await onStage({ family }, async (stage) => {
          const watch = await startWatch(stage)
          let batches = 0
          stage.aws.route53.faults.beforeChange = () => {
            batches += 1
            if (batches === 2) stage.aws.route53.faults.loseNextResponses(1)
          }
          await stage.pair.alice.kill()
          await stage.aws.sns.waitForMessage((each) => each.attributes.event === 'failed-over', 20_000)
          expect(timesDone('open', watch)).toBe(1)
          expect(flips(stage)).toBe(1)
          expect(ledgerOf(stage)).toMatchObject({ epoch: 2, writer: 'bob', claim: null })
        })
      })
    })

    describe('the configuration or the spare stands against it', () => {
      it.each(['alert', 'observe'])('mode %s: people are told, a person decides', async (mode) => {
        await onStage({ family, configuration: { failover: { mode } } }, async (stage) => {
          const watch = await startWatch(stage)
          await stage.pair.alice.kill()
          await situation(watch, mode === 'alert' ? 'writer-dead-alert' : 'writer-dead-observed')
          await nothingOpened(stage)
          await stage.aws.sns.waitForMessage((each) => each.attributes.event === 'failover-refused', 5000)
        })
      })

      it('T1, X4: the applier had been stopped before the writer died, perhaps on purpose', async () => {
        await onStage({ family, configuration: { detection: { freshnessMs: 2500 } } }, async (stage) => {
          const watch = await startWatch(stage)
          await stage.pair.bob.query('STOP REPLICA SQL_THREAD')
          await situation(watch, 'spare-stopped')
          const stoppedAtMs = performance.now()
          await eventually('that is long ago', () => performance.now() - stoppedAtMs > 4500)
          await stage.pair.alice.kill()
          const look = await situation(watch, 'spare-applier-stopped')
          expect(look.advice).toMatch(/START REPLICA SQL_THREAD on bob/)
          await nothingOpened(stage)
        })
      })

      it('a death that nobody watched is not acted upon, until a person sends what the advice says', async () => {
        await onStage({ family, configuration: { detection: { freshnessMs: 2500 } } }, async (stage) => {
          const watch = await startWatch(stage)
          await heartbeatsGoOn(stage)
          watch.kill()
          await stage.pair.alice.kill()
          const diedAtMs = performance.now()
          await eventually('the last heartbeat is stale', () => performance.now() - diedAtMs > 5500)
          const late = await startWatch(stage, 'spare-freshness-unproven', { name: 'late' })
          const advice = looks(late).at(-1)?.advice ?? ''
          await nothingOpened(stage)

          const typed = /invoke the request function with (\{.*\})/.exec(advice)?.[1] ?? ''
          const request = stage.watcher({ handler: 'request', name: 'request', timeoutMs: 60_000 })
          const plain = await request.invoke({ action: 'failover', pair: 'orders' })
          expect(plain.result).toMatchObject({ ok: false, situation: 'spare-freshness-unproven' })
          await nothingOpened(stage)
          const wrong = await request.invoke({ action: 'failover', pair: 'orders', force: ['everything'] })
          expect(wrong.result).toMatchObject({ ok: false, situation: 'wrong-request' })
          const forced = await request.invoke(JSON.parse(typed))
          expect(forced.result).toMatchObject({ ok: true, situation: 'failed-over' })
          expect(ledgerOf(stage)).toMatchObject({ epoch: 2, writer: 'bob' })
          const said = await stage.aws.sns.waitForMessage(
            (each) => each.attributes.event === 'failed-over',
            5000,
          )
          expect(said.message).toContain(
            'asked for by hand. It was told to go without: spare-freshness-unproven',
          )
        })
      })

      it('M3, T3: a writer that turns us away lives', async () => {
        await onStage({ family }, async (stage) => {
          const watch = await startWatch(stage)
          await stage.pair.alice.query(`ALTER USER 'hotspare'@'127.%' ACCOUNT LOCK`)
          await endSessions(stage.pair.alice, { user: 'hotspare' })
          const look = await situation(watch, 'writer-sick')
          expect(look.because).toMatch(/sick is not dead/)
          await nothingOpened(stage)
        })
      })

      it('M4, T8: only we are cut off from the writer', async () => {
        await onStage({ family, pair: { proxies: true } }, async (stage) => {
          const watch = await startWatch(stage)
          stage.pair.links?.functionToAlice.cut()
          await situation(watch, 'writer-partitioned')
          await nothingOpened(stage)
          expect(await isOpen(stage.pair.alice)).toBe(true)
          stage.pair.links?.functionToAlice.heal()
          await eventually('it is healthy again', () => looks(watch).at(-1)?.situation === 'healthy')
        })
      })

      it('M4: cut off from both, nothing changes', async () => {
        await onStage({ family, pair: { proxies: true } }, async (stage) => {
          const watch = await startWatch(stage)
          stage.pair.links?.functionToAlice.cut()
          stage.pair.links?.functionToBob.cut()
          await situation(watch, 'blind')
          await nothingOpened(stage)
          expect(await isOpen(stage.pair.alice)).toBe(true)
        })
      })
    })
  })
}
