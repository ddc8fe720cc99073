/**
 * We hold a claim to switch over: check once more while writes flow, close the writer, see the spare at its exact position (R11),
 * open the spare, move record and ledger in one batch. Anything else goes back.
 *
 * The one thing to understand: from the closing on nobody can write, so everything that can be done before is done before, and
 * everything after is either the next step forward within its budget, or the way back. Who took the claim over knows nothing of the
 * moment of the closing and never goes forward from two closed servers.
 */
import { type Assessment, isClosed, isOpen, lostByWriter, unfit, waived } from '../assessment.ts'
import { follows, followsInWords, toLetFollow } from '../following.ts'
import { ofOrigin, subtract } from '../gtid-set.ts'
import { tell } from '../message.ts'
import type { Row } from '../situation.ts'
import * as steps from '../steps.ts'
import {
  behind,
  claimNeededMs,
  exactPosition,
  forwardLeftMs,
  listed,
  obstacles,
  planned,
} from '../switchover.ts'
import { halfClosed, takesWrites } from '../writability.ts'
import { blindUnderClaim } from './blind.ts'
import { first, mine, release, undo } from './claim-facts.ts'
import { EVENT_TRIES } from './events.ts'
import { followingAgain } from './following.ts'
import { sweeping } from './sweeping.ts'
import { reasonAgainst, undecided } from './switchover-refusals.ts'
import { moving, oldWriterClosing, targetClosing, targetHalfClosed } from './target-states.ts'
import { namedSilent } from './undo.ts'

/** It is ours from the beginning, a person waits for it, and nothing was closed under it. */
const beforeClosing = (a: Assessment) =>
  first(a) && planned(a) !== null && mine(a)?.ours.closing === null && takesWrites(a.named)
const closing = (a: Assessment) => mine(a)?.ours.closing ?? null
/** How long a failed close is looked into; writers are not kept waiting by it. */
const BLOCKED_MS = 1000
const sinceClaimedMs = (a: Assessment) =>
  a.now - (a.memory.timeline.find(({ what }) => what === 'claimed')?.atMs ?? Number.NEGATIVE_INFINITY)
/** For how long the best moment is waited for; then a tolerable one will do. */
const NEARING_MS = 5000
const inTime = (a: Assessment) => (forwardLeftMs(a) ?? 0) > 0

const targetOpen: readonly Row[] = [
  targetHalfClosed,
  oldWriterClosing,
  targetClosing,
  {
    code: 'switchover-target-lacks',
    severity: 'critical',
    when: (a) => isOpen(a.spare) && isClosed(a.named) && targetLacks(a),
    because: (a) =>
      `${a.spare.name} is open and lacks transactions of ${a.named.name}: the switchover is undone; what ${a.spare.name} alone has is listed.`,
    step: undo,
    givesUp: true,
  },
  moving,
]

/** The spare is not open, and the named server takes writes (or would, but for half a close). */
const open: readonly Row[] = [
  {
    code: 'switchover-reopening-half',
    severity: 'warning',
    when: (a) => halfClosed(a.named),
    because: (a) =>
      `${a.named.name} could be closed only by half (read_only without super_read_only): the claim turns to opening it again.`,
    step: undo,
    givesUp: true,
  },
  {
    code: 'switchover-close-blocked',
    severity: 'warning',
    when: (a) =>
      takesWrites(a.named) &&
      first(a) &&
      closing(a) !== null &&
      obstacles(a) === null &&
      a.now - (closing(a)?.endedAtMs ?? 0) < BLOCKED_MS,
    because: (a) =>
      `${a.named.name} could not be closed within its limit; who was in the way is found out before the claim is released.`,
    afterMs: 20,
  },
  {
    code: 'switchover-close-failed',
    severity: 'warning',
    when: (a) => takesWrites(a.named) && first(a) && closing(a) !== null,
    because: (a) =>
      `${a.named.name} could not be closed within its limit and is open; no close is left there that could land later. The claim is released. ${inTheWay(a)}`,
    step: release,
    givesUp: true,
  },
  ...followingAgain(
    {
      code: 'switchover-abandoning-threads',
      because: (a) =>
        `${a.named.name} is open; ${a.spare.name} follows it again before the claim is released.`,
    },
    (a) => takesWrites(a.named) && !beforeClosing(a),
  ),
  {
    code: 'switchover-abandoning',
    severity: 'warning',
    when: (a) => takesWrites(a.named) && !beforeClosing(a),
    because: (a) =>
      `A switchover to ${a.spare.name} was left half done; ${a.named.name} is open and stays the writer, ${followsInWords(a)}: the claim is released.`,
    advice: toLetFollow,
    step: release,
    givesUp: true,
    tell: (a) => tell(a, 'switchover-undone', 'warning'),
  },
  {
    code: 'switchover-bad-moment',
    severity: 'warning',
    when: (a) => beforeClosing(a) && (reasonAgainst(a) !== null || stillUndecided(a)),
    because: (a) =>
      `${reasonAgainst(a)?.because(a) ?? 'No switchover: whether it can work could not be found out.'} Nothing was closed: the claim is released.`,
    step: release,
    givesUp: true,
  },
  {
    code: 'switchover-rechecking',
    severity: 'info',
    when: (a) => beforeClosing(a) && undecided(a),
    because: (a) => `Everything is looked at once more before ${a.named.name} is closed.`,
    afterMs: 20,
  },
]

