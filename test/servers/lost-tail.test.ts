/** A tail of heartbeats that never reached the spare; one of rows is in lost-tail.long.test.ts. */
import { lostHeartbeats } from './lost-tail.ts'

lostHeartbeats()
