/** What both servers together show: what the spare has received and applied, the commit rate, the comparison. */
import { compareSpare } from '../compare.ts'
import { contains, intersect, subtract } from '../gtid-set.ts'
import { inspectionOf } from '../inspection.ts'
import type { Ledger } from '../ledger.ts'
import type { Comparison, Known, Memory } from '../memory.ts'
import { held } from '../spare.ts'
import type { Answer, ServerName, World } from '../world.ts'
import { closednessOf } from '../writability.ts'
import { currentLedger } from './ledger.ts'

/** What is known of one server as the spare of the other says nothing of the other way round. */
function ofThisWriter(before: Memory, { writer }: Ledger): Memory {
  if ((currentLedger(before)?.writer ?? writer) === writer) return before
  const received = { coveredAtMs: null, coveredOpenAtMs: null, unreceivedMarks: [], acknowledgedAtMs: null }
  return { ...before, ...received, appliedAtMs: null, unappliedMarks: [], bothSinceMs: null, lagMs: null }
}

export function learnPair(
  memory: Memory,
  learned: Memory,
  ledger: Ledger,
  world: World,
  now: number,
): Pick<
  Memory,
  | 'coveredAtMs'
  | 'coveredOpenAtMs'
  | 'unreceivedMarks'
  | 'acknowledgedAtMs'
  | 'appliedAtMs'
  | 'unappliedMarks'
  | 'bothSinceMs'
  | 'lagMs'
  | 'commitsPerSecond'
  | 'comparison'
> {
  const before = ofThisWriter(memory, ledger)
  const spareName = Object.keys(world.servers).find((name) => name !== ledger.writer) ?? ''
  const spare = world.servers[spareName]?.answer ?? null
  const named = world.servers[ledger.writer]?.answer ?? null
  const knownBefore = before.servers[ledger.writer]?.known ?? null
  let { commitsPerSecond } = before
  const { freshnessMs } = world.policy.detection
  const received = learnReceived(before, named, spare, knownBefore, freshnessMs)
  const applied = learnApplied(before, named, spare, knownBefore)
  if (named !== null && knownBefore !== null && named.readAtMs > knownBefore.readAtMs + 100) {
    const known = learned.servers[ledger.writer]?.known
    const rate = (((known?.count ?? 0) - knownBefore.count) * 1000) / (named.readAtMs - knownBefore.readAtMs)
    commitsPerSecond = Math.max(rate, commitsPerSecond * 0.9)
  }
  if (named === null || spare === null)
    return {
      ...received,
      coveredOpenAtMs: coveredOpenAtMs(before, named, spare, knownBefore),
      acknowledgedAtMs: before.acknowledgedAtMs,
      ...applied,
      commitsPerSecond,
      comparison: before.comparison,
    }
  return {
    ...received,
    coveredOpenAtMs: coveredOpenAtMs(before, named, spare, knownBefore),
    acknowledgedAtMs: acknowledgedAtMs(before, world, ledger.writer, spare),
    ...applied,
    commitsPerSecond,
    comparison: compare(
      before.comparison,
      inspectionOf(learned.inspections, spareName).absent,
      spareName,
      { spare, named },
      now,
    ),
  }
}

/**
 * A heartbeat of ours that was committed while commits waited for the spare, and for nobody else: acknowledgements come in order, so
 * the spare has received all that came before. Whether they wait has to have been asked for after that commit.
 */
function acknowledgedAtMs(before: Memory, world: World, writer: ServerName, spare: Answer): number | null {
  const { answer, beat } = world.servers[writer] ?? { answer: null, beat: null }
  const waiting = answer?.semiSync?.working === true && answer.semiSync.replicasAcknowledging === 1
  if (!waiting || spare.semiSync?.acknowledges !== true || beat?.state !== 'committed')
    return before.acknowledgedAtMs
  if (beat.endedAtMs === null || beat.endedAtMs >= answer.askedAtMs) return before.acknowledgedAtMs
  const { acknowledgedAtMs } = before
  return acknowledgedAtMs === null ? beat.sentAtMs : Math.max(acknowledgedAtMs, beat.sentAtMs)
}

/** Of a writer that was open then: one that is closed may have lost in a crash what it had, and does not show all that there was to receive. */
function coveredOpenAtMs(
  { coveredOpenAtMs: before }: Memory,
  named: Answer | null,
  spare: Answer | null,
  knownBefore: Known | null,
): number | null {
  if (spare === null) return before
  const now = named !== null && closednessOf(named) === 'open' ? named : null
  const had = [knownBefore?.closed === false ? knownBefore : null, now].filter(
    (each) => each !== null && contains(held(spare), each.executed),
  )
  const times = [before, ...had.map((each) => each?.readAtMs ?? null)].filter((time) => time !== null)
  return times.length === 0 ? null : Math.max(...times)
}

