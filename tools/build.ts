/**
 * `npm run build`: bundles the function into dist/lambda and prints its size and digest.
 *
 * The one thing to understand: it always builds, because esbuild takes less time than finding out whether it is needed.
 */
import { relative } from 'node:path'
import { buildBundle } from '../lambda/bundle.ts'

try {
  const bundle = await buildBundle()
  const path = relative(process.cwd(), bundle.file)
  process.stdout.write(`${path}  ${bundle.bytes.toLocaleString('en')} bytes  sha256 ${bundle.sha256}\n`)
} catch (error) {
  process.stderr.write(`Build failed. ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
