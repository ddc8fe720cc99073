/**
 * Entry points of the functions, one bundle. `watch` runs on the schedule and watches until a younger watch relieves it;
 * `request` answers people, and is a function of its own so that a watch in progress never blocks it. `selfTest` runs once a
 * deployment, and `widget` whenever somebody looks at the dashboard.
 */
import { type Configuration, loadConfiguration } from './config.ts'
import { answer } from './requests.ts'
import { watchPairs } from './watch-pairs.ts'

export { selfTest } from './self-test.ts'
export { widget } from './widget.ts'

/** What Lambda passes, as far as we use it. */
interface Context {
  getRemainingTimeInMillis(): number
}

/** A watch ends by itself after this long, whatever the function's time-out. */
const WATCH_LIMIT_MS = 150_000
/** Left of the function's time-out for closing connections and sending the last messages. */
const CLOSING_MS = 2000

let configuration: Configuration | null = null

export async function watch(
  event: { readonly pair?: unknown; readonly pairs?: unknown },
  context: Context,
): Promise<unknown> {
  configuration ??= loadConfiguration()
  const endsAtMs =
    performance.now() + Math.min(WATCH_LIMIT_MS, context.getRemainingTimeInMillis() - CLOSING_MS)
  const known = Object.keys(configuration.pairs)
  if (event.pair !== undefined && !known.includes(String(event.pair)))
    throw new Error(
      `The event names the pair ${JSON.stringify(event.pair)}; the configuration has: ${known.join(', ')}.`,
    )
  const { pairs: shard } = event
  // While a deployment replaces schedules and code one after the other, a shard may name a pair that is no longer there.
  const inShard = Array.isArray(shard) ? known.filter((name) => shard.includes(name)) : known
  const pairs = event.pair === undefined ? inShard : [String(event.pair)]
  return watchPairs(configuration, pairs, () => endsAtMs - performance.now())
}

export async function request(event: unknown, context: Context): Promise<unknown> {
  configuration ??= loadConfiguration()
  const endsAtMs = performance.now() + context.getRemainingTimeInMillis() - CLOSING_MS
  return answer(configuration, event, () => endsAtMs - performance.now())
}
