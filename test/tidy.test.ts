/**
 * Style as a test: what docs/architecture.md and CONTRIBUTING.md ask of the source, checked on the source.
 *
 * The one thing to understand: each failure lists the places, as `path:line`, so that nobody has to search. Patterns that would
 * find themselves here are put together from pieces.
 */
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { importsIn } from '../lambda/core-imports.ts'
import { filesIn, linesWith, projectDir, textOf } from './source-tree.ts'

const rooms = ['lambda', 'infra', 'lab', 'tools', 'cli', 'bench']
const program = filesIn(rooms, ['.ts', '.mts', '.mjs'])
const source = [...program, ...filesIn(['test'], ['.ts'])]
const documents = filesIn(['.'], ['.md'])

test('the walk finds the source', () => {
  expect(program).toContain('lambda/core/decide.ts')
  expect(source).toContain('test/tidy.test.ts')
  expect(documents).toContain('README.md')
})

describe('the driver decides nothing', () => {
  test('lambda/watch.ts is under 100 lines', () => {
    expect(textOf('lambda/watch.ts').split('\n').length).toBeLessThan(100)
  })

  test('lambda/watch.ts imports no adapter', () => {
    expect(importsIn(textOf('lambda/watch.ts')).filter((name) => name.includes('adapters'))).toEqual([])
  })
})

describe('functions of at most 70 lines', () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'hotspare-tidy-test-'))
    mkdirSync(join(folder, 'lambda/core'), { recursive: true })
    copyFileSync(join(projectDir, 'biome.json'), join(folder, 'biome.json'))
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  /** What the linter says, by the project's own rules, about a function of so many lines in the core. */
  function lintOf(lines: number): string {
    const body = Array.from({ length: lines }, (_, index) => `  console.log(${index})\n`).join('')
    writeFileSync(join(folder, 'lambda/core/long.ts'), `export function long() {\n${body}}\n`)
    const biome = join(projectDir, 'node_modules/@biomejs/biome/bin/biome')
    const options = ['lint', '--vcs-enabled=false', '--diagnostic-level=error', 'lambda']
    const { status, stdout, stderr } = spawnSync(process.execPath, [biome, ...options], { cwd: folder })
    return status === 0 ? '' : `${stdout}${stderr}`
  }

  // The linter reads every function of the source (tools/check.ts, part of `npm test`); this shows that it would say so.
  test('the linter takes 70', () => {
    expect(lintOf(70)).toBe('')
  })

  test('the linter refuses 71', () => {
    expect(lintOf(71)).toContain('noExcessiveLinesPerFunction')
  })
})

describe('files', () => {
  test('are named for things', () => {
    const kinds = /^(utils?|utilities|helpers?|types?|common|misc|shared|lib|stuff)\.m?[jt]s$/
    expect(source.filter((path) => kinds.test(basename(path)))).toEqual([])
  })

  test('open with a comment that says what they are for', () => {
    const silent = program.filter((path) => !/^(#!.*\n)?\/[*/]/.test(textOf(path)))
    expect(silent).toEqual([])
  })
})

describe('words', () => {
  /** MySQL's own words, in files that speak to servers of every version; the list is complete. */
  const dialectFiles = [
    'docs/setup.md',
    'lambda/adapters/mysql/account.ts',
    'lambda/adapters/mysql/dialect.ts',
    'lambda/adapters/mysql/dialect-mariadb.ts',
    'lambda/adapters/mysql/dialect-mysql.ts',
    'lambda/adapters/mysql/look.ts',
    'lambda/adapters/mysql/obstacles-mariadb.ts',
    'lambda/adapters/mysql/obstacles-mysql.ts',
    'lambda/adapters/mysql/rights.ts',
    'lambda/core/server-words.ts',
    'bench/floor.ts',
    'bench/switchover-floor.ts',
    'lab/database/accounts.ts',
    'lab/database/mariadb.ts',
    'test/adapters/mysql-rights.test.ts',
    'test/adapters/mysql-statements.test.ts',
    'test/lab/pair.ts',
    'test/servers/lost-tail.ts',
    'test/servers/words.ts',
  ]
  const oldWords = new RegExp(`(?<!host)${'mas'}${'ter'}|${'sla'}${'ve'}`, 'i')

  test('source and replica, never the old words outside of SQL', () => {
    const files = [...source, ...documents].filter((path) => !dialectFiles.includes(path))
    // The field's name for the set-up itself has no other word, and neither has the CDK's for a topic's key.
    const found = linesWith(files, oldWords).filter((line) => {
      const topology = new RegExp(`${'mas'}${'ter-mas'}${'ter'}|${'mas'}${'ter'}Key`, 'gi')
      return oldWords.test(line.replace(topology, ''))
    })
    expect(found).toEqual([])
  })

  test('the list of dialect files names none that needs no exception', () => {
    expect(dialectFiles.filter((path) => linesWith([path], oldWords).length === 0)).toEqual([])
  })

  test('nothing is left to do', () => {
    const left = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X'].join('|')})\\b`)
    expect(linesWith([...source, ...documents], left)).toEqual([])
  })

  test('no test is left out or alone', () => {
    const left = /\b(describe|test|it|suite)(\.\w+)*\.(skip|only|todo|fails|skipIf|runIf)\b/
    expect(linesWith(source, left)).toEqual([])
  })

  const settings = filesIn(['.'], ['.json', '.npmrc', '.yml', 'run'])

  test("no package registry's host is named", () => {
    const hosts = /registry\.[a-z]+\.[a-z]+|npmjs|yarnpkg|pypi\.org|deb\.debian|ftp\.debian/
    expect(
      linesWith([...source, ...documents, ...settings], hosts).filter((line) => !isThisFile(line)),
    ).toEqual([])
  })

  test("no machine's own paths are named", () => {
    const paths = new RegExp(`(^|[^\\w.])/(${['work', 'home', 'root', 'Users'].join('|')})/\\w`)
    expect(linesWith([...source, ...documents, ...settings], paths)).toEqual([])
  })
})

function isThisFile(line: string): boolean {
  return line.startsWith('test/tidy.test.ts:')
}
