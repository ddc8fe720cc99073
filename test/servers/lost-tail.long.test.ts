/** A tail of rows that never reached the spare, and the old writer made anew. */
import { lostRowsAndRebuilt } from './lost-tail.ts'

lostRowsAndRebuilt()
