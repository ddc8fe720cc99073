/**
 * `npm test` (quick), `npm run test:long` (long), `test:scenarios` and `test:deploy`: everything that a test needs is made first,
 * then the tests run, and the last line is `N passed, N failed`.
 *
 * The one thing to understand: nothing may pass by not running. A runner that crashes, a suite without tests and one that does
 * not end are failures, and the exit code says so.
 */
import { join, relative } from 'node:path'
import { startVitest, type Vitest } from 'vitest/node'
import { temporaryFolder } from '../lab/cleanup.ts'
import { FAMILIES, type Family, flavours } from '../lab/database/family.ts'
import { findServer } from '../lab/database/server-binary.ts'
import { buildBundle } from '../lambda/bundle.ts'
import { checks } from './check.ts'
import { endChildren } from './child-processes.ts'
import { TestTally } from './test-tally.ts'

const projectDir = join(import.meta.dirname, '..')
interface Suite {
  readonly limitMs: number
  /** Of vitest.config.ts. */
  readonly projects: string[]
  readonly withChecks: boolean
  /** A release line of MariaDB that some of its files need besides the usual one. */
  readonly mariadbToo?: string
}

const suites: Readonly<Record<string, Suite>> = {
  quick: { limitMs: 12 * 60_000, projects: ['plain', 'servers'], withChecks: true },
  long: { limitMs: 30 * 60_000, projects: ['long'], withChecks: false, mariadbToo: '11.8' },
  scenarios: { limitMs: 40 * 60_000, projects: ['scenarios'], withChecks: false, mariadbToo: '11.8' },
  deploy: { limitMs: 15 * 60_000, projects: ['deploy'], withChecks: false },
}

const print = (text: string) => void process.stdout.write(text)
let runner: Vitest | undefined
const tally = new TestTally(projectDir, print)

async function run(suite: Suite): Promise<void> {
  if (suite.withChecks) await runChecks()
  await prepare(suite)
  await startVitest([], {
    root: projectDir,
    watch: false,
    passWithNoTests: true,
    reporters: [tally, { onInit: take }],
    project: suite.projects,
  })
  if (!tally.ended) tally.fail('the test runner', 'It stopped before it had run the tests.')
  await runner?.close()
}

/** The runner listens to signals too, and would end this process before its test processes had time to clean up. */
function take(started: Vitest): void {
  runner = started
  catchSignals()
}

async function runChecks(): Promise<void> {
  await Promise.all(
    checks.map(async ({ name, run }) => {
      const wrong = await run()
      if (wrong === null) tally.pass(name)
      else tally.fail(name, wrong)
    }),
  )
}

/** Once, here, where progress shows; test files that run beside each other then only find it. */
async function prepare({ mariadbToo }: Suite): Promise<void> {
  const bundle = await buildBundle({ projectDir })
  print(`${relative(projectDir, bundle.file)}: ${bundle.bytes} bytes, sha256 ${bundle.sha256}\n`)
  for (const family of FAMILIES) await prepareServer(family)
  if (mariadbToo === undefined) return
  const usual = process.env.HOTSPARE_MARIADB
  process.env.HOTSPARE_MARIADB = mariadbToo
  await prepareServer('mariadb')
  if (usual === undefined) delete process.env.HOTSPARE_MARIADB
  else process.env.HOTSPARE_MARIADB = usual
}

async function prepareServer(family: Family): Promise<void> {
  const server = await findServer(family, { onProgress: (text) => print(`${text}\n`) })
  const source = relative(projectDir, server.source) || server.source
  print(`${flavours[family].title} ${server.version}, from ${source}\n`)
}

/** Prints the last line and gives the exit code. */
function conclude(): number {
  if (tally.passed + tally.failed === 0) tally.fail('the suite', 'It has no tests.')
  print(`\n${tally.passed} passed, ${tally.failed} failed\n`)
  return tally.failed === 0 ? 0 : 1
}

/** Ends the test processes, which first end their servers; bounded, because somebody waits. */
async function endTests(): Promise<void> {
  void runner?.cancelCurrentRun('keyboard-input')
  // A test that computes without a pause hears no signal. The watchdog ends when this process has.
  await endChildren(3000, 'vitest-watchdog')
}

async function main(): Promise<number> {
  const suite = suites[process.argv[2] ?? '']
  if (suite === undefined) {
    process.stderr.write('Usage: node tools/run.mjs tools/test.ts quick|long|scenarios|deploy\n')
    return 2
  }
  const limit = setTimeout(() => {
    tally.fail('the suite', `It did not end within ${suite.limitMs / 60_000} minutes.`)
    void endTests().finally(() => process.exit(conclude()))
  }, suite.limitMs)
  try {
    await run(suite)
  } catch (error) {
    tally.fail('the test runner', error instanceof Error ? (error.stack ?? error.message) : String(error))
  }
  clearTimeout(limit)
  return conclude()
}

let interrupted = false

function catchSignals(): void {
  for (const [signal, number] of [
    ['SIGINT', 2],
    ['SIGTERM', 15],
    ['SIGHUP', 1],
  ] as const) {
    process.removeAllListeners(signal)
    process.on(signal, () => {
      if (interrupted) return
      interrupted = true
      print(`\n${signal}: ending the tests\n`)
      void endTests().finally(() => process.exit(128 + number))
    })
  }
}

// Whatever a test leaves in a temporary folder goes with this one; the name is short because sockets' paths must be.
process.env.TMPDIR = temporaryFolder('t')
catchSignals()
// Not exitCode: the runner sets that too, and a test that leaves something open must not keep this process alive.
process.exit(await main())