const ready: readonly Row[] = [
  {
    code: 'switchover-ttl-waiting',
    severity: 'info',
    when: (a) => beforeClosing(a) && a.now < ttlOverAtMs(a),
    because: (a) =>
      `${a.policy.record.name} has a TTL of 1 s now; the old one of ${mine(a)?.ours.lowered?.fromSeconds} s has to run out everywhere before ${a.named.name} is closed.`,
    afterMs: 250,
    progress: true,
  },
  {
    code: 'switchover-renewing',
    severity: 'info',
    when: (a) => beforeClosing(a) && (mine(a)?.remainingMs ?? 0) < claimNeededMs(a.policy),
    because: () => 'The claim is renewed, so that it outlives the write block and going back.',
    step: (a) => steps.swap(a, 'renew', { claim: mine(a)?.claim ?? null }),
  },
  {
    // R4, before the closing rather than between closing and opening, where it would keep writers waiting.
    code: 'switchover-sweeping',
    severity: 'info',
    when: (a) => beforeClosing(a) && unprepared(a) !== undefined,
    because: (a) =>
      `Other sessions of Hotspare on ${unprepared(a)?.name} are killed once more before the writer is closed.`,
    step: (a) => {
      const side = unprepared(a)
      return side === undefined ? null : steps.killOthers(side)
    },
  },
  {
    code: 'switchover-stopping-wait',
    severity: 'info',
    when: (a) =>
      beforeClosing(a) &&
      a.spare.answer?.semiSync?.sourceWaits === true &&
      a.spare.answer.semiSync.replicasAcknowledging === 0,
    because: (a) =>
      `Nobody would acknowledge commits on ${a.spare.name}: semi-synchronous waiting is switched off there before it is opened.`,
    step: (a) => steps.stopWaiting(a.spare),
  },
  {
    // What the spare still has to apply at the closing is what keeps everybody waiting.
    code: 'switchover-nearing',
    severity: 'info',
    when: (a) =>
      beforeClosing(a) &&
      (a.memory.lagMs ?? 0) > 0 &&
      sinceClaimedMs(a) < NEARING_MS &&
      !waived(a, 'switchover-lagging'),
    because: (a) =>
      `${a.spare.name} applies what ${a.named.name} had at the last look, before ${a.named.name} is closed.`,
    afterMs: 5,
  },
  {
    code: 'switchover-stopping-events',
    severity: 'info',
    when: (a) =>
      beforeClosing(a) &&
      a.named.memory.events.now?.view.scheduler === 'on' &&
      a.named.memory.events.steps < EVENT_TRIES,
    because: (a) =>
      `The event scheduler of ${a.named.name} is stopped first: a privileged event would write on it though it is closed (T40).`,
    step: (a) => steps.stopEvents(a.named),
  },
  {
    code: 'switchover-closing',
    severity: 'warning',
    when: beforeClosing,
    because: (a) =>
      `Everything is ready: ${a.named.name} is closed, within a limit of its own, and its sessions are ended.`,
    step: (a) => steps.close(a.named),
  },
]

