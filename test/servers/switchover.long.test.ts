/**
 * Switchovers on real servers that take minutes: all that one file may take of them in `npm test`, and many in a row under load.
 * Interrupted ones are in switchover-killed.long.test.ts and switchover-cut-off.long.test.ts.
 */
import { describe, expect, it } from 'vitest'
import { FAMILIES } from '../../lab/database/family.ts'
import { playSwitchover } from '../../lab/switchover-story.ts'
import { flips, onStage } from './on-stage.ts'
import { LOAD, switchovers, switchoversOfMysql, thereAndBack } from './switchover.ts'
import { semiSyncCounters, switchSemiSyncOn, WORDS } from './words.ts'

switchoversOfMysql()
thereAndBack('mariadb')
for (const family of FAMILIES) switchovers(family)

describe.each(FAMILIES)('M7, T27: twenty switchovers under load, %s', (family) => {
  it.each([
    { title: 'without semi-sync', waiting: false },
    { title: 'with semi-sync, both ways (T13)', waiting: true },
  ])('$title: nothing is lost, both servers are the same', async ({ waiting }) => {
    const pair = waiting ? { options: WORDS[family].semiSyncOptions } : {}
    await onStage({ family, ttlSeconds: 2, pair }, async (stage) => {
      if (waiting) await switchSemiSyncOn(stage.pair)
      const story = { swaps: 20, restMs: 500, refusalsMax: 3, ...LOAD[family] }
      const verdict = await playSwitchover(stage, story)
      expect(verdict.failures).toEqual([])
      expect(verdict).toMatchObject({ lostRows: 0, checksumsEqual: true })
      expect(flips(stage)).toBe(20)
      for (const { writeBlockMs } of verdict.swaps) expect(writeBlockMs).toBeLessThan(5000)
      if (waiting)
        for (const server of stage.pair.servers)
          expect((await semiSyncCounters(server)).acknowledgers, server.name).toBe(1)
    })
  })
})
