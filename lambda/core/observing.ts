/**
 * Where acting is off (observe mode, or a switchover that is only asked about) a step may look after heartbeats and the ledger's text,
 * and nothing else.
 *
 * The one thing to understand: each row asks `acts` for the sake of its words. This is the one place that holds if a row forgets to.
 */
import { type Assessment, acts } from './assessment.ts'
import { parseLedger } from './ledger.ts'
import type { Step, SwapStep } from './step.ts'
import { planned } from './switchover.ts'

/** Whether the step may be done now. */
export function mayBeDone(a: Assessment, step: Step | null): boolean {
  if (step === null || acts(a)) return true
  if (planned(a)?.dryRun === true) return false
  return step.kind === 'beat' || (step.kind === 'swap' && onlyText(step))
}

/** It claims nothing, holds nobody, and names no other writer; a writer record is made where there is none, and never moved. */
function onlyText({ from, to }: SwapStep): boolean {
  const after = parseLedger(to.ledger)
  const before = from.ledger === null ? null : parseLedger(from.ledger)
  if (typeof after === 'string' || typeof before === 'string') return false
  if (from.record !== null && from.record.values.join() !== to.record.values.join()) return false
  if (before === null) return after.claim === null
  const claimed = after.claim !== null && JSON.stringify(after.claim) !== JSON.stringify(before.claim)
  const holding = after.holds.some((name) => !before.holds.includes(name))
  return !claimed && !holding && after.writer === before.writer && after.epoch === before.epoch
}
