/**
 * The simulated pair moves: events happen to it one at a time, and looking and acting are two of them, so that acting on a stale look
 * is explored like everything else.
 *
 * Everything here is synchronous and pure: a state and an event give a new state and what our own acts did in it.
 */
import { type Decision, decide } from '../../lambda/core/decide.ts'
import { lastOfOrigin, union } from '../../lambda/core/gtid-set.ts'
import type { ActResult, ServerStep, Step, SwapStep } from '../../lambda/core/step.ts'
import type { ManualRequest, Obstacle, WriterRecord } from '../../lambda/core/world.ts'
import { newInvocation } from './healthy.ts'
import { type Between, beginLook, observe } from './observe.ts'
import { applyAll, crash, type Effect, land, noteFailure, restart, run, settle, wake } from './server.ts'
import {
  ADDRESSES,
  clone,
  cutName,
  invocationOf,
  isCut,
  NAMES,
  type Name,
  type SimInvocation,
  type SimState,
  takesWrites,
  UUIDS,
} from './state.ts'

/** How an act goes: as it should; its answer is lost; it gets stuck and runs later. */
export type How = 'well' | 'lost' | 'late'

export type Event =
  | { readonly do: 'start'; readonly who: string; readonly lastsMs?: number; readonly asked?: ManualRequest }
  | { readonly do: 'look'; readonly who: string; readonly between?: Between }
  /** A part of the next look is read now, the rest when it comes to that look. */
  | { readonly do: 'begin-look'; readonly who: string; readonly part: 'directory' | Name }
  | { readonly do: 'act'; readonly who: string; readonly how?: How }
  | { readonly do: 'kill'; readonly who: string }
  | { readonly do: 'tick'; readonly ms: number }
  | { readonly do: 'commit'; readonly server: Name }
  | { readonly do: 'crash'; readonly server: Name; readonly lose?: number }
  | {
      readonly do: 'freeze' | 'wake' | 'restart' | 'land' | 'apply' | 'lock' | 'unlock'
      readonly server: Name
    }
  | { readonly do: 'refuse'; readonly server: Name; readonly kind: ServerStep['kind'] }
  | { readonly do: 'obey'; readonly server: Name }
  | { readonly do: 'cut' | 'heal'; readonly a: string; readonly b: string }
  | { readonly do: 'land-swap' }
  /** The zone is restored from a copy: ledger and record are those of an earlier text. */
  | { readonly do: 'rewind'; readonly to: string }
  | { readonly do: 'change'; readonly what: string; readonly how: (state: SimState) => void }

export interface Happened {
  readonly state: SimState
  readonly effects: readonly Effect[]
  /** The decision of a look. */
  readonly decision: Decision | null
}

export type Decide = typeof decide

export function happen(before: SimState, event: Event, deciding: Decide = decide): Happened {
  const state = clone(before)
  switch (event.do) {
    case 'look':
      return { state, effects: [], decision: look(state, event.who, deciding, event.between ?? null) }
    case 'act': {
      const { pending } = invocationOf(state, event.who)
      const effects = pending === null ? [] : perform(state, event.who, pending, event.how ?? 'well')
      settle(state)
      return { state, effects, decision: null }
    }
    default: {
      const effects = befall(state, event)
      settle(state)
      return { state, effects, decision: null }
    }
  }
}

function befall(state: SimState, event: Exclude<Event, { do: 'look' | 'act' }>): Effect[] {
  switch (event.do) {
    case 'start':
      state.invocations = {
        ...state.invocations,
        [event.who]: newInvocation(state, event.who, event.lastsMs, event.asked),
      }
      return []
    case 'begin-look':
      beginLook(state, event.who, event.part)
      return []
    case 'kill':
      killInvocation(state, event.who)
      return []
    case 'tick':
      state.now += event.ms
      return []
    case 'commit':
      commit(state, event.server)
      return []
    case 'crash':
      crash(state, state.servers[event.server], event.lose)
      return []
    case 'freeze':
      state.servers[event.server].status = 'frozen'
      noteFailure(state, state.servers[event.server])
      return []
    case 'wake':
      return wake(state, state.servers[event.server])
    case 'restart':
      restart(state, state.servers[event.server])
      return []
    case 'land':
      return land(state, state.servers[event.server])
    case 'apply':
      applyAll(state.servers[event.server])
      return []
    case 'lock':
      state.servers[event.server].obstacles = [TABLE_LOCK]
      return []
    case 'unlock':
      state.servers[event.server].obstacles = []
      return []
    case 'refuse':
      state.servers[event.server].refuses = { [event.kind]: { outcome: 'refused', errno: 1205 } }
      return []
    case 'obey':
      state.servers[event.server].refuses = {}
      return []
    case 'cut':
      state.cuts = [...new Set([...state.cuts, cutName(event.a, event.b)])].sort()
      return []
    case 'heal':
      state.cuts = state.cuts.filter((each) => each !== cutName(event.a, event.b))
      return []
    case 'rewind':
      rewind(state, event.to)
      return []
    case 'land-swap':
      return landSwaps(state)
    case 'change':
      event.how(state)
      return []
  }
}

