/**
 * npm run bench:switchover: for how long nobody can write in a planned switchover, over repeated moves of the role on one running
 * pair, beside the floor of the bare statements; or, with `--clients`, what two real clients see that find the writer by name.
 *
 *   npm run bench:switchover -- [--runs 20] [--server mysql|mariadb]... [--load idle|busy]... [--ttl 5] [--lower-ttl]
 *                               [--applications N] [--every MS] [--sessions 0] [--json]
 *   npm run bench:switchover -- --clients [--runs 6] [--server mysql|mariadb]... [--ttl 5] [--lower-ttl] [--json]
 *
 * Idle is nobody but the two clients that measure, a row every few ms; busy is `--applications` more of them, each trying a row every
 * `--every` ms. `--sessions` are held on the writer besides, as pools hold theirs (the lab's servers take 100): each is ended in the
 * block. The write block is from the last commit on the old writer to the first on the new one, as clients saw it that never stopped
 * trying. The floor runs on the same pair right after, under the same load, without a watch (see switchover-floor.ts). Times are this
 * machine's: compare ratios and medians. A lost row or a difference between the servers makes the exit code 1.
 */
import { parseArgs } from 'node:util'
import { FAMILIES, type Family } from '../lab/database/family.ts'
import { percentile, type Spread, spread } from '../lab/figures.ts'
import { openStage, type Stage } from '../lab/stage.ts'
import { BUSY_LOAD } from '../lab/switchover-load.ts'
import { playSwitchover, type SwitchoverVerdict } from '../lab/switchover-story.ts'
import { clientsInWords, measureClients } from './switchover-clients.ts'
import { type FloorOfSwitchovers, playSwitchoverFloor } from './switchover-floor.ts'

const LOADS = ['idle', 'busy'] as const
type LoadName = (typeof LOADS)[number]

/** As a pool does that lost its connections: it tries again soon, and not in a loop. */
const RETRY_AFTER_MS = 50
const REST_MS = 1500
/** At load the spare may lag at the wrong moment; that is asked again, and told. */
const REFUSALS_MAX = 10

/** The figures of a cell, in the order and words of the table. */
const FIGURES = {
  blockMs: 'write block, clients',
  blockOfFunctionMs: 'write block, function',
  closingMs: '  of it, closing',
  catchingUpMs: '  of it, catching up',
  openingMs: '  of it, opening',
  floorMs: 'floor, clients',
  floorStatementsMs: 'floor, statements',
  floorRowsPerSecond: 'floor, rows a second',
  answeredMs: 'request to answer',
  throughNameMs: 'through the name',
} as const

interface Told extends Spread {
  readonly p95: number
}

interface Cell {
  readonly server: string
  readonly load: LoadName
  readonly ttlSeconds: number
  readonly lowerTtl: boolean
  readonly idleSessions: number
  readonly rowsPerSecond: Spread | null
  readonly figures: Readonly<Partial<Record<keyof typeof FIGURES, Told>>>
  /** Of the medians of the write block and of the floor's, as clients saw both. */
  readonly beyondFloorMs: number | null
  readonly timesFloor: number | null
  /** Requests that were refused because the moment was a bad one, and sent again. */
  readonly refusals: number | null
  readonly lostRows: number | null
  readonly checksumsEqual: boolean | null
  readonly failures: readonly string[]
}

