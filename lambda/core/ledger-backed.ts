/**
 * R13: whether a step that nothing but the ledger's text justifies may go. The server has to have been seen in the state that is to be
 * changed, over the connection that the step takes, before the reading of the ledger began that it relies on.
 *
 * The one thing to understand: whoever claims after that reading kills that connection before he opens anything (R4). A connection
 * that was made later than his last sweep stands, and the text that goes with it may be older than his claim.
 */
import type { Assessment, Side } from './assessment.ts'

/** What was seen over the connection: of these, a step changes one. */
export type Shown = 'open' | 'closed' | 'receiving'

export function ledgerBacked(a: Assessment, side: Side, shown: Shown): boolean {
  const { standing } = side.memory
  const reliedOnAtMs = readingBeganAtMs(a)
  if (side.answer === null || standing === null || reliedOnAtMs === null) return false
  if (standing.session !== side.answer.session) return false
  if (shown === 'receiving')
    return standing.receivingSinceMs !== null && standing.receivingSinceMs < reliedOnAtMs
  return standing.closed === (shown === 'closed') && standing.shownSinceMs < reliedOnAtMs
}

/** When the reading began that this very look knows the ledger by. A swap of ours that landed proves the text that it wrote. */
function readingBeganAtMs({ freshDirectory, world, memory }: Assessment): number | null {
  if (freshDirectory !== null) return freshDirectory.startedAtMs
  const { last } = world
  const landed = last?.step.kind === 'swap' && last.outcome === 'done'
  return landed && memory.ledger.text === last.step.to.ledger ? last.startedAtMs : null
}
