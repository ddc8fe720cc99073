/**
 * What an invocation remembers from look to look: evidence, never plans. Plain data, so that a logged memory and a logged world
 * replay a decision. Nothing here outlives the invocation; what has to is in the ledger or on the servers.
 */
import type { Inspections } from './inspection.ts'
import type { Policy } from './policy.ts'
import type { Risk } from './risk.ts'
import type { ServerStep, SwapStep } from './step.ts'
import type {
  EventsView,
  HeartbeatRow,
  Numbering,
  Obstacle,
  RightsView,
  SemiSync,
  ServerName,
  WriterRecord,
} from './world.ts'

export interface Memory {
  readonly startedAtMs: number
  /** When this watch began, by the function's wall clock; stands in the heartbeat row. */
  readonly watchSinceClockMs: number
  readonly servers: Readonly<Record<ServerName, ServerMemory>>
  readonly ledger: LedgerMemory
  /** The named server was seen open while the claim that stands now did, whoever holds it. */
  readonly openUnderClaim: boolean
  /** The named server is closed, and the ledger was read after that had been seen: no claim that we don't know of explains it. */
  readonly readSinceClosed: boolean
  /** What was done under our own claim; null while we hold none. */
  readonly ours: ClaimMemory | null
  /** Up to when the spare is known to have received everything that the writer had committed. */
  readonly coveredAtMs: number | null
  /** The same, as far as the writer was open when it was read. */
  readonly coveredOpenAtMs: number | null
  /** Positions of the writer that the spare had not received at the last look, oldest first, a few of them. */
  readonly unreceivedMarks: readonly Position[]
  /** Up to when the spare is known to have acknowledged everything that the writer had told anybody of (semi-synchronous). */
  readonly acknowledgedAtMs: number | null
  /** Up to when the spare is known to have applied everything that the writer had committed. */
  readonly appliedAtMs: number | null
  /** Positions of the writer that the spare had not applied at the last look, oldest first, a few of them. */
  readonly unappliedMarks: readonly Position[]
  /** When both first answered in one look: nothing is known of how far behind the spare was before. */
  readonly bothSinceMs: number | null
  /** How far the spare was behind in applying at the look before this one, at least; null until both have answered twice. */
  readonly lagMs: number | null
  /** The writer's commits a second, as seen lately. */
  readonly commitsPerSecond: number
  /** What only the spare has, as `looks` looks in a row agree. */
  readonly comparison: Comparison | null
  /** What was looked up about single transactions, by the server whose log it was. */
  readonly inspections: Inspections
  /** What a failover would lose, as last measured before the spare was opened. */
  readonly risk: Risk | null
  readonly timeline: readonly Mark[]
  /** Why the switchover that this invocation was asked for was given up; null while it was not. */
  readonly givenUp: GivenUp | null
  /** The swap of the writer that this invocation itself made. */
  readonly moved: Move | null
  /** Steps that a server has refused or not answered since they last worked, one entry for each server and kind. */
  readonly stuck: readonly Stuck[]
  /** Claims that were given back for one of them; null if none was, or things have moved since. */
  readonly gaveBack: GaveBack | null
  /** Keys of messages that were sent. */
  readonly told: readonly string[]
  /** When an expired claim was last taken over, ours or another's. */
  readonly tookOverAtMs: number | null
}

/** What a server had committed at a moment. */
export interface Position {
  readonly executed: string
  readonly readAtMs: number
}

export interface ServerMemory {
  /** Probes in a row that failed in this way since the last answer. */
  readonly refused: number
  readonly silent: number
  /** When the first of them began (or the guard connection closed); null while it answers. */
  readonly failingSinceMs: number | null
  readonly lastAnswerAtMs: number | null
  /** Its clock minus the function's monotonic one, at the last answer: two of these tell how far apart two servers' clocks are. */
  readonly clockOffsetMs: number | null
  /** The last probe's complaint, if the server answered with one. */
  readonly ailment: {
    readonly outcome: 'sick' | 'untrusted'
    readonly errno: number | null
    readonly message: string
  } | null
  /** From the last answer. */
  readonly known: Known | null
  /** Since when it answers, open, and commits none of our heartbeats, and what was said of the last one; null while it does. */
  readonly unwritten: { readonly sinceMs: number; readonly why: string } | null
  readonly events: EventsMemory
  /** As read last; null if never. */
  readonly blockers: { readonly list: readonly Obstacle[]; readonly readAtMs: number } | null
  readonly rights: (RightsView & { readonly readAtMs: number }) | null
  /** When its receiver was first seen to be off; 0 if it was so at the first look; null while it isn't. */
  readonly receiverOffSinceMs: number | null
  /** What moves while its source lives, as one text; and when it last did. */
  readonly channelMark: string
  readonly channelMovedAtMs: number | null
  /** Everything that it was ever seen to have, applied or only received: what becomes less was thrown away (X6). */
  readonly held: string
  /** When its applier was last seen to run. */
  readonly applierOnAtMs: number | null
  /** What the connection that stands has shown, and since when; null before the first answer. */
  readonly standing: Standing | null
  /** The newest takeover row there, and when it was first seen; null if there was none at the last answer. */
  readonly takeover: {
    readonly epoch: number
    readonly writer: ServerName
    readonly seenAtMs: number
  } | null
}

