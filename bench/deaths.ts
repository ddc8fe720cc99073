/**
 * npm run deaths: kills the writer again and again under load, with links that stall before the death, and judges by the rows what was
 * said of it: every acknowledged row that the survivor lacks is told, and none that it has; the returned server is held or follows.
 *
 *   npm run deaths -- [--deaths 30] [--server mysql|mariadb]... [--stall 800] [--json]
 *
 * `HOTSPARE_MARIADB=11.8` takes that line. The pair goes on until a server is held; then a fresh one takes its place. About 15 s a death.
 */
import { parseArgs } from 'node:util'
import { FAMILIES, type Family } from '../lab/database/family.ts'
import { type DeathVerdict, playDeaths } from '../lab/deaths-story.ts'
import { openStage, type Stage } from '../lab/stage.ts'

const { values } = parseArgs({
  options: {
    deaths: { type: 'string', default: '30' },
    server: { type: 'string', multiple: true, default: [...FAMILIES] },
    stall: { type: 'string', default: '800' },
    json: { type: 'boolean', default: false },
  },
})
let bundle: Stage['bundle'] | undefined

function familyOf(name: string): Family {
  const found = FAMILIES.find((family) => family === name)
  if (found === undefined) throw new Error(`There is no server "${name}"; there are ${FAMILIES.join(', ')}.`)
  return found
}

async function play(family: Family, deaths: number): Promise<{ server: string; verdicts: DeathVerdict[] }> {
  const verdicts: DeathVerdict[] = []
  let server: string = family
  while (verdicts.length < deaths && verdicts.every(({ failures }) => failures.length === 0)) {
    const stage = await openStage({
      family,
      ttlSeconds: 1,
      pair: { proxies: true },
      // Whoever kills the writer every few seconds has no use for a cooldown.
      configuration: { failover: { cooldownMs: 0 } },
      ...(bundle === undefined ? {} : { bundle }),
    })
    bundle = stage.bundle
    server = stage.pair.alice.description
    try {
      const before = verdicts.length
      const onDeath = (verdict: DeathVerdict) => tell(server, verdict)
      const stallMsMax = Number(values.stall)
      verdicts.push(...(await playDeaths(stage, { deaths: deaths - before, stallMsMax, onDeath })))
    } finally {
      await stage.close()
    }
  }
  return { server, verdicts }
}

let told = 0
function tell(server: string, verdict: DeathVerdict): void {
  told += 1
  const { writer, stalledMs, resting, lostRows, strandedRows, named, unknown, outcome, status, failures } =
    verdict
  const wrong = failures.length === 0 ? '' : `  WRONG: ${failures.join('; ')}`
  process.stderr.write(
    `${String(told).padStart(3)}  ${server}, ${writer} dies, stalled ${stalledMs} ms${resting ? ' at rest' : ''}: lost ${lostRows}, stranded ${strandedRows}, named ${named} (${unknown} unknown), ${outcome}, status ${status}${wrong}\n`,
  )
}

let failed = false
for (const name of values.server) {
  told = 0
  const { server, verdicts } = await play(familyOf(name), Number(values.deaths))
  const sum = (of: (verdict: DeathVerdict) => number) => verdicts.reduce((total, each) => total + of(each), 0)
  const failures = verdicts.flatMap((each) => each.failures)
  failed ||= failures.length > 0 || verdicts.length < Number(values.deaths)
  const line = {
    server,
    deaths: verdicts.length,
    held: verdicts.filter(({ outcome }) => outcome === 'held').length,
    follows: verdicts.filter(({ outcome }) => outcome === 'follows').length,
    lostRows: sum(({ lostRows }) => lostRows),
    strandedRows: sum(({ strandedRows }) => strandedRows),
    named: sum(({ named }) => named),
    failures,
  }
  process.stdout.write(
    values.json
      ? `${JSON.stringify(line)}\n`
      : `${server}: ${line.deaths} deaths, ${line.held} held, ${line.follows} followed, ${line.lostRows} acknowledged rows lost, ${line.strandedRows} stranded, ${line.named} named, ${failures.length} wrong\n`,
  )
}
process.exitCode = failed ? 1 : 0
