/**
 * npm run demo: a pair of real servers, a failover or a switchover, and a verdict, told as it happens.
 *
 *   npm run demo -- [--scenario crash|freeze|switchover] [--server mysql|mariadb] [--json]
 */
import { parseArgs } from 'node:util'
import ansis from 'ansis'
import { type Family, flavours } from './database/family.ts'
import { playFailover, type Scenario, type Verdict } from './failover-story.ts'
import { openStage, type Stage, WRITER_NAME } from './stage.ts'
import { playSwitchover, type SwitchoverVerdict } from './switchover-story.ts'

const USAGE = `Usage: npm run demo -- [--scenario crash|freeze|switchover] [--server mysql|mariadb] [--json]

  --scenario  crash: the writer is killed with -9 (default). freeze: it is stopped with SIGSTOP and wakes six seconds later.
              switchover: the writer's role goes there and back, on purpose, under load.
  --server    mysql (default), or mariadb: 10.11, or with HOTSPARE_MARIADB=11.8 in the environment that.
  --json      tell the story on standard error and end with one line of JSON on standard output.`

const startedAtMs = performance.now()

async function main(): Promise<number> {
  const options = readOptions()
  if (typeof options === 'string') {
    process.stderr.write(`${options}\n\n${USAGE}\n`)
    return 2
  }
  const { scenario, family, json } = options
  const out = json ? process.stderr : process.stdout
  const tell = (text: string) => void out.write(`${ansis.dim(clock())} ${painted(text)}\n`)
  tell(`Setting up two ${flavours[family].title} servers, AWS on loopback and the function.`)
  const stage = await openStage({ family, onProgress: tell })
  try {
    const { alice, bob } = stage.pair
    out.write(`\n${picture(alice.host, bob.host, stage.pair.port)}\n\n`)
    const { verdict, words } = await play(stage, scenario, tell)
    out.write(`\n${words}\n`)
    if (json) {
      const { failures, ...line } = verdict
      process.stdout.write(`${JSON.stringify(failures.length === 0 ? line : { ...line, failures })}\n`)
    }
    return verdict.ok ? 0 : 1
  } finally {
    await stage.close()
  }
}

async function play(
  stage: Stage,
  scenario: Scenario | 'switchover',
  tell: (text: string) => void,
): Promise<{ verdict: Verdict | SwitchoverVerdict; words: string }> {
  if (scenario === 'switchover') {
    const verdict = await playSwitchover(stage, { tell })
    return { verdict, words: switchoverInWords(verdict) }
  }
  const verdict = await playFailover(stage, { scenario, tell })
  return { verdict, words: verdictInWords(verdict) }
}

function readOptions(): { scenario: Scenario | 'switchover'; family: Family; json: boolean } | string {
  try {
    const { values } = parseArgs({
      options: {
        scenario: { type: 'string', default: 'crash' },
        server: { type: 'string', default: 'mysql' },
        json: { type: 'boolean', default: false },
      },
    })
    const { scenario, server, json } = values
    if (scenario !== 'crash' && scenario !== 'freeze' && scenario !== 'switchover')
      return `There is no scenario "${scenario}".`
    if (server !== 'mysql' && server !== 'mariadb') return `There is no server "${server}".`
    return { scenario, family: server, json }
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

function clock(): string {
  return `${((performance.now() - startedAtMs) / 1000).toFixed(2).padStart(7)} s`
}

function painted(text: string): string {
  const match = /^(\[[^\]]+\])(.*)$/s.exec(text)
  return match === null ? ansis.bold(text) : `${ansis.cyan(match[1] ?? '')}${match[2]}`
}

function picture(alice: string, bob: string, port: number): string {
  return [
    `   application --> ${WRITER_NAME} --> alice`,
    '',
    `   alice ${alice}:${port}  (writer, open)`,
    '     |  ^      each is a replica of the other: GTID, TLS',
    '     v  |',
    `   bob   ${bob}:${port}  (spare, closed)`,
    '',
    '   Hotspare: the built bundle, run as Lambda runs it; Route 53, SNS and Secrets Manager on loopback.',
  ].join('\n')
}

const row = (name: string, value: string | number | null) => `  ${name.padEnd(46)} ${value}`

function headline({ ok, failures }: Verdict | SwitchoverVerdict): string {
  return ok
    ? ansis.green.bold('The verdict holds.')
    : ansis.red.bold(`The verdict does not hold: ${failures.join('; ')}.`)
}

function switchoverInWords(verdict: SwitchoverVerdict): string {
  return [
    headline(verdict),
    '',
    row('rows acknowledged', verdict.ackedRows),
    row('rows lost', verdict.lostRows),
    row('rows a second', verdict.rowsPerSecond),
    row('checksums of both servers', verdict.checksumsEqual ? 'equal' : 'different'),
    ...verdict.swaps.flatMap((swap) => [
      '',
      `  ${swap.from} to ${swap.to}, ms:`,
      row('  nobody could write (as clients saw it)', swap.measuredBlockMs),
      row('  nobody could write (as the answer says)', swap.writeBlockMs),
      row('  through the name (an application, TTL 5 s)', swap.throughNameMs),
      row('  from the request to its answer', swap.answeredMs),
    ]),
  ].join('\n')
}

function verdictInWords(verdict: Verdict): string {
  return [
    headline(verdict),
    '',
    row('rows acknowledged', verdict.ackedRows),
    row('rows lost', verdict.lostRows),
    row(
      'transactions that the report declared at risk',
      verdict.declaredAtRisk === null ? 'unknown' : `at most ${verdict.declaredAtRisk}`,
    ),
    ...(verdict.scenario === 'freeze'
      ? [
          row('rows the old writer accepted after it woke', verdict.acceptedAfterWake),
          row('both open, ms', verdict.doubleOpenMs),
        ]
      : []),
    '',
    `  ms since the writer ${verdict.scenario === 'crash' ? 'was killed' : 'froze'}:`,
    row('  detected', verdict.detectedMs),
    row('  confirmed', verdict.confirmedMs),
    row('  claimed', verdict.claimedMs),
    row('  caught up', verdict.caughtUpMs),
    row('  opened', verdict.openedMs),
    row('  writable (first commit on the spare)', verdict.writableMs),
    row('  moved (record and ledger in one batch)', verdict.movedMs),
    row('  through the name (the application, TTL 5 s)', verdict.throughNameMs),
  ].join('\n')
}

process.exitCode = await main()
