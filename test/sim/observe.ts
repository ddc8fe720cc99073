/** What one invocation sees of the simulated pair: exactly the core's `World`, and how its own connections change by looking. */
import { members } from '../../lambda/core/gtid-set.ts'
import type { Answer, Channel, DirectoryView, Probe, ServerView, World } from '../../lambda/core/world.ts'
import { clockMs, settle } from './server.ts'
import {
  EPOCH_MS,
  invocationOf,
  isCut,
  NAMES,
  type Name,
  otherOf,
  type Seen,
  type SimInvocation,
  type SimLink,
  type SimServer,
  type SimState,
  UUIDS,
} from './state.ts'

/** Happens between the reads of one look: spare first, named server last (R12), or the other way round. */
export type Between = (state: SimState) => void

/** Changes `state` only in the invocation's own connections. */
export function observe(state: SimState, who: string, between: Between | null = null): World {
  const invocation = invocationOf(state, who)
  const { begun } = invocation
  const servers = {
    alice: begun.alice ?? viewOf(state, invocation, 'alice'),
    bob: begun.bob ?? viewOf(state, invocation, 'bob'),
  }
  if (between !== null) {
    const { rereadLast } = invocation.request
    between(state)
    settle(state)
    // The second read is of the server that the decision asked for; without it, whichever came first stays as it was.
    const again = NAMES.filter((name) => (rereadLast === null ? name === 'bob' : name === rereadLast))
    for (const name of again) {
      const { answer } = servers[name]
      if (answer !== null)
        servers[name] = { ...servers[name], answer: { ...answer, executed: state.servers[name].executed } }
    }
  }
  const directory = invocation.request.directory
    ? begun.directory === null
      ? readDirectory(state, invocation)
      : { ...begun.directory, readAtMs: state.now + invocation.offsetMs }
    : null
  invocation.begun = { directory: null, alice: null, bob: null }
  invocation.seen = { alice: seen(state, servers.alice, 'alice'), bob: seen(state, servers.bob, 'bob') }
  invocation.lookedMs = state.now
  if (directory?.state === 'read') invocation.directoryRead = true
  const { followChange } = invocation.request
  return {
    policy: state.policy,
    who,
    request: invocation.asked,
    wallClockMs: EPOCH_MS + state.now,
    remainingMs: invocation.endsMs - state.now,
    servers,
    directory,
    visibility:
      followChange === null
        ? null
        : { changeId: followChange, insync: true, resolved: state.directory.record?.values ?? null },
    last: invocation.last,
  }
}

function seen(state: SimState, view: ServerView, name: Name): Seen {
  const server = state.servers[name]
  const heard = server.status === 'up' && !server.closed && !isCut(state, 'alice', 'bob')
  return {
    answered: view.answer !== null,
    open: view.answer !== null && !view.answer.closed && !view.answer.halfClosed,
    sick: view.probes.at(-1)?.outcome === 'sick',
    heard,
  }
}

export function viewOf(state: SimState, invocation: SimInvocation, name: Name): ServerView {
  const server = state.servers[name]
  const link = invocation.links[name]
  const now = state.now + invocation.offsetMs
  const silent = server.status === 'frozen' || isCut(state, invocation.who, name)
  if (silent) return { ...base(server, link), probes: silentProbe(state, link, now) }
  link.probingSinceMs = null
  const probe = (outcome: Probe['outcome'], errno: number | null = null): Probe[] => [
    { startedAtMs: now, endedAtMs: now, outcome, errno, message: outcome },
  ]
  if (server.status === 'down') {
    Object.assign(link, { session: null, guard: null })
    return { ...base(server, link), probes: probe('refused') }
  }
  if (server.sick !== null) return { ...base(server, link), probes: probe('sick', server.sick) }
  const fresh = dial(server, link, invocation.who)
  const answer = facts(state, server, invocation, link, now)
  return { ...base(server, link), answer, probes: fresh ? probe('answered') : [] }
}

const base = (server: SimServer, link: SimLink): ServerView => ({
  probes: [],
  answer: null,
  guard:
    link.guard !== null && server.sessions.some(({ id }) => id === link.guard) && server.status !== 'down'
      ? 'open'
      : 'closed',
  beat: link.beat,
})

/** A probe ends as silent when its time is over, and the next begins. */
function silentProbe(state: SimState, link: SimLink, now: number): Probe[] {
  const timeoutMs = state.policy.detection.probeTimeoutMs
  link.probingSinceMs ??= now
  if (now - link.probingSinceMs < timeoutMs) return []
  const startedAtMs = link.probingSinceMs
  link.probingSinceMs = now
  return [{ startedAtMs, endedAtMs: now, outcome: 'silent', errno: null, message: 'no answer' }]
}

