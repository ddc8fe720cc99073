/**
 * Planned switchovers, played and judged: applications write through the name, the writer's role goes there and back, and at the end
 * every acknowledged row has to be on both servers. The demo tells it, the tests assert on it, the benchmark repeats it.
 */
import type { SwitchoverAnswer } from '../lambda/switchover-request.ts'
import type { DatabaseServer } from './database/database-server.ts'
import { spread } from './figures.ts'
import { writeBlockOf } from './knocker.ts'
import type { LocalFunction } from './lambda/function.ts'
import type { Invocation } from './lambda/invocation.ts'
import { type LookLine, lookOf, messageOf } from './log-line.ts'
import { PAIR, type Stage, WRITER_NAME } from './stage.ts'
import { keepWatching } from './standing-watch.ts'
import { type Load, type LoadOptions, startLoad } from './switchover-load.ts'

export interface Swap {
  readonly from: string
  readonly to: string
  /** As the function says: from the start of the closing to the end of the opening. */
  readonly writeBlockMs: number | null
  /** As clients saw it: from the last commit on the old writer to the first on the new one. */
  readonly measuredBlockMs: number
  /** From the request to its answer. */
  readonly answeredMs: number
  /** From the last commit on the old writer until an application wrote again through the name; null without applications. */
  readonly throughNameMs: number | null
  /** Acknowledged rows a second just before. */
  readonly rowsPerSecond: number
  /** How often it was refused before, nothing closed and nothing changed. */
  readonly refusals: number
  /** Where the function's write block went, ms; null if a mark is missing. */
  readonly phases: Phases | null
}

export interface Phases {
  /** From the start of the closing until it was seen closed, sessions ended. */
  readonly closingMs: number
  /** From then until both had the same position. */
  readonly catchingUpMs: number
  /** From then until the new writer was open. */
  readonly openingMs: number
}

export interface SwitchoverVerdict {
  readonly ok: boolean
  readonly server: string
  readonly scenario: 'switchover'
  readonly bundleSha256: string
  readonly ackedRows: number
  readonly lostRows: number
  /** Acknowledged rows a second while nothing was switched, the median. */
  readonly rowsPerSecond: number
  /** The longest of all swaps; null if one of them could not say. */
  readonly writeBlockMs: number | null
  readonly measuredBlockMs: number
  readonly throughNameMs: number | null
  readonly swaps: readonly Swap[]
  readonly checksumsEqual: boolean
  readonly failures: readonly string[]
}

export interface SwitchoverStoryOptions extends LoadOptions {
  readonly tell?: (text: string) => void
  /** How often the role is moved; even numbers end where they began. @default 2 */
  readonly swaps?: number
  /** Between one swap and the next, ms, all applications writing. @default 1500 */
  readonly restMs?: number
  /** Whether the record's TTL is lowered first. @default false */
  readonly lowerTtl?: boolean
  /**
   * How often a refusal is taken for each swap before the story is given up: a slow spare may lag at this load, which is halved each
   * time. @default 0
   */
  readonly refusalsMax?: number
}

const TIMEOUT_MS = 30_000

/** Plays it on a fresh stage, beginning with alice. Throws if one is refused too often or undone; what is lost is in `failures`. */
export async function playSwitchover(
  stage: Stage,
  options: SwitchoverStoryOptions = {},
): Promise<SwitchoverVerdict> {
  const tell = options.tell ?? (() => undefined)
  const { pair } = stage
  const watch = await keepWatching(stage, (invocation) => narrate(invocation, tell))
  const requests = stage.watcher({ handler: 'request', name: 'request' })
  const load = startLoad(stage, options)
  const { apps } = load
  try {
    await Promise.all(apps.map((app) => app.firstFrom(pair.hostFor('application', pair.alice), 0, 10_000)))
    tell(
      `${apps.length} applications write through ${WRITER_NAME}, each a row every ${options.everyMs ?? 10} ms.`,
    )
    const swaps: Swap[] = []
    let [from, to] = [pair.alice, pair.bob]
    for (let count = 0; count < (options.swaps ?? 2); count++) {
      await load.holdOn(from)
      const rowsPerSecond = await load.rate(options.restMs ?? 1500)
      swaps.push({
        ...(await swap({ ...{ stage, requests, load, tell, from, to }, options })),
        rowsPerSecond,
      })
      ;[from, to] = [to, from]
    }
    await load.rate(options.restMs ?? 1500)
    await load.stop()
    return verdictOf(stage, swaps, await judge(stage, from, to, load.tokens()), tell)
  } finally {
    await load.stop()
    await watch.end()
  }
}

