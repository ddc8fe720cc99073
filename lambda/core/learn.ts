/**
 * Takes one look into memory: pure bookkeeping, no judgement. What is judged from it stands in the tables of situations.
 */
import { compareSpare } from './compare.ts'
import { contains, count } from './gtid-set.ts'
import { type Ledger, parseLedger } from './ledger.ts'
import type {
  ClaimMemory,
  Comparison,
  Known,
  LedgerMemory,
  Mark,
  Memory,
  Move,
  ServerMemory,
} from './memory.ts'
import { assessRisk } from './risk.ts'
import { caughtUp, held } from './spare.ts'
import type { ActResult, SwapStep } from './step.ts'
import { channelMark } from './witness.ts'
import type { Answer, ServerView, World, WriterRecord } from './world.ts'

export function learn(before: Memory, world: World, now: number): Memory {
  const ledger = learnLedger(before.ledger, world, now)
  const landed = landedSwap(before.ledger, ledger)
  const servers = Object.fromEntries(
    Object.entries(world.servers).map(([name, view]) => [
      name,
      learnServer(before.servers[name] as ServerMemory, view, now),
    ]),
  )
  const learned: Memory = {
    ...before,
    ledger,
    servers,
    ours: learnClaim(before, ledger, landed, world, now),
    openUnderClaim: learnOpenUnderClaim(before, ledger, world),
    moved: learnMove(before, ledger, landed, world),
    tookOverAtMs: landed === 'take-over' ? now : before.tookOverAtMs,
    inspected: learnTransactions(before.inspected, world),
  }
  const parsed = currentLedger(learned)
  if (parsed === null) return learned
  const target = world.servers[parsed.claim?.target ?? '']?.answer ?? null
  const measurable = learned.ours !== null && parsed.claim?.intent === 'failover' && target?.closed === true
  return {
    ...learned,
    risk: measurable ? assessRisk(learned, parsed.writer, target) : learned.risk,
    ...learnPair(before, learned, parsed, world, now),
    timeline: learnTimeline(learned, parsed, landed, world, now),
  }
}

/** The ledger as last read or swapped; null if there is none that can be understood. */
export function currentLedger(memory: Memory): Ledger | null {
  if (memory.ledger.text === null) return null
  const parsed = parseLedger(memory.ledger.text)
  return typeof parsed === 'string' ? null : parsed
}

function learnServer(before: ServerMemory, view: ServerView, now: number): ServerMemory {
  let memory = before
  for (const probe of view.probes) {
    if (probe.outcome === 'answered')
      memory = {
        ...memory,
        refused: 0,
        silent: 0,
        failingSinceMs: null,
        ailment: null,
        lastAnswerAtMs: probe.endedAtMs,
      }
    else if (probe.outcome === 'refused' || probe.outcome === 'silent')
      memory = {
        ...memory,
        [probe.outcome]: memory[probe.outcome] + 1,
        failingSinceMs: memory.failingSinceMs ?? probe.startedAtMs,
        ailment: null,
      }
    else
      memory = {
        ...memory,
        refused: 0,
        silent: 0,
        failingSinceMs: memory.failingSinceMs ?? probe.startedAtMs,
        ailment: { outcome: probe.outcome, errno: probe.errno, message: probe.message },
      }
  }
  if (view.answer === null) {
    const lost = view.guard === 'closed' && memory.lastAnswerAtMs !== null && memory.failingSinceMs === null
    return lost ? { ...memory, failingSinceMs: now } : memory
  }
  const { answer } = view
  const mark = channelMark(answer)
  const known: Known = {
    uuid: answer.uuid,
    executed: answer.executed,
    count: count(answer.executed),
    readAtMs: answer.readAtMs,
    startedClockMs: answer.startedClockMs,
    skipsReplicaStart: answer.skipsReplicaStart,
    closed: answer.closed,
    version: answer.version,
    heartbeat: typeof answer.heartbeat === 'string' ? null : answer.heartbeat,
  }
  return {
    refused: 0,
    silent: 0,
    failingSinceMs: null,
    ailment: null,
    lastAnswerAtMs: answer.readAtMs,
    known,
    channelMark: mark,
    channelMovedAtMs: mark === memory.channelMark ? memory.channelMovedAtMs : movedAtMs(answer, before, now),
  }
}

