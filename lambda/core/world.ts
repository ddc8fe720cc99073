/**
 * The world: everything one look saw, as plain data.
 *
 * A look never fails. A server that doesn't answer, a directory that can't be read and a step whose outcome is unknown are
 * observations like any other, so that `decide` can judge them and a logged world can be replayed.
 *
 * Times ending in `AtMs` are the function's monotonic clock; times ending in `ClockMs` are Unix milliseconds of the clock that
 * the name says (the server's own, or the function's wall clock). The two kinds are never compared with each other.
 */
import type { Policy } from './policy.ts'
import type { ActResult } from './step.ts'

export type ServerName = string

export interface World {
  readonly policy: Policy
  /** This invocation's id, unique among all invocations. It stands in claims and in the heartbeat row. */
  readonly who: string
  /** The function's wall clock, Unix ms. For texts only; nothing is decided by it. */
  readonly wallClockMs: number
  /** What a person asked this invocation for; null for a watch on its schedule. */
  readonly request: ManualRequest | null
  /** How long this invocation may still run. */
  readonly remainingMs: number
  readonly servers: Readonly<Record<ServerName, ServerView>>
  /** What this look read of the directory; null if it did not ask. */
  readonly directory: DirectoryView | null
  /** How far the last change has spread; null if nobody asked or nothing is known yet. */
  readonly visibility: Visibility | null
  /** What became of the step that the decision before this look ordered; null if it ordered none. */
  readonly last: ActResult | null
}

/** What a person can ask for. */
export type ManualRequest =
  | ManualFailover
  | PlannedSwitchover
  | ManualAdoption
  | ManualPause
  | ManualResume
  | ManualRelease

interface Asked {
  /** Codes of refusals that it is to go without. */
  readonly force: readonly string[]
}

/** A failover by hand: it passes cooldown and alert mode, and every reason against it that is named. */
export interface ManualFailover extends Asked {
  readonly action: 'failover'
}

/** There is no ledger, and a person says who the writer is. */
export interface ManualAdoption extends Asked {
  readonly action: 'adopt'
  readonly writer: ServerName
}

/** No new failover or switchover until then. */
export interface ManualPause extends Asked {
  readonly action: 'pause'
  /** Unix ms by the clock of who asked; 0 for until resumed. */
  readonly untilClockMs: number
}

export interface ManualResume extends Asked {
  readonly action: 'resume'
}

/** A held server may take part again. */
export interface ManualRelease extends Asked {
  readonly action: 'release'
  readonly server: ServerName
}

/** A switchover: the writer's role goes to the other server on purpose, and nothing is lost. */
export interface PlannedSwitchover extends Asked {
  readonly action: 'switchover'
  /** The server that is to be the writer. */
  readonly to: ServerName
  /** Only say what would be done, and what stands against it. */
  readonly dryRun: boolean
  /** Let the writer record's TTL run out at a low value before anything is closed. */
  readonly lowerTtl: boolean
  /** How long to wait for a good moment while writes flow; 0: refuse at once. */
  readonly waitForQuietMs: number
}

export interface ServerView {
  /** Probes that ended since the look before, oldest first. Each is reported once. */
  readonly probes: readonly Probe[]
  /** The facts, or null if the server gave none in this look. */
  readonly answer: Answer | null
  /** The idle connection that only listens: a killed server closes it within a millisecond. */
  readonly guard: 'open' | 'closed'
  /** The heartbeat write sent last by this invocation; null before the first. */
  readonly beat: Beat | null
}

/** One fresh connection with full handshake and a query, or the standing connection's late answer. */
export interface Probe {
  readonly startedAtMs: number
  readonly endedAtMs: number
  /**
   * answered: the query came back. refused: the host answers and no one listens. silent: no answer within the deadline, or the
   * network says unreachable. sick: the server answered with an error (too many connections, access denied, starting up, ...):
   * it lives. untrusted: TLS could not be verified: something lives there, and it is not proven to be our server.
   */
  readonly outcome: 'answered' | 'refused' | 'silent' | 'sick' | 'untrusted'
  readonly errno: number | null
  readonly message: string
}

export interface Beat {
  readonly sequence: number
  /** pending: sent, no answer yet. committed. skipped: the statement's own guard refused (closed, or too late). failed: an error. */
  readonly state: 'pending' | 'committed' | 'skipped' | 'failed'
  readonly sentAtMs: number
  readonly endedAtMs: number | null
  readonly message: string
}

