/**
 * The driver: look, decide, do the one step, look again. It decides nothing: what to do, how soon to look again and when to end
 * are all in the decision.
 */
import { act } from './act.ts'
import { type Decision, decide } from './core/decide.ts'
import { currentLedger } from './core/learning/ledger.ts'
import { type GivenUp, type Mark, type Move, newMemory } from './core/memory.ts'
import type { Policy } from './core/policy.ts'
import type { Situation } from './core/situation.ts'
import type { ActResult } from './core/step.ts'
import type { ManualRequest, Obstacle, World } from './core/world.ts'
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
  /** When it began, by its monotonic clock; what its marks count from. */
  readonly startedAtMs: number
  readonly timeline: readonly Mark[]
  readonly givenUp: GivenUp | null
  /** Whom the ledger named last; null if it could not be read. */
  readonly writer: string | null
  /** What stood in the way of a switchover in the last look. */
  readonly obstacles: readonly Obstacle[]
}

function resultOf({ situation, memory }: Decision, { servers }: World, looks: number): WatchResult {
  const { moved, startedAtMs, timeline, givenUp } = memory
  const writer = currentLedger(memory)?.writer ?? null
  const obstacles = Object.values(servers).flatMap(({ answer }) => answer?.obstacles ?? [])
  return { situation, moved, looks, startedAtMs, timeline, givenUp, writer, obstacles }
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
      if (decision.finish) return resultOf(decision, world, looks)
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
