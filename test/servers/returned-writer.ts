/**
 * X58: a writer that died and returns with acknowledged rows that nobody else has: they are counted in full and listed by their tables, the
 * server is held, and nobody is told that nothing was lost.
 */
import { expect, it } from 'vitest'
import type { Family } from '../../lab/database/family.ts'
import { eventually, ledgerOf, looks, onStage, situation, startWatch } from './on-stage.ts'

/** More than 2,000 events, so that pages of any size end within transactions. */
const TAIL_ROWS = 700

export function returnedWriter(family: Family): void {
  it(`X58, M5: what a returned writer alone has is listed in full, ${family}`, {
    timeout: 120_000,
  }, async () => {
    await onStage({ family, pair: { proxies: true } }, async (stage) => {
      const { alice, links } = stage.pair
      const watch = await startWatch(stage)
      await alice.kill()
      await eventually('bob is named', () => ledgerOf(stage).writer === 'bob')
      // Hotspare does not see it, and somebody's application still does.
      links?.functionToAlice.cut()
      await alice.start()
      await alice.open()
      await alice.session(async (application) => {
        for (let row = 0; row < TAIL_ROWS; row++)
          await application.query('INSERT INTO shop.orders (token) VALUES (UUID())')
      })
      links?.functionToAlice.heal()
      await situation(watch, 'spare-on-hold', 60_000)
      expect(ledgerOf(stage).holds).toEqual(['alice'])
      const { message } = await stage.aws.sns.waitForMessage(
        (each) => each.attributes.event === 'server-held',
        10_000,
      )
      expect(message).toContain(`alice has ${TAIL_ROWS} transactions that bob lacks`)
      expect(message.match(/ {2}shop\.orders$/gm)).toHaveLength(20)
      expect(message).toContain(`and ${TAIL_ROWS - 20} more.`)
      expect(message).not.toContain('unknown')
      expect(looks(watch).map((look) => look.situation)).not.toContain('spare-stopped')
      expect(stage.aws.sns.messages.map(({ attributes }) => attributes.event)).not.toContain(
        'old-writer-returned',
      )
    })
  })
}
