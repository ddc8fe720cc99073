/**
 * npm run bench:watching: what watching a healthy pair costs, and how well it watches, with the jittering scheduler as in the cloud:
 * load and connections on each server, processor time and memory of the function, invocations at the same time, GB-seconds, log and
 * Route 53 calls, and the longest time without a heartbeat, across hand-overs from one invocation to the next.
 *
 *   npm run bench:watching -- [--minutes 3] [--server mysql|mariadb]... [--watchers 1|2] [--json]
 *
 * Nobody else uses the servers, and what this program asks them itself is taken off. The links between function and servers are
 * counted as they pass a proxy: bytes include TLS.
 */
import { parseArgs } from 'node:util'
import { FAMILIES } from '../lab/database/family.ts'
import { spread } from '../lab/figures.ts'
import type { Invocation } from '../lab/lambda/invocation.ts'
import { startScheduler } from '../lab/lambda/scheduler.ts'
import { lookOf } from '../lab/log-line.ts'
import { processorMs } from '../lab/quota.ts'
import { openStage, PAIR, type Stage } from '../lab/stage.ts'
import { defaultMemoryMb } from '../lambda/runtime-options.ts'
import { observe, type ServerLoad } from './observer.ts'
import { endedAtMs, type Run, Runs } from './runs.ts'

const SECONDS_A_MONTH = (365.25 / 12) * 24 * 3600

interface Cost {
  readonly server: string
  readonly minutes: number
  readonly watchers: number
  readonly handOvers: number
  /** Between two heartbeats' times of writing, as the server has them. */
  readonly longestGapMs: number
  readonly alice: ServerLoad
  readonly bob: ServerLoad
  /** While one invocation watches, neither starting nor ending. */
  readonly processorMsPerProbe: number
  /** Starts and ends included. */
  readonly processorMsPerSecond: number
  readonly maxRssMb: number
  /** Start and overlap: for how long an invocation is billed beyond the moment at which the next one comes. */
  readonly overlapMs: number
  /** Invocations at the same time, on average. */
  readonly meanConcurrency: number
  readonly gigabyteSecondsAMonth: number
  /** What the functions write themselves, without the lines that Lambda adds. */
  readonly logMegabytesAMonth: number
  readonly route53CallsAnHour: number
}

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '3' },
    server: { type: 'string', multiple: true, default: [...FAMILIES] },
    watchers: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
  },
})
const minutes = Number(values.minutes)
const watchers = Number(values.watchers)
if (watchers !== 1 && watchers !== 2) throw new Error(`--watchers ${values.watchers}: give 1 or 2.`)
// The second delivery comes within the second minute, and the first invocation ends after it.
if (!(minutes >= 2.2))
  throw new Error(`--minutes ${values.minutes} is too short to see a hand-over: give it 2.2 or more.`)

/** Processor time of every process that ever handled one of these, and the one that runs if it is alone. */
function processorOf(used: Map<number, number>, running: readonly Invocation[]) {
  for (const { pid } of running) used.set(pid, processorMs(pid) ?? used.get(pid) ?? 0)
  const totalMs = [...used.values()].reduce((sum, each) => sum + each, 0)
  return { totalMs, alone: running.length === 1 ? running[0]?.requestId : undefined }
}

