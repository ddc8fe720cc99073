/**
 * The pair as one look shows it, for people and for scripts: who is open, who follows whom, since when, and what the ledger says.
 * Plain data, made for `status` and for reading a logged world again; nothing is decided by it.
 */
import { type Assessment, assess, type Side } from './assessment.ts'
import { heartbeatLagMs } from './freshness.ts'
import { count, subtract } from './gtid-set.ts'
import type { Memory } from './memory.ts'
import type { Severity, Situation } from './situation.ts'
import type { Step } from './step.ts'
import {
  atRisk,
  beatAgoMs,
  type Next,
  nextRequests,
  unwatched,
  type Verdict,
  warningsOf,
  writable,
} from './three-questions.ts'
import type { Answer, Channel, ServerName, World } from './world.ts'
import { closednessOf, takesWrites } from './writability.ts'

export interface Overview {
  /** The writer takes writes, the spare would take over, and nobody has to do anything. */
  readonly ok: boolean
  readonly pair: string
  /** When, ISO 8601 in UTC, by the clock of whoever looked. */
  readonly at: string
  readonly situation: string
  readonly severity: Severity
  readonly because: string
  readonly advice: string
  readonly mode: 'automatic' | 'alert' | 'observe'
  readonly record: RecordOverview
  /** The writer first, where the ledger says who that is. */
  readonly servers: Readonly<Record<ServerName, ServerOverview>>
  readonly ledger: LedgerOverview | null
  /** How far the spare's newest heartbeat is behind the writer's, ms; null if that can't be told now. */
  readonly lagMs: number | null
  /** Who watches, by the writer's newest heartbeat; null if it can't be seen or there never was one. */
  readonly watch: { readonly who: string; readonly beatAgoMs: number } | null
  /** The three questions of the night. */
  readonly writable: Verdict
  readonly atRisk: Verdict
  readonly whatToDo: { readonly because: string; readonly next: readonly Next[] }
  /** What is wrong beside the situation. */
  readonly warnings: readonly string[]
}

export interface RecordOverview {
  readonly name: string
  readonly type: string
  /** What it holds; null if it does not exist or was not read. */
  readonly values: readonly string[] | null
  /** The server of the pair that it points at; null if at none. */
  readonly pointsAt: ServerName | null
}

export interface ServerOverview {
  /** half-closed: applications can't write, privileged sessions can. sick: it answers, with an error. silent: not at all. */
  readonly state: 'open' | 'half-closed' | 'closed' | 'sick' | 'silent'
  readonly role: 'writer' | 'spare' | null
  readonly held: boolean
  readonly address: string
  /** Like `MySQL 9.7.4`. */
  readonly version: string | null
  readonly startedAt: string | null
  readonly upMs: number | null
  /** Sessions of applications and people. */
  readonly clients: number | null
  /** How it receives; null if it does not answer or is not set up to. */
  readonly follows: FollowsOverview | null
  /** What it says, or does not say, instead of an answer. */
  readonly complaint: string | null
}

export interface FollowsOverview {
  /** Null where it follows a server outside of the pair, or has not connected yet. */
  readonly server: ServerName | null
  readonly receiver: Channel['receiver']
  readonly applier: Channel['applier']
  readonly error: string | null
  readonly unappliedTransactions: number
  /** When a heartbeat or transaction came last; null if it doesn't say. */
  readonly lastReceivedAgoMs: number | null
}

export interface LedgerOverview {
  readonly text: string
  /** Why the text can't be used; the other fields are then missing. */
  readonly problem: string | null
  readonly writer?: ServerName
  readonly epoch?: number
  readonly revision?: number
  readonly since?: string
  readonly how?: 'adopted' | 'failover' | 'switchover'
  readonly claim?: { readonly who: string; readonly intent: string; readonly target: ServerName } | null
  /** `until` is null for a pause that lasts until it is resumed. */
  readonly pause?: { readonly until: string | null } | null
  readonly holds?: readonly ServerName[]
}

/** What was decided on a look, as far as it is shown. */
interface Decided {
  /** As it is after the look. */
  readonly memory: Memory
  readonly situation: Situation
  readonly step: Step | null
}

/**
 * `lagMs`: the least of several looks; without it this look's own, which a heartbeat between its two reads makes look a second
 * longer.
 */
export function overview(
  { memory, situation, step }: Decided,
  world: World,
  now: number,
  lagMs: number | null = null,
): Overview {
  const a = assess(memory, world, now)
  const behindMs = lagMs ?? lagOf(a)
  const warnings = warningsOf(a)
  const canWrite = writable(a)
  return {
    ok: situation.severity === 'info' && !acting(step) && canWrite.answer === 'yes' && warnings.length === 0,
    pair: world.policy.pair,
    at: new Date(world.wallClockMs).toISOString(),
    situation: situation.code,
    severity: situation.severity,
    because: situation.because,
    advice: situation.advice,
    mode: world.policy.failover.mode,
    record: recordOverview(a),
    servers: Object.fromEntries([a.named, a.spare].map((side) => [side.name, serverOverview(a, side)])),
    ledger: ledgerOverview(a),
    lagMs: behindMs,
    watch: watchOverview(a),
    writable: canWrite,
    atRisk: atRisk(a, behindMs),
    whatToDo: {
      because: situation.advice === '' ? withoutAdvice(step, warnings) : situation.advice,
      next: nextRequests(a, situation),
    },
    warnings,
  }
}

