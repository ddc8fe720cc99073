/**
 * The files that both functions run from: the bundle, the configuration, and the certificate authorities that it names.
 *
 * The one thing to understand: a `caFile` may stand anywhere on the machine that deploys, and has to stand beside the
 * configuration in the function. So the copy names its own copies; the result is read back as the function will read it.
 */
import { createHash } from 'node:crypto'
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadConfiguration } from '../lambda/config.ts'
import type { Deployment } from './deployment.ts'

interface RawConfiguration {
  $schema?: string
  pairs: Record<string, { tls: { mode?: string; caFile?: string } }>
}

/**
 * Fills `folder` with index.mjs, hotspare.json and one `<pair>.ca.pem` for each pair that verifies certificates. The same
 * inputs give the same bytes, so an unchanged deployment changes nothing.
 *
 * @returns a digest of all of it, in hexadecimal.
 * @throws ConfigurationError if the copy, read as the function reads it, is not right.
 */
export function writeFunctionAsset(
  folder: string,
  bundleFile: string,
  { configuration, file }: Deployment,
): string {
  mkdirSync(folder, { recursive: true })
  copyFileSync(bundleFile, join(folder, 'index.mjs'))
  const raw = JSON.parse(readFileSync(file, 'utf8').replace(/^\uFEFF/, '')) as RawConfiguration
  delete raw.$schema
  for (const [name, { tls }] of Object.entries(configuration.pairs)) {
    const own = raw.pairs[name]
    if (tls.mode === 'disabled' || tls.ca === null || own === undefined) continue
    own.tls.caFile = `${name}.ca.pem`
    writeFileSync(join(folder, own.tls.caFile), tls.ca)
  }
  const copy = join(folder, 'hotspare.json')
  writeFileSync(copy, `${JSON.stringify(raw, null, 2)}\n`)
  loadConfiguration(copy)
  return digestOf(folder)
}

function digestOf(folder: string): string {
  const digest = createHash('sha256')
  for (const name of readdirSync(folder).sort()) {
    digest.update(`${name}\n`).update(readFileSync(join(folder, name)))
  }
  return digest.digest('hex')
}
