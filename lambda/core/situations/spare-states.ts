/** The named server is open and takes writes: is the spare any good? */
import {
  type Assessment,
  acts,
  applied,
  comparisonUnsettled,
  divergence,
  duration,
  errantOnSpare,
  inspection,
  isClosed,
  lackedBySpare,
  notLookedUp,
  onHold,
  type Side,
  spareClean,
  toInspect,
  unfit,
} from '../assessment.ts'
import { takeoverAgain } from '../compare.ts'
import { channelState, follows, replicationStopped } from '../following.ts'
import { aheadMs } from '../freshness.ts'
import { ledgerBacked } from '../ledger-backed.ts'
import { tell } from '../message.ts'
import { STAYS_DOWN } from '../server-words.ts'
import type { Row } from '../situation.ts'
import * as steps from '../steps.ts'
import { adviceOn, inWords, restsFrom, standing } from '../stuck.ts'
import { stalledMs, takesWrites, writability } from '../writability.ts'
import { spareBlocked } from './blocked.ts'
import { confirming } from './confirming.ts'
import { rightsMissing } from './rights.ts'
import { spareBehind } from './spare-behind.ts'

/** A look-up that failed is not asked for again in a frenzy. */
export const comparingAgainMs = (a: Assessment) => (inspection(a).failures > 0 ? 1000 : 50)

/** Why the last look-up failed, as a sentence with a blank before it. */
function failedLookUp(a: Assessment): string {
  const { failures, unread } = inspection(a)
  return failures === 0 ? '' : ` The last time that failed: ${unread}.`
}

const namedReceives = (a: Assessment) =>
  a.named.answer?.channel != null && a.named.answer.channel.receiver !== 'off'

const hasError = ({ answer }: Side) =>
  answer?.channel != null && (answer.channel.receiverErrno !== 0 || answer.channel.applierErrno !== 0)
const failsToConnect = ({ answer }: Side) =>
  answer?.channel?.receiver === 'connecting' && answer.channel.receiverErrno !== 0

