/**
 * npm run bench:watching: memory and pace of a watch over time, with the jittering scheduler as it runs in the cloud.
 *
 *   npm run bench:watching -- [--minutes 30]
 */
import { parseArgs } from 'node:util'
import { spread } from '../lab/figures.ts'
import { startScheduler } from '../lab/lambda/scheduler.ts'
import { openStage, PAIR } from '../lab/stage.ts'

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '30' } } })
const stage = await openStage({ onProgress: (text) => process.stderr.write(`${text}\n`) })
const target = stage.watcher()
const memory: number[] = []
const schedule = startScheduler({ target, event: { action: 'watch', pair: PAIR } })
const endsAtMs = performance.now() + Number(values.minutes) * 60_000
const known = new Set<string>()
while (performance.now() < endsAtMs) {
  await new Promise((resolve) => setTimeout(resolve, 1000))
  for (const invocation of schedule.invocations()) {
    if (known.has(invocation.requestId)) continue
    known.add(invocation.requestId)
    void invocation.finished.then(({ maxRssMb }) => {
      if (maxRssMb === undefined) return
      memory.push(maxRssMb)
      process.stderr.write(`invocation ${memory.length} ended: ${maxRssMb.toFixed(1)} MB at most\n`)
    })
  }
}
schedule.stop()
await stage.close()
const { min, median, max, runs } = spread(memory)
process.stdout.write(
  `RSS at most, MB, of ${runs} invocations in ${values.minutes} minutes: ${min.toFixed(1)} / ${median.toFixed(1)} / ${max.toFixed(1)}\n`,
)
