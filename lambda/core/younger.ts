/** Watches relieve one another: the younger one stays, told apart by the heartbeat row it has begun to write. */
import type { Assessment } from './assessment.ts'

export function younger(a: Assessment): boolean {
  if (a.memory.moved !== null && !a.memory.timeline.some(({ what }) => what === 'writable')) return false
  if (a.world.request !== null) return false
  const row = a.named.answer?.heartbeat
  if (row === undefined || typeof row === 'string' || row.watch === a.world.who) return false
  const mine = a.memory.watchSinceClockMs
  return row.watchSinceClockMs > mine || (row.watchSinceClockMs === mine && row.watch > a.world.who)
}
