/**
 * The writer is dead, and the spare applies what it received: for as long as it takes, and told to people. The claim is kept while the applier runs: to
 * release it would gain nothing, and lose the proof that the spare was up to date (X4, R15).
 */
import { type Assessment, applied } from '../assessment.ts'
import { type Tell, tell } from '../message.ts'
import type { Row } from '../situation.ts'
import { span } from '../span.ts'
import { betweenLooksMs, catchingUpMs, mine } from './claim-facts.ts'

/** For how long nobody has been able to write because of it, whoever held the claim: by the target's own clock. */
export function waitingMs(a: Assessment): number {
  const { sinceClockMs } = mine(a)?.claim ?? { sinceClockMs: 0 }
  const { answer } = a.spare
  return answer === null || sinceClockMs === 0 ? catchingUpMs(a) : answer.clockMs - sinceClockMs
}

/** It is told after one time-out, two, four, eight: how many of these have passed; 0 before the first. */
function timesTold(a: Assessment, waitedMs: number): number {
  const { catchUpTimeoutMs } = a.policy.failover
  return waitedMs < catchUpTimeoutMs ? 0 : 1 + Math.floor(Math.log2(waitedMs / catchUpTimeoutMs))
}

/** What the holder before has told is not told again. */
function tellNow(a: Assessment): Tell | null {
  const claim = mine(a)
  const beforeMs = (claim?.ours.takenOverClockMs ?? 0) - (claim?.claim.sinceClockMs ?? 0)
  const times = timesTold(a, waitingMs(a))
  if (times === 0 || times <= timesTold(a, beforeMs)) return null
  const told = tell(a, 'failover-waits', 'critical')
  return { ...told, key: `${told.key}/${times}` }
}

/** Nothing was finished for this long: how long the one at work takes can't be told from those before. */
const STUCK_MS = 10_000

/** How much is left, and how long that takes, as a sentence. */
function leftInWords(a: Assessment): string {
  const catchingUp = mine(a)?.ours.catchingUp ?? null
  if (catchingUp === null) return ''
  const { sinceMs, leftAtFirst, left, movedAtMs } = catchingUp
  const many = `${left} transaction${left === 1 ? ' is' : 's are'} left`
  const done = leftAtFirst - left
  if (done <= 0 || a.now - movedAtMs > STUCK_MS)
    return `${many}, and none was finished for ${span(a.now - movedAtMs)}: it is at work on a long one, or waits for a lock, so how long it takes can't be estimated.`
  const leftMs = (left * (movedAtMs - sinceMs)) / done
  return `${many}, which takes about ${span(leftMs)} more at the rate so far.`
}

export const catchingUp: readonly Row[] = [
  {
    code: 'catch-up-too-long',
    severity: 'critical',
    when: (a) => !applied(a.spare) && waitingMs(a) > a.policy.failover.catchUpTimeoutMs,
    because: (a) =>
      `${a.named.name} is dead, and ${a.spare.name} has been applying what it received for ${span(waitingMs(a))}: nobody can write until it has finished. ${leftInWords(a)}`,
    advice: (a) =>
      `Nothing is lost by waiting: it is opened as soon as it has applied everything. Look at SHOW PROCESSLIST on ${a.spare.name}: a session that holds a lock in the applier's way can be ended there with KILL. If ${a.named.name} comes back first, it is opened again instead.`,
    afterMs: betweenLooksMs,
    progress: true,
    tell: tellNow,
  },
  {
    code: 'catching-up',
    severity: 'warning',
    when: (a) => !applied(a.spare),
    because: (a) => `${a.spare.name} applies what it received before it is opened. ${leftInWords(a)}`.trim(),
    afterMs: betweenLooksMs,
    progress: true,
  },
]
