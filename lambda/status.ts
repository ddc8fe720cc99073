/**
 * Tells what a watch would see and what it means: who is open, who follows, what is at risk, what to do. Acts on nothing.
 *
 * The one thing to understand: it looks until the picture stands still. One look can't tell a dead server from a slow answer, and a
 * comparison counts only once a second look agrees (R12).
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { Decision } from './core/decide.ts'
import { type Overview, overview } from './core/overview.ts'
import type { World } from './core/world.ts'
import { type Health, health } from './core/writer.ts'
import { onlooking } from './onlooking.ts'
import type { Run } from './watch.ts'

export type Status = Overview

const LOOKS_MIN = 3
/** A silent server is certain after its probes have run out, one a second: three by default. */
const SETTLED_AFTER_MS_MAX = 6000
const BETWEEN_LOOKS_MS = 100
/** A row that asks for the next look this soon is still making up its mind. */
const HURRY_MS = 50

export async function status(run: Run): Promise<Status> {
  const { clock, remainingMs } = run
  const startedAtMs = clock.monotonicNow()
  let lagMs: number | null = null
  let looks = 0
  for await (const { world, decision, now } of onlooking(run)) {
    looks += 1
    const seen = overview(decision, world, now)
    // The writer is read last: a heartbeat between the two reads looks like a second of lag. The least of several is right.
    if (seen.lagMs !== null) lagMs = Math.min(lagMs ?? seen.lagMs, seen.lagMs)
    const waitedMs = now - startedAtMs
    const late = waitedMs > SETTLED_AFTER_MS_MAX || remainingMs() < BETWEEN_LOOKS_MS * 2
    if (late || (looks >= LOOKS_MIN && settled(world, decision)))
      return seen.lagMs === null ? seen : overview(decision, world, now, lagMs)
    await pause(Math.min(BETWEEN_LOOKS_MS, decision.look.afterMs))
  }
  throw new Error('Looking ended by itself. Report this as a bug.')
}

function settled(world: World, { memory, look, step }: Decision): boolean {
  const unsure = Object.entries(world.servers).some(([name, view]) => {
    const remembered = memory.servers[name]
    return remembered !== undefined && UNSURE.has(health(view, remembered, world.policy))
  })
  return !unsure && (step !== null || look.afterMs > HURRY_MS)
}

const UNSURE: ReadonlySet<Health> = new Set<Health>(['unknown', 'suspect'])
