/**
 * What the dashboard shows of a pair: the last look, reduced to what a person wants to see, as plain data.
 *
 * The one thing to understand: what was not seen is `silent` or null, never guessed; a picture that looks healthy because nobody
 * could look would be worse than none.
 */
import { type Assessment, assess, type Side } from './core/assessment.ts'
import type { Decision } from './core/decide.ts'
import { heartbeatLagMs } from './core/freshness.ts'
import type { Ledger } from './core/ledger.ts'
import type { ServerMemory } from './core/memory.ts'
import type { Situation } from './core/situation.ts'
import type { Channel, World } from './core/world.ts'
import { closednessOf } from './core/writability.ts'

export interface PairPicture {
  readonly pair: string
  readonly writerName: string
  readonly mode: string
  readonly situation: Situation
  /** Named server first, in the order of the configuration if there is no ledger. */
  readonly servers: readonly [ServerPicture, ServerPicture]
  /** Null if it could not be read or understood. */
  readonly ledger: Ledger | null
  /** What the writer record holds; null if it is not known. */
  readonly recordValues: readonly string[] | null
  /** How far the spare's newest heartbeat is behind the writer's, in milliseconds; null if either is not known. */
  readonly lagMs: number | null
  /** Unix ms of the look. */
  readonly atMs: number
}

export interface ServerPicture {
  readonly name: string
  readonly address: string
  /** unknown: without a ledger nobody can tell. */
  readonly role: 'writer' | 'spare' | 'unknown'
  /** sick: answers with an error. untrusted: answers with a certificate that can't be verified. */
  readonly state: 'open' | 'half closed' | 'closed' | 'silent' | 'refused' | 'sick' | 'untrusted'
  readonly version: string | null
  readonly onHold: boolean
  readonly receiving: Receiving
}

/** How a server receives from the other one. */
export type Receiving = 'running' | 'connecting' | 'stopped' | 'failed' | 'not set up' | 'unknown'

/** What a decision about a look knows, as a picture. */
export function pictureOf(world: World, decision: Decision, now: number): PairPicture {
  const a = assess(decision.memory, world, now)
  const { readAtMs, record } = a.memory.ledger
  const server = (side: Side, role: 'writer' | 'spare') =>
    serverOf(a, side, a.ledger === null ? 'unknown' : role)
  return {
    pair: world.policy.pair,
    writerName: world.policy.record.name,
    mode: world.policy.failover.mode,
    situation: decision.situation,
    servers: [server(a.named, 'writer'), server(a.spare, 'spare')],
    ledger: a.ledger,
    recordValues: readAtMs === null ? null : (record?.values ?? []),
    lagMs: heartbeatLagMs(a.named.answer, a.spare.answer),
    atMs: world.wallClockMs,
  }
}

const STATES = { open: 'open', half: 'half closed', closed: 'closed' } as const

function serverOf(a: Assessment, side: Side, role: ServerPicture['role']): ServerPicture {
  const { answer, name } = side
  return {
    name,
    address: a.policy.servers[name]?.address ?? '',
    role,
    state: answer === null ? silence(side.memory) : STATES[closednessOf(answer)],
    version: answer?.version ?? null,
    onHold: a.ledger?.holds.includes(name) === true,
    receiving: answer === null ? 'unknown' : receivingOf(answer.channel),
  }
}

/** What the probes found: a look need not be the one in which they ended, so their sum counts. */
function silence(memory: ServerMemory): ServerPicture['state'] {
  if (memory.ailment !== null) return memory.ailment.outcome
  return memory.refused > 0 && memory.silent === 0 ? 'refused' : 'silent'
}

function receivingOf(channel: Channel | null): Receiving {
  if (channel === null) return 'not set up'
  if (channel.applierErrno !== 0) return 'failed'
  if (channel.receiver === 'on' && channel.applier === 'on') return 'running'
  return channel.receiver === 'connecting' && channel.applier === 'on' ? 'connecting' : 'stopped'
}
