/** Which steps a server refuses or does not answer, since when, how often, and what it said: one entry for each server and kind of step. */
import type { GaveBack, Memory, Stuck } from '../memory.ts'
import type { SwapStep } from '../step.ts'
import { reasonOf } from '../stuck.ts'
import type { World } from '../world.ts'

/** Longer than the longest pause between two tries: what was not asked for since then is not asked any more. */
const FORGOTTEN_AFTER_MS = 120_000

/** With a claim everything is tried anew, and after a move the servers have other roles. */
const ANEW: ReadonlySet<SwapStep['purpose']> = new Set([
  'claim',
  'claim-short',
  'claim-reopen',
  'claim-switchover',
  'take-over',
  'move',
  'release',
  'give-back',
])

export function learnStuck(
  before: readonly Stuck[],
  landed: SwapStep['purpose'] | null,
  { last }: World,
  now: number,
): readonly Stuck[] {
  if (landed !== null && ANEW.has(landed)) return []
  const kept = before.some(({ lastAtMs }) => now - lastAtMs > FORGOTTEN_AFTER_MS)
    ? before.filter(({ lastAtMs }) => now - lastAtMs <= FORGOTTEN_AFTER_MS)
    : before
  // Heartbeats have a judgement of their own, a queued close is sent once.
  if (last === null || last.step.kind === 'swap' || last.step.kind === 'beat') return kept
  if (last.step.kind === 'queue-close') return kept
  const { step, outcome, errno, message } = last
  const same = ({ server, kind }: Stuck) => server === step.server && kind === step.kind
  const found = kept.find(same)
  if (outcome === 'done') return found === undefined ? kept : kept.filter((each) => !same(each))
  return [
    ...kept.filter((each) => !same(each)),
    {
      server: step.server,
      kind: step.kind,
      firstAtMs: found?.firstAtMs ?? last.startedAtMs,
      lastAtMs: last.endedAtMs,
      times: (found?.times ?? 0) + 1,
      outcome,
      errno,
      message,
    },
  ]
}

/** A claim of ours was given back for it; no more of that once a writer is open or has moved. */
export function learnGaveBack(
  before: Memory,
  landed: SwapStep['purpose'] | null,
  writerOpen: boolean,
  now: number,
): GaveBack | null {
  if (landed === 'give-back')
    return { times: (before.gaveBack?.times ?? 0) + 1, atMs: now, why: reasonOf(before) }
  return landed === 'move' || writerOpen ? null : before.gaveBack
}
