/**
 * What one look means, worked out once for all rows: who is named, who answers, what the witness says, whose claim stands.
 * The rows only combine these.
 */
import { lostByNamed, takeoverSet, withoutOurs } from './compare.ts'
import { type Evidence, type Freshness, freshness, possiblyShort } from './freshness.ts'
import { count, ofOrigin, subtract } from './gtid-set.ts'
import { type Inspection, inspectionOf, isGivenUp, uninspected } from './inspection.ts'
import { type Claim, type Ledger, parseLedger } from './ledger.ts'
import type { ClaimMemory, Memory, ServerMemory } from './memory.ts'
import { alongOneLine } from './one-line.ts'
import type { Policy } from './policy.ts'
import { caughtUp } from './spare.ts'
import { type Testimony, testimony } from './witness.ts'
import type { Answer, DirectoryRead, ServerName, ServerView, World } from './world.ts'
import { type Health, health } from './writer.ts'

export interface Assessment {
  readonly memory: Memory
  readonly world: World
  readonly policy: Policy
  readonly now: number
  /** Null if there is no ledger, or none that can be understood; then `ledgerProblem` says why. */
  readonly ledger: Ledger | null
  readonly ledgerProblem: string | null
  /** What this very look read of the directory, if it did and could. */
  readonly freshDirectory: DirectoryRead | null
  readonly named: Side
  readonly spare: Side
  readonly claim: ClaimState
  readonly witness: Testimony | null
}

export interface Side {
  readonly name: ServerName
  readonly view: ServerView
  readonly memory: ServerMemory
  readonly health: Health
  /** The facts of this look; null if it doesn't answer. */
  readonly answer: Answer | null
}

export type ClaimState =
  | { readonly kind: 'none' }
  | { readonly kind: 'other'; readonly claim: Claim; readonly expired: boolean; readonly seenForMs: number }
  | { readonly kind: 'mine'; readonly claim: Claim; readonly ours: ClaimMemory; readonly remainingMs: number }

export function assess(memory: Memory, observed: World, now: number): Assessment {
  const world = alongOneLine(observed, memory)
  const names = Object.keys(world.policy.servers)
  const parsed = memory.ledger.text === null ? null : parseLedger(memory.ledger.text)
  const ledger = typeof parsed === 'string' ? null : parsed
  const namedName = ledger !== null && names.includes(ledger.writer) ? ledger.writer : (names[0] ?? '')
  const side = (name: ServerName): Side => {
    const view = world.servers[name] as ServerView
    const serverMemory = memory.servers[name] as ServerMemory
    return {
      name,
      view,
      memory: serverMemory,
      health: health(view, serverMemory, world.policy),
      answer: view.answer,
    }
  }
  const named = side(namedName)
  const spare = side(names.find((name) => name !== namedName) ?? '')
  return {
    memory,
    world,
    policy: world.policy,
    now,
    ledger,
    ledgerProblem: typeof parsed === 'string' ? parsed : null,
    freshDirectory: world.directory?.state === 'read' ? world.directory : null,
    named,
    spare,
    claim: claimState(ledger?.claim ?? null, memory, world, now),
    witness:
      spare.answer === null || named.memory.failingSinceMs === null
        ? null
        : testimony(spare.answer, spare.memory, named.memory.failingSinceMs, now),
  }
}

function claimState(claim: Claim | null, memory: Memory, world: World, now: number): ClaimState {
  if (claim === null) return { kind: 'none' }
  const { ledger, ours } = memory
  if (claim.who === world.who && ours !== null) {
    return { kind: 'mine', claim, ours, remainingMs: ours.renewedAtMs + claim.lengthMs - now }
  }
  // Only a reading later than the whole length proves that it stood unchanged for that long.
  const seenForMs = Math.max(0, (ledger.readAtMs ?? 0) - ledger.unchangedSinceMs)
  return { kind: 'other', claim, expired: seenForMs >= claim.lengthMs, seenForMs }
}

export function isOpen(side: Side): boolean {
  return side.answer !== null && !side.answer.closed
}

export function isClosed(side: Side): boolean {
  return side.answer?.closed === true
}

/** The writer is dead by our own probes and by the witness (must 2). */
export function confirmedDead(a: Assessment): boolean {
  if (a.named.health !== 'dead') return false
  return a.witness === 'lost' || a.witness === 'silent' || (a.witness === 'none' && waived(a, 'no-witness'))
}

/**
 * Dead by our own probes, and the channel's own heartbeats are too rare for its silence to mean anything. The spare may be made to
 * reconnect and so find out, unless it might be the writer's only acknowledger.
 */
export function deadButUnheard(a: Assessment): boolean {
  return a.named.health === 'dead' && a.witness === 'slow'
}

export function mayReconnect(a: Assessment): boolean {
  const { known } = a.named.memory
  return known !== null && known.semiSync?.sourceWaits !== true
}

/** A person has asked for the failover and named this reason against it as one to go without. */
export function waived(a: Assessment, code: string): boolean {
  return a.world.request?.force.includes(code) === true
}

