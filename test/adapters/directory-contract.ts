/**
 * What every directory has to do, whatever it stands on: Route 53, the simulated one, RFC 2136. An implementation's own test
 * calls `directoryContract` with a factory; what holds for one kind only is tested beside that.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Directory } from '../../lambda/adapters/directory.ts'
import type { ActResult, SwapStep } from '../../lambda/core/step.ts'
import type { WriterRecord } from '../../lambda/core/world.ts'

export interface DirectoryContent {
  readonly ledger: string | null
  readonly record: WriterRecord | null
}

/** A directory for records of type A, and the hands that a test needs behind its back. */
export interface DirectoryUnderTest {
  readonly directory: Directory
  /** A second client of the same records, as another invocation would have one. */
  readonly rival: Directory
  /** What really stands there now, not asked through the directory. */
  current(): DirectoryContent
  /** Put both records as they are given, unasked. */
  put(content: DirectoryContent): void
  /** The next swap takes effect, and its answer never arrives. */
  loseNextResponse(): void
  /** Calls get no answer at all, until `recover`. */
  cutOff(): void
  /** Calls of this kind are denied for lack of rights, until `recover`. */
  deny(what: 'read' | 'swap'): void
  recover(): void
  close(): Promise<void>
}

const plentyMs = 5_000
const shortMs = 250
/** How much later than its deadline a call may come back on a busy machine. */
const graceMs = 400

const alice = record('10.0.1.10')
const bob = record('10.0.2.10')
const first: DirectoryContent = { ledger: 'hotspare 1 r=1 writer=alice', record: alice }
const second = { ledger: 'hotspare 1 r=2 writer=bob', record: bob }

function record(...values: string[]): WriterRecord {
  return { type: 'A', ttlSeconds: 5, values, foreign: false }
}

function swapStep(
  from: DirectoryContent,
  to: { ledger: string; record: WriterRecord },
  deadlineMs = plentyMs,
): SwapStep {
  return { kind: 'swap', purpose: 'move', from, to, deadlineMs }
}

/** Runs the suite on the directories that `create` gives; each test has its own. */
export function directoryContract(name: string, create: () => Promise<DirectoryUnderTest>): void {
  describe(`the directory contract: ${name}`, () => {
    let under: DirectoryUnderTest
    beforeEach(async () => {
      under = await create()
    })
    afterEach(() => under.close())

    const swap = (...step: Parameters<typeof swapStep>) => under.directory.swap(swapStep(...step))
    const context = { under: () => under, swap }
    reading(context)
    swapping(context)
    refusing(context)
    failing(context)
  })
}

interface Context {
  under(): DirectoryUnderTest
  swap(...step: Parameters<typeof swapStep>): Promise<ActResult>
}

function reading({ under, swap }: Context): void {
  test('nothing there reads as nothing', async () => {
    expect(await under().directory.read(plentyMs)).toMatchObject({
      state: 'read',
      ledger: null,
      record: null,
    })
  })

  test('reads what was put there', async () => {
    under().put(first)
    expect(await under().directory.read(plentyMs)).toMatchObject({ state: 'read', ...first })
  })

  test('what one client swapped, the other reads', async () => {
    await swap({ ledger: null, record: null }, second)
    expect(await under().rival.read(plentyMs)).toMatchObject({ state: 'read', ...second })
  })

  test('a record of another type that sends clients elsewhere is foreign', async () => {
    const cname: WriterRecord = { type: 'CNAME', ttlSeconds: 5, values: ['db.example.com'], foreign: false }
    under().put({ ledger: null, record: cname })
    const view = await under().directory.read(plentyMs)
    expect(view).toMatchObject({ state: 'read', record: { type: 'CNAME', foreign: true } })
  })
}

function swapping({ under, swap }: Context): void {
  test('creates both where nothing was, and says how to follow it', async () => {
    const result = await swap({ ledger: null, record: null }, second)
    expect(result).toMatchObject({ outcome: 'done', changeId: expect.any(String) })
    expect(result.endedAtMs).toBeGreaterThanOrEqual(result.startedAtMs)
    expect(under().current()).toEqual(second)
  })

  test('replaces both', async () => {
    under().put(first)
    expect(await swap(first, second)).toMatchObject({ outcome: 'done' })
    expect(under().current()).toEqual(second)
  })

  test('the ledger alone may change, with the record as it is', async () => {
    under().put(first)
    const claimed = { ledger: `${first.ledger} claim=w1`, record: alice }
    expect(await swap(first, claimed)).toMatchObject({ outcome: 'done' })
    expect(under().current()).toEqual(claimed)
  })

  test('adds a ledger beside a record that was there', async () => {
    under().put({ ledger: null, record: alice })
    expect(await swap({ ledger: null, record: alice }, second)).toMatchObject({ outcome: 'done' })
    expect(under().current()).toEqual(second)
  })

  test('several swaps in a row, each from what the one before wrote', async () => {
    let from: DirectoryContent = { ledger: null, record: null }
    for (let revision = 1; revision <= 5; revision += 1) {
      const to = { ledger: `r=${revision}`, record: revision % 2 === 0 ? alice : bob }
      expect(await swap(from, to)).toMatchObject({ outcome: 'done' })
      from = to
    }
    expect(under().current()).toEqual(from)
  })

  test('a ledger of 1,000 bytes survives, quotes and backslashes included', async () => {
    const text = 'abcdefgh "q" \\ 123'.repeat(60).slice(0, 1_000)
    expect(await swap({ ledger: null, record: null }, { ledger: text, record: alice })).toMatchObject({
      outcome: 'done',
    })
    const view = await under().rival.read(plentyMs)
    expect(view).toMatchObject({ ledger: text })
    // The rival has to be able to delete what it read.
    const result = await under().rival.swap(swapStep({ ledger: text, record: alice }, second))
    expect(result).toMatchObject({ outcome: 'done' })
  })

  test('a ledger of 1,001 bytes is refused, and nothing changes', async () => {
    under().put(first)
    const result = await swap(first, { ledger: 'x'.repeat(1_001), record: bob })
    expect(result).toMatchObject({ outcome: 'refused', message: expect.stringContaining('1001') })
    expect(under().current()).toEqual(first)
  })

  test('a record with several addresses can be swapped away', async () => {
    const both: DirectoryContent = { ledger: first.ledger, record: record('10.0.1.10', '10.0.1.11') }
    under().put(both)
    expect(await under().directory.read(plentyMs)).toMatchObject(both)
    expect(await swap(both, second)).toMatchObject({ outcome: 'done' })
    expect(under().current()).toEqual(second)
  })
}

