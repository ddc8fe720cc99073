/**
 * Why a look was decided as it was: which rows were asked, in order, and which one matched. For reading a logged world again; it
 * runs the production tables and changes nothing.
 */
import { assess } from './assessment.ts'
import { type Decision, decide, rowsFor, TABLES } from './decide.ts'
import { learn } from './learn.ts'
import type { Memory } from './memory.ts'
import type { Row } from './situation.ts'
import type { World } from './world.ts'

export interface Explanation {
  readonly decision: Decision
  /** The table that the row stands in, such as `watching`. */
  readonly table: string
  /** The row that matched; another than the situation's if that one stands in for it (`directory-refuses`). */
  readonly row: string
  /** Rows that were asked before it and did not hold, in order. */
  readonly passedOver: readonly string[]
}

/** `memory` as it was before the look. @throws {Error} if no row matches, as `decide` does. */
export function explain(memory: Memory, world: World, now: number): Explanation {
  const decision = decide(memory, world, now)
  const a = assess(learn(memory, world, now), world, now)
  const rows = rowsFor(a, TABLES)
  const at = rows.findIndex((row) => row.when(a))
  const matched = rows[at]
  const entries: readonly [string, readonly Row[]][] = Object.entries({ ...TABLES })
  const table = entries.find(([, each]) => matched !== undefined && each.includes(matched))
  return {
    decision,
    table: table?.[0] ?? '',
    row: matched?.code ?? '',
    passedOver: rows.slice(0, at).map(({ code }) => code),
  }
}
