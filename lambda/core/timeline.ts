/** What the marks of a timeline say together. */
import type { Mark } from './memory.ts'

/** For how long nobody could write in a switchover, finished or undone, ms; null if nothing was closed, or is closed still. */
export function writeBlockMs(timeline: readonly Mark[]): number | null {
  const at = (what: Mark['what']) => timeline.find((mark) => mark.what === what)?.atMs
  const from = at('closing')
  const until = at('reopened') ?? at('opened')
  // A close that did not succeed blocked writers only while it waited; the server itself never was closed.
  if (from === undefined || until === undefined || at('closed') === undefined) return null
  return Math.round(until - from)
}
