/**
 * Does the spare follow? What is known of its two threads, and the words for it: "follows" is said only of a look that shows both on.
 */
import { type Assessment, onHold, type Side, spareClean } from './assessment.ts'
import type { Channel } from './world.ts'

/** Both threads run, and the receiver is connected. */
export function runs(channel: Channel | null | undefined): boolean {
  return channel?.receiver === 'on' && channel.applier === 'on'
}

export function follows({ answer }: Side): boolean {
  return runs(answer?.channel)
}

/** `receiver off, applier on (the last error)`. */
export function channelState(channel: Channel | null | undefined): string {
  if (channel == null) return 'replication is not set up'
  const why = [channel.receiverError, channel.applierError].filter((text) => text !== '').join('; ')
  return `receiver ${channel.receiver}, applier ${channel.applier}${why === '' ? '' : ` (${why})`}`
}

/** Replication is set up and a thread of it is off, whatever error stands there: stopped by an error, by somebody, or by a restart. */
export function replicationStopped({ answer }: Side): boolean {
  const channel = answer?.channel
  return channel != null && (channel.receiver === 'off' || channel.applier === 'off')
}

/** It may follow the named server: nothing stands against it (must 5). */
export function mayFollow(a: Assessment): boolean {
  return !onHold(a) && spareClean(a)
}

/** `bob follows it`, or how it does not: the end of a sentence about the named server. */
export function followsInWords(a: Assessment): string {
  const { name, answer } = a.spare
  if (answer === null) return `${name} does not answer, and whether it follows can't be told`
  if (follows(a.spare)) return `${name} follows it`
  const state = channelState(answer.channel)
  if (!mayFollow(a)) return `${name} does not follow it, because it is held or differs: ${state}`
  return replicationStopped(a.spare) || answer.channel === null
    ? `${name} does not follow it: ${state}`
    : `${name} does not follow it yet: ${state}`
}

/** What a person does about a spare that does not follow; empty if nothing. */
export function toLetFollow(a: Assessment): string {
  const { name, answer } = a.spare
  if (answer === null) return `Bring ${name} back. The pair is unprotected until it follows.`
  if (!replicationStopped(a.spare)) return ''
  return mayFollow(a)
    ? `The pair is unprotected: mend on ${name} what its error names, then START REPLICA there.`
    : `The pair is unprotected: a message says how ${name} differs.`
}
