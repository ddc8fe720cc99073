/** What is known of the servers' events. A step of ours makes what was read before it stale. */
import type { EventsMemory, ServerMemory } from '../memory.ts'
import type { ActResult } from '../step.ts'
import type { Answer, ServerName } from '../world.ts'
import { closednessOf } from '../writability.ts'

/** `last` is what became of the step before this look, if it went to this server. */
export function learnEvents(
  before: EventsMemory,
  answer: Answer,
  last: ActResult | null,
  now: number,
): EventsMemory {
  const stepped = last?.step.kind === 'start-events' || last?.step.kind === 'stop-events'
  const memory = stepped ? { ...before, now: null, steps: before.steps + 1 } : before
  if (answer.events === null) return memory
  return { ...memory, now: { view: answer.events, open: closednessOf(answer) === 'open', readAtMs: now } }
}

/**
 * Remembers across a claim where the scheduler ran, and has both servers read again once it has ended. As soon as the writer's is seen
 * to run, or we have started it, that is settled.
 */
export function learnRan(
  servers: Readonly<Record<ServerName, ServerMemory>>,
  writer: ServerName,
  claim: { readonly stood: boolean; readonly stands: boolean },
  last: ActResult | null,
): Readonly<Record<ServerName, ServerMemory>> {
  const runs = ({ events: { now } }: ServerMemory) => now?.open === true && now.view.scheduler === 'on'
  const started = last?.step.kind === 'start-events' && last.outcome === 'done'
  const named = servers[writer]
  const settled = started || (!claim.stood && !claim.stands && named !== undefined && runs(named))
  const ended = claim.stood && !claim.stands
  const changed = (memory: ServerMemory): EventsMemory => {
    const { events } = memory
    const now = ended && events.now !== null ? { ...events.now, readAtMs: null } : events.now
    return { ...events, now, ran: settled ? false : events.ran || (claim.stands && runs(memory)) }
  }
  return Object.fromEntries(
    Object.entries(servers).map(([name, memory]) => [name, { ...memory, events: changed(memory) }]),
  )
}
