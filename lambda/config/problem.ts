/**
 * What is wrong with a configuration: always where, what stands there, and what to write instead.
 *
 * A value is shown only if it can't be a secret: people do write passwords into the wrong place.
 */

export interface Problem {
  /** Keys from the top, joined by dots, like `pairs.orders.servers.alice.host`; empty for the whole file. */
  readonly path: string
  /** What stands there, as short text; `(missing)` or `(not shown)` where there is nothing to show. */
  readonly value: string
  /** What to do, as an order. */
  readonly mend: string
}

/** A configuration that can't be used. The message lists all problems, one a line. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError'
  readonly source: string
  readonly problems: readonly Problem[]

  /** `source`: the file's path or another name for where the text came from. */
  constructor(source: string, problems: readonly Problem[]) {
    const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`
    const lines = problems.map(({ path, value, mend }) => `  ${path || '(whole file)'}: ${value}: ${mend}`)
    super([`${source} has ${count}:`, ...lines].join('\n'))
    this.source = source
    this.problems = problems
  }
}

const secretKey = /pass|pwd|secret|token|credential/i
const longestShown = 80

/** A value as a message may show it, given the keys that lead to it. */
export function showValue(keys: readonly string[], value: unknown): string {
  if (value === undefined) return '(missing)'
  if (keys.some((key) => secretKey.test(key))) return '(not shown)'
  if (Array.isArray(value)) return value.length === 0 ? '[]' : `[...] (${value.length} entries)`
  if (typeof value === 'object' && value !== null) {
    return Object.keys(value).length === 0 ? '{}' : `{...} (${Object.keys(value).join(', ')})`
  }
  const text = JSON.stringify(value) ?? String(value)
  return text.length <= longestShown ? text : `${text.slice(0, longestShown - 3)}...`
}

/** Keys that ask for a password itself, wherever they stand. */
export function asksForPassword(key: string): boolean {
  return /^(pass|password|passwd|pwd|pw)$/i.test(key)
}
