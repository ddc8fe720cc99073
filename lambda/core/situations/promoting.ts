/** Catch up while attached, detach, stop the applier, open: each only when the look shows that the one before has taken. */
import { type Assessment, applied, isClosed } from '../assessment.ts'
import { contains, count } from '../gtid-set.ts'
import { tell } from '../message.ts'
import type { Row } from '../situation.ts'
import { held } from '../spare.ts'
import * as steps from '../steps.ts'
import { catchingUp } from './catching-up.ts'
import {
  applierFailed,
  applying,
  asked,
  namedShort,
  openedNothing,
  receiving,
  release,
} from './claim-facts.ts'
import { openingSettled } from './sweeping.ts'

const lacksOfNamed = (a: Assessment) =>
  namedShort(a) && a.spare.answer !== null && !contains(held(a.spare.answer), a.named.answer?.executed ?? '')

export const promoting: readonly Row[] = [
  {
    // Before anything is applied: the spare's own appliers wait too. Whether anybody acknowledges can't be told: a dead replica counts
    // until its connection breaks, and the one that did acknowledge is the writer that is gone (T13, T38).
    code: 'stopping-wait',
    severity: 'warning',
    when: (a) => isClosed(a.spare) && a.spare.answer?.semiSync?.sourceWaits === true,
    because: (a) =>
      `Nobody would acknowledge commits on ${a.spare.name} but ${a.named.name}: semi-synchronous waiting is switched off there.`,
    step: (a) => steps.stopWaiting(a.spare),
  },
  {
    code: 'reattaching',
    severity: 'warning',
    when: (a) => applierFailed(a) && !asked(a) && openedNothing(a),
    because: (a) =>
      `${a.spare.name} can't be promoted now: it receives from ${a.named.name} again before the claim is released.`,
    step: (a) => steps.startThreads(a.spare, { applier: false, receiver: true }),
  },
  {
    code: 'applier-failed',
    severity: 'critical',
    when: (a) => applierFailed(a) && openedNothing(a),
    because: (a) =>
      `The applier of ${a.spare.name} stopped with an error (${a.spare.answer?.channel?.applierError}): the claim is released.`,
    advice: (a) => `Mend it on ${a.spare.name} and START REPLICA SQL_THREAD; Hotspare then tries again.`,
    step: release,
    tell: (a) => tell(a, 'failover-refused', 'critical'),
  },
  {
    code: 'applier-failed-standing',
    severity: 'critical',
    when: (a) => applierFailed(a),
    because: (a) =>
      `The applier of ${a.spare.name} stopped with an error (${a.spare.answer?.channel?.applierError}) under a claim that was taken over: nothing is opened, the claim stands.`,
    advice: (a) => `Mend it on ${a.spare.name} and START REPLICA SQL_THREAD; Hotspare then goes on.`,
    afterMs: 500,
    tell: (a) => tell(a, 'failover-refused', 'critical'),
  },
  {
    code: 'applier-starting',
    severity: 'warning',
    when: (a) => !applied(a.spare) && !applying(a),
    because: (a) =>
      `${a.spare.name} has received transactions that it has not applied, and its applier is stopped: it is started.`,
    step: (a) => steps.startThreads(a.spare, { applier: true, receiver: false }),
  },
  ...catchingUp,
  {
    code: 'asking-for-the-rest',
    severity: 'warning',
    when: (a) => lacksOfNamed(a) && !asked(a),
    because: (a) => `${a.named.name} is closed and short; ${a.spare.name} asks it for what it still lacks.`,
    step: (a) => steps.startThreads(a.spare, { applier: true, receiver: true }),
  },
  {
    code: 'receiving-the-rest',
    severity: 'warning',
    when: (a) => lacksOfNamed(a) && receiving(a) && a.spare.answer?.channel?.receiverErrno === 0,
    because: (a) =>
      `${a.named.name} is closed and short; ${a.spare.name} receives what it still lacks from it.`,
    afterMs: 20,
    progress: true,
  },
  {
    code: 'detaching',
    severity: 'warning',
    when: receiving,
    because: (a) =>
      `${a.spare.name} has applied everything it received (${count(a.spare.answer?.executed ?? '')} transactions in all): it stops receiving from ${a.named.name}.`,
    step: (a) => steps.detach(a.spare),
  },
  {
    code: 'stopping-applier',
    severity: 'warning',
    when: (a) => applying(a),
    because: (a) =>
      `Nothing came in while ${a.spare.name} detached: its applier is stopped, so that no half transaction keeps rows locked.`,
    step: (a) => steps.stopApplier(a.spare),
  },
  {
    code: 'reopening-unsettled',
    severity: 'warning',
    when: (a) => !openingSettled(a, a.named),
    because: (a) =>
      `What became of the statement that opens ${a.named.name} is not known yet: until it is, ${a.spare.name} stays closed.`,
    afterMs: 50,
    progress: true,
  },
  {
    code: 'opening',
    severity: 'critical',
    when: (a) => isClosed(a.spare),
    because: (a) => `${a.spare.name} has everything it received and no thread runs there: it is opened.`,
    step: (a) => steps.open(a, a.spare),
  },
]
