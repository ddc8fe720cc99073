/**
 * The simulated pair's state: plain data, cheap to clone and to hash. Two servers, a directory, the network between everybody, and
 * the invocations that watch.
 *
 * Time is one number, `now`; each server and each invocation reads it with an offset of its own, so that mixing clocks shows.
 */
import type { Memory } from '../../lambda/core/memory.ts'
import type { Policy } from '../../lambda/core/policy.ts'
import type { ActResult, LookRequest, ServerStep, Step, SwapStep } from '../../lambda/core/step.ts'
import type {
  Beat,
  DirectoryView,
  EventsView,
  HeartbeatRow,
  ManualRequest,
  MissingRight,
  Obstacle,
  SemiSync,
  ServerView,
  TakeoverRow,
  WriterRecord,
} from '../../lambda/core/world.ts'

export type Name = 'alice' | 'bob'
export const NAMES: readonly Name[] = ['alice', 'bob']
export const otherOf = (name: Name): Name => (name === 'alice' ? 'bob' : 'alice')

export const UUIDS: Readonly<Record<Name, string>> = {
  alice: 'aaaaaaaa-1111-4111-8111-aaaaaaaaaaaa',
  bob: 'bbbbbbbb-2222-4222-8222-bbbbbbbbbbbb',
}
export const ADDRESSES: Readonly<Record<Name, string>> = { alice: '10.0.1.10', bob: '10.0.2.10' }

/** Unix ms at `now` 0. */
export const EPOCH_MS = 1_800_000_000_000

export interface SimSession {
  readonly id: number
  readonly who: string
}

/** A statement that a server has and has not run yet: it was frozen, or the statement waits for a lock. */
export interface Flying {
  readonly step: ServerStep
  readonly session: number
  readonly who: string
  /** It was sent under a claim to switch over. */
  readonly planned: boolean
}

export interface Refusing {
  readonly outcome: 'refused' | 'unknown'
  readonly errno: number | null
}

export interface SimServer {
  readonly name: Name
  family: 'mysql' | 'mariadb'
  status: 'up' | 'down' | 'frozen'
  /** Error number that it answers to every connection instead of serving; null if it is well. */
  sick: number | null
  closed: boolean
  /** read_only without super_read_only: applications can't write. */
  halfClosed: boolean
  /** It takes what is written and commits nothing: a full disk, a lock, an acknowledgement that nobody gives. */
  stuck: boolean
  /** Its options say read_only without super_read_only: so it comes up half closed. */
  bootsHalfClosed: boolean
  /** Sessions of others that stand in the way; a close that one of them blocks gives up. */
  obstacles: readonly Obstacle[]
  durable: boolean
  version: string
  executed: string
  received: string
  /** Everything that it ever received, whatever became of its relay log. */
  everReceived: string
  lastReceivedMs: number
  /** A transaction of which only half has arrived. */
  half: string
  receiver: 'on' | 'connecting' | 'off'
  receiverErrno: number
  /** Since when nothing came in although the receiver runs. */
  silentSinceMs: number | null
  /** Heartbeats and bytes that came in, as one number that moves. */
  moves: number
  applier: 'on' | 'off'
  applierErrno: number
  /** Replication is set up there. */
  hasChannel: boolean
  /** What its applier met is still there: a START stops at once with the same error. */
  brokenApplier: boolean
  /** It applies only when the story says so. */
  slow: boolean
  /** It applies this late on purpose. */
  delaySeconds: number
  /** What it receives is this old: the way from the writer is too narrow for what the writer commits. */
  receivesLateMs: number
  startedMs: number
  skewMs: number
  heartbeat: HeartbeatRow | null
  /** The newest heartbeat row among what was received. */
  relayHeartbeat: HeartbeatRow | null
  /** The rows that were written here, newest last, as long as a late replica may still receive them. */
  heartbeats: readonly { readonly row: HeartbeatRow; readonly atMs: number }[]
  hasTable: boolean
  takeover: TakeoverRow | null
  skipsReplicaStart: boolean
  semiSync: SemiSync | null
  events: EventsView
  refusesEvents: boolean
  /** Sessions of others that hold locks there; while one does, nothing is applied, and a backup's keeps the applier from being stopped. */
  blockers: readonly Obstacle[]
  missingRights: readonly MissingRight[]
  /** What it does to every step of a kind, until it stops: says no, or never answers. */
  refuses: Readonly<Partial<Record<ServerStep['kind'], Refusing>>>
  heartbeatPeriodMs: number
  sessions: readonly SimSession[]
  nextSession: number
  flying: readonly Flying[]
  /** When and by whose statement it was opened last; empty for nobody of ours. */
  openedBy: string
  openedAtMs: number
}

