/**
 * The text form of TXT values and names, as Route 53's API writes them.
 *
 * A TXT value is a row of quoted strings of at most 255 bytes each; only their concatenation means anything to us. Bytes outside
 * printable ASCII are written as `\ooo` with three octal digits, in values and in names alike.
 * Source: Amazon Route 53 Developer Guide, "TXT record type" and "DNS domain name format".
 */

const longestStringBytes = 255
const quote = 0x22
const backslash = 0x5c

/** One value for the API: the text as quoted strings of at most 255 bytes each. */
export function quoteText(text: string): string {
  const bytes = Buffer.from(text, 'utf8')
  const strings: string[] = []
  for (let start = 0; start === 0 || start < bytes.length; start += longestStringBytes) {
    const part = bytes.subarray(start, start + longestStringBytes)
    strings.push(`"${Array.from(part, escapeByte).join('')}"`)
  }
  return strings.join(' ')
}

/** The joined text of one value as the API returns it. Strings that lack their quotes are taken as they stand. */
export function unquoteText(value: string): string {
  const bytes: number[] = []
  let quoted = false
  for (let index = 0; index < value.length; ) {
    const character = value.charAt(index)
    if (character === '"') {
      quoted = !quoted
      index += 1
    } else if (character === '\\') {
      const [part, length] = readEscape(value, index)
      bytes.push(...part)
      index += length
    } else {
      const point = String.fromCodePoint(value.codePointAt(index) ?? 0)
      // Blanks between strings separate them; inside a string they belong to the text.
      if (quoted || !/\s/.test(point)) bytes.push(...Buffer.from(point, 'utf8'))
      index += point.length
    }
  }
  return Buffer.from(bytes).toString('utf8')
}

/** A record's name as we compare names: unescaped, lower case, without the trailing dot. */
export function plainName(name: string): string {
  return unquoteText(name).toLowerCase().replace(/\.$/, '')
}

function escapeByte(byte: number): string {
  if (byte === quote) return '\\"'
  if (byte === backslash || byte < 0x20 || byte > 0x7e) return `\\${byte.toString(8).padStart(3, '0')}`
  return String.fromCharCode(byte)
}

function readEscape(value: string, index: number): [bytes: Uint8Array, length: number] {
  const octal = /^\\([0-3][0-7]{2})/.exec(value.slice(index, index + 4))
  if (octal?.[1] !== undefined) return [Uint8Array.of(Number.parseInt(octal[1], 8)), 4]
  const next = value.codePointAt(index + 1)
  if (next === undefined) return [Uint8Array.of(backslash), 1]
  const point = String.fromCodePoint(next)
  return [Buffer.from(point, 'utf8'), 1 + point.length]
}
