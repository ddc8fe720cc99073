/** We hold a claim to open the named server again: after a failover that went back, or because it restarted (R1). */
import {
  type Assessment,
  applied,
  confirmedDead,
  isClosed,
  isOpen,
  lostByWriter,
  restartedSinceWriting,
  unfit,
} from '../assessment.ts'
import { byHand } from '../by-hand.ts'
import { followsInWords, toLetFollow } from '../following.ts'
import { tell } from '../message.ts'
import { toOpen } from '../server-words.ts'
import type { Row } from '../situation.ts'
import * as steps from '../steps.ts'
import { planned } from '../switchover.ts'
import { halfClosed, howClosed, refusesWrites, takesWrites } from '../writability.ts'
import { blindUnderClaim } from './blind.ts'
import { applying, asked, release, wouldLose } from './claim-facts.ts'
import { followingAgain } from './following.ts'
import { openingSettled, sweeping } from './sweeping.ts'

const namedApplying = (a: Assessment) => a.named.answer?.channel?.applier === 'on'
/** A server that has run since it last was the open writer has lost nothing, whatever its settings. */
const restarted = (a: Assessment) => a.named.answer !== null && restartedSinceWriting(a.named.answer)

/** The named server is silent under a claim that goes back, or that nothing was opened under: is it dead? */
export const namedSilent: readonly Row[] = [
  {
    code: 'undo-asking',
    severity: 'critical',
    when: (a) =>
      a.named.answer === null &&
      a.spare.answer?.channel != null &&
      !wouldLose(a.spare) &&
      (!asked(a) || (!applying(a) && a.spare.answer.channel.applierErrno === 0)),
    because: (a) => `${a.named.name} is silent again: ${a.spare.name} tries to reach it.`,
    step: (a) => steps.startThreads(a.spare, { applier: true, receiver: true }),
  },
  {
    code: 'undo-writer-dead',
    severity: 'critical',
    when: (a) => a.named.answer === null && confirmedDead(a) && unfit(a) === null,
    because: (a) =>
      `${a.named.name} is dead by our own probes and by ${a.spare.name}: the claim turns to a failover.`,
    step: (a) => steps.swap(a, 'prove', { claim: steps.claimOf(a, 'failover', a.spare.name, true) }),
  },
]

export const undo: readonly Row[] = [
  ...sweeping,
  ...blindUnderClaim,
  {
    code: 'undo-closing',
    severity: 'warning',
    when: (a) => isOpen(a.spare),
    because: (a) =>
      `${a.spare.name} is open, and this claim goes back to ${a.named.name}: ${a.spare.name} is closed.`,
    step: (a) => steps.close(a.spare, true),
  },
  {
    code: 'undo-unsettled',
    severity: 'warning',
    when: (a) => !openingSettled(a, a.spare),
    because: (a) =>
      `What became of the statement that opens ${a.spare.name} is not known yet: until it is, ${a.named.name} stays closed.`,
    afterMs: 50,
    progress: true,
  },
  ...followingAgain(
    {
      code: 'undo-following',
      because: (a) => `${a.named.name} is open: ${a.spare.name} follows it again.`,
    },
    (a) => takesWrites(a.named),
  ),
  {
    code: 'reopening-half',
    severity: 'warning',
    when: (a) => halfClosed(a.named) && !restarted(a),
    because: (a) =>
      `${a.named.name} is half closed: applications can't write there (read_only), privileged sessions can. It is opened again.`,
    step: (a) => steps.open(a, a.named),
  },
  {
    code: 'undone',
    severity: 'warning',
    when: (a) => takesWrites(a.named),
    because: (a) =>
      `${a.named.name} is open and stays the writer, ${followsInWords(a)}: the claim is released.`,
    advice: toLetFollow,
    step: release,
    tell: (a) => tell(a, planned(a) === null ? 'writer-reopened' : 'switchover-undone', 'warning'),
  },
  {
    code: 'undo-writer-short',
    severity: 'critical',
    when: (a) => refusesWrites(a.named) && lostByWriter(a) !== '' && isClosed(a.spare) && unfit(a) === null,
    because: (a) =>
      `${a.named.name} lacks transactions that ${a.spare.name} received from it: the claim turns to a failover.`,
    step: (a) => steps.swap(a, 'claim-short', { claim: steps.claimOf(a, 'failover', a.spare.name, true) }),
  },
  {
    code: 'undo-writer-short-refused',
    severity: 'critical',
    when: (a) => refusesWrites(a.named) && lostByWriter(a) !== '',
    because: (a) =>
      `${a.named.name} lacks transactions that ${a.spare.name} has, and ${a.spare.name} may not take over (${unfit(a)}). Nobody can write.`,
    advice: () => 'A person has to choose which copy goes on.',
    afterMs: 200,
    tell: (a) => tell(a, 'failover-refused', 'critical'),
  },
  {
    code: 'undo-applying',
    severity: 'warning',
    when: (a) => refusesWrites(a.named) && !applied(a.named) && !namedApplying(a),
    because: (a) =>
      `${a.named.name} has received transactions that it has not applied: it applies them before it is opened.`,
    // Where that throws the relay log away (T30), the spare is asked for it again.
    step: (a) => steps.startThreads(a.named, { applier: true, receiver: wouldLose(a.named) }),
  },
  {
    code: 'undo-catching-up',
    severity: 'warning',
    when: (a) => refusesWrites(a.named) && !applied(a.named),
    because: (a) => `${a.named.name} applies what it had received before it is opened.`,
    afterMs: 50,
    progress: true,
  },
  {
    code: 'reopening-unproven',
    severity: 'critical',
    when: (a) =>
      refusesWrites(a.named) && a.spare.answer === null && a.named.answer?.durable !== true && restarted(a),
    because: (a) =>
      `${a.named.name} has restarted and is ${howClosed(a.named)}, ${a.spare.name} does not answer, and ${a.named.name} is not set to keep every commit through a crash: whether it lost any can't be told.`,
    advice: (a) =>
      `Bring ${a.spare.name} back so that both can be compared. To accept the risk: on ${a.named.name}, ${toOpen(a.named)}.`,
    afterMs: 200,
    tell: (a) => tell(a, 'writer-closed', 'critical'),
  },
  {
    code: 'reopening',
    severity: 'warning',
    when: (a) => refusesWrites(a.named),
    because: (a) => `${a.named.name} has everything that it should have: it is opened again.`,
    step: (a) => steps.open(a, a.named),
  },
  ...namedSilent,
  {
    code: 'undo-waiting',
    severity: 'critical',
    when: (a) => a.named.answer === null,
    because: (a) =>
      `${a.named.name} is to be opened again and does not answer (${a.named.health}; witness: ${a.witness ?? 'none'}; ${a.spare.name}: ${unfit(a) ?? 'fit'}).`,
    advice: (a) => `Bring ${a.named.name} back. ${byHand(a, `spare-${unfit(a) ?? 'unproven'}`)}`,
    afterMs: 100,
    tell: (a) => (a.named.health === 'dead' ? tell(a, 'failover-refused', 'critical') : null),
  },
]