/** Both connections stand, the standing one and the guard; true if the standing one is new. */
function dial(server: SimServer, link: SimLink, who: string): boolean {
  const stands = (id: number | null) => id !== null && server.sessions.some((session) => session.id === id)
  const open = () => {
    const id = server.nextSession++
    server.sessions = [...server.sessions, { id, who }]
    return id
  }
  const fresh = !stands(link.session)
  if (fresh) {
    link.session = open()
    if (link.beat?.state === 'pending')
      link.beat = { ...link.beat, state: 'failed', endedAtMs: link.beat.sentAtMs }
  }
  if (link.beat?.state === 'pending' && !server.flying.some(({ session }) => session === link.session)) {
    const written = server.heartbeat?.watch === who && server.heartbeat.sequence === link.beat.sequence
    link.beat = { ...link.beat, state: written ? 'committed' : 'skipped', endedAtMs: link.beat.sentAtMs }
  }
  if (!stands(link.guard)) link.guard = open()
  return fresh
}

function facts(
  state: SimState,
  server: SimServer,
  invocation: SimInvocation,
  link: SimLink,
  now: number,
): Answer {
  const own = [link.session, link.guard]
  return {
    session: link.session ?? 0,
    family: server.family,
    version: server.version,
    uuid: UUIDS[server.name],
    clockMs: clockMs(state, server),
    startedClockMs: EPOCH_MS + server.startedMs + server.skewMs,
    readAtMs: now,
    askedAtMs: now,
    closed: server.closed,
    halfClosed: server.halfClosed && !server.closed,
    executed: server.executed,
    numbering: server.family === 'mariadb' ? { inOrder: true, oursApart: true } : null,
    channel: server.hasChannel ? channelOf(server) : null,
    heartbeat: server.hasTable ? (server.heartbeat ?? 'no-row') : 'no-table',
    takeover: server.takeover,
    others: server.sessions.filter(({ id, who }) => who !== invocation.who || !own.includes(id)),
    clients: 0,
    semiSync: server.semiSync,
    durable: server.durable,
    skipsReplicaStart: server.skipsReplicaStart,
    events: invocation.request.servers[server.name]?.events === true ? server.events : null,
    blockers: invocation.request.servers[server.name]?.blockers === true ? server.blockers : null,
    rights:
      invocation.request.servers[server.name]?.rights === true ? { missing: server.missingRights } : null,
    ...searched(state, invocation.request.servers[server.name]?.transactions ?? null),
    obstacles: invocation.request.servers[server.name]?.obstaclesFromMs == null ? null : server.obstacles,
  }
}

/** Reads a part of the next look now: a look is torn, and anything may happen before its other parts are read. */
export function beginLook(state: SimState, who: string, part: 'directory' | Name): void {
  const invocation = invocationOf(state, who)
  const read = part === 'directory' ? readDirectory(state, invocation) : viewOf(state, invocation, part)
  invocation.begun = { ...invocation.begun, [part]: read }
}

function channelOf(server: SimServer): Channel {
  return {
    receiver: server.receiver,
    receiverErrno: server.receiverErrno,
    receiverError: server.receiverErrno === 0 ? '' : `error ${server.receiverErrno}`,
    sourceUuid: UUIDS[otherOf(server.name)],
    received: server.received,
    readPosition: `binlog.000001:${server.received.length}`,
    heartbeatsReceived: server.moves,
    heartbeatPeriodMs: server.heartbeatPeriodMs,
    queueing: server.half,
    applier: server.applier,
    applierErrno: server.applierErrno,
    applierError: server.applierErrno === 0 ? '' : `error ${server.applierErrno}`,
    applying: server.half === '' ? [] : [server.half],
    delaySeconds: server.delaySeconds,
    lastReceivedClockMs: EPOCH_MS + server.lastReceivedMs + server.skewMs,
  }
}

/** What a search in the binary log has come to; 'hang' and 'fail' tell of no transaction. */
function searched(state: SimState, asked: string | null): Pick<Answer, 'transactions' | 'absent' | 'unread'> {
  const nothing = { transactions: null, absent: '', unread: '' }
  if (asked === null || state.searches === 'hang') return nothing
  if (state.searches === 'fail') return { ...nothing, unread: SEARCH_ERROR }
  const sure = state.searches === 'work'
  const tablesOf = (gtid: string) => (sure ? (state.tables[gtid] ?? ['shop.orders']) : [])
  const transactions = members(asked, SEARCHED_MAX).map((gtid) => ({ gtid, tables: tablesOf(gtid) }))
  return { transactions, absent: '', unread: sure ? '' : SEARCH_CUT }
}
/** How many single transactions a search tells of. */
export const SEARCHED_MAX = 1000
export const SEARCH_ERROR = 'Could not find target log'
export const SEARCH_CUT = 'binlog.000001 was read up to 4 of its 900 bytes'

export function readDirectory(state: SimState, invocation: SimInvocation): DirectoryView {
  const readAtMs = state.now + invocation.offsetMs
  const times = { startedAtMs: readAtMs, readAtMs }
  if (state.directory.outage || isCut(state, invocation.who, 'directory'))
    return { state: 'unreadable', ...times, kind: 'timeout', message: 'no answer' }
  const { ledger, record } = state.directory
  return { state: 'read', ...times, ledger, record }
}
