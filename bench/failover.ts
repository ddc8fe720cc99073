/**
 * npm run bench: how long a failover takes, over repeated runs on fresh pairs: kill -9 or freeze to the first committed write on the
 * spare, with the directory's API at 0 and at 150 ms a call.
 *
 *   npm run bench -- [--runs 10] [--scenario crash|freeze] [--api 0,150] [--ttl 5] [--json]
 *
 * The moment of the death is random within the watch's one-second rhythm. Times are this machine's: compare ratios and medians.
 */
import { parseArgs } from 'node:util'
import { playFailover, type Scenario, type Verdict } from '../lab/failover-story.ts'
import { type Spread, spread } from '../lab/figures.ts'
import { openStage, type Stage } from '../lab/stage.ts'

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '10' },
    scenario: { type: 'string', multiple: true, default: ['crash', 'freeze'] },
    api: { type: 'string', default: '0,150' },
    ttl: { type: 'string', default: '5' },
    json: { type: 'boolean', default: false },
  },
})

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

interface Cell {
  readonly scenario: string
  readonly apiMs: number
  readonly ttlSeconds: number
  readonly figures: Readonly<Record<(typeof FIGURES)[number], Spread>>
  readonly failures: readonly string[]
}

let bundle: Stage['bundle'] | undefined

async function play(scenario: Scenario, apiMs: number, ttlSeconds: number): Promise<Verdict> {
  const stage = await openStage({ ttlSeconds, ...(bundle === undefined ? {} : { bundle }) })
  bundle = stage.bundle
  try {
    stage.aws.route53.faults.latencyMs = apiMs
    // Dies at any moment of the second between two looks.
    return await playFailover(stage, { scenario, warmUpMs: 3000 + Math.random() * 1000, frozenMs: 8000 })
  } finally {
    await stage.close()
  }
}

const cells: Cell[] = []
for (const scenario of values.scenario as Scenario[])
  for (const apiMs of values.api.split(',').map(Number))
    for (const ttlSeconds of values.ttl.split(',').map(Number)) {
      const verdicts: Verdict[] = []
      for (let run = 1; run <= Number(values.runs); run++) {
        const verdict = await play(scenario, apiMs, ttlSeconds)
        verdicts.push(verdict)
        process.stderr.write(
          `${scenario}, API ${apiMs} ms, TTL ${ttlSeconds} s, run ${run}: writable after ${verdict.writableMs} ms\n`,
        )
      }
      cells.push({
        scenario,
        apiMs,
        ttlSeconds,
        figures: Object.fromEntries(
          FIGURES.map((name) => [name, spread(verdicts.map((verdict) => verdict[name]))]),
        ) as Cell['figures'],
        failures: verdicts.flatMap(({ failures }) => failures),
      })
    }

if (values.json) process.stdout.write(`${JSON.stringify(cells)}\n`)
else
  for (const { scenario, apiMs, ttlSeconds, figures, failures } of cells) {
    process.stdout.write(
      `\n${scenario}, API ${apiMs} ms a call, TTL ${ttlSeconds} s (min / median / max of ${values.runs})\n`,
    )
    for (const name of FIGURES) {
      const { min, median, max } = figures[name]
      process.stdout.write(`  ${name.padEnd(18)} ${min} / ${median} / ${max}\n`)
    }
    for (const failure of failures) process.stdout.write(`  FAILED: ${failure}\n`)
  }
process.exitCode = cells.some(({ failures }) => failures.length > 0) ? 1 : 0
