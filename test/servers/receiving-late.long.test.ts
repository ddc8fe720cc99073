/**
 * A spare that receives everything late, and a writer that dies under a watch which has just begun: no row that was acknowledged is
 * given up because the watch is young (X59).
 */
import { describe, expect, it } from 'vitest'
import { eventually, isOpen, ledgerOf, looks, onStage, situation, startWatch } from './on-stage.ts'

const FAMILIES = ['mysql', 'mariadb'] as const
/** Longer than detection.freshnessMs, 15 s. */
const LATE_MS = 20_000
const WATCHED_MS = 4000

describe.each(FAMILIES)('X59: the spare receives 20 s late, %s', (family) => {
  it('a watch that is 4 s old when the writer dies opens nothing', async () => {
    await onStage({ family, pair: { proxies: true } }, async (stage) => {
      const { alice, bob, links } = stage.pair
      const before = await startWatch(stage)
      links?.aliceToBob.delay(LATE_MS)
      const sinceMs = performance.now()
      let committed = 0
      const commitFor = async (ms: number, fromMs: number) => {
        while (performance.now() - fromMs < ms) {
          await alice.query(`INSERT INTO shop.orders (token) VALUES (?)`, [`late-${committed++}`])
          // A busy application's pace; the link holds no more than a megabyte.
          await alice.query('DO SLEEP(0.05)')
        }
      }
      await commitFor(LATE_MS + 2000, sinceMs)
      before.kill()
      const young = await startWatch(stage, 'spare-behind', { name: 'young' })
      await commitFor(WATCHED_MS, performance.now())
      await alice.kill()
      await links?.aliceToBob.reset()
      await eventually('it is dead, and refused', () =>
        looks(young).some((look) => /^spare-(stale|freshness-unproven)$/.test(look.situation)),
      )
      expect(looks(young).map((look) => look.situation)).not.toContain('healthy')
      expect((await situation(young, 'spare-behind')).because).toMatch(/bob is \d+\.\d s behind/)
      expect(await isOpen(bob)).toBe(false)
      expect(ledgerOf(stage)).toMatchObject({ writer: 'alice', claim: null })
      const [rows] = await bob.query<{ count: number }>(
        `SELECT COUNT(*) AS count FROM shop.orders WHERE token LIKE 'late-%'`,
      )
      expect(Number(rows?.count)).toBeLessThan(committed - 100)
    })
  })
})
