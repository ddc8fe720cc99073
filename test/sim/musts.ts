/**
 * The musts, checked after every event against the true state, not against what the core saw.
 *
 * Each complaint begins with the must or rule that is broken. What an act did is judged at the moment it took effect, with what its
 * sender could have known at its look: what nobody could have seen (a cut-off writer that wakes in the gap) is no violation.
 */
import { canonical, contains, intersect, members, ofOrigin, subtract } from '../../lambda/core/gtid-set.ts'
import { type Claim, type Ledger, parseLedger } from '../../lambda/core/ledger.ts'
import { BEGINNING } from './healthy.ts'
import type { Event, Happened } from './pair.ts'
import { type Effect, heldBy } from './server.ts'
import {
  ADDRESSES,
  isCut,
  NAMES,
  type Name,
  otherOf,
  type SimServer,
  type SimState,
  takesWrites,
  UUIDS,
} from './state.ts'

export function ledgerOf(state: SimState): Ledger | null {
  const parsed = state.directory.ledger === null ? null : parseLedger(state.directory.ledger)
  return typeof parsed === 'string' ? null : parsed
}

/** What one server has and the other lacks, without what touched only Hotspare's own schema. */
export function alone(state: SimState, name: Name, have = (server: SimServer) => server.executed): string {
  const set = subtract(have(state.servers[name]), state.servers[otherOf(name)].executed)
  const ours = members(set, 100).filter((gtid) =>
    state.tables[gtid]?.every((each) => each.startsWith('hotspare.')),
  )
  return ours.length === 0 ? set : subtract(set, ours.join(','))
}

/** What is broken by this event, in words; empty if nothing is. */
export function broken(before: SimState, event: Event, happened: Happened): string[] {
  const { state, effects } = happened
  // A person's hand in the story is no act of ours.
  if (event.do === 'change' || event.do === 'rewind') return []
  const code = happened.decision?.situation.code ?? ''
  if (/^ledger-(rewound|mending)$/.test(code) && !state.directory.wentBack)
    return [`R14: ${code} was decided, and the ledger never went back`]
  const judged = effects.flatMap((effect) => JUDGES[effect.kind]?.(before, state, effect) ?? [])
  return [
    ...judged,
    ...(state.directory.ledger === before.directory.ledger ? [] : ledgerBroken(before, state)),
  ]
}

type Judge = (before: SimState, after: SimState, effect: Effect) => string[]

const JUDGES: Readonly<Partial<Record<Effect['kind'], Judge>>> = {
  open: opened,
  close: closed,
  'queue-close': closed,
  'start-threads': threadsStarted,
  detach: detached,
  'stop-applier': blindly,
  swapped,
}

/** M4: nobody acts who saw no server, or never read the ledger. */
function blindly(before: SimState, _after: SimState, { who, late, kind }: Effect): string[] {
  const invocation = before.invocations[who]
  if (invocation === undefined || late) return []
  const blind = NAMES.every((name) => !invocation.seen[name].answered)
  return [
    ...(blind && kind !== 'queue-close' ? [`M4: ${who} did ${kind} and had seen neither server`] : []),
    ...(invocation.directoryRead ? [] : [`M4: ${who} did ${kind} and had never read the ledger`]),
  ]
}

/**
 * R13: without a claim, receiving is stopped only from a server that is held at that moment. One that a frozen server was sent under a claim
 * lands when it wakes, whatever has become of that claim; it harms no data.
 */
function detached(before: SimState, after: SimState, effect: Effect): string[] {
  const complaints = blindly(before, after, effect)
  const ledger = ledgerOf(before)
  const from = otherOf(effect.server as Name)
  if (effect.late || ledger === null || ledger.claim !== null || ledger.holds.includes(from))
    return complaints
  return [...complaints, `R13: ${effect.who} stopped receiving from ${from}, which nobody holds`]
}

function opened(before: SimState, after: SimState, effect: Effect): string[] {
  const target = effect.server as Name
  if (takesWrites(before.servers[target])) return []
  const complaints = blindly(before, after, effect)
  const ledger = ledgerOf(before)
  const claim = ledger?.claim ?? null
  if (ledger === null || claim === null || claim.who !== effect.who)
    complaints.push(`M2: ${effect.who} opened ${target} without holding the claim`)
  // A statement that nobody answered may still land under the undo that followed. Its target is closed then, and the named server
  // is not opened before (R3): that both are never open is judged below all the same.
  else if (claim.target !== target && !effect.late)
    complaints.push(`R1: ${effect.who} opened ${target} under a claim to open ${claim.target}`)
  complaints.push(...twoOpen(before, target, effect))
  const newest = forgotten(before, ledger)
  const known = newest !== null && before.invocations[effect.who]?.seen[newest].answered === true
  if (known && !effect.late)
    complaints.push(`R14: ${effect.who} opened ${target} by a ledger that had gone back`)
  if (ledger === null) return complaints
  return [
    ...complaints,
    ...(ledger.writer === target
      ? reopened(before, target)
      : effect.planned
        ? switchedTo(before, target, effect, ledger)
        : promoted(before, target, effect, ledger)),
  ]
}