export const spareStates: readonly Row[] = [
  confirming(
    'held-server-unconfirmed',
    (a) =>
      onHold(a) &&
      namedReceives(a) &&
      acts(a) &&
      !restsFrom(a, a.named.name, 'detach') &&
      !ledgerBacked(a, a.named, 'receiving'),
    (a) =>
      `${a.named.name} receives from ${a.spare.name}, which the ledger that we know holds: it is read again first, because it may have been released.`,
  ),
  {
    code: 'held-server-cut-off',
    yields: 'at-once',
    severity: 'critical',
    when: (a) => onHold(a) && namedReceives(a) && acts(a),
    because: (a) =>
      `${a.spare.name} is held, and ${a.named.name} receives from it: that is stopped, so that its stale writes stay where they are.`,
    step: (a) => steps.detach(a.named),
  },
  {
    code: 'writer-stalled',
    severity: 'critical',
    when: (a) => writability(a, a.named) === 'stalled',
    because: (a) =>
      `${a.named.name} answers, but no heartbeat write has been committed for ${duration(stalledMs(a))}: nobody can write.${whyUnwritten(a)}`,
    advice: (a) =>
      `Look at ${a.named.name} for a full disk, a global read lock, too many connections, or a semi-sync acknowledgement that nobody gives. Hotspare does not fail over for this: the writer lives.`,
    afterMs: 200,
    tell: (a) =>
      stalledMs(a) > 3 * a.policy.detection.probeTimeoutMs ? tell(a, 'writer-stalled', 'critical') : null,
  },
  {
    code: 'recording-takeover',
    yields: 'at-once',
    severity: 'info',
    when: (a) =>
      takesWrites(a.named) &&
      acts(a) &&
      a.ledger !== null &&
      a.named.answer?.heartbeat !== 'no-table' &&
      (a.named.answer?.takeover?.epoch ?? 0) < a.ledger.epoch &&
      takeoverAgain(a.ledger, a.named.answer as NonNullable<typeof a.named.answer>) !== null,
    because: (a) => `The full position of epoch ${a.ledger?.epoch} is written down on ${a.named.name}.`,
    step: (a) =>
      a.ledger === null || a.named.answer === null
        ? null
        : steps.recordTakeover(a.named, a.ledger, takeoverAgain(a.ledger, a.named.answer) ?? ''),
  },
  {
    code: 'spare-unreachable',
    severity: 'warning',
    when: (a) => a.spare.answer === null,
    because: (a) =>
      a.spare.health === 'sick'
        ? `${a.named.name} takes writes; ${a.spare.name} answers with error ${a.spare.memory.ailment?.errno} (${a.spare.memory.ailment?.message}).`
        : `${a.named.name} takes writes; ${a.spare.name} does not answer. The pair is unprotected: if ${a.named.name} dies now, nobody takes over.`,
    advice: (a) => `Bring ${a.spare.name} back. It is closed and compared when it returns.`,
  },
  {
    code: 'spare-on-hold',
    severity: 'warning',
    when: onHold,
    because: (a) => `${a.named.name} takes writes; ${a.spare.name} is held. The pair is unprotected.`,
    advice: (a) =>
      `See the message about ${a.spare.name}: extract what only it has, then reseed or release it.`,
  },
  {
    code: 'comparing',
    severity: 'info',
    when: (a) => (errantOnSpare(a) !== '' && toInspect(a) !== '') || comparisonUnsettled(a),
    because: (a) =>
      `${a.spare.name} has transactions that ${a.named.name} lacks: what they touched is looked up.${failedLookUp(a)}`,
    afterMs: comparingAgainMs,
  },
  {
    code: 'spare-diverged',
    severity: 'critical',
    when: (a) => errantOnSpare(a) !== '' || lackedBySpare(a) !== '',
    because: (a) =>
      [
        `${divergence(a)}: ${acts(a) ? 'it is held' : 'it would be held, and in observe mode is not'}.`,
        notLookedUp(a),
      ]
        .join(' ')
        .trim(),
    step: (a) =>
      acts(a) && a.ledger !== null
        ? steps.swap(a, 'hold', { holds: [...a.ledger.holds, a.spare.name] })
        : null,
    tell: (a) => tell(a, 'server-held', 'critical'),
    afterMs: 1000,
  },
  rightsMissing,
  {
    code: 'not-armed',
    severity: 'warning',
    when: (a) => a.named.answer?.heartbeat === 'no-table' || unfit(a) === 'not-armed',
    because: (a) =>
      a.named.answer?.heartbeat === 'no-table'
        ? 'The table hotspare.heartbeat is missing or not readable: Hotspare watches and reports, automatic failover is not armed.'
        : bootState(a) === 'starts'
          ? 'skip_replica_start is not set on both servers: a restarted server would apply stale writes before anyone compares. Automatic failover is not armed.'
          : bootState(a) === 'untold'
            ? `These servers do not tell whether ${STAYS_DOWN} is set: without it a restarted server would apply stale writes before anyone compares. Automatic failover is not armed.`
            : `No heartbeat has reached ${a.spare.name} yet: automatic failover is not armed until one has.`,
    advice: (a) =>
      a.named.answer?.heartbeat === 'no-table'
        ? 'Create the schema (docs/setup.md), or check the grants of the account.'
        : bootState(a) === 'untold'
          ? `Put ${STAYS_DOWN} into the configuration file of both servers, then say so in hotspare.json: "failover": { "acceptMissing": ["skip-replica-start"] }; see docs/setup.md.`
          : 'Set skip_replica_start=ON in the configuration file of both servers and restart the spare; see docs/setup.md.',
  },
  {
    code: 'spare-stopped',
    severity: 'warning',
    when: (a) => replicationStopped(a.spare) && !hasError(a.spare) && settledClean(a),
    because: (a) =>
      `${a.named.name} takes writes. ${a.spare.name} is closed and has nothing that ${a.named.name} lacks, but its replication is stopped: the pair is unprotected.`,
    advice: (a) =>
      `To make ${a.spare.name} the spare again: START REPLICA on ${a.spare.name}, wait until it has caught up, then START REPLICA on ${a.named.name}.`,
    tell: (a) => (a.memory.moved?.from === a.spare.name ? tell(a, 'old-writer-returned', 'warning') : null),
  },
  {
    code: 'spare-not-replicating',
    severity: 'warning',
    when: (a) => !follows(a.spare),
    because: (a) => {
      const channel = a.spare.answer?.channel
      return channel == null
        ? `${a.spare.name} is not set up to replicate from ${a.named.name}. The pair is unprotected.`
        : `${a.spare.name} does not replicate: ${channelState(channel)}. The pair is unprotected.`
    },
    advice: (a) => `Mend it on ${a.spare.name}, then START REPLICA there.`,
  },
  {
    code: 'reverse-stopped',
    severity: 'warning',
    when: (a) => (replicationStopped(a.named) || failsToConnect(a.named)) && settledClean(a),
    because: (a) =>
      `${a.named.name} takes writes, ${a.spare.name} follows; but ${a.named.name} does not receive from ${a.spare.name} (${channelState(a.named.answer?.channel)}), so it could not follow after a switch.`,
    advice: (a) =>
      hasError(a.named)
        ? `${a.spare.name} has nothing that ${a.named.name} lacks. Mend on ${a.named.name} what its error names, then START REPLICA there.`
        : `${a.spare.name} has nothing that ${a.named.name} lacks: START REPLICA on ${a.named.name}.`,
    tell: (a) => (a.memory.moved?.from === a.spare.name ? tell(a, 'old-writer-returned', 'warning') : null),
  },
  ...spareBehind,
  spareBlocked,
  {
    code: 'housekeeping-refused',
    severity: 'warning',
    when: (a) => standing(a).length > 0,
    because: (a) =>
      `${a.named.name} takes writes, ${a.spare.name} follows; but ${standing(a)
        .map((each) => inWords(a, each))
        .join(' ')}`,
    advice: adviceOn,
  },
  {
    code: 'clocks-apart',
    severity: 'warning',
    when: (a) => Math.abs(clocksApartMs(a)) > CLOCKS_APART_MS_MAX,
    because: (a) =>
      `${a.named.name} takes writes, ${a.spare.name} follows; their clocks are ${duration(Math.abs(clocksApartMs(a)))} apart.`,
    advice: () =>
      'Set both with NTP. A watch that sees both servers allows for it; one that starts after a death can not, and may judge the age of heartbeats wrongly.',
  },
  {
    code: 'healthy',
    severity: 'info',
    when: (a) => takesWrites(a.named) && isClosed(a.spare),
    because: (a) =>
      `${a.named.name} takes writes, ${a.spare.name} follows${applied(a.spare) ? '' : ' and is applying'}.`,
  },
]

/** Whether replication stays down after a restart: 'untold' where a server has no variable that shows it. */
function bootState(a: Assessment): 'waits' | 'starts' | 'untold' {
  if (a.policy.failover.acceptMissing.includes('skip-replica-start')) return 'waits'
  const told = [a.spare.answer?.skipsReplicaStart, a.named.answer?.skipsReplicaStart]
  if (told.includes(false)) return 'starts'
  return told.includes(null) ? 'untold' : 'waits'
}

const CLOCKS_APART_MS_MAX = 1000
const clocksApartMs = (a: Assessment) => aheadMs(a.named.memory, a.memory, a.policy)

function settledClean(a: Assessment): boolean {
  return spareClean(a) && (a.memory.comparison?.looks ?? 0) >= 2
}

function whyUnwritten(a: Assessment): string {
  const why = a.named.memory.unwritten?.why ?? ''
  return why === '' ? '' : ` The last one: ${why}.`
}
