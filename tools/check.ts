/**
 * `npm run check`: style, types, the core's purity, and the published schema, without running a test.
 *
 * The one thing to understand: each check is a value with a name, so that `npm test` counts the same ones as tests.
 */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { promisify } from 'node:util'
import { checkCoreBySource } from '../lambda/core-imports.ts'
import { schemaFile, schemaText } from './schema.ts'

export interface Check {
  readonly name: string
  /** What is wrong, for people; null if nothing. */
  readonly run: () => Promise<string | null>
}

const projectDir = join(import.meta.dirname, '..')
const biome = 'node_modules/@biomejs/biome/bin/biome'
const timeoutMs = 120_000

export const checks: readonly Check[] = [
  {
    name: 'style and lint (biome)',
    run: () => tool([biome, 'check', '--error-on-warnings', '--diagnostic-level=warn', '.']),
  },
  { name: 'types (tsc)', run: () => tool(['node_modules/typescript/bin/tsc', '-p', '.']) },
  { name: 'lambda/core imports nothing but itself', run: async () => coreImports() },
  { name: 'hotspare.schema.json is current', run: async () => schemaDifference() },
]

async function tool(command: string[]): Promise<string | null> {
  const options = { cwd: projectDir, timeout: timeoutMs, maxBuffer: 2 ** 26 }
  try {
    await promisify(execFile)(process.execPath, command, options)
    return null
  } catch (error) {
    const {
      stdout = '',
      stderr = '',
      message,
    } = error as { stdout?: string; stderr?: string; message: string }
    return `${stdout}${stderr}`.trim() || message
  }
}

function coreImports(): string | null {
  try {
    checkCoreBySource(projectDir, 'lambda/core')
    return null
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

function schemaDifference(): string | null {
  if (readFileSync(schemaFile, 'utf8') === schemaText()) return null
  return `${relative(projectDir, schemaFile)} is not what lambda/config/schema.ts says. Run: node tools/run.mjs tools/schema.ts`
}

if (import.meta.main) {
  const results = await Promise.all(checks.map(async ({ name, run }) => ({ name, wrong: await run() })))
  for (const { name, wrong } of results) {
    console.log(wrong === null ? `ok      ${name}` : `FAILED  ${name}\n${wrong}\n`)
  }
  if (results.some(({ wrong }) => wrong !== null)) process.exitCode = 1
}
