/**
 * Waiting for something, but never longer than a deadline.
 *
 * The one thing to understand: what was waited for goes on after the deadline. Whoever gives up must also destroy the connection
 * that it runs on, or be ready for its late result.
 */

/** Thrown when the deadline passed first. */
export class DeadlineError extends Error {
  override readonly name = 'DeadlineError'
}

/** The promise's value, or DeadlineError after `timeoutMs`; `onLate` is called just before that. */
export async function withinDeadline<T>(
  promise: Promise<T>,
  timeoutMs: number,
  what: string,
  onLate: () => void = () => undefined,
): Promise<T> {
  const ended = await settledWithin(promise, timeoutMs)
  if (ended) return promise
  onLate()
  // Whatever becomes of it now is of no interest, and must not end the process as an unhandled rejection.
  promise.catch(() => undefined)
  throw new DeadlineError(`${what}: no answer within ${Math.round(timeoutMs)} ms`)
}

/** Whether the promise has ended, well or badly, within `timeoutMs`. Never rejects. */
export async function settledWithin(promise: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  const settled = promise.then(
    () => true,
    () => true,
  )
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), Math.max(0, timeoutMs))
  })
  try {
    return await Promise.race([settled, timeout])
  } finally {
    clearTimeout(timer)
  }
}

/** Asks again and again until the answer is true, at most `timeoutMs`; false if it never was. Errors are the caller's. */
export async function until(
  ask: () => Promise<boolean>,
  options: { timeoutMs: number; everyMs: number; monotonicNow: () => number },
): Promise<boolean> {
  const endsAtMs = options.monotonicNow() + options.timeoutMs
  for (;;) {
    if (await ask()) return true
    if (options.monotonicNow() + options.everyMs >= endsAtMs) return false
    await new Promise((resolve) => setTimeout(resolve, options.everyMs))
  }
}
