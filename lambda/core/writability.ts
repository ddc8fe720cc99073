/**
 * Can applications write to a server? One fact, worked out here from what the look saw, never from the name of a situation.
 *
 * The one thing to understand: MySQL can be closed by half (read_only without super_read_only; the usual my.cnf says only that).
 * Applications can't write then, so as the writer it counts as closed. Privileged sessions still can, so as the server that nobody
 * named it counts as open (`isOpen`) until it is closed for everybody.
 */
import type { Assessment, Side } from './assessment.ts'
import type { Answer } from './world.ts'

/** stalled: open, and what is written is not committed. unseen: it gave no facts in this look. */
export type Writability = 'open' | 'half' | 'closed' | 'stalled' | 'unseen'

export function writability(a: Assessment, side: Side): Writability {
  if (side.answer === null) return 'unseen'
  const closedness = closednessOf(side.answer)
  const stalled = side === a.named && stalledMs(a) > 2 * a.policy.detection.probeTimeoutMs
  return closedness === 'open' && stalled ? 'stalled' : closedness
}

export function closednessOf({ closed, halfClosed }: Answer): 'open' | 'half' | 'closed' {
  if (closed) return 'closed'
  return halfClosed ? 'half' : 'open'
}

/** Applications may write there, as far as its settings go; whether they can commit is `writability`. */
export function takesWrites({ answer }: Side): boolean {
  return answer !== null && closednessOf(answer) === 'open'
}

/** It answers, and applications can't write there: closed, or closed by half. */
export function refusesWrites({ answer }: Side): boolean {
  return answer !== null && closednessOf(answer) !== 'open'
}

export function halfClosed({ answer }: Side): boolean {
  return answer !== null && closednessOf(answer) === 'half'
}

/** How it is closed, as part of a sentence. */
export function howClosed(side: Side): string {
  return halfClosed(side)
    ? "half closed (read_only without super_read_only: applications can't write, privileged sessions can)"
    : 'closed'
}

/** For how long no heartbeat write of ours has been committed on the open writer; 0 if it takes them. */
export function stalledMs(a: Assessment): number {
  if (!takesWrites(a.named)) return 0
  const { unwritten } = a.named.memory
  if (unwritten !== null) return a.now - unwritten.sinceMs
  const { beat } = a.named.view
  return beat?.state === 'pending' ? a.now - beat.sentAtMs : 0
}
