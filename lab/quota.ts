/**
 * Gives a process a share of one core, as Lambda does with little memory.
 *
 * The one thing to understand: a control group is used where one can be made and is seen to work; else the process is stopped
 * and continued in a rhythm of 20 ms. The rhythm is the harder of the two: time in which the process had nothing to do is not
 * made up for. `how` says which of them it is, and belongs beside every figure.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { atEnd } from './cleanup.ts'

export interface Quota {
  /** In words, for the report. */
  readonly how: string
  /** Limits a process of ours, from now until the returned function is called; call it when the process has ended. */
  limit(pid: number): () => Promise<void>
}

const PERIOD_MS = 20
const TRIAL_MS = 600
/** /proc counts processor time in these, on every Linux that Node runs on. */
const MS_PER_TICK = 10

/** Processor time that a process has used, user and system, in milliseconds; undefined if it is gone. */
export function processorMs(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The program's name, in brackets, may hold spaces; state is the first field after it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK
  } catch {
    return undefined
  }
}

/** Finds out how processes can be limited here to `share` of a core, from 0.01 to 0.99. Takes under a second. */
export async function openQuota(share: number): Promise<Quota> {
  if (!(share >= 0.01 && share <= 0.99)) throw new RangeError(`${share} is no share of a core; 0.25 is.`)
  const percent = `${Math.round(share * 100)} % of a core`
  for (const [title, makeGroup] of [
    ['control group v1', makeGroupV1],
    ['control group v2', makeGroupV2],
  ] as const) {
    const limit = (pid: number) => limitByGroup(makeGroup, pid, share)
    if (await holds(limit, share)) return { how: `${percent} by ${title}, period ${PERIOD_MS} ms`, limit }
  }
  return {
    how: `${percent} by SIGSTOP and SIGCONT every ${PERIOD_MS} ms (idle time counts too)`,
    limit: (pid) => limitBySignals(pid, share),
  }
}

/** Whether a process that wants a whole core gets no more than its share (some systems take a quota and don't heed it). */
async function holds(limit: Quota['limit'], share: number): Promise<boolean> {
  const spinner = spawn('/bin/sh', ['-c', 'while :; do :; done'], { stdio: 'ignore' })
  const gone = new Promise<void>((resolve) => spinner.once('close', () => resolve()))
  const forgetAtEnd = atEnd(() => spinner.kill('SIGKILL'))
  let lift: (() => Promise<void>) | undefined
  try {
    const pid = spinner.pid ?? 0
    lift = limit(pid)
    const beforeMs = processorMs(pid) ?? 0
    await pause(TRIAL_MS)
    return (processorMs(pid) ?? Number.POSITIVE_INFINITY) - beforeMs <= TRIAL_MS * share * 1.3 + 2 * PERIOD_MS
  } catch {
    return false
  } finally {
    spinner.kill('SIGKILL')
    await gone
    forgetAtEnd()
    await lift?.()
  }
}

interface Group {
  readonly folder: string
  readonly settings: Readonly<Record<string, string>>
}

const microseconds = (share: number) => String(Math.round(PERIOD_MS * 1000 * share))

function makeGroupV1(name: string, share: number): Group {
  return {
    folder: join('/sys/fs/cgroup/cpu', name),
    settings: {
      'cpu.cfs_period_us': microseconds(1),
      'cpu.cfs_quota_us': microseconds(share),
    },
  }
}

function makeGroupV2(name: string, share: number): Group {
  return {
    folder: join('/sys/fs/cgroup', name),
    settings: { 'cpu.max': `${microseconds(share)} ${microseconds(1)}` },
  }
}

/** Throws if this system has no such group, or we may not make one; leaves nothing behind then. */
function limitByGroup(
  makeGroup: (name: string, share: number) => Group,
  pid: number,
  share: number,
): () => Promise<void> {
  const { folder, settings } = makeGroup(`hotspare-${process.pid}-${pid}`, share)
  mkdirSync(folder)
  const remove = () => {
    if (existsSync(folder)) rmdirSync(folder)
  }
  try {
    for (const [file, value] of Object.entries(settings)) {
      if (!existsSync(join(folder, file))) throw new Error(`${folder} has no ${file}`)
      writeFileSync(join(folder, file), value)
    }
    writeFileSync(join(folder, 'cgroup.procs'), String(pid))
  } catch (error) {
    remove()
    throw error
  }
  const forgetAtEnd = atEnd(() => removeAfterUs(folder))
  return async () => {
    forgetAtEnd()
    // A process stays in its group until its parent has heard of its end.
    for (let attempt = 1; ; attempt++) {
      try {
        return remove()
      } catch (error) {
        if (attempt === 100) throw error
        await pause(20)
      }
    }
  }
}

/** A killed process stays in its group until somebody has collected its exit status, which is after our own end. */
function removeAfterUs(folder: string): void {
  const script = 'for attempt in 1 2 3 4 5 6 7 8 9 10; do rmdir "$0" 2>/dev/null && exit; sleep 0.2; done'
  spawn('/bin/sh', ['-c', script, folder], { stdio: 'ignore', detached: true }).unref()
}

/** In a thread of its own, so that the rhythm holds while this one is busy. */
function limitBySignals(pid: number, share: number): () => Promise<void> {
  const over = new Int32Array(new SharedArrayBuffer(4))
  const worker = new Worker(rhythm, {
    eval: true,
    workerData: { pid, over, runMs: PERIOD_MS * share, stopMs: PERIOD_MS * (1 - share) },
  })
  worker.unref()
  const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()))
  return async () => {
    Atomics.store(over, 0, 1)
    Atomics.notify(over, 0)
    worker.ref()
    await ended
  }
}

const rhythm = `
  const { pid, over, runMs, stopMs } = require('node:worker_threads').workerData
  try {
    while (Atomics.load(over, 0) === 0) {
      process.kill(pid, 'SIGSTOP')
      Atomics.wait(over, 0, 0, stopMs)
      process.kill(pid, 'SIGCONT')
      Atomics.wait(over, 0, 0, runMs)
    }
  } catch {
    // It is gone.
  }
`