/** Both are closed: nobody can write. */
const closed: readonly Row[] = [
  {
    code: 'switchover-writer-short',
    severity: 'critical',
    when: (a) => isClosed(a.named) && isClosed(a.spare) && lostByWriter(a) !== '' && unfit(a) === null,
    because: (a) =>
      `${a.named.name} lacks transactions that ${a.spare.name} received from it: this is a failover now, not a switchover.`,
    step: (a) => steps.swap(a, 'claim-short', { claim: steps.claimOf(a, 'failover', a.spare.name, true) }),
    givesUp: true,
  },
  {
    code: 'switchover-left-closed',
    severity: 'critical',
    when: (a) => isClosed(a.named) && (!first(a) || planned(a) === null || closing(a) === null),
    because: (a) =>
      `A switchover to ${a.spare.name} was left half done and ${a.named.name} is closed: it is undone.`,
    step: undo,
    givesUp: true,
  },
  {
    code: 'switchover-target-restarted',
    severity: 'critical',
    when: (a) => isClosed(a.named) && targetRestarted(a),
    because: (a) =>
      `${a.spare.name} restarted while ${a.named.name} was closed for it: the switchover is undone.`,
    step: undo,
    givesUp: true,
  },
  {
    code: 'switchover-stuck',
    severity: 'critical',
    when: (a) => isClosed(a.named) && !exactPosition(a) && !follows(a.spare),
    because: (a) =>
      `${a.spare.name} lacks ${behind(a)} of ${a.named.name} and does not replicate any more: the switchover is undone.`,
    step: undo,
    givesUp: true,
  },
  {
    code: 'switchover-over-budget',
    severity: 'critical',
    when: (a) => isClosed(a.named) && !inTime(a),
    because: (a) =>
      `${a.spare.name} was not open in time (it lacks ${behind(a)}): the switchover is undone, so that ${a.named.name} takes writes again within ${a.policy.switchover.writeBlockMs} ms.`,
    step: undo,
    givesUp: true,
  },
  {
    code: 'switchover-catching-up',
    severity: 'warning',
    when: (a) => isClosed(a.named) && !exactPosition(a),
    because: (a) =>
      `${a.named.name} is closed; ${a.spare.name} applies the last ${behind(a)} before it is opened.`,
    afterMs: 5,
  },
  {
    code: 'switchover-opening',
    severity: 'warning',
    when: (a) => isClosed(a.named) && isClosed(a.spare),
    because: (a) =>
      `${a.named.name} is closed and ${a.spare.name} has exactly what it has: ${a.spare.name} is opened.`,
    step: (a) => steps.open(a, a.spare, forwardLeftMs(a) ?? 0),
  },
]

const silent: readonly Row[] = [
  {
    code: 'switchover-target-silent',
    severity: 'warning',
    when: (a) => a.spare.answer === null && isClosed(a.named),
    because: (a) =>
      `${a.spare.name} does not answer and ${a.named.name} is closed: the switchover is undone.`,
    step: undo,
    givesUp: true,
  },
]

export const switching: readonly Row[] = [
  ...sweeping,
  ...blindUnderClaim,
  ...targetOpen,
  ...open,
  ...ready,
  ...silent,
  ...closed,
  ...namedSilent,
  {
    code: 'switchover-waiting',
    severity: 'critical',
    when: (a) => a.named.answer === null,
    because: (a) =>
      `${a.named.name} does not answer in the middle of a switchover (${a.named.health}; witness: ${a.witness ?? 'not asked'}; ${a.spare.name}: ${unfit(a) ?? 'fit'}): whether it is dead is found out first.`,
    advice: (a) => `Bring ${a.named.name} back; the switchover is then undone.`,
    afterMs: 25,
    tell: (a) => (a.named.health === 'dead' ? tell(a, 'failover-refused', 'critical') : null),
  },
]

/** It has to be known that the old TTL has run out: from when every name server had the new one, or long enough. */
function ttlOverAtMs(a: Assessment): number {
  const lowered = mine(a)?.ours.lowered ?? null
  if (lowered === null) return 0
  return (lowered.insyncAtMs ?? lowered.landedAtMs + INSYNC_MS_MAX) + lowered.fromSeconds * 1000
}
/** Route 53 says that a change is everywhere within a minute. */
const INSYNC_MS_MAX = 60_000

/**
 * Without what is of the target's own origin: the open target is read first, so the old writer may show a commit of it that was made
 * between the two readings.
 */
function targetLacks(a: Assessment): boolean {
  const target = a.spare.answer
  const old = a.named.answer
  if (target === null || old === null) return false
  const missing = subtract(old.executed, target.executed)
  return missing !== ofOrigin(missing, target.uuid)
}

/** It is no longer the process that was checked. What it may have lost by that is no question here: the position is compared. */
function targetRestarted(a: Assessment): boolean {
  const before = mine(a)?.ours.targetStartedClockMs ?? null
  if (before === null || a.spare.answer === null) return false
  return Math.abs(a.spare.answer.startedClockMs - before) > 2000
}

function unprepared(a: Assessment): Assessment['named'] | undefined {
  const reached = mine(a)?.ours.swept ?? {}
  if (reached[a.spare.name] !== 'opening') return a.spare
  return reached[a.named.name] === undefined ? a.named : undefined
}

/** Nothing renews the claim while it is looked again and again; that doesn't go on until it has run out. */
function stillUndecided(a: Assessment): boolean {
  return undecided(a) && (mine(a)?.remainingMs ?? 0) < claimNeededMs(a.policy) - UNDECIDED_MS
}
const UNDECIDED_MS = 5000

function inTheWay(a: Assessment): string {
  const found = obstacles(a) ?? []
  return found.length === 0 ? 'What was in the way is gone by now.' : `In the way: ${listed(found)}.`
}
