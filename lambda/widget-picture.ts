/**
 * What the dashboard shows of a pair: the last look, reduced to what a person wants to see, as plain data.
 *
 * The one thing to understand: what was not seen is `silent` or null, never guessed; a picture that looks healthy because nobody
 * could look would be worse than none.
 */
import type { Decision } from './core/decide.ts'
import { type Ledger, parseLedger } from './core/ledger.ts'
import type { ServerMemory } from './core/memory.ts'
import type { Situation } from './core/situation.ts'
import type { Channel, World } from './core/world.ts'

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
  readonly state: 'open' | 'closed' | 'silent' | 'refused' | 'sick' | 'untrusted'
  readonly version: string | null
  readonly onHold: boolean
  readonly receiving: Receiving
}

/** How a server receives from the other one. */
export type Receiving = 'running' | 'connecting' | 'stopped' | 'failed' | 'not set up' | 'unknown'

/** What a decision about a look knows, as a picture. */
export function pictureOf(
  world: World,
  decision: Decision,
  recordValues: readonly string[] | null,
): PairPicture {
  const { policy } = world
  const { text } = decision.memory.ledger
  const parsed = text === null ? null : parseLedger(text)
  const ledger = parsed === null || typeof parsed === 'string' ? null : parsed
  const names = Object.keys(policy.servers)
  const writer = ledger !== null && names.includes(ledger.writer) ? ledger.writer : (names[0] ?? '')
  const spare = names.find((name) => name !== writer) ?? ''
  const server = (name: string, role: ServerPicture['role']) =>
    serverOf(world, decision.memory.servers[name], ledger, name, ledger === null ? 'unknown' : role)
  return {
    pair: policy.pair,
    writerName: policy.record.name,
    mode: policy.failover.mode,
    situation: decision.situation,
    servers: [server(writer, 'writer'), server(spare, 'spare')],
    ledger,
    recordValues,
    lagMs: lagOf(world, writer, spare),
    atMs: world.wallClockMs,
  }
}

function serverOf(
  world: World,
  memory: ServerMemory | undefined,
  ledger: Ledger | null,
  name: string,
  role: ServerPicture['role'],
): ServerPicture {
  const answer = world.servers[name]?.answer ?? null
  return {
    name,
    address: world.policy.servers[name]?.address ?? '',
    role,
    state: answer === null ? silence(memory) : answer.closed ? 'closed' : 'open',
    version: answer?.version ?? null,
    onHold: ledger?.holds.includes(name) === true,
    receiving: answer === null ? 'unknown' : receivingOf(answer.channel),
  }
}

/** What the probes found: a look need not be the one in which they ended, so their sum counts. */
function silence(memory: ServerMemory | undefined): ServerPicture['state'] {
  if (memory?.ailment != null) return memory.ailment.outcome
  return memory !== undefined && memory.refused > 0 && memory.silent === 0 ? 'refused' : 'silent'
}

function receivingOf(channel: Channel | null): Receiving {
  if (channel === null) return 'not set up'
  if (channel.applierErrno !== 0) return 'failed'
  if (channel.receiver === 'on' && channel.applier === 'on') return 'running'
  return channel.receiver === 'connecting' && channel.applier === 'on' ? 'connecting' : 'stopped'
}

function lagOf(world: World, writer: string, spare: string): number | null {
  const ahead = world.servers[writer]?.answer?.heartbeat
  const behind = world.servers[spare]?.answer?.heartbeat
  if (
    ahead === undefined ||
    behind === undefined ||
    typeof ahead === 'string' ||
    typeof behind === 'string'
  ) {
    return null
  }
  return Math.max(0, ahead.writtenClockMs - behind.writtenClockMs)
}
