/**
 * A server as Hotspare sees and touches it: MySQL's implementation of ServerLink.
 *
 * The one thing to understand: a look never waits for a silent server. It asks over the standing connection; while that has no
 * answer, fresh probes go out on their own, and the look returns with what there is.
 */
import type { ActResult, BeatStep, QueueCloseStep, ServerLookRequest, ServerStep } from '../../core/step.ts'
import type { Answer, ServerView } from '../../core/world.ts'
import type { ServerLink } from '../server.ts'
import { Arrivals } from './arrivals.ts'
import { Beats } from './beats.ts'
import { tablesOf } from './binlog.ts'
import { textOf } from './columns.ts'
import { profileOf, type ServerProfile } from './control.ts'
import { settledWithin, withinDeadline } from './deadline.ts'
import { Detachment } from './detach.ts'
import type { Dialect } from './dialect.ts'
import { failureOf } from './errors.ts'
import { Guard } from './guard.ts'
import { arrivalMark, chooseChannel, type Facts, readFacts } from './look.ts'
import { openPromise } from './open-promise.ts'
import { performStep } from './perform.ts'
import { Prober, probeOf } from './probe.ts'
import type { Credentials, Session, TlsSettings } from './session.ts'
import { Sessions } from './sessions.ts'
import type { AwaitedStep } from './steps.ts'

export interface MysqlLinkOptions {
  /** The server's name in the configuration. */
  readonly name: string
  readonly pair: string
  /** The invocation's id; stands in the heartbeat row and with each session. */
  readonly who: string
  readonly host: string
  readonly port: number
  readonly tls: TlsSettings
  readonly credentials: () => Promise<Credentials>
  /** Reads them anew, past any cache; asked after access was denied, at most every 10 s. */
  readonly refreshCredentials?: () => Promise<Credentials>
  /** For a probe from connecting to its answer, and for one look's questions. */
  readonly probeTimeoutMs: number
  /** Accounts whose sessions a close leaves alone. */
  readonly keepSessionsOf?: readonly string[]
  readonly monotonicNow: () => number
}

/** Connects at the first look. */
export function createMysqlLink(options: MysqlLinkOptions): ServerLink {
  return new MysqlLink(options)
}

/** The standing connection. Its profile is read with the first look over it. */
interface Control {
  readonly session: Session
  profile: ServerProfile | null
  channelName: string
  /** What came after its look had returned, for the next one. */
  late: { readonly standing: Standing; readonly facts: Facts } | null
}

/** The questions of one look, on their way. */
interface Standing {
  readonly startedAtMs: number
  readonly asksForObstacles: boolean
  readonly facts: Promise<Facts>
  ended: boolean
  /** A look waits for them at this moment. */
  awaited: boolean
  /** A step was done meanwhile: they say nothing about the world after it. */
  stale: boolean
}

/** What became of a search in the binary log: `transactions` is null where it failed. */
type Searched = Pick<Answer, 'transactions' | 'absent' | 'unread'>

interface Scan {
  readonly gtidSet: string
  /** Never rejects. */
  readonly searched: Promise<Searched>
  /** A look has told what came of it. */
  told: boolean
}

const notSearched: Searched = { transactions: null, absent: '', unread: '' }

/** A look that may not wait still gives a healthy server this long before a probe doubts it. */
const doubtAfterMs = 100
/** One that may wait doubts an answer later: the least, and in times of what answers have taken lately. */
const doubtWaitingAfterMs = 250
const doubtAfterUsual = 2
/** What remains of a slow answer's part in that with each further one. */
const usualFades = 0.9
/** In times of the probes' time-out: what is asked for so long ago comes no more, or is too old to be acted on. */
const oldAfterTimeouts = 2
const scanTimeoutMs = 5000
/** ER_SPECIFIC_ACCESS_DENIED_ERROR */
const rightMissingErrno = 1227

