/** Finds the function's code: beside this file's package when installed, in the clone's `dist/` when built there. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** From `dist/js/infra` of the package, and from `infra` of a clone. */
const places = ['../../lambda/index.mjs', '../dist/lambda/index.mjs']

/** @throws Error that says how to build it. */
export function builtBundle(): string {
  const found = places.map((place) => join(import.meta.dirname, place)).find((path) => existsSync(path))
  if (found !== undefined) return found
  throw new Error(
    'The function’s bundle is not there. In a clone, run: npm run build. Else install hotspare again.',
  )
}
