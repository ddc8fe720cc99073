/** A few deaths in a row under load; `npm run deaths` plays thirty. */
import { expect, it } from 'vitest'
import type { Family } from '../../lab/database/family.ts'
import { playDeaths } from '../../lab/deaths-story.ts'
import { onStage } from './on-stage.ts'

const DEATHS = 3

/** A pair is played until one of its servers is held; then the rest is played on a fresh one. */
export function deathsInARow(family: Family): void {
  it(`X31, X58: every row that the survivor lacks is told, and none that it has, ${family}`, {
    timeout: 300_000,
  }, async () => {
    let left = DEATHS
    while (left > 0)
      await onStage(
        { family, ttlSeconds: 1, pair: { proxies: true }, configuration: { failover: { cooldownMs: 0 } } },
        async (stage) => {
          const verdicts = await playDeaths(stage, { deaths: left, stallMsMax: 800 })
          expect(verdicts.flatMap(({ failures }) => failures)).toEqual([])
          left -= verdicts.length
        },
      )
  })
}