/** Why the spare may not take over now, most serious first; null if it may, or if a person waived it. Must 2, but for the death itself. */
export function unfit(a: Assessment): Unfitness | null {
  return reasonsAgainst(a).find((reason) => !waived(a, `spare-${reason}`)) ?? null
}

function reasonsAgainst(a: Assessment): Unfitness[] {
  const { policy, ledger } = a
  const { answer } = a.spare
  if (answer === null || ledger === null) return ['silent']
  const { known } = a.named.memory
  const armed =
    typeof answer.heartbeat !== 'string' &&
    (policy.failover.acceptMissing.includes('skip-replica-start') ||
      (answer.skipsReplicaStart === true && (known === null || known.skipsReplicaStart === true)))
  const evidence = evidenceOf(a, answer)
  const fresh = freshness(evidence)
  const reasons: [boolean, Unfitness][] = [
    [ledger.holds.includes(a.spare.name), 'held'],
    [answer.channel === null, 'not-a-replica'],
    [a.spare.memory.rights?.missing?.some(({ needed }) => needed) === true, 'rights-missing'],
    [!armed, 'not-armed'],
    [fresh.kind === 'unproven', 'freshness-unproven'],
    [fresh.kind === 'stale', 'stale'],
    [possiblyShort(evidence), 'possibly-short'],
    [answer.channel !== null && answer.channel.applierErrno !== 0, 'applier-broken'],
    [applierStopped(a, answer, fresh), 'applier-stopped'],
    [delayed(a, answer), 'delayed'],
    [errantOnSpare(a) !== '', 'errant'],
  ]
  return reasons.filter(([stands]) => stands).map(([, reason]) => reason)
}

/** What it is judged by whether the spare was up to date. */
export function evidenceOf(a: Assessment, spare: Answer): Evidence {
  const claim = a.claim.kind === 'none' ? null : a.claim.claim
  const { memory, policy, now } = a
  return { spare, spareMemory: a.spare.memory, named: a.named.memory, memory, policy, claim, now }
}

/**
 * Somebody stopped the applier long before the writer failed, and may have had a reason: such as a table that was dropped on the writer. Under
 * a claim of ours it was Hotspare.
 */
function applierStopped(a: Assessment, { channel, readAtMs }: Answer, fresh: Freshness): boolean {
  if (channel?.applier !== 'off' || a.claim.kind === 'mine') return false
  if (fresh.kind !== 'fresh' || fresh.by !== 'received') return false
  const { applierOnAtMs } = a.spare.memory
  const failingSinceMs = a.named.memory.failingSinceMs ?? readAtMs
  return applierOnAtMs === null || failingSinceMs - applierOnAtMs > a.policy.detection.freshnessMs
}

/** It applies everything late on purpose, and later than anybody would wait for. */
function delayed(a: Assessment, answer: Answer): boolean {
  const delayMs = (answer.channel?.delaySeconds ?? 0) * 1000
  return delayMs > a.policy.detection.freshnessMs && !caughtUp(answer)
}

export type Unfitness =
  | 'silent'
  | 'held'
  | 'not-a-replica'
  | 'rights-missing'
  | 'not-armed'
  | 'freshness-unproven'
  | 'stale'
  | 'possibly-short'
  | 'applier-broken'
  | 'applier-stopped'
  | 'delayed'
  | 'errant'

/**
 * What the spare alone has and must not, as two looks at both agree; without what touched only Hotspare's schema and what the named
 * server lost. Where the named server was never seen, the ledger tells: transactions of the spare's own origin since the takeover.
 */
export function errantOnSpare(a: Assessment): string {
  const { comparison } = a.memory
  const answer = a.spare.answer
  const stray = strayOnSpare(a)
  if (stray !== '') return stray
  if (comparison === null && answer !== null && a.ledger !== null) {
    const takeover = takeoverSet(a.ledger, answer)
    return takeover === null
      ? ''
      : withoutOurs(subtract(ofOrigin(answer.executed, answer.uuid), takeover), inspection(a))
  }
  if (comparison?.server !== a.spare.name || comparison.looks < 2 || comparison.alone === '') return ''
  if (lostByWriter(a) !== '') return ''
  return withoutOurs(comparison.alone, inspection(a))
}

/** What the spare wrote itself since the named server, silent now, was last seen: somebody opened it (X14). */
function strayOnSpare({ named, spare, memory }: Assessment): string {
  const { known } = named.memory
  if (named.answer !== null || known === null || spare.answer === null) return ''
  return withoutOurs(
    subtract(ofOrigin(spare.answer.executed, spare.answer.uuid), known.executed),
    inspectionOf(memory.inspections, spare.name),
  )
}

/** What the spare lacks of its own origin (T31), as two looks agree. */
export function lackedBySpare(a: Assessment): string {
  const { comparison } = a.memory
  return comparison?.server === a.spare.name && comparison.looks >= 2 ? comparison.lacks : ''
}

