/** Lengths and moments of time as people type and read them. */
import { WrongUsage } from './wrong-usage.ts'

const UNITS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/** `90s`, `10m`, `2h`, `1d`, also put together: `1h30m`. @throws {WrongUsage} */
export function readLength(text: string, option: string, command: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)\s*(ms|min|s|m|h|d)/g)]
  const whole = parts.map((part) => part[0]).join('')
  const ms = parts.reduce((sum, part) => sum + Number(part[1]) * (UNITS_MS[part[2] ?? ''] ?? 0), 0)
  if (whole !== text.replaceAll(/(?<=[a-z])\s+(?=\d)/g, '') || ms <= 0)
    throw new WrongUsage(
      `--${option} ${text} is no length of time. Give a number and a unit: 90s, 10m, 2h, 1d.`,
      `hotspare help ${command}`,
    )
  return Math.round(ms)
}

/** Each moment in a text, from ISO 8601 to `2026-11-20 13:05:12 UTC`. */
export function momentsForPeople(text: string): string {
  return text.replaceAll(/(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(\.\d+)?Z/g, '$1 $2 UTC')
}
