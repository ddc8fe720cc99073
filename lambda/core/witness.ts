/**
 * The witness: what the spare's own connection to the writer says about the writer.
 *
 * The question is never "does the spare complain?" but "does anything still arrive, and if not, who broke it off?". Anything that
 * moves means that the writer lives and that we are the ones cut off. An error that the writer itself sent is a sign of life, too.
 * Only a connection that was lost, or a silence longer than several of the channel's own heartbeats, witnesses a death.
 */
import type { ServerMemory } from './memory.ts'
import type { Answer, Channel } from './world.ts'

export type Testimony =
  /** Something moved since the writer stopped answering us, or the writer itself sent the error. */
  | 'alive'
  /** The connection was lost, or can't be made: nobody is there. */
  | 'lost'
  /** Connected, and nothing came for several heartbeat periods. */
  | 'silent'
  /** A transaction is half received: inconclusive until the connection breaks. */
  | 'half'
  /** Nothing yet, wait for the next period or the receiver's next attempt. */
  | 'pending'
  /** The channel's heartbeat period is too long to say anything soon. */
  | 'slow'
  /** Nobody is receiving, or stopped long ago: there is no independent view. */
  | 'none'

/**
 * Client errors that mean that no connection could be made or that it broke: CR_CONNECTION_ERROR, CR_CONN_HOST_ERROR,
 * CR_SERVER_GONE_ERROR, CR_SERVER_LOST, CR_SERVER_LOST_EXTENDED; and ER_NET_READ_ERROR, ER_NET_READ_INTERRUPTED,
 * ER_REPLICA_SOURCE_COM_FAILURE.
 * https://dev.mysql.com/doc/mysql-errors/8.4/en/client-error-reference.html
 */
const LOST_ERRNOS: ReadonlySet<number> = new Set([
  2002, 2003, 2005, 2006, 2013, 2055, 1158, 1159, 1160, 1161, 1189,
])

const SILENT_PERIODS = 3
/** Room for a heartbeat to be late on its way and for the look to be read. */
const SILENT_MARGIN_MS = 200
const SLOW_PERIOD_MS = 5000
/** What was on its way may still be read after the writer has died; this much later it can't be that any more. */
export const IN_FLIGHT_MS = 1000

export function testimony(
  spare: Answer,
  memory: ServerMemory,
  failingSinceMs: number,
  now: number,
): Testimony {
  const channel = spare.channel
  if (channel === null || (channel.receiver === 'off' && !stoppedSince(channel, memory, failingSinceMs)))
    return 'none'
  if (channel.receiver !== 'on') {
    if (channel.receiverErrno === 0) return 'pending'
    return lostConnection(channel) ? 'lost' : 'alive'
  }
  const movedAtMs = memory.channelMovedAtMs ?? now
  const slow = channel.heartbeatPeriodMs <= 0 || channel.heartbeatPeriodMs > SLOW_PERIOD_MS
  const silentAfterMs =
    SILENT_PERIODS * (slow ? SLOW_PERIOD_MS : channel.heartbeatPeriodMs) + SILENT_MARGIN_MS
  if (now - movedAtMs < silentAfterMs) return movedAtMs > failingSinceMs + IN_FLIGHT_MS ? 'alive' : 'pending'
  if (channel.queueing !== '') return 'half'
  return slow ? 'slow' : 'silent'
}

/** Its last error is that of a connection that broke or can't be made: the receiver goes on trying, and is off only if it was stopped. */
export function lostConnection(channel: Channel): boolean {
  return LOST_ERRNOS.has(channel.receiverErrno)
}

/** It stopped for good over an error, after `sinceMs` as far as we saw: what it says is of now. An older error says nothing. */
export function stoppedSince(channel: Channel, memory: ServerMemory, sinceMs: number): boolean {
  if (channel.receiver !== 'off' || channel.receiverErrno === 0) return false
  return memory.receiverOffSinceMs !== null && memory.receiverOffSinceMs > sinceMs
}

/** Everything that moves on a channel while its source lives, as one text: any change between two looks is a sign of life. */
export function channelMark(answer: Answer): string {
  const channel = answer.channel
  if (channel === null) return ''
  return [channel.readPosition, channel.heartbeatsReceived, channel.received].join('|')
}
