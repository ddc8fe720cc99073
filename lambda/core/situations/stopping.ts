/** Must 2 is looked at again under the claim, and once more before every step that follows. */
import { errantOnSpare, mayReconnect, targetRestarted, waived } from '../assessment.ts'
import { byHand } from '../by-hand.ts'
import { followsInWords, toLetFollow } from '../following.ts'
import { tell } from '../message.ts'
import { toBeatEachSecond } from '../server-words.ts'
import type { Row } from '../situation.ts'
import * as steps from '../steps.ts'
import { asked, mine, openedNothing, receiving, release, whyShort } from './claim-facts.ts'

export const stopping: readonly Row[] = [
  {
    code: 'writer-sick-after-all',
    severity: 'warning',
    when: (a) => a.named.health === 'sick' && receiving(a) && openedNothing(a),
    because: (a) =>
      `${a.named.name} answers with an error (${a.named.memory.ailment?.message}): it lives, ${followsInWords(a)}. The claim is released.`,
    advice: toLetFollow,
    step: release,
    tell: (a) => tell(a, 'failover-abandoned', 'warning'),
  },
  {
    code: 'writer-sick-reattaching',
    severity: 'warning',
    when: (a) => a.named.health === 'sick' && !asked(a),
    because: (a) =>
      `${a.named.name} answers with an error (${a.named.memory.ailment?.message}): it lives, and ${a.spare.name} receives from it again.`,
    step: (a) => steps.startThreads(a.spare, { applier: true, receiver: true }),
  },
  {
    code: 'writer-not-dead',
    severity: 'warning',
    when: (a) => a.named.answer === null && a.named.health !== 'dead',
    because: (a) =>
      `${a.named.name} has shown signs of life since its death was confirmed (${a.named.health}): nothing is opened until that is settled.`,
    afterMs: 25,
    progress: true,
    tell: (a) => (a.named.health === 'sick' ? tell(a, 'writer-sick', 'critical') : null),
  },
  {
    code: 'target-errant',
    severity: 'critical',
    when: (a) => openedNothing(a) && errantOnSpare(a) !== '' && !waived(a, 'spare-errant'),
    because: (a) =>
      `The failover is given up: ${a.spare.name} has transactions of its own (${errantOnSpare(a).slice(0, 200)}). The claim is released.`,
    advice: (a) => `Bring ${a.named.name} back. ${byHand(a, 'spare-errant')}`,
    step: release,
    tell: (a) => tell(a, 'failover-refused', 'critical'),
  },
  {
    code: 'target-restarted',
    severity: 'critical',
    when: (a) => targetRestarted(a, a.spare) && openedNothing(a),
    because: (a) => `The failover is given up: ${whyShort(a.spare)}. The claim is released.`,
    step: release,
    tell: (a) => tell(a, 'failover-refused', 'critical'),
  },
  {
    code: 'target-restarted-standing',
    severity: 'critical',
    when: (a) => targetRestarted(a, a.spare),
    because: (a) =>
      `Under a claim that was taken over, ${whyShort(a.spare)}. Nothing is opened, the claim stands.`,
    advice: (a) => `Bring ${a.named.name} back. ${byHand(a, 'spare-possibly-short')}`,
    afterMs: 200,
    tell: (a) => tell(a, 'failover-refused', 'critical'),
  },
  {
    code: 'writer-lives',
    severity: 'warning',
    when: (a) => a.named.answer === null && receiving(a) && a.witness === 'alive' && openedNothing(a),
    because: (a) => `${a.spare.name} hears from ${a.named.name} again: it lives. The claim is released.`,
    step: release,
  },
  {
    code: 'witness-asked',
    severity: 'warning',
    when: (a) =>
      a.named.answer === null &&
      a.witness === 'slow' &&
      mine(a)?.ours.reconnected === false &&
      mayReconnect(a),
    because: (a) =>
      `The channel's heartbeats are too rare to tell: ${a.spare.name} is made to reconnect to ${a.named.name}.`,
    advice: (a) => `${toBeatEachSecond(a.spare)} on both servers makes this unnecessary.`,
    step: (a) => steps.reconnect(a.spare),
  },
  {
    code: 'witness-awaited',
    severity: 'warning',
    when: (a) => a.named.answer === null && receiving(a) && a.witness !== 'lost' && a.witness !== 'silent',
    because: (a) =>
      `${a.spare.name}'s view of ${a.named.name} is not certain any more (${a.witness}): it is waited for.`,
    afterMs: 25,
    progress: true,
  },
]