const { values } = parseArgs({
  options: {
    runs: { type: 'string' },
    server: { type: 'string', multiple: true, default: [...FAMILIES] },
    load: { type: 'string', multiple: true, default: [...LOADS] },
    ttl: { type: 'string', default: '5' },
    'lower-ttl': { type: 'boolean', default: false },
    applications: { type: 'string' },
    every: { type: 'string' },
    sessions: { type: 'string', default: '0' },
    clients: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
})
const ttlSeconds = Number(values.ttl)
const lowerTtl = values['lower-ttl']
const idleSessions = Number(values.sessions)
const note = (text: string) => void process.stderr.write(`${text}\n`)

function known<Name extends string>(names: readonly Name[], wished: readonly string[], what: string): Name[] {
  return wished.map((wish) => {
    const found = names.find((name) => name === wish)
    if (found === undefined) throw new Error(`There is no ${what} "${wish}"; there are ${names.join(', ')}.`)
    return found
  })
}

function loadOf(family: Family, load: LoadName) {
  const { applications, everyMs } = BUSY_LOAD[family]
  return {
    applications: load === 'idle' ? 0 : Number(values.applications ?? applications),
    everyMs: Number(values.every ?? everyMs),
    retryAfterMs: RETRY_AFTER_MS,
    restMs: REST_MS,
    idleSessions,
  }
}

/** One pair for both: first the product's switchovers, then the floor's. */
async function play(family: Family, load: LoadName, bundle: Stage['bundle'] | undefined) {
  const stage = await openStage({ family, ttlSeconds, ...(bundle === undefined ? {} : { bundle }) })
  try {
    const swaps = Number(values.runs ?? 20)
    const conditions = { ...loadOf(family, load), swaps }
    const verdict = await playSwitchover(stage, { ...conditions, lowerTtl, refusalsMax: REFUSALS_MAX })
    const writer = swaps % 2 === 0 ? stage.pair.alice : stage.pair.bob
    const floor = await playSwitchoverFloor(stage, writer, { ...conditions, ttlSeconds })
    return { bundle: stage.bundle, verdict, floor }
  } finally {
    await stage.close()
  }
}

function told(figures: readonly (number | null)[]): Told {
  const known = figures.flatMap((each) => each ?? []).map(tenths)
  const { min, median, max, runs } = spread(known)
  return { min, median: tenths(median), p95: percentile(known, 0.95), max, runs }
}

function tenths(figure: number): number {
  return Math.round(figure * 10) / 10
}

function cellOf(load: LoadName, verdict: SwitchoverVerdict, floor: FloorOfSwitchovers): Cell {
  const { swaps, server, lostRows, checksumsEqual } = verdict
  const block = told(swaps.map(({ measuredBlockMs }) => measuredBlockMs))
  const floorBlock = told(floor.measuredBlocksMs)
  return {
    ...{ server, load, ttlSeconds, lowerTtl, idleSessions, lostRows, checksumsEqual },
    rowsPerSecond: spread(swaps.map(({ rowsPerSecond }) => rowsPerSecond)),
    figures: {
      blockMs: block,
      blockOfFunctionMs: told(swaps.map(({ writeBlockMs }) => writeBlockMs)),
      closingMs: told(swaps.map(({ phases }) => phases?.closingMs ?? null)),
      catchingUpMs: told(swaps.map(({ phases }) => phases?.catchingUpMs ?? null)),
      openingMs: told(swaps.map(({ phases }) => phases?.openingMs ?? null)),
      floorMs: floorBlock,
      floorStatementsMs: told(floor.statementsMs),
      floorRowsPerSecond: told(floor.rowsPerSecond),
      answeredMs: told(swaps.map(({ answeredMs }) => answeredMs)),
      throughNameMs: told(swaps.map(({ throughNameMs }) => throughNameMs)),
    },
    refusals: swaps.reduce((sum, swap) => sum + swap.refusals, 0),
    beyondFloorMs: tenths(block.median - floorBlock.median),
    timesFloor: tenths(block.median / floorBlock.median),
    failures: [...verdict.failures, ...floor.failures],
  }
}

function inWords(cell: Cell): string {
  const row = (name: string, figures: readonly (number | string)[]) =>
    `  ${name.padEnd(24)}${figures.map((each) => String(each).padStart(9)).join('')}\n`
  const rows = Object.entries(FIGURES).flatMap(([name, words]) => {
    const figure = cell.figures[name as keyof typeof FIGURES]
    if (figure === undefined || figure.runs === 0) return []
    return [row(words, [figure.min, figure.median, figure.p95, figure.max])]
  })
  const { rowsPerSecond, beyondFloorMs, timesFloor, refusals } = cell
  const idle = cell.idleSessions === 0 ? '' : `, ${cell.idleSessions} idle sessions`
  const title = `${cell.server}, ${cell.load}${idle}, TTL ${cell.ttlSeconds} s${cell.lowerTtl ? ', lowered first' : ''}`
  const measured =
    rowsPerSecond === null
      ? []
      : [
          row('', ['min', 'median', 'p95', 'max']),
          ...rows,
          `  ${rowsPerSecond.median} rows a second before each (${rowsPerSecond.min} to ${rowsPerSecond.max}); ${refusals} refused and asked again\n`,
          `  medians: ${beyondFloorMs} ms beyond the floor, ${timesFloor} times the floor\n`,
          `  ${cell.lostRows} acknowledged rows lost, checksums ${cell.checksumsEqual === true ? 'equal' : 'DIFFERENT'}\n`,
        ]
  const failures = cell.failures.map((failure) => `  FAILED: ${failure}\n`)
  return [`\n${title} (ms; ${rowsPerSecond?.runs ?? 0} switchovers)\n`, ...measured, ...failures].join('')
}

/** What broke is told and costs the cell its verdict, not the others their figures. */
function brokenCell(family: Family, load: LoadName, error: unknown): Cell {
  return {
    ...{ server: family, load, ttlSeconds, lowerTtl, idleSessions, figures: {}, failures: [String(error)] },
    ...{ rowsPerSecond: null, beyondFloorMs: null, timesFloor: null, refusals: null },
    ...{ lostRows: null, checksumsEqual: null },
  }
}

async function blocks(families: readonly Family[], loads: readonly LoadName[]): Promise<Cell[]> {
  const cells: Cell[] = []
  let bundle: Stage['bundle'] | undefined
  for (const family of families)
    for (const load of loads) {
      note(`${family}, ${load}`)
      const cell = await play(family, load, bundle).then(
        (played) => {
          bundle = played.bundle
          return cellOf(load, played.verdict, played.floor)
        },
        (error: unknown) => brokenCell(family, load, error),
      )
      cells.push(cell)
      // At once: a long bench that is interrupted has still told what it saw.
      if (!values.json) process.stdout.write(inWords(cell))
    }
  return cells
}

const families = known(FAMILIES, values.server, 'server')
const loads = known(LOADS, values.load, 'load')
const cells = values.clients
  ? await measureClients({
      ...{ families, ttlSeconds, note },
      swaps: Number(values.runs ?? 6),
      lowerTtl: lowerTtl ? [true] : [false, true],
      onCell: (cell) => void (values.json || process.stdout.write(clientsInWords(cell))),
    })
  : await blocks(families, loads)
if (values.json) process.stdout.write(`${JSON.stringify(cells)}\n`)
process.exitCode = cells.some(({ failures }) => failures.length > 0) ? 1 : 0
