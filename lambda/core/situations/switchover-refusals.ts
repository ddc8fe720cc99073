/**
 * What stands against a switchover while writes still flow: a bad moment is refused, each reason by its name, and nothing was changed.
 * The same rows are asked again under the claim, in the very look that the closing is decided on.
 *
 * The one thing to understand: none of them guards the data, the exact position does (R11). They keep the write block short, and the
 * way back open.
 */
import {
  type Assessment,
  duration,
  errantOnSpare,
  lackedBySpare,
  lostByWriter,
  onHold,
  paused,
  type Side,
  waived,
} from '../assessment.ts'
import { channelState, runs } from '../following.ts'
import { heartbeatLagMs } from '../freshness.ts'
import { count } from '../gtid-set.ts'
import type { Row } from '../situation.ts'
import {
  canReplicateBack,
  claimLengthMs,
  keepsUp,
  lagMaxMs,
  listed,
  obstacles,
  obstaclesOf,
  planned,
} from '../switchover.ts'
import { refusesWrites, takesWrites } from '../writability.ts'
import { lacking, toGrant } from './rights.ts'

export interface Refusal extends Row {
  /** `force` may name it. */
  readonly forceable: boolean
  /** It may pass by itself: `waitForQuietMs` waits for that. */
  readonly transient: boolean
}

interface Words {
  readonly when: (a: Assessment) => boolean
  readonly why: (a: Assessment) => string
  readonly advice: (a: Assessment) => string
}

function refusal(code: string, kind: Pick<Refusal, 'forceable' | 'transient'>, words: Words): Refusal {
  return {
    code,
    ...kind,
    severity: 'warning',
    when: (a) => !(kind.forceable && waived(a, code)) && words.when(a),
    because: (a) => `No switchover: ${words.why(a)}.`,
    advice: words.advice,
    afterMs: 200,
    refuses: true,
  }
}

const never = { forceable: false, transient: false }
const passing = { forceable: false, transient: true }
const waivable = { forceable: true, transient: false }
const waivableAndPassing = { forceable: true, transient: true }

/** Whoever has not answered yet, or missed one look, is waited for; dead or sick is a reason. */
const gone = ({ answer, health }: Side) => answer === null && (health === 'dead' || health === 'sick')
const bothAnswer = (a: Assessment) => a.named.answer !== null && a.spare.answer !== null
/** Left of the invocation when the claim's whole length has passed. */
const SPARE_TIME_MS = 10_000

const ofThePair: readonly Refusal[] = [
  refusal('switchover-observed', never, {
    when: (a) => a.policy.failover.mode === 'observe',
    why: () => 'the configuration says failover.mode = observe, and Hotspare opens and closes nothing',
    advice: () => 'Set failover.mode to automatic or alert.',
  }),
  refusal('switchover-paused', waivable, {
    when: paused,
    why: () => 'the pair is paused',
    advice: () => 'End the pause, or waive it for this once: "force":["switchover-paused"].',
  }),
  refusal('switchover-spare-held', never, {
    when: onHold,
    why: (a) => `${a.spare.name} is held and may not take part until it is released`,
    advice: (a) =>
      `See the message about ${a.spare.name}: extract what only it has, then reseed or release it.`,
  }),
  refusal('switchover-writer-not-open', passing, {
    when: (a) => refusesWrites(a.named) || gone(a.named),
    why: (a) =>
      a.named.answer === null
        ? `${a.named.name} does not answer us (${a.named.health})`
        : `${a.named.name} is the writer and takes no writes`,
    advice: (a) =>
      `A switchover needs two healthy servers. If ${a.named.name} is dead, send a failover instead.`,
  }),
  refusal('switchover-spare-silent', passing, {
    when: (a) => gone(a.spare),
    why: (a) => `${a.spare.name} does not answer us (${a.spare.health})`,
    advice: (a) => `Bring ${a.spare.name} back first.`,
  }),
  refusal('switchover-rights-missing', waivable, {
    when: (a) => lacking(a).length > 0,
    why: (a) =>
      `Hotspare's account lacks rights on ${lacking(a)
        .map(({ name }) => name)
        .join(' and ')}, so it would be undone after nobody could write for a while`,
    advice: toGrant,
  }),
  refusal('switchover-version', waivable, {
    when: (a) => bothAnswer(a) && !canReplicateBack(a),
    why: (a) =>
      `${a.spare.name} runs ${a.spare.answer?.version} and ${a.named.name} ${a.named.answer?.version}: an older server can't be relied on to replicate from a newer one, so ${a.named.name} might not follow afterwards`,
    advice: (a) =>
      `Upgrade ${a.named.name} after the switch, and reseed it if it can't follow; or leave it: "force":["switchover-version"].`,
  }),
  refusal('switchover-too-late', never, {
    when: (a) => a.world.remainingMs < claimLengthMs(a.policy) + SPARE_TIME_MS,
    why: (a) => `this invocation ends in ${duration(a.world.remainingMs)}, too soon to finish or undo it`,
    advice: () => 'Send it again; give the request function a longer time-out if this stays.',
  }),
]

/** As far as this process has seen, and by the heartbeats, which are older than it. */
const behindMs = (a: Assessment) =>
  Math.max(a.memory.lagMs ?? 0, heartbeatLagMs(a.named.answer, a.spare.answer) ?? 0)

