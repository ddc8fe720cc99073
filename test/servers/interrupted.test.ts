/** The most delicate moment: the spare is open and nothing names it yet. The other steps are in interrupted.long.test.ts. */
import { it } from 'vitest'
import { killedAfter } from './interrupted.ts'

it('M6, T25: the function is killed -9 after opening the spare; the next one finishes the failover', async () => {
  await killedAfter('mysql', 'opening')
})
