/**
 * One row of the scenario table: something that can go wrong, what Hotspare does then, and on which servers that is shown.
 *
 * The one thing to understand: a row is checked against the run. Its situations must have been seen in the function's log and the
 * writer must have moved exactly as often as it says, so the table cannot say what did not happen.
 */
import type { Family } from '../../../lab/database/family.ts'

export { FAMILIES, type Family } from '../../../lab/database/family.ts'

/** Played on real servers of that family, or the reason why it can't be. */
export type Cell = 'tested' | { readonly cannot: string }

export interface Scenario {
  /** The name of its implementation in the suite's file. */
  readonly id: string
  /** The known traps and musts that it guards, as `T33` or `T8, M4`; empty if none. */
  readonly trap: string
  /** What goes wrong, as one clause. It is the test's name, too. */
  readonly title: string
  /** What Hotspare does, for people. */
  readonly does: string
  /** Codes of situations that the function must have been in. */
  readonly situations: readonly string[]
  /** How often the writer moves. With 0, the spare must never have been about to be opened either. */
  readonly failovers: number
  readonly cells: Readonly<Record<Family, Cell>>
}

export const BOTH: Scenario['cells'] = { mysql: 'tested', mariadb: 'tested' }
