/**
 * A step that a server refuses, or does not answer, again and again: how soon it is tried anew, when people are told, and when a claim is
 * given back for it.
 *
 * The one thing to understand: no step may wait in line for ever. What only tidies up gives way to the rows behind it; under a claim
 * that opened nothing the claim is given back, so that people know and somebody may try again; under any other claim it goes on,
 * because only the opening of a server ends it.
 */
import { type Assessment, duration, isClosed } from './assessment.ts'
import type { Memory, Stuck } from './memory.ts'
import type { Tell } from './message.ts'
import type { Row } from './situation.ts'
import { openingSettled } from './situations/sweeping.ts'
import type { Step } from './step.ts'
import { planned } from './switchover.ts'
import type { ServerName } from './world.ts'
import { takesWrites } from './writability.ts'

/** By then it is no coincidence. */
const TOLD_AFTER_MS = 3000
const GIVEN_BACK_AFTER_MS = 15_000
const FIRST_PAUSE_MS = 200
/** Somebody may grant the right meanwhile. */
const FINAL_PAUSE_MS = 30_000
const PAUSE_MS_MAX = 60_000
/** While nobody can write, or two can. */
const URGENT_PAUSE_MS_MAX = 2000

/**
 * What no waiting mends: a right that is missing (1044, 1142, 1143, 1227, 1370, 1095 for KILL), a statement, table, schema or variable
 * that the server does not know (1064, 1235, 1049, 1146, 1193).
 */
const FINAL_ERRNOS: ReadonlySet<number> = new Set([
  1044, 1142, 1143, 1227, 1370, 1095, 1064, 1235, 1049, 1146, 1193,
])

export const isFinal = ({ errno }: Pick<Stuck, 'errno'>): boolean => errno !== null && FINAL_ERRNOS.has(errno)
const lasted = (a: Assessment, stuck: Stuck, ms: number) => isFinal(stuck) || a.now - stuck.firstAtMs >= ms

export function stuckOn(a: Assessment, server: ServerName, kind: Step['kind']): Stuck | null {
  return a.memory.stuck.find((each) => each.server === server && each.kind === kind) ?? null
}

function stuckAt(a: Assessment, step: Step | null): Stuck | null {
  return step === null || step.kind === 'swap' ? null : stuckOn(a, step.server, step.kind)
}

/** When it is tried again: soon at first, then less and less often. */
function dueAtMs(a: Assessment, { kind, lastAtMs, times, errno }: Stuck): number {
  if (isFinal({ errno })) return lastAtMs + FINAL_PAUSE_MS
  const urgent = a.claim.kind === 'mine' || kind === 'close'
  const growing = FIRST_PAUSE_MS * 2 ** Math.min(times - 1, 10)
  return lastAtMs + Math.min(growing, urgent ? URGENT_PAUSE_MS_MAX : PAUSE_MS_MAX)
}

/** It was refused or not answered, and is not to be tried again yet: nothing has to be found out for it meanwhile. */
export function restsFrom(a: Assessment, server: ServerName, kind: Step['kind']): boolean {
  const stuck = stuckOn(a, server, kind)
  return stuck !== null && a.now < dueAtMs(a, stuck)
}

/** The rows behind this one get their turn: its step waits for its next try, or has been tried for long enough. */
export function givesWay(a: Assessment, row: Row, step: Step | null): boolean {
  const stuck = row.yields === undefined ? null : stuckAt(a, step)
  if (stuck === null || row.yields === undefined) return false
  if (row.yields === 'at-once') return a.now < dueAtMs(a, stuck)
  const longMs = Math.max(GIVEN_BACK_AFTER_MS, a.policy.switchover.writeBlockMs + 1000)
  return a.now - stuck.firstAtMs >= longMs && !mayGiveBack(a) && row.yields(a)
}

/** The claim is given back because of this step, or for the row's own reason. */
export function givesBack(a: Assessment, row: Row, step: Step | null): boolean {
  if (!mayGiveBack(a)) return false
  if (row.givesBack === true || (a.claim.kind === 'mine' && a.claim.ours.givingBack)) return true
  const stuck = stuckAt(a, step)
  // A person waits for a switchover, and writes flow meanwhile.
  return stuck !== null && lasted(a, stuck, planned(a) === null ? GIVEN_BACK_AFTER_MS : TOLD_AFTER_MS)
}

/** R5: nothing was opened under a failover that is ours from the beginning; or the named server is open and the other one is not. */
function mayGiveBack(a: Assessment): boolean {
  if (a.claim.kind !== 'mine') return false
  if (!isClosed(a.spare) || leavesSoon(a)) return false
  const { claim, ours } = a.claim
  // R4: a close that nobody answered may still land on the named server.
  if (ours.closing?.outcome === 'unknown') return false
  // R3: what became of an opening of ours is known.
  const opened = ours.opening?.done === true || !openingSettled(a, a.spare)
  return takesWrites(a.named) || (claim.intent === 'failover' && !claim.touched && !opened)
}

