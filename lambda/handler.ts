/**
 * Entry points of the functions, one bundle. `watch` runs on the schedule and watches until a younger watch relieves it;
 * `request` answers people, and is a function of its own so that a watch in progress never blocks it. `selfTest` runs once a
 * deployment, and `widget` whenever somebody looks at the dashboard.
 */
import { type Configuration, loadConfiguration } from './config.ts'
import { failover } from './failover-request.ts'
import { runOf } from './pair.ts'
import { status } from './status.ts'
import { watch as watchPair } from './watch.ts'

export { selfTest } from './self-test.ts'
export { widget } from './widget.ts'

/** What Lambda passes, as far as we use it. */
interface Context {
  getRemainingTimeInMillis(): number
}

interface Event {
  readonly action?: unknown
  readonly pair?: unknown
  /** The pairs of one shard, as the schedule names them; all without. */
  readonly pairs?: unknown
  readonly force?: unknown
}

/** A watch ends by itself after this long, whatever the function's time-out. */
const WATCH_LIMIT_MS = 150_000
/** Left of the function's time-out for closing connections and sending the last messages. */
const CLOSING_MS = 2000

let configuration: Configuration | null = null

export async function watch(event: Event, context: Context): Promise<unknown> {
  configuration ??= loadConfiguration()
  const endsAtMs =
    performance.now() + Math.min(WATCH_LIMIT_MS, context.getRemainingTimeInMillis() - CLOSING_MS)
  const remainingMs = () => endsAtMs - performance.now()
  const loaded = configuration
  const pairs = event.pair === undefined ? shardOf(event, loaded) : [nameOf(event, loaded)]
  const results = await Promise.allSettled(pairs.map((pair) => watchPair(runOf(loaded, pair, remainingMs))))
  const failed = results.find((result) => result.status === 'rejected')
  // One pair's defect must not hide behind the others' success: the invocation fails, loudly, after all have ended.
  if (failed?.status === 'rejected') throw failed.reason
  return {
    ok: true,
    pairs: Object.fromEntries(
      pairs.map((pair, at) => [pair, results[at]?.status === 'fulfilled' ? results[at].value : null]),
    ),
  }
}

export async function request(event: Event, context: Context): Promise<unknown> {
  configuration ??= loadConfiguration()
  const endsAtMs = performance.now() + context.getRemainingTimeInMillis() - CLOSING_MS
  const remainingMs = () => endsAtMs - performance.now()
  const pair = nameOf(event, configuration)
  if (event.action === 'status') return status(runOf(configuration, pair, remainingMs))
  if (event.action === 'failover') return failover(configuration, pair, event.force ?? [], remainingMs)
  return {
    ok: false,
    situation: 'wrong-request',
    because: `The action ${JSON.stringify(event.action ?? null)} is not one that this version knows. Send {"action":"status","pair":"${pair}"} or {"action":"failover","pair":"${pair}"}.`,
  }
}

/** While a deployment replaces schedules and code one after the other, an event may name a pair that is no longer there. */
function shardOf(event: Event, { pairs }: Configuration): string[] {
  const known = Object.keys(pairs)
  const { pairs: shard } = event
  return Array.isArray(shard) ? known.filter((name) => shard.includes(name)) : known
}

/** @throws {Error} that names the pairs there are. */
function nameOf(event: Event, { pairs }: Configuration): string {
  const known = Object.keys(pairs)
  const name = event.pair ?? (known.length === 1 ? known[0] : undefined)
  if (typeof name === 'string' && known.includes(name)) return name
  throw new Error(
    `The event names the pair ${JSON.stringify(event.pair ?? null)}; the configuration has: ${known.join(', ')}.`,
  )
}