/** An application that keeps a table locked. */
export const TABLE_LOCK: Obstacle = {
  session: 77,
  account: 'app',
  kind: 'lock',
  ageMs: 9000,
  doing: 'LOCK TABLES',
}

/** Its process is gone; servers that run notice, but what they are at work on goes on. */
export function killInvocation(state: SimState, who: string): void {
  state.invocations = Object.fromEntries(Object.entries(state.invocations).filter(([each]) => each !== who))
  for (const name of NAMES) {
    const server = state.servers[name]
    if (server.status !== 'up' || isCut(state, who, name)) continue
    const busy = server.flying.map(({ session }) => session)
    server.sessions = server.sessions.filter((each) => each.who !== who || busy.includes(each.id))
  }
}

/** An application commits, if that server takes it. */
export function commit(state: SimState, name: Name, tables: readonly string[] | null = null): void {
  const server = state.servers[name]
  if (!takesWrites(server) || server.stuck) return
  const gtid = `${UUIDS[name]}:${lastOfOrigin(server.executed, UUIDS[name]) + 1}`
  server.executed = union(server.executed, gtid)
  if (tables !== null) state.tables = { ...state.tables, [gtid]: tables }
  state.acknowledged = [...state.acknowledged, { gtid, server: name, atMs: state.now }]
}

function look(state: SimState, who: string, deciding: Decide, between: Between | null): Decision {
  const invocation = invocationOf(state, who)
  const world = observe(state, who, between)
  const decision = deciding(invocation.memory, world, state.now + invocation.offsetMs)
  invocation.memory = decision.memory
  invocation.request = decision.look
  invocation.pending = decision.step
  invocation.last = null
  invocation.code = decision.situation.code
  invocation.finished = decision.finish
  if (decision.messages.length > 0)
    state.messages = [...state.messages, ...decision.messages.map(({ event }) => event)]
  return decision
}

/** Performs a decided step; the outcome stands in the invocation for its next look. */
export function perform(state: SimState, who: string, step: Step, how: How): Effect[] {
  const invocation = invocationOf(state, who)
  invocation.pending = null
  return step.kind === 'swap'
    ? performSwap(state, invocation, step, how)
    : performOnServer(state, invocation, step, how)
}

function ended(
  state: SimState,
  invocation: SimInvocation,
  step: Step,
  outcome: ActResult['outcome'],
  message: string,
  { changeId = null, errno = null }: Partial<Pick<ActResult, 'changeId' | 'errno'>> = {},
): void {
  const atMs = state.now + invocation.offsetMs
  invocation.last = { step, outcome, message, errno, startedAtMs: atMs, endedAtMs: atMs, changeId }
}

function performSwap(state: SimState, invocation: SimInvocation, step: SwapStep, how: How): Effect[] {
  const { who } = invocation
  const end = (outcome: ActResult['outcome'], message: string, changeId: string | null = null) =>
    ended(state, invocation, step, outcome, message, { changeId })
  if (state.directory.outage || isCut(state, who, 'directory')) {
    end('unknown', 'no answer')
    return []
  }
  if (how === 'late') {
    state.directory.late = [...state.directory.late, { step, who }]
    end('unknown', 'no answer')
    return []
  }
  const from = state.directory.ledger
  const swapped = compareAndSwap(state, step, who)
  if (how === 'lost') end('unknown', 'no answer')
  else if (swapped) end('done', '', `C${state.directory.changes}`)
  else end('refused', 'the values provided do not match the current values')
  return swapped
    ? [{ kind: 'swapped', server: null, who, late: false, planned: false, step: null, from }]
    : []
}

/** Both records or neither. */
export function compareAndSwap(state: SimState, { from, to, purpose }: SwapStep, who: string): boolean {
  const { directory } = state
  if (from.ledger !== directory.ledger || !sameRecord(from.record, directory.record)) return false
  if (to.ledger.length > 1000) return false
  noteProof(state, purpose, to.ledger, who)
  directory.ledger = to.ledger
  directory.record = to.record
  directory.newest = newestOf(directory.newest, to.ledger)
  directory.history = [...directory.history, to.ledger]
  directory.changes += 1
  const named = NAMES.find((name) => state.policy.servers[name]?.address === to.record.values[0])
  if (named !== undefined && !state.known.includes(named)) state.known = [...state.known, named]
  return true
}

