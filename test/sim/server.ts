/**
 * What a simulated MySQL server does by itself: replicate, apply, crash, wake, restart, and run a statement.
 *
 * Kept from the real one: a replica drops events of its own origin; a source refuses a replica that has more of its own GTIDs than
 * itself (1236); a restarted server is closed (or half closed, as its options say), its threads off, its relay log gone; MariaDB throws the relay log away when a thread is
 * started while both are stopped (T30); statements that a frozen server was sent run when it wakes, and only their own guards stop
 * them.
 */
import { contains, ofOrigin, subtract, union } from '../../lambda/core/gtid-set.ts'
import type { ServerStep } from '../../lambda/core/step.ts'
import type { HeartbeatRow } from '../../lambda/core/world.ts'
import { EPOCH_MS, isCut, NAMES, type Name, otherOf, type SimServer, type SimState, UUIDS } from './state.ts'

/** A silent connection counts as lost after two of its heartbeats, and not before this. */
const LOST_AFTER_MS = 10_000
const RECONNECT_MS = 1000

/** Something that an act of ours did, for the checkers. */
export interface Effect {
  readonly kind: ServerStep['kind'] | 'swapped'
  readonly server: Name | null
  readonly who: string
  /** It ran later than its sender waited. */
  readonly late: boolean
  /** It was sent under a claim to switch over. */
  readonly planned: boolean
  readonly step: ServerStep | null
  /** The text that was replaced, of a swap. */
  readonly from: string | null
}

export const clockMs = (state: SimState, server: SimServer) => EPOCH_MS + state.now + server.skewMs
export const heldBy = (server: SimServer) => union(server.executed, server.received)

/** Replication, as far as it comes by itself at this moment. */
export function settle(state: SimState): void {
  for (let pass = 0; pass < 2; pass++)
    for (const name of NAMES) {
      const replica = state.servers[name]
      if (replica.status !== 'up') continue
      receive(state, replica, state.servers[otherOf(name)])
      if (replica.applier === 'on' && replica.applierErrno === 0 && !replica.slow && !locked(replica))
        applyAll(replica)
    }
}

const locked = ({ blockers }: SimServer) => blockers.some(({ kind }) => kind === 'lock')

function receive(state: SimState, replica: SimServer, source: SimServer): void {
  if (replica.receiver === 'off') return
  const linked = source.status === 'up' && !isCut(state, 'alice', 'bob')
  if (linked) {
    if (subtract(ofOrigin(heldBy(replica), UUIDS[source.name]), source.executed) !== '') {
      replica.receiver = 'off'
      replica.receiverErrno = 1236
      return
    }
    replica.receiver = 'on'
    replica.receiverErrno = 0
    replica.silentSinceMs = null
    replica.half = ''
    const own = ofOrigin(source.executed, UUIDS[replica.name])
    const incoming = subtract(
      subtract(subtract(source.executed, own), heldBy(replica)),
      underWay(state, replica, source),
    )
    if (incoming !== '') {
      replica.received = union(replica.received, incoming)
      replica.everReceived = union(replica.everReceived, incoming)
    }
    replica.lastReceivedMs = state.now
    replica.moves = Math.max(replica.moves, Math.floor(state.now / replica.heartbeatPeriodMs) + 1)
    replica.relayHeartbeat = newer(replica.relayHeartbeat, lastHeartbeat(state, replica, source))
    if (source.takeover !== null && (replica.takeover?.epoch ?? 0) < source.takeover.epoch)
      replica.takeover = source.takeover
    return
  }
  if (source.status === 'down' && !isCut(state, 'alice', 'bob')) {
    replica.receiver = 'connecting'
    replica.receiverErrno = 2003
    return
  }
  replica.silentSinceMs ??= state.now
  const silentMs = state.now - replica.silentSinceMs
  const lostAfterMs = Math.max(LOST_AFTER_MS, 2 * replica.heartbeatPeriodMs)
  if (replica.receiver === 'on' && silentMs >= lostAfterMs) replica.receiver = 'connecting'
  if (replica.receiver === 'connecting' && silentMs >= RECONNECT_MS) replica.receiverErrno = 2003
}