/** Watches for so many minutes once the first look found the pair healthy; its adoption is no part of it. */
async function measure(stage: Stage): Promise<Cost> {
  const runs = new Runs()
  const schedules = Array.from({ length: watchers }, (_, index) =>
    startScheduler({
      target: runs.of(stage.watcher({ name: `watch-${index + 1}` })),
      event: { action: 'watch', pair: PAIR },
      firstDelayMs: (index * 60_000) / watchers,
    }),
  )
  const used = new Map<number, number>()
  await (await runs.first).waitForLog((line) => lookOf(line)?.situation === 'healthy', 30_000)
  const calls = () => {
    const { listCalls, changeCalls, getChangeCalls } = stage.aws.route53.counts
    return listCalls + changeCalls + getChangeCalls
  }
  const callsBefore = calls()
  const firstMs = processorOf(used, runs.running()).totalMs
  const fromMs = performance.now()
  const steady = { processorMs: 0, probes: 0 }
  let before: { totalMs: number; alone: string | undefined; beats: number } | null = null
  const observed = await observe(stage.pair, minutes * 60_000, ({ beats }) => {
    const now = { ...processorOf(used, runs.running()), beats }
    if (before !== null && now.alone !== undefined && now.alone === before.alone) {
      steady.processorMs += now.totalMs - before.totalMs
      steady.probes += now.beats - before.beats
    }
    before = now
  })
  const seconds = observed.elapsedMs / 1000
  const toMs = performance.now()
  const processorUsedMs = processorOf(used, runs.running()).totalMs - firstMs
  const route53Calls = calls() - callsBefore
  for (const schedule of schedules) schedule.stop()
  const handOvers = overlapsOf(runs.all)
  for (const invocation of runs.running()) invocation.kill()
  const results = await Promise.all(runs.all.map(({ invocation }) => invocation.finished))
  const meanConcurrency = runs.meanConcurrency(fromMs, toMs)
  return {
    server: `${stage.pair.family} ${stage.pair.alice.binary.version}`,
    minutes,
    watchers,
    handOvers: handOvers.length,
    ...{ longestGapMs: observed.longestGapMs, alice: observed.alice, bob: observed.bob },
    overlapMs: handOvers.reduce((sum, each) => sum + each, 0) / handOvers.length,
    meanConcurrency,
    gigabyteSecondsAMonth: (defaultMemoryMb / 1024) * meanConcurrency * SECONDS_A_MONTH,
    logMegabytesAMonth: (runs.logBytes(fromMs, toMs) / 1e6 / ((toMs - fromMs) / 1000)) * SECONDS_A_MONTH,
    processorMsPerProbe: steady.processorMs / steady.probes,
    processorMsPerSecond: processorUsedMs / seconds,
    maxRssMb: spread(results.flatMap(({ maxRssMb }) => maxRssMb ?? [])).max,
    route53CallsAnHour: (route53Calls * 3600) / seconds,
  }
}

/** For how long each one that has ended went on once the next had come. */
function overlapsOf(runs: readonly Run[]): number[] {
  return runs.flatMap((run, at) => {
    const next = runs[at + 1]
    return next === undefined || run.result === null ? [] : [endedAtMs(run) - next.startedAtMs]
  })
}

function inWords(cost: Cost): string {
  const row = (name: string, value: string) => `  ${name.padEnd(46)} ${value}\n`
  const load = (name: string, server: ServerLoad) =>
    row(`${name}: statements a second`, server.statementsPerSecond.toFixed(2)) +
    row(
      `${name}: bytes a second, in / out`,
      `${server.bytesInPerSecond.toFixed(0)} / ${server.bytesOutPerSecond.toFixed(0)}`,
    ) +
    row(
      `${name}: connections held, median / at most`,
      `${server.connectionsMedian} / ${server.connectionsMax}`,
    )
  return [
    `\n${cost.server}, ${cost.minutes} minutes, watchers: ${cost.watchers}, ${cost.handOvers} hand-overs\n`,
    row('longestGapMs, between two heartbeats', `${cost.longestGapMs}`),
    load('alice (writer)', cost.alice),
    load('bob (spare)', cost.bob),
    row('processor time per probe, ms', cost.processorMsPerProbe.toFixed(1)),
    row('processor time a second with hand-overs, ms', cost.processorMsPerSecond.toFixed(1)),
    row('RSS at most, MB', cost.maxRssMb.toFixed(1)),
    row('both at work in a hand-over, ms', cost.overlapMs.toFixed(0)),
    row('invocations at the same time, on average', cost.meanConcurrency.toFixed(3)),
    row(`GB-seconds a month at ${defaultMemoryMb} MB`, cost.gigabyteSecondsAMonth.toFixed(0)),
    row('log a month, MB', cost.logMegabytesAMonth.toFixed(1)),
    row('Route 53 calls an hour', cost.route53CallsAnHour.toFixed(0)),
  ].join('')
}

const costs: Cost[] = []
for (const wish of values.server) {
  const family = FAMILIES.find((each) => each === wish)
  if (family === undefined) throw new Error(`There is no server "${wish}"; there are ${FAMILIES.join(', ')}.`)
  const stage = await openStage({
    family,
    pair: { proxies: true },
    onProgress: (text) => process.stderr.write(`${text}\n`),
  })
  try {
    const cost = await measure(stage)
    costs.push(cost)
    if (!values.json) process.stdout.write(inWords(cost))
  } finally {
    await stage.close()
  }
}
if (values.json) process.stdout.write(`${JSON.stringify(costs)}\n`)
