/** What Hotspare needs of a directory: read both records, and swap them atomically. Implementations pass one contract suite. */
import type { ActResult, SwapStep } from '../core/step.ts'
import type { DirectoryView } from '../core/world.ts'

export interface Directory {
  /** Ledger and writer record as they stand. Never rejects. */
  read(timeoutMs: number): Promise<DirectoryView>
  /** Replace both in one atomic batch, or change nothing. Never rejects; a lost response is `unknown`. */
  swap(step: SwapStep): Promise<ActResult>
  /** Whether a change has reached all name servers; null if that can't be told now. */
  insync(changeId: string, timeoutMs: number): Promise<boolean | null>
  /** What the writer name resolves to, as applications see it; null if it can't be resolved. */
  resolve(timeoutMs: number): Promise<readonly string[] | null>
  close(): void
}
