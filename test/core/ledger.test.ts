/** The ledger's text: what is written can be read, nothing else can, and it always fits. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatLedger, LEDGER_BYTES_MAX, type Ledger, parseLedger } from '../../lambda/core/ledger.ts'

const name = fc.stringMatching(/^[a-z0-9-]{1,32}$/)
const who = fc.stringMatching(/^[a-z0-9]{1,32}$/)
const number = fc.integer({ min: 0, max: 999_999_999_999_999 })
const claim = fc.record({
  who,
  intent: fc.constantFrom('failover' as const, 'switchover' as const, 'undo' as const),
  target: name,
  lengthMs: fc.integer({ min: 1, max: 999_999_999 }),
  touched: fc.boolean(),
  provenClockMs: number,
  heldCount: number,
  sinceClockMs: number,
})
const ledgers: fc.Arbitrary<Ledger> = fc.record({
  revision: number,
  epoch: number,
  writer: name,
  sinceClockMs: number,
  how: fc.constantFrom('adopted' as const, 'failover' as const, 'switchover' as const),
  position: fc.stringMatching(/^[0-9a-f]{16}$/),
  range: number,
  claim: fc.option(claim),
  pause: fc.option(fc.record({ untilClockMs: number })),
  holds: fc.uniqueArray(name, { maxLength: 2 }).map((each) => each.sort()),
})

const example: Ledger = {
  revision: 12,
  epoch: 3,
  writer: 'alice',
  sinceClockMs: 1_800_000_000_000,
  how: 'failover',
  position: '0123456789abcdef',
  range: 10,
  claim: null,
  pause: null,
  holds: [],
}
const text = formatLedger(example)
const claimed = formatLedger({
  ...example,
  claim: {
    who: 'w1',
    intent: 'failover',
    target: 'bob',
    lengthMs: 15_000,
    touched: false,
    provenClockMs: 0,
    heldCount: 0,
    sinceClockMs: 0,
  },
})

test('what is written is read back the same', () => {
  fc.assert(
    fc.property(ledgers, (ledger) => {
      expect(parseLedger(formatLedger(ledger))).toEqual(ledger)
    }),
  )
})

test('it fits into the record, with the longest names and numbers there are', () => {
  const longest = 'a'.repeat(32)
  const most = 999_999_999_999_999
  const ledger: Ledger = {
    revision: most,
    epoch: most,
    writer: longest,
    sinceClockMs: most,
    how: 'switchover',
    position: 'f'.repeat(16),
    range: most,
    claim: {
      who: longest,
      intent: 'switchover',
      target: longest,
      lengthMs: 999_999_999,
      touched: true,
      provenClockMs: most,
      heldCount: most,
      sinceClockMs: most,
    },
    pause: { untilClockMs: most },
    holds: [longest, `${'a'.repeat(31)}b`],
  }
  expect(parseLedger(formatLedger(ledger))).toEqual(ledger)
  expect(Buffer.byteLength(formatLedger(ledger))).toBeLessThanOrEqual(LEDGER_BYTES_MAX)
})

test('two ledgers that differ never have the same text', () => {
  fc.assert(
    fc.property(ledgers, ledgers, (a, b) => {
      fc.pre(JSON.stringify(a) !== JSON.stringify(b))
      expect(formatLedger(a)).not.toBe(formatLedger(b))
    }),
  )
})

describe('what cannot be read says why, in words', () => {
  test.each([
    ['M9: a later version', text.replace('hotspare=1', 'hotspare=2'), 'version 2'],
    ['no version', text.replace('hotspare=1 ', ''), 'version (none)'],
    ['nothing', '', 'not a name=value field'],
    ['free text', 'hello there', 'not a name=value field'],
    ['a field twice', `${text} epoch=4`, 'epoch stands twice'],
    ['a field of the future', `${text} mood=good`, 'mood is unknown'],
    ['a missing field', text.replace(' epoch=3', ''), 'epoch is missing'],
    ['a number that is none', text.replace('revision=12', 'revision=1x'), 'revision has the value "1x"'],
    ['a negative number', text.replace('range=10', 'range=-1'), 'range has the value'],
    ['a name with a dot', text.replace('writer=alice', 'writer=alice.example'), 'writer has the value'],
    ['another way', text.replace('how=failover', 'how=magic'), 'how has the value'],
    ['a short digest', text.replace('position=0123456789abcdef', 'position=0123'), 'position has the value'],
    ['a broken claim', `${text} claim=w1,failover`, 'claim "w1,failover"'],
    ['an intent of the future', claimed.replace(',failover,', ',merge,'), 'claim "w1,merge'],
    ['a broken pause', `${text} pause=soon`, 'pause has the value'],
    ['broken holds', `${text} holds=a,,b`, 'holds has the value'],
    ['two spaces', text.replace(' ', '  '), 'not a name=value field'],
  ])('%s', (_, broken, words) => {
    expect(parseLedger(broken)).toContain(words)
  })

  test('whatever stands there, reading it never throws', () => {
    fc.assert(fc.property(fc.string(), (broken) => void parseLedger(broken)))
    fc.assert(
      fc.property(fc.nat(claimed.length - 1), fc.string({ maxLength: 3 }), (at, put) => {
        const changed = claimed.slice(0, at) + put + claimed.slice(at + 1)
        const read = parseLedger(changed)
        if (typeof read !== 'string')
          expect(formatLedger(read).split(' ').sort()).toEqual(changed.split(' ').sort())
      }),
    )
  })
})
