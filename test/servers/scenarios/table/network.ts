/** Links that are cut, slow, or refused for a reason that the other side gives. */
import { BOTH, type Scenario } from '../scenario.ts'

/** A way to die, seen by a function to which every answer takes this long. */
function farAway(roundTripMs: number, how: 'crash' | 'freeze'): Scenario {
  return {
    id: `far-away-${roundTripMs}-${how}`,
    trap: 'X1',
    title: `each answer of both servers takes ${roundTripMs} ms to reach the function, and the writer ${how === 'crash' ? 'crashes' : 'freezes'}`,
    does: 'the same as nearby: heartbeats flow, nothing is told of a pair that is well, and it fails over; nothing is lost',
    situations: ['healthy', 'writer-dead', 'opening', 'moving'],
    failovers: 1,
    cells: BOTH,
  }
}

export const network: readonly Scenario[] = [
  {
    id: 'writer-host-black-holed',
    trap: 'T5, T9',
    title: "the writer's host falls off the network without a word, and comes back still open",
    does: 'fails over, says FENCE UNCONFIRMED, and closes the old writer when it is heard of again; nothing is lost and it is not held',
    situations: ['writer-suspect', 'writer-dead', 'opening', 'moving', 'spare-unreachable', 'unnamed-open'],
    failovers: 1,
    cells: BOTH,
  },
  {
    id: 'writer-host-black-holed-with-clients',
    trap: 'T8',
    title: "the writer's host is cut off from us and from the spare, while clients beside it go on writing",
    does: 'fails over, closes the old writer at sight when the links are back, holds it, and lists exactly what only it took',
    situations: ['writer-dead', 'opening', 'unnamed-open', 'spare-diverged', 'spare-on-hold'],
    failovers: 1,
    cells: BOTH,
  },
  {
    id: 'writer-dies-with-lost-heartbeats',
    trap: 'T35, M5',
    title: 'the writer dies while its last heartbeats have not reached the spare, and comes back',
    does: 'fails over, does not hold the old writer for them; started as it says, both follow each other, and go on (on MariaDB heartbeats are numbered apart)',
    situations: ['writer-dead', 'opening', 'spare-stopped', 'healthy'],
    failovers: 1,
    cells: BOTH,
  },
  {
    id: 'function-cut-off-from-writer',
    trap: 'T8, M4',
    title: 'only the function is cut off from the writer',
    does: 'changes nothing while the spare still hears from the writer; applications go on writing',
    situations: ['writer-suspect', 'writer-partitioned', 'healthy'],
    failovers: 0,
    cells: BOTH,
  },
  {
    id: 'function-cut-off-during-large-transaction',
    trap: 'T33',
    title: 'only the function is cut off, while a 10 MB transaction takes seconds to reach the spare',
    does: 'changes nothing: a read position that moves is a sign of life',
    situations: ['writer-suspect', 'writer-partitioned', 'healthy'],
    failovers: 0,
    cells: BOTH,
  },
  {
    id: 'function-cut-off-from-both',
    trap: 'M4',
    title: 'the function is cut off from both servers',
    does: 'changes nothing: who sees nothing changes nothing',
    situations: ['blind', 'healthy'],
    failovers: 0,
    cells: BOTH,
  },
  {
    id: 'receiver-denied',
    trap: '',
    title: "the receiver is denied by the writer (its account's password was changed), then we are cut off",
    does: 'changes nothing: who refuses a password lives; that error is no witness of a death',
    situations: ['spare-not-replicating', 'writer-partitioned'],
    failovers: 0,
    cells: BOTH,
  },
  {
    id: 'receiver-lacks-purged-log',
    trap: '',
    title: 'the receiver needs a binary log that the writer has purged (1236), then we are cut off',
    does: 'changes nothing: a receiver that has stopped for good is no witness of a death, nor of a life',
    situations: ['spare-not-replicating', 'no-witness'],
    failovers: 0,
    cells: BOTH,
  },
  {
    id: 'receiver-distrusts-certificate',
    trap: '',
    title: "the receiver does not trust the writer's new certificate, then we are cut off",
    does: 'changes nothing: somebody answered there',
    situations: ['spare-not-replicating', 'writer-partitioned'],
    failovers: 0,
    cells: BOTH,
  },
  {
    id: 'receiver-too-many-connections',
    trap: 'T3',
    title: 'the receiver meets too many connections on the writer (1040), then we are cut off',
    does: 'changes nothing: a full server lives',
    situations: ['spare-not-replicating', 'writer-partitioned'],
    failovers: 0,
    cells: BOTH,
  },
  ...[5, 40, 150].flatMap((roundTripMs) => [farAway(roundTripMs, 'crash'), farAway(roundTripMs, 'freeze')]),
]
