/**
 * Explores what can happen to the pair: every order of looks, acts, faults and repairs from a beginning (breadth first, each state
 * once), or deep random walks, reproducible by their seed. Both assert the musts after each event and print a violation as a story.
 */
import { decide } from '../../lambda/core/decide.ts'
import { fingerprint } from './fingerprint.ts'
import { broken, settledData, unrest } from './musts.ts'
import type { Between } from './observe.ts'
import { commit, type Decide, type Event, happen } from './pair.ts'
import { writeHeartbeat } from './server.ts'
import {
  clone,
  cutName,
  EPOCH_MS,
  invocationOf,
  NAMES,
  type Name,
  type SimState,
  takesWrites,
} from './state.ts'
import { Story, tellEvent } from './story.ts'

export interface Limits {
  readonly faults: number
  readonly commits: number
  /** How many looks are torn: a part of them is read, and anything may happen before the rest is. @default 0 */
  readonly torn?: number
  /** How long the story may be, ms of its own time. */
  readonly untilMs: number
  readonly statesMax: number
  readonly secondsMax: number
  /** Which faults happen; all if not given. */
  readonly faultKinds?: readonly string[]
}

export interface Violation {
  readonly complaint: string
  readonly trace: string
}

export interface Explored {
  readonly states: number
  readonly seconds: number
  /** How many events the longest story has. */
  readonly depth: number
  /** True if every state within the limits was visited. */
  readonly complete: boolean
  readonly violations: readonly Violation[]
}

/** The heartbeat is written by time itself here: exploring who writes it would only multiply the states. */
export function withoutBeats(deciding: Decide): Decide {
  return (memory, world, now) => {
    const decision = deciding(memory, world, now)
    return decision.step?.kind === 'beat' ? { ...decision, step: null } : decision
  }
}

/** Looks at one state of the pair once everything that can be read has been read. */
export function settledIn(story: Story, watches: readonly string[], turns = 3): SimState {
  for (const who of watches) story.start(who)
  for (let turn = 0; turn < turns; turn++) {
    for (const who of watches) story.turn(who, 0)
    story.change('a heartbeat', beatByTime).wait(1000)
  }
  return story.state
}

export function beatByTime(state: SimState): void {
  for (const name of NAMES) {
    const server = state.servers[name]
    if (!takesWrites(server) || !state.directory.ledger?.includes(`writer=${name} `)) continue
    const epoch = Number(/ epoch=(\d+) /.exec(state.directory.ledger)?.[1])
    writeHeartbeat(state, server, {
      sequence: Math.max((server.heartbeat?.sequence ?? 0) + 1, epoch * 1_000_000_000),
      writtenClockMs: EPOCH_MS + state.now + server.skewMs,
      watch: 'w0',
      watchSinceClockMs: EPOCH_MS - 60_000,
    })
  }
}

interface Spent {
  readonly faults: number
  readonly commits: number
  readonly torn: number
}

const NOTHING_SPENT: Spent = { faults: 0, commits: 0, torn: 0 }

const CLAIM_JUMP_MS = 16_000