/** Times are those of the first look, over this very connection and without a break, that showed it so: it was so by then. */
export interface Standing {
  readonly session: number
  readonly startedClockMs: number
  readonly closed: boolean
  readonly shownSinceMs: number
  /** Its receiver runs or tries to; null if it is off. */
  readonly receivingSinceMs: number | null
}

export interface EventsMemory {
  /** As read last, be it long ago (`readAtMs` null: to be read again); null if never, or not since a step of ours changed it. */
  readonly now: {
    readonly view: EventsView
    /** It took writes then. */
    readonly open: boolean
    readonly readAtMs: number | null
  } | null
  /** Its scheduler ran while it was open and a claim came to stand: whoever held that may have stopped it. */
  readonly ran: boolean
  /** How often this invocation has tried to start or stop something there. */
  readonly steps: number
}

export interface Known {
  /** Of the standing connection that it was read over. */
  readonly session: number
  readonly uuid: string
  readonly executed: string
  readonly numbering: Numbering | null
  readonly count: number
  readonly readAtMs: number
  readonly startedClockMs: number
  readonly skipsReplicaStart: boolean | null
  readonly semiSync: SemiSync | null
  /** Applications could not write there: closed, or closed by half. */
  readonly closed: boolean
  readonly version: string
  readonly heartbeat: HeartbeatRow | null
}

export interface LedgerMemory {
  /** unread: never. stale: a swap was refused or nobody knows what became of it: read before anything else. */
  readonly state: 'unread' | 'known' | 'stale'
  readonly text: string | null
  readonly record: WriterRecord | null
  readonly readAtMs: number | null
  /** When the reading, or the swap of ours, began that the text comes from. */
  readonly readStartedAtMs: number | null
  /** The newest text that was read or that we wrote: epochs and revisions only grow. Null where there was none. */
  readonly newest: { readonly epoch: number; readonly revision: number } | null
  /** Since when what is read is older than that; null while it isn't (R14). */
  readonly olderSinceMs: number | null
  /** Since when we have known this very text. */
  readonly unchangedSinceMs: number
  /** The highest revision seen or sent: the next swap goes above it (R2, R6). */
  readonly revisionMax: number
  /** The last swap we sent. */
  readonly sent: {
    readonly text: string
    readonly purpose: SwapStep['purpose']
    readonly startedAtMs: number
  } | null
  /**
   * A swap of unknown outcome has not landed as far as we can read, and still may: before anything is done to a server the text
   * has to change once more (R6).
   */
  readonly unsettled: boolean
  /** Swaps that were refused since the last one that landed. */
  readonly refused: { readonly count: number; readonly message: string; readonly atMs: number } | null
  /** The last reading failed; null once one succeeded. */
  readonly failure: { readonly kind: string; readonly message: string; readonly sinceMs: number } | null
}

export interface ClaimMemory {
  /** When the swap that made or renewed it was sent: the earliest moment from which others may count its length. */
  readonly renewedAtMs: number
  /** This invocation itself confirmed the death under this claim; not inherited by who takes over (R10). */
  readonly proven: boolean
  /** How far other sessions of Hotspare were killed on each server (R4). */
  readonly swept: Readonly<Record<ServerName, 'claimed' | 'opening'>>
  /** The opening statement sent last, and when its end has passed for sure. */
  readonly opening: {
    readonly server: ServerName
    readonly endsAtMs: number
    readonly settled: boolean
    /** The server said that it took effect. */
    readonly done: boolean
  } | null
  readonly reconnected: boolean
  /** We stopped the spare's receiver under this claim and did not start it since: an error that stands there is an old one. */
  readonly detached: boolean
  /** How often the spare was told to follow the open named server, and when last. */
  readonly follow: { readonly times: number; readonly lastAtMs: number | null }
  readonly catchingUp: CatchingUp | null
  /** When the holder before last proved the death, by the target's own clock, if it was taken over from another; else 0. */
  readonly takenOverClockMs: number
  /** It was decided to give it back: nothing else is begun under it. */
  readonly givingBack: boolean
  /** Since when locks of others are seen on the target; null while there are none. */
  readonly blockedSinceMs: number | null
  /** When the target had started, as first seen under this claim; it must not have restarted since. */
  readonly targetStartedClockMs: number | null
  /** The close of the named server under this claim: nobody could write from its start on. */
  readonly closing: {
    readonly startedAtMs: number
    readonly endedAtMs: number
    readonly outcome: 'done' | 'refused' | 'unknown'
  } | null
  /** The writer record's TTL was lowered with this claim. */
  readonly lowered: {
    readonly fromSeconds: number
    /** The change to follow until every name server has it; null if its answer was lost. */
    readonly changeId: string | null
    readonly landedAtMs: number
    readonly insyncAtMs: number | null
  } | null
}

