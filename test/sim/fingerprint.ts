/**
 * A state as a short text in which everything is relative: times to now, revisions to the ledger's, sessions to who holds them. Two
 * states with the same text behave alike, so that the explorer visits one of them.
 *
 * Far times are clipped: whether something was 20 or 40 seconds ago decides nothing here but for what lasts a minute.
 */
import {
  EPOCH_MS,
  NAMES,
  type Name,
  otherOf,
  type SimInvocation,
  type SimServer,
  type SimState,
} from './state.ts'

const FAR_MS = 17_000

/** What messages and the risk are made of, and what is the same in all states. */
const IGNORED: ReadonlySet<string> = new Set([
  'told',
  'timeline',
  'commitsPerSecond',
  'leftAtFirst',
  'left',
  'risk',
  'version',
  'sequence',
  'session',
  'message',
  'count',
  'endedAtMs',
  'watchSinceClockMs',
  'deadlineMs',
  'changeId',
])

export function fingerprint(state: SimState): string {
  const revision = revisionOf(state.directory.ledger)
  const text = (ledger: string | null) =>
    ledger === null
      ? ''
      : ledger
          .replace(/revision=(\d+)/, (_, each) => `revision=${clip(Number(each) - revision, 4)}`)
          .replace(/since=\d+/, '')
          .replaceAll(/,\d{10,}/g, ',t')
  const parts: unknown[] = [
    text(state.directory.ledger),
    state.directory.record?.values[0],
    state.directory.outage,
    state.directory.newest,
    state.directory.wentBack,
    state.directory.late.map(({ step }) => [
      step.from.ledger === state.directory.ledger,
      text(step.to.ledger),
      step.purpose,
    ]),
    state.cuts,
    NAMES.map((name) => serverPrint(state, state.servers[name])),
  ]
  for (const invocation of Object.values(state.invocations))
    parts.push(invocationPrint(state, invocation, text))
  parts.push(state.acknowledged.length, state.proof)
  return JSON.stringify(parts)
}

function revisionOf(ledger: string | null): number {
  return Number(/revision=(\d+)/.exec(ledger ?? '')?.[1] ?? 0)
}

function clip(value: number, most: number): number {
  return Math.max(-most, Math.min(most, value))
}

function tag(state: SimState, server: SimServer, who: string, id: number): string {
  const link = state.invocations[who]?.links[server.name]
  const role = link?.session === id ? 'standing' : link?.guard === id ? 'guard' : 'lost'
  return server.sessions.some((session) => session.id === id) ? `${who} ${role}` : `${who} ${role} gone`
}

function serverPrint(state: SimState, server: SimServer): unknown {
  const ago = (atMs: number | null, farMs: number) => (atMs === null ? null : clip(state.now - atMs, farMs))
  const { heartbeat, relayHeartbeat } = server
  const written = (heartbeat?.writtenClockMs ?? 0) - EPOCH_MS
  return [
    server.status,
    server.sick,
    server.closed,
    server.halfClosed,
    server.obstacles.length,
    server.executed,
    server.received,
    server.half,
    server.receiver,
    server.receiverErrno,
    ago(server.silentSinceMs, 11_000),
    ago(server.lastReceivedMs, 5000),
    server.everReceived,
    server.slow,
    server.receivesLateMs,
    server.receivesLateMs === 0 ? null : underWayPrint(state, server),
    server.applier,
    server.applierErrno,
    ago(server.startedMs, 4000),
    ago(written, 11_000),
    written < server.startedMs + 2000,
    written < server.startedMs + 1000,
    relayHeartbeat === null || relayHeartbeat.writtenClockMs === heartbeat?.writtenClockMs,
    server.sessions.map(({ id, who }) => tag(state, server, who, id)).sort(),
    server.flying.map(({ step, session, who, planned }) => [
      planned,
      stepPrint(state, step as never, who),
      tag(state, server, who, session),
    ]),
    server.refuses,
    server.blockers.length,
    server.missingRights.length,
    server.openedBy,
    server.takeover?.epoch,
  ]
}

/** When what a late replica has not received yet was committed, and what of it were heartbeats. */
function underWayPrint(state: SimState, { name, receivesLateMs }: SimServer): unknown {
  const source = state.servers[otherOf(name)]
  const agesOf = (all: readonly { readonly atMs: number }[]) =>
    all.map(({ atMs }) => state.now - atMs).filter((ageMs) => ageMs < receivesLateMs)
  return [agesOf(state.acknowledged), agesOf(source.heartbeats)]
}

function stepPrint(
  state: SimState,
  step: { kind: string; server?: Name; session?: number; untilClockMs?: number } | null,
  who: string,
): unknown {
  if (step === null) return null
  const server = step.server === undefined ? null : state.servers[step.server]
  const left = step.untilClockMs === undefined ? 0 : step.untilClockMs - EPOCH_MS - state.now
  const session = server === null || step.session === undefined ? '' : tag(state, server, who, step.session)
  return [step.kind, step.server, session, Math.max(-1, Math.ceil(left / 1000))]
}