/** Every event that can happen next, each with what it spends. */
function* nextEvents(state: SimState, spent: Spent, limits: Limits): Generator<[Event, Spent]> {
  const fault = { ...spent, faults: spent.faults + 1 }
  const may = (kind: string) => spent.faults < limits.faults && (limits.faultKinds?.includes(kind) ?? true)
  for (const [who, { pending, finished }] of Object.entries(state.invocations)) {
    if (finished) continue
    if (pending === null) {
      yield [{ do: 'look', who }, spent]
      yield* tornLooks(state, who, spent, limits)
      // Between the two reads of a look (R12): what the first reading shows is older than what the second does.
      const writer = NAMES.find((name) => takesWrites(state.servers[name]) && state.known.includes(name))
      if (writer !== undefined && spent.commits < limits.commits)
        yield [
          { do: 'look', who, between: BETWEEN[writer] },
          { ...spent, commits: spent.commits + 1 },
        ]
    } else {
      yield [{ do: 'act', who }, spent]
      if (may('lost')) yield [{ do: 'act', who, how: 'lost' }, fault]
      if (may('late')) yield [{ do: 'act', who, how: 'late' }, fault]
      const { kind } = pending
      if (kind !== 'swap' && kind !== 'beat' && may('refuse'))
        yield [{ do: 'refuse', server: pending.server as Name, kind }, fault]
    }
    if (may('kill') && Object.keys(state.invocations).length > 1) yield [{ do: 'kill', who }, fault]
  }
  if (state.directory.late.length > 0) yield [{ do: 'land-swap' }, spent]
  for (const server of NAMES) {
    const { status, flying, closed } = state.servers[server]
    if (status === 'down') yield [{ do: 'restart', server }, spent]
    if (status === 'frozen') yield [{ do: 'wake', server }, spent]
    if (status !== 'up') continue
    if (flying.length > 0) yield [{ do: 'land', server }, spent]
    if (Object.keys(state.servers[server].refuses).length > 0) yield [{ do: 'obey', server }, spent]
    if (may('crash')) yield [{ do: 'crash', server }, fault]
    if (may('crash') && !state.servers[server].durable) yield [{ do: 'crash', server, lose: 1 }, fault]
    if (may('freeze')) yield [{ do: 'freeze', server }, fault]
    // Only a switchover cares.
    if (state.servers[server].obstacles.length > 0) yield [{ do: 'unlock', server }, spent]
    else if (may('lock') && !closed && Object.values(state.invocations).some(({ asked }) => asked !== null))
      yield [{ do: 'lock', server }, fault]
    if (state.servers[server].slow) yield [{ do: 'apply', server }, spent]
    if (takesWrites(state.servers[server]) && spent.commits < limits.commits && state.known.includes(server))
      yield [
        { do: 'commit', server },
        { ...spent, commits: spent.commits + 1 },
      ]
  }
  for (const [a, b] of linksOf(state)) {
    if (state.cuts.includes(cutName(a, b))) yield [{ do: 'heal', a, b }, spent]
    else if (may('cut')) yield [{ do: 'cut', a, b }, fault]
  }
  if (may('rewind')) for (const to of earlierTexts(state)) yield [{ do: 'rewind', to }, fault]
  if (state.now >= limits.untilMs) return
  yield [{ do: 'tick', ms: 1000 }, spent]
  if (state.directory.ledger?.includes('claim=')) yield [{ do: 'tick', ms: CLAIM_JUMP_MS }, spent]
}

/**
 * Where the zone may go back to: of each epoch the last text, with and without a claim. Not before the newest takeover is written down,
 * and not in the middle of a claim: who has not seen that text can't tell then.
 */
function earlierTexts({ directory, servers }: SimState): string[] {
  const { ledger, history, newest } = directory
  const written = servers[newest.writer].takeover?.epoch === newest.epoch
  if (ledger === null || ledger.includes('claim=') || !written) return []
  const kindOf = (text: string) => `${/epoch=\d+/.exec(text)?.[0]} ${text.includes('claim=')}`
  const last = new Map(history.filter((text) => text !== ledger).map((text) => [kindOf(text), text]))
  return [...last.values()]
}

/** The ledger and the record are read first, or one server is; what else the look reads comes at any later moment. */
function* tornLooks(state: SimState, who: string, spent: Spent, limits: Limits): Generator<[Event, Spent]> {
  const { begun, request } = invocationOf(state, who)
  if (spent.torn >= (limits.torn ?? 0)) return
  const torn = { ...spent, torn: spent.torn + 1 }
  if (request.directory && begun.directory === null)
    yield [{ do: 'begin-look', who, part: 'directory' }, torn]
  for (const part of NAMES) if (begun[part] === null) yield [{ do: 'begin-look', who, part }, torn]
}

const BETWEEN: Readonly<Record<Name, Between>> = {
  alice: (state) => commit(state, 'alice'),
  bob: (state) => commit(state, 'bob'),
}

function linksOf(state: SimState): [string, string][] {
  const links: [string, string][] = [['alice', 'bob']]
  for (const who of Object.keys(state.invocations)) for (const name of NAMES) links.push([who, name])
  return links
}

/** One event, and the heartbeat that comes with time. */
function step(before: SimState, event: Event, deciding: Decide) {
  if (event.do !== 'tick') return happen(before, event, deciding)
  const beaten = clone(before)
  beaten.now += event.ms
  beatByTime(beaten)
  return happen(beaten, { do: 'tick', ms: 0 }, deciding)
}

interface Node {
  readonly state: SimState
  readonly spent: Spent
  readonly at: number
}

