/** What was done under our own claim, and what became of it. */

import { count, subtract } from '../gtid-set.ts'
import { parseLedger } from '../ledger.ts'
import type { CatchingUp, ClaimMemory, LedgerMemory, Memory, Move } from '../memory.ts'
import { caughtUp } from '../spare.ts'
import type { SwapStep } from '../step.ts'
import type { Answer, World } from '../world.ts'
import { closednessOf } from '../writability.ts'
import { currentLedger } from './ledger.ts'

/** The old writer took writes while the claim stood: what the claim proved about the spare then is proven no more. */
export function learnOpenUnderClaim(before: Memory, ledger: LedgerMemory, world: World): boolean {
  const parsed = ledger.text === null ? null : parseLedger(ledger.text)
  if (parsed === null || typeof parsed === 'string' || parsed.claim === null) return false
  const answer = world.servers[parsed.writer]?.answer ?? null
  return before.openUnderClaim || (answer !== null && closednessOf(answer) === 'open')
}

/**
 * Whoever closed it under a claim wrote that claim first: the ledger is read once more before the closing is judged. What was seen before this very
 * text was known says nothing: it may be the new writer just before its opening.
 */
export function learnReadSinceClosed(before: Memory, ledger: LedgerMemory, world: World): boolean {
  const parsed = ledger.text === null ? null : parseLedger(ledger.text)
  if (parsed === null || typeof parsed === 'string' || ledger.text !== before.ledger.text) return false
  const answer = world.servers[parsed.writer]?.answer ?? null
  if (answer === null || closednessOf(answer) === 'open') return false
  const known = before.servers[parsed.writer]?.known ?? null
  const seenBefore = known?.closed === true && known.readAtMs >= before.ledger.unchangedSinceMs
  return before.readSinceClosed || (seenBefore && world.directory?.state === 'read')
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
          detached: before?.detached ?? false,
          follow: { times: 0, lastAtMs: null },
          givingBack: false,
          catchingUp: null,
          takenOverClockMs: landed === 'take-over' && before === null ? parsed.claim.provenClockMs : 0,
          blockedSinceMs: null,
          targetStartedClockMs: null,
          closing: before?.closing ?? null,
          lowered: before?.lowered ?? null,
        }
      : before
  if (landed !== null) memory = { ...memory, renewedAtMs: ledger.sent?.startedAtMs ?? now }
  if (landed === 'claim' || landed === 'prove')
    memory = { ...memory, proven: true, targetStartedClockMs: decidedOn }
  if (landed === 'undo' || landed === 'claim-short')
    memory = { ...memory, proven: false, targetStartedClockMs: decidedOn }
  if (landed === 'claim-switchover')
    memory = {
      ...memory,
      targetStartedClockMs: decidedOn,
      lowered: learnLowered(memoryBefore, ledger, world),
    }
  memory = learnInsync(learnStep(memory, memoryBefore, parsed.writer, world), world, now)
  const target = world.servers[parsed.claim.target]?.answer
  if (target && memory.targetStartedClockMs === null)
    memory = { ...memory, targetStartedClockMs: target.startedClockMs }
  if (target?.blockers != null)
    memory = {
      ...memory,
      blockedSinceMs: target.blockers.length === 0 ? null : (memory.blockedSinceMs ?? now),
    }
  return target ? { ...memory, catchingUp: learnCatchingUp(memory.catchingUp, target, now) } : memory
}

function learnCatchingUp(before: CatchingUp | null, target: Answer, now: number): CatchingUp | null {
  if (caughtUp(target)) return before
  const left = count(subtract(target.channel?.received ?? '', target.executed))
  if (before === null) return { sinceMs: now, leftAtFirst: left, left, movedAtMs: now }
  return left === before.left ? before : { ...before, left, movedAtMs: now }
}

/** The batch of the claim lowered the writer record's TTL, too. */
function learnLowered(before: Memory, ledger: LedgerMemory, { last }: World): ClaimMemory['lowered'] {
  const fromSeconds = before.ledger.record?.ttlSeconds ?? 0
  if (fromSeconds <= (ledger.record?.ttlSeconds ?? 0)) return null
  const landedAtMs = last?.endedAtMs ?? ledger.unchangedSinceMs
  return { fromSeconds, changeId: last?.changeId ?? null, landedAtMs, insyncAtMs: null }
}

function learnInsync(memory: ClaimMemory, { visibility }: World, now: number): ClaimMemory {
  const { lowered } = memory
  if (lowered === null || lowered.insyncAtMs !== null || visibility === null) return memory
  const insync = visibility.insync && visibility.changeId === lowered.changeId
  return insync ? { ...memory, lowered: { ...lowered, insyncAtMs: now } } : memory
}

function learnStep(memory: ClaimMemory, before: Memory, named: string, world: World): ClaimMemory {
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
      // By its own end, in the server's clock; never later than the budget allows.
      const offsetMs = before.servers[step.server]?.clockOffsetMs ?? null
      const latestAtMs = last.startedAtMs + world.policy.switchover.writeBlockMs
      const endsAtMs =
        Math.min(latestAtMs, offsetMs === null ? latestAtMs : step.untilClockMs - offsetMs) +
        OPENING_MARGIN_MS
      if (swept[step.server] !== undefined) swept[step.server] = 'claimed'
      return {
        ...memory,
        swept,
        opening: { server: step.server, endsAtMs, settled: outcome !== 'unknown', done: outcome === 'done' },
      }
    }
    case 'close': {
      if (step.server !== named) return { ...memory, swept }
      const startedAtMs = memory.closing?.startedAtMs ?? last.startedAtMs
      return { ...memory, swept, closing: { startedAtMs, endedAtMs: last.endedAtMs, outcome } }
    }
    case 'start-threads': {
      if (swept[step.server] !== undefined) swept[step.server] = 'claimed'
      if (step.server === named) return { ...memory, swept }
      const answer = world.servers[named]?.answer ?? null
      const following = answer !== null && closednessOf(answer) === 'open'
      const { times } = memory.follow
      return {
        ...memory,
        swept,
        detached: step.receiver ? false : memory.detached,
        follow: following ? { times: times + 1, lastAtMs: last.endedAtMs } : { times: 0, lastAtMs: null },
      }
    }
    case 'detach':
      return { ...memory, swept, detached: true }
    case 'reconnect':
      return { ...memory, swept, reconnected: memory.reconnected || outcome === 'done', detached: false }
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
    const sentAtMs = ledger.sent?.startedAtMs ?? 0
    return { from, to, sentAtMs, changeId, closeQueued: false }
  }
  const before = memory.moved
  if (before !== null && last?.step.kind === 'queue-close') return { ...before, closeQueued: true }
  return before
}
