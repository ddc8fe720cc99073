/**
 * npm run bench:watching: what watching a healthy pair costs, and how well it watches, with the jittering scheduler as in the cloud:
 * load and connections on each server, processor time and memory of the function, GB-seconds and Route 53 calls, and the longest time
 * without a heartbeat, across hand-overs from one invocation to the next.
 *
 *   npm run bench:watching -- [--minutes 3] [--server mysql|mariadb]... [--json]
 *
 * Nobody else uses the servers, and what this program asks them itself is taken off. The links between function and servers are
 * counted as they pass a proxy: bytes include TLS.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { Family } from '../lab/database/family.ts'
import { spread } from '../lab/figures.ts'
import type { Invocation, InvocationResult } from '../lab/lambda/invocation.ts'
import { startScheduler } from '../lab/lambda/scheduler.ts'
import { lookOf } from '../lab/log-line.ts'
import { processorMs } from '../lab/quota.ts'
import { openStage, PAIR, type Stage } from '../lab/stage.ts'
import { defaultMemoryMb } from '../lambda/runtime-options.ts'
import { type Observed, observe, type ServerLoad } from './observer.ts'

const SCHEDULE_SECONDS = 60
const INVOCATIONS_A_MONTH = (365.25 / 12) * 24 * 60
const FAMILIES: readonly Family[] = ['mysql', 'mariadb']

interface Cost {
  readonly server: string
  readonly minutes: number
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
  /** Start and overlap: for how long an invocation is billed beyond the minute until the next one comes. */
  readonly overlapMs: number
  readonly gigabyteSecondsAMonth: number
  readonly route53CallsAnHour: number
}

interface Ended {
  readonly result: InvocationResult
  readonly startedAtMs: number
  readonly endedAtMs: number
}

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '3' },
    server: { type: 'string', multiple: true, default: [...FAMILIES] },
    json: { type: 'boolean', default: false },
  },
})
const minutes = Number(values.minutes)
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
  const schedule = startScheduler({ target: stage.watcher(), event: { action: 'watch', pair: PAIR } })
  const started = new Map<Invocation, number>()
  const ended: Ended[] = []
  const used = new Map<number, number>()
  const note = () => {
    for (const delivery of schedule.deliveries) {
      const { invocation, deliveredMs = 0 } = delivery
      if (invocation === undefined || started.has(invocation)) continue
      started.set(invocation, deliveredMs)
      void invocation.finished.then((result) => {
        running.delete(invocation)
        ended.push({ result, startedAtMs: deliveredMs, endedAtMs: performance.now() })
      })
      running.add(invocation)
    }
  }
  const running = new Set<Invocation>()
  await pause(100)
  note()
  await schedule.invocations()[0]?.waitForLog((line) => lookOf(line)?.situation === 'healthy', 30_000)
  const calls = () => {
    const { listCalls, changeCalls, getChangeCalls } = stage.aws.route53.counts
    return listCalls + changeCalls + getChangeCalls
  }
  const callsBefore = calls()
  const firstMs = processorOf(used, [...running]).totalMs
  const steady = { processorMs: 0, probes: 0 }
  let before: { totalMs: number; alone: string | undefined; beats: number } | null = null
  const observed = await observe(stage.pair, minutes * 60_000, ({ beats }) => {
    note()
    const now = { ...processorOf(used, [...running]), beats }
    if (before !== null && now.alone !== undefined && now.alone === before.alone) {
      steady.processorMs += now.totalMs - before.totalMs
      steady.probes += now.beats - before.beats
    }
    before = now
  })
  const seconds = observed.elapsedMs / 1000
  const processorUsedMs = processorOf(used, [...running]).totalMs - firstMs
  const route53Calls = calls() - callsBefore
  schedule.stop()
  for (const invocation of running) invocation.kill()
  const results = await Promise.all([...started.keys()].map((invocation) => invocation.finished))
  return {
    server: `${stage.pair.family} ${stage.pair.alice.binary.version}`,
    minutes,
    ...costOf(
      observed,
      ended.filter(({ result }) => result.error === undefined),
      [...started.values()],
    ),
    processorMsPerProbe: steady.processorMs / steady.probes,
    processorMsPerSecond: processorUsedMs / seconds,
    maxRssMb: spread(results.flatMap(({ maxRssMb }) => maxRssMb ?? [])).max,
    route53CallsAnHour: (route53Calls * 3600) / seconds,
  }
}

function costOf(observed: Observed, ended: readonly Ended[], startsMs: readonly number[]) {
  const overlaps = ended.map(({ result, startedAtMs, endedAtMs }) => {
    // Lambda bills a cold start's loading too; it lies within the time that passed here.
    const nextMs = startsMs.find((each) => each > startedAtMs) ?? endedAtMs
    return startedAtMs + result.durationMs + (result.initMs ?? 0) - nextMs
  })
  const overlapMs = overlaps.reduce((sum, each) => sum + each, 0) / overlaps.length
  const billedSeconds = SCHEDULE_SECONDS + overlapMs / 1000
  return {
    handOvers: overlaps.length,
    longestGapMs: observed.longestGapMs,
    alice: observed.alice,
    bob: observed.bob,
    overlapMs,
    gigabyteSecondsAMonth: (defaultMemoryMb / 1024) * billedSeconds * INVOCATIONS_A_MONTH,
  }
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
    `\n${cost.server}, ${cost.minutes} minutes, ${cost.handOvers} hand-overs\n`,
    row('longestGapMs, between two heartbeats', `${cost.longestGapMs}`),
    load('alice (writer)', cost.alice),
    load('bob (spare)', cost.bob),
    row('processor time per probe, ms', cost.processorMsPerProbe.toFixed(1)),
    row('processor time a second with hand-overs, ms', cost.processorMsPerSecond.toFixed(1)),
    row('RSS at most, MB', cost.maxRssMb.toFixed(1)),
    row('billed beyond the minute, ms an invocation', cost.overlapMs.toFixed(0)),
    row(`GB-seconds a month at ${defaultMemoryMb} MB`, cost.gigabyteSecondsAMonth.toFixed(0)),
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
