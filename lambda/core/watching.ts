/**
 * Nobody holds a claim: what a watch sees and does on an ordinary day, and on the day the writer dies, up to the claim.
 *
 * Order: what keeps us from judging at all; a second open server; the named server closed; the named server silent; the spare.
 */
import {
  type Assessment,
  applied,
  confirmedDead,
  errantOnSpare,
  isClosed,
  isOpen,
  lackedBySpare,
  lostByWriter,
  restartedSinceWriting,
  spareClean,
  toInspect,
  unfit,
} from './assessment.ts'
import { takeoverAgain } from './compare.ts'
import { count } from './gtid-set.ts'
import { tell } from './message.ts'
import { refusals } from './refusals.ts'
import type { Row } from './situation.ts'
import * as steps from './steps.ts'
import { younger } from './younger.ts'

const address = (a: Assessment) => a.policy.servers[a.named.name]?.address ?? ''
const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`
const silentForMs = (a: Assessment) => a.now - (a.named.memory.failingSinceMs ?? a.now)
const acts = (a: Assessment) => a.policy.failover.mode !== 'observe'
const held = (a: Assessment) => a.ledger?.holds.includes(a.spare.name) === true
const namedReceives = (a: Assessment) =>
  a.named.answer?.channel != null && a.named.answer.channel.receiver !== 'off'

/** Must 4: who made the swap himself may go by it where the ledger can't be read. */
const movedAndUnreadable = (a: Assessment) =>
  a.memory.moved !== null && a.world.directory?.state === 'unreadable'

/** What a server that does not let us in has to say. */
const complaint = ({ name, memory }: Assessment['named']) =>
  memory.ailment === null ? '' : ` ${name}: ${memory.ailment.message}.`

/** What keeps us from judging at all. */
const unreadable: readonly Row[] = [
  {
    code: 'directory-unreachable',
    severity: 'critical',
    when: (a) => a.memory.ledger.state !== 'known',
    because: (a) => {
      const { failure } = a.memory.ledger
      if (failure === null) return 'The ledger is being read.'
      return `The ledger can't be read (${failure.kind}: ${failure.message}), for ${seconds(a.now - failure.sinceMs)} now: nothing is opened, closed or moved.`
    },
    advice: (a) =>
      a.memory.ledger.failure === null
        ? ''
        : 'Check the path to Route 53 (NAT, endpoint), the rights of the function, and the service itself. Data is not at risk; a failover has to wait.',
    readsDirectory: true,
    afterMs: 200,
    tell: (a) => (a.memory.ledger.failure === null ? null : tell(a, 'directory-unreachable', 'critical')),
  },
  {
    code: 'ledger-unreadable',
    severity: 'critical',
    when: (a) => a.ledgerProblem !== null,
    because: (a) => `The ledger can't be understood: ${a.ledgerProblem}. Nothing automatic is done.`,
    advice: (a) =>
      `Look at the TXT record _hotspare.${a.policy.record.name}. If a newer Hotspare wrote it, deploy that version; if a person changed it, put it back.`,
    afterMs: 5000,
    readsDirectory: true,
    tell: (a) => tell(a, 'ledger-unreadable', 'critical'),
  },
  {
    code: 'ledger-names-stranger',
    severity: 'critical',
    when: (a) => a.ledger !== null && a.ledger.writer !== a.named.name,
    because: (a) =>
      `The ledger names ${a.ledger?.writer} as the writer, and the configuration has no such server.`,
    advice: () =>
      'Put the name back into the configuration; servers are renamed only while they are the spare.',
    afterMs: 5000,
    readsDirectory: true,
    tell: (a) => tell(a, 'ledger-unreadable', 'critical'),
  },
  {
    code: 'record-disagrees',
    severity: 'critical',
    when: (a) => {
      const { record } = a.memory.ledger
      return a.ledger !== null && (record === null || record.foreign || record.values.join() !== address(a))
    },
    because: (a) => {
      const { record } = a.memory.ledger
      const holds =
        record === null
          ? 'does not exist'
          : record.foreign
            ? 'is of a kind Hotspare cannot swap'
            : `holds ${record.values.join(', ')}`
      return `The ledger says that ${a.named.name} (${address(a)}) is the writer, but ${a.policy.record.name} ${holds}. Nothing is opened or moved while they disagree.`
    },
    advice: (a) =>
      `Applications may be writing elsewhere or not at all. Put the record back: ${a.policy.record.type} ${a.policy.record.name} -> ${address(a)}.`,
    afterMs: 2000,
    readsDirectory: true,
    tell: (a) => tell(a, 'record-disagrees', 'critical'),
  },
]

