/** decide as a function: pure, total, replayable from a log line. */
import { describe, expect, test } from 'vitest'
import { type Decision, decide, TABLES, type Tables } from '../../lambda/core/decide.ts'
import { newMemory } from '../../lambda/core/memory.ts'
import type { Row } from '../../lambda/core/situation.ts'
import { BEGINNINGS } from '../sim/beginnings.ts'
import { wander } from '../sim/explore.ts'
import { healthy, POLICY } from '../sim/healthy.ts'
import { observe } from '../sim/observe.ts'
import type { Decide } from '../sim/pair.ts'
import { happen } from '../sim/pair.ts'

const rows = Object.values(TABLES).flatMap((table: readonly Row[]) => [...table])

function freeze<T>(value: T): T {
  if (value !== null && typeof value === 'object' && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const each of Object.values(value)) freeze(each)
  }
  return value
}

/** A few walks through everything that can happen, each decision seen by `deciding`. */
function walks(deciding: Decide, count: number): void {
  for (const beginning of Object.values(BEGINNINGS)) {
    const seeds = Array.from({ length: count }, (_, index) => 7000 + index)
    const limits = {
      faults: 3,
      commits: 3,
      untilMs: 100_000,
      statesMax: 1e9,
      secondsMax: 30,
      seeds,
      events: 150,
    }
    expect(wander(beginning, limits, deciding).violations).toEqual([])
  }
}

describe('purity', { timeout: 60_000 }, () => {
  test('it changes nothing that it is given, and the same again gives the same again', () => {
    walks((memory, world, now) => {
      const first = decide(freeze(memory), freeze(world), now)
      expect(decide(memory, world, now)).toEqual(first)
      return first
    }, 8)
  })

  test('memory and world survive a log line: the replayed decision is the same', () => {
    walks((memory, world, now) => {
      const decision = decide(memory, world, now)
      const replayed: Decision = decide(
        JSON.parse(JSON.stringify(memory)),
        JSON.parse(JSON.stringify(world)),
        now,
      )
      expect(replayed).toEqual(decision)
      expect(JSON.parse(JSON.stringify(decision))).toEqual(decision)
      return decision
    }, 8)
  })

  test('texts are for people: never undefined, null, NaN or an object in them', () => {
    walks((memory, world, now) => {
      const decision = decide(memory, world, now)
      const { because, advice } = decision.situation
      expect(because).not.toBe('')
      const texts = [because, advice, ...decision.messages.flatMap(({ subject, body }) => [subject, body])]
      for (const text of texts) expect(text).not.toMatch(/undefined|\bnull\b|NaN|\[object/)
      for (const { subject } of decision.messages) {
        expect(subject.length).toBeLessThanOrEqual(100)
        expect(subject).toMatch(/^[\x20-\x7e]*$/)
      }
      return decision
    }, 8)
  })
})

describe('the tables', () => {
  test('codes are unique, short and readable', () => {
    // A row may stand in two tables; two rows may not share a code.
    const codes = [...new Set(rows)].map(({ code }) => code)
    expect(new Set(codes).size).toBe(codes.length)
    for (const code of codes) expect(code).toMatch(/^[a-z]+(-[a-z]+)*$/)
  })

  test('no match is a loud error, never a default', () => {
    const { state } = happen(healthy(), { do: 'start', who: 'w1' })
    const world = observe(state, 'w1')
    const empty: Tables = Object.fromEntries(Object.keys(TABLES).map((name) => [name, []])) as never as Tables
    expect(() => decide(newMemory(POLICY, 0, 0), world, 1_000_000, empty)).toThrow(/no situation matches/)
  })

  test('a row that orders a step names what is the case', () => {
    for (const row of rows) expect(row.because.length).toBeLessThanOrEqual(1)
  })
})
