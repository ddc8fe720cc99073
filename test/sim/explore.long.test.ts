/** The explorer for minutes: more states, two faults, thousands of walks with seeds that the quick test doesn't use. */
import { describe, expect, test } from 'vitest'
import { BEGINNINGS } from './beginnings.ts'
import { explore, settledIn, wander } from './explore.ts'
import { beginning, expectNone, FIRST } from './exploring.ts'
import { Story } from './story.ts'

/** What is explored is fixed by these, the same on a fast machine and a slow one; the seconds are only a net. */
const STATES = 20_000
const STATES_AFTER_FIRST = 50_000
const WALKS = 250
const SECONDS_MAX = 60
const names = Object.keys(BEGINNINGS)

function note(line: string): void {
  process.stdout.write(`${line}\n`)
}

describe('breadth first', { timeout: 120_000 }, () => {
  test.each(names.flatMap((name) => [1, 2].map((faults) => [name, faults] as const)))(
    '%s, faults: %i',
    (name, faults) => {
      // Torn looks with one fault; with two, other orders are more worth their states.
      const torn = faults === 1 ? 1 : 0
      const limits = {
        faults,
        torn,
        commits: 1,
        untilMs: 100_000,
        statesMax: STATES,
        secondsMax: SECONDS_MAX,
      }
      const found = explore(beginning(name)(), limits)
      note(`${name}, faults ${faults}: ${found.states} states in ${found.seconds.toFixed(1)} s`)
      expectNone(found.violations)
      expect(found.states).toBeGreaterThan(10_000)
    },
  )
})

describe('breadth first with torn looks and nothing else', { timeout: 120_000 }, () => {
  test.each(names)('%s', (name) => {
    const limits = {
      faults: 0,
      commits: 0,
      torn: 2,
      untilMs: 60_000,
      statesMax: STATES,
      secondsMax: SECONDS_MAX,
    }
    const found = explore(beginning(name)(), limits)
    note(`${name}, torn: ${found.states} states, depth ${found.depth}, complete: ${found.complete}`)
    expectNone(found.violations)
    expect(found.states).toBeGreaterThan(1000)
  })
})

describe('breadth first after a first fault', { timeout: 120_000 }, () => {
  test.each(FIRST)('$do $server $a $b', (event) => {
    const story = new Story({ tolerant: true })
    story.state = settledIn(story, ['w1'])
    const limits = {
      faults: 0,
      commits: 1,
      untilMs: 60_000,
      statesMax: STATES_AFTER_FIRST,
      secondsMax: SECONDS_MAX,
    }
    const found = explore(story.and(event).state, limits)
    note(
      `${JSON.stringify(event)}: ${found.states} states, depth ${found.depth}, complete: ${found.complete}`,
    )
    expectNone(found.violations)
    expect(found.states).toBeGreaterThan(500)
  })
})

describe('random walks', { timeout: 120_000 }, () => {
  test.each(names.flatMap((name) => [2, 5].map((faults) => [name, faults] as const)))(
    '%s, faults: %i',
    (name, faults) => {
      const seeds = Array.from({ length: WALKS }, (_, index) => 1_000_000 * faults + index)
      const limits = { faults, commits: 4, torn: 3, untilMs: 200_000, statesMax: 0, secondsMax: SECONDS_MAX }
      const found = wander(beginning(name), { ...limits, seeds, events: 300 })
      note(
        `${name}, faults ${faults}: ${found.walks} walks, ${found.events} events, standing ${JSON.stringify(found.standing)}`,
      )
      expectNone(found.violations)
      expect(found.events).toBeGreaterThan(10_000)
    },
  )
})
