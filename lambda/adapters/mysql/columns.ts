/**
 * Reads columns of a result row, whatever type the driver gave them.
 *
 * The one thing to understand: several names may be given, newest first, because servers renamed columns; a column that no name
 * fits is a defect in a dialect and is told loudly.
 */
import type { Row } from './session.ts'

/** The column as text; NULL is ''. */
export function textOf(row: Row, ...names: readonly string[]): string {
  const value = columnOf(row, names)
  return value === null || value === undefined ? '' : String(value)
}

/** The column as a number; NULL is 0. */
export function numberOf(row: Row, ...names: readonly string[]): number {
  const number = Number(columnOf(row, names) ?? 0)
  if (Number.isNaN(number))
    throw new TypeError(`the server's column ${names[0]} is not a number: ${textOf(row, ...names)}`)
  return number
}

/** A system variable as the server shows it: 1 and ON are true. */
export function flagOf(row: Row, ...names: readonly string[]): boolean {
  return /^(1|ON|YES)$/i.test(textOf(row, ...names))
}

/** A list of GTIDs without the line breaks that servers put into it. */
export function withoutBlanks(text: string): string {
  return text.replaceAll(/\s+/g, '')
}

function columnOf(row: Row, names: readonly string[]): unknown {
  const name = names.find((each) => each in row)
  if (name === undefined) throw new TypeError(`the server gave no column ${names.join(' or ')}`)
  return row[name]
}
