/** Watches relieve one another: the younger one stays, told apart by the heartbeat row it has begun to write. */
import type { Assessment } from './assessment.ts'

/** A watch at work writes its row every probe interval; this many allow for two that are late. */
const WRITES_EVERY = 3

export function younger(a: Assessment): boolean {
  if (a.memory.moved !== null && !a.memory.timeline.some(({ what }) => what === 'writable')) return false
  if (a.world.request !== null) return false
  const row = a.named.answer?.heartbeat
  if (row === undefined || typeof row === 'string' || row.watch === a.world.who) return false
  // Its watch may be over, and its clock may have been wrong: only who writes now relieves anybody.
  const ageMs = (a.named.answer?.clockMs ?? 0) - row.writtenClockMs
  if (ageMs > WRITES_EVERY * a.policy.detection.probeIntervalMs) return false
  const mine = a.memory.watchSinceClockMs
  return row.watchSinceClockMs > mine || (row.watchSinceClockMs === mine && row.watch > a.world.who)
}
