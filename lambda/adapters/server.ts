/** What Hotspare needs of a server. Implemented for MySQL, and by the simulated pair; both pass one contract suite. */
import type { ActResult, ServerLookRequest, ServerStep } from '../core/step.ts'
import type { ServerView } from '../core/world.ts'

export interface ServerLink {
  /**
   * One look. Never rejects, and never takes longer than `request.waitMs` plus a few milliseconds. Facts that an earlier look had asked for
   * count if they were asked for at `factsFromMs` or later.
   */
  look(request: ServerLookRequest, factsFromMs?: number): Promise<ServerView>
  /** Read the GTID set executed over the same session; null if that fails within `timeoutMs`. For R12's second read. */
  reread(session: number, timeoutMs: number): Promise<{ executed: string; readAtMs: number } | null>
  /** Perform one step within its deadline. Never rejects. */
  perform(step: ServerStep): Promise<ActResult>
  /** Called when a socket closes or a probe ends: a reason to look again at once. */
  onChange(listener: () => void): void
  /** Destroy every connection. Nothing outlives the invocation. */
  close(): Promise<void>
}
