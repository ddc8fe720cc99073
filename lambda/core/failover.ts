/**
 * We hold a claim to open the spare. The rows follow PROTOCOL's table of cases: by whether the target is open, silent or closed, and
 * by what the named server does. "First" is the invocation that confirmed the death itself; one that took the claim over proves it
 * again before it opens anything (R10), and with the old writer alive it goes back rather than forward.
 */
import {
  type Assessment,
  applied,
  confirmedDead,
  isClosed,
  isOpen,
  lostByWriter,
  spareClean,
  targetRestarted,
  unfit,
} from './assessment.ts'
import { digest } from './digest.ts'
import { canonical, contains, count, lastOfOrigin } from './gtid-set.ts'
import { tell } from './message.ts'
import type { Row } from './situation.ts'
import { held } from './spare.ts'
import * as steps from './steps.ts'
import { openingSettled, sweeping } from './sweeping.ts'

const mine = (a: Assessment) => (a.claim.kind === 'mine' ? a.claim : null)
const first = (a: Assessment) => mine(a)?.claim.touched === false
const proven = (a: Assessment) => mine(a)?.ours.proven === true
const openedNothing = (a: Assessment) => first(a) && mine(a)?.ours.opening === null
const release = (a: Assessment) => steps.swap(a, 'release', { claim: null })
const undo = (a: Assessment) => steps.swap(a, 'undo', { claim: steps.claimOf(a, 'undo', a.named.name, true) })
/** The receiver runs, or was stopped by an error that tells: starting it once more would tell nothing new. */
const asked = (a: Assessment) => receiving(a) || (a.spare.answer?.channel?.receiverErrno ?? 0) !== 0
const receiving = (a: Assessment) =>
  a.spare.answer?.channel != null && a.spare.answer.channel.receiver !== 'off'
const applying = (a: Assessment) => a.spare.answer?.channel?.applier === 'on'
const catchingUpMs = (a: Assessment) => a.now - (mine(a)?.ours.catchingUpSinceMs ?? a.now)
/** The old writer answers, closed, without transactions that the target has: the target is the better copy. */
const namedShort = (a: Assessment) => isClosed(a.named) && lostByWriter(a) !== ''

const nobodyAnswers: readonly Row[] = [
  {
    code: 'blind-under-claim',
    severity: 'critical',
    when: (a) => a.named.answer === null && a.spare.answer === null,
    because: (a) =>
      `Neither ${a.named.name} nor ${a.spare.name} answers while a claim stands: nothing is changed.`,
    advice: () => 'Bring one of them back; whoever looks next goes on from there.',
    afterMs: 100,
    tell: (a) => (a.spare.health === 'dead' ? tell(a, 'blind', 'critical') : null),
  },
]

const targetSilent: readonly Row[] = [
  {
    code: 'target-silent-writer-open',
    severity: 'warning',
    when: (a) => a.spare.answer === null && isOpen(a.named) && openedNothing(a),
    because: (a) =>
      `${a.named.name} is open and ${a.spare.name} does not answer; nothing was opened: the claim is released.`,
    step: release,
  },
  {
    code: 'target-silent',
    severity: 'warning',
    when: (a) => a.spare.answer === null,
    because: (a) => `${a.spare.name} does not answer and ${a.named.name} does: the failover is undone.`,
    step: undo,
  },
]

const targetOpen: readonly Row[] = [
  {
    code: 'old-writer-closing',
    severity: 'warning',
    when: (a) => isOpen(a.spare) && isOpen(a.named) && first(a),
    because: (a) =>
      `${a.spare.name} is open and ${a.named.name} has come back open: ${a.named.name} is closed, we go forward.`,
    step: (a) => steps.close(a.named, true),
  },
  {
    code: 'target-closing',
    severity: 'warning',
    when: (a) => isOpen(a.spare) && isOpen(a.named),
    because: (a) =>
      `Both are open and the ledger names ${a.named.name}: ${a.spare.name} is closed, what it alone holds is listed.`,
    step: (a) => steps.close(a.spare, true),
  },
  {
    code: 'target-lacks',
    severity: 'warning',
    when: (a) =>
      isOpen(a.spare) &&
      isClosed(a.named) &&
      !first(a) &&
      !contains(a.spare.answer?.executed ?? '', a.named.answer?.executed ?? '') &&
      contains(a.named.answer?.executed ?? '', a.spare.answer?.executed ?? ''),
    because: (a) =>
      `${a.spare.name} is open but lacks transactions of ${a.named.name}, which lacks none: the failover is undone.`,
    step: undo,
  },
  {
    code: 'moving',
    severity: 'warning',
    when: (a) => isOpen(a.spare),
    because: (a) =>
      `${a.spare.name} is open: ${a.policy.record.name} and the ledger move to it in one batch.`,
    step: (a) => {
      const answer = a.spare.answer
      if (a.ledger === null || answer === null) return null
      // The position that it took over is what it had of others' transactions, and of its own up to now.
      const position = canonical(answer.executed)
      return steps.swap(
        a,
        'move',
        {
          epoch: a.ledger.epoch + 1,
          writer: a.spare.name,
          sinceClockMs: Math.floor(answer.clockMs),
          how: 'failover',
          position: digest(position),
          range: lastOfOrigin(position, answer.uuid),
          claim: null,
        },
        steps.recordFor(a, a.spare.name),
      )
    },
  },
]

