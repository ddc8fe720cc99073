/** What is known of one server's events. A step of ours makes what was read before it stale. */
import type { EventsMemory } from '../memory.ts'
import type { ActResult } from '../step.ts'
import type { Answer } from '../world.ts'

/** `last` is what became of the step before this look, if it went to this server. */
export function learnEvents(
  before: EventsMemory,
  answer: Answer,
  last: ActResult | null,
  now: number,
): EventsMemory {
  let memory = before
  if (last?.step.kind === 'start-events' || last?.step.kind === 'stop-events') {
    const stoppedByUs = last.outcome === 'done' ? last.step.kind === 'stop-events' : before.stoppedByUs
    memory = { ...memory, now: null, stoppedByUs, steps: memory.steps + 1 }
  }
  return answer.events === null ? memory : { ...memory, now: { view: answer.events, readAtMs: now } }
}