/** What the source has committed and a late replica has not received yet. */
function underWay(state: SimState, { receivesLateMs }: SimServer, source: SimServer): string {
  if (receivesLateMs === 0) return ''
  return state.acknowledged
    .filter(({ server, atMs }) => server === source.name && atMs > state.now - receivesLateMs)
    .map(({ gtid }) => gtid)
    .join(',')
}

function lastHeartbeat(state: SimState, { receivesLateMs }: SimServer, source: SimServer) {
  if (receivesLateMs === 0) return source.heartbeat
  return source.heartbeats.findLast(({ atMs }) => atMs <= state.now - receivesLateMs)?.row ?? null
}

const HEARTBEATS_KEPT = 200

export function writeHeartbeat(state: SimState, server: SimServer, row: HeartbeatRow): void {
  server.heartbeat = row
  server.heartbeats = [...server.heartbeats, { row, atMs: state.now }].slice(-HEARTBEATS_KEPT)
}

/** Each server has a row of its own, and the highest sequence counts: one that was lost may still be the newest of all. */
function newer(mine: SimServer['heartbeat'], theirs: SimServer['heartbeat']): SimServer['heartbeat'] {
  if (theirs === null) return mine
  return mine === null || theirs.sequence > mine.sequence ? theirs : mine
}

/** Applies everything that was received. */
export function applyAll(replica: SimServer): void {
  if (!contains(replica.executed, replica.received))
    replica.executed = union(replica.executed, replica.received)
  replica.heartbeat = newer(replica.heartbeat, replica.relayHeartbeat)
}

/** A server that took writes does so no longer: from here on the spare's freshness counts. */
export function noteFailure(state: SimState, server: SimServer): void {
  if (!server.closed && !server.halfClosed) state.failedMs = { ...state.failedMs, [server.name]: state.now }
}

/** kill -9 or a power cut; without durable settings the last `lose` of its own commits go with it. */
export function crash(state: SimState, server: SimServer, lose = 0): void {
  server.status = 'down'
  server.sessions = []
  server.flying = []
  noteFailure(state, server)
  for (let gone = 0; gone < lose; gone++) {
    const own = ofOrigin(server.executed, UUIDS[server.name])
    const last = own.split(/[-:]/).at(-1)
    server.executed = subtract(server.executed, `${UUIDS[server.name]}:${last}`)
  }
}

export function restart(state: SimState, server: SimServer): void {
  Object.assign(server, {
    status: 'up',
    sick: null,
    closed: !server.bootsHalfClosed,
    halfClosed: server.bootsHalfClosed,
    obstacles: [],
    blockers: [],
    received: '',
    half: '',
    receiver: server.skipsReplicaStart ? 'off' : 'connecting',
    receiverErrno: 0,
    silentSinceMs: null,
    applier: server.skipsReplicaStart ? 'off' : 'on',
    applierErrno: 0,
    startedMs: state.now,
    relayHeartbeat: null,
    sessions: [],
    flying: [],
  } satisfies Partial<SimServer>)
}

/** A frozen server goes on: first whatever it was sent meanwhile. */
export function wake(state: SimState, server: SimServer): Effect[] {
  server.status = 'up'
  return land(state, server)
}

/** Statements that waited run now, those whose session was killed never. */
export function land(state: SimState, server: SimServer): Effect[] {
  const { flying } = server
  server.flying = []
  return flying.flatMap(
    (each) => run(state, server, each.step, each.who, { late: true, planned: each.planned }).effects,
  )
}

