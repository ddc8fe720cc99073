/**
 * R14: a ledger that has gone back: a zone restored from a backup, or a control plane recovered elsewhere. Nothing is opened, closed or
 * moved by an old text.
 *
 * Two witnesses tell. A takeover row of a later epoch than the ledger's, on a server: it is written after each move, replicates, and
 * nothing of ours ever deletes it. And this invocation's own memory: epochs and revisions only grow. Either may also mean that our
 * memory of the ledger is the old one; so it counts as confirmed only by a reading that began later than the witness was seen.
 */
import { type Assessment, acts, isClosed, isOpen, type Side } from './assessment.ts'
import { ledgerBacked } from './ledger-backed.ts'
import type { TakeoverRow } from './world.ts'

export type Rewound =
  | { readonly by: 'row'; readonly epoch: number; readonly writer: string; readonly confirmed: boolean }
  | {
      readonly by: 'memory'
      readonly epoch: number
      readonly revision: number
      readonly confirmed: boolean
    }

/** Null if nothing says that the ledger is older than it should be, or if there is none that can be understood. */
export function rewound(a: Assessment): Rewound | null {
  const { state, readStartedAtMs, newest, olderSinceMs } = a.memory.ledger
  if (state !== 'known' || a.ledger === null || readStartedAtMs === null) return null
  const rows = [a.named, a.spare].flatMap(({ memory }) => memory.takeover ?? [])
  const row = rows.reduce<(typeof rows)[number] | null>(
    (best, each) => (best === null || each.epoch > best.epoch ? each : best),
    null,
  )
  if (row !== null && row.epoch > a.ledger.epoch)
    return {
      by: 'row',
      epoch: row.epoch,
      writer: row.writer,
      confirmed: row.seenAtMs < readStartedAtMs,
    }
  if (newest === null || olderSinceMs === null) return null
  return { by: 'memory', ...newest, confirmed: olderSinceMs < readStartedAtMs }
}

/** The server that may be named again: the newest row's, which is open, and the only one that is. */
export function rightful(a: Assessment): { readonly side: Side; readonly row: TakeoverRow } | null {
  const found = rewound(a)
  if (found?.by !== 'row' || !found.confirmed || !acts(a)) return null
  if ((a.memory.ledger.newest?.epoch ?? 0) > found.epoch || a.memory.ledger.record?.foreign) return null
  const side = [a.named, a.spare].find(({ name }) => name === found.writer)
  const row = side?.answer?.takeover ?? null
  if (side === undefined || row?.epoch !== found.epoch || row.writer !== side.name) return null
  if (!isOpen(side) || side.answer?.halfClosed === true || !ledgerBacked(a, side, 'open')) return null
  return surelyNotOpen(a, side === a.named ? a.spare : a.named) ? { side, row } : null
}

/** Silence would not do: it may be open behind a cut. A host that refuses says that nothing listens there. */
function surelyNotOpen(a: Assessment, other: Side): boolean {
  return (
    isClosed(other) || (other.answer === null && other.memory.refused >= a.policy.detection.refusedProbes)
  )
}
