/** What is known of the ledger: from readings, and from swaps of ours, whose answers may have been lost. */
import { type Ledger, parseLedger } from '../ledger.ts'
import type { LedgerMemory, Memory } from '../memory.ts'
import type { ActResult, SwapStep } from '../step.ts'
import type { World, WriterRecord } from '../world.ts'

/** The ledger as last read or swapped; null if there is none that can be understood. */
export function currentLedger(memory: Memory): Ledger | null {
  if (memory.ledger.text === null) return null
  const parsed = parseLedger(memory.ledger.text)
  return typeof parsed === 'string' ? null : parsed
}

export function learnLedger(before: LedgerMemory, world: World, now: number): LedgerMemory {
  let memory = before
  const { last, directory } = world
  if (last?.step.kind === 'swap') {
    const sent = { text: last.step.to.ledger, purpose: last.step.purpose, startedAtMs: last.startedAtMs }
    memory = { ...memory, sent, revisionMax: Math.max(memory.revisionMax, revisionOf(sent.text)) }
    memory = swapped(memory, last, sent.text, last.step.to.record)
  }
  if (directory === null) return memory
  if (directory.state === 'unreadable') {
    const sinceMs = memory.failure?.sinceMs ?? directory.readAtMs
    return { ...memory, failure: { kind: directory.kind, message: directory.message, sinceMs } }
  }
  return {
    ...memory,
    state: 'known',
    unsettled: memory.unsettled && memory.sent?.text !== directory.ledger,
    failure: null,
    text: directory.ledger,
    record: directory.record,
    readAtMs: directory.readAtMs,
    unchangedSinceMs:
      directory.ledger === memory.text && memory.state !== 'unread' ? memory.unchangedSinceMs : now,
    revisionMax: Math.max(memory.revisionMax, directory.ledger === null ? 0 : revisionOf(directory.ledger)),
  }
}

function swapped(
  memory: LedgerMemory,
  { outcome, message, endedAtMs }: ActResult,
  text: string,
  record: WriterRecord,
): LedgerMemory {
  if (outcome === 'done')
    return {
      ...memory,
      state: 'known',
      text,
      record,
      unchangedSinceMs: endedAtMs,
      unsettled: false,
      refused: null,
      failure: null,
    }
  const count = (memory.refused?.count ?? 0) + 1
  return {
    ...memory,
    state: 'stale',
    unsettled: memory.unsettled || outcome === 'unknown',
    refused: outcome === 'refused' ? { count, message, atMs: endedAtMs } : memory.refused,
  }
}

function revisionOf(text: string): number {
  const parsed = parseLedger(text)
  return typeof parsed === 'string' ? 0 : parsed.revision
}

/** The purpose of a swap of ours that has now landed: its answer said so, or a reading shows it after its answer was lost. */
export function landedSwap(before: LedgerMemory, after: LedgerMemory): SwapStep['purpose'] | null {
  return after.sent !== null && after.text === after.sent.text && before.text !== after.text
    ? after.sent.purpose
    : null
}
