/** The function is killed -9 after each step of a failover; the next invocation takes the claim over and finishes. */
import { describe, it } from 'vitest'
import { backAfter, killedAfter, STEPS, STOPPED } from './interrupted.ts'

describe.each(['mysql', 'mariadb'] as const)('M6, T25: killed -9, %s', (family) => {
  it.each(Object.keys(STEPS))('after %s', { timeout: 120_000 }, (step) => killedAfter(family, step))
})

describe.each(['mysql', 'mariadb'] as const)(
  'X62: the holder is gone, and the writer is back, %s',
  (family) => {
    it.each(Object.keys(STOPPED))(
      'X62: after %s: it is opened again, and the spare follows it',
      { timeout: 120_000 },
      (step) => backAfter(family, step),
    )
  },
)