/** M1: the other one is open too, and the opener saw it open, could have seen it, or it was opened by us since it looked. */
function twoOpen(before: SimState, target: Name, { who, late }: Effect): string[] {
  const other = before.servers[otherOf(target)]
  if (other.status !== 'up' || other.closed) return []
  const invocation = before.invocations[who]
  const sawIt = invocation?.seen[other.name].answered === true
  const openedSince = other.openedBy !== '' && other.openedAtMs >= (invocation?.lookedMs ?? 0)
  if (!sawIt && !openedSince && !late) return []
  return [`M1: ${target} was opened${late ? ' by a late statement' : ''} while ${other.name} was open`]
}

/** Must 2, for a failover to the spare. */
function promoted(before: SimState, target: Name, { who, late }: Effect, ledger: Ledger): string[] {
  const spare = before.servers[target]
  const old = before.servers[otherOf(target)]
  const seen = before.invocations[who]?.seen[old.name]
  const complaints: string[] = []
  if (!contains(spare.executed, spare.received))
    complaints.push(`M2: ${target} was opened with unapplied transactions`)
  if (spare.applier === 'on') complaints.push(`M2 T34: ${target} was opened with its applier running`)
  if (spare.receiver !== 'off') complaints.push(`M2: ${target} was opened while it still receives`)
  if (seen?.sick === true)
    complaints.push(`M3: ${target} was opened while ${old.name} answered with an error`)
  if (!late && seen?.open === true)
    complaints.push(`M1: ${target} was opened though ${old.name} was seen open`)
  if (ledger.holds.includes(target)) complaints.push(`M5: ${target} was opened though it is held`)
  if (!contains(spare.executed, spare.everReceived))
    complaints.push(`R9: ${target} was opened without what it once received`)
  const proven = before.proof?.who === who && !before.proof.heard
  if (!late && ledger.claim?.touched === true && !proven && seen?.answered === false)
    complaints.push(`R10: ${target} was opened under a taken-over claim and ${old.name} not proven dead anew`)
  const failedMs = before.failedMs[old.name]
  if (failedMs !== null) {
    const freshMs = failedMs - before.policy.detection.freshnessMs - 2000
    const missing = before.acknowledged.filter(
      (each) => each.server === old.name && each.atMs < freshMs && !contains(spare.executed, each.gtid),
    )
    if (missing.length > 0) complaints.push(`M2 T1: ${target} was opened ${missing.length} old commits short`)
  }
  const errant = errantOn(before, target)
  if (errant !== '') complaints.push(`M2: ${target} was opened with errant transactions ${errant}`)
  return [...complaints, ...lostOnOld(before, spare, old, seen?.answered === true)]
}

/** Must 7, R11: in a switchover the spare is opened at the closed old writer's exact position, or not at all. */
function switchedTo(before: SimState, target: Name, { who, late }: Effect, ledger: Ledger): string[] {
  const spare = before.servers[target]
  const old = before.servers[otherOf(target)]
  const seen = before.invocations[who]?.seen[old.name]
  const complaints: string[] = []
  if (!late && seen?.answered !== true)
    complaints.push(`M7: ${target} was opened and ${old.name} was not seen at its last position`)
  if (!late && seen?.open === true)
    complaints.push(`M1: ${target} was opened though ${old.name} was seen open`)
  if (ledger.holds.includes(target)) complaints.push(`M5: ${target} was opened though it is held`)
  if (!contains(spare.executed, spare.received))
    complaints.push(`M7: ${target} was opened with unapplied transactions`)
  // What it lost by a crash since the look is no fault of the opening: the target has it.
  const crashed = old.status === 'down' || old.startedMs >= (before.invocations[who]?.lookedMs ?? 0)
  if (alone(before, old.name) !== '' || (!crashed && alone(before, target) !== ''))
    complaints.push(
      `R11: ${target} was opened at another position than that of ${old.name} (${alone(before, old.name)} / ${alone(before, target)})`,
    )
  const lost = before.acknowledged.filter(
    ({ gtid, server }) => server === old.name && !contains(spare.executed, gtid),
  )
  if (lost.length > 0)
    complaints.push(`M7: ${target} was opened without ${lost.length} commits of ${old.name}`)
  return complaints
}

