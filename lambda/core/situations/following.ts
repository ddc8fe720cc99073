/**
 * Before a claim is given back with the named server open: the spare's threads, which this claim may have stopped, are started again and
 * seen to run. That is tried a few times; if they do not run then, the claim is released all the same, and the message says so.
 */
import { type Assessment, lostByWriter } from '../assessment.ts'
import { follows, mayFollow, replicationStopped } from '../following.ts'
import type { Row } from '../situation.ts'
import * as steps from '../steps.ts'
import { takesWrites } from '../writability.ts'
import { mine, wouldLose } from './claim-facts.ts'

const TRIES = 3
/** The receiver connects within milliseconds, or it is refused. */
const AWAITED_MS = 2000

const triedAtMs = (a: Assessment) => mine(a)?.ours.follow.lastAtMs ?? Number.NEGATIVE_INFINITY
/** Starting it costs nothing that the open writer could not give again. */
const startable = (a: Assessment) => mayFollow(a) && !(wouldLose(a.spare) && lostByWriter(a) !== '')
const triesLeft = (a: Assessment) => (mine(a)?.ours.follow.times ?? 0) < TRIES

/** It was told to, and nothing says yet that it can't. */
const followingAwaited: Row = {
  code: 'following-awaited',
  severity: 'warning',
  when: (a) =>
    takesWrites(a.named) &&
    startable(a) &&
    !follows(a.spare) &&
    !replicationStopped(a.spare) &&
    a.now - triedAtMs(a) < AWAITED_MS,
  because: (a) =>
    `${a.named.name} is open; ${a.spare.name} was told to follow it, and is seen to before the claim is released.`,
  afterMs: 20,
  progress: true,
}

/** `when` has to include that the named server is open. */
export function followingAgain(row: Pick<Row, 'code' | 'because'>, when: Row['when']): readonly Row[] {
  return [
    {
      ...row,
      severity: 'warning',
      when: (a) => when(a) && startable(a) && replicationStopped(a.spare) && triesLeft(a),
      step: (a) => steps.startThreads(a.spare, { applier: true, receiver: true }),
    },
    followingAwaited,
  ]
}
