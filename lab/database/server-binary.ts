/**
 * Finds a database server program to run: the one that HOTSPARE_MYSQLD names, the one on the PATH, or one unpacked from
 * Debian's packages into the repository's ignored folder `.lab/`.
 *
 * The one thing to understand: a server is started by its `launch` prefix, not by a single path, because an unpacked one needs its
 * own dynamic loader. Each family has one finder here; MySQL is the first.
 */
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { lastLines, runCommand } from './command.ts'
import { hasDebianTools, launchFromTree, unpackDebianPackage } from './debian.ts'
import { makeFolderOnce } from './once.ts'

export type Family = 'mysql'

export type ServerBinary = {
  family: Family
  /** The words of the command, to which options are appended. */
  launch: string[]
  /** Such as `9.7.4`. */
  version: string
  /** Where it came from, for people. */
  source: string
  /** Holds the error messages and character sets, where the program can't find them by itself. */
  shareDir: string | undefined
  /** Holds the plugins (semi-sync, clone), if known. */
  pluginDir: string | undefined
}

/** The ignored folder of the repository, which survives between runs. */
export const labFolder = fileURLToPath(new URL('../../.lab', import.meta.url))

/** The lab sets its servers up in the words of this version and later ones. */
const oldestVersion = [8, 0, 26] as const

/**
 * Finds MySQL's mysqld. A download reports through `onProgress`; once unpacked, it takes about 50 ms.
 * Throws an error that says what to do if there is none, or if the one that HOTSPARE_MYSQLD names is not usable.
 */
export async function findMysqld(
  options: { onProgress?: (text: string) => void } = {},
): Promise<ServerBinary> {
  const named = process.env.HOTSPARE_MYSQLD
  if (named !== undefined && named !== '') {
    const found = await examine([named], `HOTSPARE_MYSQLD=${named}`)
    if (typeof found !== 'string') return found
    throw new Error(
      `HOTSPARE_MYSQLD=${named} ${found}. Set it to the path of a mysqld of MySQL ${oldestVersion.join('.')} or later.`,
    )
  }
  const onPath = findOnPath('mysqld')
  if (onPath !== undefined) {
    const found = await examine([onPath], onPath)
    if (typeof found !== 'string') return found
  }
  return unpackedMysqld(options.onProgress ?? (() => undefined))
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

/** Asks a program what it is: the binary, or what is wrong with it as the end of a sentence. */
async function examine(launch: string[], source: string, tree?: string): Promise<ServerBinary | string> {
  const [program = '', ...prefix] = launch
  const result = await runCommand(program, [...prefix, '--version'], { timeoutMs: 20_000 })
  if (result.code !== 0) return `does not run: ${lastLines(result.stderr || result.stdout, 3)}`
  if (/mariadb/i.test(result.stdout)) return 'is MariaDB, not MySQL'
  const version = /\bVer (\d+\.\d+\.\d+)/.exec(result.stdout)?.[1]
  if (version === undefined) return `does not say that it is MySQL: ${lastLines(result.stdout, 1)}`
  if (compareVersions(version, oldestVersion.join('.')) < 0)
    return `is ${version}, which is too old for the lab`
  if (tree === undefined) {
    return {
      family: 'mysql',
      launch,
      version,
      source,
      shareDir: undefined,
      pluginDir: await askPluginDir(launch),
    }
  }
  return {
    ...{ family: 'mysql', launch, version, source },
    ...{ shareDir: join(tree, 'usr/share/mysql'), pluginDir: join(tree, 'usr/lib/mysql/plugin') },
  }
}

async function askPluginDir(launch: string[]): Promise<string | undefined> {
  const [program = '', ...prefix] = launch
  const result = await runCommand(program, [...prefix, '--no-defaults', '--verbose', '--help'], {
    timeoutMs: 20_000,
  })
  return /^plugin-dir\s+(\S.*)$/m.exec(result.stdout)?.[1]?.trim()
}

function findOnPath(name: string): string | undefined {
  // Servers usually live in sbin folders, which a user's PATH often lacks.
  const folders = [
    ...(process.env.PATH ?? '').split(delimiter),
    '/usr/sbin',
    '/usr/local/sbin',
    '/usr/local/mysql/bin',
  ]
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path))
}

async function unpackedMysqld(onProgress: (text: string) => void): Promise<ServerBinary> {
  const servers = join(labFolder, 'servers')
  const present = newestTree(servers, 'mysql-')
  if (present === undefined && !(await hasDebianTools())) {
    throw new Error(
      'No MySQL server found. Install MySQL 8.0 or later, or set HOTSPARE_MYSQLD to the path of a mysqld ' +
        '(on Debian-like systems one is downloaded by itself; this one has no apt-get).',
    )
  }
  mkdirSync(servers, { recursive: true })
  const tree = await makeFolderOnce({
    lockFile: join(servers, '.mysql.lock'),
    find: () => newestTree(servers, 'mysql-'),
    make: async (folder) => {
      const leaveOut = /^(lib)?perl|^libc-gconv/
      const version = await unpackDebianPackage({
        packageName: 'mysql-server-core',
        suite: 'unstable',
        folder,
        leaveOut,
        onProgress,
      })
      return join(servers, `mysql-${version}`)
    },
    onWait: () => onProgress('Waiting for another process that is downloading the MySQL server'),
  })
  const found = await examine(launchFromTree(tree, 'usr/sbin/mysqld'), `Debian packages in ${tree}`, tree)
  if (typeof found !== 'string') return found
  throw new Error(
    `${tree} ${found}. Delete that folder to have it made again, or set HOTSPARE_MYSQLD to the path of a mysqld.`,
  )
}

function newestTree(servers: string, prefix: string): string | undefined {
  if (!existsSync(servers)) return undefined
  const names = readdirSync(servers).filter((name) => name.startsWith(prefix))
  const newest = names
    .sort((left, right) => compareVersions(left.slice(prefix.length), right.slice(prefix.length)))
    .at(-1)
  return newest === undefined ? undefined : join(servers, newest)
}
