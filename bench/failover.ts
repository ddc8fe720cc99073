/**
 * npm run bench: how long a failover takes, over repeated runs on fresh pairs: from the writer's death to the first committed write
 * on the spare, with the directory's API at 0 and at 150 ms a call; and the floor beside it, the same end with the death already known.
 *
 *   npm run bench -- [--runs 10] [--scenario crash|freeze|backlog|black-hole]... [--server mysql|mariadb]...
 *                    [--api 0,150] [--ttl 5] [--quota] [--json]
 *
 * `--quota` gives the function a quarter of a core. The moment of the death is random within the watch's one-second rhythm. Times are
 * this machine's: compare ratios and medians. Each run of `crash` and `backlog` has a run of the floor right after it.
 */
import { parseArgs } from 'node:util'
import { FAMILIES, type Family } from '../lab/database/family.ts'
import { BACKLOG_TRANSACTIONS } from '../lab/death.ts'
import { playFailover, type Scenario, type Verdict } from '../lab/failover-story.ts'
import { type Spread, spread } from '../lab/figures.ts'
import type { Invocation } from '../lab/lambda/invocation.ts'
import { lookOf } from '../lab/log-line.ts'
import { openQuota, type Quota } from '../lab/quota.ts'
import { openStage, type Stage } from '../lab/stage.ts'
import { type Floor, playFloor } from './floor.ts'

const SCENARIOS: readonly Scenario[] = ['crash', 'freeze', 'backlog', 'black-hole']
const QUOTA_SHARE = 0.25
/** Committing the backlog takes longer on a slow machine than a spare may be stale by default; that is not what is measured. */
const BACKLOG_FRESHNESS_MS = 60_000

const FIGURES = [
  'detectedMs',
  'confirmedMs',
  'openedMs',
  'writableMs',
  'movedMs',
  'throughNameMs',
  'lostRows',
  'acceptedAfterWake',
  'doubleOpenMs',
] as const

interface Run {
  readonly verdict: Verdict
  /** The most memory that the function's process held, in MB; undefined where the system doesn't tell. */
  readonly maxRssMb: number | undefined
  readonly floor: Floor | null
}

interface Conditions {
  readonly family: Family
  readonly scenario: Scenario
  readonly apiMs: number
  readonly ttlSeconds: number
}

interface Cell extends Conditions {
  readonly server: string
  readonly quota: string | null
  readonly figures: Readonly<Record<string, Spread>>
  readonly failures: readonly string[]
}

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '10' },
    scenario: { type: 'string', multiple: true, default: [...SCENARIOS] },
    server: { type: 'string', multiple: true, default: [...FAMILIES] },
    api: { type: 'string', default: '0,150' },
    ttl: { type: 'string', default: '5' },
    quota: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
})
const scenarios = known(SCENARIOS, values.scenario, 'scenario')
const families = known(FAMILIES, values.server, 'server')
const numbers = (list: string) => list.split(',').map(Number)
let bundle: Stage['bundle'] | undefined

function known<Name extends string>(names: readonly Name[], wished: readonly string[], what: string): Name[] {
  return wished.map((wish) => {
    const found = names.find((name) => name === wish)
    if (found === undefined) throw new Error(`There is no ${what} "${wish}"; there are ${names.join(', ')}.`)
    return found
  })
}

/**
 * Dies at any moment of the second between two looks, and later than the application's answer from the name server has run out: one that
 * has been connected for days asks anew when its writer dies, before the record has moved, and keeps the old address for a whole TTL.
 */
const warmUpMs = ({ ttlSeconds }: Conditions) => ttlSeconds * 1000 + 500 + Math.random() * 1000

async function onStage<Result>(
  conditions: Conditions,
  work: (stage: Stage) => Promise<Result>,
): Promise<Result> {
  const { family, scenario, ttlSeconds } = conditions
  const stage = await openStage({
    family,
    ttlSeconds,
    pair: { proxies: scenario === 'black-hole' },
    ...(scenario === 'backlog'
      ? { configuration: { detection: { freshnessMs: BACKLOG_FRESHNESS_MS } } }
      : {}),
    ...(bundle === undefined ? {} : { bundle }),
  })
  bundle = stage.bundle
  try {
    return await work(stage)
  } finally {
    await stage.close()
  }
}

async function playProduct(conditions: Conditions, quota: Quota | null): Promise<Omit<Run, 'floor'>> {
  let watch: Invocation | undefined
  let lift: (() => Promise<void>) | undefined
  try {
    return await onStage(conditions, async (stage) => {
      stage.aws.route53.faults.latencyMs = conditions.apiMs
      const verdict = await playFailover(stage, {
        scenario: conditions.scenario,
        warmUpMs: warmUpMs(conditions),
        frozenMs: 8000,
        onWatching: (watching) => {
          watch = watching
          lift = quota?.limit(watching.pid)
        },
      })
      return { verdict, maxRssMb: (await watch?.finished)?.maxRssMb }
    })
  } catch (error) {
    const said = watch?.logs.flatMap((line) => lookOf(line)?.situation ?? []) ?? []
    throw new Error(`${String(error).slice(0, 300)}; the watch's situations were ${said.join(', ')}`, {
      cause: error,
    })
  } finally {
    await lift?.()
  }
}

