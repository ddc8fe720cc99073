/**
 * Plays a suite's rows on real servers: one test per row and family, each on a stage of its own, and afterwards checks what
 * the row says against what the function logged.
 *
 * While working on one: `HOTSPARE_FAMILY=mysql` leaves the other family out.
 */
import { describe, expect, it, vi } from 'vitest'
import type { Invocation } from '../../../lab/lambda/invocation.ts'
import type { Stage, StageOptions } from '../../../lab/stage.ts'
import { flips, looks, onStage } from '../on-stage.ts'
import { FAMILIES, type Family, type Scenario } from './scenario.ts'
import { SUITES, type SuiteName } from './table.ts'

export type Play = (stage: Stage, family: Family) => Promise<void>
/** A play with a stage of its own kind. Without `on` the stage has links that can be broken, and the default configuration. */
export interface Staged {
  readonly on: On | ((family: Family) => On)
  readonly play: Play
}

type On = Omit<StageOptions, 'bundle' | 'family'>

/** Makes the tests of `test/servers/scenarios/<suite>.long.test.ts`; `plays` has one entry for each row's id. */
export function playScenarios(suite: SuiteName, plays: Readonly<Record<string, Play | Staged>>): void {
  const { heading, rows, mariadbToo = [] } = SUITES[suite]
  describe(heading, () => {
    it('every play has its row', () => {
      expect(Object.keys(plays).filter((id) => !rows.some((row) => row.id === id))).toEqual([])
    })
    for (const row of rows)
      for (const family of familiesOf(row))
        for (const line of family === 'mariadb' ? ['', ...mariadbToo] : [''])
          it(testName(row, family, line), async () => {
            const play = plays[row.id]
            if (play === undefined) throw new Error(`The row "${row.id}" of ${suite} has no play.`)
            const staged = typeof play === 'function' ? { on: {}, play } : play
            await onLine(line, () => playRow(row, family, staged))
          })
  })
}

/** The lab takes this release line of MariaDB meanwhile; '' for the one it takes anyway. */
async function onLine(line: string, play: () => Promise<void>): Promise<void> {
  if (line !== '') vi.stubEnv('HOTSPARE_MARIADB', line)
  try {
    await play()
  } finally {
    vi.unstubAllEnvs()
  }
}

function testName({ trap, title }: Scenario, family: Family, line: string): string {
  return `${trap === '' ? '' : `${trap}: `}${title} [${[family, line].join(' ').trim()}]`
}

function familiesOf(row: Scenario): Family[] {
  const only = process.env.HOTSPARE_FAMILY
  if (only !== undefined && !FAMILIES.some((family) => family === only))
    throw new Error(`HOTSPARE_FAMILY is "${only}"; it may be ${FAMILIES.join(' or ')}, or left out.`)
  return FAMILIES.filter((family) => row.cells[family] === 'tested' && (only ?? family) === family)
}

async function playRow(row: Scenario, family: Family, { on, play }: Staged): Promise<void> {
  const kind = typeof on === 'function' ? on(family) : on
  const options: StageOptions & { family: Family } = {
    ...kind,
    pair: { proxies: true, ...kind.pair },
    family,
  }
  await onStage(options, async (stage) => {
    const invocations: Invocation[] = []
    try {
      await play(listening(stage, invocations), family)
      const seen = situationsOf(invocations)
      expect(seen).toEqual(expect.arrayContaining([...row.situations]))
      expect(flips(stage), 'how often the writer record moved').toBe(row.failovers)
      if (row.failovers === 0) expect(seen).not.toContain('opening')
    } catch (error) {
      if (error instanceof Error) error.message += `\nSituations: ${situationsOf(invocations).join(', ')}`
      throw error
    }
  })
}

/** In the order of their times, invocation by invocation, each once in a row. */
function situationsOf(invocations: readonly Invocation[]): string[] {
  const all = looks(...invocations).map(({ situation }) => situation)
  return all.filter((code, index) => code !== all[index - 1])
}

/** The same stage; every invocation that is started on it is kept. */
function listening(stage: Stage, invocations: Invocation[]): Stage {
  return {
    ...stage,
    watcher(options) {
      const made = stage.watcher(options)
      const start = made.start.bind(made)
      made.start = (event) => {
        const invocation = start(event)
        invocations.push(invocation)
        return invocation
      }
      return made
    },
  }
}