/** A watch that saw this would have something to do. */
const acting = (step: Step | null) => step !== null && step.kind !== 'beat'

function withoutAdvice(step: Step | null, warnings: readonly string[]): string {
  if (acting(step)) return 'Nothing by hand: a watch that sees this does it. Whoever only looks does not.'
  return warnings.length === 0 ? 'Nothing.' : 'See to what is said above.'
}

function recordOverview({ policy, memory }: Assessment): RecordOverview {
  const { record } = memory.ledger
  const points = Object.entries(policy.servers).find(
    ([, { address }]) => record?.foreign === false && record.values.join() === address,
  )
  return {
    name: policy.record.name,
    type: record?.type ?? policy.record.type,
    values: record?.values ?? null,
    pointsAt: points?.[0] ?? null,
  }
}

const STATES = { open: 'open', half: 'half-closed', closed: 'closed' } as const

function serverOverview(a: Assessment, side: Side): ServerOverview {
  const { answer, health, memory } = side
  const known = a.ledger !== null
  return {
    state: answer !== null ? STATES[closednessOf(answer)] : health === 'sick' ? 'sick' : 'silent',
    role: known ? (side === a.named ? 'writer' : 'spare') : null,
    held: a.ledger?.holds.includes(side.name) === true,
    address: a.policy.servers[side.name]?.address ?? '',
    version: productOf(answer?.version ?? memory.known?.version ?? null),
    startedAt: answer === null ? null : new Date(answer.startedClockMs).toISOString(),
    upMs: answer === null ? null : Math.max(0, answer.clockMs - answer.startedClockMs),
    clients: answer?.clients ?? null,
    follows: answer?.channel == null ? null : followsOverview(a, answer, answer.channel),
    complaint: answer === null ? complaintOf(side) : null,
  }
}

/** MariaDB says its name in its version, MySQL does not. */
function productOf(version: string | null): string | null {
  if (version === null) return null
  return /mariadb/i.test(version) ? `MariaDB ${version.replace(/-MariaDB.*/i, '')}` : `MySQL ${version}`
}

function complaintOf({ memory }: Side): string | null {
  if (memory.ailment !== null) return memory.ailment.message
  if (memory.refused > 0) return 'refuses connections: its host answers, and nobody listens there'
  return memory.silent > 0 ? 'does not answer' : null
}

function followsOverview(a: Assessment, answer: Answer, channel: Channel): FollowsOverview {
  const source = Object.entries(a.memory.servers).find(([, { known }]) => known?.uuid === channel.sourceUuid)
  const errors = [channel.receiverError, channel.applierError].filter((text) => text !== '')
  const { lastReceivedClockMs } = channel
  return {
    server: channel.sourceUuid === '' ? null : (source?.[0] ?? null),
    receiver: channel.receiver,
    applier: channel.applier,
    error: errors.length === 0 ? null : errors.join('; '),
    unappliedTransactions: count(subtract(channel.received, answer.executed)),
    lastReceivedAgoMs: lastReceivedClockMs === 0 ? null : Math.max(0, answer.clockMs - lastReceivedClockMs),
  }
}

function ledgerOverview({ memory, ledger, ledgerProblem }: Assessment): LedgerOverview | null {
  const { text } = memory.ledger
  if (text === null) return null
  if (ledger === null) return { text, problem: ledgerProblem ?? 'it was not understood' }
  const { claim, pause } = ledger
  return {
    text,
    problem: null,
    writer: ledger.writer,
    epoch: ledger.epoch,
    revision: ledger.revision,
    since: new Date(ledger.sinceClockMs).toISOString(),
    how: ledger.how,
    claim: claim === null ? null : { who: claim.who, intent: claim.intent, target: claim.target },
    pause:
      pause === null
        ? null
        : { until: pause.untilClockMs === 0 ? null : new Date(pause.untilClockMs).toISOString() },
    holds: ledger.holds,
  }
}

/** Where nobody writes any, they are equal and say nothing. */
function lagOf(a: Assessment): number | null {
  return !takesWrites(a.named) || unwatched(a) ? null : heartbeatLagMs(a.named.answer, a.spare.answer)
}

function watchOverview(a: Assessment): Overview['watch'] {
  const row = a.named.answer?.heartbeat
  const agoMs = beatAgoMs(a)
  return row === undefined || typeof row === 'string' || agoMs === null
    ? null
    : { who: row.watch, beatAgoMs: agoMs }
}
