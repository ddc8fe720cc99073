/** The named server answers and is closed: a person closed it, or it restarted and is compared, then opened again or given up. */
import { type Assessment, acts, lostByWriter, paused, restartedSinceWriting, unfit } from '../assessment.ts'
import { count } from '../gtid-set.ts'
import { tell } from '../message.ts'
import { toOpen } from '../server-words.ts'
import type { Row } from '../situation.ts'
import * as steps from '../steps.ts'
import { givenBackFor, inWords } from '../stuck.ts'
import { halfClosed, howClosed, refusesWrites } from '../writability.ts'

const seen: readonly Row[] = [
  {
    code: 'writer-closed-unconfirmed',
    severity: 'warning',
    when: (a) =>
      refusesWrites(a.named) &&
      a.named.answer !== null &&
      !restartedSinceWriting(a.named.answer) &&
      !a.memory.readSinceClosed &&
      a.memory.ledger.failure === null,
    because: (a) =>
      `${a.named.name} is named and ${howClosed(a.named)}: the ledger is read again, because a switchover may have just begun.`,
    readsDirectory: true,
    afterMs: 20,
  },
  {
    code: 'writer-closed-by-operator',
    severity: 'critical',
    when: (a) => refusesWrites(a.named) && a.named.answer !== null && !restartedSinceWriting(a.named.answer),
    because: (a) =>
      `${a.named.name} is named and ${howClosed(a.named)}, and has not restarted since it last took a heartbeat: a person closed it${halfClosed(a.named) ? ' by half' : ''}.`,
    advice: (a) =>
      `Nobody can write. If that was not meant: on ${a.named.name}, ${toOpen(a.named)}. Hotspare changes nothing here.`,
    afterMs: 1000,
    readsDirectory: true,
    tell: (a) => tell(a, 'writer-closed', 'critical'),
  },
  {
    code: 'restarted-writer-alone',
    severity: 'critical',
    when: (a) => refusesWrites(a.named) && a.spare.answer === null && a.named.answer?.durable !== true,
    because: (a) =>
      `${a.named.name} has restarted and is ${howClosed(a.named)}; ${a.spare.name} does not answer, and ${a.named.name} is not set to keep every commit through a crash, so whether it lost any can't be told.`,
    advice: (a) =>
      `Bring ${a.spare.name} back so that both can be compared. To accept the risk: on ${a.named.name}, ${toOpen(a.named)}.`,
    afterMs: 1000,
    tell: (a) => tell(a, 'writer-closed', 'critical'),
  },
  {
    code: 'restarted-writer-compared',
    severity: 'warning',
    when: (a) => refusesWrites(a.named) && a.spare.answer !== null && (a.memory.comparison?.looks ?? 0) < 2,
    because: (a) =>
      `${a.named.name} has restarted and is ${howClosed(a.named)}: it is compared with ${a.spare.name} before it is opened again.`,
    afterMs: 50,
  },
]

/** Why the better copy is not opened, as the middle of a sentence. */
function whyNot(a: Assessment): string {
  const { mode } = a.policy.failover
  const reason = unfit(a) ?? (paused(a) ? 'the pair is paused' : '')
  if (reason !== '') return reason
  if (mode !== 'automatic') return `failover.mode is ${mode}`
  const why = a.memory.gaveBack?.why ?? null
  const refused = why === null ? `others hold locks on ${a.spare.name}` : inWords(a, why).replace(/\.$/, '')
  return `${refused}; it is tried again in ${Math.ceil(givenBackFor(a) / 1000)} s`
}

const restarted: readonly Row[] = [
  {
    code: 'restarted-writer-short',
    severity: 'critical',
    when: (a) =>
      refusesWrites(a.named) &&
      lostByWriter(a) !== '' &&
      unfit(a) === null &&
      a.policy.failover.mode === 'automatic' &&
      givenBackFor(a) === 0 &&
      !paused(a),
    because: (a) =>
      `${a.named.name} has restarted without ${count(lostByWriter(a))} transactions that ${a.spare.name} received from it: ${a.spare.name} is the better copy, so this is a failover.`,
    step: (a) => steps.swap(a, 'claim-short', { claim: steps.claimOf(a, 'failover', a.spare.name, false) }),
  },
  {
    code: 'restarted-writer-short-refused',
    severity: 'critical',
    when: (a) => refusesWrites(a.named) && lostByWriter(a) !== '',
    because: (a) =>
      `${a.named.name} has restarted without ${count(lostByWriter(a))} transactions that ${a.spare.name} has, and ${a.spare.name} may not take over (${whyNot(a)}). Nobody can write.`,
    advice: (a) =>
      `A person has to choose which copy goes on. ${a.named.name} lost: ${lostByWriter(a).slice(0, 500)}`,
    afterMs: 1000,
    readsDirectory: true,
    tell: (a) => tell(a, 'failover-refused', 'critical'),
  },
  {
    code: 'restarted-writer',
    severity: 'warning',
    when: (a) => refusesWrites(a.named) && acts(a),
    because: (a) =>
      a.spare.answer === null
        ? `${a.named.name} has restarted, keeps every commit through a crash, and ${a.spare.name} does not answer: it is opened again.`
        : `${a.named.name} has restarted and lost nothing that ${a.spare.name} has: it is opened again.`,
    step: (a) => steps.swap(a, 'claim-reopen', { claim: steps.claimOf(a, 'undo', a.named.name, false) }),
    tell: (a) => tell(a, 'writer-restarted', 'warning'),
  },
  {
    code: 'writer-closed',
    severity: 'critical',
    when: (a) => refusesWrites(a.named),
    because: (a) =>
      `${a.named.name} has restarted and is ${howClosed(a.named)}; in observe mode Hotspare does not open it.`,
    advice: (a) => `On ${a.named.name}: ${toOpen(a.named)}.`,
    afterMs: 1000,
    tell: (a) => tell(a, 'writer-closed', 'critical'),
  },
]

export const closedWriter: readonly Row[] = [...seen, ...restarted]