/** R7: an old writer that answers may not lose what was acknowledged on it, unless each of the two has something. */
function lostOnOld(before: SimState, spare: SimServer, old: SimServer, answered: boolean): string[] {
  if (!answered || alone(before, spare.name) !== '') return []
  const lost = before.acknowledged.filter(
    ({ gtid }) => contains(old.executed, gtid) && !contains(spare.executed, gtid),
  )
  return lost.length === 0
    ? []
    : [`R7: ${spare.name} was opened without ${lost.length} commits of ${old.name}`]
}

/** Transactions of the spare's own origin that no application was given an answer for while it was the writer, and nobody else has. */
export function errantOn(state: SimState, name: Name): string {
  const own = subtract(ofOrigin(alone(state, name), UUIDS[name]), BEGINNING)
  const acknowledged = state.acknowledged.map(({ gtid }) => gtid).join(',')
  return acknowledged === '' ? own : subtract(own, intersect(own, acknowledged))
}

/** R8: the named server is opened again only if it has what it ever acknowledged and the other one has. */
function reopened(before: SimState, target: Name): string[] {
  const named = before.servers[target]
  const spare = before.servers[otherOf(target)]
  const lost = before.acknowledged.filter(
    ({ gtid, server }) =>
      server === target && !contains(named.executed, gtid) && contains(heldBy(spare), gtid),
  )
  const complaints =
    lost.length === 0 || spare.status !== 'up'
      ? []
      : [`R8: ${target} was reopened without ${lost.length} commits that ${spare.name} has`]
  if (!contains(named.executed, named.received))
    complaints.push(`R8: ${target} was reopened with unapplied relay log`)
  return complaints
}

/** R4, must 4: the server that the ledger names is closed only under a claim to open the other one. */
function closed(before: SimState, after: SimState, effect: Effect): string[] {
  const complaints = blindly(before, after, effect)
  if (before.servers[effect.server as Name].closed) return complaints
  const ledger = ledgerOf(before)
  const newest = forgotten(before, ledger)
  if (newest !== null && newest !== effect.server) return complaints
  if (newest === effect.server)
    return [...complaints, `R14: ${effect.who} closed ${effect.server} by a ledger that had gone back`]
  if (ledger === null || ledger.writer !== effect.server) return complaints
  if (ledger.claim?.target === otherOf(effect.server as Name)) return complaints
  const how = effect.late ? 'a late close' : 'a close'
  return [...complaints, `R4: ${how} of ${effect.who} closed ${effect.server}, the named server`]
}

/** Must 5: a spare that has something of its own follows nobody. */
function threadsStarted(before: SimState, after: SimState, effect: Effect): string[] {
  const complaints = blindly(before, after, effect)
  const ledger = ledgerOf(before)
  const step = effect.step
  if (ledger === null || step?.kind !== 'start-threads' || !step.receiver) return complaints
  const server = effect.server as Name
  if (ledger.holds.includes(server)) complaints.push(`M5: ${effect.who} let ${server} follow, and it is held`)
  const other = before.servers[otherOf(server)]
  if (ledger.writer !== server && other.status === 'up' && !other.closed && errantOn(before, server) !== '')
    complaints.push(`M5: ${effect.who} let ${server} follow with errant transactions`)
  return complaints
}

function swapped(before: SimState, after: SimState, { who, from, late }: Effect): string[] {
  const was = from === null ? null : parseLedger(from)
  const is = ledgerOf(after)
  if (was === null || typeof was === 'string' || is === null || mended(was, is)) return []
  const seen = before.invocations[who]?.seen
  const named = was.writer as Name
  const spare = before.servers[otherOf(named)]
  if (was.claim === null) {
    const partitioned = seen?.[named].answered === false && seen[named].heard && spare.receiver === 'on'
    return is.claim?.intent === 'failover' && partitioned
      ? [`M2: ${who} claimed a failover although ${spare.name} hears ${named}`]
      : []
  }
  // One that arrives late was right when it was sent, or its sender was asked then.
  if (late) return []
  if (is.epoch !== was.epoch)
    return [
      ...movedAway(before, named, was.claim.touched, seen?.[named].answered === true),
      ...switchedAway(before, named, was.claim, seen?.[named].answered === true),
    ]
  if (is.claim !== null) return []
  return releasedEarly(before, was.claim, named, seen?.[named].open === true, who)
}

/** R7: who took over doesn't leave an old writer behind that answers and has everything and more. */
function movedAway(before: SimState, named: Name, touched: boolean, answered: boolean): string[] {
  if (!touched || !answered) return []
  if (!before.servers[named].closed)
    return [`R7: who took over moved the writer away from ${named}, which is open`]
  const ahead = alone(before, named) !== '' && alone(before, otherOf(named)) === ''
  return ahead
    ? [`R7: the writer moved away from ${named}, which answers and alone has ${alone(before, named)}`]
    : []
}

