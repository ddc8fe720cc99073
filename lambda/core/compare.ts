/**
 * What the two servers have, against each other.
 *
 * R12: the spare is read before the named server, so whatever the spare received is in the named server's set unless it is errant.
 * R8: the named server has lost a transaction only if it is of its own origin or part of the position it took over; anything else
 * that the spare alone has is errant on the spare.
 */
import { digest } from './digest.ts'
import { canonical, intersect, ofOrigin, subtract, union, upTo } from './gtid-set.ts'
import type { Inspection } from './inspection.ts'
import type { Ledger } from './ledger.ts'
import { held } from './spare.ts'
import type { Answer } from './world.ts'

/** What only the spare has, and what it lacks of its own (a replica drops events of its own origin: T31). */
export function compareSpare(spare: Answer, named: Answer): { alone: string; lacks: string } {
  return {
    alone: subtract(spare.executed, named.executed),
    lacks: subtract(ofOrigin(named.executed, spare.uuid), spare.executed),
  }
}

/** What the named server lost: transactions that it must have had and that only the spare still has. */
export function lostByNamed(named: Answer, spare: Answer, ledger: Ledger): string {
  // What the spare has received counts too, applied or not.
  const alone = subtract(held(spare), named.executed)
  if (alone === '') return ''
  const own = ofOrigin(alone, named.uuid)
  return union(own, intersect(alone, takeoverSet(ledger, named, spare) ?? ''))
}

/** The GTID set that the writer took over, if one of the servers still has it as the ledger's digest says. */
export function takeoverSet(ledger: Ledger, ...answers: readonly Answer[]): string | null {
  for (const { takeover } of answers)
    if (takeover?.epoch === ledger.epoch && digest(canonical(takeover.gtidSet)) === ledger.position)
      return takeover.gtidSet
  return null
}

/**
 * The position at takeover, worked out again from what the writer has now: everything but its own transactions of this epoch.
 * Null if the digest in the ledger says that it was something else.
 */
export function takeoverAgain(ledger: Ledger, named: Answer): string | null {
  const set = beforeEpoch(named.executed, named.uuid, ledger.range)
  return digest(set) === ledger.position ? set : null
}

export function beforeEpoch(executed: string, uuid: string, range: number): string {
  return upTo(executed, uuid, range)
}

/** The only tables that are Hotspare's own. */
const OURS: ReadonlySet<string> = new Set(['hotspare.heartbeat', 'hotspare.takeover'])

/** Takes out what is known to have touched only Hotspare's own tables: that never holds a server (must 5, T35). */
export function withoutOurs(set: string, { tables }: Inspection): string {
  const ours = Object.entries(tables).filter(
    ([, changed]) => changed.length > 0 && changed.every((table) => OURS.has(table)),
  )
  return ours.length === 0 ? set : subtract(set, ours.map(([gtid]) => gtid).join(','))
}
