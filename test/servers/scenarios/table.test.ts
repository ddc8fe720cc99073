/** The scenario table is whole: every cell filled, every row played, every known trap guarded, and the document says the same. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { projectDir, textOf } from '../../source-tree.ts'
import { scenariosDocument } from './document.ts'
import { FAMILIES, type Scenario } from './scenario.ts'
import { ELSEWHERE, SUITES } from './table.ts'

const folder = 'test/servers/scenarios'
const suites = Object.entries(SUITES)
const all: readonly Scenario[] = suites.flatMap(([, { rows }]) => rows)
/** T1 to T40: the numbers that tests carry. */
const TRAPS = Array.from({ length: 40 }, (_, index) => `T${index + 1}`)

it.each(suites)('%s: the suite exists and plays these rows', (name) => {
  const path = `${folder}/${name}.long.test.ts`
  expect(existsSync(join(projectDir, path)), `${path} is missing`).toBe(true)
  expect(textOf(path)).toContain(`playScenarios('${name}', {`)
})

it('no id stands twice, and none is empty', () => {
  const ids = all.map(({ id }) => id)
  expect(ids.filter((id, index) => !/^[a-z0-9-]+$/.test(id) || ids.indexOf(id) !== index)).toEqual([])
})

it('every row has a cell for every family, and a reason where it cannot be played', () => {
  const wrong = all.flatMap(({ id, cells }) =>
    FAMILIES.filter((family) => {
      const cell = cells[family]
      return cell !== 'tested' && !((cell?.cannot ?? '').length > 10)
    }).map((family) => `${id}: ${family}`),
  )
  expect(wrong).toEqual([])
})

it('every row says what it is, what Hotspare does, and in which situations', () => {
  const silent = all.filter(
    ({ title, does, situations }) => title === '' || does === '' || situations.length === 0,
  )
  expect(silent.map(({ id }) => id)).toEqual([])
})

it('traps are written as T and M with a number', () => {
  expect(all.filter(({ trap }) => trap !== '' && !/^[TMX]\d+(, [TMX]\d+)*$/.test(trap))).toEqual([])
})

describe('every known trap is guarded', () => {
  const inRows = new Set(all.flatMap(({ trap }) => trap.split(', ')))

  it('by a row, or by what is named instead', () => {
    expect(TRAPS.filter((trap) => !inRows.has(trap) && ELSEWHERE[trap] === undefined)).toEqual([])
  })

  it('and nothing is named that has a row, or is no trap', () => {
    expect(Object.keys(ELSEWHERE).filter((trap) => inRows.has(trap) || !TRAPS.includes(trap))).toEqual([])
  })

  it('elsewhere, the file names it', () => {
    const wrong = Object.entries(ELSEWHERE).filter(
      ([trap, where]) => 'file' in where && !new RegExp(`\\b${trap}\\b`).test(textOf(where.file)),
    )
    expect(wrong).toEqual([])
  })
})

it('docs/scenarios.md says what the table says; document.ts writes it', () => {
  expect(textOf('docs/scenarios.md')).toBe(scenariosDocument())
})
