/**
 * Finds a database server program to run: the one that an environment variable names, the one on the PATH, or one unpacked from
 * Debian's packages into the repository's ignored folder `.lab/`.
 *
 * The one thing to understand: a server is started by its `launch` prefix, not by a single path, because an unpacked one needs its
 * own dynamic loader.
 */
import { existsSync, realpathSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { lastLines, runCommand } from './command.ts'
import { hasDebianTools, launchFromTree } from './debian.ts'
import { type Family, type Flavour, flavours } from './family.ts'
import { compareVersions, newestTree, unpackedTree } from './unpacked.ts'

export type ServerBinary = {
  family: Family
  /** The words of the command, to which options are appended. */
  launch: string[]
  /** Such as `9.7.4`. */
  version: string
  /** Where it came from, for people. */
  source: string
  /** Holds the error messages, character sets and system tables, where the program can't find them by itself. */
  shareDir: string | undefined
  /** Holds the plugins (semi-sync, clone), if known. */
  pluginDir: string | undefined
}

/**
 * Finds a server program of the family. A download reports through `onProgress`; once unpacked, it takes about 50 ms.
 * Throws an error that says what to do if there is none, or if the one that the environment names is not usable.
 */
export async function findServer(
  family: Family,
  options: { onProgress?: (text: string) => void } = {},
): Promise<ServerBinary> {
  const flavour = flavours[family]
  const { title, program, programVariable, oldestVersion } = flavour
  const named = process.env[programVariable]
  if (named !== undefined && named !== '') {
    const found = await examine(flavour, [named], `${programVariable}=${named}`)
    if (typeof found !== 'string') return found
    throw new Error(
      `${programVariable}=${named} ${found}. Set it to the path of a ${program} of ${title} ${oldestVersion} or later.`,
    )
  }
  const { versionPrefix, wished } = flavour.release()
  const onPath = findOnPath(program)
  if (onPath !== undefined) {
    const found = await examine(flavour, [onPath], onPath)
    if (typeof found !== 'string' && (!wished || found.version.startsWith(versionPrefix))) return found
  }
  return unpackedServer(flavour, options.onProgress ?? (() => undefined))
}

/** Asks a program what it is: the binary, or what is wrong with it as the end of a sentence. */
async function examine(
  flavour: Flavour,
  launch: string[],
  source: string,
  tree?: string,
): Promise<ServerBinary | string> {
  const { family, title, oldestVersion } = flavour
  const [program = '', ...prefix] = launch
  const result = await runCommand(program, [...prefix, '--version'], { timeoutMs: 20_000 })
  if (result.code !== 0) return `does not run: ${lastLines(result.stderr || result.stdout, 3)}`
  if (!flavour.isIt(result.stdout)) return `is not ${title}: ${lastLines(result.stdout, 1)}`
  const version = /\bVer (\d+\.\d+\.\d+)/.exec(result.stdout)?.[1]
  if (version === undefined) return `does not say that it is ${title}: ${lastLines(result.stdout, 1)}`
  if (compareVersions(version, oldestVersion) < 0) return `is ${version}, which is too old for the lab`
  const found = { family, launch, version, source }
  if (tree !== undefined) {
    const pluginDir = join(tree, 'usr/lib/mysql/plugin')
    const shareDir = shareDirIn(flavour, join(tree, 'usr'))
    return { ...found, shareDir, pluginDir: existsSync(pluginDir) ? pluginDir : undefined }
  }
  const pluginDir = await askPluginDir(launch)
  if (!flavour.readsShareFolder) return { ...found, shareDir: undefined, pluginDir }
  const shareDir = shareDirIn(flavour, dirname(dirname(realpathSync(program))))
  if (shareDir === undefined)
    return `has no folder of messages and system tables beside it (${flavour.shareFolders.join(', ')})`
  return { ...found, shareDir, pluginDir }
}

function shareDirIn(flavour: Flavour, root: string): string | undefined {
  const folders = flavour.shareFolders.map((folder) => join(root, folder))
  return folders.find((folder) => existsSync(join(folder, 'charsets')))
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

async function unpackedServer(flavour: Flavour, onProgress: (text: string) => void): Promise<ServerBinary> {
  const { family, title, program, programVariable, oldestVersion } = flavour
  const { suite, versionPrefix } = flavour.release()
  const otherwise = `Install ${title} ${oldestVersion} or later, or set ${programVariable} to the path of a ${program}`
  if (newestTree(family, versionPrefix) === undefined && !(await hasDebianTools())) {
    throw new Error(
      `No ${title} server found. ${otherwise} ` +
        '(on Debian-like systems one is downloaded by itself; this one has no apt-get).',
    )
  }
  const tree = await unpackedTree({
    ...{ name: family, title: `the ${title} server`, versionPrefix, suite, onProgress },
    packageName: `${family}-server-core`,
    leaveOut: /^(lib)?perl|^libc-gconv/,
    otherwise: `${otherwise}.`,
  })
  const found = await examine(
    flavour,
    launchFromTree(tree, `usr/sbin/${program}`),
    `Debian packages in ${tree}`,
    tree,
  )
  if (typeof found !== 'string') return found
  throw new Error(
    `${tree} ${found}. Delete that folder to have it made again, or set ${programVariable} to the path of a ${program}.`,
  )
}
