/**
 * Preloaded into a local function: its wall clock is HOTSPARE_LAB_CLOCK_SHIFT_MS ahead (negative: behind), as on a machine that
 * nobody set. Timers and `performance.now()` go on as they are. The invocation's deadline is by the same wrong clock, so an
 * invocation still lasts as long as it may.
 */
const shiftMs = Number(process.env.HOTSPARE_LAB_CLOCK_SHIFT_MS)
const RightDate = Date

globalThis.Date = class extends RightDate {
  constructor(...values) {
    if (values.length === 0) super(RightDate.now() + shiftMs)
    else super(...values)
  }

  static now() {
    return RightDate.now() + shiftMs
  }
}

// The runtime's own listener comes later and gets the same object.
process.on('message', (message) => {
  if (typeof message?.deadlineEpochMs === 'number') message.deadlineEpochMs += shiftMs
})