/**
 * Up to when the spare has received all that the writer had committed: the latest of our readings of the writer that the spare has the whole
 * of. Those that it lacks are remembered until it has them, so that one which is always some looks behind is known to be that far behind.
 */
function learnReceived(
  { coveredAtMs: before, unreceivedMarks }: Memory,
  named: Answer | null,
  spare: Answer | null,
  knownBefore: Known | null,
  freshnessMs: number,
): Pick<Memory, 'coveredAtMs' | 'unreceivedMarks'> {
  const now = named === null ? null : { executed: named.executed, readAtMs: named.readAtMs }
  const has = spare === null ? null : held(spare)
  const had = [...unreceivedMarks, knownBefore, now].filter(
    (each) => each !== null && has !== null && contains(has, each.executed),
  )
  const times = [before, ...had.map((each) => each?.readAtMs ?? null)].filter((time) => time !== null)
  const coveredAtMs = times.length === 0 ? null : Math.max(...times)
  const left = unreceivedMarks.filter(({ readAtMs }) => coveredAtMs === null || readAtMs > coveredAtMs)
  if (now === null || now.readAtMs === coveredAtMs || left.length === MARKS_MAX)
    return { coveredAtMs, unreceivedMarks: left }
  // Looks may be quick: a few marks reach far enough back only if they are apart.
  const newest = left.at(-1)
  const due = newest === undefined || now.readAtMs - newest.readAtMs >= (2 * freshnessMs) / MARKS_MAX
  return { coveredAtMs, unreceivedMarks: due ? [...left, now] : left }
}

/**
 * How far the spare is behind, by positions of the writer that are remembered until the spare has applied them: one that is always some
 * looks behind is that far behind, and no further.
 *
 * The spare is read first: what it has of the writer's last look is applied for sure, what the writer did since may be, too.
 */
function learnApplied(
  { appliedAtMs, unappliedMarks, bothSinceMs, lagMs }: Memory,
  named: Answer | null,
  spare: Answer | null,
  knownBefore: Known | null,
): Pick<Memory, 'appliedAtMs' | 'unappliedMarks' | 'bothSinceMs' | 'lagMs'> {
  if (named === null || spare === null) return { appliedAtMs, unappliedMarks, bothSinceMs, lagMs }
  const marks = [...unappliedMarks, { executed: named.executed, readAtMs: named.readAtMs }]
  const reached = marks.findLast(({ executed }) => contains(spare.executed, executed)) ?? null
  const beforeReached = knownBefore !== null && contains(spare.executed, knownBefore.executed)
  const times = [appliedAtMs, reached?.readAtMs, beforeReached ? knownBefore.readAtMs : null]
  const known = times.filter((time) => time != null)
  const reachedAtMs = known.length === 0 ? null : Math.max(...known)
  const left = marks.filter(({ readAtMs }) => reachedAtMs === null || readAtMs > reachedAtMs)
  const sinceMs = bothSinceMs ?? named.readAtMs
  const caughtUp = beforeReached || reached?.executed === named.executed
  const behindMs = knownBefore === null ? lagMs : Math.max(0, knownBefore.readAtMs - (reachedAtMs ?? sinceMs))
  return {
    appliedAtMs: reachedAtMs,
    // The newest makes room for those that come: the oldest are what is waited for.
    unappliedMarks: left.slice(0, MARKS_MAX),
    bothSinceMs: sinceMs,
    lagMs: caughtUp ? 0 : behindMs,
  }
}
const MARKS_MAX = 16

function compare(
  before: Comparison | null,
  absent: string,
  server: string,
  answers: { spare: Answer; named: Answer },
  now: number,
): Comparison {
  const compared = compareSpare(answers.spare, answers.named)
  const found = { ...compared, alone: subtract(compared.alone, absent) }
  const same =
    before?.server === server && agree(before.alone, found.alone) && agree(before.lacks, found.lacks)
  const since = before?.server === server ? before.aloneSinceMs : null
  return {
    server,
    ...found,
    looks: same ? before.looks + 1 : 1,
    aloneSinceMs: found.alone === '' ? null : (since ?? now),
  }
}

/** Both empty, or with something in common. */
function agree(before: string, now: string): boolean {
  return before === now || intersect(before, now) !== ''
}
