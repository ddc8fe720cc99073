/** What the rows under a claim to fail over have to ask again and again. */
import { type Assessment, applied, isClosed, lostByWriter } from '../assessment.ts'
import * as steps from '../steps.ts'

export const mine = (a: Assessment) => (a.claim.kind === 'mine' ? a.claim : null)
export const first = (a: Assessment) => mine(a)?.claim.touched === false
export const proven = (a: Assessment) => mine(a)?.ours.proven === true
export const openedNothing = (a: Assessment) => first(a) && mine(a)?.ours.opening === null
export const release = (a: Assessment) => steps.swap(a, 'release', { claim: null })
export const undo = (a: Assessment) =>
  steps.swap(a, 'undo', { claim: steps.claimOf(a, 'undo', a.named.name, true) })
/** The receiver runs, or was stopped by an error that tells: starting it once more would tell nothing new. */
export const asked = (a: Assessment) => receiving(a) || (a.spare.answer?.channel?.receiverErrno ?? 0) !== 0
export const receiving = (a: Assessment) =>
  a.spare.answer?.channel != null && a.spare.answer.channel.receiver !== 'off'
export const applying = (a: Assessment) => a.spare.answer?.channel?.applier === 'on'
export const catchingUpMs = (a: Assessment) => a.now - (mine(a)?.ours.catchingUpSinceMs ?? a.now)
/** The old writer answers, closed, without transactions that the target has: the target is the better copy. */
export const namedShort = (a: Assessment) => isClosed(a.named) && lostByWriter(a) !== ''

/** It can't be promoted now: it goes on receiving before the claim is given back, so that the next attempt has a witness. */
export const applierFailed = (a: Assessment) =>
  !applied(a.spare) && (a.spare.answer?.channel?.applierErrno ?? 0) !== 0
export const tooLong = (a: Assessment) =>
  !applied(a.spare) && catchingUpMs(a) > a.policy.failover.catchUpTimeoutMs
