/**
 * Switchovers on real servers that take minutes: all that one file may take of them in `npm test`, and many in a row under load.
 * Interrupted ones are in switchover-killed.long.test.ts and switchover-cut-off.long.test.ts.
 */
import { expect, it } from 'vitest'
import { FAMILIES } from '../../lab/database/family.ts'
import { playSwitchover } from '../../lab/switchover-story.ts'
import { flips, onStage } from './on-stage.ts'
import { LOAD, switchovers, switchoversOfMysql, thereAndBack } from './switchover.ts'

switchoversOfMysql()
thereAndBack('mariadb')
for (const family of FAMILIES) switchovers(family)

it.each(FAMILIES)(
  'M7, T27: twenty switchovers under load: nothing is lost, both servers are the same, %s',
  async (family) => {
    await onStage({ family, ttlSeconds: 2 }, async (stage) => {
      const story = { swaps: 20, restMs: 500, refusalsMax: 3, ...LOAD[family] }
      const verdict = await playSwitchover(stage, story)
      expect(verdict.failures).toEqual([])
      expect(verdict).toMatchObject({ lostRows: 0, checksumsEqual: true })
      expect(flips(stage)).toBe(20)
      for (const { writeBlockMs } of verdict.swaps) expect(writeBlockMs).toBeLessThan(5000)
    })
  },
)
