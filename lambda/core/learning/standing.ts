/**
 * Since when the connection that stands has shown its server as it is now. Another connection begins anew (R13). Counted from when the
 * facts were here, not from when they were asked for: a reading of the ledger that began in between may be older than they are.
 */
import type { Standing } from '../memory.ts'
import type { Answer } from '../world.ts'

export function learnStanding(before: Standing | null, answer: Answer, now: number): Standing {
  const { session, startedClockMs, closed, channel } = answer
  const same = before !== null && before.session === session && !restarted(before, answer)
  const receives = channel !== null && channel.receiver !== 'off'
  return {
    session,
    startedClockMs,
    closed,
    shownSinceMs: same && before.closed === closed ? before.shownSinceMs : now,
    receivingSinceMs: receives ? ((same ? before.receivingSinceMs : null) ?? now) : null,
  }
}

/** A server that restarted counts its connections from the beginning again; start times are exact to about a second. */
function restarted(before: Standing, { startedClockMs }: Answer): boolean {
  return Math.abs(startedClockMs - before.startedClockMs) > 2000
}