/** Somebody else's claim stands: nobody else touches either server. */
const othersClaim: readonly Row[] = [
  {
    code: 'claim-expired',
    severity: 'warning',
    when: (a) =>
      a.claim.kind === 'other' &&
      a.claim.expired &&
      acts(a) &&
      (a.memory.tookOverAtMs === null || a.now - a.memory.tookOverAtMs >= 60_000),
    because: (a) =>
      a.claim.kind === 'other'
        ? `The claim of ${a.claim.claim.who} (${a.claim.claim.intent}, to ${a.claim.claim.target}) stood unchanged for its whole length: what it began is taken over.`
        : '',
    step: (a) =>
      a.claim.kind === 'other'
        ? steps.swap(a, 'take-over', {
            claim: { ...a.claim.claim, who: a.world.who, touched: true, lengthMs: a.policy.claimMs },
          })
        : null,
  },
  {
    code: 'claim-standing',
    severity: 'info',
    when: (a) => a.claim.kind === 'other',
    because: (a) =>
      a.claim.kind === 'other'
        ? `${a.claim.claim.who} holds a claim (${a.claim.claim.intent}, to ${a.claim.claim.target}), unchanged for ${seconds(a.claim.seenForMs)} of ${seconds(a.claim.claim.lengthMs)}: hands off.`
        : '',
    afterMs: 1000,
    readsDirectory: true,
  },
]

const blind: readonly Row[] = [
  {
    code: 'relieved',
    severity: 'info',
    when: younger,
    because: () => 'A younger watch is at work: this one ends.',
    finish: true,
  },
  {
    code: 'looking',
    severity: 'info',
    when: (a) => a.named.health === 'unknown' && a.spare.health === 'unknown',
    because: () => 'The first connections are being made.',
    afterMs: 50,
  },
  {
    code: 'blind',
    severity: 'critical',
    when: (a) => a.named.answer === null && a.spare.answer === null,
    because: (a) =>
      `Neither ${a.named.name} nor ${a.spare.name} answers: whoever sees nothing changes nothing.${complaint(a.named)}${complaint(a.spare)}`,
    advice: () =>
      'Either both servers are down or the function is cut off. Look from another place; check the security groups, the subnets and the credentials.',
    afterMs: 100,
    tell: (a) =>
      a.named.health === 'dead' && a.spare.health === 'dead' ? tell(a, 'blind', 'critical') : null,
  },
]

/** At most one server is open (must 1). */
const secondOpen: readonly Row[] = [
  {
    code: 'unnamed-open-unconfirmed',
    severity: 'critical',
    when: (a) => isOpen(a.spare) && acts(a) && a.freshDirectory === null && !movedAndUnreadable(a),
    because: (a) =>
      `${a.spare.name} is open and the ledger did not name it when last read: the ledger is read again first.`,
    readsDirectory: true,
    afterMs: 20,
  },
  {
    code: 'unnamed-open',
    severity: 'critical',
    when: (a) => isOpen(a.spare),
    because: (a) =>
      `${a.spare.name} is open, and the ledger names ${a.named.name}: it is closed before it takes more writes.`,
    advice: (a) => `Writes that ${a.spare.name} accepted are compared and listed next.`,
    step: (a) => (acts(a) ? steps.close(a.spare, true) : null),
    tell: (a) => tell(a, 'second-server-open', 'critical'),
    afterMs: 1000,
  },
  {
    code: 'queueing-close',
    severity: 'info',
    when: (a) =>
      a.memory.moved?.from === a.spare.name &&
      !a.memory.moved.closeQueued &&
      a.spare.answer === null &&
      a.spare.memory.silent > 0 &&
      a.spare.view.guard === 'open',
    because: (a) =>
      `${a.spare.name} is silent but its connection still stands: a close is left there for the moment it wakes.`,
    step: (a) => steps.queueClose(a.spare),
  },
]

