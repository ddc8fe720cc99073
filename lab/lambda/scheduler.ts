/**
 * Invokes a LocalFunction once a period, as EventBridge Scheduler does with `rate(1 minute)`.
 *
 * The one thing to understand: the schedule promises a minute, not a moment. Its manual gives every schedule a precision
 * of 60 seconds (due at 1:00 means some time from 1:00:00 to 1:00:59), so two deliveries may be close together or almost two
 * minutes apart; and it delivers at least once, so a delivery may come twice. A delivery that fails is tried again until
 * the event's greatest age, at least 60 seconds, and then dropped. All of that happens here: each period draws its own moment,
 * duplicates come on demand, deliveries can be held back, and those held for too long are dropped.
 * (EventBridge Scheduler user guide, "Schedule types"; API reference, RetryPolicy and FlexibleTimeWindow.)
 */
import type { Invocation } from './invocation.ts'

export type SchedulerOptions = {
  /** What is invoked; a LocalFunction, or anything that starts like one. */
  target: { start(event: unknown): Invocation }
  event: unknown
  /** @default 60000 */
  periodMs?: number
  /** A delivery comes at its period's begin plus a random part of this; at most one period. @default 60000 */
  jitterMs?: number
  /** When the first delivery comes and the first period begins. @default 0 */
  firstDelayMs?: number
  /** An event that could not be delivered for this long is dropped. @default 60000 */
  expiryMs?: number
  /** From 0 to below 1; the same numbers give the same deliveries. @default Math.random */
  random?: () => number
}

/** One event that came due. Times are on this process's monotonic clock (`performance.now()`), in milliseconds. */
export type Delivery = {
  dueMs: number
  /** Undefined while it is held back, and for ever if it expired or the start failed. */
  invocation: Invocation | undefined
  deliveredMs: number | undefined
  duplicate: boolean
  outcome: 'held' | 'delivered' | 'expired' | 'failed'
  /** Why the start failed. */
  failure: unknown
}

export type Scheduler = {
  /** Everything that came due, in order. */
  readonly deliveries: readonly Delivery[]
  /** The invocations that were started, in order. */
  invocations(): Invocation[]
  /** Delivers the event once more, now, as a scheduler that forgot that it did. Fails if nothing was delivered yet. */
  duplicate(): Delivery
  /** Holds deliveries back, as in an outage of the scheduler or of Lambda's front. */
  hold(): void
  /** Delivers what was held back and is not too old, and goes on. */
  release(): void
  /** No further deliveries. Invocations that run go on. */
  stop(): void
}

/** Starts the schedule. */
export function startScheduler(options: SchedulerOptions): Scheduler {
  const { target, event, periodMs = 60_000, jitterMs = 60_000, firstDelayMs = 0, expiryMs = 60_000 } = options
  const random = options.random ?? Math.random
  if (jitterMs > periodMs) {
    throw new RangeError(
      `jitterMs (${jitterMs}) must not exceed periodMs (${periodMs}), or deliveries change places.`,
    )
  }
  const deliveries: Delivery[] = []
  const firstMs = performance.now() + firstDelayMs
  let isHeld = false
  let timer: NodeJS.Timeout | undefined

  const deliver = (delivery: Delivery): void => {
    const nowMs = performance.now()
    if (nowMs - delivery.dueMs > expiryMs) {
      delivery.outcome = 'expired'
      return
    }
    try {
      delivery.invocation = target.start(event)
      delivery.deliveredMs = nowMs
      delivery.outcome = 'delivered'
    } catch (failure) {
      delivery.failure = failure
      delivery.outcome = 'failed'
    }
  }
  const comeDue = (dueMs: number, duplicate: boolean): Delivery => {
    const delivery: Delivery = {
      dueMs,
      invocation: undefined,
      deliveredMs: undefined,
      duplicate,
      outcome: 'held',
      failure: undefined,
    }
    deliveries.push(delivery)
    if (!isHeld) deliver(delivery)
    return delivery
  }
  const arm = (period: number): void => {
    // The first delivery is not drawn, so that a demo or a test begins when it says.
    const dueMs = firstMs + period * periodMs + (period === 0 ? 0 : random() * jitterMs)
    const whenDue = (): void => {
      arm(period + 1)
      comeDue(dueMs, false)
    }
    timer = setTimeout(whenDue, Math.max(0, dueMs - performance.now()))
  }
  arm(0)

  return {
    deliveries,
    invocations: () => deliveries.flatMap((delivery) => delivery.invocation ?? []),
    duplicate() {
      if (!deliveries.some((delivery) => delivery.outcome === 'delivered')) {
        throw new Error(
          'Nothing was delivered yet, so nothing can be delivered twice; wait for the first delivery.',
        )
      }
      return comeDue(performance.now(), true)
    },
    hold() {
      isHeld = true
    },
    release() {
      isHeld = false
      for (const delivery of deliveries) if (delivery.outcome === 'held') deliver(delivery)
    },
    stop() {
      clearTimeout(timer)
    },
  }
}
