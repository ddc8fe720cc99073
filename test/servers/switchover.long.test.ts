/**
 * Switchovers on real servers that take minutes: many in a row under load, the function killed -9 after each step, and each link cut at
 * each step. Nothing that was acknowledged to any client may be missing afterwards, and one server is open.
 */
import { describe, expect, it } from 'vitest'
import { type LookLine, lookOf } from '../../lab/log-line.ts'
import type { Stage } from '../../lab/stage.ts'
import { playSwitchover } from '../../lab/switchover-story.ts'
import { eventually, flips, ledgerOf, looks, onStage, startWatch } from './on-stage.ts'
import { expectSettled, onScene, type Scene, when } from './switching.ts'
import { LOAD, switchovers, switchoversOfMysql, thereAndBack } from './switchover.ts'

const FAMILIES = ['mysql', 'mariadb'] as const

/** Long enough for a switchover's claim to be watched for its whole length and for what follows. */
const TAKEN_OVER_MS = 60_000

switchoversOfMysql()
thereAndBack('mariadb')
for (const family of FAMILIES) switchovers(family)

it.each(FAMILIES)(
  'M7, T27: twenty switchovers under load: nothing is lost, both servers are the same, %s',
  async (family) => {
    await onStage({ family, ttlSeconds: 2 }, async (stage) => {
      const verdict = await playSwitchover(stage, { swaps: 20, restMs: 500, ...LOAD[family] })
      expect(verdict.failures).toEqual([])
      expect(verdict).toMatchObject({ lostRows: 0, checksumsEqual: true })
      expect(flips(stage)).toBe(20)
      for (const { writeBlockMs } of verdict.swaps) expect(writeBlockMs).toBeLessThan(5000)
    })
  },
)

/** Keeps the spare from applying a row, so that it lacks something for as long as `during` takes. */
async function whileBehind({ stage }: Scene, during: () => Promise<void>): Promise<void> {
  const { alice, bob } = stage.pair
  await alice.query(`INSERT INTO shop.orders (token) VALUES ('locked')`)
  await stage.pair.waitUntilCaughtUp(bob)
  await bob.session(
    async (blocker) => {
      await blocker.query('BEGIN')
      await blocker.query(`SELECT * FROM shop.orders WHERE token = 'locked' LOCK IN SHARE MODE`)
      await alice.query(`UPDATE shop.orders SET note = 'late' WHERE token = 'locked'`)
      await during()
      await blocker.query('ROLLBACK')
    },
    { timeoutMs: 120_000 },
  )
}

interface Death {
  readonly at: (look: LookLine) => boolean
  /** Who has to be the writer in the end; null: it may have died before or after the next step. */
  readonly writer: 'alice' | 'bob' | null
  /** The spare lags, so that it can't go further. */
  readonly behind?: true
}

const DEATHS: Readonly<Record<string, Death>> = {
  'the claim': { at: ({ situation }) => situation === 'sweeping', writer: null },
  'the last sweep': { at: ({ situation }) => situation === 'switchover-closing', writer: null },
  'the closing': {
    at: ({ situation }) => situation === 'switchover-catching-up',
    writer: 'alice',
    behind: true,
  },
  'the swap that goes back': { at: ({ last }) => last?.step === 'swap', writer: 'alice', behind: true },
  'the opening': { at: ({ last }) => last?.step === 'open' && last.outcome === 'done', writer: 'bob' },
  'the move': { at: ({ situation }) => situation === 'recording-takeover', writer: 'bob' },
}

describe.each(FAMILIES)('M6, M7, T14: killed -9, %s', (family) => {
  it.each(Object.keys(DEATHS))('after %s: a watch finishes it or undoes it', async (name) => {
    const death = DEATHS[name]
    if (death === undefined) throw new Error(name)
    await onScene({ family, configuration: { switchover: { writeBlockMs: 3000 } } }, async (scene) => {
      const { faults } = scene.stage.aws.route53
      const play = async () => {
        const request = scene.send({ force: ['switchover-lagging'], waitForQuietMs: 60_000 })
        let closed = false
        request.onLog((line) => {
          const look = lookOf(line)
          if (look === null) return
          closed ||= look.situation === 'switchover-over-budget'
          // Without this the move would be through before the kill arrives.
          if (name === 'the opening' && look.situation === 'switchover-opening') faults.outage = 'refuse'
          if (name === 'the swap that goes back' && !closed) return
          if (death.at(look)) request.kill()
        })
        expect((await request.finished).error).toBeDefined()
        faults.outage = 'none'
      }
      await (death.behind === true ? whileBehind(scene, play) : play())
      const second = await startWatch(scene.stage, null, { name: 'second' })
      await eventually('the claim is gone', () => ledgerOf(scene.stage).claim === null, TAKEN_OVER_MS)
      const writer = death.writer ?? (ledgerOf(scene.stage).writer as 'alice' | 'bob')
      await eventually(
        'a watch is content',
        () => looks(second).at(-1)?.situation === 'healthy',
        TAKEN_OVER_MS,
      )
      await expectSettled(scene, writer)
    })
  })
})

const CUTS: Readonly<Record<string, (stage: Stage, cut: boolean) => void>> = {
  'the function and alice': ({ pair }, cut) =>
    cut ? pair.links?.functionToAlice.cut() : pair.links?.functionToAlice.heal(),
  'the function and bob': ({ pair }, cut) =>
    cut ? pair.links?.functionToBob.cut() : pair.links?.functionToBob.heal(),
  'alice and bob': ({ pair }, cut) => {
    for (const link of [pair.links?.aliceToBob, pair.links?.bobToAlice]) cut ? link?.cut() : link?.heal()
  },
  'the function and Route 53': ({ aws }, cut) => {
    aws.route53.faults.outage = cut ? 'refuse' : 'none'
  },
}
const MOMENTS = ['sweeping', 'switchover-closing', 'switchover-opening', 'moving'] as const

const cutsOf = FAMILIES.flatMap((family) => Object.keys(CUTS).map((between) => ({ family, between })))

describe.each(cutsOf)(
  'M7: the network between $between breaks for two seconds, $family',
  ({ family, between }) => {
    it.each(MOMENTS)('at %s', async (moment) => {
      await onScene({ family, pair: { proxies: true } }, async (scene) => {
        const request = scene.send({ waitForQuietMs: 60_000 })
        let cutAtMs = Number.POSITIVE_INFINITY
        when(
          request,
          ({ situation }) => situation === moment,
          () => {
            CUTS[between]?.(scene.stage, true)
            cutAtMs = performance.now()
          },
        )
        await eventually('it is cut', () => performance.now() > cutAtMs, TAKEN_OVER_MS)
        await eventually('two seconds have passed', () => performance.now() > cutAtMs + 2000)
        CUTS[between]?.(scene.stage, false)
        const { result, error } = await request.finished
        expect(error).toBeUndefined()
        const second = await startWatch(scene.stage, null, { name: 'second' })
        await eventually('the claim is gone', () => ledgerOf(scene.stage).claim === null, TAKEN_OVER_MS)
        await eventually(
          'a watch is content',
          () => looks(second).at(-1)?.situation === 'healthy',
          TAKEN_OVER_MS,
        )
        const { writer } = ledgerOf(scene.stage)
        expect((result as { ok: boolean }).ok, JSON.stringify(result)).toBe(writer === 'bob')
        await expectSettled(scene, writer as 'alice' | 'bob')
      })
    })
  },
)
