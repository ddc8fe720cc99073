/**
 * A writer that dies while the spare's applier is busy for long, on both families: everything was received, so it is waited for, whoever
 * holds the claim, and nothing is lost.
 */
import { describe, expect, it } from 'vitest'
import type { DatabaseServer } from '../../lab/database/database-server.ts'
import type { Stage } from '../../lab/stage.ts'
import { eventually, isOpen, ledgerOf, looks, onStage, situation, startWatch } from './on-stage.ts'
import { hasReceivedAll } from './words.ts'

const FAMILIES = ['mysql', 'mariadb'] as const
/** With a freshness of 2.5 s, an applier that has been busy for this long shows heartbeats that prove nothing any more. */
const BUSY_MS = 6000
const configuration = { detection: { freshnessMs: 2500 }, failover: { catchUpTimeoutMs: 4000 } }

/** Keeps a row locked on the spare that the next transaction changes, and commits 100 more behind it, for longer than is fresh. */
async function whileBusy(stage: Stage, then: () => Promise<void>): Promise<void> {
  const { alice, bob } = stage.pair
  await alice.query(`INSERT INTO shop.orders (token) VALUES ('blocked')`)
  await stage.pair.waitUntilCaughtUp(bob)
  await bob.session(async (blocker) => {
    await blocker.query('BEGIN')
    await blocker.query(`SELECT * FROM shop.orders WHERE token = 'blocked' LOCK IN SHARE MODE`)
    await alice.query(`UPDATE shop.orders SET note = 'updated' WHERE token = 'blocked'`)
    const sinceMs = performance.now()
    for (let row = 0; row < 100; row++)
      await alice.query('INSERT INTO shop.orders (token) VALUES (?)', [`late-${row}`])
    await eventually('the applier has been busy for long', () => performance.now() - sinceMs > BUSY_MS)
    await eventually('bob has received it all', () => hasReceivedAll(bob, alice))
    await alice.kill()
    await then()
    expect(await isOpen(bob)).toBe(false)
    await blocker.query('ROLLBACK')
  })
  await eventually('bob is named', () => ledgerOf(stage).writer === 'bob', 60_000)
  expect(await rowsOf(bob)).toEqual({ late: 100, updated: 1 })
}

async function rowsOf(server: DatabaseServer): Promise<{ late: number; updated: number }> {
  const [rows] = await server.query<{ late: number; updated: number }>(
    `SELECT SUM(token LIKE 'late-%') AS late, SUM(note = 'updated') AS updated FROM shop.orders`,
  )
  return { late: Number(rows?.late), updated: Number(rows?.updated) }
}

const told = (stage: Stage, event: string) =>
  stage.aws.sns.waitForMessage(({ attributes }) => attributes.event === event, 20_000)
const toldOf = (stage: Stage) => stage.aws.sns.messages.map(({ attributes }) => attributes.event)

describe.each(FAMILIES)('X4: the applier is busy when the writer dies, %s', (family) => {
  it('it is waited for, and people are told how much is left; nothing is lost', async () => {
    await onStage({ family, configuration }, async (stage) => {
      const watch = await startWatch(stage)
      await whileBusy(stage, async () => {
        await situation(watch, 'catch-up-too-long')
        const { subject, message } = await told(stage, 'failover-waits')
        expect(subject).toContain('NOT WRITABLE, bob applies what it received before it takes over')
        expect(message).toMatch(/transactions? (is|are) left/)
      })
      expect(looks(watch).map((look) => look.situation)).not.toContain('spare-stale')
      expect(toldOf(stage)).not.toContain('failover-refused')
    })
  })

  it('R15: its holder dies meanwhile: a function that never saw the writer alive takes over, with the proof', async () => {
    await onStage({ family, configuration }, async (stage) => {
      const watch = await startWatch(stage)
      await whileBusy(stage, async () => {
        await situation(watch, 'catching-up')
        watch.kill()
        const heir = await startWatch(stage, 'claim-standing', { name: 'heir' })
        await situation(heir, 'proven-anew', 60_000)
        await situation(heir, 'catch-up-too-long', 60_000)
      })
      expect(toldOf(stage)).not.toContain('failover-refused')
    })
  })
})
