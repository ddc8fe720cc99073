/**
 * Looks at a pair as a watch would, again and again, and acts on nothing: for whoever only tells what there is to see.
 *
 * The one thing to understand: it goes on until the caller leaves its loop, and closes its connections then.
 */
import { type Decision, decide } from './core/decide.ts'
import { newMemory } from './core/memory.ts'
import type { World } from './core/world.ts'
import { firstLook, observe } from './observe.ts'
import type { Run } from './watch.ts'

export interface Seen {
  readonly world: World
  /** What a watch would decide on it; its step is not done. */
  readonly decision: Decision
  /** By the monotonic clock. */
  readonly now: number
}

export async function* onlooking({
  policy,
  who,
  links,
  clock,
  remainingMs,
}: Run): AsyncGenerator<Seen, never> {
  let memory = newMemory(policy, clock.monotonicNow(), clock.wallNow())
  let request = firstLook(policy)
  try {
    for (;;) {
      const context = { policy, who, request: null, remainingMs: remainingMs(), last: null, visibility: null }
      const world = await observe(links, clock, request, context)
      const now = clock.monotonicNow()
      const decision = decide(memory, world, now)
      memory = decision.memory
      request = decision.look
      yield { world, decision, now }
    }
  } finally {
    await Promise.all(Object.values(links.servers).map((link) => link.close()))
  }
}
