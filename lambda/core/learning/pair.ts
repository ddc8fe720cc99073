/** What both servers together show: freshness, how much is covered, the commit rate, the comparison. */
import { compareSpare } from '../compare.ts'
import { contains, subtract, union } from '../gtid-set.ts'
import type { Ledger } from '../ledger.ts'
import type { Comparison, Known, Memory } from '../memory.ts'
import { held } from '../spare.ts'
import type { Answer, ServerName, World } from '../world.ts'

export function learnPair(
  before: Memory,
  learned: Memory,
  ledger: Ledger,
  world: World,
  now: number,
): Pick<
  Memory,
  | 'replicatingAtMs'
  | 'coveredAtMs'
  | 'acknowledgedAtMs'
  | 'appliedAtMs'
  | 'bothSinceMs'
  | 'lagMs'
  | 'commitsPerSecond'
  | 'comparison'
> {
  const spareName = Object.keys(world.servers).find((name) => name !== ledger.writer) ?? ''
  const spare = world.servers[spareName]?.answer ?? null
  const named = world.servers[ledger.writer]?.answer ?? null
  const knownBefore = before.servers[ledger.writer]?.known ?? null
  let { replicatingAtMs, coveredAtMs, commitsPerSecond } = before
  const applied = learnApplied(before, named, spare, knownBefore)
  if (spare !== null && knownBefore !== null && contains(held(spare), knownBefore.executed))
    coveredAtMs = Math.max(coveredAtMs ?? 0, knownBefore.readAtMs)
  if (named !== null && knownBefore !== null && named.readAtMs > knownBefore.readAtMs + 100) {
    const known = learned.servers[ledger.writer]?.known
    const rate = (((known?.count ?? 0) - knownBefore.count) * 1000) / (named.readAtMs - knownBefore.readAtMs)
    commitsPerSecond = Math.max(rate, commitsPerSecond * 0.9)
  }
  if (named === null || spare === null)
    return {
      replicatingAtMs,
      coveredAtMs,
      acknowledgedAtMs: before.acknowledgedAtMs,
      ...applied,
      commitsPerSecond,
      comparison: before.comparison,
    }
  if (
    spare.channel?.receiver === 'on' &&
    spare.channel.applier === 'on' &&
    typeof spare.heartbeat !== 'string' &&
    typeof named.heartbeat !== 'string'
  ) {
    // As old as the newest heartbeat that it has applied: both were written by the named server's clock.
    const behindMs = named.heartbeat.writtenClockMs - spare.heartbeat.writtenClockMs
    replicatingAtMs = Math.max(replicatingAtMs ?? 0, now - Math.max(0, behindMs))
  }
  return {
    replicatingAtMs,
    coveredAtMs,
    acknowledgedAtMs: acknowledgedAtMs(before, world, ledger.writer, spare),
    ...applied,
    commitsPerSecond,
    comparison: compare(before.comparison, learned.absent, spareName, spare, named),
  }
}

/**
 * A heartbeat of ours that was committed while commits waited for the spare, and for nobody else: acknowledgements come in order, so
 * the spare has received all that came before. Whether they wait is read later than that commit.
 */
function acknowledgedAtMs(before: Memory, world: World, writer: ServerName, spare: Answer): number | null {
  const { answer, beat } = world.servers[writer] ?? { answer: null, beat: null }
  const waiting = answer?.semiSync?.working === true && answer.semiSync.replicasAcknowledging === 1
  if (!waiting || spare.semiSync?.acknowledges !== true || beat?.state !== 'committed')
    return before.acknowledgedAtMs
  return Math.max(before.acknowledgedAtMs ?? 0, beat.sentAtMs)
}

/** The spare is read first: what it has of the writer's last look is applied for sure, what the writer did since may be, too. */
function learnApplied(
  { appliedAtMs, bothSinceMs, lagMs }: Memory,
  named: Answer | null,
  spare: Answer | null,
  knownBefore: Known | null,
): Pick<Memory, 'appliedAtMs' | 'bothSinceMs' | 'lagMs'> {
  if (named === null || spare === null) return { appliedAtMs, bothSinceMs, lagMs }
  const sinceMs = bothSinceMs ?? named.readAtMs
  const upTo = contains(spare.executed, named.executed) ? named : knownBefore
  if (upTo !== null && contains(spare.executed, upTo.executed))
    return { appliedAtMs: upTo.readAtMs, bothSinceMs: sinceMs, lagMs: 0 }
  if (knownBefore === null) return { appliedAtMs, bothSinceMs: sinceMs, lagMs }
  const behindMs = Math.max(0, knownBefore.readAtMs - (appliedAtMs ?? sinceMs))
  return { appliedAtMs, bothSinceMs: sinceMs, lagMs: behindMs }
}

function compare(
  before: Comparison | null,
  absent: string,
  server: string,
  spare: Parameters<typeof compareSpare>[0],
  named: Parameters<typeof compareSpare>[1],
): Comparison {
  const compared = compareSpare(spare, named)
  const found = { ...compared, alone: subtract(compared.alone, absent) }
  const same = before?.server === server && before.alone === found.alone && before.lacks === found.lacks
  return { server, ...found, looks: same ? before.looks + 1 : 1 }
}

export function learnTransactions(before: Memory['inspected'], world: World): Memory['inspected'] {
  const found = Object.values(world.servers).flatMap((view) => view.answer?.transactions ?? [])
  if (found.length === 0) return before
  return { ...before, ...Object.fromEntries(found.map(({ gtid, tables }) => [gtid, tables])) }
}

export function learnAbsent(before: string, world: World): string {
  const found = Object.values(world.servers).map((view) => view.answer?.absent ?? '')
  return found.every((set) => set === '') ? before : found.reduce(union, before)
}
