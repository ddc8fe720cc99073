/** What is known of the ledger: from readings, and from swaps of ours, whose answers may have been lost. */
import { type Ledger, parseLedger } from '../ledger.ts'
import type { LedgerMemory, Memory } from '../memory.ts'
import type { ActResult, SwapStep } from '../step.ts'
import type { DirectoryRead, World, WriterRecord } from '../world.ts'

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
    ...learnAge(memory, directory),
    state: 'known',
    unsettled: memory.unsettled && memory.sent?.text !== directory.ledger,
    failure: null,
    text: directory.ledger,
    record: directory.record,
    readAtMs: directory.readAtMs,
    readStartedAtMs: directory.startedAtMs,
    unchangedSinceMs:
      directory.ledger === memory.text && memory.state !== 'unread' ? memory.unchangedSinceMs : now,
    revisionMax: Math.max(memory.revisionMax, directory.ledger === null ? 0 : revisionOf(directory.ledger)),
  }
}

function swapped(
  memory: LedgerMemory,
  { outcome, message, startedAtMs, endedAtMs }: ActResult,
  text: string,
  record: WriterRecord,
): LedgerMemory {
  if (outcome === 'done')
    return {
      ...memory,
      state: 'known',
      text,
      record,
      readStartedAtMs: startedAtMs,
      newest: ageOf(text),
      olderSinceMs: null,
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

/** Where there is no ledger, a person has deleted it: what is adopted then counts anew. */
function learnAge(
  { newest, olderSinceMs }: LedgerMemory,
  { ledger, readAtMs }: DirectoryRead,
): Pick<LedgerMemory, 'newest' | 'olderSinceMs'> {
  if (ledger === null) return { newest: null, olderSinceMs: null }
  const read = ageOf(ledger)
  const older =
    read !== null &&
    newest !== null &&
    (read.epoch < newest.epoch || (read.epoch === newest.epoch && read.revision < newest.revision))
  if (older) return { newest, olderSinceMs: olderSinceMs ?? readAtMs }
  return { newest: read ?? newest, olderSinceMs: null }
}

function ageOf(text: string): LedgerMemory['newest'] {
  const parsed = parseLedger(text)
  return typeof parsed === 'string' ? null : { epoch: parsed.epoch, revision: parsed.revision }
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
