/** Watches several pairs at once; one pair's defect must not hide behind the others' success. */
import type { Configuration } from './config.ts'
import { LAMBDA_OUTPUT, type Output, runOf } from './pair.ts'
import { type WatchResult, watch } from './watch.ts'

export interface WatchAnswer {
  readonly ok: true
  readonly pairs: Readonly<Record<string, WatchResult>>
}

/** @throws what the first pair that failed threw, after all have ended. */
export async function watchPairs(
  configuration: Configuration,
  pairs: readonly string[],
  remainingMs: () => number,
  output: Output = LAMBDA_OUTPUT,
): Promise<WatchAnswer> {
  const runs = pairs.map((pair) => watch(runOf(configuration, pair, remainingMs, null, output)))
  const results = await Promise.allSettled(runs)
  const ended = results.flatMap((result, at): [string, WatchResult][] => {
    if (result.status === 'rejected') throw result.reason
    return [[pairs[at] ?? '', result.value]]
  })
  return { ok: true, pairs: Object.fromEntries(ended) }
}