function newestOf(newest: SimState['directory']['newest'], ledger: string): typeof newest {
  const epoch = Number(/epoch=(\d+)/.exec(ledger)?.[1])
  const writer = NAMES.find((name) => ledger.includes(`writer=${name} `))
  return writer !== undefined && epoch >= newest.epoch ? { epoch, writer } : newest
}

/** The record goes with it: a zone is copied as a whole. */
function rewind(state: SimState, ledger: string): void {
  const { directory } = state
  const writer = NAMES.find((name) => ledger.includes(`writer=${name} `))
  directory.ledger = ledger
  directory.wentBack = true
  if (directory.record !== null && writer !== undefined)
    directory.record = { ...directory.record, values: [ADDRESSES[writer]] }
}

function noteProof(state: SimState, purpose: SwapStep['purpose'], ledger: string, who: string): void {
  const named = NAMES.find((name) => ledger.includes(`writer=${name} `))
  const seen = named === undefined ? undefined : state.invocations[who]?.seen[named]
  if (purpose === 'take-over') state.proof = null
  else if (ledger.includes(',failover,') && purpose !== 'renew')
    state.proof = { who, heard: seen?.heard === true && seen.answered === false }
}

function sameRecord(a: WriterRecord | null, b: WriterRecord | null): boolean {
  if (a === null || b === null) return a === b
  return (
    a.type === b.type &&
    a.ttlSeconds === b.ttlSeconds &&
    a.foreign === b.foreign &&
    [...a.values].sort().join() === [...b.values].sort().join()
  )
}

function landSwaps(state: SimState): Effect[] {
  const { late } = state.directory
  state.directory.late = []
  return late.flatMap(({ step, who }): Effect[] => {
    const from = state.directory.ledger
    return compareAndSwap(state, step, who)
      ? [{ kind: 'swapped', server: null, who, late: true, planned: false, step: null, from }]
      : []
  })
}

function performOnServer(state: SimState, invocation: SimInvocation, step: ServerStep, how: How): Effect[] {
  const { who } = invocation
  const name = step.server as Name
  const server = state.servers[name]
  const link = invocation.links[name]
  const end = (outcome: ActResult['outcome'], message: string, errno: number | null = null) => {
    ended(state, invocation, step, outcome, message, { errno })
    if (step.kind === 'beat') noteBeat(state, invocation, step.server as Name, step.sequence, outcome)
    // A connection on which something was lost is given up: the next look dials a new one.
    if (outcome === 'unknown' && step.kind !== 'beat' && step.kind !== 'queue-close') link.session = null
  }
  const session = step.kind === 'queue-close' ? link.guard : step.session
  const planned = state.directory.ledger?.includes(',switchover,') === true
  const stands = session !== null && server.sessions.some(({ id }) => id === session)
  const ours = step.kind === 'queue-close' || step.session === link.session
  if (!stands || !ours || server.status === 'down') {
    end('refused', 'the connection that the look used is gone')
    return []
  }
  if (isCut(state, who, name)) {
    end(step.kind === 'queue-close' ? 'done' : 'unknown', 'no answer')
    return []
  }
  const hangs = server.stuck && step.kind === 'beat'
  if (server.status === 'frozen' || how === 'late' || hangs) {
    server.flying = [...server.flying, { step, session, who, planned }]
    end(step.kind === 'queue-close' ? 'done' : 'unknown', 'no answer')
    return []
  }
  const refusal = server.refuses[step.kind]
  if (refusal !== undefined) {
    end(refusal.outcome, `it will not ${step.kind}`, refusal.errno)
    return []
  }
  const { outcome, message, effects } = run(state, server, step, who, { late: false, planned })
  end(how === 'lost' ? 'unknown' : outcome, message)
  return effects
}

function noteBeat(
  state: SimState,
  invocation: SimInvocation,
  name: Name,
  sequence: number,
  outcome: ActResult['outcome'],
): void {
  const atMs = state.now + invocation.offsetMs
  const ended = outcome === 'unknown' ? null : atMs
  const beatState = outcome === 'done' ? 'committed' : outcome === 'refused' ? 'skipped' : 'pending'
  invocation.links[name].beat = { sequence, state: beatState, sentAtMs: atMs, endedAtMs: ended, message: '' }
}