/** The named server answers and is closed. */
const namedClosed: readonly Row[] = [
  {
    code: 'writer-closed-by-operator',
    severity: 'critical',
    when: (a) => isClosed(a.named) && a.named.answer !== null && !restartedSinceWriting(a.named.answer),
    because: (a) =>
      `${a.named.name} is named and closed, and has not restarted since it last took a heartbeat: a person closed it.`,
    advice: (a) =>
      `Nobody can write. If that was not meant: on ${a.named.name}, SET GLOBAL super_read_only = OFF, read_only = OFF. Hotspare changes nothing here.`,
    afterMs: 1000,
    readsDirectory: true,
    tell: (a) => tell(a, 'writer-closed', 'critical'),
  },
  {
    code: 'restarted-writer-alone',
    severity: 'critical',
    when: (a) => isClosed(a.named) && a.spare.answer === null && a.named.answer?.durable !== true,
    because: (a) =>
      `${a.named.name} has restarted and is closed; ${a.spare.name} does not answer, and ${a.named.name} is not set to keep every commit through a crash, so whether it lost any can't be told.`,
    advice: (a) =>
      `Bring ${a.spare.name} back so that both can be compared. To accept the risk: on ${a.named.name}, SET GLOBAL super_read_only = OFF, read_only = OFF.`,
    afterMs: 1000,
    tell: (a) => tell(a, 'writer-closed', 'critical'),
  },
  {
    code: 'restarted-writer-compared',
    severity: 'warning',
    when: (a) => isClosed(a.named) && a.spare.answer !== null && (a.memory.comparison?.looks ?? 0) < 2,
    because: (a) =>
      `${a.named.name} has restarted and is closed: it is compared with ${a.spare.name} before it is opened again.`,
    afterMs: 50,
  },
]

const restartedNamed: readonly Row[] = [
  {
    code: 'restarted-writer-short',
    severity: 'critical',
    when: (a) =>
      isClosed(a.named) &&
      lostByWriter(a) !== '' &&
      unfit(a) === null &&
      a.policy.failover.mode === 'automatic' &&
      a.ledger?.pause === null,
    because: (a) =>
      `${a.named.name} has restarted without ${count(lostByWriter(a))} transactions that ${a.spare.name} received from it: ${a.spare.name} is the better copy, so this is a failover.`,
    step: (a) => steps.swap(a, 'claim-short', { claim: steps.claimOf(a, 'failover', a.spare.name, false) }),
  },
  {
    code: 'restarted-writer-short-refused',
    severity: 'critical',
    when: (a) => isClosed(a.named) && lostByWriter(a) !== '',
    because: (a) =>
      `${a.named.name} has restarted without ${count(lostByWriter(a))} transactions that ${a.spare.name} has, and ${a.spare.name} may not take over (${unfit(a) ?? a.policy.failover.mode}). Nobody can write.`,
    advice: (a) =>
      `A person has to choose which copy goes on. ${a.named.name} lost: ${lostByWriter(a).slice(0, 500)}`,
    afterMs: 1000,
    readsDirectory: true,
    tell: (a) => tell(a, 'failover-refused', 'critical'),
  },
  {
    code: 'restarted-writer',
    severity: 'warning',
    when: (a) => isClosed(a.named) && acts(a),
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
    when: (a) => isClosed(a.named),
    because: (a) => `${a.named.name} has restarted and is closed; in observe mode Hotspare does not open it.`,
    advice: (a) => `On ${a.named.name}: SET GLOBAL super_read_only = OFF, read_only = OFF.`,
    afterMs: 1000,
    tell: (a) => tell(a, 'writer-closed', 'critical'),
  },
]

