/**
 * Twenty switchovers in a row under load, on real servers of both families, without and with semi-sync: no row that was acknowledged to
 * any client is missing afterwards, and both servers are the same.
 */
import { describe, expect, it } from 'vitest'
import { FAMILIES } from '../../lab/database/family.ts'
import { BUSY_LOAD } from '../../lab/switchover-load.ts'
import { playSwitchover } from '../../lab/switchover-story.ts'
import { flips, onStage } from './on-stage.ts'
import { semiSyncCounters, switchSemiSyncOn, WORDS } from './words.ts'

describe.each(FAMILIES)('M7, T27: twenty switchovers under load, %s', (family) => {
  it.each([
    { title: 'without semi-sync', waiting: false },
    { title: 'with semi-sync, both ways (T13)', waiting: true },
  ])('$title: nothing is lost, both servers are the same', async ({ waiting }) => {
    const pair = waiting ? { options: WORDS[family].semiSyncOptions } : {}
    await onStage({ family, ttlSeconds: 1, pair }, async (stage) => {
      if (waiting) await switchSemiSyncOn(stage.pair)
      const story = { swaps: 20, restMs: 500, refusalsMax: 3, ...BUSY_LOAD[family] }
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
