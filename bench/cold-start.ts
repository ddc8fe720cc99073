/**
 * npm run bench:cold-start: from the start of a process to its first look at a healthy pair, as on a cold start in Lambda.
 *
 *   npm run bench:cold-start -- [--runs 10]
 */
import { parseArgs } from 'node:util'
import { spread } from '../lab/figures.ts'
import { lookOf } from '../lab/log-line.ts'
import { openStage, PAIR } from '../lab/stage.ts'

const { values } = parseArgs({ options: { runs: { type: 'string', default: '10' } } })
const stage = await openStage()
const loaded: number[] = []
const looked: number[] = []
try {
  for (let run = 0; run <= Number(values.runs); run++) {
    const target = stage.watcher({ name: `cold-${run}` })
    const startedAtMs = performance.now()
    const invocation = target.start({ action: 'watch', pair: PAIR })
    await invocation.waitForLog((line) => lookOf(line) !== null, 10_000)
    const lookedAfterMs = performance.now() - startedAtMs
    await invocation.waitForLog((line) => lookOf(line)?.situation === 'healthy', 20_000)
    invocation.kill()
    const { initMs } = await invocation.finished
    // The first run adopts the pair; it is no ordinary start.
    if (run === 0) continue
    looked.push(lookedAfterMs)
    if (initMs !== undefined) loaded.push(initMs)
  }
} finally {
  await stage.close()
}
for (const [name, figures] of [
  ['module loaded', loaded],
  ['first look', looked],
] as const) {
  const { min, median, max, runs } = spread(figures.map(Math.round))
  process.stdout.write(
    `${name.padEnd(14)} ms since process start, min / median / max of ${runs}: ${min} / ${median} / ${max}\n`,
  )
}