export interface SimLink {
  session: number | null
  guard: number | null
  beat: Beat | null
  /** When the probe that hasn't ended yet began. */
  probingSinceMs: number | null
}

export interface Seen {
  readonly answered: boolean
  readonly open: boolean
  readonly sick: boolean
  /** At the look, the truth: up, open, and heard by the other server. */
  readonly heard: boolean
}

export interface SimInvocation {
  readonly who: string
  /** What a person asked it for; null for a watch. */
  readonly asked: ManualRequest | null
  readonly offsetMs: number
  readonly startedMs: number
  readonly endsMs: number
  memory: Memory
  request: LookRequest
  /** Decided on the last look and not done yet. */
  pending: Step | null
  last: ActResult | null
  links: Readonly<Record<Name, SimLink>>
  code: string
  finished: boolean
  seen: Readonly<Record<Name, Seen>>
  lookedMs: number
  directoryRead: boolean
  /** Of a torn look: what it read before other things happened. */
  begun: Readonly<{ directory: DirectoryView | null; alice: ServerView | null; bob: ServerView | null }>
}

export interface SimDirectory {
  ledger: string | null
  record: WriterRecord | null
  /** Every ledger text that ever stood, oldest first. */
  history: readonly string[]
  outage: boolean
  /** It went back to an earlier text at some time: what was lost then may recur. */
  wentBack: boolean
  /** The highest epoch that ever stood, whatever stands now, and its writer. */
  newest: { readonly epoch: number; readonly writer: Name }
  /** Swaps that were sent and not carried out yet. */
  late: readonly { readonly step: SwapStep; readonly who: string }[]
  changes: number
}

export interface Commit {
  readonly gtid: string
  readonly server: Name
  readonly atMs: number
}

export interface SimState {
  policy: Policy
  now: number
  servers: Readonly<Record<Name, SimServer>>
  directory: SimDirectory
  /** Broken links, `a~b` with a < b. */
  cuts: readonly string[]
  invocations: Readonly<Record<string, SimInvocation>>
  /** Every commit that an application got an answer for. */
  acknowledged: readonly Commit[]
  /** What single transactions changed, if not `app.orders`. */
  tables: Readonly<Record<string, readonly string[]>>
  /** What becomes of a search in a binary log; `unsure`: it ends before all was read, and knows no tables. */
  searches: 'work' | 'hang' | 'fail' | 'unsure'
  /** When each server last became unreachable for everybody (crash, freeze). */
  failedMs: Readonly<Record<Name, number | null>>
  /** Whom applications ever knew as the writer: stale pools. */
  known: readonly Name[]
  messages: readonly string[]
  /** Who last put a claim to fail over by what it saw itself, and whether the spare could hear the old writer then. */
  proof: { readonly who: string; readonly heard: boolean } | null
}

/** Applications can commit there. */
export const takesWrites = ({ status, closed, halfClosed }: SimServer) =>
  status === 'up' && !closed && !halfClosed

export const cutName = (a: string, b: string) => [a, b].sort().join('~')
export const isCut = (state: SimState, a: string, b: string) => state.cuts.includes(cutName(a, b))

/** A copy whose servers, directory and invocations may be changed; everything below them is replaced, never changed. */
export function clone(state: SimState): SimState {
  return {
    ...state,
    servers: { alice: { ...state.servers.alice }, bob: { ...state.servers.bob } },
    directory: { ...state.directory },
    invocations: Object.fromEntries(
      Object.entries(state.invocations).map(([who, each]) => [
        who,
        { ...each, links: { alice: { ...each.links.alice }, bob: { ...each.links.bob } } },
      ]),
    ),
  }
}

export function invocationOf(state: SimState, who: string): SimInvocation {
  const found = state.invocations[who]
  if (found === undefined) throw new Error(`no invocation ${who} in this story`)
  return found
}
