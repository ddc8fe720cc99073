/**
 * Programs from Debian's packages, each unpacked once into the repository's ignored folder `.lab/` and kept there between runs.
 *
 * The one thing to understand: a tree's folder carries its name and version, `moto-5.1.4`; the newest that is there is taken, and only
 * where there is none is one downloaded.
 */
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { unpackDebianPackage } from './debian.ts'
import { makeFolderOnce } from './once.ts'

/** The ignored folder of the repository, which survives between runs. */
export const labFolder = fileURLToPath(new URL('../../.lab', import.meta.url))

const trees = join(labFolder, 'servers')

export interface Wanted extends Omit<Parameters<typeof unpackDebianPackage>[0], 'folder'> {
  /** What the tree's folder is called by, before its version. */
  readonly name: string
  /** For people. */
  readonly title: string
  /** Only a version that begins so will do. @default any */
  readonly versionPrefix?: string
}

/** The tree's folder. Throws an error that says what to do if there is none and it can't be downloaded. */
export async function unpackedTree({ name, title, versionPrefix, ...request }: Wanted): Promise<string> {
  mkdirSync(trees, { recursive: true })
  return makeFolderOnce({
    lockFile: join(trees, `.${name}-${request.suite}.lock`),
    find: () => newestTree(name, versionPrefix),
    make: async (folder) => join(trees, `${name}-${await unpackDebianPackage({ ...request, folder })}`),
    onWait: () => request.onProgress(`Waiting for another process that is downloading ${title}`),
  })
}

export function newestTree(name: string, versionPrefix = ''): string | undefined {
  if (!existsSync(trees)) return undefined
  const versions = readdirSync(trees)
    .filter((each) => each.startsWith(`${name}-`))
    .map((each) => each.slice(name.length + 1))
    .filter((version) => version.startsWith(versionPrefix))
  const newest = versions.sort(compareVersions).at(-1)
  return newest === undefined ? undefined : join(trees, `${name}-${newest}`)
}

/** Compares the numbers of two versions such as `9.7.4` and `9.10.0`; negative if the first is older. */
export function compareVersions(left: string, right: string): number {
  const [leftParts, rightParts] = [numbersOf(left), numbersOf(right)]
  for (let index = 0; index < 3; index += 1) {
    const difference = (leftParts[index] ?? 0) - (rightParts[index] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

function numbersOf(version: string): number[] {
  return version.split(/[^0-9]+/).map(Number)
}
