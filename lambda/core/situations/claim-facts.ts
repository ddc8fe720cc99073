/** What the rows under a claim to fail over have to ask again and again. */
import { type Assessment, applied, lostByWriter, type Side } from '../assessment.ts'
import { losesRelayLog } from '../spare.ts'
import * as steps from '../steps.ts'
import { lostConnection, stoppedSince } from '../witness.ts'
import { refusesWrites } from '../writability.ts'

export const mine = (a: Assessment) => (a.claim.kind === 'mine' ? a.claim : null)
export const first = (a: Assessment) => mine(a)?.claim.touched === false
export const proven = (a: Assessment) => mine(a)?.ours.proven === true
export const openedNothing = (a: Assessment) => first(a) && mine(a)?.ours.opening === null
export const release = (a: Assessment) => steps.swap(a, 'release', { claim: null }, steps.settledRecord(a))
export const undo = (a: Assessment) =>
  steps.swap(a, 'undo', { claim: steps.claimOf(a, 'undo', a.named.name, true) })
/** The receiver runs, or was stopped by an error that tells: starting it once more would tell nothing new, or cost the relay log. */
export const asked = (a: Assessment) => receiving(a) || stoppedByError(a) || wouldLose(a.spare)
/** The spare's threads were started before this very look. */
export const justStarted = ({ world: { last }, spare }: Assessment) =>
  last?.step.kind === 'start-threads' && last.step.server === spare.name && last.outcome === 'done'
const askedSinceStep = ({ world: { last }, spare }: Assessment) =>
  (spare.answer?.askedAtMs ?? 0) >= (last?.endedAtMs ?? Number.POSITIVE_INFINITY)

/**
 * A connection's error is left over from before the holder of the claim stopped it: the writer may live again by now (R10). It speaks only of a
 * receiver that was started before this look and has given up since, as with one attempt allowed (SOURCE_RETRY_COUNT).
 */
const stoppedByError = (a: Assessment) => {
  const channel = a.spare.answer?.channel
  if (channel == null || channel.receiverErrno === 0 || mine(a)?.ours.detached === true) return false
  if (lostConnection(channel) && !(justStarted(a) && askedSinceStep(a))) return false
  const { failingSinceMs } = a.named.memory
  return failingSinceMs === null || stoppedSince(channel, a.spare.memory, failingSinceMs)
}
export const wouldLose = ({ answer }: Side) => answer !== null && losesRelayLog(answer)
export const receiving = (a: Assessment) =>
  a.spare.answer?.channel != null && a.spare.answer.channel.receiver !== 'off'
export const applying = (a: Assessment) => a.spare.answer?.channel?.applier === 'on'
export const catchingUpMs = (a: Assessment) => a.now - (mine(a)?.ours.catchingUp?.sinceMs ?? a.now)
/**
 * A look costs the appliers time on a small server. So the longer it has taken, the rarer it is looked, and the end is noticed a
 * twentieth later at the most.
 */
export const betweenLooksMs = (a: Assessment) => Math.min(500, Math.max(20, catchingUpMs(a) / 20))
/** The old writer answers, closed, without transactions that the target has: the target is the better copy. */
export const namedShort = (a: Assessment) => refusesWrites(a.named) && lostByWriter(a) !== ''

/** It can't be promoted now: it goes on receiving before the claim is given back, so that the next attempt has a witness. */
export const applierFailed = (a: Assessment) =>
  !applied(a.spare) && (a.spare.answer?.channel?.applierErrno ?? 0) !== 0
/** Why `side` is possibly short, as the end of a sentence. */
export const whyShort = (side: Side) =>
  wouldLose(side)
    ? `both threads of ${side.name} are stopped before it has applied everything it received, and MariaDB throws that away as soon as one is started`
    : `${side.name} has restarted and no heartbeat written since has been applied: it may lack what it had received before`