class MysqlLink implements ServerLink {
  readonly #options: MysqlLinkOptions
  readonly #sessions: Sessions
  readonly #prober: Prober
  readonly #guard: Guard
  readonly #beats: Beats
  readonly #detachment = new Detachment()
  readonly #arrivals: Arrivals
  readonly #listeners: (() => void)[] = []
  #changed = openPromise()
  #control: Control | null = null
  #dialect: Dialect | null = null
  #standing: Standing | null = null
  #scan: Scan | null = null
  #performing = false
  /** When our rights were last read on this server, some were missing. */
  #lacked = false
  #closed = false
  /** How long answers have taken lately. */
  #usualMs = 0

  constructor(options: MysqlLinkOptions) {
    this.#options = options
    const { monotonicNow, probeTimeoutMs, pair, name: server, who } = options
    const sessions = new Sessions({
      ...options,
      endpoint: { host: options.host, port: options.port, tls: options.tls },
      connectTimeoutMs: probeTimeoutMs,
    })
    this.#sessions = sessions
    this.#prober = new Prober({
      ...{ sessions, probeTimeoutMs, monotonicNow },
      onAnswered: (session) => this.#promote(session),
      onEnded: () => this.#tell(),
    })
    this.#guard = new Guard({ sessions, onClosed: (byPeer) => this.#socketClosed(byPeer) })
    const giveUp = (id: number) => this.#killIfLocked(id)
    this.#beats = new Beats({ sessions, pair, server, who, monotonicNow, giveUp })
    this.#arrivals = new Arrivals({ monotonicNow, read: () => this.#readArrivals() })
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener)
  }

  async look(request: ServerLookRequest, factsFromMs = Number.NEGATIVE_INFINITY): Promise<ServerView> {
    const endsAtMs = this.#options.monotonicNow() + request.waitMs
    this.#dropBefore(factsFromMs)
    const facts = this.#closed ? null : await this.#ask(request, endsAtMs)
    const searched = facts === null ? notSearched : await this.#search(request.transactions, endsAtMs)
    return {
      probes: this.#prober.takeEnded(),
      answer: facts === null ? null : { ...this.#answerOf(facts), ...searched },
      guard: this.#guard.state,
      beat: this.#beats.last,
    }
  }

  async reread(session: number, timeoutMs: number): Promise<{ executed: string; readAtMs: number } | null> {
    const control = this.#control
    const dialect = control?.profile?.dialect
    if (control === null || dialect === undefined || control.session.id !== session) return null
    if (this.#standing !== null || this.#performing) return null
    const readAtMs = this.#options.monotonicNow()
    try {
      const { rows } = await control.session.queryWithin(
        timeoutMs,
        `SELECT ${dialect.executedExpression} AS executed`,
      )
      const [row] = rows
      return row === undefined ? null : { executed: dialect.setOf(textOf(row, 'executed')), readAtMs }
    } catch {
      return null
    }
  }

  async perform(step: ServerStep): Promise<ActResult> {
    const startedAtMs = this.#options.monotonicNow()
    const end = (outcome: ActResult['outcome'], message: string, errno: number | null = null): ActResult => {
      const endedAtMs = this.#options.monotonicNow()
      return { step, outcome, message, errno, startedAtMs, endedAtMs, changeId: null }
    }
    if (step.kind === 'queue-close') return this.#queueClose(step, end)
    const control = this.#control
    const profile = control?.profile ?? null
    if (control === null || profile === null || control.session.id !== step.session) {
      return end('refused', 'the connection that the look used is gone; nothing was sent')
    }
    // It has a connection of its own.
    if (step.kind === 'beat') return this.#beat(step, end)
    if (this.#standing !== null || this.#performing) {
      return end('refused', 'the connection is waiting for an earlier answer; nothing was sent')
    }
    const { outcome, message, errno } = await this.#performOver(control, profile, step)
    // A connection has the rights of its login: what is granted meanwhile reaches only a fresh one.
    if (errno === rightMissingErrno) control.session.destroy()
    return end(outcome, message, errno)
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#arrivals.end()
    await this.#sessions.close()
  }

  async #performOver(control: Control, profile: ServerProfile, step: AwaitedStep) {
    this.#performing = true
    try {
      return await performStep(step, {
        ...{ control: control.session, profile, channelName: control.channelName, sessions: this.#sessions },
        ...{
          pair: this.#options.pair,
          keepSessionsOf: this.#options.keepSessionsOf ?? [],
          detachment: this.#detachment,
          monotonicNow: this.#options.monotonicNow,
        },
      })
    } finally {
      this.#performing = false
    }
  }

  #beat(step: BeatStep, end: (outcome: ActResult['outcome'], message: string) => ActResult): ActResult {
    const refusal = this.#beats.send(step)
    return refusal === null ? end('done', '') : end('refused', refusal)
  }

  async #queueClose(
    step: QueueCloseStep,
    end: (outcome: ActResult['outcome'], message: string) => ActResult,
  ): Promise<ActResult> {
    // The server is silent, so it is known only from before.
    const sent =
      this.#dialect === null
        ? 'no-connection'
        : await this.#guard.queueClose(this.#dialect.close, step.deadlineMs)
    if (sent === 'sent') return end('done', 'sent; it runs when the server wakes')
    if (sent === 'no-connection') return end('refused', 'there is no open connection to send it on')
    return end('unknown', 'the network has not taken it yet')
  }

  /** The facts, if they come in time. Starts the probes that the look is due. */
  async #ask(request: ServerLookRequest, endsAtMs: number): Promise<Facts | null> {
    if (this.#performing) return null
    for (;;) {
      const changed = this.#changed.promise
      if (this.#control === null) {
        this.#prober.startIfDue(request.probeEveryMs)
        if (this.#prober.inFlight === 0) return null
        const hasChanged = await this.#within(
          changed,
          Math.min(endsAtMs, this.#prober.dueAtMs(request.probeEveryMs)),
        )
        if (this.#control === null && (hasChanged || this.#options.monotonicNow() >= endsAtMs)) return null
        continue
      }
      const late = this.#takeLate(this.#control, request)
      if (late !== null) return late
      const standing = this.#standing ?? this.#startReading(this.#control, request)
      if (!(await this.#comes(standing, request, endsAtMs))) return null
      // What was asked for before a step is stale: ask anew. What broke off is asked again over a fresh probe.
      const facts = await standing.facts.catch(() => null)
      if (facts !== null && !standing.stale && isFit(standing, request)) return facts
      if (facts === null && this.#control !== null) return null
    }
  }

  /**
   * Whether the facts come in time. Probes doubt a server that takes longer than usual; what they find out ends the waiting, because only
   * the next look can weigh it.
   */
  async #comes(standing: Standing, request: ServerLookRequest, endsAtMs: number): Promise<boolean> {
    const { monotonicNow, probeTimeoutMs } = this.#options
    const usualMs = Math.min(this.#usualMs * doubtAfterUsual, probeTimeoutMs / 2)
    const patienceMs =
      request.waitMs > 0
        ? Math.max(doubtWaitingAfterMs, usualMs)
        : Math.min(doubtAfterMs, request.probeEveryMs)
    const doubtAtMs = standing.startedAtMs + patienceMs
    standing.awaited = true
    try {
      for (;;) {
        const changed = this.#changed.promise
        if (monotonicNow() >= doubtAtMs) this.#prober.startIfDue(request.probeEveryMs)
        const nextAtMs = Math.max(doubtAtMs, this.#prober.dueAtMs(request.probeEveryMs))
        const both = Promise.race([standing.facts.catch(() => null), changed])
        await this.#within(both, Math.min(endsAtMs, nextAtMs))
        if (standing.ended) return true
        if (monotonicNow() >= endsAtMs || this.#prober.hasFailed) return false
      }
    } finally {
      standing.awaited = false
    }
  }

  #takeLate(control: Control, request: ServerLookRequest): Facts | null {
    const { late } = control
    control.late = null
    if (late === null || !isFit(late.standing, request)) return null
    const ageMs = this.#options.monotonicNow() - late.standing.startedAtMs
    return ageMs <= this.#options.probeTimeoutMs * oldAfterTimeouts ? late.facts : null
  }

  #dropBefore(factsFromMs: number): void {
    const control = this.#control
    if (control?.late != null && control.late.standing.startedAtMs < factsFromMs) control.late = null
    if (this.#standing !== null && this.#standing.startedAtMs < factsFromMs) this.#standing.stale = true
  }

  #within(promise: Promise<unknown>, endsAtMs: number): Promise<boolean> {
    return settledWithin(promise, endsAtMs - this.#options.monotonicNow())
  }

  #startReading(control: Control, request: ServerLookRequest): Standing {
    const { monotonicNow, probeTimeoutMs } = this.#options
    const startedAtMs = monotonicNow()
    const late = () => control.session.destroy()
    const timeoutMs = probeTimeoutMs * oldAfterTimeouts
    const facts = withinDeadline(this.#readOver(control, request), timeoutMs, 'the look', late)
    const asksForObstacles = request.obstaclesFromMs !== null
    const standing: Standing = {
      startedAtMs,
      asksForObstacles,
      facts,
      ended: false,
      awaited: false,
      stale: false,
    }
    this.#standing = standing
    facts.then(
      (read) => this.#standingEnded(control, standing, read, null),
      (error) => this.#standingEnded(control, standing, null, error),
    )
    return standing
  }

  async #readOver(control: Control, request: ServerLookRequest): Promise<Facts> {
    const { pair, monotonicNow } = this.#options
    control.profile ??= await profileOf(control.session)
    this.#dialect = control.profile.dialect
    const isOurs = (token: string, id: number) => this.#sessions.isOurs(token, id)
    const { session, profile } = control
    const arrived = (mark: string) => this.#arrivals.note(mark)
    const { events, obstaclesFromMs, blockers, rights } = request
    return readFacts({
      ...{ session, profile, pair, monotonicNow, isOurs, arrived },
      ...{ events, obstaclesFromMs, blockers, rights },
    })
  }

  /** Only while the standing connection has nothing else to do. */
  async #readArrivals(): Promise<string | null> {
    const session = this.#control?.session
    const dialect = this.#dialect
    if (session === undefined || dialect === null || this.#standing !== null || this.#performing) return null
    try {
      const { rows } = await session.queryWithin(this.#options.probeTimeoutMs, dialect.showReplication)
      const replication = chooseChannel(rows, dialect)
      return replication === null ? null : arrivalMark(replication, dialect)
    } catch {
      // Whatever is wrong with the connection, the next look meets it too.
      return null
    }
  }

  #standingEnded(control: Control, standing: Standing, facts: Facts | null, error: unknown): void {
    this.#standing = null
    standing.ended = true
    const nowMs = this.#options.monotonicNow()
    if (facts !== null) {
      control.channelName = facts.channelName
      this.#beats.seen(facts.accountSessions)
      this.#keepOpen()
      this.#renewIfGranted(control, facts.answer.rights)
      if (facts.answer.closed && this.#dialect?.arrivalColumns != null) this.#arrivals.goOn()
      this.#usualMs = Math.max(nowMs - standing.startedAtMs, this.#usualMs * usualFades)
      if (standing.awaited) return
      if (!standing.stale) control.late = { standing, facts }
      this.#prober.add(probeOf(standing.startedAtMs, nowMs, null))
      return
    }
    // A connection that broke is no probe; an error that the server sent, or an answer we don't understand, is.
    const failure = failureOf(error)
    if (failure.outcome === 'sick' && !this.#closed)
      this.#prober.add(probeOf(standing.startedAtMs, nowMs, failure))
  }

  /** A connection has the rights of its login: those that lacked some are given up when they are there. */
  #renewIfGranted(control: Control, rights: Facts['answer']['rights']): void {
    if (rights === null) return
    const lacks = (rights.missing ?? []).length > 0
    if (this.#lacked && !lacks) {
      this.#guard.renew()
      this.#beats.renew()
      control.session.destroy()
    }
    this.#lacked = lacks
  }

  /** While a receiver that was told to stop is still connecting, nothing can come in: it counts as off. */
  #answerOf(facts: Facts): Facts['answer'] {
    const { answer } = facts
    if (!this.#detachment.isPending || answer.channel?.receiver !== 'connecting') return answer
    return { ...answer, channel: { ...answer.channel, receiver: 'off' } }
  }

  /** One search at a time: while one is under way, another set waits until that one's result has been told. */
  async #search(gtidSet: string | null, endsAtMs: number): Promise<Searched> {
    if (gtidSet === null) return notSearched
    if (gtidSet === '') return { transactions: [], absent: '', unread: '' }
    if (this.#scan === null || (this.#scan.told && this.#scan.gtidSet !== gtidSet))
      this.#scan = { gtidSet, searched: this.#searchFor(gtidSet), told: false }
    const scan = this.#scan
    if (!(await this.#within(scan.searched, endsAtMs))) return notSearched
    scan.told = true
    const searched = await scan.searched
    // A failure is told once, and the next look asks anew.
    if (searched.transactions === null) this.#scan = null
    return searched
  }

  async #searchFor(gtidSet: string): Promise<Searched> {
    try {
      const aid = await this.#sessions.open('aid')
      this.#sessions.markHarmless(aid)
      const late = () => aid.destroy()
      const search = tablesOf(aid, gtidSet, this.#options.monotonicNow)
      return await withinDeadline(search, scanTimeoutMs, 'the search', late).finally(() => {
        aid.quit(doubtAfterMs)
      })
    } catch (error) {
      return { transactions: null, absent: '', unread: failureOf(error).message || 'no reason was told' }
    }
  }

  /** A probe's session becomes the standing connection, if there is none. */
  #promote(session: Session): boolean {
    if (this.#control !== null || session.closed || this.#closed) return false
    const control: Control = { session, profile: null, channelName: '', late: null }
    this.#control = control
    session.onClosed((byPeer) => {
      if (this.#control === control) this.#control = null
      this.#socketClosed(byPeer)
    })
    this.#keepOpen()
    return true
  }

  #keepOpen(): void {
    if (this.#control === null || this.#closed) return
    this.#guard.ensureOpen()
    this.#beats.ensureOpen()
  }

  #socketClosed(byPeer: boolean): void {
    if (byPeer) this.#prober.hurry()
    this.#tell()
  }

  async #killIfLocked(id: number): Promise<string> {
    const session = this.#control?.session
    const table = this.#dialect?.sessions.table
    const fullDisk = this.#dialect?.fullDisk
    if (session === undefined || table === undefined) return ''
    try {
      const [row] = (await session.query(`SELECT state FROM ${table} WHERE id = ?`, [id])).rows
      const state = row === undefined ? '' : textOf(row, 'state')
      // A commit that waits for disk space or an acknowledgement must be let be: MySQL ends itself if one is killed on a full disk
      // (binlog_error_action = ABORT_SERVER; tried on 9.7.4).
      if (/\block\b/i.test(state)) await session.query('KILL ?', [id])
      else if (fullDisk != null) {
        const [complaint] = (await session.query(fullDisk)).rows
        if (complaint !== undefined) return `${state}; ${textOf(complaint, 'data').slice(0, 120)}`
      }
      return state
    } catch {
      return ''
    }
  }

  #tell(): void {
    const changed = this.#changed
    this.#changed = openPromise()
    changed.resolve()
    if (this.#closed) return
    for (const listener of this.#listeners) listener()
  }
}

/** Facts are of no use to a look that asks for more than was asked for. */
function isFit({ asksForObstacles }: Standing, { obstaclesFromMs }: ServerLookRequest): boolean {
  return obstaclesFromMs === null || asksForObstacles
}