function verdictOf(
  { pair, aws, bundle }: Stage,
  swaps: readonly Swap[],
  end: Judged,
  tell: (text: string) => void,
): SwitchoverVerdict {
  tell(
    `${end.acked} rows were acknowledged, ${end.lost} are missing; the checksums of both servers are ${end.equal ? 'equal' : 'DIFFERENT'}.`,
  )
  const failures = [...end.failures]
  if (aws.route53.counts.upserts > 0) failures.push('something was upserted')
  const longest = (figures: readonly (number | null)[]) =>
    figures.includes(null) ? null : Math.max(...figures.map(Number))
  return {
    ok: failures.length === 0,
    server: `${pair.family} ${pair.alice.binary.version}`,
    scenario: 'switchover',
    bundleSha256: bundle.sha256,
    ackedRows: end.acked,
    lostRows: end.lost,
    rowsPerSecond: Math.round(spread(swaps.map(({ rowsPerSecond }) => rowsPerSecond)).median),
    writeBlockMs: longest(swaps.map(({ writeBlockMs }) => writeBlockMs)),
    measuredBlockMs: Math.max(...swaps.map(({ measuredBlockMs }) => measuredBlockMs)),
    throughNameMs: longest(swaps.map(({ throughNameMs }) => throughNameMs)),
    swaps,
    checksumsEqual: end.equal,
    failures,
  }
}

interface SwapOptions {
  readonly stage: Stage
  readonly requests: LocalFunction
  readonly load: Load
  readonly tell: (text: string) => void
  readonly from: DatabaseServer
  readonly to: DatabaseServer
  readonly options: SwitchoverStoryOptions
}

async function swap(given: SwapOptions): Promise<Omit<Swap, 'rowsPerSecond'>> {
  const { stage, load, tell, from, to } = given
  const { pair } = stage
  const asking = { lowerTtl: given.options.lowerTtl ?? false, tell }
  let refusals = 0
  let startedAtMs = performance.now()
  let { answer, looks } = await requestSwap(given.requests, to, asking)
  // Nothing was closed, so it was a refusal.
  while (!answer.ok && answer.writeBlockMs === null && refusals < (given.options.refusalsMax ?? 0)) {
    refusals++
    tell(`Refused (${answer.situation}): this load is more than the spare can follow here; it is halved.`)
    load.ease()
    startedAtMs = performance.now()
    ;({ answer, looks } = await requestSwap(given.requests, to, asking))
  }
  if (!answer.ok) throw new Error(`to ${to.name}: ${answer.situation} ${answer.because}`)
  const answeredMs = Math.round(performance.now() - startedAtMs)
  const block = writeBlockOf(load.knockerOf(from), load.knockerOf(to), startedAtMs)
  if (block === null) throw new Error(`${to.name} is the writer, and no client could write on it`)
  const host = pair.hostFor('application', to)
  // All of them, so that the next swap meets the whole load again.
  const [through] = await Promise.all(
    load.apps.map((app) => app.firstFrom(host, block.lastOldAtMs, TIMEOUT_MS)),
  )
  const measured = {
    writeBlockMs: answer.writeBlockMs,
    measuredBlockMs: Math.round(block.blockMs),
    throughNameMs: through === undefined ? null : Math.round(through.atMs - block.lastOldAtMs),
  }
  tell(
    `${to.name} is the writer. Nobody could write for ${measured.measuredBlockMs} ms (the function says ${measured.writeBlockMs}); through the name an application wrote again after ${measured.throughNameMs} ms.`,
  )
  return { from: from.name, to: to.name, answeredMs, refusals, phases: phasesOf(looks), ...measured }
}

