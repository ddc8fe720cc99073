/**
 * A backup or a lock of somebody else's on the spare: it keeps transactions from being applied, the applier from being stopped, or rows
 * from being written after the opening.
 *
 * The one thing to understand: while the writer lives it is only said. Under a claim it is named, given a while to end by itself, and
 * then its session is ended: a backup can be repeated, and nobody can write meanwhile.
 */
import { type Assessment, duration, isClosed, type Side } from '../assessment.ts'
import { tell } from '../message.ts'
import type { Row } from '../situation.ts'
import * as steps from '../steps.ts'
import { listed } from '../switchover.ts'
import type { Obstacle } from '../world.ts'
import { waitingMs } from './catching-up.ts'
import { mine } from './claim-facts.ts'

const EVERY_MS = 5000
const IN_FAILOVER_EVERY_MS = 250
/** What was read longer ago says nothing of now. */
const KNOWN_FOR_MS = 15_000
/** A person who ends such sessions himself is waited for as long under a claim, which is then given back. */
const WAITED_FOR_MS = 15_000

/** On the spare alone: cheap, but not for every look. */
export function asksForBlockers(a: Assessment, side: Side): boolean {
  if (side !== a.spare || a.ledger === null) return false
  const { blockers } = side.memory
  const failing = a.claim.kind === 'mine' || a.named.memory.failingSinceMs !== null
  return blockers === null || a.now - blockers.readAtMs >= (failing ? IN_FAILOVER_EVERY_MS : EVERY_MS)
}

export function blockersOf(a: Assessment): readonly Obstacle[] {
  const { blockers } = a.spare.memory
  if (blockers === null || a.spare.answer === null || a.now - blockers.readAtMs > KNOWN_FOR_MS) return []
  return blockers.list
}

const blocked = (a: Assessment) => isClosed(a.spare) && blockersOf(a).length > 0
/**
 * For how long they have been waited for. Who took the claim over goes by the claim's age where they are at least as old: the one before has
 * waited for them too, and a watch may be shorter than the grace.
 */
function blockedForMs(a: Assessment): number {
  const oursMs = a.now - (mine(a)?.ours.blockedSinceMs ?? a.now)
  const oldestMs = Math.max(0, ...blockersOf(a).map(({ ageMs }) => ageMs))
  return Math.max(oursMs, Math.min(waitingMs(a), oldestMs))
}
const graceMs = (a: Assessment) => a.policy.failover.endBlockersAfterMs

export const blockedUnderClaim: readonly Row[] = [
  {
    code: 'ending-blockers',
    severity: 'critical',
    when: (a) => blocked(a) && blockedForMs(a) >= (graceMs(a) ?? Number.POSITIVE_INFINITY),
    because: (a) =>
      `${a.spare.name} can't take over while others hold locks there, and has waited ${duration(blockedForMs(a))} for them: they are ended (${listed(blockersOf(a))}).`,
    advice: () => 'If one of them was a backup, repeat it: it is not whole.',
    step: (a) =>
      steps.endBlockers(
        a.spare,
        blockersOf(a).map(({ session }) => session),
      ),
    tell: (a) => tell(a, 'blockers-ended', 'critical'),
  },
  {
    code: 'blocked-for-good',
    severity: 'critical',
    when: (a) => blocked(a) && graceMs(a) === null && blockedForMs(a) >= WAITED_FOR_MS,
    because: (a) =>
      `${a.spare.name} can't take over while others hold locks there (${listed(blockersOf(a))}), and the configuration says that a person ends them.`,
    advice: (a) => toEnd(a),
    afterMs: 250,
    progress: true,
    givesBack: true,
  },
  {
    code: 'blocked',
    severity: 'critical',
    when: blocked,
    because: (a) =>
      `${a.spare.name} can't take over while others hold locks there (${listed(blockersOf(a))}): they are waited for.`,
    advice: (a) => {
      const leftMs = (graceMs(a) ?? 0) - blockedForMs(a)
      return graceMs(a) === null
        ? toEnd(a)
        : `Nothing has to be done: in ${duration(Math.max(0, leftMs))} they are ended. To go on at once: ${toEnd(a)}`
    },
    afterMs: 250,
    progress: true,
    tell: (a) => tell(a, 'failover-blocked', 'critical'),
  },
]

/** While the writer takes writes. */
export const spareBlocked: Row = {
  code: 'spare-blocked',
  severity: 'warning',
  when: (a) => blockersOf(a).length > 0,
  because: (a) =>
    `${a.named.name} takes writes, ${a.spare.name} follows; others hold locks on ${a.spare.name} (${listed(blockersOf(a))}). ${
      graceMs(a) === null
        ? `If ${a.named.name} died now, nobody would take over until a person has ended them.`
        : `If ${a.named.name} died now, they would be ended after ${duration(graceMs(a) ?? 0)}.`
    }`,
  advice: () => 'Nothing, if it is a backup that ends soon.',
}

/** What a person types. */
export function toEnd(a: Assessment): string {
  return `on ${a.spare.name}, ${blockersOf(a)
    .slice(0, 5)
    .map(({ session }) => `KILL ${session}`)
    .join('; ')}.`
}
