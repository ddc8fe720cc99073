/**
 * Planned switchovers, played and judged: applications write through the name, the writer's role goes there and back, and at the end
 * every acknowledged row has to be on both servers. The demo tells it, the tests assert on it, the benchmark repeats it.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { SwitchoverAnswer } from '../lambda/switchover-request.ts'
import { type Application, startApplication } from './application.ts'
import type { DatabaseServer } from './database/database-server.ts'
import { type Knocker, knockOn } from './knocker.ts'
import type { Invocation } from './lambda/invocation.ts'
import { lookOf, messageOf } from './log-line.ts'
import { PAIR, type Stage, WRITER_NAME } from './stage.ts'

export interface Swap {
  readonly from: string
  readonly to: string
  /** As the function says: from the start of the closing to the end of the opening. */
  readonly writeBlockMs: number | null
  /** As clients saw it: from the last commit on the old writer to the first on the new one. */
  readonly measuredBlockMs: number
  /** From the request to its answer. */
  readonly answeredMs: number
  /** From the last commit on the old writer until an application wrote again through the name. */
  readonly throughNameMs: number
}

export interface SwitchoverVerdict {
  readonly ok: boolean
  readonly server: string
  readonly scenario: 'switchover'
  readonly bundleSha256: string
  readonly ackedRows: number
  readonly lostRows: number
  /** Acknowledged rows a second while nothing was switched. */
  readonly rowsPerSecond: number
  /** The longest of all swaps; null if one of them could not say. */
  readonly writeBlockMs: number | null
  readonly measuredBlockMs: number
  readonly throughNameMs: number
  readonly swaps: readonly Swap[]
  readonly checksumsEqual: boolean
  readonly failures: readonly string[]
}

export interface SwitchoverStoryOptions {
  readonly tell?: (text: string) => void
  /** How often the role is moved; even numbers end where they began. @default 2 */
  readonly swaps?: number
  /** How many applications write at once. @default 4 */
  readonly applications?: number
  /** Each writes a row so often, ms. @default 10 */
  readonly everyMs?: number
  /** Between one swap and the next, ms. @default 1500 */
  readonly restMs?: number
}

const TIMEOUT_MS = 30_000

/** Plays it on a fresh stage, beginning with alice. Throws if a switchover is refused or undone; what is lost is in `failures`. */
export async function playSwitchover(
  stage: Stage,
  options: SwitchoverStoryOptions = {},
): Promise<SwitchoverVerdict> {
  const tell = options.tell ?? (() => undefined)
  const { pair } = stage
  const watching = stage.watcher().start({ action: 'watch', pair: PAIR })
  narrate(watching, tell)
  await watching.waitForLog((line) => lookOf(line)?.situation === 'healthy', TIMEOUT_MS)
  const requests = stage.watcher({ handler: 'request', name: 'request' })
  const apps = startApplications(stage, options)
  const knockers = pair.servers.map((server) => knockOn(stage, server, `knock-${server.name}`))
  try {
    await apps[0]?.firstFrom(pair.hostFor('application', pair.alice), 0, 10_000)
    tell(
      `${apps.length} applications write through ${WRITER_NAME}, each a row every ${options.everyMs ?? 10} ms.`,
    )
    const loadedAtMs = performance.now()
    await pause(options.restMs ?? 1500)
    const rowsPerSecond = Math.round(
      (rowsOf(apps, knockers).length * 1000) / (performance.now() - loadedAtMs),
    )
    const swaps: Swap[] = []
    const failures: string[] = []
    let [from, to] = [pair.alice, pair.bob]
    for (let count = 0; count < (options.swaps ?? 2); count++) {
      swaps.push(await swap({ stage, requests, apps, knockers, tell, from, to }))
      ;[from, to] = [to, from]
      await pause(options.restMs ?? 1500)
    }
    await Promise.all([...apps, ...knockers].map((each) => each.stop()))
    const end = await judge(stage, from, to, rowsOf(apps, knockers))
    tell(
      `${end.acked} rows were acknowledged, ${end.lost} are missing; the checksums of both servers are ${end.equal ? 'equal' : 'DIFFERENT'}.`,
    )
    if (end.lost > 0) failures.push(`${end.lost} acknowledged rows are lost`)
    if (!end.equal) failures.push('the two servers differ')
    if (stage.aws.route53.counts.upserts > 0) failures.push('something was upserted')
    const blocks = swaps.map(({ writeBlockMs }) => writeBlockMs)
    return {
      ok: failures.length === 0,
      server: `${pair.family} ${pair.alice.binary.version}`,
      scenario: 'switchover',
      bundleSha256: stage.bundle.sha256,
      ackedRows: end.acked,
      lostRows: end.lost,
      rowsPerSecond,
      writeBlockMs: blocks.includes(null) ? null : Math.max(...blocks.map(Number)),
      measuredBlockMs: Math.max(...swaps.map(({ measuredBlockMs }) => measuredBlockMs)),
      throughNameMs: Math.max(...swaps.map(({ throughNameMs }) => throughNameMs)),
      swaps,
      checksumsEqual: end.equal,
      failures,
    }
  } finally {
    await Promise.all([...apps, ...knockers].map((each) => each.stop()))
    watching.kill()
    await watching.finished
  }
}

