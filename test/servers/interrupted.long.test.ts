/** The function is killed -9 after each step of a failover; the next invocation takes the claim over and finishes. */
import { it } from 'vitest'
import { killedAfter, STEPS } from './interrupted.ts'

it.each(Object.keys(STEPS))('M6, T25: killed -9 after %s', { timeout: 120_000 }, killedAfter)
