/**
 * Each link cut for two seconds at each step of a switchover, on real servers of both families. Nothing that was acknowledged to any
 * client is missing afterwards, one server is open, and the answer says which.
 */
import { describe, expect, it } from 'vitest'
import { FAMILIES } from '../../lab/database/family.ts'
import type { Stage } from '../../lab/stage.ts'
import { eventually, ledgerOf } from './on-stage.ts'
import { expectSettled, expectTakenOver, onScene, TAKEN_OVER_MS, when } from './switching.ts'

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
        await expectTakenOver(scene)
        const { writer } = ledgerOf(scene.stage)
        expect((result as { ok: boolean }).ok, JSON.stringify(result)).toBe(writer === 'bob')
        await expectSettled(scene, writer as 'alice' | 'bob')
      })
    })
  },
)
