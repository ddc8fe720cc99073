/**
 * A server refuses for too long what we need under our claim, and nothing was opened: what was stopped is started again, the claim is
 * given back, and people are told what would have to change. These rows stand in for the one whose step is refused (stuck.ts).
 */
import { type Assessment, onHold, spareClean } from '../assessment.ts'
import { replicationStopped } from '../following.ts'
import { tell } from '../message.ts'
import type { Row } from '../situation.ts'
import * as steps from '../steps.ts'
import { adviceOn, inWords, reasonOf, stuckOn } from '../stuck.ts'
import { listed } from '../switchover.ts'
import { takesWrites } from '../writability.ts'
import { blockersOf, toEnd } from './blocked.ts'
import { justStarted, receiving, wouldLose } from './claim-facts.ts'

const why = (a: Assessment) => {
  const reason = reasonOf(a.memory)
  return reason === null
    ? `Others hold locks on ${a.spare.name} (${listed(blockersOf(a))}).`
    : inWords(a, reason)
}

/** Starting the threads would itself wait for one of these. */
const wouldNotStart = (a: Assessment) =>
  stuckOn(a, a.spare.name, 'start-threads') !== null || stuckOn(a, a.spare.name, 'kill-others') !== null

export const givingBack: readonly Row[] = [
  {
    code: 'giving-back-threads',
    givesBack: true,
    severity: 'critical',
    when: (a) =>
      replicationStopped(a.spare) &&
      !wouldNotStart(a) &&
      // One that is off again by now would be again: as against a writer that is short (1236), or after an error that stands.
      !justStarted(a) &&
      !wouldLose(a.spare) &&
      !onHold(a) &&
      (!takesWrites(a.named) || spareClean(a)),
    because: (a) =>
      `${why(a)} Nothing was opened: ${a.spare.name} receives and applies again, and the claim is given back.`,
    step: (a) => steps.startThreads(a.spare, { applier: true, receiver: true }),
  },
  {
    code: 'giving-back',
    givesBack: true,
    severity: 'critical',
    when: () => true,
    because: (a) =>
      `${why(a)} Nothing was opened; the claim is given back${
        receiving(a) ? '' : `, and ${a.spare.name} does not receive from ${a.named.name} now`
      }.`,
    advice: (a) =>
      [
        reasonOf(a.memory) === null ? `To end them: ${toEnd(a)}` : adviceOn(a),
        receiving(a) ? '' : `On ${a.spare.name}: START REPLICA.`,
        takesWrites(a.named) ? '' : 'Hotspare tries again within a minute, by itself.',
      ]
        .filter((part) => part !== '')
        .join(' '),
    step: (a) => steps.swap(a, 'give-back', { claim: null }, steps.settledRecord(a)),
    givesUp: true,
    tell: (a) => tell(a, takesWrites(a.named) ? 'step-refused' : 'failover-refused', 'critical'),
  },
]