function refusing({ under, swap }: Context): void {
  const stale: readonly (readonly [string, DirectoryContent])[] = [
    ['another ledger', { ledger: 'hotspare 1 r=0', record: alice }],
    ['no ledger', { ledger: null, record: alice }],
    ['another address', { ledger: first.ledger, record: bob }],
    ['no record', { ledger: first.ledger, record: null }],
    ['another TTL', { ledger: first.ledger, record: { ...alice, ttlSeconds: 6 } }],
    ['one address more', { ledger: first.ledger, record: record('10.0.1.10', '10.0.1.11') }],
  ]
  test.each(stale)('a swap from %s than there is is refused, and neither record changes', async (_, from) => {
    under().put(first)
    const result = await swap(from, second)
    expect(result).toMatchObject({ outcome: 'refused', changeId: null })
    expect(result.message).not.toBe('')
    expect(under().current()).toEqual(first)
  })

  test('a swap from a ledger that has gone is refused, and the record stays', async () => {
    under().put({ ledger: null, record: alice })
    expect(await swap(first, second)).toMatchObject({ outcome: 'refused' })
    expect(under().current()).toEqual({ ledger: null, record: alice })
  })

  test('of two that create the records, one wins', async () => {
    const nothing: DirectoryContent = { ledger: null, record: null }
    const results = await Promise.all([
      under().directory.swap(swapStep(nothing, { ledger: 'mine', record: alice })),
      under().rival.swap(swapStep(nothing, { ledger: 'theirs', record: bob })),
    ])
    expect(results.map(({ outcome }) => outcome).sort()).toEqual(['done', 'refused'])
    const winner = results[0]?.outcome === 'done' ? ['mine', alice] : ['theirs', bob]
    expect(under().current()).toEqual({ ledger: winner[0], record: winner[1] })
  })

  test('T24: of two that claim at once, one wins', async () => {
    under().put(first)
    const results = await Promise.all([
      under().directory.swap(swapStep(first, { ledger: 'r=2 claim=w1', record: alice })),
      under().rival.swap(swapStep(first, { ledger: 'r=2 claim=w2', record: alice })),
    ])
    expect(results.map(({ outcome }) => outcome).sort()).toEqual(['done', 'refused'])
  })

  test('a record that can not be swapped is refused untouched', async () => {
    under().put(first)
    const foreign: DirectoryContent = { ledger: first.ledger, record: { ...alice, foreign: true } }
    expect(await swap(foreign, second)).toMatchObject({ outcome: 'refused' })
    expect(under().current()).toEqual(first)
  })
}

function failing({ under, swap }: Context): void {
  test('a swap whose answer is lost is unknown, and the next read shows it', async () => {
    under().put(first)
    under().loseNextResponse()
    expect(await swap(first, second, shortMs)).toMatchObject({ outcome: 'unknown', changeId: null })
    expect(await under().directory.read(plentyMs)).toMatchObject({ state: 'read', ...second })
  })

  test('T23: a read that gets no answer ends at its deadline as unreadable', async () => {
    under().cutOff()
    const started = performance.now()
    const view = await under().directory.read(shortMs)
    expect(performance.now() - started).toBeLessThan(shortMs + graceMs)
    expect(view).toMatchObject({ state: 'unreadable', kind: 'timeout' })
    expect(await under().directory.insync('C1', shortMs)).toBeNull()
  })

  test('T23: a swap that gets no answer ends at its deadline as unknown', async () => {
    under().put(first)
    under().cutOff()
    const started = performance.now()
    expect(await swap(first, second, shortMs)).toMatchObject({ outcome: 'unknown' })
    expect(performance.now() - started).toBeLessThan(shortMs + graceMs)
    under().recover()
    expect(await under().directory.read(plentyMs)).toMatchObject({ state: 'read' })
  })

  test('a read without the rights is unreadable, and says that it was denied', async () => {
    under().deny('read')
    const view = await under().directory.read(plentyMs)
    expect(view).toMatchObject({ state: 'unreadable', kind: 'denied' })
    under().recover()
    expect(await under().directory.read(plentyMs)).toMatchObject({ state: 'read' })
  })

  test('a swap without the rights is refused with the reason, and nothing changes', async () => {
    under().put(first)
    under().deny('swap')
    const result = await swap(first, second)
    expect(result.outcome).toBe('refused')
    expect(result.message).toMatch(/denied|not authorized|refused/i)
    expect(under().current()).toEqual(first)
  })

  test('after close, nothing more is promised than that calls do not reject', async () => {
    under().directory.close()
    await under().directory.read(shortMs)
  })
}
