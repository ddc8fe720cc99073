/** Runs what a person asked for to its end, and keeps what was decided and told, so that the answer can say more than the situation. */
import type { Decision } from './core/decide.ts'
import type { Message } from './core/message.ts'
import { type Run, type WatchResult, watch } from './watch.ts'

export interface Ended extends WatchResult {
  /** The last decision. */
  readonly last: Decision
  /** What people were told, oldest first. */
  readonly messages: readonly Message[]
}

export async function runAsked(run: Run): Promise<Ended> {
  let last: Decision | null = null
  const messages: Message[] = []
  const note: Run['reporter']['note'] = (noted) => {
    last = noted.decision
    messages.push(...noted.decision.messages)
    run.reporter.note(noted)
  }
  const result = await watch({ ...run, reporter: { ...run.reporter, note } })
  if (last === null) throw new Error('An invocation ended without a single decision. Report this as a bug.')
  return { ...result, last, messages }
}

/** What to say besides when a change of the ledger was sent and its answer never came; empty if there was none. */
export function whatIsUnsettled({ last }: Ended): string {
  const { state, unsettled } = last.memory.ledger
  return unsettled || state === 'stale'
    ? ' A change of the ledger was sent, and its answer was lost: whether it was made is not known. Look at the status.'
    : ''
}
