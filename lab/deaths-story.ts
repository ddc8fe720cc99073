/**
 * Deaths in a row under load, each with a tail that may not have reached the spare, and each judged by the rows themselves: what the
 * survivor lacks must be told, and nothing that it has.
 *
 * The one thing to understand: the judge never asks Hotspare. It compares the rows that applications were told of with those on either
 * server, each row being a transaction of its own, and only then reads what Hotspare said.
 */
import { randomInt } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { count, members, subtract } from '../lambda/core/gtid-set.ts'
import { inspectionOf } from '../lambda/core/inspection.ts'
import { type Application, startApplication } from './application.ts'
import type { DatabaseServer } from './database/database-server.ts'
import { replicationOf } from './database/replication.ts'
import type { Invocation } from './lambda/invocation.ts'
import { type LookLine, lookOf } from './log-line.ts'
import { PAIR, type Stage, WRITER_NAME } from './stage.ts'
import { keepWatching } from './standing-watch.ts'

/** What one death came to. */
export interface DeathVerdict {
  readonly writer: string
  /** For how long the spare had received nothing when the writer died, ms. */
  readonly stalledMs: number
  /** The applications wrote nothing in that time: only heartbeats can be missing. */
  readonly resting: boolean
  readonly acknowledgedRows: number
  /** Acknowledged rows that the survivor lacks. */
  readonly lostRows: number
  /** Rows that only the returned writer has, acknowledged or not. */
  readonly strandedRows: number
  /** Transactions that Hotspare named as the returned writer's alone, its own left out. */
  readonly named: number
  /** Those of them whose tables it could not tell. */
  readonly unknown: number
  readonly outcome: 'held' | 'follows'
  /** What `status` says in the end. */
  readonly status: string
  readonly failures: readonly string[]
}

export interface DeathsOptions {
  readonly deaths: number
  /** The links to the spare stall for a random time up to this before each death. */
  readonly stallMsMax: number
  readonly onDeath?: (verdict: DeathVerdict) => void
}

const APPLICATIONS = 3
const EVERY_MS = 8
const RETURNED = ['spare-on-hold', 'spare-stopped', 'healthy']
const WAIT_MS = 40_000

/**
 * Plays deaths on one pair until there were so many, or one left a server held: then it needs to be made anew, which is not played here.
 * The stage must have links that can be broken.
 */
export async function playDeaths(stage: Stage, options: DeathsOptions): Promise<DeathVerdict[]> {
  const verdicts: DeathVerdict[] = []
  const invocations: Invocation[] = []
  const watching = await keepWatching(stage, (invocation) => invocations.push(invocation))
  const apps = startApplications(stage)
  try {
    let writer = stage.pair.alice
    for (let played = 0; played < options.deaths; played++) {
      const verdict = await playDeath(stage, { writer, apps, invocations, stallMsMax: options.stallMsMax })
      verdicts.push(verdict)
      options.onDeath?.(verdict)
      if (verdict.outcome === 'held' || verdict.failures.length > 0) break
      writer = stage.pair.otherOf(writer)
    }
    return verdicts
  } finally {
    await Promise.all(apps.map((app) => app.stop()))
    await watching.end()
  }
}

function startApplications(stage: Stage): Application[] {
  const { application: account, port, caFile } = stage.pair
  const target = { name: WRITER_NAME, nameServer: stage.aws.environment.HOTSPARE_NAME_SERVER }
  return Array.from({ length: APPLICATIONS }, (_, index) =>
    startApplication({ account, port, caFile, target, name: `app${index}`, everyMs: EVERY_MS }),
  )
}

interface Scene {
  readonly writer: DatabaseServer
  readonly apps: readonly Application[]
  readonly invocations: readonly Invocation[]
  readonly stallMsMax: number
}

async function playDeath(stage: Stage, scene: Scene): Promise<DeathVerdict> {
  const { pair } = stage
  const { writer, apps, invocations } = scene
  const spare = pair.otherOf(writer)
  const link = pair.links?.[writer === pair.alice ? 'aliceToBob' : 'bobToAlice']
  if (link === undefined) throw new Error('Deaths are played on a pair with proxies: true.')
  const since = performance.now()
  await Promise.all(apps.map((app) => app.firstFrom(pair.hostFor('application', writer), since, WAIT_MS)))
  await pause(1000 + randomInt(1500))
  const { stalledMs, resting } = tailFor(scene.stallMsMax)
  if (resting) await Promise.all(apps.map((app) => app.rest()))
  if (resting) await pair.waitUntilCaughtUp(spare)
  if (stalledMs > 0) await link.stall()
  await pause(stalledMs)
  const diedAtMs = performance.now()
  await writer.kill()
  await link.reset()
  for (const app of apps) app.goOn()
  await Promise.all(apps.map((app) => app.firstFrom(pair.hostFor('application', spare), diedAtMs, WAIT_MS)))
  await link.heal()
  await pause(randomInt(1500))
  const returnedAtMs = performance.now()
  await writer.start()
  const look = await settledLook(invocations, returnedAtMs)
  const rows = await judgeRows(scene, spare)
  const outcome = look.situation === 'spare-on-hold' ? 'held' : 'follows'
  const failures = [...judgeWords(look, rows), ...(outcome === 'follows' ? await follow(spare, writer) : [])]
  const status = await statusOf(stage, outcome === 'follows' ? 'healthy' : 'spare-on-hold')
  if (status !== (outcome === 'follows' ? 'healthy' : 'spare-on-hold'))
    failures.push(`status says ${status} of a returned writer that is ${outcome}`)
  const { named, unknown } = namedIn(look)
  return { writer: writer.name, stalledMs, resting, ...rows, named, unknown, outcome, status, failures }
}

