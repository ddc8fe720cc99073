/** A failover whose function is killed -9 right after one of its steps; the next invocation has to finish it. */
import { expect } from 'vitest'
import { startApplication } from '../../lab/application.ts'
import type { Family } from '../../lab/database/family.ts'
import { replicationOf } from '../../lab/database/replication.ts'
import { type LookLine, lookOf } from '../../lab/log-line.ts'
import { type Stage, WRITER_NAME } from '../../lab/stage.ts'
import { quoteText } from '../../lambda/adapters/txt-strings.ts'
import { NO_PROOF } from '../../lambda/core/freshness.ts'
import { formatLedger } from '../../lambda/core/ledger.ts'
import { eventually, flips, isOpen, ledgerOf, onStage, startWatch, timesDone } from './on-stage.ts'

/** By the log line that shows the step done. */
export const STEPS: Readonly<Record<string, (look: LookLine) => boolean>> = {
  'the claim': ({ last, situation }) => last?.step === 'swap' && situation === 'detaching',
  detaching: ({ last }) => last?.step === 'detach' && last.outcome === 'done',
  'stopping the applier': ({ last }) => last?.step === 'stop-applier' && last.outcome === 'done',
  opening: ({ last }) => last?.step === 'open' && last.outcome === 'done',
  'the move': ({ last, situation }) => last?.step === 'swap' && situation === 'starting-events',
  'starting events': ({ last }) => last?.step === 'start-events' && last.outcome === 'done',
  'recording the takeover': ({ last, memory }) => last?.step === 'record-takeover' && memory.moved !== null,
}

/** Long enough for a claim to be watched for its whole length. */
const TAKEN_OVER_MS = 45_000

export async function killedAfter(family: Family, step: string): Promise<void> {
  await onStage({ family }, async (stage) => {
    const { pair, aws } = stage
    const first = await startWatch(stage)
    const app = startApplication({
      name: 'app',
      account: pair.application,
      port: pair.port,
      caFile: pair.caFile,
      target: { name: WRITER_NAME, nameServer: aws.environment.HOTSPARE_NAME_SERVER },
    })
    await app.firstFrom(pair.alice.host, 0, 10_000)
    await app.stop()
    await pair.waitUntilCaughtUp(pair.bob)
    first.onLog((line) => {
      const look = lookOf(line)
      // A look that was logged before the death is of no interest.
      if (look === null || look.memory.servers.alice?.failingSinceMs === null) return
      // Without this the move would be through before the kill arrives.
      if (step === 'opening' && look.situation === 'opening') aws.route53.faults.outage = 'refuse'
      if (STEPS[step]?.(look) === true) first.kill()
    })
    await pair.alice.kill()
    await first.finished
    aws.route53.faults.outage = 'none'
    const second = await startWatch(stage, null, { name: 'second' })
    await eventually('bob is named', () => ledgerOf(stage).writer === 'bob', TAKEN_OVER_MS)
    await eventually('the claim is gone', () => ledgerOf(stage).claim === null, TAKEN_OVER_MS)
    await second.waitForLog((line) => lookOf(line)?.situation === 'spare-unreachable', TAKEN_OVER_MS)
    expect(ledgerOf(stage)).toMatchObject({ epoch: 2, writer: 'bob', how: 'failover', holds: [] })
    expect(flips(stage)).toBe(1)
    expect(await isOpen(pair.bob)).toBe(true)
    // The function may have died before it could log an opening that was done.
    expect(timesDone('open', first, second)).toBeLessThanOrEqual(1)
    const rows = await pair.bob.query<{ token: string }>(
      `SELECT token FROM shop.orders WHERE token LIKE 'app-%'`,
    )
    const present = new Set(rows.map(({ token }) => token))
    expect(app.acknowledged.filter(({ token }) => !present.has(token))).toEqual([])
    const [takeover] = await pair.bob.query<{ epoch: number }>(
      'SELECT MAX(epoch) AS epoch FROM hotspare.takeover',
    )
    expect(takeover?.epoch).toBe(2)
  })
}

/** What a holder has done to the spare when it dies, before it opened anything. */
export const STOPPED: Readonly<Record<string, readonly string[]>> = {
  detaching: ['STOP REPLICA IO_THREAD'],
  'stopping the applier': ['STOP REPLICA IO_THREAD', 'STOP REPLICA SQL_THREAD'],
}

/**
 * Whoever held the claim died there, and the old writer is back, closed and whole: it is opened again, and bob follows it. The claim and
 * the stops are put there by hand: a kill that comes by a log line may come too late.
 */
export async function backAfter(family: Family, step: string): Promise<void> {
  await onStage({ family }, async (stage) => {
    const { pair, aws } = stage
    const first = await startWatch(stage)
    first.kill()
    await pair.waitUntilCaughtUp(pair.bob)
    await pair.alice.kill()
    await eventually('an error stands', async () => (await replicationOf(pair.bob)).receiverErrno !== 0)
    for (const statement of STOPPED[step] ?? []) await pair.bob.query(statement)
    const { receiver, receiverErrno } = await replicationOf(pair.bob)
    expect(receiver).toBe('off')
    if (family === 'mysql') expect(receiverErrno, 'a STOP leaves the error there').not.toBe(0)
    claimed(stage)
    await pair.alice.start()
    await startWatch(stage, null, { name: 'second' })
    const told = await aws.sns.waitForMessage(
      ({ attributes }) => attributes.event === 'writer-reopened',
      TAKEN_OVER_MS,
    )
    await eventually('the claim is gone', () => ledgerOf(stage).claim === null, TAKEN_OVER_MS)
    expect(ledgerOf(stage)).toMatchObject({ epoch: 1, writer: 'alice', holds: [] })
    expect(await isOpen(pair.alice)).toBe(true)
    expect(await replicationOf(pair.bob)).toMatchObject({ receiver: 'on', applier: 'on' })
    expect(told.message).toContain('bob follows it')
  })
}

/** A claim to fail over to bob stands, of somebody who is gone. */
function claimed(stage: Stage): void {
  const ledger = ledgerOf(stage)
  const claim = { who: 'gone', intent: 'failover', target: 'bob', lengthMs: 15_000 } as const
  const text = formatLedger({
    ...ledger,
    revision: ledger.revision + 1,
    claim: { ...claim, touched: false, ...NO_PROOF, sinceClockMs: 0 },
  })
  const record = stage.aws.zone.get(`_hotspare.${WRITER_NAME}`, 'TXT')
  if (record === undefined) throw new Error('there is no ledger')
  stage.aws.zone.set({ ...record, values: [quoteText(text)] })
}
