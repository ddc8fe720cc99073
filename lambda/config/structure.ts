/**
 * Compares a configuration's keys and values with the schema, one problem for each mistake.
 *
 * The validator reports only the first unknown key of an object and knows no suggestions, so unknown and missing keys are found
 * by a walk over the schema; the validator's own issues give the rest.
 */
import * as v from 'valibot'
import { nearest } from './nearest.ts'
import { asksForPassword, type Problem, showValue } from './problem.ts'
import { configurationSchema } from './schema.ts'
import { objectMend } from './value-checks.ts'

type Schema = v.GenericSchema

/** All mistakes that can be seen key by key; empty if the content has the right structure. `schema`: requests have their own. */
export function structureProblems(content: unknown, schema: Schema = configurationSchema): Problem[] {
  const problems = keyProblems(schema, content, [])
  const result = v.safeParse(schema, content)
  for (const issue of result.issues ?? []) {
    const keys = (issue.path ?? []).map((item) => String(item.key))
    // Keys that are missing or unknown: the walk has them.
    if (issue.type === 'strict_object' && issue.path?.at(-1)?.origin === 'key') continue
    const ofKey = issue.path?.at(-1)?.origin === 'key'
    const value = ofKey ? JSON.stringify(keys.at(-1)) : showValue(keys, issue.input)
    problems.push({ path: keys.join('.'), value, mend: issue.message })
  }
  if (!result.success && problems.length === 0) {
    throw new Error(
      `The configuration is wrong in a way that has no words yet. Report this: ${result.issues[0].message}`,
    )
  }
  // One value can break several checks that ask for the same mend.
  const seen = new Set<string>()
  return problems.filter(({ path, mend }) => {
    const key = `${path}\n${mend}`
    return seen.has(key) ? false : seen.add(key)
  })
}

function keyProblems(schema: Schema, value: unknown, path: readonly string[]): Problem[] {
  if (typeof value !== 'object' || value === null) return []
  const content = value as Record<string, unknown>
  const inner = unwrap(schema)
  const entries = entriesOf(inner)
  const ofRecord = recordValueOf(inner)
  if (Array.isArray(value)) {
    // The validator takes a list for an object with the keys 0, 1, 2 and so on, and an empty one for one without keys.
    const isObjectExpected = entries !== null || ofRecord !== null
    return isObjectExpected ? [{ path: path.join('.'), value: showValue(path, value), mend: objectMend }] : []
  }
  const problems: Problem[] = []
  if (entries !== null) {
    for (const key of Object.keys(content)) {
      if (!Object.hasOwn(entries, key)) problems.push(unknownKey(key, Object.keys(entries), path))
    }
    for (const [key, entry] of Object.entries(entries)) {
      if (Object.hasOwn(content, key)) problems.push(...keyProblems(entry, content[key], [...path, key]))
      else if (!isOptional(entry)) problems.push(missingKey(key, entry, path))
    }
  }
  if (ofRecord !== null) {
    for (const [key, member] of Object.entries(content)) {
      // The validator leaves these out without a word.
      if (key === '__proto__' || key === 'prototype' || key === 'constructor') {
        const mend = 'choose another name; this one is reserved'
        problems.push({ path: [...path, key].join('.'), value: JSON.stringify(key), mend })
      }
      problems.push(...keyProblems(ofRecord, member, [...path, key]))
    }
  }
  return problems
}

function unknownKey(key: string, known: readonly string[], path: readonly string[]): Problem {
  const value = '(not shown)'
  const full = [...path, key].join('.')
  if (asksForPassword(key)) {
    const mend =
      'remove it: passwords do not belong in this file. Put the account into Secrets Manager and name it with ' +
      '"credentials": { "secretId": "..." }, and change this password, since the file may have been read or committed'
    return { path: full, value, mend }
  }
  const meant = nearest(key, known)
  const mend =
    meant === null
      ? `remove this unknown key; known here: ${known.join(', ')}`
      : `no such key; did you mean "${meant}"?`
  return { path: full, value: `unknown key "${key}"`, mend }
}

function missingKey(key: string, entry: Schema, path: readonly string[]): Problem {
  const description = v.getDescription(entry) ?? 'a value'
  return { path: [...path, key].join('.'), value: '(missing)', mend: `add "${key}": ${description}` }
}

function isOptional(schema: Schema): boolean {
  return schema.type === 'optional' || schema.type === 'exact_optional'
}

/** The schema inside `optional`; a pipe shows its first schema's properties by itself. */
function unwrap(schema: Schema): Schema {
  return isOptional(schema) && 'wrapped' in schema ? (schema.wrapped as Schema) : schema
}

function entriesOf(schema: Schema): Record<string, Schema> | null {
  return schema.type === 'strict_object' && 'entries' in schema
    ? (schema.entries as Record<string, Schema>)
    : null
}

function recordValueOf(schema: Schema): Schema | null {
  return schema.type === 'record' && 'value' in schema ? (schema.value as Schema) : null
}