/** The named server does not answer, the spare does. */
const namedSilent: readonly Row[] = [
  {
    code: 'writer-sick',
    severity: 'critical',
    when: (a) => a.named.health === 'sick',
    because: (a) =>
      a.named.memory.ailment?.outcome === 'untrusted'
        ? `${a.named.name} answers, but is not proven to be ours: ${a.named.memory.ailment.message}. It lives; nothing is changed.`
        : `${a.named.name} answers with error ${a.named.memory.ailment?.errno} (${a.named.memory.ailment?.message}): sick is not dead, nothing is changed.`,
    advice: (a) =>
      `Look at ${a.named.name}: connections, the account and its password, the certificate, whether it is starting up.`,
    afterMs: 200,
    tell: (a) => (silentForMs(a) > 5000 ? tell(a, 'writer-sick', 'critical') : null),
  },
  {
    code: 'writer-suspect',
    severity: 'warning',
    when: (a) => a.named.answer === null && a.named.health !== 'dead',
    because: (a) =>
      a.named.memory.refused + a.named.memory.silent === 0
        ? `${a.named.name} did not answer in time, or closed its connection: it is probed.`
        : `${a.named.name} does not answer for ${seconds(silentForMs(a))} (${a.named.memory.refused} refused, ${a.named.memory.silent} silent probes).`,
    afterMs: 25,
  },
  {
    code: 'writer-partitioned',
    severity: 'critical',
    when: (a) => a.named.answer === null && a.witness === 'alive',
    because: (a) =>
      `${a.named.name} does not answer us for ${seconds(silentForMs(a))}, but ${a.spare.name} still hears from it${
        a.spare.answer?.channel?.receiverErrno
          ? ` (${a.spare.answer.channel.receiverErrno}: ${a.spare.answer.channel.receiverError})`
          : ''
      }: it lives and we are cut off. Nothing is changed.`,
    advice: (a) =>
      `Applications can probably write. Check the path from the function to ${a.named.name} (security group, routes).`,
    afterMs: 200,
    tell: (a) => (silentForMs(a) > 5000 ? tell(a, 'writer-partitioned', 'critical') : null),
  },
  {
    code: 'no-witness',
    severity: 'critical',
    when: (a) => a.named.answer === null && a.witness === 'none',
    because: (a) =>
      `${a.named.name} does not answer for ${seconds(silentForMs(a))}, and ${a.spare.name} is not receiving from it: there is no independent view, so its death can't be confirmed.`,
    advice: (a) =>
      `Look at ${a.named.name} from another place. ${a.spare.name} may lack what was written since its receiver stopped.`,
    afterMs: 200,
    tell: (a) => tell(a, 'failover-refused', 'critical'),
  },
  {
    code: 'witness-undecided',
    severity: 'warning',
    when: (a) => a.named.answer === null && (a.witness === 'pending' || a.witness === 'half'),
    because: (a) =>
      a.witness === 'half'
        ? `${a.named.name} does not answer us; ${a.spare.name} holds half a transaction from it, which says nothing until that connection breaks.`
        : `${a.named.name} does not answer us; ${a.spare.name}'s connection to it has not failed yet.`,
    afterMs: 25,
  },
  ...refusals,
  {
    code: 'writer-dead',
    severity: 'critical',
    when: (a) =>
      a.named.answer === null && (confirmedDead(a) || (a.named.health === 'dead' && a.witness === 'slow')),
    because: (a) =>
      `${a.named.name} is dead: ${a.named.memory.refused} refused and ${a.named.memory.silent} silent probes in ${seconds(silentForMs(a))}, and ${a.spare.name} ${
        a.witness === 'lost'
          ? `lost its connection to it (${a.spare.answer?.channel?.receiverErrno})`
          : a.witness === 'silent'
            ? 'hears nothing from it'
            : 'is about to be asked'
      }. The right to open ${a.spare.name} is claimed.`,
    step: (a) => steps.swap(a, 'claim', { claim: steps.claimOf(a, 'failover', a.spare.name, false) }),
  },
]

