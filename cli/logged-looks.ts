/**
 * Finds logged looks in whatever a person has at hand: a log line, a file of lines with others between them, a look laid out over
 * many lines, the output of `aws logs filter-log-events`, `tail` or a query, an Insights export as JSON or CSV.
 */
import type { Memory } from '../lambda/core/memory.ts'
import type { World } from '../lambda/core/world.ts'

export interface LoggedLook {
  readonly memory: Memory
  readonly world: World
  readonly now: number
  /** What was decided then; null if the text doesn't say. */
  readonly situation: string | null
}

/** In the order in which they stand. */
export function looksIn(text: string): LoggedLook[] {
  const whole = parsed(text)
  if (whole !== undefined) return looksOf(whole)
  return text.split(/\r?\n/).flatMap((line) => {
    const at = line.indexOf('{')
    if (at < 0) return []
    const plain = parsed(line.slice(at).trim())
    return looksOf(plain ?? parsed(fromCsv(line)))
  })
}

/** A field of a CSV line is in quotes, and quotes in it are doubled. */
function fromCsv(line: string): string {
  const first = line.indexOf('"{""')
  const last = line.lastIndexOf('}"')
  return first < 0 || last < first ? '' : line.slice(first + 1, last + 1).replaceAll('""', '"')
}

/** Undefined if it isn't JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Looks at any depth, also in texts that are JSON themselves. */
function looksOf(value: unknown): LoggedLook[] {
  if (typeof value === 'string') return value.trimStart().startsWith('{') ? looksIn(value) : []
  if (Array.isArray(value)) return value.flatMap(looksOf)
  if (typeof value !== 'object' || value === null) return []
  const look = lookFrom(value as Record<string, unknown>)
  return look === null ? Object.values(value).flatMap(looksOf) : [look]
}

function lookFrom({ memory, world, now, situation }: Record<string, unknown>): LoggedLook | null {
  if (!isObject(memory) || !isObject(world) || typeof now !== 'number') return null
  if (!isObject(world.policy) || !isObject(world.servers) || !isObject(memory.servers)) return null
  return {
    memory: memory as unknown as Memory,
    world: world as unknown as World,
    now,
    situation: typeof situation === 'string' ? situation : null,
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
