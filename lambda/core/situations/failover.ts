/**
 * We hold a claim to open the spare. The rows follow the table of cases in docs/architecture.md: by whether the target is open, silent or closed, and
 * by what the named server does. "First" is the invocation that confirmed the death itself; one that took the claim over proves it
 * again before it opens anything (R10), and with the old writer alive it goes back rather than forward.
 */
import type { Row } from '../situation.ts'
import { blindUnderClaim } from './blind.ts'
import { blockedUnderClaim } from './blocked.ts'
import { oldWriterBack } from './old-writer-back.ts'
import { promoting } from './promoting.ts'
import { proving } from './proving.ts'
import { stopping } from './stopping.ts'
import { sweeping } from './sweeping.ts'
import { targetStates } from './target-states.ts'

export const failover: readonly Row[] = [
  ...sweeping,
  ...blindUnderClaim,
  ...targetStates,
  ...oldWriterBack,
  ...proving,
  ...stopping,
  ...blockedUnderClaim,
  ...promoting,
]
