/**
 * Reads what people send: each action's event has a schema, and whatever does not fit it is answered with its path, its value and
 * the mend. Nothing is done for a request that is not wholly understood.
 */
import * as v from 'valibot'
import { nearest } from './config/nearest.ts'
import type { Problem } from './config/problem.ts'
import { structureProblems } from './config/structure.ts'

/** What every request is answered with; an action adds what it yields. */
export interface Answer {
  readonly ok: boolean
  readonly situation: string
  readonly because: string
  readonly advice: string
}

export interface WrongRequest extends Answer {
  readonly ok: false
  readonly situation: 'wrong-request'
  readonly problems: readonly Problem[]
}

/** The schema of an action's event: these keys, `action` and `pair`, and nothing else. */
export function eventSchema<const Entries extends v.ObjectEntries>(entries: Entries) {
  const text = v.string('give a text')
  return v.strictObject({ ...entries, action: text, pair: v.exactOptional(text) }, 'give an object in braces')
}

/** One of a few words. `what` says what they are, such as `a server of the pair`. */
export function oneOf(words: readonly string[], what: string) {
  const mend = ({ input }: { input: unknown }) => {
    const meant = typeof input === 'string' ? nearest(input, words) : null
    const choice = words.length === 0 ? 'there is none here' : `it is one of: ${words.join(', ')}`
    return `${meant === null ? '' : `did you mean "${meant}"? `}Give ${what}; ${choice}`
  }
  return v.pipe(v.picklist(words, mend), v.description(`${what}, one of: ${words.join(', ')}`))
}

/** The refusals that a request goes without, by name. */
export function forceOf(codes: readonly string[]) {
  const list = v.array(
    oneOf(codes, 'a refusal that can be waived'),
    `give a list, like ["${codes[0] ?? ''}"]`,
  )
  return v.optional(list, [])
}

/** The event as its schema has it, defaults filled in; or the answer that says what is wrong with it. */
export function readEvent<Schema extends v.GenericSchema>(
  schema: Schema,
  event: unknown,
): { readonly event: v.InferOutput<Schema> } | { readonly wrong: WrongRequest } {
  const problems = structureProblems(event, schema)
  return problems.length > 0 ? { wrong: wrongRequest(problems) } : { event: v.parse(schema, event) }
}

export function wrongRequest(problems: readonly Problem[]): WrongRequest {
  const lines = problems.map(({ path, value }) => `${path === '' ? 'the whole request' : path} is ${value}`)
  return {
    ok: false,
    situation: 'wrong-request',
    because: `The request can't be understood, and nothing was done: ${lines.join('; ')}.`,
    advice: `${problems.map(({ path, mend }) => (path === '' ? mend : `${path}: ${mend}`)).join('; ')}.`,
    problems,
  }
}