/** The named server is open; is the spare any good? */
const spareStates: readonly Row[] = [
  {
    code: 'recording-takeover',
    severity: 'info',
    when: (a) =>
      isOpen(a.named) &&
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
    code: 'held-server-cut-off',
    severity: 'critical',
    when: (a) => held(a) && namedReceives(a) && acts(a),
    because: (a) =>
      `${a.spare.name} is held, and ${a.named.name} receives from it: that is stopped, so that its stale writes stay where they are.`,
    step: (a) => steps.detach(a.named),
  },
  {
    code: 'spare-on-hold',
    severity: 'warning',
    when: held,
    because: (a) => `${a.named.name} takes writes; ${a.spare.name} is held. The pair is unprotected.`,
    advice: (a) =>
      `See the message about ${a.spare.name}: extract what only it has, then reseed or release it.`,
  },
  {
    code: 'comparing',
    severity: 'info',
    when: (a) =>
      (errantOnSpare(a) !== '' && toInspect(a) !== '') ||
      ((a.memory.comparison?.alone ?? '') !== '' && (a.memory.comparison?.looks ?? 0) < 2),
    because: (a) =>
      `${a.spare.name} has transactions that ${a.named.name} lacks: what they touched is looked up.`,
    afterMs: 50,
  },
  {
    code: 'spare-diverged',
    severity: 'critical',
    when: (a) => errantOnSpare(a) !== '' || lackedBySpare(a) !== '',
    because: (a) => {
      const alone = errantOnSpare(a)
      const lacks = lackedBySpare(a)
      const parts = [
        alone === ''
          ? ''
          : `has ${count(alone)} transactions that ${a.named.name} lacks (${alone.slice(0, 200)})`,
        lacks === ''
          ? ''
          : `lost ${count(lacks)} of its own that ${a.named.name} has (${lacks.slice(0, 200)})`,
      ]
      return `${a.spare.name} ${parts.filter((part) => part !== '').join(' and ')}: it is held.`
    },
    step: (a) =>
      acts(a) && a.ledger !== null
        ? steps.swap(a, 'hold', { holds: [...a.ledger.holds, a.spare.name] })
        : null,
    tell: (a) => tell(a, 'server-held', 'critical'),
    afterMs: 1000,
  },
  {
    code: 'writer-stalled',
    severity: 'critical',
    when: (a) => stalledMs(a) > a.policy.detection.probeTimeoutMs,
    because: (a) =>
      `${a.named.name} answers, but a heartbeat write has not been committed for ${seconds(stalledMs(a))}: nobody can write.`,
    advice: (a) =>
      `Look at ${a.named.name} for a full disk, a global read lock, or a semi-sync acknowledgement that nobody gives.`,
    afterMs: 200,
    tell: (a) => (stalledMs(a) > 5000 ? tell(a, 'writer-stalled', 'critical') : null),
  },
  {
    code: 'not-armed',
    severity: 'warning',
    when: (a) => a.named.answer?.heartbeat === 'no-table' || unfit(a) === 'not-armed',
    because: (a) =>
      a.named.answer?.heartbeat === 'no-table'
        ? 'The table hotspare.heartbeat is missing or not readable: Hotspare watches and reports, automatic failover is not armed.'
        : a.spare.answer?.skipsReplicaStart === false || a.named.answer?.skipsReplicaStart === false
          ? 'skip_replica_start is not set on both servers: a restarted server would apply stale writes before anyone compares. Automatic failover is not armed.'
          : `No heartbeat has reached ${a.spare.name} yet: automatic failover is not armed until one has.`,
    advice: (a) =>
      a.named.answer?.heartbeat === 'no-table'
        ? 'Create the schema (docs/setup.md), or check the grants of the account.'
        : 'Set skip_replica_start=ON in the configuration file of both servers and restart the spare; see docs/setup.md.',
  },
  {
    code: 'spare-stopped',
    severity: 'warning',
    when: (a) => stopped(a.spare) && settledClean(a),
    because: (a) =>
      `${a.named.name} takes writes. ${a.spare.name} is closed and has nothing that ${a.named.name} lacks, but its replication is stopped: the pair is unprotected.`,
    advice: (a) =>
      `To make ${a.spare.name} the spare again: START REPLICA on ${a.spare.name}, wait until it has caught up, then START REPLICA on ${a.named.name}.`,
    tell: (a) => (a.memory.moved?.from === a.spare.name ? tell(a, 'old-writer-returned', 'warning') : null),
  },
  {
    code: 'reverse-stopped',
    severity: 'warning',
    when: (a) => stopped(a.named) && settledClean(a),
    because: (a) =>
      `${a.named.name} takes writes, ${a.spare.name} follows; but ${a.named.name} does not receive from ${a.spare.name}, so it could not follow after a switch.`,
    advice: (a) =>
      `${a.spare.name} has nothing that ${a.named.name} lacks: START REPLICA on ${a.named.name}.`,
    tell: (a) => (a.memory.moved?.from === a.spare.name ? tell(a, 'old-writer-returned', 'warning') : null),
  },
  {
    code: 'spare-not-replicating',
    severity: 'warning',
    when: (a) => {
      const channel = a.spare.answer?.channel
      return channel == null || channel.receiver !== 'on' || channel.applier !== 'on'
    },
    because: (a) => {
      const channel = a.spare.answer?.channel
      if (channel == null)
        return `${a.spare.name} is not set up to replicate from ${a.named.name}. The pair is unprotected.`
      const why = [channel.receiverError, channel.applierError].filter((text) => text !== '').join('; ')
      return `${a.spare.name} does not replicate: receiver ${channel.receiver}, applier ${channel.applier}${why === '' ? '' : ` (${why})`}. The pair is unprotected.`
    },
    advice: (a) => `Mend it on ${a.spare.name}, then START REPLICA there.`,
  },
  {
    code: 'spare-behind',
    severity: 'warning',
    when: (a) => unfit(a) !== null && isOpen(a.named),
    because: (a) => `${a.named.name} takes writes; ${a.spare.name} could not take over now (${unfit(a)}).`,
    advice: () => 'Automatic failover is armed again as soon as a fresh heartbeat has been applied there.',
  },
  {
    code: 'healthy',
    severity: 'info',
    when: (a) => isOpen(a.named) && isClosed(a.spare),
    because: (a) =>
      `${a.named.name} takes writes, ${a.spare.name} follows${applied(a.spare) ? '' : ' and is applying'}.`,
  },
]

/** Replication is set up and a thread of it is off, though nothing went wrong: it restarted, or somebody stopped it. */
function stopped({ answer }: Assessment['named']): boolean {
  const channel = answer?.channel
  if (channel == null || channel.receiverErrno !== 0 || channel.applierErrno !== 0) return false
  return channel.receiver === 'off' || channel.applier === 'off'
}

function settledClean(a: Assessment): boolean {
  return spareClean(a) && (a.memory.comparison?.looks ?? 0) >= 2
}

/** For how long a heartbeat write has been waiting for its commit. */
function stalledMs(a: Assessment): number {
  const { beat } = a.named.view
  return beat?.state === 'pending' ? a.now - beat.sentAtMs : 0
}

export const watching: readonly Row[] = [
  ...unreadable,
  ...othersClaim,
  ...blind,
  ...secondOpen,
  ...namedClosed,
  ...restartedNamed,
  ...namedSilent,
  ...spareStates,
]
