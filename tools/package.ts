/**
 * Makes what `npm pack` puts into the package: the function's bundle, and the construct and the command line as JavaScript with
 * declarations. Runs by itself before packing.
 *
 * The one thing to understand: Node strips no types from what is installed, so the package is compiled; and only what
 * infra/index.ts and cli/ reach is, so the lab, the tests and the tools stay out.
 */
import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { buildBundle } from '../lambda/bundle.ts'

const projectDir = join(import.meta.dirname, '..')

rmSync(join(projectDir, 'dist/js'), { recursive: true, force: true })
const bundle = await buildBundle({ projectDir })
const compiler = join(projectDir, 'node_modules/typescript/bin/tsc')
execFileSync(process.execPath, [compiler, '-p', 'tsconfig.package.json'], {
  cwd: projectDir,
  stdio: 'inherit',
})
process.stderr.write(`dist/js compiled; dist/lambda/index.mjs has ${bundle.bytes} bytes\n`)
