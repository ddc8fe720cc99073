/** The target of the failover is silent, or already open. */
import { isClosed, isOpen } from '../assessment.ts'
import { digest } from '../digest.ts'
import { followsInWords, toLetFollow } from '../following.ts'
import { canonical, contains, lastOfOrigin } from '../gtid-set.ts'
import { tell } from '../message.ts'
import type { Row } from '../situation.ts'
import * as steps from '../steps.ts'
import { halfClosed, howClosed, takesWrites } from '../writability.ts'
import { first, mine, openedNothing, release, undo } from './claim-facts.ts'

const targetSilent: readonly Row[] = [
  {
    code: 'target-silent-writer-open',
    severity: 'warning',
    when: (a) => a.spare.answer === null && takesWrites(a.named) && openedNothing(a),
    because: (a) =>
      `${a.named.name} is open and nothing was opened; ${followsInWords(a)}: the claim is released.`,
    advice: toLetFollow,
    step: release,
    tell: (a) => tell(a, 'failover-abandoned', 'warning'),
  },
  {
    code: 'target-silent',
    severity: 'warning',
    when: (a) => a.spare.answer === null,
    because: (a) => `${a.spare.name} does not answer and ${a.named.name} does: the failover is undone.`,
    step: undo,
  },
]

/** What we opened is not given up again because the old writer is back (of a switchover: by whoever's hand). */
export const oldWriterClosing: Row = {
  code: 'old-writer-closing',
  severity: 'warning',
  when: (a) =>
    isOpen(a.spare) &&
    isOpen(a.named) &&
    (first(a) || halfClosed(a.named)) &&
    (halfClosed(a.named) ||
      mine(a)?.claim.intent === 'failover' ||
      mine(a)?.ours.opening?.server === a.spare.name),
  because: (a) =>
    halfClosed(a.named)
      ? `${a.spare.name} is open and ${a.named.name} has come back half closed: it is closed altogether, then the two are compared.`
      : `${a.spare.name} is open and ${a.named.name} has come back open: ${a.named.name} is closed, we go forward.`,
  step: (a) => steps.close(a.named, true),
}

/** It restarted so, or a close stopped half way: privileged sessions can write there, and nobody has opened it for applications. */
export const targetHalfClosed: Row = {
  code: 'target-half-closed',
  severity: 'warning',
  when: (a) => halfClosed(a.spare),
  because: (a) =>
    `${a.spare.name} is ${howClosed(a.spare)}: it is closed altogether before anything is concluded from it.`,
  step: (a) => steps.close(a.spare, true),
}

const openedByHand: Row = {
  code: 'target-opened-by-hand',
  severity: 'critical',
  when: (a) => isOpen(a.spare) && first(a) && mine(a)?.ours.opening?.server !== a.spare.name,
  because: (a) =>
    `${a.spare.name} is open, and not by us, though the claim to open it is ours: it is closed, and what it took is looked at before anything else.`,
  advice: (a) => `Find out who opened ${a.spare.name}: while a claim stands, nobody else may.`,
  step: (a) => steps.close(a.spare, true),
  tell: (a) => tell(a, 'second-server-open', 'critical'),
}

export const targetClosing: Row = {
  code: 'target-closing',
  severity: 'warning',
  when: (a) => isOpen(a.spare) && isOpen(a.named),
  because: (a) =>
    `Both are open and the ledger names ${a.named.name}: ${a.spare.name} is closed, what it alone holds is listed.`,
  step: (a) => steps.close(a.spare, true),
}

export const moving: Row = {
  code: 'moving',
  severity: 'warning',
  when: (a) => isOpen(a.spare),
  because: (a) => `${a.spare.name} is open: ${a.policy.record.name} and the ledger move to it in one batch.`,
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
        how: a.ledger.claim?.intent === 'switchover' ? 'switchover' : 'failover',
        position: digest(position),
        range: lastOfOrigin(position, answer.uuid),
        claim: null,
      },
      steps.recordFor(a, a.spare.name),
    )
  },
}

const targetOpen: readonly Row[] = [
  targetHalfClosed,
  openedByHand,
  oldWriterClosing,
  targetClosing,
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
  moving,
]

export const targetStates: readonly Row[] = [...targetSilent, ...targetOpen]