/** The same row while its step is refused: it says so, and waits for the next try. */
export function heldUp(a: Assessment, row: Row, step: Step | null): Row {
  const stuck = stuckAt(a, step)
  if (stuck === null) return row
  const because = (each: Assessment) => `${row.because(each)} ${inWords(each, stuck)}`
  const advice = (each: Assessment) => row.advice?.(each) || adviceOn(each)
  const waitMs = dueAtMs(a, stuck) - a.now
  const { step: _, ...standing } = row
  return waitMs <= 0
    ? { ...row, because, advice }
    : { ...standing, because, advice, afterMs: Math.min(Math.max(waitMs, 25), 500), progress: true }
}

const ASKED: Readonly<Partial<Record<Step['kind'], string>>> = {
  close: 'to close',
  open: 'to open',
  'kill-others': "to end older sessions of Hotspare's",
  detach: 'to stop receiving',
  'stop-applier': 'to stop its applier',
  'start-threads': 'to start replicating',
  reconnect: 'to connect anew',
  'stop-waiting': 'to stop waiting for acknowledgements',
  'record-takeover': 'to write down the takeover',
  'start-events': 'to start its events',
  'stop-events': 'to stop its events',
  'end-blockers': 'to end the sessions that block it',
}

/** `bob was asked to stop its applier 12 times in 9.3 s and refuses (3857: ...).` */
export function inWords(
  a: Assessment,
  { server, kind, firstAtMs, times, outcome, errno, message }: Stuck,
): string {
  const often = times === 1 ? '' : ` ${times} times in ${duration(a.now - firstAtMs)}`
  const said = [errno, message.slice(0, 300)].filter((part) => part !== null && part !== '').join(': ')
  const answer = outcome === 'refused' ? 'refuses' : 'does not answer'
  return `${server} was asked ${ASKED[kind] ?? `for ${kind}`}${often} and ${answer} (${said}).`
}

/** What stands longest, and what can't pass by itself before that. */
export function reasonOf({ stuck }: Pick<Memory, 'stuck'>): Stuck | null {
  const [worst] = [...stuck].sort(
    (x, y) => Number(isFinal(y)) - Number(isFinal(x)) || x.firstAtMs - y.firstAtMs,
  )
  return worst ?? null
}

/** What is told by now, worst first. */
export function standing(a: Assessment): readonly Stuck[] {
  return a.memory.stuck.filter((each) => lasted(a, each, TOLD_AFTER_MS))
}

export function adviceOn(a: Assessment): string {
  const why = reasonOf(a.memory)
  if (why === null) return ''
  if (why.errno === null)
    return `Look at ${why.server} (SHOW PROCESSLIST): something there keeps the statement waiting, or ends our connection.`
  if (!isFinal(why)) return `Look at ${why.server} (SHOW PROCESSLIST) for what is in the way, and end it.`
  return [1049, 1146, 1064, 1235, 1193].includes(why.errno)
    ? `Create what ${why.server} lacks: docs/setup.md has the statements. It is tried again every ${FINAL_PAUSE_MS / 1000} s.`
    : `Give Hotspare's account the right on ${why.server}: docs/setup.md has the GRANT statements. It is tried again every ${FINAL_PAUSE_MS / 1000} s.`
}

/** At first soon, then at growing intervals: at 3 s, 1, 2, 4, ... minutes. */
export function tellsOf(a: Assessment): Tell[] {
  // The rights for events are optional: who goes without them is not woken for it; status says so.
  const told = standing(a).filter(({ kind }) => kind !== 'start-events' && kind !== 'stop-events')
  const [first] = told
  if (first === undefined) return []
  const longestMs = Math.max(...told.map(({ firstAtMs }) => a.now - firstAtMs))
  const reminder = longestMs < 60_000 ? 0 : 1 + Math.floor(Math.log2(longestMs / 60_000))
  const what = told
    .map(({ server, kind }) => `${server} ${kind}`)
    .sort()
    .join()
  const severity = a.claim.kind === 'mine' || !takesWrites(a.named) ? 'critical' : 'warning'
  return [
    { event: 'step-refused', severity, key: `step-refused/${what}/${a.ledger?.epoch ?? 0}/${reminder}` },
  ]
}

/** An invocation's last seconds, in which a claim may still be made (`too-late-in-invocation`). */
const LEAVING_MS = 30_000

/**
 * A claim is the only thing that hands a proof of freshness on (R15). So an invocation that has one does not end between two tries: it claims
 * once more and leaves that claim to whoever comes next, who would have no proof of its own.
 */
function leavesSoon(a: Assessment): boolean {
  return a.world.remainingMs < LEAVING_MS && a.world.request === null
}

/** For how long no failover begins after claims were given back: 15 s, 30 s, then a minute. */
export function givenBackFor(a: Assessment): number {
  const { gaveBack } = a.memory
  if (gaveBack === null || leavesSoon(a)) return 0
  const pauseMs =
    gaveBack.why !== null && isFinal(gaveBack.why)
      ? FINAL_PAUSE_MS
      : Math.min(GIVEN_BACK_AFTER_MS * 2 ** (gaveBack.times - 1), PAUSE_MS_MAX)
  return Math.max(0, gaveBack.atMs + pauseMs - a.now)
}
