/**
 * A data directory with the lab's accounts in it, initialised once and copied for every server.
 *
 * The one thing to understand: what the template holds was never in a binary log, so both servers of a pair start with an
 * empty GTID set and the same contents: nothing of it can be an errant transaction.
 */
import { createHash } from 'node:crypto'
import { constants, existsSync, mkdirSync } from 'node:fs'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { flavours } from './family.ts'
import { makeFolderOnce } from './once.ts'
import type { ServerBinary } from './server-binary.ts'
import { labFolder } from './unpacked.ts'

/**
 * Copies a fresh data directory to `target` (which must not exist yet), in which `statements` have been run. The first call
 * for a server version and these statements takes seconds, later ones half a second. Throws what the server said if it fails.
 */
export async function copyTemplate(options: {
  binary: ServerBinary
  statements: readonly string[]
  target: string
  onProgress: (text: string) => void
}): Promise<void> {
  const template = await findOrMakeTemplate(options)
  await cp(template, options.target, { recursive: true, mode: constants.COPYFILE_FICLONE })
}

async function findOrMakeTemplate(options: {
  binary: ServerBinary
  statements: readonly string[]
  onProgress: (text: string) => void
}): Promise<string> {
  const { binary } = options
  const { title, fileSizeOptions } = flavours[binary.family]
  const contents = JSON.stringify([binary.version, binary.launch, options.statements, fileSizeOptions])
  const hash = createHash('sha256').update(contents).digest('hex').slice(0, 16)
  const templates = join(labFolder, 'templates')
  const template = join(templates, `${binary.family}-${binary.version}-${hash}`)
  mkdirSync(templates, { recursive: true })
  return makeFolderOnce({
    lockFile: join(templates, `.${hash}.lock`),
    find: () => (existsSync(template) ? template : undefined),
    make: async (folder) => {
      options.onProgress(`Initialising a data directory for ${title} ${binary.version}`)
      await initialise(binary, options.statements, folder)
      return template
    },
    onWait: () => options.onProgress('Waiting for another process that is initialising a data directory'),
  })
}

async function initialise(
  binary: ServerBinary,
  statements: readonly string[],
  folder: string,
): Promise<void> {
  const flavour = flavours[binary.family]
  await flavour.initialise({
    binary,
    folder,
    statements: statements.map((statement) => statement.replaceAll(/\s+/g, ' ').trim()),
    options: [
      ...(process.getuid?.() === 0 ? ['--user=root'] : []),
      `--datadir=${folder}`,
      ...(binary.shareDir === undefined ? [] : [`--lc-messages-dir=${binary.shareDir}`]),
      ...(binary.shareDir === undefined ? [] : [`--character-sets-dir=${join(binary.shareDir, 'charsets')}`]),
      ...Object.entries(flavour.fileSizeOptions).map(([name, value]) => `--${name}=${value}`),
    ],
  })
}
