/** The claim was taken over: its death is proven anew before anything is opened (R10). */
import { confirmedDead, unfit } from '../assessment.ts'
import { byHand } from '../by-hand.ts'
import { tell } from '../message.ts'
import type { Row } from '../situation.ts'
import * as steps from '../steps.ts'
import { applying, asked, namedShort, proven, whyShort, wouldLose } from './claim-facts.ts'

export const proving: readonly Row[] = [
  {
    code: 'proving-threads',
    severity: 'warning',
    when: (a) =>
      !proven(a) &&
      !namedShort(a) &&
      !wouldLose(a.spare) &&
      (!asked(a) || (!applying(a) && a.spare.answer?.channel?.applierErrno === 0)),
    because: (a) =>
      `This claim was taken over: ${a.spare.name} tries to reach ${a.named.name} again, so that its death is proven anew.`,
    step: (a) => steps.startThreads(a.spare, { applier: true, receiver: true }),
  },
  {
    code: 'proven-anew',
    severity: 'critical',
    when: (a) => !proven(a) && !namedShort(a) && confirmedDead(a) && unfit(a) === null,
    because: (a) =>
      `${a.named.name} is dead by our own probes and by ${a.spare.name}: the claim is made a fresh one.`,
    step: (a) => steps.swap(a, 'prove', { claim: steps.claimOf(a, 'failover', a.spare.name, true) }),
  },
  {
    code: 'proving-refused',
    severity: 'critical',
    when: (a) => !proven(a) && !namedShort(a) && confirmedDead(a),
    because: (a) =>
      `${a.named.name} is dead, and ${a.spare.name} may not take over (${unfit(a)}). Nobody can write; the claim stands.`,
    advice: (a) => `Bring ${a.named.name} back. ${byHand(a, `spare-${unfit(a)}`)}`,
    afterMs: 200,
    tell: (a) => tell(a, 'failover-refused', 'critical'),
  },
  {
    code: 'proving',
    severity: 'warning',
    when: (a) => !proven(a) && !namedShort(a),
    because: (a) =>
      a.witness === 'alive'
        ? `${a.spare.name} hears from ${a.named.name}: it lives and we are cut off. Nothing is opened.`
        : wouldLose(a.spare)
          ? `${a.named.name} can't be proven dead anew: ${whyShort(a.spare)}. Nothing is opened.`
          : `Whether ${a.named.name} is dead is being proven anew (${a.named.health}; witness: ${a.witness ?? 'not asked'}).`,
    advice: (a) =>
      wouldLose(a.spare)
        ? `Bring ${a.named.name} back: ${a.spare.name} then receives it again. ${byHand(a, 'spare-possibly-short')}`
        : '',
    afterMs: 50,
    progress: true,
    tell: (a) => {
      if (wouldLose(a.spare) && a.named.health === 'dead') return tell(a, 'failover-refused', 'critical')
      return a.witness === 'alive' ? tell(a, 'writer-partitioned', 'critical') : null
    },
  },
]
