/** The example configuration with a real certificate authority, in a folder of the test's own. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAuthority } from '../../lab/database/certificates.ts'

export const projectDir = join(import.meta.dirname, '../..')

// biome-ignore lint/suspicious/noExplicitAny: a test spoils the text in ways that no type allows.
export type Spoil = (content: any) => void

export interface ExampleFolder {
  readonly folder: string
  /** Writes hotspare.json, the example after `spoil`, and gives its path. */
  write(spoil?: Spoil): string
  remove(): void
}

export function createExampleFolder(): ExampleFolder {
  const folder = mkdtempSync(join(tmpdir(), 'hotspare-infra-test-'))
  createAuthority(folder)
  return {
    folder,
    write(spoil = () => undefined) {
      const content: unknown = JSON.parse(readFileSync(join(projectDir, 'hotspare.example.json'), 'utf8'))
      spoil(content)
      const file = join(folder, 'hotspare.json')
      writeFileSync(file, JSON.stringify(content))
      return file
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}
