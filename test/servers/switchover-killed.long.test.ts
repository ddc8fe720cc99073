/**
 * The function killed -9 after each step of a switchover, on real servers of both families: a watch finishes it or undoes it. Nothing that
 * was acknowledged to any client is missing afterwards, and one server is open.
 */
import { describe, expect, it } from 'vitest'
import { FAMILIES } from '../../lab/database/family.ts'
import { type LookLine, lookOf } from '../../lab/log-line.ts'
import { ledgerOf } from './on-stage.ts'
import { expectSettled, expectTakenOver, onScene, type Scene } from './switching.ts'

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
  'the move': { at: ({ situation }) => situation === 'switchover-following', writer: 'bob' },
}

describe.each(FAMILIES)('M6, M7, T14: killed -9, %s', (family) => {
  it.each(Object.keys(DEATHS))('after %s: a watch finishes it or undoes it', async (name) => {
    const death = DEATHS[name]
    if (death === undefined) throw new Error(name)
    const options = {
      family,
      pair: { proxies: true },
      configuration: { switchover: { writeBlockMs: 3000 } },
    }
    await onScene(options, async (scene) => {
      const { faults } = scene.stage.aws.route53
      const { links } = scene.stage.pair
      const play = async () => {
        const request = scene.send({ force: ['switchover-lagging'], waitForQuietMs: 60_000 })
        let closed = false
        request.onLog((line) => {
          const look = lookOf(line)
          if (look === null) return
          closed ||= look.situation === 'switchover-over-budget'
          // Without these the move, or the whole switchover, would be through before the kill arrives.
          if (look.situation === 'switchover-opening') {
            if (name === 'the opening') faults.outage = 'refuse'
            if (name === 'the move') links?.bobToAlice.cut()
          }
          if (name === 'the swap that goes back' && !closed) return
          if (death.at(look)) request.kill()
        })
        expect((await request.finished).error).toBeDefined()
        faults.outage = 'none'
        links?.bobToAlice.heal()
      }
      await (death.behind === true ? whileBehind(scene, play) : play())
      await expectTakenOver(scene)
      const writer = death.writer ?? (ledgerOf(scene.stage).writer as 'alice' | 'bob')
      await expectSettled(scene, writer)
    })
  })
})
