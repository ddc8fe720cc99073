/** The GTID set arithmetic, against a second implementation that is too dumb to be wrong: sets of single transactions. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  canonical,
  contains,
  count,
  intersect,
  lastOfOrigin,
  members,
  ofOrigin,
  subtract,
  union,
  upTo,
} from '../../lambda/core/gtid-set.ts'

const A = 'aaaaaaaa-1111-4111-8111-aaaaaaaaaaaa'
const B = 'bbbbbbbb-2222-4222-8222-bbbbbbbbbbbb'

/** Every transaction by itself. Parses nothing but what `textOf` writes. */
type Elements = ReadonlySet<string>

const elements = fc
  .uniqueArray(fc.tuple(fc.constantFrom(A, B, `${A}:tag`), fc.integer({ min: 1, max: 12 })), {
    selector: ([origin, number]) => `${origin}:${number}`,
    maxLength: 20,
  })
  .map((pairs): Elements => new Set(pairs.map(([origin, number]) => `${origin}:${number}`)))

/** In any order, neighbours not joined, upper case here and there, as a person or an old server may write it. */
const textOf = (set: Elements) =>
  [...set].map((each, index) => (index % 3 === 0 ? each.toUpperCase() : each)).join(',\n')
const elementsOf = (text: string): Elements => new Set(members(text, 1000))
const sorted = (set: Iterable<string>) => [...set].sort()

describe('against explicit elements', () => {
  const both = fc.tuple(elements, elements)

  test('subtract', () => {
    fc.assert(
      fc.property(both, ([a, b]) => {
        const expected = [...a].filter((each) => !b.has(each))
        expect(sorted(elementsOf(subtract(textOf(a), textOf(b))))).toEqual(sorted(expected))
      }),
    )
  })

  test('union and intersect', () => {
    fc.assert(
      fc.property(both, ([a, b]) => {
        expect(sorted(elementsOf(union(textOf(a), textOf(b))))).toEqual(sorted(new Set([...a, ...b])))
        const common = [...a].filter((each) => b.has(each))
        expect(sorted(elementsOf(intersect(textOf(a), textOf(b))))).toEqual(sorted(common))
      }),
    )
  })

  test('contains', () => {
    fc.assert(
      fc.property(both, ([a, b]) => {
        expect(contains(textOf(a), textOf(b))).toBe([...b].every((each) => a.has(each)))
        expect(contains(union(textOf(a), textOf(b)), textOf(a))).toBe(true)
      }),
    )
  })

  test('count and canonical form', () => {
    fc.assert(
      fc.property(elements, (a) => {
        expect(count(textOf(a))).toBe(a.size)
        const form = canonical(textOf(a))
        expect(canonical(form)).toBe(form)
        expect(canonical(textOf(new Set([...a].reverse())))).toBe(form)
        expect(sorted(elementsOf(form))).toEqual(sorted(a))
      }),
    )
  })

  test('of one origin, and its last', () => {
    fc.assert(
      fc.property(elements, (a) => {
        const own = [...a].filter((each) => each.startsWith(A))
        expect(sorted(elementsOf(ofOrigin(textOf(a), A)))).toEqual(sorted(own))
        const untagged = own.filter((each) => !each.includes('tag')).map((each) => Number(each.split(':')[1]))
        expect(lastOfOrigin(textOf(a), A)).toBe(Math.max(0, ...untagged))
      }),
    )
  })
})

describe('as servers write it', () => {
  test('intervals, line breaks, two origins', () => {
    expect(canonical(`${B}:1-3:5,\n${A}:7`)).toBe(`${A}:7,${B}:1-3:5`)
    expect(canonical(`${A}:1-3:4-5`)).toBe(`${A}:1-5`)
  })

  test('MySQL 8.3 tags are origins of their own', () => {
    expect(subtract(`${A}:1-5:backup:1-2`, `${A}:1-5`)).toBe(`${A}:backup:1-2`)
    expect(canonical(`${A}:backup:2:backup:1`)).toBe(`${A}:backup:1-2`)
  })

  test('the empty set', () => {
    expect(canonical('')).toBe('')
    expect(count('')).toBe(0)
    expect(contains('', '')).toBe(true)
    expect(contains('', `${A}:1`)).toBe(false)
  })

  test('a hole in the middle of a large range', () => {
    expect(subtract(`${A}:1-1000000000`, `${A}:5`)).toBe(`${A}:1-4:6-1000000000`)
    expect(members(`${A}:1-1000000000`, 2)).toEqual([`${A}:1`, `${A}:2`])
  })

  test('an endless interval, as it is used to cut off an epoch', () => {
    expect(subtract(`${A}:1-20`, `${A}:11-${Number.MAX_SAFE_INTEGER}`)).toBe(`${A}:1-10`)
  })

  test.each([`${A}:x!`, `${A}:1-`, `${A}:-3`])('what is no GTID set is a loud error: %s', (text) => {
    expect(() => canonical(text)).toThrow(TypeError)
  })
})

describe('MariaDB', () => {
  test('an origin is a server in a domain', () => {
    const set = '0-1:1-100,0-2:1-150,7-1:1-3'
    expect(ofOrigin(set, '1')).toBe('0-1:1-100,7-1:1-3')
    expect(lastOfOrigin(set, '2')).toBe(150)
    expect(lastOfOrigin(set, '12')).toBe(0)
    expect(upTo(set, '2', 120)).toBe('0-1:1-100,0-2:1-120,7-1:1-3')
    expect(subtract('0-1:1-103', set)).toBe('0-1:101-103')
  })

  test('single transactions are written as the server writes them, and read back', () => {
    expect(members('0-1:101-103', 10)).toEqual(['0-1-101', '0-1-102', '0-1-103'])
    expect(subtract('0-1:101-103', '0-1-102')).toBe('0-1:101:103')
    expect(canonical('0-1-102,0-1-101')).toBe('0-1:101-102')
  })

  test('servers of a domain number their transactions together, so each number counts once', () => {
    expect(count('0-1:1-100,0-2:1-150')).toBe(150)
    expect(count('0-1:1-100,7-2:1-150')).toBe(250)
  })
})

test("upTo cuts one server's untagged transactions and nothing else", () => {
  expect(upTo(`${A}:1-9,${A}:tag:1-9,${B}:1-9`, A, 4)).toBe(`${A}:1-4,${A}:tag:1-9,${B}:1-9`)
  expect(upTo(`${A}:1-9`, A, 0)).toBe('')
})
