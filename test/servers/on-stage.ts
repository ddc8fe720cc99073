/** Plays a test on a fresh stage with real servers, and takes everything down again whatever happens. */
import { expect } from 'vitest'
import type { Invocation } from '../../lab/lambda/invocation.ts'
import { type LookLine, lookOf } from '../../lab/log-line.ts'
import { openStage, PAIR, type Stage, type StageOptions, type WatcherOptions } from '../../lab/stage.ts'
import { buildBundle } from '../../lambda/bundle.ts'
import { type Ledger, parseLedger } from '../../lambda/core/ledger.ts'

const WAIT_MS = 20_000

let bundle: Promise<Stage['bundle']> | null = null

export async function onStage(options: StageOptions, play: (stage: Stage) => Promise<void>): Promise<void> {
  bundle ??= buildBundle()
  const stage = await openStage({ ...options, bundle: await bundle })
  try {
    await play(stage)
  } finally {
    await stage.close()
  }
}

/** Starts a watch; without `until` at once, else when it has seen that situation. */
export async function startWatch(
  stage: Stage,
  until: string | null = 'healthy',
  options: WatcherOptions = {},
): Promise<Invocation> {
  const invocation = stage.watcher(options).start({ action: 'watch', pair: PAIR })
  if (until !== null) await situation(invocation, until)
  return invocation
}

/** The first look in this situation, past or to come. */
export async function situation(
  invocation: Invocation,
  code: string,
  timeoutMs = WAIT_MS,
): Promise<LookLine> {
  const line = await invocation.waitForLog((each) => lookOf(each)?.situation === code, timeoutMs)
  return lookOf(line) as LookLine
}

/** The first look that followed this step. */
export async function stepDone(invocation: Invocation, step: string, timeoutMs = WAIT_MS): Promise<LookLine> {
  const line = await invocation.waitForLog((each) => {
    const last = lookOf(each)?.last
    return last?.step === step && last.outcome === 'done'
  }, timeoutMs)
  return lookOf(line) as LookLine
}

export function looks(...invocations: Invocation[]): LookLine[] {
  return invocations.flatMap(({ logs }) => logs.map(lookOf)).filter((look) => look !== null)
}

/** How often a step was done in all, as the looks after it say. */
export function timesDone(step: string, ...invocations: Invocation[]): number {
  return looks(...invocations).filter(({ last }) => last?.step === step && last.outcome === 'done').length
}

export function ledgerOf(stage: Pick<Stage, 'aws'>): Ledger {
  const text = stage.aws.zone.get('_hotspare.writer.orders.example.com', 'TXT')?.values[0] ?? ''
  const ledger = parseLedger(text.replaceAll('"', ''))
  if (typeof ledger === 'string') throw new Error(`the ledger can't be read: ${ledger}: ${text}`)
  return ledger
}

export function recordOf(stage: Pick<Stage, 'aws'>): readonly string[] {
  return stage.aws.zone.get('writer.orders.example.com', 'A')?.values ?? []
}

/** Batches that changed what the writer record holds. */
export function flips(stage: Pick<Stage, 'aws'>): number {
  return stage.aws.route53.batches.filter(({ changes }) => {
    const writer = changes.filter(({ type }) => type === 'A')
    const of = (action: string) => writer.find((change) => change.action === action)?.values.join()
    return of('DELETE') !== undefined && of('DELETE') !== of('CREATE')
  }).length
}

export function isOpen(server: Stage['pair']['alice']): Promise<boolean> {
  return server.isOpen()
}

/** Asks again until it holds; the time-out is a failure of the test. */
export async function eventually(
  what: string,
  holds: () => Promise<boolean> | boolean,
  timeoutMs = WAIT_MS,
): Promise<void> {
  await expect.poll(holds, { timeout: timeoutMs, interval: 20, message: what }).toBe(true)
}