/** Must 7: a switchover leaves nothing behind that an application was given an answer for. */
function switchedAway(before: SimState, named: Name, { intent }: Claim, answered: boolean): string[] {
  if (intent !== 'switchover' || !answered) return []
  const target = before.servers[otherOf(named)]
  const left = before.acknowledged.filter(
    ({ gtid }) => contains(before.servers[named].executed, gtid) && !contains(target.executed, gtid),
  )
  return left.length === 0
    ? []
    : [`M7: the writer was switched away from ${named}, which alone has ${left.length} commits`]
}

/** R5: a claim is let go only with the named server seen open; or it was the first holder's, who opened nothing. */
function releasedEarly(
  before: SimState,
  claim: Claim,
  named: Name,
  seenOpen: boolean,
  who: string,
): string[] {
  if (seenOpen || takesWrites(before.servers[named])) return []
  const other = before.servers[otherOf(named)]
  const nothingOpened = other.openedBy !== claim.who && other.closed
  if (!claim.touched && claim.intent === 'failover' && nothingOpened) return []
  return [`R5: ${who} released the claim and ${named} was not seen open`]
}

function ledgerBroken(before: SimState, after: SimState): string[] {
  const complaints: string[] = []
  const { history, ledger, record } = after.directory
  // Who was not there before knows nothing of the texts that were lost.
  const recurs = history.indexOf(ledger ?? '') !== history.length - 1
  if (recurs && !after.directory.wentBack) complaints.push('R2: a text recurs in the ledger')
  const was = ledgerOf(before)
  const is = ledgerOf(after)
  if (is === null) return [...complaints, 'M9: a ledger was written that cannot be read']
  if (record?.values.join() !== ADDRESSES[is.writer as Name])
    complaints.push(`M1: the ledger names ${is.writer} and the record holds ${record?.values.join()}`)
  if (was === null) return complaints
  const { newest } = before.directory
  if (mended(was, is) && (is.epoch !== newest.epoch || is.writer !== newest.writer))
    complaints.push(
      `R14: the ledger was mended to ${is.writer}, epoch ${is.epoch}; the newest was ${newest.writer}, ${newest.epoch}`,
    )
  if (is.revision <= was.revision) complaints.push(`R2: revision ${is.revision} after ${was.revision}`)
  if (!mended(was, is) && is.epoch - was.epoch !== (is.writer === was.writer ? 0 : 1))
    complaints.push(`M8: epoch ${was.epoch} to ${is.epoch}, writer ${was.writer} to ${is.writer}`)
  if (was.pause !== null && is.pause === null) complaints.push('R6: a pause was lost by a swap')
  const letGo = (held: string) => !is.holds.includes(held) && !(mended(was, is) && held === is.writer)
  if (was.holds.some(letGo)) complaints.push('M5: a hold was lost by a swap')
  return complaints
}

/** It named the newest writer again after it had gone back, by a jump of the revision that no other swap makes. */
const mended = (was: Ledger, is: Ledger) => is.revision - was.revision >= 1000

/** The server that became the writer in an epoch which the ledger does not know any more; null if it knows the newest. */
function forgotten({ directory }: SimState, ledger: Ledger | null): Name | null {
  const older = directory.wentBack && ledger !== null && ledger.epoch < directory.newest.epoch
  return older ? directory.newest.writer : null
}

/** Where the pair must come to rest once nothing goes wrong any more; empty if it has. */
export function unrest(state: SimState): string {
  const ledger = ledgerOf(state)
  if (ledger === null) return 'no ledger that can be read'
  const open = NAMES.filter((name) => takesWrites(state.servers[name]))
  if (open.length !== 1) return `${open.length} servers are open`
  if (open[0] !== ledger.writer) return `${open[0]} is open and the ledger names ${ledger.writer}`
  if (ledger.claim !== null) return `a claim of ${ledger.claim.who} stands`
  const named = state.servers[ledger.writer as Name]
  if (ledger.holds.length > 0 && named.receiver === 'on') return 'the writer receives from a held server'
  return ''
}

/** Both have the same, or what differs is listed in a hold. */
export function settledData(state: SimState): string {
  const ledger = ledgerOf(state)
  if (ledger === null) return 'no ledger'
  const spare = otherOf(ledger.writer as Name)
  const errant = alone(state, spare)
  return errant === '' || ledger.holds.includes(spare)
    ? ''
    : `${spare} alone has ${canonical(errant)}, not held`
}

export const reachable = (state: SimState, who: string, name: Name) =>
  state.servers[name].status === 'up' && !isCut(state, who, name)