export function run(
  state: SimState,
  server: SimServer,
  step: ServerStep,
  who: string,
  sent: { late: boolean; planned: boolean },
): { outcome: 'done' | 'refused'; message: string; effects: Effect[] } {
  const effect = (): Effect => ({ kind: step.kind, server: server.name, who, ...sent, step, from: null })
  const refused = carryOut(state, server, step, who)
  return refused === ''
    ? { outcome: 'done', message: '', effects: [effect()] }
    : { outcome: 'refused', message: refused, effects: [] }
}

/** @returns why it did nothing; empty if it did what it should. */
function carryOut(state: SimState, server: SimServer, step: ServerStep, who: string): string {
  switch (step.kind) {
    case 'close':
    case 'queue-close':
      // It waits for the locks of others, and its own limit ends the waiting (T12).
      if (server.obstacles.some(({ kind }) => kind === 'statement' || kind === 'lock' || kind === 'ddl'))
        return 'Lock wait timeout exceeded'
      Object.assign(server, { closed: true, halfClosed: false, obstacles: [] })
      return ''
    case 'open':
      if (clockMs(state, server) >= step.untilClockMs) return 'its end has passed'
      if (server.closed || server.halfClosed)
        Object.assign(server, { closed: false, halfClosed: false, openedBy: who, openedAtMs: state.now })
      return ''
    case 'kill-others':
      server.sessions = server.sessions.filter(({ id }) => !step.ids.includes(id))
      server.flying = server.flying.filter(({ session }) => !step.ids.includes(session))
      return ''
    case 'detach':
      // The error that it had stands on after the STOP; only a START takes it away.
      Object.assign(server, { receiver: 'off', silentSinceMs: null })
      return ''
    case 'end-blockers':
      server.blockers = server.blockers.filter(({ session }) => !step.ids.includes(session))
      return ''
    case 'stop-applier':
      if (server.blockers.some(({ kind }) => kind === 'backup')) return 'the instance is locked for backup'
      Object.assign(server, { applier: 'off', half: '' })
      return ''
    case 'start-threads':
      if (server.family === 'mariadb' && server.receiver === 'off' && server.applier === 'off')
        Object.assign(server, { received: server.executed, relayHeartbeat: null, half: '' })
      // Which number its errors have does not matter, only that they are there again at once.
      if (step.applier)
        Object.assign(
          server,
          server.brokenApplier ? { applierErrno: 1062 } : { applier: 'on', applierErrno: 0 },
        )
      if (step.receiver && server.receiver === 'off')
        Object.assign(server, { receiver: 'connecting', receiverErrno: 0, silentSinceMs: null })
      return ''
    case 'reconnect':
      Object.assign(server, { receiver: 'connecting', receiverErrno: 0, silentSinceMs: null, half: '' })
      return ''
    case 'stop-waiting':
      server.semiSync = server.semiSync === null ? null : { ...server.semiSync, sourceWaits: false }
      return ''
    case 'record-takeover':
      if (server.closed) return 'the server is closed'
      server.takeover = {
        epoch: step.epoch,
        writer: step.writer,
        takenClockMs: clockMs(state, server),
        gtidSet: step.gtidSet,
      }
      return ''
    case 'start-events': {
      if (server.refusesEvents) return 'access denied'
      const enabled = (name: string) => step.enable.some((event) => event.name === name)
      const list = server.events.list.map((event) =>
        enabled(event.name) ? ({ ...event, state: 'enabled' } as const) : event,
      )
      server.events = { scheduler: 'on', list }
      return ''
    }
    case 'stop-events':
      server.events = { ...server.events, scheduler: 'off' }
      return ''
    case 'beat':
      if (server.closed || server.halfClosed || clockMs(state, server) >= step.untilClockMs)
        return 'its own guard'
      writeHeartbeat(state, server, {
        sequence: step.sequence,
        writtenClockMs: clockMs(state, server),
        watch: who,
        watchSinceClockMs: step.watchSinceClockMs,
      })
      return ''
  }
}
