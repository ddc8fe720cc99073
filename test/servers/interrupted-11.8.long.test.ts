/** The function is killed -9 after each step of a failover, on MariaDB 11.8. */
import './mariadb-11.8.ts'
import { describe, it } from 'vitest'
import { killedAfter, STEPS } from './interrupted.ts'

describe('M6, T25: killed -9, MariaDB 11.8', () => {
  it.each(Object.keys(STEPS))('after %s', { timeout: 120_000 }, (step) => killedAfter('mariadb', step))
})