/**
 * When the channel moved: as the server says, if that lies between the looks; else now. Half a transaction moves the read position
 * without being mentioned among what came last (T33).
 */
function movedAtMs(answer: Answer, before: ServerMemory, now: number): number {
  const { lastReceivedClockMs } = answer.channel ?? { lastReceivedClockMs: 0 }
  const saidAtMs = answer.readAtMs - (answer.clockMs - lastReceivedClockMs)
  const inBetween = before.lastAnswerAtMs !== null && saidAtMs >= before.lastAnswerAtMs && saidAtMs <= now
  return inBetween ? saidAtMs : now
}

function learnLedger(before: LedgerMemory, world: World, now: number): LedgerMemory {
  let memory = before
  const { last, directory } = world
  if (last?.step.kind === 'swap') {
    const sent = { text: last.step.to.ledger, purpose: last.step.purpose, startedAtMs: last.startedAtMs }
    memory = { ...memory, sent, revisionMax: Math.max(memory.revisionMax, revisionOf(sent.text)) }
    memory = swapped(memory, last, sent.text, last.step.to.record)
  }
  if (directory === null) return memory
  if (directory.state === 'unreadable') {
    const sinceMs = memory.failure?.sinceMs ?? directory.readAtMs
    return { ...memory, failure: { kind: directory.kind, message: directory.message, sinceMs } }
  }
  return {
    ...memory,
    state: 'known',
    unsettled: memory.unsettled && memory.sent?.text !== directory.ledger,
    failure: null,
    text: directory.ledger,
    record: directory.record,
    readAtMs: directory.readAtMs,
    unchangedSinceMs:
      directory.ledger === memory.text && memory.state !== 'unread' ? memory.unchangedSinceMs : now,
    revisionMax: Math.max(memory.revisionMax, directory.ledger === null ? 0 : revisionOf(directory.ledger)),
  }
}

function swapped(
  memory: LedgerMemory,
  { outcome, message, endedAtMs }: ActResult,
  text: string,
  record: WriterRecord,
): LedgerMemory {
  if (outcome === 'done')
    return {
      ...memory,
      state: 'known',
      text,
      record,
      unchangedSinceMs: endedAtMs,
      unsettled: false,
      refused: null,
      failure: null,
    }
  const count = (memory.refused?.count ?? 0) + 1
  return {
    ...memory,
    state: 'stale',
    unsettled: memory.unsettled || outcome === 'unknown',
    refused: outcome === 'refused' ? { count, message, atMs: endedAtMs } : memory.refused,
  }
}

function revisionOf(text: string): number {
  const parsed = parseLedger(text)
  return typeof parsed === 'string' ? 0 : parsed.revision
}

/** The purpose of a swap of ours that has now landed: its answer said so, or a reading shows it after its answer was lost. */
function landedSwap(before: LedgerMemory, after: LedgerMemory): SwapStep['purpose'] | null {
  return after.sent !== null && after.text === after.sent.text && before.text !== after.text
    ? after.sent.purpose
    : null
}

/** The old writer took writes while the claim stood: what the claim proved about the spare then is proven no more. */
function learnOpenUnderClaim(before: Memory, ledger: LedgerMemory, world: World): boolean {
  const parsed = ledger.text === null ? null : parseLedger(ledger.text)
  if (parsed === null || typeof parsed === 'string' || parsed.claim === null) return false
  return before.openUnderClaim || world.servers[parsed.writer]?.answer?.closed === false
}

