/**
 * Steps: the only things Hotspare does to the world, one at a time, each followed by a fresh look.
 *
 * Every step is idempotent and carries its own deadline. Those that go to a server name the session that the look used; if that
 * connection is gone, the step is refused and nothing happens (R4).
 */
import type { EventName, ServerName, WriterRecord } from './world.ts'

export type Step = SwapStep | ServerStep

/** What a swap is for. */
export type Purpose =
  | 'adopt'
  /** The death is confirmed: fail over. */
  | 'claim'
  /** The named server is back without what the spare has: fail over, though nobody is dead. */
  | 'claim-short'
  /** The named server restarted whole: open it again. */
  | 'claim-reopen'
  /** A person asked for it and nothing stands against it: switch over. */
  | 'claim-switchover'
  | 'renew'
  | 'take-over'
  /** The death is confirmed again under a claim that was taken over or went back. */
  | 'prove'
  | 'undo'
  | 'move'
  | 'release'
  /** A server refuses what we need under the claim, and nothing was opened. */
  | 'give-back'
  | 'hold'
  /** A person lets a held server take part again. */
  | 'unhold'
  /** It has gone back: whom the newest takeover row names is named again. */
  | 'mend'
  | 'pause'
  | 'resume'

/** One atomic batch that replaces ledger and writer record, or fails if either isn't exactly as expected. */
export interface SwapStep {
  readonly kind: 'swap'
  /** What it is for; for people. */
  readonly purpose: Purpose
  readonly from: { readonly ledger: string | null; readonly record: WriterRecord | null }
  readonly to: { readonly ledger: string; readonly record: WriterRecord }
  readonly deadlineMs: number
}

interface ToServer {
  readonly server: ServerName
  readonly session: number
  readonly deadlineMs: number
}

export type ServerStep =
  | CloseStep
  | OpenStep
  | KillOthersStep
  | DetachStep
  | StopApplierStep
  | StartThreadsStep
  | ReconnectStep
  | StopWaitingStep
  | RecordTakeoverStep
  | BeatStep
  | QueueCloseStep
  | StartEventsStep
  | StopEventsStep
  | EndBlockersStep

/** Make a server refuse all writes, then kill the sessions of applications and people on it. */
export interface CloseStep extends ToServer {
  readonly kind: 'close'
  /** Server-side limit on waiting for locks, whole seconds, at least 1. */
  readonly lockWaitSeconds: number
  /** Kill those sessions before closing too, so that they write as little as possible meanwhile. */
  readonly killFirst: boolean
}

/** Let a server take writes; does nothing if its own clock has passed `untilClockMs`. */
export interface OpenStep extends ToServer {
  readonly kind: 'open'
  readonly untilClockMs: number
}

/** Kill sessions of Hotspare's account that belong to others or were given up, and see that they are gone. */
export interface KillOthersStep extends ToServer {
  readonly kind: 'kill-others'
  readonly ids: readonly number[]
}

/** Stop receiving from the other server. */
export interface DetachStep extends ToServer {
  readonly kind: 'detach'
}

/** Stop applying; a worker that holds an incomplete transaction is killed by id so that its rows are free. */
export interface StopApplierStep extends ToServer {
  readonly kind: 'stop-applier'
}

/** Start the applier, then the receiver (that order: T30). */
export interface StartThreadsStep extends ToServer {
  readonly kind: 'start-threads'
  readonly applier: boolean
  readonly receiver: boolean
}

/** Stop and start the receiver, so that it finds out whether its source still answers. */
export interface ReconnectStep extends ToServer {
  readonly kind: 'reconnect'
}

/** Switch semi-synchronous waiting off where no replica would acknowledge. */
export interface StopWaitingStep extends ToServer {
  readonly kind: 'stop-waiting'
}

/** Keep the full GTID set at takeover on the new writer. */
export interface RecordTakeoverStep extends ToServer {
  readonly kind: 'record-takeover'
  readonly epoch: number
  readonly writer: ServerName
  readonly gtidSet: string
}

/** Send the heartbeat write; its outcome shows in later looks (`ServerView.beat`), nobody waits for it. */
export interface BeatStep extends ToServer {
  readonly kind: 'beat'
  readonly sequence: number
  /** The statement changes nothing after this moment of the server's clock. */
  readonly untilClockMs: number
  readonly watchSinceClockMs: number
}

/** Send a close on the silent server's idle connection: it runs when the server wakes and can't be recalled. */
export interface QueueCloseStep {
  readonly kind: 'queue-close'
  readonly server: ServerName
  readonly deadlineMs: number
}

/** Enable these events where they are, out of the binary log and with their definers kept; then start the scheduler. */
export interface StartEventsStep extends ToServer {
  readonly kind: 'start-events'
  readonly enable: readonly EventName[]
}

/** Stop the event scheduler: on MariaDB a privileged event writes on a closed server (T40). */
export interface StopEventsStep extends ToServer {
  readonly kind: 'stop-events'
}

/** End the sessions of others whose locks keep the server from taking over, and see that they are gone. */
export interface EndBlockersStep extends ToServer {
  readonly kind: 'end-blockers'
  readonly ids: readonly number[]
}

export interface ActResult {
  readonly step: Step
  /**
   * done: the server or directory said so. refused: it said no and nothing changed. unknown: no answer within the deadline, or
   * the connection broke: it may have happened, or may yet happen.
   */
  readonly outcome: 'done' | 'refused' | 'unknown'
  readonly message: string
  /** The server's own number of the error that ended it; null if it sent none. */
  readonly errno: number | null
  readonly startedAtMs: number
  readonly endedAtMs: number
  /** Of a swap that was done: the change to follow until it is visible. */
  readonly changeId: string | null
}

/** What the next look has to include. */
export interface LookRequest {
  /** Look again this long after the step, or earlier if a connection closes or a probe ends. */
  readonly afterMs: number
  readonly directory: boolean
  readonly servers: Readonly<Record<ServerName, ServerLookRequest>>
  /** The server whose `executed` is read again after the other's facts (R12); null before the ledger is known. */
  readonly rereadLast: ServerName | null
  /** Follow this change and resolve the writer name; null: don't. */
  readonly followChange: string | null
}

export interface ServerLookRequest {
  /** Start a fresh probe this long after the last one started, while the standing connection doesn't answer. */
  readonly probeEveryMs: number
  /** How long the look may wait for this server's answer. 0: take what is there. */
  readonly waitMs: number
  /** Read the events and the scheduler's state. */
  readonly events: boolean
  /** GTID set whose tables to find out in the binary log; null: none. */
  readonly transactions: string | null
  /** Look for what stands in the way of a switchover; transactions and statements count from this age on. Null: don't. */
  readonly obstaclesFromMs: number | null
  /** Look for locks and backups of others. */
  readonly blockers: boolean
  /** Compare the rights of our own account with those that it needs. */
  readonly rights: boolean
}
