/**
 * `npm run package`: fills dist/package with what is published, for `npm pack ./dist/package` and `npm publish ./dist/package`.
 *
 * The one thing to understand: Node strips no types from what is installed, so the package is compiled; and this repository brings
 * a Node of its own along for whoever works on it, which nobody should get who only deploys. So the package has a manifest of its
 * own, taken from this one's.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { buildBundle } from '../lambda/bundle.ts'

const projectDir = join(import.meta.dirname, '..')
const packageDir = join(projectDir, 'dist/package')
const manifestKeys = [
  'name',
  'version',
  'description',
  'license',
  'keywords',
  'type',
  'engines',
  'bin',
  'exports',
  'dependencies',
  'peerDependencies',
]

rmSync(packageDir, { recursive: true, force: true })
const bundle = await buildBundle({ projectDir })
const compiler = join(projectDir, 'node_modules/typescript/bin/tsc')
execFileSync(process.execPath, [compiler, '-p', 'tsconfig.package.json'], {
  cwd: projectDir,
  stdio: 'inherit',
})
const manifest = JSON.parse(readFileSync(join(projectDir, 'package.json'), 'utf8')) as Record<string, unknown>
for (const path of manifest.files as string[]) {
  mkdirSync(dirname(join(packageDir, path)), { recursive: true })
  cpSync(join(projectDir, path), join(packageDir, path), { recursive: true })
}
const published = Object.fromEntries(Object.entries(manifest).filter(([key]) => manifestKeys.includes(key)))
const text = `${JSON.stringify(published, null, 2)}\n`
writeFileSync(join(packageDir, 'package.json'), text)
// Compiled along where a program asks for its own version.
const compiled = join(packageDir, 'dist/js/package.json')
if (existsSync(compiled)) writeFileSync(compiled, text)
process.stdout.write(`dist/package is ready; the bundle has ${bundle.bytes} bytes\n`)