export interface Answer {
  /** Connection id of the standing connection that this look used. Steps go only over this connection (R4). */
  readonly session: number
  readonly family: 'mysql' | 'mariadb'
  readonly version: string
  /** What names it as the origin of its GTIDs: MySQL's server_uuid, MariaDB's server_id. */
  readonly uuid: string
  /** The server's own UTC clock at `readAtMs`; where a round trip leaves it open, the earliest that it can have been. */
  readonly clockMs: number
  /** When the server started, by its own clock; exact to about a second. */
  readonly startedClockMs: number
  /** When the facts were asked for, by the function's clock: `executed` holds all that had been committed by then. */
  readonly readAtMs: number
  /** The same for all but `executed`, which may have been read again since (R12). */
  readonly askedAtMs: number
  /** True if nobody can write: read_only and, where it exists, super_read_only. */
  readonly closed: boolean
  /** read_only is on and super_read_only is not: applications can't write, and privileged sessions still can. */
  readonly halfClosed: boolean
  /** GTID set of everything committed here; without what Hotspare numbers apart. */
  readonly executed: string
  /** How this server numbers what is written on it; null on MySQL, where each server has numbers of its own. */
  readonly numbering: Numbering | null
  /** How it receives from the other server; null if replication isn't configured. */
  readonly channel: Channel | null
  /** The pair's heartbeat row; 'no-row' if the table has none for this pair, 'no-table' if it can't be read. */
  readonly heartbeat: HeartbeatRow | 'no-row' | 'no-table'
  /** The newest takeover row of this pair; null if there is none. */
  readonly takeover: TakeoverRow | null
  /** Sessions of Hotspare's account that are not live connections of this invocation. */
  readonly others: readonly OtherSession[]
  /** Sessions of applications and people (not replication, not ours, not system). */
  readonly clients: number
  readonly semiSync: SemiSync | null
  /** sync_binlog = 1 and innodb_flush_log_at_trx_commit = 1. */
  readonly durable: boolean
  /** skip_replica_start: threads stay down after a restart until Hotspare has compared; null where the server doesn't tell. */
  readonly skipsReplicaStart: boolean | null
  /** What the event scheduler runs; null if the look wasn't asked for it. */
  readonly events: EventsView | null
  /** What the look was asked to find out about single transactions; null if not asked, not found out yet, or if that failed. */
  readonly transactions: readonly Transaction[] | null
  /** Of the numbers asked for, those that no transaction has (MariaDB: servers of a domain share its numbers); '' if none. */
  readonly absent: string
  /**
   * Why something that was asked for is not told, in the server's words; '' if nothing is missing, or nothing was asked. With
   * `transactions` null the search failed as a whole.
   */
  readonly unread: string
  /** What stands in the way of a switchover here; null if the look was not asked for it, or couldn't find out. */
  readonly obstacles: readonly Obstacle[] | null
  /** Locks and backups of others that would keep a spare from applying or from taking writes; null if not asked, or not told. */
  readonly blockers: readonly Obstacle[] | null
  /** What our own account may do here; null if the look was not asked for it. */
  readonly rights: RightsView | null
}

export interface RightsView {
  /** The GRANT statements that would give what is missing; null if that can't be told. */
  readonly missing: readonly MissingRight[] | null
}

export interface MissingRight {
  readonly grant: string
  /** No failover to this server can work without it. */
  readonly needed: boolean
}

/** MariaDB: all servers of a domain draw from one row of numbers. */
export interface Numbering {
  /** In strict mode: what is logged later in a domain has the higher number, whoever wrote it. */
  readonly inOrder: boolean
  /** Hotspare's own writes have a domain of this server's own, so one that is lost leaves its number to nobody (X31). */
  readonly oursApart: boolean
}

/** A session that would block the closing of its server, lose its work by it, or keep replicated transactions waiting. */
export interface Obstacle {
  readonly session: number
  readonly account: string
  /**
   * transaction, statement: older than was asked for. ddl: one at work or waiting. lock: locks on tables or on the whole server.
   * backup: the lock that backups take.
   */
  readonly kind: 'transaction' | 'statement' | 'ddl' | 'lock' | 'backup'
  /** How old it is, as far as the server tells. */
  readonly ageMs: number
  /** The kind of statement or lock, such as `update`; never a statement's text. */
  readonly doing: string
}

