/**
 * A watch that is always at work, as the schedule keeps one in AWS: each minute a younger invocation comes and relieves the one before.
 *
 * The one thing to understand: a single invocation ends after its 150 s. What takes longer than that and needs a watch, such as many
 * switchovers in a row, needs the schedule.
 */
import type { Invocation } from './lambda/invocation.ts'
import { startScheduler } from './lambda/scheduler.ts'
import { lookOf } from './log-line.ts'
import { PAIR, type Stage } from './stage.ts'

export interface StandingWatch {
  /** Ends the schedule and whoever still watches. */
  end(): Promise<void>
}

const HEALTHY_WITHIN_MS = 30_000

/** Resolves when the first invocation has seen a healthy pair. `onStart` is told of each invocation. */
export async function keepWatching(
  stage: Stage,
  onStart: (invocation: Invocation) => void = () => undefined,
): Promise<StandingWatch> {
  const watcher = stage.watcher()
  const started: Invocation[] = []
  let came: (first: Invocation) => void = () => undefined
  const first = new Promise<Invocation>((resolve) => {
    came = resolve
  })
  const target = {
    start(event: unknown) {
      const invocation = watcher.start(event)
      started.push(invocation)
      onStart(invocation)
      came(invocation)
      return invocation
    },
  }
  // Without jitter: when the next one comes is not what is looked at here.
  const schedule = startScheduler({ target, event: { action: 'watch', pair: PAIR }, jitterMs: 0 })
  const end = async () => {
    schedule.stop()
    for (const invocation of started) invocation.kill()
    await Promise.all(started.map((invocation) => invocation.finished))
  }
  try {
    await (await first).waitForLog((line) => lookOf(line)?.situation === 'healthy', HEALTHY_WITHIN_MS)
    return { end }
  } catch (error) {
    await end()
    throw error
  }
}