const oldWriterBack: readonly Row[] = [
  {
    code: 'abandoning-threads',
    severity: 'warning',
    when: (a) => isOpen(a.named) && spareClean(a) && (!asked(a) || !applying(a)),
    because: (a) =>
      `${a.named.name} is back and open: the failover is given up, ${a.spare.name} replicates again first.`,
    step: (a) => steps.startThreads(a.spare, { applier: true, receiver: true }),
  },
  {
    code: 'abandoning',
    severity: 'warning',
    when: (a) => isOpen(a.named),
    because: (a) => `${a.named.name} is back and open, ${a.spare.name} follows it: the claim is released.`,
    step: release,
    tell: (a) => tell(a, 'failover-abandoned', 'warning'),
  },
  {
    code: 'old-writer-compared',
    severity: 'warning',
    when: (a) => isClosed(a.named) && (a.memory.comparison?.looks ?? 0) < 2,
    because: (a) =>
      `${a.named.name} is back, closed: it is compared with ${a.spare.name} before anything is opened.`,
    afterMs: 20,
    progress: true,
  },
  {
    code: 'old-writer-whole',
    severity: 'warning',
    when: (a) => isClosed(a.named) && !namedShort(a),
    because: (a) =>
      `${a.named.name} is back, closed, and lost nothing: it is opened again instead of ${a.spare.name}.`,
    step: undo,
  },
]

const proving: readonly Row[] = [
  {
    code: 'proving-threads',
    severity: 'warning',
    when: (a) =>
      !proven(a) &&
      !namedShort(a) &&
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
    advice: (a) =>
      `Bring ${a.named.name} back. If it stays down: hotspare failover --pair ${a.policy.pair} --force spare-${unfit(a)}`,
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
        : `Whether ${a.named.name} is dead is being proven anew (${a.named.health}; witness: ${a.witness ?? 'not asked'}).`,
    afterMs: 50,
    progress: true,
  },
]

/** Must 2 is looked at again under the claim, and once more before every step that follows. */
const stopping: readonly Row[] = [
  {
    code: 'writer-sick-after-all',
    severity: 'warning',
    when: (a) => a.named.health === 'sick' && receiving(a) && openedNothing(a),
    because: (a) =>
      `${a.named.name} answers with an error (${a.named.memory.ailment?.message}): it lives. The claim is released.`,
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
  },
  {
    code: 'target-restarted',
    severity: 'critical',
    when: (a) => targetRestarted(a, a.spare) && openedNothing(a),
    because: (a) =>
      `${a.spare.name} restarted under the claim: it may lack what it had received. The claim is released.`,
    step: release,
    tell: (a) => tell(a, 'failover-refused', 'critical'),
  },
  {
    code: 'target-restarted-standing',
    severity: 'critical',
    when: (a) => targetRestarted(a, a.spare),
    because: (a) =>
      `${a.spare.name} restarted under a claim that was taken over: it may lack what it had received. Nothing is opened.`,
    advice: (a) =>
      `Bring ${a.named.name} back. If it stays down: hotspare failover --pair ${a.policy.pair} --force spare-possibly-short`,
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
      a.spare.answer?.semiSync?.replicasAcknowledging === 0,
    because: (a) =>
      `The channel's heartbeats are too rare to tell: ${a.spare.name} is made to reconnect to ${a.named.name}.`,
    advice: () =>
      'CHANGE REPLICATION SOURCE TO SOURCE_HEARTBEAT_PERIOD = 1 on both servers makes this unnecessary.',
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

/** It can't be promoted now: it goes on receiving before the claim is given back, so that the next attempt has a witness. */
const applierFailed = (a: Assessment) =>
  !applied(a.spare) && (a.spare.answer?.channel?.applierErrno ?? 0) !== 0
const tooLong = (a: Assessment) => !applied(a.spare) && catchingUpMs(a) > a.policy.failover.catchUpTimeoutMs

const lacksOfNamed = (a: Assessment) =>
  namedShort(a) && a.spare.answer !== null && !contains(held(a.spare.answer), a.named.answer?.executed ?? '')

const promoting: readonly Row[] = [
  {
    code: 'reattaching',
    severity: 'warning',
    when: (a) => (applierFailed(a) || tooLong(a)) && !receiving(a) && openedNothing(a),
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
    code: 'catch-up-too-long',
    severity: 'critical',
    when: (a) => tooLong(a) && openedNothing(a),
    because: (a) =>
      `${a.spare.name} has not applied everything it received after ${Math.round(catchingUpMs(a) / 1000)} s: the claim is released, and tried again.`,
    advice: () =>
      'failover.catchUpTimeoutMs bounds this wait. Nothing is lost by waiting; nobody can write meanwhile.',
    step: release,
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
  {
    code: 'catching-up',
    severity: 'warning',
    when: (a) => !applied(a.spare),
    because: (a) => `${a.spare.name} applies what it received before it is opened.`,
    afterMs: 20,
    progress: true,
  },
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
    code: 'stopping-wait',
    severity: 'warning',
    when: (a) =>
      a.spare.answer?.semiSync?.sourceWaits === true && a.spare.answer.semiSync.replicasAcknowledging === 0,
    because: (a) =>
      `Nobody would acknowledge commits on ${a.spare.name}: semi-synchronous waiting is switched off there.`,
    step: (a) => steps.stopWaiting(a.spare),
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

export const failover: readonly Row[] = [
  ...sweeping,
  ...nobodyAnswers,
  ...targetSilent,
  ...targetOpen,
  ...oldWriterBack,
  ...proving,
  ...stopping,
  ...promoting,
]