/** For how long the directory could not be read; 0 if it can. */
export function unreadableForMs({ memory, now }: Assessment): number {
  const { failure } = memory.ledger
  return failure === null ? 0 : now - failure.sinceMs
}

/** How the spare differs, as the beginning of a sentence. */
export function divergence(a: Assessment): string {
  const alone = errantOnSpare(a)
  const lacks = lackedBySpare(a)
  const parts = [
    alone === ''
      ? ''
      : `has ${count(alone)} transactions that ${a.named.name} lacks (${alone.slice(0, 200)})`,
    lacks === '' ? '' : `lost ${count(lacks)} of its own that ${a.named.name} has (${lacks.slice(0, 200)})`,
  ]
  return `${a.spare.name} ${parts.filter((part) => part !== '').join(' and ')}`
}

/** The spare has nothing that the named server lacks, and lacks nothing of its own, in this comparison: it may follow (must 5). */
export function spareClean(a: Assessment): boolean {
  const { comparison } = a.memory
  if (comparison?.server !== a.spare.name) return false
  return comparison.lacks === '' && withoutOurs(comparison.alone, inspection(a)) === ''
}

/** What the named server must have had and no longer has (R8); empty if it can't be told now. */
export function lostByWriter(a: Assessment): string {
  if (a.named.answer === null || a.spare.answer === null || a.ledger === null) return ''
  return withoutOurs(lostByNamed(a.named.answer, a.spare.answer, a.ledger), inspection(a))
}

/** What was looked up in the spare's binary log. */
export function inspection(a: Assessment): Inspection {
  return inspectionOf(a.memory.inspections, a.spare.name)
}

/** GTIDs of the spare whose tables are still to be looked up before it is judged; empty as well once that is given up. */
export function toInspect(a: Assessment): string {
  const { comparison } = a.memory
  if (a.spare.answer === null || comparison?.server !== a.spare.name) return ''
  return isGivenUp(inspection(a), a.now) ? '' : uninspected(comparison.alone, inspection(a))
}

/** What is not known of the transactions that the spare alone has, and why, as a sentence; empty if all is known. */
export function notLookedUp(a: Assessment): string {
  const alone = errantOnSpare(a)
  const { unread, tables } = inspection(a)
  const known = Object.keys(tables).filter((gtid) => tables[gtid]?.length !== 0)
  const unknown = count(subtract(alone, known.join(',')))
  if (unknown === 0) return ''
  const late = isGivenUp(inspection(a), a.now) ? 'the search takes too long' : ''
  const why = unread || late || 'not all are looked up, or not all of them are rows'
  return `Which tables ${unknown} of them changed is not known (${why}).`
}

/** Looks find something on the spare alone, and no two have agreed on any of it so far. */
export function comparisonUnsettled(a: Assessment): boolean {
  const { comparison } = a.memory
  if (comparison === null || comparison.looks >= 2 || comparison.aloneSinceMs === null) return false
  return a.now - comparison.aloneSinceMs < UNSETTLED_MAX_MS
}
/** After that, what one look finds has always arrived by the next one. */
const UNSETTLED_MAX_MS = 15_000

/** By its own clock, and the heartbeat was written by that clock too: it has started since it last was the open writer. */
export function restartedSinceWriting(answer: Answer): boolean {
  return (
    typeof answer.heartbeat === 'string' || answer.startedClockMs > answer.heartbeat.writtenClockMs - 1000
  )
}

/** The target is no longer the process that it was when the claim was decided on: it may lack what it had received. */
export function targetRestarted(a: Assessment, target: Side): boolean {
  if (waived(a, 'spare-possibly-short')) return false
  if (target.answer !== null && possiblyShort(evidenceOf(a, target.answer))) return true
  if (a.claim.kind !== 'mine' || target.answer === null || a.claim.ours.targetStartedClockMs === null)
    return false
  return Math.abs(target.answer.startedClockMs - a.claim.ours.targetStartedClockMs) > 2000
}

export function applied(side: Side): boolean {
  return side.answer !== null && caughtUp(side.answer)
}

/** In observe mode, and when a person only asks what would be done, nothing is done to servers, and no writer is moved. */
export function acts(a: Assessment): boolean {
  const { request } = a.world
  return a.policy.failover.mode !== 'observe' && !(request?.action === 'switchover' && request.dryRun)
}

/** A pause that has not run out: no new failover begins. */
export function paused(a: Assessment): boolean {
  const pause = a.ledger?.pause ?? null
  if (pause === null) return false
  // Where nobody tells the time, it has not run out.
  const clockMs = a.spare.answer?.clockMs ?? a.named.answer?.clockMs
  return pause.untilClockMs === 0 || clockMs === undefined || clockMs < pause.untilClockMs
}

export function onHold(a: Assessment): boolean {
  return a.ledger?.holds.includes(a.spare.name) === true
}

export function silentForMs(a: Assessment): number {
  return a.now - (a.named.memory.failingSinceMs ?? a.now)
}

/** A duration for people: `40 ms`, `3.2 s`. */
export function duration(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`
}
