/** A failover that a person asks for: the same rows decide, and it ends as soon as they have done it or refused it. */
import { runAsked, whatIsUnsettled } from './asked.ts'
import type { Mark } from './core/memory.ts'
import type { Risk } from './core/risk.ts'
import { FORCEABLE } from './core/situations/refusals.ts'
import type { ServerName } from './core/world.ts'
import { runOf } from './pair.ts'
import { type Answer, eventSchema, forceOf, readEvent } from './request-event.ts'
import type { Action } from './requests.ts'

export interface FailoverAnswer extends Answer {
  readonly from?: ServerName
  readonly to?: ServerName
  /** When what happened, ms since the first of them. */
  readonly timeline?: readonly Mark[]
  /** What may be lost; null if nobody could tell. */
  readonly risk?: Risk | null
}

const EVENT = eventSchema({ force: forceOf(FORCEABLE) })

/** `force` names the refusals to go without; anything else in it is refused before anything is done. */
export const failover: Action = async (configuration, pair, event, remainingMs, output) => {
  const read = readEvent(EVENT, event)
  if ('wrong' in read) return read.wrong
  const { force } = read.event
  const ended = await runAsked(runOf(configuration, pair, remainingMs, { action: 'failover', force }, output))
  const { situation, moved, last } = ended
  if (moved === null) {
    const healthy = situation.code === 'healthy'
    const refusal: FailoverAnswer = {
      ok: false,
      situation: situation.code,
      because: `${healthy ? 'There is nothing to fail over from: ' : ''}${situation.because}${whatIsUnsettled(ended)}`,
      advice: healthy ? 'To swap the two on purpose, ask for a switchover.' : situation.advice,
    }
    return refusal
  }
  const { timeline, risk } = last.memory
  const zeroMs = timeline[0]?.atMs ?? 0
  const done: FailoverAnswer = {
    ok: true,
    situation: 'failed-over',
    because: `${moved.to} is the writer now.`,
    advice: situation.advice,
    from: moved.from,
    to: moved.to,
    timeline: timeline.map(({ what, atMs }) => ({ what, atMs: Math.round(atMs - zeroMs) })),
    risk,
  }
  return done
}
