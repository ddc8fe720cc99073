/** What the quick and the long exploration share: where they begin, what goes wrong first, and how a violation is shown. */
import { expect } from 'vitest'
import { BEGINNINGS } from './beginnings.ts'
import type { Violation } from './explore.ts'
import type { Event } from './pair.ts'
import type { SimState } from './state.ts'

/** What goes wrong first; all that can follow from it without another fault is visited. */
export const FIRST: readonly Event[] = [
  { do: 'crash', server: 'alice' },
  { do: 'freeze', server: 'alice' },
  { do: 'crash', server: 'bob' },
  { do: 'freeze', server: 'bob' },
  { do: 'cut', a: 'alice', b: 'bob' },
  { do: 'cut', a: 'w1', b: 'alice' },
]

export function expectNone(violations: readonly Violation[]): void {
  expect(violations.map(({ complaint, trace }) => `${complaint}\n${trace}`).join('\n')).toBe('')
}

export function beginning(name: string): () => SimState {
  const found = BEGINNINGS[name]
  if (found === undefined) throw new Error(`there is no beginning ${name}`)
  return found
}
