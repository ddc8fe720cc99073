/**
 * Every way to die, on servers of both families: the whole table, suite by suite. docs/scenarios.md says the same to people.
 *
 * The one thing to understand: each suite has its rows in table/<suite>.ts and its plays in <suite>.long.test.ts; table.test.ts
 * compares the two, and every known trap has its row here or a word in `elsewhere` on where else it is guarded.
 */
import type { Scenario } from './scenario.ts'
import { directory } from './table/directory.ts'
import { network } from './table/network.ts'
import { open } from './table/open.ts'
import { sick } from './table/sick.ts'
import { spare } from './table/spare.ts'
import { time } from './table/time.ts'

export type SuiteName = 'network' | 'spare' | 'open' | 'sick' | 'directory' | 'time'

interface Suite {
  readonly heading: string
  readonly rows: readonly Scenario[]
  /** The server's own words matter in it, so its rows are played on each of these lines of MariaDB besides the usual one. */
  readonly mariadbToo?: readonly string[]
}

export const SUITES: Readonly<Record<SuiteName, Suite>> = {
  network: { heading: 'The network', rows: network },
  spare: { heading: 'The spare', rows: spare, mariadbToo: ['11.8'] },
  open: { heading: 'Who is open', rows: open, mariadbToo: ['11.8'] },
  sick: { heading: 'A writer that is sick', rows: sick, mariadbToo: ['11.8'] },
  directory: { heading: 'The directory', rows: directory },
  time: { heading: 'Time', rows: time },
}

/** Where a trap is guarded that has no row: in a test whose text names it, or not, and why. */
export const ELSEWHERE: Readonly<Record<string, { file: string } | { notBuilt: string }>> = {
  T6: { file: 'test/core/witness.test.ts' },
  T14: { file: 'test/servers/switchover.ts' },
  T15: { file: 'test/servers/switchover.ts' },
  T19: { file: 'test/adapters/mysql-statements.test.ts' },
  T20: { notBuilt: 'the check of both directions before a switch' },
  T22: { file: 'test/servers/clients.long.test.ts' },
  T26: { notBuilt: 'fences' },
  T27: { file: 'test/servers/switchover.ts' },
  T28: { notBuilt: 'fences' },
  T39: { file: 'test/sim/scenarios.test.ts' },
}