const ofReplication: readonly Refusal[] = [
  refusal('switchover-not-replicating', passing, {
    when: (a) => bothAnswer(a) && !runs(a.spare.answer?.channel),
    why: (a) =>
      `${a.spare.name} does not replicate from ${a.named.name}: ${channelState(a.spare.answer?.channel)}`,
    advice: (a) => `Mend it on ${a.spare.name}, then START REPLICA there.`,
  }),
  refusal('switchover-reverse-broken', waivableAndPassing, {
    when: (a) => bothAnswer(a) && !runs(a.named.answer?.channel),
    why: (a) =>
      `${a.named.name} could not follow ${a.spare.name} afterwards: ${channelState(a.named.answer?.channel)}`,
    advice: (a) => `START REPLICA on ${a.named.name}, and mend what keeps it from connecting.`,
  }),
  refusal('switchover-diverged', never, {
    when: (a) => errantOnSpare(a) !== '' || lackedBySpare(a) !== '',
    why: (a) =>
      `${a.spare.name} has ${count(a.memory.comparison?.alone ?? '')} transactions that ${a.named.name} lacks, and lacks ${count(a.memory.comparison?.lacks ?? '')} of its own`,
    advice: (a) => `A watch holds ${a.spare.name} and lists them in a message.`,
  }),
  refusal('switchover-lagging', waivableAndPassing, {
    when: (a) => (a.memory.lagMs ?? 0) > lagMaxMs(a) || (a.spare.answer?.channel?.delaySeconds ?? 0) > 0,
    why: (a) =>
      (a.spare.answer?.channel?.delaySeconds ?? 0) > 0
        ? `${a.spare.name} replicates ${a.spare.answer?.channel?.delaySeconds} s late on purpose (SOURCE_DELAY)`
        : `${a.spare.name} is ${duration(behindMs(a))} behind`,
    advice: () => 'Wait until it has caught up; "waitForQuietMs" waits for it.',
  }),
  refusal('switchover-unacknowledged', waivableAndPassing, {
    when: (a) =>
      a.named.answer?.semiSync?.sourceWaits === true && a.named.answer.semiSync.replicasAcknowledging === 0,
    why: (a) =>
      `commits on ${a.named.name} wait for an acknowledgement that nobody gives (semi-synchronous replication), and closing would wait with them`,
    advice: (a) => `Look why ${a.spare.name} does not acknowledge: the replica side of semi-sync there.`,
  }),
]

/** How old the newest heartbeat on the writer may be: it is written every second while a watch is at work and commits get through. */
const HEARTBEAT_AGE_MS_MAX = 10_000
const heartbeatAgeMs = ({ answer }: Side) =>
  answer === null || typeof answer.heartbeat === 'string'
    ? 0
    : answer.clockMs - answer.heartbeat.writtenClockMs

const ofTheWriter: readonly Refusal[] = [
  // A commit that waits for disk space must not be killed, and the closing kills: MySQL would end itself (T4).
  refusal('switchover-stalled', waivableAndPassing, {
    when: (a) => takesWrites(a.named) && heartbeatAgeMs(a.named) > HEARTBEAT_AGE_MS_MAX,
    why: (a) =>
      `no heartbeat has been committed on ${a.named.name} for ${duration(heartbeatAgeMs(a.named))}: either nobody watches, or ${a.named.name} can't commit`,
    advice: (a) =>
      `See that a watch is at work, and look at ${a.named.name} for a full disk or a global read lock. If only the watch is missing: "force":["switchover-stalled"].`,
  }),
]

const kill = (a: Assessment) =>
  `Wait ("waitForQuietMs"), or end them on ${a.named.name} with KILL. Hotspare ends no work of others before the writer is closed.`

const ofSessions: readonly Refusal[] = [
  refusal('switchover-long-transaction', waivableAndPassing, {
    when: (a) => obstaclesOf(a, 'transaction', 'statement').length > 0,
    why: (a) =>
      `work older than ${duration(a.policy.switchover.longTransactionMs)} would be lost or would block the close: ${listed(obstaclesOf(a, 'transaction', 'statement'))}`,
    advice: kill,
  }),
  refusal('switchover-ddl', waivableAndPassing, {
    when: (a) => obstaclesOf(a, 'ddl').length > 0,
    why: (a) => `DDL is at work: ${listed(obstaclesOf(a, 'ddl'))}`,
    advice: kill,
  }),
  refusal('switchover-locked', waivableAndPassing, {
    when: (a) => obstaclesOf(a, 'lock').length > 0,
    why: (a) => `tables are locked: ${listed(obstaclesOf(a, 'lock'))}`,
    advice: kill,
  }),
  refusal('switchover-backup', waivableAndPassing, {
    when: (a) => obstaclesOf(a, 'backup').length > 0,
    why: (a) => `a backup is at work: ${listed(obstaclesOf(a, 'backup'))}`,
    advice: () => 'Wait until it has ended; "waitForQuietMs" waits for it.',
  }),
]

export const switchoverRefusals: readonly Refusal[] = [
  ...ofThePair,
  ...ofReplication,
  ...ofTheWriter,
  ...ofSessions,
]

/** What `force` may name for a switchover. */
export const SWITCHOVER_FORCEABLE: readonly string[] = switchoverRefusals
  .filter(({ forceable }) => forceable)
  .map(({ code }) => code)

/** The first reason against it now; null if there is none, or if it isn't known yet (`undecided`). */
export function reasonAgainst(a: Assessment): Refusal | null {
  return switchoverRefusals.find((row) => row.when(a)) ?? null
}

/** Something that has to be known first has not been found out yet. */
export function undecided(a: Assessment): boolean {
  if (!bothAnswer(a)) return true
  const unproven = !keepsUp(a) && !waived(a, 'switchover-lagging')
  // Under semi-sync the spare may have what the writer is about to commit; a writer that lost something looks the same.
  const ahead = lostByWriter(a) !== ''
  return unproven || ahead || (a.memory.comparison?.looks ?? 0) < 2 || obstacles(a) === null
}

/** It may still be waited for a better moment. */
export function mayWait(a: Assessment): boolean {
  return a.now - a.memory.startedAtMs < (planned(a)?.waitForQuietMs ?? 0)
}
