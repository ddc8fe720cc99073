/** At most one server is open (must 1): the one that the ledger does not name is closed at sight, or as it wakes. */
import { type Assessment, acts, isOpen, unreadableForMs } from '../assessment.ts'
import { toName } from '../by-hand.ts'
import { ledgerBacked } from '../ledger-backed.ts'
import { tell } from '../message.ts'
import { toClose } from '../server-words.ts'
import type { Row } from '../situation.ts'
import * as steps from '../steps.ts'
import { restsFrom } from '../stuck.ts'
import { howClosed, takesWrites } from '../writability.ts'

/**
 * Must 4: who made the swap himself may go by it where the ledger can't be read; but only while the new writer is open. If the role had
 * gone back since, that one would be closed, or the connection that showed the other one open in an earlier look would be gone (R4).
 */
function movedAndUnreadable(a: Assessment): boolean {
  const { answer, memory } = a.spare
  if (a.memory.moved === null || a.world.directory?.state !== 'unreadable' || !isOpen(a.named)) return false
  return answer !== null && memory.standing !== null && memory.standing.shownSinceMs < answer.readAtMs
}

const mayClose = (a: Assessment) => ledgerBacked(a, a.spare, 'open') || movedAndUnreadable(a)

/** It has been silent since before our own swap, so the connection that it left open is older than that, too (R13). */
function silentSinceMove({ memory, spare }: Assessment): boolean {
  const { failingSinceMs } = spare.memory
  return (
    memory.moved?.from === spare.name && failingSinceMs !== null && failingSinceMs < memory.moved.sentAtMs
  )
}

const opened = (a: Assessment) => (takesWrites(a.spare) ? 'open' : howClosed(a.spare))

const TOLD_AFTER_MS = 5000

export const secondOpen: readonly Row[] = [
  {
    code: 'unnamed-open-unconfirmed',
    severity: 'critical',
    when: (a) => isOpen(a.spare) && acts(a) && !restsFrom(a, a.spare.name, 'close') && !mayClose(a),
    because: (a) =>
      `${a.spare.name} is open and the ledger that we know does not name it: it is read again first.`,
    advice: (a) =>
      unreadableForMs(a) > TOLD_AFTER_MS
        ? `The ledger can't be read, so Hotspare closes nothing. If ${a.named.name} is the writer: on ${a.spare.name}, ${toClose(a.spare)}.`
        : '',
    readsDirectory: true,
    afterMs: 20,
    tell: (a) => (unreadableForMs(a) > TOLD_AFTER_MS ? tell(a, 'second-server-open', 'critical') : null),
  },
  {
    code: 'unnamed-open-observed',
    severity: 'critical',
    when: (a) => isOpen(a.spare) && !acts(a),
    because: (a) =>
      `${a.spare.name} is ${opened(a)}, and the ledger names ${a.named.name}. ${
        a.policy.failover.mode === 'observe'
          ? 'In observe mode Hotspare closes nothing: each may take writes that contradict those of the other.'
          : 'A watch closes it; this request only asks.'
      }`,
    advice: (a) =>
      a.policy.failover.mode === 'observe'
        ? `If ${a.named.name} is the writer: on ${a.spare.name}, ${toClose(a.spare)}. If ${a.spare.name} is: on ${a.named.name}, ${toClose(a.named)}; then ${toName(a, a.spare)}`
        : '',
    tell: (a) => (a.policy.failover.mode === 'observe' ? tell(a, 'second-server-open', 'critical') : null),
    refuses: true,
    afterMs: 1000,
    readsDirectory: true,
  },
  {
    code: 'unnamed-open',
    severity: 'critical',
    when: (a) => isOpen(a.spare) && acts(a),
    because: (a) =>
      `${a.spare.name} is ${opened(a)}, and the ledger names ${a.named.name}: it is closed before it takes more writes.`,
    advice: (a) => `Writes that ${a.spare.name} accepted are compared and listed next.`,
    step: (a) => steps.close(a.spare, true),
    tell: (a) => tell(a, 'second-server-open', 'critical'),
    afterMs: 1000,
  },
  {
    code: 'queueing-close',
    severity: 'info',
    when: (a) =>
      acts(a) &&
      silentSinceMove(a) &&
      a.memory.moved?.closeQueued === false &&
      isOpen(a.named) &&
      a.spare.answer === null &&
      a.spare.memory.silent > 0 &&
      a.spare.view.guard === 'open',
    because: (a) =>
      `${a.spare.name} is silent but its connection still stands: a close is left there for the moment it wakes.`,
    step: (a) => steps.queueClose(a.spare),
  },
]