function learnClaim(
  memoryBefore: Memory,
  ledger: LedgerMemory,
  landed: SwapStep['purpose'] | null,
  world: World,
  now: number,
): ClaimMemory | null {
  const before = memoryBefore.ours
  const parsed = ledger.text === null ? null : parseLedger(ledger.text)
  if (parsed === null || typeof parsed === 'string' || parsed.claim?.who !== world.who) return null
  // What the decision to claim was made on, not what the target has become since.
  const decidedOn = memoryBefore.servers[parsed.claim.target]?.known?.startedClockMs ?? null
  let memory: ClaimMemory =
    before === null || landed === 'take-over'
      ? {
          renewedAtMs: ledger.unchangedSinceMs,
          proven: false,
          swept: {},
          opening: before?.opening ?? null,
          reconnected: false,
          catchingUpSinceMs: null,
          targetStartedClockMs: null,
        }
      : before
  if (landed !== null) memory = { ...memory, renewedAtMs: ledger.sent?.startedAtMs ?? now }
  if (landed === 'claim' || landed === 'prove')
    memory = { ...memory, proven: true, targetStartedClockMs: decidedOn }
  if (landed === 'undo' || landed === 'claim-short')
    memory = { ...memory, proven: false, targetStartedClockMs: decidedOn }
  memory = learnStep(memory, world)
  const target = world.servers[parsed.claim.target]?.answer
  if (target && memory.targetStartedClockMs === null)
    memory = { ...memory, targetStartedClockMs: target.startedClockMs }
  if (target && memory.catchingUpSinceMs === null && !caughtUp(target))
    memory = { ...memory, catchingUpSinceMs: now }
  return memory
}

function learnStep(memory: ClaimMemory, world: World): ClaimMemory {
  const { last } = world
  if (last === null || last.step.kind === 'swap') return memory
  const { step, outcome } = last
  const swept = { ...memory.swept }
  // A statement that nobody answered may still run: its session has to be found and killed before anything else (R3).
  if (outcome === 'unknown') delete swept[step.server]
  switch (step.kind) {
    case 'kill-others':
      if (outcome === 'done') swept[step.server] = swept[step.server] === undefined ? 'claimed' : 'opening'
      return { ...memory, swept }
    case 'open': {
      const endsAtMs = last.startedAtMs + world.policy.switchover.writeBlockMs + OPENING_MARGIN_MS
      if (swept[step.server] !== undefined) swept[step.server] = 'claimed'
      return { ...memory, swept, opening: { server: step.server, endsAtMs, settled: outcome !== 'unknown' } }
    }
    case 'start-threads':
      if (swept[step.server] !== undefined) swept[step.server] = 'claimed'
      return { ...memory, swept }
    case 'reconnect':
      return { ...memory, swept, reconnected: true }
    default:
      return { ...memory, swept }
  }
}

/** The server's clock may run a little differently while an opening statement waits. */
const OPENING_MARGIN_MS = 1000

function learnMove(
  memory: Memory,
  ledger: LedgerMemory,
  landed: SwapStep['purpose'] | null,
  world: World,
): Move | null {
  const { last } = world
  if (landed === 'move') {
    const from = currentLedger(memory)?.writer ?? ''
    const to = currentLedger({ ...memory, ledger })?.writer ?? ''
    const changeId = last?.step.kind === 'swap' ? last.changeId : null
    return { from, to, changeId, closeQueued: false }
  }
  const before = memory.moved
  if (before !== null && last?.step.kind === 'queue-close') return { ...before, closeQueued: true }
  return before
}

function learnTransactions(before: Memory['inspected'], world: World): Memory['inspected'] {
  const found = Object.values(world.servers).flatMap((view) => view.answer?.transactions ?? [])
  if (found.length === 0) return before
  return { ...before, ...Object.fromEntries(found.map(({ gtid, tables }) => [gtid, tables])) }
}

