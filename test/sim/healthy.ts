/** Where every story begins: a pair on an ordinary day. A story is `healthy()` plus a difference. */
import { digest } from '../../lambda/core/digest.ts'
import { canonical } from '../../lambda/core/gtid-set.ts'
import { formatLedger, type Ledger } from '../../lambda/core/ledger.ts'
import { newMemory } from '../../lambda/core/memory.ts'
import type { Policy } from '../../lambda/core/policy.ts'
import type { LookRequest } from '../../lambda/core/step.ts'
import type { ManualRequest } from '../../lambda/core/world.ts'
import {
  ADDRESSES,
  EPOCH_MS,
  type Name,
  otherOf,
  type SimInvocation,
  type SimServer,
  type SimState,
  UUIDS,
} from './state.ts'

export const POLICY: Policy = {
  pair: 'orders',
  servers: { alice: { address: ADDRESSES.alice }, bob: { address: ADDRESSES.bob } },
  record: { name: 'writer.orders.example.com', type: 'A', ttlSeconds: 5 },
  detection: {
    probeIntervalMs: 1000,
    probeTimeoutMs: 1000,
    refusedProbes: 3,
    silentProbes: 3,
    freshnessMs: 5000,
  },
  failover: {
    mode: 'automatic',
    catchUpTimeoutMs: 60_000,
    cooldownMs: 3_600_000,
    acceptMissing: [],
    endBlockersAfterMs: 10_000,
  },
  switchover: { writeBlockMs: 5000, longTransactionMs: 2000 },
  claimMs: 15_000,
}

/** What both have at the start: ten transactions of alice's, five that bob wrote in an earlier epoch. */
export const BEGINNING = canonical(`${UUIDS.alice}:1-10,${UUIDS.bob}:1-5`)
const HOUR_MS = 3_600_000

export function firstLedger(change: Partial<Ledger> = {}): Ledger {
  return {
    revision: 7,
    epoch: 3,
    writer: 'alice',
    sinceClockMs: EPOCH_MS - 5 * HOUR_MS,
    how: 'switchover',
    position: digest(BEGINNING),
    range: 10,
    claim: null,
    pause: null,
    holds: [],
    ...change,
  }
}

function server(name: Name): SimServer {
  return {
    name,
    family: 'mysql',
    status: 'up',
    sick: null,
    closed: name !== 'alice',
    durable: true,
    version: '9.7.4',
    executed: BEGINNING,
    received: BEGINNING,
    everReceived: BEGINNING,
    lastReceivedMs: 0,
    half: '',
    halfClosed: false,
    bootsHalfClosed: false,
    stuck: false,
    obstacles: [],
    receiver: 'on',
    receiverErrno: 0,
    silentSinceMs: null,
    moves: 0,
    applier: 'on',
    applierErrno: 0,
    hasChannel: true,
    brokenApplier: false,
    slow: false,
    delaySeconds: 0,
    receivesLateMs: 0,
    startedMs: -HOUR_MS,
    skewMs: name === 'alice' ? 100 : -100,
    heartbeat: {
      sequence: 1,
      writtenClockMs: EPOCH_MS - 1000,
      watch: 'w0',
      watchSinceClockMs: EPOCH_MS - 60_000,
    },
    relayHeartbeat: null,
    heartbeats: [],
    hasTable: true,
    takeover: { epoch: 3, writer: 'alice', takenClockMs: EPOCH_MS - 5 * HOUR_MS, gtidSet: BEGINNING },
    skipsReplicaStart: true,
    semiSync: null,
    events: { scheduler: 'disabled', list: [] },
    refusesEvents: false,
    blockers: [],
    missingRights: [],
    refuses: {},
    heartbeatPeriodMs: 1000,
    sessions: [],
    nextSession: 10,
    flying: [],
    openedBy: '',
    openedAtMs: -HOUR_MS,
  }
}

/** alice is named and open, bob follows; nobody watches yet. */
export function healthy(policy: Partial<Policy> = {}): SimState {
  const ledger = formatLedger(firstLedger())
  return {
    policy: { ...POLICY, ...policy },
    now: 0,
    servers: { alice: server('alice'), bob: server('bob') },
    directory: {
      ledger,
      record: { type: 'A', ttlSeconds: 5, values: [ADDRESSES.alice], foreign: false },
      history: [ledger],
      outage: false,
      wentBack: false,
      newest: { epoch: 3, writer: 'alice' },
      late: [],
      changes: 0,
    },
    cuts: [],
    invocations: {},
    acknowledged: [],
    tables: {},
    searches: 'work',
    failedMs: { alice: null, bob: null },
    known: ['alice'],
    messages: [],
    proof: null,
  }
}

const unseen = { answered: false, open: false, sick: false, heard: false }
const unlinked = () => ({ session: null, guard: null, beat: null, probingSinceMs: null })

/** How far the monotonic clock of every second invocation has come when it starts: some processes are young, some are not. */
const OLD_MS = 1_000_000

/** A watch that has not looked yet. Each has a monotonic clock of its own; that of a new process begins with it (X59). */
export function newInvocation(
  state: SimState,
  who: string,
  lastsMs = 150_000,
  asked: ManualRequest | null = null,
): SimInvocation {
  const others = Object.keys(state.invocations).length
  const offsetMs = (others % 2 === 0 ? 0 : OLD_MS * others) - state.now
  return {
    who,
    asked,
    offsetMs,
    startedMs: state.now,
    endsMs: state.now + lastsMs,
    memory: newMemory(state.policy, state.now + offsetMs, EPOCH_MS + state.now),
    request: firstRequest(),
    pending: null,
    last: null,
    links: { alice: unlinked(), bob: unlinked() },
    code: '',
    finished: false,
    seen: { alice: unseen, bob: unseen },
    lookedMs: state.now,
    directoryRead: false,
    begun: { directory: null, alice: null, bob: null },
  }
}

function firstRequest(): LookRequest {
  const server = {
    probeEveryMs: 250,
    waitMs: 1000,
    events: false,
    transactions: null,
    obstaclesFromMs: null,
    blockers: false,
    rights: false,
  }
  return {
    afterMs: 0,
    directory: true,
    servers: { alice: server, bob: server },
    rereadLast: null,
    followChange: null,
  }
}

export { otherOf }