function invocationPrint(
  state: SimState,
  invocation: SimInvocation,
  text: (ledger: string | null) => string,
): unknown {
  const { pending, last, links, memory } = invocation
  const now = state.now + invocation.offsetMs
  const marks = NAMES.map((name) => {
    const server = state.servers[name]
    const mark = memory.servers[name]?.channelMark ?? ''
    return mark.includes(`|${server.moves}|${server.received}|`)
  })
  const swap = (step: typeof pending) =>
    step?.kind === 'swap'
      ? [step.purpose, step.from.ledger === state.directory.ledger, text(step.to.ledger)]
      : stepPrint(state, step as never, invocation.who)
  return [
    invocation.who,
    invocation.asked,
    // How old a request is decides whether it may still begin.
    invocation.asked === null ? null : clip(now - memory.startedAtMs, 61_000),
    swap(pending),
    last === null ? null : [swap(last.step), last.outcome],
    NAMES.map((name) => [
      links[name].session === null,
      links[name].guard === null,
      links[name].probingSinceMs === null
        ? null
        : clip(state.now + invocation.offsetMs - links[name].probingSinceMs, 2000),
    ]),
    invocation.request.directory,
    invocation.request.rereadLast,
    invocation.finished,
    begunPrint(state, invocation, text),
    agePrint(invocation),
    marks,
    walk(
      { ...memory, startedAtMs: null },
      { state, now, text, claimed: memory.ledger.text?.includes('claim=') === true },
      '',
    ),
    clip(invocation.endsMs - state.now, 20_000),
    invocation.seen,
  ]
}

/** Whether what tells that the ledger has gone back was seen before the reading that it is judged by. */
function agePrint({ memory: { ledger, servers } }: SimInvocation): unknown {
  const { readStartedAtMs, olderSinceMs } = ledger
  const epoch = Number(/epoch=(\d+)/.exec(ledger.text ?? '')?.[1] ?? 0)
  const before = (atMs: number) => readStartedAtMs !== null && atMs < readStartedAtMs
  return [
    olderSinceMs === null ? null : before(olderSinceMs),
    ...NAMES.map((name) => {
      const takeover = servers[name]?.takeover ?? null
      return takeover === null || takeover.epoch <= epoch ? null : before(takeover.seenAtMs)
    }),
  ]
}

/** What a torn look has read already. */
function begunPrint(
  state: SimState,
  { begun, offsetMs, who, memory }: SimInvocation,
  text: (ledger: string) => string,
) {
  const now = state.now + offsetMs
  const { directory } = begun
  const shownBefore = (startedAtMs: number) =>
    NAMES.map((name) => {
      const { shownSinceMs, receivingSinceMs } = memory.servers[name]?.standing ?? {}
      return [shownSinceMs, receivingSinceMs].map((sinceMs) => sinceMs != null && sinceMs < startedAtMs)
    })
  return [
    directory?.state === 'read'
      ? [
          text(directory.ledger ?? ''),
          clip(now - directory.startedAtMs, FAR_MS),
          shownBefore(directory.startedAtMs),
        ]
      : null,
    ...NAMES.map((name) => {
      const view = begun[name]
      if (view === null) return null
      const { answer, probes, guard } = view
      const facts = answer && [
        answer.closed,
        answer.executed,
        tag(state, state.servers[name], who, answer.session),
        answer.channel?.receiver,
      ]
      return [facts, probes.map(({ outcome }) => outcome), guard, clip(now - (answer?.readAtMs ?? 0), FAR_MS)]
    }),
  ]
}

/** How far back each time still decides anything; `null`: only whether it is there. */
const DECIDES_FOR_MS: Readonly<Record<string, number | null>> = {
  failingSinceMs: 8000,
  channelMovedAtMs: 5000,
  coveredAtMs: 8000,
  coveredOpenAtMs: 8000,
  applierOnAtMs: 8000,
  appliedAtMs: 1001,
  bothSinceMs: null,
  endsAtMs: 7000,
  tookOverAtMs: 61_000,
  lastAnswerAtMs: null,
  takenAtMs: null,
  movedAtMs: null,
  sinceMs: null,
  shownSinceMs: 1,
  receivingSinceMs: 1,
  readStartedAtMs: null,
  seenAtMs: null,
  olderSinceMs: null,
}

/** Times of a claim: without one they decide nothing. */
const OF_CLAIM: ReadonlySet<string> = new Set(['unchangedSinceMs', 'startedAtMs', 'readAtMs', 'heldSinceMs'])

interface Walk {
  readonly state: SimState
  readonly now: number
  readonly text: (ledger: string) => string
  readonly claimed: boolean
}

/** Memory without what decides nothing, its times relative. */
function walk(value: unknown, context: Walk, key: string): unknown {
  if (typeof value === 'number') return numberPrint(value, context, key)
  if (typeof value === 'string') {
    if (key === 'channelMark' || key === 'because') return ''
    return value.includes('revision=') ? context.text(value) : value
  }
  if (value === null || typeof value !== 'object') return value
  if (Array.isArray(value)) return value.map((each) => walk(each, context, ''))
  return Object.entries(value)
    .filter(([name]) => !IGNORED.has(name))
    .map(([name, each]) => walk(each, context, name))
}

function numberPrint(value: number, { state, now, text, claimed }: Walk, key: string): unknown {
  if (/started.*ClockMs$/i.test(key)) {
    // Which process it was, not when that began.
    const named = NAMES.find((name) => startedClockMs(state.servers[name]) === value)
    return named ?? 'an earlier process'
  }
  if (key === 'lagMs') return Math.min(value, 2000)
  if (key.endsWith('ClockMs')) return clip(EPOCH_MS + state.now - value, 11_000)
  if (OF_CLAIM.has(key)) return claimed ? clip(now - value, FAR_MS) : null
  if (key in DECIDES_FOR_MS) {
    const farMs = DECIDES_FOR_MS[key] ?? null
    return farMs === null ? 'some time' : clip(now - value, farMs)
  }
  if (key.endsWith('Ms')) return clip(now - value, FAR_MS)
  if (key === 'epoch') return value
  if (key === 'revisionMax' || key === 'revision') return text(`revision=${value}`)
  return Math.min(value, 3)
}

const startedClockMs = (server: SimServer) => EPOCH_MS + server.startedMs + server.skewMs
