/**
 * The kinds of value that hotspare.json is made of, each with its limits and its mend: what to write instead.
 *
 * The one thing to understand: a check's message is the mend, so every check of a value gives the same one, and it has to stand
 * on its own.
 */
import * as v from 'valibot'

/** Names of pairs and servers: they stand in the ledger, in SQL and in metric dimensions. */
const nameMend = 'use 1 to 32 lower-case letters, digits and hyphens'
export const name = (description: string) =>
  v.pipe(v.string(nameMend), v.regex(/^[a-z0-9-]{1,32}$/, nameMend), v.description(description))

/** A text that may not be empty. */
export const text = (description: string) => {
  const mend = `give a text: ${lowerFirst(description)}`
  return v.pipe(v.string(mend), v.minLength(1, mend), v.maxLength(2048, mend), v.description(description))
}

export const matching = (pattern: RegExp, mend: string, description: string) =>
  v.pipe(v.string(mend), v.regex(pattern, mend), v.description(description))

export const whole = (unit: string, least: number, most: number, description: string) => {
  const mend = `give a whole number from ${least} to ${most} (${unit})`
  return v.pipe(
    v.number(mend),
    v.integer(mend),
    v.minValue(least, mend),
    v.maxValue(most, mend),
    v.description(description),
  )
}

export const oneOf = <const T extends readonly string[]>(values: T, description: string) =>
  v.pipe(
    v.picklist(values, `use ${values.map((value) => `"${value}"`).join(' or ')}`),
    v.description(description),
  )

/** The mend wherever something else stands in the place of an object. */
export const objectMend = 'give an object in braces, { "key": ... }'

function lowerFirst(sentence: string): string {
  return sentence.charAt(0).toLowerCase() + sentence.slice(1)
}
