/**
 * A situation is a row: when it holds, what is done about it, and the words that people read. The first row that matches wins, so
 * the order of a table is its priority. A row decides and explains; it never acts.
 */
import type { Assessment } from './assessment.ts'
import type { Tell } from './message.ts'
import type { Step } from './step.ts'

export type Severity = 'info' | 'warning' | 'critical'

export interface Row {
  readonly code: string
  readonly severity: Severity
  readonly when: (a: Assessment) => boolean
  /** What is the case and what follows from it: one sentence for the log and the message. */
  readonly because: (a: Assessment) => string
  /** What a person does now; empty if nothing. */
  readonly advice?: (a: Assessment) => string
  readonly step?: (a: Assessment) => Step | null
  /** Message to send, once for each key in an invocation. */
  readonly tell?: (a: Assessment) => Tell | null
  /** Look again this soon. */
  readonly afterMs?: number | ((a: Assessment) => number)
  /** The next look reads the directory. */
  readonly readsDirectory?: boolean
  /** Things are moving though there is no step: a claim is worth renewing. */
  readonly progress?: boolean
  /** What a person asked for is refused for this reason. */
  readonly refuses?: boolean
  /** A switchover of ours is given up for this reason: its answer says so, once all is as it was. */
  readonly givesUp?: boolean
  /**
   * If its step is refused again and again, the rows behind get their turn: `at-once`, between two tries; or, where this holds, once it
   * has been tried for long enough. Without it the row waits for its step.
   */
  readonly yields?: 'at-once' | ((a: Assessment) => boolean)
  /** The claim is given back for this reason, if nothing was opened under it. */
  readonly givesBack?: boolean
  /** This invocation has nothing left to do. */
  readonly finish?: boolean
}

export interface Situation {
  readonly code: string
  readonly severity: Severity
  readonly because: string
  readonly advice: string
}
