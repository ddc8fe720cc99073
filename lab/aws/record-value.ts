/**
 * The values of resource records in Route 53's text form: what it accepts, and what a name server makes of them. A TXT value is
 * one or more quoted strings of at most 255 bytes each; the ledger lives in such a value, so the limits here are strict.
 */
import { isIPv4, isIPv6 } from 'node:net'

export const recordTypes = ['A', 'AAAA', 'CNAME', 'NS', 'SOA', 'TXT'] as const
export type RecordType = (typeof recordTypes)[number]

const maximumValueLength = 4000
const maximumStringBytes = 255

/** A value that Route 53 would refuse; the message is the problem as it words it. */
export class RecordValueError extends Error {
  constructor(problem: string, value: string) {
    super(`FATAL problem: ${problem} encountered with '${value}'`)
    this.name = 'RecordValueError'
  }
}

/** Throws a RecordValueError if Route 53 would not take `value` in a record of this type. */
export function checkValue(type: RecordType, value: string): void {
  if (value.length > maximumValueLength) {
    throw new RecordValueError(`ValueTooLong (Value is longer than ${maximumValueLength} characters)`, value)
  }
  if (type === 'A' && !isIPv4(value)) {
    throw new RecordValueError('ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address)', value)
  }
  if (type === 'AAAA' && !isIPv6(value)) {
    throw new RecordValueError('AAAARRDATAIllegalIPv6Address (Value is not a valid IPv6 address)', value)
  }
  if (type === 'TXT') parseTextStrings(value)
}

/** The strings of a TXT value as bytes: `"one" "t\167o"` gives `one` and `two`. Throws a RecordValueError. */
export function parseTextStrings(value: string): readonly Buffer[] {
  const strings: Buffer[] = []
  // One quoted string and the space after it; inside, a backslash escapes one character or begins three octal digits.
  const quoted = /"((?:[^"\\]|\\[0-3][0-7]{2}|\\[^0-7])*)"(?:[ \t]+|$)/y
  while (quoted.lastIndex < value.length || strings.length === 0) {
    const content = quoted.exec(value)?.[1]
    if (content === undefined) {
      throw new RecordValueError(
        'InvalidCharacterString (Value should be enclosed in quotation marks)',
        value,
      )
    }
    if (/[^\x20-\x7e]/.test(content)) {
      throw new RecordValueError(
        'InvalidCharacterString (Value holds a character that must be escaped)',
        value,
      )
    }
    const bytes = unescapeText(content)
    if (bytes.length > maximumStringBytes) {
      throw new RecordValueError('CharacterStringTooLong (Value is too long)', value)
    }
    strings.push(bytes)
  }
  return strings
}

function unescapeText(content: string): Buffer {
  const plain = content.replace(/\\([0-7]{3}|.)/g, (_, escaped: string) =>
    escaped.length === 3 ? String.fromCharCode(Number.parseInt(escaped, 8)) : escaped,
  )
  return Buffer.from(plain, 'latin1')
}
