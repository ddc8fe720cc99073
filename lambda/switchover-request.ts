/**
 * A switchover that a person asks for: the same rows decide, and it ends as soon as they have done it, undone it or refused it.
 *
 * The one thing to understand: it is right to send it twice. The second one waits for the first, finds it done, and says so.
 */
import * as v from 'valibot'
import type { GivenUp, Mark } from './core/memory.ts'
import { SWITCHOVER_FORCEABLE } from './core/situations/switchover-refusals.ts'
import { writeBlockMs } from './core/timeline.ts'
import type { Obstacle, PlannedSwitchover } from './core/world.ts'
import { runOf } from './pair.ts'
import { type Answer, eventSchema, forceOf, oneOf, readEvent } from './request-event.ts'
import type { Action } from './requests.ts'
import { type WatchResult, watch } from './watch.ts'

export interface SwitchoverAnswer extends Answer {
  /** Who was the writer when it began; null if that could not be read. */
  readonly from: string | null
  readonly to: string
  /** For how long nobody could write, ms, whether it was finished or undone; null if nothing was closed. */
  readonly writeBlockMs: number | null
  /** What happened when, ms since the request. */
  readonly timeline: readonly { readonly what: Mark['what']; readonly ms: number }[]
  /** Who stood in the way. */
  readonly blocking: readonly Obstacle[]
  /** What it was told to go without. */
  readonly forced: readonly string[]
}

const DONE: ReadonlySet<string> = new Set([
  'switched-over',
  'switched-over-unfollowed',
  'switchover-became-failover',
  'already-writer',
  'switchover-possible',
])

const WAIT_MS_MAX = 100_000
const truth = v.optional(v.boolean('give true or false'), false)
const waitMend = `give a number of milliseconds from 0 to ${WAIT_MS_MAX}`

function eventFor(servers: readonly string[]) {
  return eventSchema({
    to: oneOf(servers, 'the server that is to be the writer'),
    force: forceOf(SWITCHOVER_FORCEABLE),
    dryRun: truth,
    lowerTtl: truth,
    waitForQuietMs: v.optional(
      v.pipe(v.number(waitMend), v.minValue(0, waitMend), v.maxValue(WAIT_MS_MAX, waitMend)),
      0,
    ),
  })
}

/** Anything in the event that can't be meant is refused before anything is done. */
export const switchover: Action = async (configuration, pair, event, remainingMs, output) => {
  const read = readEvent(eventFor(Object.keys(configuration.pairs[pair]?.servers ?? {})), event)
  if ('wrong' in read) return read.wrong
  const { to, force, dryRun, lowerTtl, waitForQuietMs } = read.event
  const request: PlannedSwitchover = { action: 'switchover', to, force, dryRun, lowerTtl, waitForQuietMs }
  return answerOf(request, await watch(runOf(configuration, pair, remainingMs, request, output)))
}

function answerOf(request: PlannedSwitchover, result: WatchResult): SwitchoverAnswer {
  const { situation, moved, timeline, givenUp, writer, startedAtMs, obstacles } = result
  const ok = DONE.has(situation.code)
  const shown = situation.code === 'switchover-given-up' && givenUp !== null ? givenUp : situation
  return {
    ok,
    situation: shown.code,
    because: situation.because,
    advice: situation.advice,
    from: moved?.from ?? writer,
    to: request.to,
    writeBlockMs: writeBlockMs(timeline),
    timeline: timeline.map(({ what, atMs }) => ({ what, ms: Math.round(atMs - startedAtMs) })),
    blocking: blockingOf(ok, givenUp, obstacles),
    forced: request.force,
  }
}

function blockingOf(ok: boolean, givenUp: GivenUp | null, now: readonly Obstacle[]): readonly Obstacle[] {
  if (ok) return []
  return givenUp === null ? now : givenUp.obstacles
}
