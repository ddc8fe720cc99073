/**
 * What a planned switchover asks of a look: how much of the write-block budget is left, whether the spare has the exact position
 * (R11), and what stands in the way.
 *
 * The one thing to understand: the budget is for everybody who can't write, so going back has to fit into it, too. The last part
 * of it is kept for that, and nothing that opens the spare may still take effect then.
 */
import { type Assessment, duration } from './assessment.ts'
import { contains, count, subtract } from './gtid-set.ts'
import type { Policy } from './policy.ts'
import { caughtUp } from './spare.ts'
import type { Obstacle, PlannedSwitchover } from './world.ts'

/** What a person asked for, if it is a switchover. */
export function planned(a: Assessment): PlannedSwitchover | null {
  return a.world.request?.action === 'switchover' ? a.world.request : null
}

/** For how long it is tried, from the closing on, before it goes back: reopening takes a swap and a statement. */
export function forwardMs({ switchover }: Policy): number {
  return switchover.writeBlockMs - Math.min(1000, switchover.writeBlockMs / 2)
}

/** How much of that is left; null if nothing was closed under this claim by this invocation. */
export function forwardLeftMs(a: Assessment): number | null {
  const closing = a.claim.kind === 'mine' ? a.claim.ours.closing : null
  return closing === null ? null : closing.startedAtMs + forwardMs(a.policy) - a.now
}

/** Long enough for the whole write block, going back, and a margin. */
export function claimLengthMs({ claimMs, switchover }: Policy): number {
  return claimMs + switchover.writeBlockMs
}

/** A claim that has less left than this is renewed before anything is closed. */
export function claimNeededMs(policy: Policy): number {
  return claimLengthMs(policy) - policy.claimMs / 3
}

/** R11: both have exactly the same, and nothing waits to be applied. */
export function exactPosition(a: Assessment): boolean {
  const spare = a.spare.answer
  const named = a.named.answer
  if (spare === null || named === null) return false
  return (
    caughtUp(spare) &&
    caughtUp(named) &&
    contains(spare.executed, named.executed) &&
    contains(named.executed, spare.executed)
  )
}

/** How many transactions the spare has not applied yet, in words for people. */
export function behind(a: Assessment): string {
  const missing = count(subtract(a.named.answer?.executed ?? '', a.spare.answer?.executed ?? ''))
  return missing === 1 ? '1 transaction' : `${missing} transactions`
}

/** The spare may be this far behind: more than that would eat up the write-block budget. */
export const lagMaxMs = ({ policy }: Assessment) => policy.switchover.writeBlockMs / 5

/** That the spare is not further behind has been seen, and not too long ago. */
export function keepsUp(a: Assessment): boolean {
  const { appliedAtMs } = a.memory
  return appliedAtMs !== null && a.now - appliedAtMs <= lagMaxMs(a)
}

/** What stands in the way, worst first; null if this look could not tell. */
export function obstacles(a: Assessment): readonly Obstacle[] | null {
  const onNamed = a.named.answer?.obstacles ?? null
  const onSpare = a.spare.answer?.obstacles ?? null
  if (onNamed === null || onSpare === null) return null
  // People may read on the spare for as long as they like; locks and DDL there keep transactions from being applied.
  return [...onNamed, ...onSpare.filter(({ kind }) => kind !== 'transaction' && kind !== 'statement')]
}

export function obstaclesOf(a: Assessment, ...kinds: readonly Obstacle['kind'][]): readonly Obstacle[] {
  return (obstacles(a) ?? []).filter(({ kind }) => kinds.includes(kind))
}

/** `session 12 (app): update for 3.2 s`, the first few of them. */
export function listed(all: readonly Obstacle[]): string {
  const some = all
    .slice(0, 5)
    .map(
      ({ session, account, doing, ageMs }) =>
        `session ${session} (${account}): ${doing} for ${duration(ageMs)}`,
    )
  return all.length > 5 ? `${some.join('; ')}; and ${all.length - 5} more` : some.join('; ')
}

/**
 * MySQL replicates from a source to a replica of the same or a newer series, not the other way round.
 * https://dev.mysql.com/doc/refman/8.4/en/replication-compatibility.html
 */
export function canReplicateBack(a: Assessment): boolean {
  const spare = a.spare.answer
  const named = a.named.answer
  if (spare === null || named === null || spare.family !== named.family) return false
  const [source, replica] = [series(spare.version), series(named.version)]
  return source[0] < replica[0] || (source[0] === replica[0] && source[1] <= replica[1])
}

function series(version: string): [major: number, minor: number] {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return [major, minor]
}
