/** Dating what comes between two looks, with counters that a test moves by hand. */
import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Arrivals } from '../../lambda/adapters/mysql/arrivals.ts'

function counters() {
  const state = { mark: 'a' as string | null, reads: 0 }
  const read = async () => {
    state.reads += 1
    return state.mark
  }
  return { state, arrivals: new Arrivals({ read, monotonicNow: () => performance.now() }) }
}

async function readsOf(state: { reads: number }, count: number): Promise<void> {
  await expect.poll(() => state.reads, { timeout: 5000, interval: 5 }).toBeGreaterThanOrEqual(count)
}

test('what came before the first reading has no date, and neither has what never moved', async () => {
  const { state, arrivals } = counters()
  expect(arrivals.note('a')).toBeNull()
  arrivals.goOn()
  await readsOf(state, 2)
  expect(arrivals.note('a')).toBeNull()
  arrivals.end()
})

test('a move is dated by the first reading that shows it, and not by the later ones', async () => {
  const { state, arrivals } = counters()
  arrivals.note('a')
  arrivals.goOn()
  const movedAtMs = performance.now()
  state.mark = 'b'
  await readsOf(state, 3)
  const lookedAtMs = performance.now()
  const dated = arrivals.note('b') ?? Number.NaN
  expect(dated).toBeGreaterThanOrEqual(movedAtMs)
  expect(dated).toBeLessThan(lookedAtMs - 200)
  const moved = arrivals.note('c') ?? Number.NaN
  expect(moved).toBeGreaterThanOrEqual(lookedAtMs)
  arrivals.end()
})

test('it stops when there is no answer until the next look, and for good at the end', async () => {
  const { state, arrivals } = counters()
  state.mark = null
  arrivals.goOn()
  await readsOf(state, 1)
  await pause(600)
  expect(state.reads).toBe(1)
  arrivals.goOn()
  arrivals.goOn()
  await readsOf(state, 2)
  arrivals.end()
  arrivals.goOn()
  await pause(600)
  expect(state.reads).toBe(2)
})