/** Breadth first, each state once. */
export function explore(beginning: SimState, limits: Limits, deciding: Decide = decide): Explored {
  const quiet = withoutBeats(deciding)
  const startedMs = performance.now()
  const visited = new Set<string>([fingerprint(beginning)])
  const parents: number[] = [-1]
  const events: (Event | null)[] = [null]
  let depth = 0
  let frontier: Node[] = [{ state: beginning, spent: NOTHING_SPENT, at: 0 }]
  const violations: Violation[] = []
  const seconds = () => (performance.now() - startedMs) / 1000
  const over = () =>
    visited.size >= limits.statesMax || seconds() >= limits.secondsMax || violations.length > 0
  while (frontier.length > 0 && !over()) {
    const next: Node[] = []
    depth += 1
    for (const node of frontier) {
      if (over()) break
      for (const [event, spent] of nextEvents(node.state, node.spent, limits)) {
        const complaints: string[] = []
        const state = tryStep(node.state, event, quiet, complaints)
        if (complaints.length > 0) {
          const trace = traceOf(beginning, [...eventsTo(node.at, parents, events), event], quiet)
          violations.push({ complaint: complaints.join('; '), trace })
          break
        }
        if (state === null) continue
        const print = `${spent.faults}${spent.commits}${spent.torn}${fingerprint(state)}`
        if (visited.has(print)) continue
        visited.add(print)
        parents.push(node.at)
        events.push(event)
        next.push({ state, spent, at: parents.length - 1 })
      }
    }
    frontier = over() ? frontier : next
  }
  const complete = frontier.length === 0
  return { states: visited.size, seconds: seconds(), depth, complete, violations }
}

function tryStep(before: SimState, event: Event, deciding: Decide, complaints: string[]): SimState | null {
  try {
    const happened = step(before, event, deciding)
    complaints.push(...broken(before, event, happened))
    return happened.state
  } catch (error) {
    complaints.push(`decide failed: ${error instanceof Error ? error.message : error}`)
    return null
  }
}

function eventsTo(at: number, parents: readonly number[], events: readonly (Event | null)[]): Event[] {
  const found: Event[] = []
  for (let index = at; index > 0; index = parents[index] ?? 0) {
    const event = events[index]
    if (event) found.unshift(event)
  }
  return found
}

/** The events as a story, with the situation at each look. */
function traceOf(beginning: SimState, events: readonly Event[], deciding: Decide): string {
  let state = beginning
  const lines: string[] = []
  for (const event of events) {
    try {
      const happened = step(state, event, deciding)
      lines.push(tellEvent(state, event, happened.decision?.situation.code ?? ''))
      state = happened.state
    } catch {
      lines.push(tellEvent(state, event, 'decide failed'))
    }
  }
  return lines.join('\n')
}

/** Small, fast, the same everywhere. https://en.wikipedia.org/wiki/Xorshift */
export function randomFrom(seed: number): () => number {
  let x = (seed * 2654435761 + 1013904223) >>> 0 || 1
  return () => {
    x ^= x << 13
    x >>>= 0
    x ^= x >>> 17
    x ^= x << 5
    x >>>= 0
    return x / 2 ** 32
  }
}

/** Situations in which the pair may rest without an open, named server: a person has to decide. */
const STANDING: readonly RegExp[] = [
  /^ledger-rewound$/,
  /refused$/,
  /^target-restarted-standing$/,
  /^writer-closed-by-operator$/,
  /^restarted-writer-alone$/,
  /^spare-(held|stale|possibly-short|errant|freshness-unproven)$/,
]

export interface Wandered {
  readonly walks: number
  readonly events: number
  readonly seconds: number
  readonly violations: readonly Violation[]
  /** How often each situation stood where a walk could not come to rest by itself. */
  readonly standing: Readonly<Record<string, number>>
  /** How often each situation was decided. */
  readonly situations: Readonly<Record<string, number>>
}

