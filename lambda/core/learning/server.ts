/** Evidence about one server: failed probes in a row, the last answer, what moves on its channel. */
import { contains, count, union } from '../gtid-set.ts'
import type { Known, ServerMemory } from '../memory.ts'
import { held } from '../spare.ts'
import type { ActResult } from '../step.ts'
import { channelMark } from '../witness.ts'
import type { Answer, ServerView } from '../world.ts'
import { closednessOf } from '../writability.ts'
import { learnEvents } from './events.ts'
import { learnStanding } from './standing.ts'

/** `last` is what became of the step before this look, if it went to this server. */
export function learnServer(
  before: ServerMemory,
  view: ServerView,
  last: ActResult | null,
  now: number,
): ServerMemory {
  let memory = before
  for (const probe of view.probes) {
    if (probe.outcome === 'answered')
      memory = {
        ...memory,
        refused: 0,
        silent: 0,
        failingSinceMs: null,
        ailment: null,
        lastAnswerAtMs: probe.endedAtMs,
      }
    else if (probe.outcome === 'refused' || probe.outcome === 'silent')
      memory = {
        ...memory,
        [probe.outcome]: memory[probe.outcome] + 1,
        failingSinceMs: memory.failingSinceMs ?? probe.startedAtMs,
        ailment: null,
      }
    else
      memory = {
        ...memory,
        refused: 0,
        silent: 0,
        failingSinceMs: memory.failingSinceMs ?? probe.startedAtMs,
        ailment: { outcome: probe.outcome, errno: probe.errno, message: probe.message },
      }
  }
  if (view.answer === null) {
    // Before the first facts it is still being opened.
    const lost = view.guard === 'closed' && memory.known !== null && memory.failingSinceMs === null
    return lost ? { ...memory, failingSinceMs: now } : memory
  }
  const { answer } = view
  const mark = channelMark(answer)
  const known: Known = {
    session: answer.session,
    uuid: answer.uuid,
    executed: answer.executed,
    numbering: answer.numbering,
    count: count(answer.executed),
    readAtMs: answer.readAtMs,
    startedClockMs: answer.startedClockMs,
    skipsReplicaStart: answer.skipsReplicaStart,
    semiSync: answer.semiSync,
    closed: closednessOf(answer) !== 'open',
    version: answer.version,
    heartbeat: typeof answer.heartbeat === 'string' ? null : answer.heartbeat,
  }
  return {
    refused: 0,
    silent: 0,
    failingSinceMs: null,
    ailment: null,
    lastAnswerAtMs: answer.readAtMs,
    clockOffsetMs: answer.clockMs - answer.readAtMs,
    known,
    events: learnEvents(before.events, answer, last, now),
    blockers: blockers(before, answer, last),
    rights: answer.rights === null ? before.rights : { ...answer.rights, readAtMs: answer.readAtMs },
    receiverOffSinceMs: receiverOffSinceMs(before, answer, last, now),
    unwritten: unwritten(before, view, last, now),
    channelMark: mark,
    takeover: takeoverSeen(before, answer, now),
    standing: learnStanding(before.standing, answer, now),
    channelMovedAtMs: mark === memory.channelMark ? memory.channelMovedAtMs : movedAtMs(answer, before, now),
    held: everHeld(before, answer),
    applierOnAtMs: answer.channel?.applier === 'on' ? answer.readAtMs : before.applierOnAtMs,
  }
}

/** Of this server: one that was set up anew under the same name begins anew. */
function everHeld(before: ServerMemory, answer: Answer): string {
  const has = held(answer)
  if (before.held === has || before.known?.uuid !== answer.uuid || contains(has, before.held)) return has
  return union(before.held, has)
}

/**
 * When the channel moved: as the server says, if that lies between the looks; else now. Half a transaction moves the read position
 * without being mentioned among what came last (T33).
 */
function movedAtMs(answer: Answer, before: ServerMemory, now: number): number {
  const { lastReceivedClockMs } = answer.channel ?? { lastReceivedClockMs: 0 }
  const saidAtMs = answer.readAtMs - (answer.clockMs - lastReceivedClockMs)
  const inBetween = before.lastAnswerAtMs !== null && saidAtMs >= before.lastAnswerAtMs && saidAtMs <= now
  return inBetween ? saidAtMs : now
}

/** Counts from when the first heartbeat that was not committed was sent, or could not even be sent. */
function unwritten(
  { unwritten: before }: ServerMemory,
  { answer, beat }: ServerView,
  last: ActResult | null,
  now: number,
): ServerMemory['unwritten'] {
  if (answer === null || closednessOf(answer) !== 'open') return null
  if (last?.step.kind === 'beat' && last.outcome === 'refused')
    return { sinceMs: before?.sinceMs ?? now, why: before?.why ?? last.message }
  if (beat?.state === 'failed') return { sinceMs: before?.sinceMs ?? beat.sentAtMs, why: beat.message }
  if (beat === null || beat.state === 'pending') return before
  return before !== null && beat.sentAtMs < before.sinceMs ? before : null
}

/**
 * Where the table can't be read, what was read before stands. Seen when it was here, not when it was asked for: the row may be younger than
 * a reading of the ledger that began in between.
 */
function takeoverSeen(
  { takeover: before }: ServerMemory,
  answer: Answer,
  now: number,
): ServerMemory['takeover'] {
  const { takeover } = answer
  if (takeover === null) return answer.heartbeat === 'no-table' ? before : null
  const { epoch, writer } = takeover
  const seen = before !== null && before.epoch === epoch && before.writer === writer
  return { epoch, writer, seenAtMs: seen ? before.seenAtMs : now }
}

/** One that we have just started and that is off again has stopped anew, however quickly. */
function receiverOffSinceMs(
  before: ServerMemory,
  answer: Answer,
  last: ActResult | null,
  now: number,
): number | null {
  if (answer.channel?.receiver !== 'off') return null
  const started =
    last?.step.kind === 'reconnect' || (last?.step.kind === 'start-threads' && last.step.receiver)
  if (started) return now
  return before.receiverOffSinceMs ?? (before.known === null ? 0 : now)
}

/** What was read before they were ended says nothing any more. */
function blockers(before: ServerMemory, answer: Answer, last: ActResult | null): ServerMemory['blockers'] {
  if (answer.blockers !== null) return { list: answer.blockers, readAtMs: answer.readAtMs }
  return last?.step.kind === 'end-blockers' && last.outcome === 'done' ? null : before.blockers
}
