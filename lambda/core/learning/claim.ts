/** What was done under our own claim, and what became of it. */

import { parseLedger } from '../ledger.ts'
import type { ClaimMemory, LedgerMemory, Memory, Move } from '../memory.ts'
import { caughtUp } from '../spare.ts'
import type { SwapStep } from '../step.ts'
import type { World } from '../world.ts'
import { currentLedger } from './ledger.ts'

/** The old writer took writes while the claim stood: what the claim proved about the spare then is proven no more. */
export function learnOpenUnderClaim(before: Memory, ledger: LedgerMemory, world: World): boolean {
  const parsed = ledger.text === null ? null : parseLedger(ledger.text)
  if (parsed === null || typeof parsed === 'string' || parsed.claim === null) return false
  return before.openUnderClaim || world.servers[parsed.writer]?.answer?.closed === false
}

export function learnClaim(
  memoryBefore: Memory,
  ledger: LedgerMemory,
  landed: SwapStep['purpose'] | null,
  world: World,
  now: number,
): ClaimMemory | null {
  const before = memoryBefore.ours
  const parsed = ledger.text === null ? null : parseLedger(ledger.text)
  if (parsed === null || typeof parsed === 'string' || parsed.claim?.who !== world.who) return null
  // What the decision to claim was made on, not what the target has become since.
  const decidedOn = memoryBefore.servers[parsed.claim.target]?.known?.startedClockMs ?? null
  let memory: ClaimMemory =
    before === null || landed === 'take-over'
      ? {
          renewedAtMs: ledger.unchangedSinceMs,
          proven: false,
          swept: {},
          opening: before?.opening ?? null,
          reconnected: false,
          catchingUpSinceMs: null,
          targetStartedClockMs: null,
        }
      : before
  if (landed !== null) memory = { ...memory, renewedAtMs: ledger.sent?.startedAtMs ?? now }
  if (landed === 'claim' || landed === 'prove')
    memory = { ...memory, proven: true, targetStartedClockMs: decidedOn }
  if (landed === 'undo' || landed === 'claim-short')
    memory = { ...memory, proven: false, targetStartedClockMs: decidedOn }
  memory = learnStep(memory, world)
  const target = world.servers[parsed.claim.target]?.answer
  if (target && memory.targetStartedClockMs === null)
    memory = { ...memory, targetStartedClockMs: target.startedClockMs }
  if (target && memory.catchingUpSinceMs === null && !caughtUp(target))
    memory = { ...memory, catchingUpSinceMs: now }
  return memory
}

function learnStep(memory: ClaimMemory, world: World): ClaimMemory {
  const { last } = world
  if (last === null || last.step.kind === 'swap') return memory
  const { step, outcome } = last
  const swept = { ...memory.swept }
  // A statement that nobody answered may still run: its session has to be found and killed before anything else (R3).
  if (outcome === 'unknown') delete swept[step.server]
  switch (step.kind) {
    case 'kill-others':
      if (outcome === 'done') swept[step.server] = swept[step.server] === undefined ? 'claimed' : 'opening'
      return { ...memory, swept }
    case 'open': {
      const endsAtMs = last.startedAtMs + world.policy.switchover.writeBlockMs + OPENING_MARGIN_MS
      if (swept[step.server] !== undefined) swept[step.server] = 'claimed'
      return { ...memory, swept, opening: { server: step.server, endsAtMs, settled: outcome !== 'unknown' } }
    }
    case 'start-threads':
      if (swept[step.server] !== undefined) swept[step.server] = 'claimed'
      return { ...memory, swept }
    case 'reconnect':
      return { ...memory, swept, reconnected: true }
    default:
      return { ...memory, swept }
  }
}

/** The server's clock may run a little differently while an opening statement waits. */
const OPENING_MARGIN_MS = 1000

export function learnMove(
  memory: Memory,
  ledger: LedgerMemory,
  landed: SwapStep['purpose'] | null,
  world: World,
): Move | null {
  const { last } = world
  if (landed === 'move') {
    const from = currentLedger(memory)?.writer ?? ''
    const to = currentLedger({ ...memory, ledger })?.writer ?? ''
    const changeId = last?.step.kind === 'swap' ? last.changeId : null
    return { from, to, changeId, closeQueued: false }
  }
  const before = memory.moved
  if (before !== null && last?.step.kind === 'queue-close') return { ...before, closeQueued: true }
  return before
}
