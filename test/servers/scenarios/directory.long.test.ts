/** Route 53 slow, away, refusing, or changed by somebody else; and the other services; on real servers. */
import { expect, onTestFinished } from 'vitest'
import type { Invocation } from '../../../lab/lambda/invocation.ts'
import { lookOf, messageOf } from '../../../lab/log-line.ts'
import { startProxy } from '../../../lab/proxy.ts'
import { PAIR, type Stage } from '../../../lab/stage.ts'
import { eventually, ledgerOf, looks, recordOf, situation, startWatch, timesDone } from '../on-stage.ts'
import { playScenarios } from './play.ts'
import { failedOver, linksOf, nothingOpened, settlesAs, told } from './scene.ts'

const LEDGER = '_hotspare.writer.orders.example.com'
const WRITER = 'writer.orders.example.com'
/** A call that is never answered is given up after 5 s, and the claim it made stands for 15 s. */
const SLOW_MS = 45_000

/** The writer is known, and no watch runs. */
async function adopted(stage: Stage): Promise<void> {
  const watch = await startWatch(stage)
  watch.kill()
  await watch.finished
}

function ledgerText(stage: Stage): string {
  return (stage.aws.zone.get(LEDGER, 'TXT')?.values[0] ?? '').replaceAll('" "', '').replaceAll('"', '')
}

/** Replaces the ledger behind everybody's back; in strings of at most 255 characters, as Route 53 takes them. */
function writeLedger(stage: Stage, text: string): void {
  const strings = text.match(/.{1,255}/g) ?? []
  const values = [strings.map((part) => `"${part}"`).join(' ')]
  stage.aws.zone.set({ name: LEDGER, type: 'TXT', ttlSeconds: 60, values })
}

function changeRecord(stage: Stage, change: { ttlSeconds?: number; values?: readonly string[] }): void {
  const record = stage.aws.zone.get(WRITER, 'A')
  if (record === undefined) throw new Error('there is no writer record')
  stage.aws.zone.set({ ...record, ...change })
}

/** Bob was opened and named once, whatever was lost or sent twice on the way. */
async function failedOverOnce(stage: Stage, watch: Parameters<typeof looks>[0], timeoutMs?: number) {
  await failedOver(stage, timeoutMs)
  await settlesAs(watch, 'spare-unreachable')
  expect(timesDone('open', watch)).toBe(1)
}

/** Both servers are as they were, though nobody could look at the directory. */
async function nothingTouched(stage: Stage): Promise<void> {
  await nothingOpened(stage)
  expect(await stage.pair.alice.isOpen()).toBe(true)
}

/** The ledger as it was, with a higher revision: what the runbook tells people to write. */
function raised(text: string): string {
  return text.replace(/revision=(\d+)/, (_, revision) => `revision=${Number(revision) + 1}`)
}

/** Bob has taken over, alice is back and closed, nobody watches; then the zone is what it was before. @returns the ledger's text */
async function backAfterFailover(stage: Stage): Promise<string> {
  const { alice, bob } = stage.pair
  const watch = await startWatch(stage)
  const before = { text: ledgerText(stage), values: recordOf(stage) }
  await alice.kill()
  await failedOver(stage)
  await eventually('the takeover is written down on bob', async () => {
    const [row] = await bob.query<{ epoch: number }>('SELECT MAX(epoch) AS epoch FROM hotspare.takeover')
    return Number(row?.epoch) === 2
  })
  watch.kill()
  await watch.finished
  await alice.start()
  expect(await alice.isOpen()).toBe(false)
  writeLedger(stage, before.text)
  changeRecord(stage, { values: before.values })
  return before.text
}

/** Ledger and record name bob again, who was open all the time; alice is closed. */
async function mended(stage: Stage): Promise<void> {
  const { alice, bob } = stage.pair
  await eventually('bob is named', () => ledgerOf(stage).writer === 'bob')
  expect(ledgerOf(stage)).toMatchObject({ epoch: 2, claim: null, holds: [] })
  expect(recordOf(stage)).toEqual([stage.pair.hostFor('application', bob)])
  expect([await alice.isOpen(), await bob.isOpen()]).toEqual([false, true])
}

