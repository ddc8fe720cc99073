/**
 * What our own account may do on the servers, against what it needs: a right that is missing would show only in the failover.
 *
 * The one thing to understand: only what was read and is missing counts. Where a server's grants can't be judged (roles, partial
 * revokes), nothing is said, and automatic failover stays armed.
 */
import type { Assessment, Side } from '../assessment.ts'
import type { Row } from '../situation.ts'

const EVERY_MS = 60_000

export function asksForRights(a: Assessment, { memory }: Side): boolean {
  if (a.claim.kind === 'mine' || memory.failingSinceMs !== null) return false
  return memory.rights === null || a.now - memory.rights.readAtMs >= EVERY_MS
}

/** The statements that a person types on this server; of what a failover to it needs, or of everything. */
export function missingGrants({ memory }: Side, which: 'needed' | 'all'): readonly string[] {
  return (memory.rights?.missing ?? [])
    .filter(({ needed }) => needed || which === 'all')
    .map(({ grant }) => grant)
}

export const lacking = (a: Assessment) =>
  [a.named, a.spare].filter((side) => missingGrants(side, 'needed').length > 0)

/** What a person types, server by server. */
export const toGrant = (a: Assessment) =>
  lacking(a)
    .map((side) => `On ${side.name}: ${missingGrants(side, 'needed').join('; ')}.`)
    .join(' ')

export const rightsMissing: Row = {
  code: 'rights-missing',
  severity: 'critical',
  when: (a) => lacking(a).length > 0,
  because: (a) =>
    `${a.named.name} takes writes, but Hotspare's account lacks rights on ${lacking(a)
      .map(({ name }) => name)
      .join(' and ')}: ${
      missingGrants(a.spare, 'needed').length > 0
        ? 'automatic failover is not armed'
        : `after a failover ${a.named.name} could not be closed, or could not take over in its turn`
    }.`,
  advice: (a) => `${toGrant(a)} It is looked again every ${EVERY_MS / 1000} s.`,
}