interface SwapOptions {
  readonly stage: Stage
  readonly requests: ReturnType<Stage['watcher']>
  readonly apps: readonly Application[]
  readonly knockers: readonly Knocker[]
  readonly tell: (text: string) => void
  readonly from: DatabaseServer
  readonly to: DatabaseServer
}

async function swap({ stage, requests, apps, knockers, tell, from, to }: SwapOptions): Promise<Swap> {
  const { pair } = stage
  // A spare that lags for a moment under this load is waited for, rather than the request refused.
  const event = { action: 'switchover', pair: PAIR, to: to.name, waitForQuietMs: 60_000 }
  tell(`Send ${JSON.stringify(event)} to the request function.`)
  const startedAtMs = performance.now()
  const request = requests.start(event)
  narrate(request, tell)
  const { result, error } = await request.finished
  const answeredMs = Math.round(performance.now() - startedAtMs)
  const answer = result as SwitchoverAnswer | undefined
  if (answer?.ok !== true)
    throw new Error(
      `${from.name} to ${to.name}: ${answer?.situation} ${answer?.because ?? error?.errorMessage ?? 'no answer'}`,
    )
  const [onOld, onNew] = from === pair.alice ? knockers : [...knockers].reverse()
  const lastOldAtMs = onOld?.acknowledgedAtMs.at(-1) ?? Number.NaN
  const firstNewAtMs = onNew?.acknowledgedAtMs.find((atMs) => atMs > startedAtMs) ?? Number.NaN
  const host = pair.hostFor('application', to)
  const through = await apps[0]?.firstFrom(host, lastOldAtMs, TIMEOUT_MS)
  const measured = {
    writeBlockMs: answer?.writeBlockMs ?? null,
    measuredBlockMs: Math.round(firstNewAtMs - lastOldAtMs),
    throughNameMs: Math.round((through?.atMs ?? Number.NaN) - lastOldAtMs),
  }
  tell(
    `${to.name} is the writer. Nobody could write for ${measured.measuredBlockMs} ms (the function says ${measured.writeBlockMs}); through the name an application wrote again after ${measured.throughNameMs} ms.`,
  )
  return { from: from.name, to: to.name, answeredMs, ...measured }
}

function startApplications(stage: Stage, options: SwitchoverStoryOptions): Application[] {
  const { application: account, port, caFile } = stage.pair
  const nameServer = stage.aws.environment.HOTSPARE_NAME_SERVER
  const target = { name: WRITER_NAME, nameServer }
  return Array.from({ length: options.applications ?? 4 }, (_, index) =>
    startApplication({ account, port, caFile, target, name: `app${index}`, everyMs: options.everyMs ?? 10 }),
  )
}

function rowsOf(apps: readonly Application[], knockers: readonly Knocker[]): string[] {
  return [
    ...apps.flatMap(({ acknowledged }) => acknowledged.map(({ token }) => token)),
    ...knockers.flatMap(({ tokens }) => tokens),
  ]
}

/** What was acknowledged has to be on the writer, and the other one has to be the same. */
async function judge(stage: Stage, writer: DatabaseServer, spare: DatabaseServer, tokens: readonly string[]) {
  await stage.pair.waitUntilCaughtUp(spare)
  const rows = await writer.query<{ token: string }>('SELECT token FROM shop.orders')
  const present = new Set(rows.map(({ token }) => token))
  const sums = await Promise.all(
    [writer, spare].map(async (server) => {
      const [row] = await server.query<{ Checksum: number }>('CHECKSUM TABLE shop.orders')
      return Number(row?.Checksum)
    }),
  )
  return {
    acked: tokens.length,
    lost: tokens.filter((token) => !present.has(token)).length,
    equal: sums[0] === sums[1] && !Number.isNaN(sums[0]),
  }
}

function narrate(invocation: Invocation, tell: (text: string) => void): void {
  invocation.onLog((line) => {
    const look = lookOf(line)
    if (look !== null && look.step !== 'beat') tell(`[${look.situation}] ${look.because}`)
    const message = messageOf(line)
    if (message !== null) tell(`Message: ${message.subject}`)
  })
}