/** How the target gets on with what it has received, since this invocation holds the claim. */
export interface CatchingUp {
  readonly sinceMs: number
  /** Transactions that were not applied at first, and at the last look. */
  readonly leftAtFirst: number
  readonly left: number
  /** When there was last one less, or one more. */
  readonly movedAtMs: number
}

export interface Stuck {
  readonly server: ServerName
  readonly kind: ServerStep['kind']
  readonly firstAtMs: number
  readonly lastAtMs: number
  readonly times: number
  /** Of the last try, and what the server said. */
  readonly outcome: 'refused' | 'unknown'
  readonly errno: number | null
  readonly message: string
}

export interface GaveBack {
  readonly times: number
  readonly atMs: number
  readonly why: Stuck | null
}

export interface GivenUp {
  readonly code: string
  readonly because: string
  /** What stood in the way then. */
  readonly obstacles: readonly Obstacle[]
  /** True if nothing had been closed yet: it may be tried again. */
  readonly early: boolean
}

export interface Comparison {
  readonly server: ServerName
  /** GTID set that the spare has and the writer lacks. */
  readonly alone: string
  /** GTID set of the spare's own origin that the writer has and the spare lacks. */
  readonly lacks: string
  /** How many looks in a row found the same, or at least some of it again: one that goes on writing has more in each. */
  readonly looks: number
  /** Since when each look has found something that only the spare has; null while none is. */
  readonly aloneSinceMs: number | null
}

export interface Mark {
  readonly what:
    | 'lastAnswer'
    | 'detected'
    | 'confirmed'
    | 'claimed'
    | 'closing'
    | 'closed'
    | 'caughtUp'
    | 'opened'
    | 'reopened'
    | 'moved'
    | 'following'
    | 'writable'
    | 'visible'
  readonly atMs: number
}

export interface Move {
  readonly from: ServerName
  readonly to: ServerName
  /** When the swap was sent. */
  readonly sentAtMs: number
  readonly changeId: string | null
  readonly closeQueued: boolean
}

export function newMemory(policy: Policy, now: number, watchSinceClockMs: number): Memory {
  const blank: ServerMemory = {
    refused: 0,
    silent: 0,
    failingSinceMs: null,
    lastAnswerAtMs: null,
    clockOffsetMs: null,
    ailment: null,
    known: null,
    unwritten: null,
    receiverOffSinceMs: null,
    events: { now: null, ran: false, steps: 0 },
    blockers: null,
    rights: null,
    channelMark: '',
    channelMovedAtMs: null,
    held: '',
    applierOnAtMs: null,
    standing: null,
    takeover: null,
  }
  return {
    startedAtMs: now,
    watchSinceClockMs,
    servers: Object.fromEntries(Object.keys(policy.servers).map((name) => [name, blank])),
    ledger: {
      state: 'unread',
      text: null,
      record: null,
      readAtMs: null,
      readStartedAtMs: null,
      newest: null,
      olderSinceMs: null,
      unchangedSinceMs: now,
      revisionMax: 0,
      sent: null,
      unsettled: false,
      refused: null,
      failure: null,
    },
    openUnderClaim: false,
    readSinceClosed: false,
    ours: null,
    coveredAtMs: null,
    coveredOpenAtMs: null,
    unreceivedMarks: [],
    acknowledgedAtMs: null,
    appliedAtMs: null,
    unappliedMarks: [],
    bothSinceMs: null,
    lagMs: null,
    commitsPerSecond: 0,
    comparison: null,
    inspections: {},
    risk: null,
    timeline: [],
    givenUp: null,
    moved: null,
    stuck: [],
    gaveBack: null,
    told: [],
    tookOverAtMs: null,
  }
}