/** The position's own mark is a failover's; in a switchover the look that saw it is the one that opens. */
function phasesOf(looks: readonly LookLine[]): Phases | null {
  const at = (wanted: string) => looks.at(-1)?.timeline.find(({ what }) => what === wanted)?.atMs
  const [closing, closed, opened] = ['closing', 'closed', 'opened'].map(at)
  const caughtUp = looks.find(({ situation }) => situation === 'switchover-opening')?.now
  if (closing === undefined || closed === undefined || caughtUp === undefined || opened === undefined)
    return null
  return { closingMs: closed - closing, catchingUpMs: caughtUp - closed, openingMs: opened - caughtUp }
}

/** Asks the request function for it, and gives its answer and the looks that it logged. Throws if there is no answer. */
export async function requestSwap(
  requests: LocalFunction,
  to: DatabaseServer,
  options: { readonly lowerTtl: boolean; readonly tell?: (text: string) => void },
): Promise<{ answer: SwitchoverAnswer; looks: readonly LookLine[] }> {
  const tell = options.tell ?? (() => undefined)
  // A spare that lags for a moment under this load is waited for, rather than the request refused.
  const event = { action: 'switchover', pair: PAIR, to: to.name, waitForQuietMs: 60_000 }
  const sent = options.lowerTtl ? { ...event, lowerTtl: true } : event
  tell(`Send ${JSON.stringify(sent)} to the request function.`)
  const request = requests.start(sent)
  narrate(request, tell)
  const { result, error } = await request.finished
  if (result === undefined) throw new Error(`to ${to.name}: ${error?.errorMessage ?? 'no answer'}`)
  const looks = request.logs.map(lookOf).filter((look) => look !== null)
  return { answer: result as SwitchoverAnswer, looks }
}

export interface Judged {
  readonly acked: number
  readonly lost: number
  /** Whether the checksums of both servers are. */
  readonly equal: boolean
  /** In words; empty if nothing is lost and both are the same. */
  readonly failures: readonly string[]
}

/** What was acknowledged has to be on the writer, and the other one has to be the same. */
export async function judge(
  stage: Stage,
  writer: DatabaseServer,
  spare: DatabaseServer,
  tokens: readonly string[],
): Promise<Judged> {
  await stage.pair.waitUntilCaughtUp(spare)
  const rows = await writer.query<{ token: string }>('SELECT token FROM shop.orders')
  const present = new Set(rows.map(({ token }) => token))
  const sums = await Promise.all(
    [writer, spare].map(async (server) => {
      const [row] = await server.query<{ Checksum: number }>('CHECKSUM TABLE shop.orders')
      return Number(row?.Checksum)
    }),
  )
  const lost = tokens.filter((token) => !present.has(token)).length
  const equal = sums[0] === sums[1] && !Number.isNaN(sums[0])
  const failures = [
    ...(lost > 0 ? [`${lost} acknowledged rows are lost`] : []),
    ...(equal ? [] : ['the two servers differ']),
  ]
  return { acked: tokens.length, lost, equal, failures }
}

function narrate(invocation: Invocation, tell: (text: string) => void): void {
  invocation.onLog((line) => {
    const look = lookOf(line)
    if (look !== null && look.step !== 'beat') tell(`[${look.situation}] ${look.because}`)
    const message = messageOf(line)
    if (message !== null) tell(`Message: ${message.subject}`)
  })
}