export interface Channel {
  readonly receiver: 'on' | 'connecting' | 'off'
  /** Why the receiver is not connected: the last error's number (0: none) and text. */
  readonly receiverErrno: number
  readonly receiverError: string
  /** The source's, as in `Answer.uuid`; empty before the first connection. */
  readonly sourceUuid: string
  /** GTID set of complete transactions received over this channel. */
  readonly received: string
  /** Position in the source's log up to which the receiver has read, as `file:position`. */
  readonly readPosition: string
  readonly heartbeatsReceived: number
  /** When a heartbeat or transaction came last, by this server's clock; 0 if it doesn't say. */
  readonly lastReceivedClockMs: number
  /** The period of the source's own heartbeats on an idle channel. */
  readonly heartbeatPeriodMs: number
  /** A transaction that is half received: its GTID, or 'half' where the server doesn't name it; empty if none. */
  readonly queueing: string
  readonly applier: 'on' | 'off'
  readonly applierErrno: number
  readonly applierError: string
  /** GTIDs that appliers are at work on, complete or not; MariaDB doesn't tell. */
  readonly applying: readonly string[]
  readonly delaySeconds: number
}

export interface HeartbeatRow {
  readonly sequence: number
  /** When it was written, by the clock of the server that was the writer then. */
  readonly writtenClockMs: number
  /** The invocation that wrote it, and since when that one has been watching (by that function's wall clock). */
  readonly watch: string
  readonly watchSinceClockMs: number
}

export interface TakeoverRow {
  readonly epoch: number
  readonly writer: ServerName
  /** When it was first written, by that writer's clock. */
  readonly takenClockMs: number
  readonly gtidSet: string
}

export interface OtherSession {
  readonly id: number
  /** The invocation it belongs to, where the server shows it; empty if not. */
  readonly who: string
}

export interface SemiSync {
  /** Its commits are to wait for a replica's acknowledgement. */
  readonly sourceWaits: boolean
  /** They do: it has not gone on without after a time-out. */
  readonly working: boolean
  /** It acknowledges what it receives from its own source. */
  readonly acknowledges: boolean
  readonly replicasAcknowledging: number
  readonly timeoutMs: number
}

export interface EventsView {
  /** disabled: switched off for good when the server started. unknown: the account may not ask. */
  readonly scheduler: 'on' | 'off' | 'disabled' | 'unknown'
  readonly list: readonly ServerEvent[]
}

export interface EventName {
  readonly schema: string
  readonly name: string
  /** `user@host`; kept when its state is changed. */
  readonly definer: string
}

export interface ServerEvent extends EventName {
  /** replica-side: it came by replication, which tells no replica whether it was enabled on its source. */
  readonly state: 'enabled' | 'disabled' | 'replica-side'
}

export interface Transaction {
  readonly gtid: string
  /**
   * `schema.table` of each table it changes. Where the log holds a statement in place of rows, `statement on schema.table` or the like,
   * as far as its text says; empty if nothing is certain.
   */
  readonly tables: readonly string[]
}

export type DirectoryView = DirectoryRead | DirectoryUnreadable

export interface DirectoryRead {
  readonly state: 'read'
  /** When the reading began: what it shows may be as old as that (R13). */
  readonly startedAtMs: number
  readonly readAtMs: number
  /** The ledger's text, its strings joined; null if there is no TXT record. */
  readonly ledger: string | null
  /** The writer record exactly as it stands; null if there is none. */
  readonly record: WriterRecord | null
}

export interface DirectoryUnreadable {
  readonly state: 'unreadable'
  readonly startedAtMs: number
  readonly readAtMs: number
  /** timeout: no answer. denied: the rights are missing. throttled: the account's request limit. error: anything else. */
  readonly kind: 'timeout' | 'denied' | 'throttled' | 'error'
  readonly message: string
}

export interface WriterRecord {
  readonly type: string
  readonly ttlSeconds: number
  readonly values: readonly string[]
  /** True if it is something that Hotspare can't swap (alias, weighted, several under one name). */
  readonly foreign: boolean
}

export interface Visibility {
  readonly changeId: string
  /** Route 53 says that all its name servers have the change. */
  readonly insync: boolean
  /** What the name resolves to now, as an application's resolver sees it; null if it could not be asked. */
  readonly resolved: readonly string[] | null
}
