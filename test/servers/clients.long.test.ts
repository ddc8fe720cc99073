/**
 * Real clients and a planned switchover (T22): a pool of mysql2 and a Python program with PyMySQL find the new writer by its name,
 * each in its own way, and nothing that either was told is committed is missing afterwards.
 */
import { expect, it } from 'vitest'
import { playClients } from '../../lab/clients/clients-story.ts'
import { onStage } from './on-stage.ts'

const TTL_SECONDS = 2
const TTL_MS = TTL_SECONDS * 1000
/** Closing, opening and connecting again, on a busy machine. */
const MARGIN_MS = 3000

it.each(['mysql', 'mariadb'] as const)(
  'T22, M7: both clients follow within the TTL, there and back, and lose nothing, %s',
  async (family) => {
    await onStage({ family, ttlSeconds: TTL_SECONDS }, async (stage) => {
      const story = { swaps: 2, lowerTtl: false, askAfterMs: 0, restMs: TTL_MS + 500 }
      const { outagesMs, ackedRows, failures } = await playClients(stage, story)
      expect(failures).toEqual([])
      expect(ackedRows).toBeGreaterThan(100)
      for (const [client, figures] of Object.entries(outagesMs)) {
        expect(figures, client).toHaveLength(2)
        for (const outageMs of figures) {
          expect(outageMs, client).toBeGreaterThan(0)
          expect(outageMs, client).toBeLessThan(TTL_MS + MARGIN_MS)
        }
      }
    })
  },
)

it('T22: with the TTL lowered first, clients find the new writer a second after the old one was closed', async () => {
  await onStage({ ttlSeconds: 10 }, async (stage) => {
    // Both have asked when the record still had its ten seconds; those run out before anything is closed.
    const story = { swaps: 1, lowerTtl: true, askAfterMs: 0, restMs: 500 }
    const { outagesMs, failures } = await playClients(stage, story)
    expect(failures).toEqual([])
    for (const [client, [outageMs]] of Object.entries(outagesMs))
      expect(outageMs, client).toBeLessThan(1000 + MARGIN_MS)
  })
})

it('T22: clients that wait a second before they ask for the name need no TTL to run out', async () => {
  const ttlSeconds = 6
  await onStage({ ttlSeconds }, async (stage) => {
    // They have held their connections for longer than the TTL, so they know no address when those end.
    const story = { swaps: 2, lowerTtl: false, askAfterMs: 1000, restMs: ttlSeconds * 1000 + 500 }
    const { outagesMs, failures } = await playClients(stage, story)
    expect(failures).toEqual([])
    for (const [client, figures] of Object.entries(outagesMs))
      for (const outageMs of figures) expect(outageMs, client).toBeLessThan(1000 + MARGIN_MS)
  })
})
