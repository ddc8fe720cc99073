/**
 * The driver: look, decide, do the one step, look again. It decides nothing: what to do, how soon to look again and when to end
 * are all in the decision.
 */
import { act } from './act.ts'
import { decide } from './core/decide.ts'
import { type Move, newMemory } from './core/memory.ts'
import type { Policy } from './core/policy.ts'
import type { Situation } from './core/situation.ts'
import type { ActResult } from './core/step.ts'
import type { ManualRequest } from './core/world.ts'
import { follow } from './follow.ts'
import { type Clock, firstLook, type Links, observe } from './observe.ts'
import type { Reporter } from './report.ts'
import { createWake } from './wake.ts'

export interface Run {
  readonly policy: Policy
  /** Unique among all invocations. */
  readonly who: string
  readonly links: Links
  readonly clock: Clock
  readonly reporter: Reporter
  readonly remainingMs: () => number
  /** What a person asked for; null for a watch on its schedule. */
  readonly request: ManualRequest | null
}

export interface WatchResult {
  readonly situation: Situation
  /** The swap of the writer that this invocation made. */
  readonly moved: Move | null
  readonly looks: number
}

export async function watch(run: Run): Promise<WatchResult> {
  const { policy, who, links, clock, reporter, remainingMs } = run
  const wake = createWake()
  for (const link of Object.values(links.servers)) link.onChange(wake.ring)
  const follower = follow(links.directory)
  let memory = newMemory(policy, clock.monotonicNow(), clock.wallNow())
  let request = firstLook(policy)
  let last: ActResult | null = null
  try {
    for (let looks = 1; ; looks++) {
      const visibility = follower.poll(request.followChange)
      const world = await observe(links, clock, request, {
        policy,
        who,
        request: run.request,
        remainingMs: remainingMs(),
        last,
        visibility,
      })
      const now = clock.monotonicNow()
      const decision = decide(memory, world, now)
      reporter.note({ memory, world, now, decision })
      memory = decision.memory
      request = decision.look
      if (decision.finish) return { situation: decision.situation, moved: memory.moved, looks }
      last = decision.step === null ? null : await act(links, decision.step)
      await wake.sleep(request.afterMs)
    }
  } finally {
    await Promise.all([
      follower.settled(),
      reporter.settled(),
      ...Object.values(links.servers).map((link) => link.close()),
    ])
  }
}
