/**
 * What the documents say about the program is true: commands, links, examples, statements, and the runbook's entries.
 *
 * The one thing to understand: the runbook is for somebody at three in the morning who has a situation's code and nothing else,
 * so every code has an entry, and there is none for a code that no longer exists.
 */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { eventGrantsFor, grantsFor, hotspareSchema } from '../lambda/adapters/mysql/account.ts'
import { parseConfiguration } from '../lambda/config.ts'
import { TABLES } from '../lambda/core/decide.ts'
import { formatLedger, parseLedger } from '../lambda/core/ledger.ts'
import type { Row } from '../lambda/core/situation.ts'
import { filesIn, projectDir, textOf } from './source-tree.ts'

const documents = filesIn(['.'], ['.md'])

/** The texts of fenced blocks of one language. */
function blocks(path: string, language: string): string[] {
  const fence = new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm')
  return [...textOf(path).matchAll(fence)].map((match) => match[1] ?? '')
}

/** A heading's anchor, as the usual renderers make it. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\w\- ]/g, '')
    .trim()
    .replaceAll(' ', '-')
}

function anchorsOf(path: string): string[] {
  return [...textOf(path).matchAll(/^#+ (.+)$/gm)].map((match) => anchorOf(match[1] ?? ''))
}

test.each(documents)('%s: every relative link leads somewhere', (path) => {
  const text = textOf(path).replaceAll(/^```[\s\S]*?^```/gm, '')
  const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] ?? '')
  const broken = targets
    .filter((target) => !/^[a-z]+:/.test(target))
    .filter((target) => {
      const [file = '', anchor] = target.split('#')
      const full = file === '' ? path : join(dirname(path), file)
      if (!existsSync(join(projectDir, full))) return true
      return anchor !== undefined && !anchorsOf(full).includes(anchor)
    })
  expect(broken).toEqual([])
})

test('every npm command in the documents exists', () => {
  const { scripts } = JSON.parse(textOf('package.json')) as { scripts: Record<string, string> }
  const named = documents.flatMap((path) =>
    [
      ...textOf(path).matchAll(/\bnpm (?:run (?:--silent )?)?(test|(?<=run (?:--silent )?)[a-z][a-z:-]*)/g),
    ].map((match) => `${path}: ${match[1]}`),
  )
  expect(named.length).toBeGreaterThan(3)
  expect(named.filter((line) => scripts[line.split(': ')[1] ?? ''] === undefined)).toEqual([])
})

test("README's configuration is a right one", () => {
  const [example, ...more] = blocks('README.md', 'json')
  expect(more).toEqual([])
  expect(Object.keys(parseConfiguration(example ?? '', 'README.md').pairs)).toEqual(['orders'])
})

test("docs/architecture.md's ledgers are right ones, field by field", () => {
  const ledgers = blocks('docs/architecture.md', 'text').filter((block) => block.startsWith('hotspare='))
  expect(ledgers.length).toBeGreaterThan(0)
  for (const text of ledgers) {
    const ledger = parseLedger(text.trim())
    if (typeof ledger === 'string') throw new Error(`${text}: ${ledger}`)
    expect(formatLedger(ledger)).toBe(text.trim())
  }
})

describe('docs/setup.md', () => {
  const plain = (text: string) => text.replaceAll(/\s+/g, ' ').trim()
  const statements = blocks('docs/setup.md', 'sql')
    .flatMap((block) => block.split(';'))
    .map(plain)

  const kinds = [
    { family: 'mysql', major: 5, minor: 7 },
    { family: 'mysql', major: 8, minor: 0 },
    { family: 'mysql', major: 8, minor: 4 },
    { family: 'mariadb', major: 10, minor: 11 },
  ] as const
  const account = "'hotspare'@'10.0.%'"
  const rights = kinds.flatMap((kind) => [...grantsFor(account, kind), ...eventGrantsFor(account, kind)])

  test.each([...new Set(rights), ...hotspareSchema()])('has %s', (statement) => {
    expect(statements).toContain(plain(statement))
  })

  test('grants nothing else to the account', () => {
    const known = rights.map(plain)
    const grants = statements.filter((text) => /^GRANT .*'hotspare'@/.test(text))
    expect(grants.filter((text) => !known.includes(text))).toEqual([])
  })
})

describe('docs/operations.md', () => {
  // Rows of the tables, whose codes may be put together, and rows that stand beside them.
  const rows: readonly Row[] = Object.values<readonly Row[]>({ ...TABLES }).flat()
  const written = filesIn(['lambda/core'], ['.ts']).flatMap((path) =>
    [...textOf(path).matchAll(/^\s*code: '([a-z-]+)'/gm)].map((match) => match[1] ?? ''),
  )
  const known = [...new Set([...rows.map(({ code }) => code), ...written])]
  const entries = [...textOf('docs/operations.md').matchAll(/^### `([a-z-]+)`$/gm)].map(
    (match) => match[1] ?? '',
  )

  test('has an entry for every situation', () => {
    const missing = known.filter((code) => !entries.includes(code))
    expect(missing, `add "### \`code\`" to docs/operations.md for: ${missing.join(', ')}`).toEqual([])
  })

  test('has no entry for a situation that does not exist', () => {
    const stale = entries.filter((code) => !known.includes(code))
    expect(stale, `no row of lambda/core has the code: ${stale.join(', ')}`).toEqual([])
  })

  test('has each once', () => {
    expect(entries.filter((code, index) => entries.indexOf(code) !== index)).toEqual([])
  })

  test('says of each what to do', () => {
    const sections = textOf('docs/operations.md')
      .split(/^##+ /m)
      .filter((section) => section.startsWith('`'))
    expect(
      sections.filter((section) => !section.includes('**Do:**')).map((text) => text.split('\n')[0]),
    ).toEqual([])
  })
})
