/** `hotspare explain` on looks that were really logged: a simulated failover through the production reporter. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DONE, WRONG_USAGE } from '../../cli/exit-codes.ts'
import { looksIn } from '../../cli/logged-looks.ts'
import { createNoAlerts } from '../../lambda/adapters/alerts.ts'
import { decide, TABLES } from '../../lambda/core/decide.ts'
import { explain } from '../../lambda/core/explain.ts'
import { createReporter } from '../../lambda/report.ts'
import type { Decide } from '../sim/pair.ts'
import { Story } from '../sim/story.ts'
import { type } from './fake-terminal.ts'

/** The log of a watch that saw the writer die and failed over: looks, and lines of other kinds between them. */
function logOfFailover(): string[] {
  const lines: string[] = []
  const reporter = createReporter({
    alerts: createNoAlerts(),
    metrics: null,
    log: (line) => lines.push(line),
  })
  const deciding: Decide = (memory, world, now) => {
    const decision = decide(memory, world, now)
    reporter.note({ memory, world, now, decision: { ...decision, messages: [] } })
    return decision
  }
  const story = new Story({ deciding }).start('w1')
  for (let second = 0; second < 4; second++) story.turn('w1', 1000).commit('alice').wait(10)
  story.and({ do: 'crash', server: 'alice' }).calm()
  return lines
}

const LOG = logOfFailover()
const situationIn = (line: string) => JSON.parse(line).situation as string
const DEAD = LOG.find((line) => situationIn(line) === 'writer-dead') ?? ''

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hotspare-explain-test-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function fileWith(text: string): string {
  const file = join(folder, 'world.json')
  writeFileSync(file, text)
  return file
}

test('which row matched and why, which before it did not, and that it is what was logged', async () => {
  const { code, stdout, stderr } = await type(`explain ${fileWith(DEAD)}`)
  expect([code, stderr]).toEqual([DONE, ''])
  expect(stdout).toContain('orders: writer-dead')
  expect(stdout).toMatch(/\| alice +SILENT \|.*\| bob +closed \|/)
  expect(stdout).toMatch(/Matched +writer-dead, row \d+ of those asked, in the table "watching"/)
  expect(stdout).toMatch(/Because +alice is dead: /)
  expect(stdout).toMatch(/Step +swap \(claim\): hotspare=1 revision=8 /)
  expect(stdout).toMatch(/Did not match +directory-unreachable, ledger-unreadable, ledger-names-stranger, /)
  expect(stdout).toMatch(/Logged as +writer-dead, the same/)
})

test('every look of the failover is explained by the row that decided it', () => {
  const looks = looksIn(LOG.join('\n'))
  expect(looks.map(({ situation }) => situation)).toEqual(LOG.map(situationIn))
  expect(looks.length).toBeGreaterThan(8)
  const tables = new Set<string>()
  for (const { memory, world, now, situation } of looks) {
    const { decision, row, table, passedOver } = explain(memory, world, now)
    expect([decision.situation.code, row]).toEqual([situation, situation])
    expect(passedOver).not.toContain(row)
    tables.add(table)
  }
  expect([...tables].sort()).toEqual(expect.arrayContaining(['failover', 'watching']))
  expect([...tables].every((table) => table in TABLES)).toBe(true)
})

test('of several looks all are listed, the last one is explained, and --look picks one', async () => {
  const file = fileWith(`START RequestId: 1 Version: $LATEST\n${LOG.join('\n')}\nEND RequestId: 1\n`)
  const last = await type(`explain ${file}`)
  expect(last.stdout.match(/^[> ] +\d+ {2}/gm)).toHaveLength(LOG.length)
  expect(last.stdout).toContain(`> ${String(LOG.length).padStart(3)}  `)
  const number = LOG.indexOf(DEAD) + 1
  const picked = await type(`explain ${file} --look ${number}`)
  expect(picked.stdout).toContain('orders: writer-dead')
  for (const wrong of ['0', '-1', '1.5', 'x', String(LOG.length + 1)])
    expect(await type(['explain', file, `--look=${wrong}`])).toMatchObject({ code: WRONG_USAGE })
})

test('in JSON', async () => {
  const { stdout } = await type(`explain ${fileWith(DEAD)} --json`)
  expect(JSON.parse(stdout)).toMatchObject({
    ok: true,
    look: 1,
    of: 1,
    table: 'watching',
    row: 'writer-dead',
    passedOver: expect.arrayContaining(['directory-unreachable']),
    situation: { code: 'writer-dead' },
    step: { kind: 'swap', purpose: 'claim' },
  })
})

test('a look that another version decided otherwise says so', async () => {
  const { stdout } = await type(
    `explain ${fileWith(JSON.stringify({ ...JSON.parse(DEAD), situation: 'elsewise' }))}`,
  )
  expect(stdout.replaceAll(/\s+/g, ' ')).toContain('elsewise: the version that logged it decided otherwise')
})

describe('whatever a person has at hand', () => {
  const event = (message: string) => ({ logStreamName: 's', timestamp: 1, message, ingestionTime: 2 })
  const csv = (text: string) => `"${text.replaceAll('"', '""')}"`
  test.each([
    ['a log line', DEAD],
    ['a look laid out over many lines', JSON.stringify(JSON.parse(DEAD), null, 2)],
    ['aws logs filter-log-events', JSON.stringify({ events: [event('START'), event(`${DEAD}\n`)] }, null, 2)],
    ['aws logs tail', `2027-01-15T08:00:04.350000+00:00 2027/01/15/[$LATEST]0123 ${DEAD}`],
    ['aws logs get-query-results', JSON.stringify({ results: [[{ field: '@message', value: DEAD }]] })],
    ['an Insights export in JSON', JSON.stringify([{ '@timestamp': 'x', '@message': JSON.parse(DEAD) }])],
    ['an Insights export in CSV', `@timestamp,@message\r\n2027-01-15 08:00:04.350,${csv(DEAD)}\r\n`],
    ['lines of other kinds around it', `{"kind":"message"}\nnot JSON {\n${DEAD}\n{"_aws":{}}\n`],
  ])('%s', async (_, text) => {
    expect(looksIn(text)).toHaveLength(1)
    const { code, stdout } = await type('explain -', { stdin: text })
    expect([code, stdout.includes('orders: writer-dead')]).toEqual([DONE, true])
  })

  test.each([
    ['nothing', ''],
    ['no look', '{"kind":"message"}\nhello'],
    ['half a look', JSON.stringify({ kind: 'look', memory: {}, world: { policy: {} }, now: 1 })],
  ])('%s: said, and exits with 2', async (_, text) => {
    const { code, stderr } = await type('explain -', { stdin: text })
    expect([code, stderr.includes('There is no logged look')]).toEqual([WRONG_USAGE, true])
  })
})