/** What both servers together show: freshness, how much is covered, the commit rate, the comparison. */
function learnPair(
  before: Memory,
  learned: Memory,
  ledger: Ledger,
  world: World,
  now: number,
): Pick<Memory, 'replicatingAtMs' | 'coveredAtMs' | 'commitsPerSecond' | 'comparison'> {
  const spareName = Object.keys(world.servers).find((name) => name !== ledger.writer) ?? ''
  const spare = world.servers[spareName]?.answer ?? null
  const named = world.servers[ledger.writer]?.answer ?? null
  const knownBefore = before.servers[ledger.writer]?.known ?? null
  let { replicatingAtMs, coveredAtMs, commitsPerSecond } = before
  if (spare !== null && knownBefore !== null && contains(held(spare), knownBefore.executed))
    coveredAtMs = Math.max(coveredAtMs ?? 0, knownBefore.readAtMs)
  if (named !== null && knownBefore !== null && named.readAtMs > knownBefore.readAtMs + 100) {
    const known = learned.servers[ledger.writer]?.known
    const rate = (((known?.count ?? 0) - knownBefore.count) * 1000) / (named.readAtMs - knownBefore.readAtMs)
    commitsPerSecond = Math.max(rate, commitsPerSecond * 0.9)
  }
  if (named === null || spare === null)
    return { replicatingAtMs, coveredAtMs, commitsPerSecond, comparison: before.comparison }
  if (
    spare.channel?.receiver === 'on' &&
    spare.channel.applier === 'on' &&
    typeof spare.heartbeat !== 'string' &&
    typeof named.heartbeat !== 'string'
  ) {
    // As old as the newest heartbeat that it has applied: both were written by the named server's clock.
    const behindMs = named.heartbeat.writtenClockMs - spare.heartbeat.writtenClockMs
    replicatingAtMs = Math.max(replicatingAtMs ?? 0, now - Math.max(0, behindMs))
  }
  return {
    replicatingAtMs,
    coveredAtMs,
    commitsPerSecond,
    comparison: compare(before.comparison, spareName, spare, named),
  }
}

function compare(
  before: Comparison | null,
  server: string,
  spare: Parameters<typeof compareSpare>[0],
  named: Parameters<typeof compareSpare>[1],
): Comparison {
  const found = compareSpare(spare, named)
  const same = before?.server === server && before.alone === found.alone && before.lacks === found.lacks
  return { server, ...found, looks: same ? before.looks + 1 : 1 }
}

function learnTimeline(
  memory: Memory,
  ledger: Ledger,
  landed: SwapStep['purpose'] | null,
  world: World,
  now: number,
): readonly Mark[] {
  let marks = memory.timeline
  const mark = (what: Mark['what'], atMs: number) => {
    if (!marks.some((each) => each.what === what)) marks = [...marks, { what, atMs }]
  }
  const named = memory.servers[ledger.writer]
  if (named?.failingSinceMs != null && memory.moved === null) {
    if (named.lastAnswerAtMs !== null) mark('lastAnswer', named.lastAnswerAtMs)
    mark('detected', named.failingSinceMs)
  } else if (memory.moved === null && memory.ours === null) marks = []
  const { last } = world
  if (last?.outcome === 'done') {
    if (last.step.kind === 'detach' || last.step.kind === 'stop-applier') mark('caughtUp', last.startedAtMs)
    if (last.step.kind === 'open') mark('opened', last.endedAtMs)
  }
  if (landed === 'claim' || landed === 'prove' || landed === 'claim-short') {
    mark('confirmed', memory.ledger.sent?.startedAtMs ?? now)
    mark('claimed', last?.endedAtMs ?? now)
  }
  if (landed === 'move') mark('moved', last?.endedAtMs ?? now)
  if (memory.moved !== null) {
    const beat = world.servers[memory.moved.to]?.beat
    if (beat?.state === 'committed' && beat.endedAtMs !== null) mark('writable', beat.endedAtMs)
    if (
      world.visibility?.insync === true &&
      world.visibility.resolved?.includes(addressOf(world, memory.moved.to))
    )
      mark('visible', world.servers[memory.moved.to]?.answer?.readAtMs ?? 0)
  }
  return marks
}

function addressOf(world: World, server: string): string {
  return world.policy.servers[server]?.address ?? ''
}
