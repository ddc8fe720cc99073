/** The first run of a pair, restarts, and strangers: real servers of a family, the built bundle. */
import { describe, expect, it } from 'vitest'
import { removeFolder, temporaryFolder } from '../../lab/cleanup.ts'
import { createAuthority } from '../../lab/database/certificates.ts'
import type { Family } from '../../lab/database/family.ts'
import { PAIR } from '../../lab/stage.ts'
import {
  eventually,
  isOpen,
  ledgerOf,
  looks,
  onStage,
  recordOf,
  situation,
  startWatch,
  timesDone,
} from './on-stage.ts'
import { WORDS } from './words.ts'

export function adopting(family: Family): void {
  describe(`adopting, ${family}`, () => {
    describe('no ledger yet', () => {
      it('one open server is adopted, and the records are created by the function (T29)', async () => {
        await onStage({ family }, async (stage) => {
          await startWatch(stage)
          expect(ledgerOf(stage)).toMatchObject({ revision: 1, epoch: 1, writer: 'alice', how: 'adopted' })
          expect(recordOf(stage)).toEqual([stage.pair.alice.host])
          expect(
            stage.aws.route53.batches.flatMap(({ changes }) => changes.map(({ action }) => action)),
          ).toEqual(['CREATE', 'CREATE'])
        })
      })

      it('none, two, or a record that disagrees: nothing is changed, and it is said what settles it', async () => {
        await onStage({ family }, async (stage) => {
          const { alice, bob } = stage.pair
          await alice.close()
          const watch = await startWatch(stage, 'no-ledger-none-open')
          await alice.open()
          stage.aws.zone.set({
            name: 'writer.orders.example.com',
            type: 'A',
            ttlSeconds: 5,
            values: ['127.0.9.9'],
          })
          watch.kill()
          const second = await startWatch(stage, 'no-ledger-record-disagrees', { name: 'second' })
          await bob.open()
          const look = await situation(second, 'no-ledger-two-open')
          expect(look.advice).toContain(WORDS[family].closeByHand)
          expect(stage.aws.route53.counts.batchesAccepted).toBe(0)
          expect([await isOpen(alice), await isOpen(bob)]).toEqual([true, true])
        })
      })
    })

    describe('at most one server is open (M1)', () => {
      it('T10: the unnamed server is closed at sight, and its clients are gone', async () => {
        await onStage({ family }, async (stage) => {
          const watch = await startWatch(stage)
          const client = await stage.pair.connect(stage.pair.application, stage.pair.bob)
          await stage.pair.bob.open()
          await eventually('bob is closed', async () => !(await isOpen(stage.pair.bob)))
          await expect(client.connection.query('SELECT 1')).rejects.toThrow()
          client.close()
          expect(looks(watch).some((look) => look.situation === 'unnamed-open')).toBe(true)
          expect(await isOpen(stage.pair.alice)).toBe(true)
        })
      })

      it('T10: the named server that restarted whole is opened again, under a claim', async () => {
        await onStage({ family }, async (stage) => {
          const watch = await startWatch(stage)
          watch.kill()
          await stage.pair.alice.restart()
          expect(await isOpen(stage.pair.alice)).toBe(false)
          const later = await startWatch(stage, 'restarted-writer', { name: 'later' })
          await eventually('alice is open', () => isOpen(stage.pair.alice))
          await situation(later, 'undone')
          await eventually('the claim is released', () => ledgerOf(stage).claim === null)
          expect(ledgerOf(stage)).toMatchObject({ epoch: 1, writer: 'alice' })
        })
      })

      it('the named server that a person closed is left alone, with an alarm', async () => {
        await onStage({ family }, async (stage) => {
          const watch = await startWatch(stage)
          await stage.pair.alice.close()
          await situation(watch, 'writer-closed-by-operator')
          await stage.aws.sns.waitForMessage((each) => each.attributes.event === 'writer-closed', 5000)
          expect(await isOpen(stage.pair.alice)).toBe(false)
          expect(timesDone('swap', watch)).toBe(1)
        })
      })
    })

    it('a certificate of another authority is not trusted, and nothing is done to such a server', async () => {
      await onStage({ family }, async (stage) => {
        const watch = await startWatch(stage)
        watch.kill()
        const folder = temporaryFolder('stranger')
        const { caFile } = createAuthority(folder)
        const fooled = await startWatch(stage, 'blind', { name: 'fooled', caFile })
        await eventually('it says why', () => looks(fooled).some((look) => /certificate/.test(look.because)))
        expect(looks(fooled).every(({ step }) => step === null)).toBe(true)
        removeFolder(folder)
      })
    })

    it('a broken configuration names the path, the value and the mend, and nothing is touched', async () => {
      await onStage({ family }, async (stage) => {
        const broken = await startWatch(stage, null, {
          configuration: { detection: { probeTimeoutMs: 'soon', probeIntervall: 1 } },
        })
        const { error } = await broken.finished
        expect(error?.errorType).toBe('ConfigurationError')
        expect(error?.errorMessage).toContain('pairs.orders.detection.probeTimeoutMs')
        expect(error?.errorMessage).toContain('"soon"')
        expect(error?.errorMessage).toContain('probeIntervalMs')
        expect(stage.aws.route53.counts.listCalls).toBe(0)
      })
    })

    it('status answers what a watch would see, and changes nothing', async () => {
      await onStage({ family }, async (stage) => {
        await startWatch(stage)
        const request = stage.watcher({ handler: 'request', name: 'request' })
        const { result } = await request.invoke({ action: 'status', pair: PAIR })
        expect(result).toMatchObject({
          ok: true,
          situation: 'healthy',
          servers: { alice: { state: 'open' }, bob: { state: 'closed' } },
        })
        expect(await request.invoke({ action: 'dance', pair: PAIR })).toMatchObject({
          result: { ok: false, situation: 'wrong-request' },
        })
        expect(await request.invoke({ action: 'failover', pair: PAIR })).toMatchObject({
          result: { ok: false, situation: 'healthy' },
        })
        expect(ledgerOf(stage).epoch).toBe(1)
      })
    })
  })
}
