/** Evidence about one server: failed probes in a row, the last answer, what moves on its channel. */
import { count } from '../gtid-set.ts'
import type { Known, ServerMemory } from '../memory.ts'
import { channelMark } from '../witness.ts'
import type { Answer, ServerView } from '../world.ts'

export function learnServer(before: ServerMemory, view: ServerView, now: number): ServerMemory {
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
    const lost = view.guard === 'closed' && memory.lastAnswerAtMs !== null && memory.failingSinceMs === null
    return lost ? { ...memory, failingSinceMs: now } : memory
  }
  const { answer } = view
  const mark = channelMark(answer)
  const known: Known = {
    uuid: answer.uuid,
    executed: answer.executed,
    count: count(answer.executed),
    readAtMs: answer.readAtMs,
    startedClockMs: answer.startedClockMs,
    skipsReplicaStart: answer.skipsReplicaStart,
    semiSyncWaits: answer.semiSync?.sourceWaits === true,
    closed: answer.closed,
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
    channelMark: mark,
    channelMovedAtMs: mark === memory.channelMark ? memory.channelMovedAtMs : movedAtMs(answer, before, now),
  }
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
