/**
 * A person has asked for a switchover and no claim of ours stands: is it done already, may it begin, and what stands against it?
 * Everything here happens while writes flow.
 */
import { type Assessment, acts, duration, lostByWriter } from '../assessment.ts'
import { count } from '../gtid-set.ts'
import type { Row } from '../situation.ts'
import * as steps from '../steps.ts'
import { claimLengthMs, planned } from '../switchover.ts'
import { takesWrites } from '../writability.ts'
import { blind } from './blind.ts'
import { claimsOfOthers } from './claims-of-others.ts'
import { events } from './events.ts'
import { ledgerProblems } from './ledger-problems.ts'
import { secondOpen } from './second-open.ts'
import { spareStates } from './spare-states.ts'
import { mayWait, switchoverRefusals, undecided } from './switchover-refusals.ts'

const wanted = (a: Assessment) => planned(a)?.to ?? ''
const moved = (a: Assessment) => a.memory.moved
const sinceAskedMs = (a: Assessment) => a.now - a.memory.startedAtMs
/** Others may finish what they began; after that, a request is old. */
const BEGIN_WITHIN_MS = 60_000
const following = (a: Assessment) => a.memory.timeline.some(({ what }) => what === 'following')
const sinceMovedMs = (a: Assessment) =>
  a.now - (a.memory.timeline.find(({ what }) => what === 'moved')?.atMs ?? a.now)
/** How long the answer waits for the old writer to follow. */
const FOLLOW_MS = 10_000
/** What is done on the new writer once it is named, and the looking up of single transactions: rows of every watch, too. */
const shared = (code: string): Row[] => spareStates.filter((row) => row.code === code)

const standing: readonly Row[] = [
  {
    code: 'switchover-claimed',
    severity: 'warning',
    when: (a) => a.claim.kind === 'other' && planned(a)?.dryRun === true,
    because: (a) =>
      a.claim.kind === 'other'
        ? `${a.claim.claim.who} holds a claim (${a.claim.claim.intent}, to ${a.claim.claim.target}): what comes of it has to be seen first.`
        : '',
    advice: () => 'Ask again in a minute.',
    refuses: true,
  },
  ...claimsOfOthers,
]

const done: readonly Row[] = [
  ...shared('recording-takeover'),
  ...events,
  {
    code: 'switchover-following',
    severity: 'info',
    when: (a) =>
      moved(a) !== null && a.ledger?.how === 'switchover' && !following(a) && sinceMovedMs(a) < FOLLOW_MS,
    because: (a) => `${a.named.name} is the writer; ${a.spare.name} has yet to show that it follows.`,
    afterMs: 20,
  },
  {
    code: 'switched-over',
    severity: 'info',
    when: (a) => moved(a) !== null && a.ledger?.how === 'switchover' && following(a),
    because: (a) =>
      `${a.named.name} is the writer now, ${a.spare.name} is closed and follows it. Nothing was lost: both had the same position.`,
    finish: true,
  },
  {
    code: 'switched-over-unfollowed',
    severity: 'warning',
    when: (a) => moved(a) !== null && a.ledger?.how === 'switchover',
    because: (a) =>
      `${a.named.name} is the writer now and nothing was lost, but ${a.spare.name} has not shown for ${FOLLOW_MS / 1000} s that it follows: the pair is unprotected.`,
    advice: (a) => `Look at SHOW REPLICA STATUS on ${a.spare.name}.`,
    finish: true,
  },
  {
    code: 'switchover-became-failover',
    severity: 'critical',
    when: (a) => moved(a) !== null,
    because: (a) =>
      `${a.spare.name} died while the switchover was under way: ${a.named.name} has taken over by a failover. A message says what is at risk.`,
    finish: true,
  },
  {
    code: 'already-writer',
    severity: 'info',
    when: (a) => a.ledger?.writer === wanted(a) && takesWrites(a.named),
    because: (a) => `${a.named.name} is the writer already; nothing was done.`,
    finish: true,
  },
  {
    code: 'switchover-given-up',
    severity: 'warning',
    when: (a) => a.memory.givenUp !== null && !(a.memory.givenUp.early && mayWait(a)),
    because: (a) =>
      `${a.memory.givenUp?.because} ${a.named.name} is ${takesWrites(a.named) ? 'open and ' : ''}still the writer.`,
    advice: () => 'Nothing was lost. Remove what stood in the way and send it again.',
    refuses: true,
  },
]

const beginning: readonly Row[] = [
  {
    code: 'switchover-stale',
    severity: 'warning',
    when: (a) => sinceAskedMs(a) > (planned(a)?.waitForQuietMs ?? 0) + BEGIN_WITHIN_MS,
    because: (a) =>
      `No switchover: it was asked for ${duration(sinceAskedMs(a))} ago and has not begun; nobody expects it any more.`,
    advice: () => 'Send it again if it is still wanted.',
    refuses: true,
  },
  ...shared('comparing'),
  ...switchoverRefusals,
  {
    code: 'switchover-checking',
    severity: 'info',
    when: undecided,
    because: (a) =>
      lostByWriter(a) === ''
        ? `Whether ${a.named.name} can hand over to ${a.spare.name} is being checked while writes flow.`
        : `${a.spare.name} has ${count(lostByWriter(a))} transactions of ${a.named.name} that ${a.named.name} has not committed yet, or has lost: it is looked again.`,
    afterMs: 50,
  },
  {
    code: 'switchover-possible',
    severity: 'info',
    when: (a) => planned(a)?.dryRun === true,
    because: (a) =>
      `Nothing stands against a switchover: ${a.named.name} would be closed, ${a.spare.name} opened at the same position, and ${a.policy.record.name} moved to it. Nothing was changed.`,
    advice: () => 'Send it without dryRun.',
    finish: true,
  },
  {
    code: 'switchover-claiming',
    severity: 'info',
    when: () => true,
    because: (a) =>
      `Nothing stands against a switchover from ${a.named.name} to ${a.spare.name}: the right to open ${a.spare.name} is claimed, while ${a.named.name} goes on taking writes.`,
    step: (a) => {
      if (!acts(a)) return null
      const claim = steps.claimOf(a, 'switchover', a.spare.name, false)
      const change = { claim: { ...claim, lengthMs: claimLengthMs(a.policy) } }
      const record = planned(a)?.lowerTtl === true ? steps.loweredRecord(a) : a.memory.ledger.record
      return steps.swap(a, 'claim-switchover', change, record)
    },
  },
]

export const requested: readonly Row[] = [
  ...ledgerProblems,
  ...standing,
  ...blind,
  ...secondOpen,
  ...done,
  ...beginning,
]