playScenarios('directory', {
  'route53-away-at-death': async (stage) => {
    const watch = await startWatch(stage)
    stage.aws.route53.faults.outage = 'hang'
    await stage.pair.alice.kill()
    await situation(watch, 'directory-unreachable')
    expect(await told(stage, 'directory-unreachable')).toMatch(/did not answer.*endpoint/s)
    await nothingOpened(stage)
    stage.aws.route53.faults.outage = 'none'
    await failedOverOnce(stage, watch, SLOW_MS)
  },

  'route53-away-healthy': async (stage) => {
    await adopted(stage)
    stage.aws.route53.faults.outage = 'refuse'
    const late = await startWatch(stage, 'directory-unreachable', { name: 'late' })
    expect(await told(stage, 'directory-unreachable')).toMatch(/Check the path to Route 53/)
    await nothingTouched(stage)
    stage.aws.route53.faults.outage = 'none'
    await settlesAs(late, 'healthy')
    expect(timesDone('swap', late)).toBe(0)
  },

  'route53-throttled': async (stage) => {
    const watch = await startWatch(stage)
    const before = stage.aws.route53.counts
    const callsBefore = before.listCalls + before.changeCalls
    stage.aws.route53.faults.throttleNext(10_000)
    const beganAtMs = performance.now()
    await stage.pair.alice.kill()
    expect(await told(stage, 'directory-unreachable')).toMatch(/throttled.*request limit/s)
    await nothingOpened(stage)
    const { listCalls, changeCalls } = stage.aws.route53.counts
    // The account's limit is five calls a second, and others need them too.
    const perSecond = ((listCalls + changeCalls - callsBefore) * 1000) / (performance.now() - beganAtMs)
    expect(perSecond).toBeLessThan(5)
    stage.aws.route53.faults.throttleNext(0)
    await failedOverOnce(stage, watch)
  },

  'route53-busy': async (stage) => {
    const watch = await startWatch(stage)
    const { faults } = stage.aws.route53
    faults.beforeChange = () => {
      faults.beforeChange = null
      faults.priorRequestNotCompleteNext(2)
    }
    faults.priorRequestNotCompleteNext(2)
    await stage.pair.alice.kill()
    await failedOverOnce(stage, watch)
    // Nothing has to be read again: a change that was put off was certainly not made.
    expect(looks(watch).map((look) => look.situation)).not.toContain('directory-unreachable')
  },

  'claim-answer-lost': async (stage) => {
    const watch = await startWatch(stage)
    stage.aws.route53.faults.hangNextResponses(1)
    await stage.pair.alice.kill()
    await failedOverOnce(stage, watch, SLOW_MS)
  },

  'claim-lands-late': async (stage) => {
    const watch = await startWatch(stage)
    const { faults } = stage.aws.route53
    const landing = Promise.withResolvers<void>()
    faults.beforeChange = () => {
      faults.beforeChange = null
      return landing.promise
    }
    await stage.pair.alice.kill()
    // The claim has been given up, and the ledger read without it.
    await eventually('the claim is sent again', () => stage.aws.route53.counts.changeCalls >= 3, SLOW_MS)
    landing.resolve()
    await failedOverOnce(stage, watch, SLOW_MS)
    // It was refused: before a server was touched the text had changed once more.
    expect(stage.aws.route53.counts.batchesRefused).toBeGreaterThanOrEqual(1)
    const claim = stage.aws.route53.batches.find(({ comment }) => comment === 'hotspare claim')
    const opened = watch.logs.find((line) => lookOf(line)?.last?.step === 'open')
    expect(opened?.atMs).toBeGreaterThan(claim?.appliedAtMs ?? Number.POSITIVE_INFINITY)
  },

  'move-answer-lost': async (stage) => {
    const watch = await startWatch(stage)
    const { faults } = stage.aws.route53
    faults.beforeChange = ({ comment }) => {
      if (comment === 'hotspare move') faults.hangNextResponses(1)
    }
    await stage.pair.alice.kill()
    await failedOverOnce(stage, watch, SLOW_MS)
    await told(stage, 'failed-over')
  },

  'ttl-changed': async (stage) => {
    const watch = await startWatch(stage)
    changeRecord(stage, { ttlSeconds: 300 })
    await stage.pair.alice.kill()
    await failedOverOnce(stage, watch)
    expect(stage.aws.zone.get(WRITER, 'A')?.ttlSeconds).toBe(5)
  },

  'record-changed': async (stage) => {
    const watch = await startWatch(stage)
    const values = recordOf(stage)
    changeRecord(stage, { values: ['127.0.9.9'] })
    await stage.pair.alice.kill()
    await situation(watch, 'record-disagrees')
    const text = await told(stage, 'record-disagrees')
    expect(text).toContain('127.0.9.9')
    expect(text).toContain(`A ${WRITER} -> ${values.join()}`)
    expect(ledgerOf(stage)).toMatchObject({ epoch: 1, writer: 'alice', claim: null })
    expect(await stage.pair.bob.isOpen()).toBe(false)
    changeRecord(stage, { values })
    await failedOverOnce(stage, watch)
  },

  'record-set-back-after-failover': async (stage) => {
    const watch = await startWatch(stage)
    const before = recordOf(stage)
    await stage.pair.alice.kill()
    await failedOverOnce(stage, watch)
    const after = recordOf(stage)
    changeRecord(stage, { values: before })
    const late = await startWatch(stage, 'record-disagrees', { name: 'late' })
    expect(await told(stage, 'record-disagrees')).toContain(`A ${WRITER} -> ${after.join()}`)
    expect(recordOf(stage)).toEqual(before)
    changeRecord(stage, { values: after })
    await settlesAs(late, 'spare-unreachable')
  },

  'change-rights-gone': async (stage) => {
    const watch = await startWatch(stage)
    stage.aws.route53.faults.deny('ChangeResourceRecordSets')
    await stage.pair.alice.kill()
    await situation(watch, 'directory-refuses')
    expect(await told(stage, 'directory-refuses')).toContain('route53:ChangeResourceRecordSets')
    await nothingOpened(stage)
    stage.aws.route53.faults.clear()
    await failedOverOnce(stage, watch)
  },

  'read-rights-gone': async (stage) => {
    await adopted(stage)
    stage.aws.route53.faults.deny('ListResourceRecordSets')
    const late = await startWatch(stage, 'directory-unreachable', { name: 'late' })
    expect(await told(stage, 'directory-unreachable')).toContain('route53:ListResourceRecordSets')
    await nothingTouched(stage)
    stage.aws.route53.faults.clear()
    await settlesAs(late, 'healthy')
  },

  'ledger-garbage': async (stage) => {
    const watch = await startWatch(stage)
    const text = ledgerText(stage)
    writeLedger(stage, 'v=spf1 -all')
    await stage.pair.alice.kill()
    await situation(watch, 'ledger-unreadable')
    expect(await told(stage, 'ledger-unreadable')).toContain(`TXT record ${LEDGER}`)
    expect(await stage.pair.bob.isOpen()).toBe(false)
    expect(ledgerText(stage)).toBe('v=spf1 -all')
    writeLedger(stage, raised(text))
    await failedOverOnce(stage, watch)
  },

  'ledger-garbage-healthy': async (stage) => {
    await adopted(stage)
    const text = ledgerText(stage)
    writeLedger(stage, 'v=spf1 -all')
    const late = await startWatch(stage, 'ledger-unreadable', { name: 'late' })
    expect(await told(stage, 'ledger-unreadable')).toContain('put it back')
    expect([await stage.pair.alice.isOpen(), await stage.pair.bob.isOpen()]).toEqual([true, false])
    expect(timesDone('swap', late)).toBe(0)
    writeLedger(stage, raised(text))
    await settlesAs(late, 'healthy')
  },

  'ledger-of-the-future': async (stage) => {
    const watch = await startWatch(stage)
    const text = ledgerText(stage).replace('hotspare=1', 'hotspare=2 quorum=3')
    writeLedger(stage, text)
    await stage.pair.alice.kill()
    const look = await situation(watch, 'ledger-unreadable')
    expect(look.because).toMatch(/version 2/)
    expect(await told(stage, 'ledger-unreadable')).toContain('deploy that version')
    expect(await stage.pair.bob.isOpen()).toBe(false)
    expect(ledgerText(stage)).toBe(text)
  },

  'ledger-too-long': async (stage) => {
    const watch = await startWatch(stage)
    const strangers = Array.from({ length: 30 }, (_, each) => `a-server-of-days-long-past-${each}`)
    const text = `${raised(ledgerText(stage))} holds=${strangers.join()}`
    writeLedger(stage, text)
    await stage.pair.alice.kill()
    await situation(watch, 'directory-refuses')
    expect(await told(stage, 'directory-refuses')).toMatch(/at most 1000.*Release holds/s)
    expect(await stage.pair.bob.isOpen()).toBe(false)
    expect(ledgerText(stage)).toBe(text)
  },

  'ledger-read-before-the-claim': async (stage) => {
    const { pair, aws } = stage
    const watch = await startWatch(stage)
    const slow = await startProxy({
      ...{ listenHost: '127.0.0.1', listenPort: 0, targetHost: pair.bob.host, targetPort: pair.port },
    })
    onTestFinished(() => slow.close())
    await slow.stall()
    const bob = { host: slow.host, port: slow.port, address: pair.hostFor('application', pair.bob) }
    const configuration = { servers: { bob }, detection: { probeTimeoutMs: 10_000 } }
    const second = stage.watcher({ name: 'second', configuration })
    let begun: Invocation | null = null
    aws.route53.faults.beforeChange = async ({ comment }) => {
      // The claim is under way until the second watch has read the ledger without it,
      const before = aws.route53.counts.listCalls
      if (comment === 'hotspare claim') {
        begun = second.start({ action: 'watch', pair: PAIR })
        await eventually('it has read the ledger', () => aws.route53.counts.listCalls > before)
      }
      // and the move until it has reached bob, who is open, and not named yet.
      const seen = begun
      if (comment === 'hotspare move' && seen !== null) {
        await slow.heal()
        await eventually('it has looked', () => looks(seen).length > 0)
      }
    }
    await pair.alice.kill()
    await failedOver(stage)
    await settlesAs(watch, 'spare-unreachable')
    const seen = begun as Invocation | null
    if (seen === null) throw new Error('nobody claimed')
    await settlesAs(seen, 'spare-unreachable')
    expect(timesDone('close', seen)).toBe(0)
    expect(await pair.bob.isOpen()).toBe(true)
  },

  'zone-goes-back': async (stage) => {
    await backAfterFailover(stage)
    const later = await startWatch(stage, 'ledger-mending', { name: 'later' })
    await mended(stage)
    await settlesAs(later, 'spare-stopped')
    expect(timesDone('close', later)).toBe(0)
    expect(await told(stage, 'ledger-mended')).toContain('bob')
  },

  'zone-goes-back-unseen': async (stage) => {
    const text = await backAfterFailover(stage)
    await linksOf(stage).functionToAlice.cut()
    const later = await startWatch(stage, 'ledger-rewound', { name: 'later' })
    expect(await told(stage, 'ledger-rewound')).toContain('bring alice back closed')
    expect(ledgerText(stage)).toBe(text)
    expect(await stage.pair.bob.isOpen()).toBe(true)
    await linksOf(stage).functionToAlice.heal()
    await mended(stage)
    expect(timesDone('close', later)).toBe(0)
  },

  'secrets-away-at-start': async (stage) => {
    await adopted(stage)
    stage.aws.secrets.faults.outage = 'hang'
    const late = await startWatch(stage, 'blind', { name: 'late' })
    expect(await told(stage, 'blind')).toMatch(/Secrets Manager/)
    await nothingTouched(stage)
    stage.aws.secrets.faults.outage = 'none'
    await settlesAs(late, 'healthy')
    expect(timesDone('swap', late)).toBe(0)
  },

  'sns-away': async (stage) => {
    const watch = await startWatch(stage)
    stage.aws.sns.faults.outage = 'hang'
    await stage.pair.alice.kill()
    await failedOver(stage, 5000)
    const unsent = await watch.waitForLog((line) => messageOf(line)?.event === 'failed-over', 20_000)
    expect(messageOf(unsent)?.sent).toMatch(/SNS did not answer/)
    stage.aws.sns.faults.outage = 'none'
    expect(await told(stage, 'failed-over')).toContain('bob is the writer now')
  },
})