async function play(conditions: Conditions, quota: Quota | null): Promise<Run> {
  const product = await playProduct(conditions, quota)
  const { scenario } = conditions
  const floor =
    scenario === 'crash' || scenario === 'backlog'
      ? await onStage(conditions, (stage) => playFloor(stage, { scenario, warmUpMs: warmUpMs(conditions) }))
      : null
  return { ...product, floor }
}

function cellOf(
  conditions: Conditions,
  runs: readonly Run[],
  broken: readonly string[],
  quota: Quota | null,
): Cell {
  const figures: Record<string, Spread> = {}
  for (const name of FIGURES) figures[name] = spread(runs.map(({ verdict }) => verdict[name]))
  const memory = runs.flatMap(({ maxRssMb }) => maxRssMb ?? [])
  figures.maxRssMb = spread(memory.map((megabytes) => Math.round(megabytes * 10) / 10))
  const pairs = runs.flatMap(({ verdict, floor }) =>
    floor === null ? [] : [{ productMs: verdict.writableMs, floorMs: floor.writableMs }],
  )
  if (pairs.length > 0) {
    figures.floorMs = spread(pairs.map(({ floorMs }) => Math.round(floorMs * 10) / 10))
    if (conditions.scenario === 'backlog')
      figures.timesFloor = spread(
        pairs.map(({ productMs, floorMs }) => Math.round((productMs / floorMs) * 1000) / 1000),
      )
    else
      figures.beyondFloorMs = spread(pairs.map(({ productMs, floorMs }) => Math.round(productMs - floorMs)))
  }
  return {
    ...conditions,
    server: runs[0]?.verdict.server ?? conditions.family,
    quota: quota?.how ?? null,
    figures,
    failures: [
      ...broken,
      ...runs.flatMap(({ verdict, floor }) => [...verdict.failures, ...(floor?.failures ?? [])]),
    ],
  }
}

function titleOf({ scenario, apiMs, ttlSeconds }: Conditions): string {
  const backlog = scenario === 'backlog' ? ` of ${BACKLOG_TRANSACTIONS} transactions` : ''
  return `${scenario}${backlog}, API ${apiMs} ms a call, TTL ${ttlSeconds} s`
}

function inWords(cell: Cell): string {
  const rows = Object.entries(cell.figures).map(
    ([name, { min, median, max }]) => `  ${name.padEnd(18)} ${min} / ${median} / ${max}\n`,
  )
  const failures = cell.failures.map((failure) => `  FAILED: ${failure}\n`)
  const limit = cell.quota === null ? '' : `; the function has ${cell.quota}`
  return `\n${cell.server}, ${titleOf(cell)}${limit} (min / median / max of ${cell.figures.writableMs?.runs ?? 0})\n${[...rows, ...failures].join('')}`
}

const quota = values.quota ? await openQuota(QUOTA_SHARE) : null
if (quota !== null) process.stderr.write(`The function gets ${quota.how}.\n`)
const cells: Cell[] = []
for (const family of families)
  for (const scenario of scenarios)
    for (const apiMs of numbers(values.api))
      for (const ttlSeconds of numbers(values.ttl)) {
        const conditions = { family, scenario, apiMs, ttlSeconds }
        const runs: Run[] = []
        const broken: string[] = []
        for (let count = 1; count <= Number(values.runs); count++) {
          const run = await play(conditions, quota).catch((error: unknown) => String(error))
          // One broken run is told and costs the cell its verdict, not the others their figures.
          if (typeof run === 'string') {
            broken.push(`run ${count}: ${run}`)
            process.stderr.write(`${family}, ${titleOf(conditions)}, run ${count} broke: ${run}\n`)
            continue
          }
          runs.push(run)
          const floor = run.floor === null ? '' : `, the floor after ${run.floor.writableMs.toFixed(1)} ms`
          process.stderr.write(
            `${family}, ${titleOf(conditions)}, run ${count}: writable after ${run.verdict.writableMs} ms${floor}\n`,
          )
        }
        const cell = cellOf(conditions, runs, broken, quota)
        cells.push(cell)
        // At once: a long bench that is interrupted has still told what it saw.
        if (!values.json) process.stdout.write(inWords(cell))
      }
if (values.json) process.stdout.write(`${JSON.stringify(cells)}\n`)
process.exitCode = cells.some(({ failures }) => failures.length > 0) ? 1 : 0
