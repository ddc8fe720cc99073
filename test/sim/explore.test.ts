/**
 * The explorer on the production `decide`, bounded for `npm test`; explore.long.test.ts goes on where this ends. HOTSPARE_EXPLORE_LOG=1
 * prints how far it came.
 */
import { describe, expect, test } from 'vitest'
import { BEGINNINGS } from './beginnings.ts'
import { explore, settledIn, wander } from './explore.ts'
import { beginning, expectNone, FIRST } from './exploring.ts'
import { Story } from './story.ts'

const LIMITS = { faults: 1, commits: 1, untilMs: 60_000, statesMax: 25_000, secondsMax: 20 }
const WALKS = { ...LIMITS, faults: 3, commits: 3, torn: 3, untilMs: 100_000, events: 200 }

function note(line: string): void {
  if (process.env.HOTSPARE_EXPLORE_LOG === '1') process.stdout.write(`${line}\n`)
}

test('every order of events with one fault, breadth first: no must is broken', { timeout: 60_000 }, () => {
  const found = explore(beginning('healthy')(), LIMITS)
  note(`healthy: ${found.states} states in ${found.seconds.toFixed(1)} s`)
  expectNone(found.violations)
  expect(found.states).toBeGreaterThan(10_000)
})

test('every order of what can follow a torn look, breadth first: no must is broken', {
  timeout: 60_000,
}, () => {
  const limits = { ...LIMITS, torn: 1, statesMax: 8000 }
  const found = explore(beginning('a failover while another watch reads its first ledger')(), limits)
  note(`torn: ${found.states} states in ${found.seconds.toFixed(1)} s, depth ${found.depth}`)
  expectNone(found.violations)
  expect(found.states).toBeGreaterThan(5000)
})

describe.each(FIRST)('after $do $server $a $b', { timeout: 60_000 }, (event) => {
  test.each([[['w1']], [['w1', 'w2']]])('every order of what can follow, watches: %j', (watches) => {
    const story = new Story({ tolerant: true })
    story.state = settledIn(story, watches)
    const limits = { ...LIMITS, faults: 0, statesMax: 5000 }
    const found = explore(story.and(event).state, limits)
    note(`${watches}: ${found.states} states, depth ${found.depth}, complete: ${found.complete}`)
    expectNone(found.violations)
    expect(found.states).toBeGreaterThan(500)
  })
})

test.each(Object.keys(BEGINNINGS))('random walks with three faults: %s', { timeout: 60_000 }, (name) => {
  const seeds = Array.from({ length: 40 }, (_, index) => index + 1)
  const found = wander(beginning(name), { ...WALKS, seeds })
  note(`${name}: ${found.walks} walks, ${found.events} events in ${found.seconds.toFixed(1)} s`)
  expectNone(found.violations)
  expect(found.events).toBeGreaterThan(500)
})
