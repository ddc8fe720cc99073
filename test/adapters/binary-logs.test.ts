/**
 * The reader of binary logs against recorded ones of each version: whatever the size of its pages and wherever it is cut off, what it
 * says is right, or it says that it doesn't know.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Found, type ScanLimits, tablesOf, usualLimits } from '../../lambda/adapters/mysql/binlog.ts'
import { canonical, intersect, members } from '../../lambda/core/gtid-set.ts'
import { RECORDED, type RecordedLogs } from './recorded/record.ts'
import { type Asked, recordedServer } from './recorded/server.ts'

const logsOf = (name: string): RecordedLogs =>
  JSON.parse(readFileSync(join(import.meta.dirname, 'recorded', `${name}.json`), 'utf8'))

function search(
  logs: RecordedLogs,
  wanted: string,
  limits: Partial<ScanLimits> = {},
  asked: Asked = {},
  now = () => 0,
) {
  return tablesOf(recordedServer(logs, asked), wanted, now, { ...usualLimits, files: 99, ...limits })
}

/** Everything from each origin's first to its last, with the numbers of others in between. */
function everythingIn({ truth }: RecordedLogs): string {
  const spans = new Map<string, number[]>()
  for (const gtid of Object.keys(truth)) {
    const [, origin = '', number] = /^(.+)[-:](\d+)$/.exec(gtid) ?? []
    spans.set(origin, [...(spans.get(origin) ?? []), Number(number)])
  }
  return canonical(
    [...spans].map(([origin, all]) => `${origin}:${Math.min(...all)}-${Math.max(...all)}`).join(','),
  )
}

function expectTrue({ truth }: RecordedLogs, { transactions, absent }: Found): void {
  expect(intersect(absent, Object.keys(truth).join(',') || 'x:1')).toBe('')
  for (const { gtid, tables } of transactions) {
    if (tables.length === 0) continue
    const right = truth[gtid]
    if (right === null) for (const table of tables) expect(table, gtid).toMatch(/^statement /)
    else expect(tables, gtid).toEqual(right)
  }
}

describe.each(RECORDED)('X58: binary logs of %s', (name) => {
  const logs = logsOf(name)
  const everything = everythingIn(logs)
  const rowsOnly = Object.keys(logs.truth).filter((gtid) => logs.truth[gtid] !== null)

  test.each([1, 2, 3, 7, 50, 2000])(
    'are read to their ends in pages of %i, and all is found',
    async (events) => {
      const found = await search(logs, everything, { events })
      expectTrue(logs, found)
      const known = new Map(found.transactions.map(({ gtid, tables }) => [gtid, tables]))
      for (const gtid of rowsOnly) expect(known.get(gtid)?.join(), gtid).toBe(logs.truth[gtid]?.join())
      expect(known.size).toBe(Object.keys(logs.truth).length)
      expect(found.unread).toBe('')
      const others = members(everything, 1000).filter((gtid) => !(gtid in logs.truth))
      expect(members(found.absent, 1000)).toEqual(others)
      expect(others.length > 0).toBe(name !== 'mysql')
    },
  )

  const cuts = fc.record({
    events: fc.integer({ min: 1, max: 60 }),
    bytes: fc.integer({ min: 100, max: 60_000 }),
    files: fc.integer({ min: 1, max: 4 }),
    lateAfter: fc.integer({ min: 1, max: 300 }),
    failsAfter: fc.integer({ min: 1, max: 300 }),
  })

  test('wherever the reading is cut off: right, or not known; nothing that is there is called absent', async () => {
    await fc.assert(
      fc.asyncProperty(cuts, async ({ lateAfter, failsAfter, ...limits }) => {
        let questions = 0
        const onQuestion = () => {
          questions += 1
        }
        const now = () => (questions >= lateAfter ? limits.files * 1e9 : 0)
        const found = await search(logs, everything, limits, { failsAfter, onQuestion }, now).catch(
          () => null,
        )
        if (found === null) return
        expectTrue(logs, found)
        const unknown = found.transactions.filter(({ gtid, tables }) => !tables.length && logs.truth[gtid])
        if (unknown.length > 0) expect(found.unread).not.toBe('')
      }),
      { numRuns: 300 },
    )
  })

  test('a file that is longer than what was read of it, whatever the reason, proves nothing absent', async () => {
    const longer = { ...logs, files: logs.files.map((file) => ({ ...file, bytes: file.bytes + 1 })) }
    expect((await search(longer, everything)).absent).toBe('')
  })

  test('nor does a file whose last events are missing', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 150 }), async (kept) => {
        const shorter = logs.files.map((file, index) =>
          index === logs.files.length - 1 ? { ...file, events: file.events.slice(0, kept) } : file,
        )
        const found = await search({ ...logs, files: shorter }, everything)
        if (kept < (logs.files.at(-1)?.events.length ?? 0)) expect(found.absent).toBe('')
        expectTrue(logs, found)
      }),
      { numRuns: 60 },
    )
  })
})
