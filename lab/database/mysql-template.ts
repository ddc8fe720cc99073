/**
 * A MySQL data directory with the lab's accounts in it, initialised once and copied for every server.
 *
 * The one thing to understand: what the template holds was never in a binary log, so both servers of a pair start with an
 * empty GTID set and the same contents: nothing of it can be an errant transaction.
 */
import { createHash } from 'node:crypto'
import { constants, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { lastLines, runCommand } from './command.ts'
import { makeFolderOnce } from './once.ts'
import { labFolder, type ServerBinary } from './server-binary.ts'

/** File sizes must be the same when a directory is made and when a server runs on it; small ones copy fast. */
export const fileSizeOptions: Record<string, string> = {
  innodb_data_file_path: 'ibdata1:5M:autoextend',
  innodb_redo_log_capacity: '8M',
}

/**
 * Copies a fresh data directory to `target` (which must not exist yet), in which `statements` have been run. The first call
 * for a server version and these statements takes seconds, later ones half a second. Throws what mysqld said if it fails.
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
  const contents = JSON.stringify([binary.version, binary.launch, options.statements, fileSizeOptions])
  const hash = createHash('sha256').update(contents).digest('hex').slice(0, 16)
  const templates = join(labFolder, 'templates')
  const template = join(templates, `${binary.family}-${binary.version}-${hash}`)
  mkdirSync(templates, { recursive: true })
  return makeFolderOnce({
    lockFile: join(templates, `.${hash}.lock`),
    find: () => (existsSync(template) ? template : undefined),
    make: async (folder) => {
      options.onProgress(`Initialising a data directory for MySQL ${binary.version}`)
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
  // Beside the directory, which has to be empty; under the same prefix, so that it is swept away like it.
  const statementsFile = `${folder}.sql`
  const oneALine = statements.map((statement) => `${statement.replaceAll(/\s+/g, ' ').trim()};\n`)
  writeFileSync(statementsFile, oneALine.join(''))
  const [program = '', ...prefix] = binary.launch
  const args = [
    ...prefix,
    '--no-defaults',
    '--initialize-insecure',
    ...(process.getuid?.() === 0 ? ['--user=root'] : []),
    `--datadir=${folder}`,
    `--init-file=${statementsFile}`,
    '--auto-generate-certs=OFF',
    '--caching-sha2-password-auto-generate-rsa-keys=OFF',
    ...(binary.shareDir === undefined ? [] : [`--lc-messages-dir=${binary.shareDir}`]),
    ...(binary.shareDir === undefined ? [] : [`--character-sets-dir=${join(binary.shareDir, 'charsets')}`]),
    ...Object.entries(fileSizeOptions).map(([name, value]) => `--${name}=${value}`),
  ]
  const result = await runCommand(program, args, { timeoutMs: 120_000 })
  rmSync(statementsFile, { force: true })
  if (result.code !== 0 || /\[ERROR\]/.test(result.stderr)) {
    throw new Error(
      `mysqld --initialize failed (exit ${result.code}):\n${lastLines(result.stderr || result.stdout, 12)}`,
    )
  }
  // Each copy has to make an identity of its own.
  rmSync(join(folder, 'auto.cnf'), { force: true })
}
