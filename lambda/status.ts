/**
 * Tells what a watch would see and what it means: who is open, who follows, what is at risk, what to do. Acts on nothing.
 *
 * The one thing to understand: it looks until the picture stands still. One look can't tell a dead server from a slow answer, and a
 * comparison counts only once a second look agrees (R12).
 */
import { setTimeout as pause } from 'node:timers/promises'
import { type Decision, decide } from './core/decide.ts'
import { newMemory } from './core/memory.ts'
import { type Overview, overview } from './core/overview.ts'
import type { World } from './core/world.ts'
import { type Health, health } from './core/writer.ts'
import { firstLook, observe } from './observe.ts'
import type { Run } from './watch.ts'

export type Status = Overview

const LOOKS_MIN = 3
/** A silent server is certain after its probes have run out, one a second: three by default. */
const SETTLED_AFTER_MS_MAX = 6000
const BETWEEN_LOOKS_MS = 100
/** A row that asks for the next look this soon is still making up its mind. */
const HURRY_MS = 50

export async function status({ policy, who, links, clock, remainingMs }: Run): Promise<Status> {
  const startedAtMs = clock.monotonicNow()
  let memory = newMemory(policy, startedAtMs, clock.wallNow())
  let request = firstLook(policy)
  let lagMs: number | null = null
  try {
    for (let looks = 1; ; looks++) {
      const context = { policy, who, request: null, remainingMs: remainingMs(), last: null, visibility: null }
      const world = await observe(links, clock, request, context)
      const now = clock.monotonicNow()
      const decision = decide(memory, world, now)
      memory = decision.memory
      request = decision.look
      const seen = overview(decision, world, now)
      // The writer is read last: a heartbeat between the two reads looks like a second of lag. The least of several is right.
      if (seen.lagMs !== null) lagMs = Math.min(lagMs ?? seen.lagMs, seen.lagMs)
      const waitedMs = now - startedAtMs
      const late = waitedMs > SETTLED_AFTER_MS_MAX || remainingMs() < BETWEEN_LOOKS_MS * 2
      if (late || (looks >= LOOKS_MIN && settled(world, decision)))
        return seen.lagMs === null ? seen : overview(decision, world, now, lagMs)
      await pause(Math.min(BETWEEN_LOOKS_MS, request.afterMs))
    }
  } finally {
    await Promise.all(Object.values(links.servers).map((link) => link.close()))
  }
}

function settled(world: World, { memory, look, step }: Decision): boolean {
  const unsure = Object.entries(world.servers).some(([name, view]) => {
    const remembered = memory.servers[name]
    return remembered !== undefined && UNSURE.has(health(view, remembered, world.policy))
  })
  return !unsure && (step !== null || look.afterMs > HURRY_MS)
}

const UNSURE: ReadonlySet<Health> = new Set<Health>(['unknown', 'suspect'])
