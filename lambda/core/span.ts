/** Lengths of time for people, from milliseconds to days: at most two units, the smaller one cut off. */

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
] as const

/** `40 ms`, `3.2 s`, `12 min`, `3 h 12 min`, `40 d 4 h`. Less than nothing is nothing. */
export function span(ms: number): string {
  const at = UNITS.findIndex(([, unitMs]) => ms >= unitMs)
  const [unit, unitMs] = UNITS[at] ?? []
  if (unit === undefined || unitMs === undefined)
    return ms < 1000 ? `${Math.max(0, Math.round(ms))} ms` : `${(Math.floor(ms / 100) / 10).toFixed(1)} s`
  const whole = `${Math.floor(ms / unitMs)} ${unit}`
  const [smaller, smallerMs] = UNITS[at + 1] ?? []
  const rest = smallerMs === undefined ? 0 : Math.floor((ms % unitMs) / smallerMs)
  return rest === 0 ? whole : `${whole} ${rest} ${smaller}`
}