/** Deep random walks; after each, everything is repaired and the pair has to come to rest. */
export function wander(
  beginning: () => SimState,
  limits: Limits & { readonly seeds: readonly number[]; readonly events: number },
  deciding: Decide = decide,
): Wandered {
  const situations: Record<string, number> = {}
  const quiet = withoutBeats((memory, world, now) => {
    const decision = deciding(memory, world, now)
    situations[decision.situation.code] = (situations[decision.situation.code] ?? 0) + 1
    return decision
  })
  const startedMs = performance.now()
  const violations: Violation[] = []
  const standing: Record<string, number> = {}
  let walks = 0
  let total = 0
  for (const seed of limits.seeds) {
    if ((performance.now() - startedMs) / 1000 >= limits.secondsMax || violations.length > 0) break
    walks += 1
    const random = randomFrom(seed)
    const start = beginning()
    let state = start
    let spent = NOTHING_SPENT
    const taken: Event[] = []
    for (let count = 0; count < limits.events && violations.length === 0; count++) {
      const [event, spends] = choose([...nextEvents(state, spent, limits)], random) ?? [null, spent]
      if (event === null || (spent.faults === limits.faults && idle(state))) break
      taken.push(event)
      total += 1
      const complaints: string[] = []
      const next = tryStep(state, event, quiet, complaints)
      if (complaints.length > 0)
        violations.push({
          complaint: `seed ${seed}: ${complaints.join('; ')}`,
          trace: traceOf(start, taken, quiet),
        })
      if (next === null) break
      state = next
      spent = spends
    }
    if (violations.length > 0) break
    const complaint = comesToRest(state, quiet, standing)
    if (complaint !== null)
      violations.push({
        complaint: `seed ${seed}: ${complaint.complaint}`,
        trace: `${traceOf(start, taken, quiet)}\n   --- everything is repaired\n${complaint.trace}`,
      })
  }
  return {
    walks,
    events: total,
    seconds: (performance.now() - startedMs) / 1000,
    violations,
    standing,
    situations,
  }
}

/** Nothing is left to happen: no fault to come, and the pair rests. */
function idle(state: SimState): boolean {
  return (
    unrest(state) === '' &&
    NAMES.every((name) => state.servers[name].status === 'up') &&
    state.cuts.length === 0
  )
}

/** Looks and acts are likely, so that things get done; faults and repairs rare, so that stories are long. */
function choose(choices: readonly (readonly [Event, Spent])[], random: () => number) {
  const weights = choices.map(([event]) => weightOf(event))
  let left = random() * weights.reduce((sum, each) => sum + each, 0)
  for (const [index, choice] of choices.entries()) {
    left -= weights[index] ?? 0
    if (left <= 0) return choice
  }
  return choices.at(-1) ?? null
}

function weightOf(event: Event): number {
  if (event.do === 'look') return event.between === undefined ? 10 : 2
  if (event.do === 'act') return event.how === undefined ? 10 : 1
  if (event.do === 'tick') return event.ms === 1000 ? 6 : 1
  if (event.do === 'commit' || event.do === 'begin-look') return 2
  const rare = event.do === 'cut' || event.do === 'crash' || event.do === 'freeze' || event.do === 'rewind'
  return rare ? 0.5 : 1
}

/** After all repairs: exactly one server open and named, or a situation that only a person can end. */
export function comesToRest(
  from: SimState,
  deciding: Decide,
  standing: Record<string, number> = {},
): Violation | null {
  const story = new Story({ deciding, tolerant: true })
  story.state = { ...clone(from), cuts: [] }
  for (const name of NAMES) repair(story, name)
  if (story.state.directory.late.length > 0) story.and({ do: 'land-swap' })
  story.start('w9', 3_600_000)
  for (let turn = 0; turn < 200; turn++) {
    // A claim that can't be finished lapses and is retaken: what stands is seen within two of those minutes.
    if (turn === 80) story.codes.clear()
    for (const who of Object.keys(story.state.invocations)) {
      if (story.state.invocations[who]?.finished) story.and({ do: 'kill', who })
      else story.turn(who, 0)
    }
    if (story.violations.length > 0) break
    story.change('a heartbeat', beatByTime).wait(1000)
    if (turn > 5 && unrest(story.state) === '' && settledData(story.state) === '') return null
  }
  if (story.violations.length > 0) return { complaint: story.violations.join('; '), trace: story.trace() }
  const codes = [...story.codes]
  if (codes.some((code) => STANDING.some((each) => each.test(code)))) {
    for (const code of codes) standing[code] = (standing[code] ?? 0) + 1
    return null
  }
  const why = unrest(story.state) || settledData(story.state)
  return { complaint: `liveness: ${why} (${codes.join(', ')})`, trace: story.trace() }
}

function repair(story: Story, server: Name): void {
  const { status, flying, obstacles } = story.state.servers[server]
  if (obstacles.length > 0) story.and({ do: 'unlock', server })
  story.and({ do: 'obey', server })
  if (status === 'down') story.and({ do: 'restart', server })
  if (status === 'frozen') story.and({ do: 'wake', server })
  if (status === 'up' && flying.length > 0) story.and({ do: 'land', server })
}
