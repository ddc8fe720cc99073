/**
 * Finds out where a JSON text is wrong.
 *
 * The runtime's own parser leaves the place out of some messages and quotes the text in others, which may hold a secret; and it
 * lets a key stand twice in one object without a word, so that half a configuration would be lost.
 */

export interface JsonMistake {
  /** Both count from 1. */
  readonly line: number
  readonly column: number
  /** What is expected there, or what is wrong there. */
  readonly message: string
}

const blank = /[ \t\n\r]*/y
/** Anything in quotes; whether its inside is right is left to the runtime's parser. */
const quoted = /"(?:[^"\\]|\\.)*"/sy
const scalar = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null/y

class Mistake extends Error {
  readonly offset: number
  constructor(offset: number, message: string) {
    super(message)
    this.offset = offset
  }
}

/** The first mistake in a JSON text: bad syntax or a key that stands twice in one object; null if there is none. */
export function findJsonMistake(text: string): JsonMistake | null {
  try {
    const end = skipBlank(text, readValue(text, skipBlank(text, 0)))
    if (end < text.length) throw new Mistake(end, 'nothing more may follow the end of the outermost object')
    return null
  } catch (error) {
    if (!(error instanceof Mistake)) throw error
    const before = text.slice(0, error.offset).split('\n')
    return { line: before.length, column: (before.at(-1) ?? '').length + 1, message: error.message }
  }
}

/** Each reader takes the offset where its part starts and returns the one behind its end. */
function readValue(text: string, offset: number): number {
  const first = text.charAt(offset)
  if (first === '{') return readMembers(text, offset, '}', readMember)
  if (first === '[') return readMembers(text, offset, ']', (inner, start) => readValue(inner, start))
  if (first === '"') return readString(text, offset)
  const end = match(scalar, text, offset)
  if (end === null)
    throw new Mistake(offset, 'a value is expected: an object, a "text", a number, true or false')
  return end
}

function readMembers(
  text: string,
  offset: number,
  closing: string,
  readOne: (text: string, offset: number, seen: Set<string>) => number,
): number {
  const seen = new Set<string>()
  let next = skipBlank(text, offset + 1)
  if (text.charAt(next) === closing) return next + 1
  for (;;) {
    next = skipBlank(text, readOne(text, next, seen))
    if (text.charAt(next) === closing) return next + 1
    if (text.charAt(next) !== ',') throw new Mistake(next, `"," or "${closing}" is expected`)
    const comma = next
    next = skipBlank(text, next + 1)
    if (text.charAt(next) === closing) throw new Mistake(comma, `no "," may stand before "${closing}"`)
  }
}

function readMember(text: string, offset: number, seen: Set<string>): number {
  if (text.charAt(offset) !== '"') throw new Mistake(offset, 'a key in double quotes is expected')
  const end = readString(text, offset)
  const key = String(JSON.parse(text.slice(offset, end)))
  if (seen.has(key))
    throw new Mistake(offset, `the key "${key}" stands twice in one object; keep one of them`)
  seen.add(key)
  const colon = skipBlank(text, end)
  if (text.charAt(colon) !== ':') throw new Mistake(colon, '":" is expected')
  return readValue(text, skipBlank(text, colon + 1))
}

function readString(text: string, offset: number): number {
  const end = match(quoted, text, offset)
  if (end === null || !isJson(text.slice(offset, end))) {
    throw new Mistake(
      offset,
      'the text that starts here has no closing quote, or holds a line break or a wrong escape',
    )
  }
  return end
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

function skipBlank(text: string, offset: number): number {
  return match(blank, text, offset) ?? offset
}

function match(pattern: RegExp, text: string, offset: number): number | null {
  pattern.lastIndex = offset
  return pattern.test(text) ? pattern.lastIndex : null
}