/** A quarter die with nothing held back, a quarter with nothing but heartbeats on their way, the rest with a tail of rows. */
function tailFor(stallMsMax: number): { stalledMs: number; resting: boolean } {
  const kind = stallMsMax === 0 ? 0 : randomInt(4)
  if (kind === 0) return { stalledMs: 0, resting: false }
  return kind === 1
    ? { stalledMs: HEARTBEATS_MS, resting: true }
    : { stalledMs: randomInt(stallMsMax), resting: false }
}

/** Long enough for a heartbeat or two. */
const HEARTBEATS_MS = 1500

/** The newest look that says what became of the returned writer. */
async function settledLook(invocations: readonly Invocation[], sinceMs: number): Promise<LookLine> {
  const endsAtMs = performance.now() + WAIT_MS
  for (;;) {
    const seen = invocations
      .flatMap(({ logs }) => logs)
      .filter(({ atMs }) => atMs > sinceMs)
      .map(lookOf)
      .filter((look) => look !== null)
    const settled = seen.find(({ situation }) => RETURNED.includes(situation))
    if (settled !== undefined) return settled
    if (performance.now() > endsAtMs)
      throw new Error(
        `Nothing was said of the returned writer; situations: ${seen.map(({ situation }) => situation).join(', ')}`,
      )
    await pause(50)
  }
}

type Rows = Pick<DeathVerdict, 'acknowledgedRows' | 'lostRows' | 'strandedRows'>

async function judgeRows({ writer, apps }: Scene, survivor: DatabaseServer): Promise<Rows> {
  const acknowledged = apps.flatMap((app) => app.acknowledged.map(({ token }) => token))
  // The old one is read first: what the survivor takes meanwhile may be there or not.
  const [old, kept] = [await tokensOn(writer), await tokensOn(survivor)]
  return {
    acknowledgedRows: acknowledged.length,
    lostRows: acknowledged.filter((token) => !kept.has(token)).length,
    strandedRows: [...old].filter((token) => !kept.has(token)).length,
  }
}

async function tokensOn(server: DatabaseServer): Promise<Set<string>> {
  const rows = await server.query<{ token: string }>(`SELECT token FROM shop.orders WHERE token LIKE 'app%'`)
  return new Set(rows.map(({ token }) => token))
}

/** What Hotspare says that only the returned writer has, its own transactions left out. */
function namedIn({ memory }: LookLine): { named: number; unknown: number } {
  const { alone = '', server = '' } = memory.comparison ?? {}
  const { tables: known } = inspectionOf(memory.inspections, server)
  const inspected = members(alone, Number.POSITIVE_INFINITY).map((gtid) => ({
    gtid,
    tables: known[gtid] ?? [],
  }))
  const ours = inspected.filter(
    ({ tables }) => tables.length > 0 && tables.every((table) => table.startsWith('hotspare.')),
  )
  const others = subtract(alone, ours.map(({ gtid }) => gtid).join(','))
  const unknown = inspected.filter(({ tables }) => tables.length === 0).length
  return { named: count(others), unknown }
}

function judgeWords(look: LookLine, { lostRows, strandedRows }: Rows): string[] {
  const { named, unknown } = namedIn(look)
  if (look.situation !== 'spare-on-hold')
    return lostRows === 0 && strandedRows === 0
      ? []
      : [`${lostRows} rows are lost, ${strandedRows} stranded, and it is told as "${look.situation}"`]
  const [least, most] = [named - unknown, named]
  return strandedRows >= least && strandedRows <= most
    ? []
    : [
        `${strandedRows} rows are stranded, and ${named} transactions are named (${unknown} of unknown tables)`,
      ]
}

/** Does what the message says, and sees both directions run. */
async function follow(writer: DatabaseServer, returned: DatabaseServer): Promise<string[]> {
  for (const server of [returned, writer]) await server.query('START REPLICA')
  const endsAtMs = performance.now() + 15_000
  for (;;) {
    const states = await Promise.all([returned, writer].map(replicationOf))
    if (states.every(({ receiver, applier }) => receiver === 'on' && applier === 'on')) break
    if (performance.now() > endsAtMs)
      return [`told that it may follow, and then: ${JSON.stringify(states.map(withoutPosition))}`]
    await pause(50)
  }
  // New heartbeats and rows have to come through, too: a number used twice stops a thread only when it arrives.
  const wanted = await writer.executed()
  while (!(await returned.hasCommitted(wanted))) {
    if (performance.now() > endsAtMs) return ['told that it may follow, and it does not catch up']
    await pause(50)
  }
  const after = await Promise.all([returned, writer].map(replicationOf))
  return after.every(({ receiver, applier }) => receiver === 'on' && applier === 'on')
    ? []
    : [`it followed, and then stopped: ${JSON.stringify(after.map(withoutPosition))}`]
}

const withoutPosition = ({ reading, ...rest }: Awaited<ReturnType<typeof replicationOf>>) => rest

async function statusOf(stage: Stage, wanted: string): Promise<string> {
  const endsAtMs = performance.now() + 20_000
  const request = stage.watcher({ handler: 'request', name: 'status' })
  for (;;) {
    const { result, error } = await request.start({ action: 'status', pair: PAIR }).finished
    if (error !== undefined) throw new Error(`status failed: ${error.errorMessage}`)
    const { situation } = result as { situation: string }
    if (situation === wanted || performance.now() > endsAtMs) return situation
  }
}
