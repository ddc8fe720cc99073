/**
 * Nobody holds a claim of ours: what a watch sees and does on an ordinary day, and on the day the writer dies, up to the claim.
 *
 * Order: what keeps us from judging at all; a second open server; the named server closed; the named server silent;
 * events; the spare.
 */
import type { Row } from '../situation.ts'
import { blind } from './blind.ts'
import { claimsOfOthers } from './claims-of-others.ts'
import { closedWriter } from './closed-writer.ts'
import { events } from './events.ts'
import { ledgerProblems } from './ledger-problems.ts'
import { secondOpen } from './second-open.ts'
import { silentWriter } from './silent-writer.ts'
import { spareStates } from './spare-states.ts'

export const watching: readonly Row[] = [
  ...ledgerProblems,
  ...claimsOfOthers,
  ...blind,
  ...secondOpen,
  ...closedWriter,
  ...silentWriter,
  ...events,
  ...spareStates,
]
