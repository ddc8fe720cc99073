/** Watches whose process has something loaded before the bundle: a wrong clock, or a freeze at the worst moment. */
import type { Invocation } from '../../../lab/lambda/invocation.ts'
import { PAIR, type Stage, type WatcherOptions } from '../../../lab/stage.ts'
import { nodeOptions } from '../../../lambda/runtime-options.ts'

/** A watch whose wall clock is this far ahead of everybody's; negative: behind. */
export function watchWithClock(stage: Stage, shiftMs: number, options: WatcherOptions = {}): Invocation {
  return startWith(stage, 'shifted-clock.mjs', { HOTSPARE_LAB_CLOCK_SHIFT_MS: String(shiftMs) }, options)
}

/** A watch that freezes just before it sends a statement with this text; `frozen` tells when it has. */
export function watchThatFreezes(
  stage: Stage,
  statement: string,
  options: WatcherOptions = {},
): { readonly watch: Invocation; frozen(timeoutMs: number): Promise<void> } {
  const variables = { HOTSPARE_LAB_FREEZE_BEFORE: statement }
  const watch = startWith(stage, 'frozen-before.mjs', variables, options)
  return {
    watch,
    frozen: async (timeoutMs) => {
      await watch.waitForLog((line) => line.json?.kind === 'frozen', timeoutMs)
    },
  }
}

/** The stage gives each function a copy of its environment, so ours is in it for a moment only. */
function startWith(
  stage: Stage,
  module: string,
  variables: Readonly<Record<string, string>>,
  options: WatcherOptions,
): Invocation {
  const preload = new URL(module, import.meta.url)
  const added = { ...variables, NODE_OPTIONS: `${nodeOptions()} --import ${preload}` }
  const environment = stage.aws.environment as Record<string, string>
  Object.assign(environment, added)
  try {
    return stage.watcher(options).start({ action: 'watch', pair: PAIR })
  } finally {
    for (const name of Object.keys(added)) delete environment[name]
  }
}
