/**
 * A Python with PyMySQL, from Debian's packages, unpacked beside the lab's servers: the lab's clients are not all Node's.
 *
 * The one thing to understand: nothing is installed, and the machine's own Python is neither used nor seen. The tree is started
 * through its own dynamic loader, in isolated mode, with its own packages only.
 */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { launchFromTree } from '../database/debian.ts'
import { unpackedTree } from '../database/unpacked.ts'

export interface Python {
  /** The words of the command, to which a script's path and its options are appended. */
  readonly launch: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  /** PyMySQL's version, such as `1.1.1`. */
  readonly pymysqlVersion: string
}

/** Releases keep their versions, unlike the suites' rolling names. */
const SUITE = 'trixie'

/** Downloads it the first time (some twenty megabytes). Throws an error that says what to do if that can't be. */
export async function findPython(onProgress: (text: string) => void = () => undefined): Promise<Python> {
  const tree = await unpackedTree({
    name: 'pymysql',
    title: 'PyMySQL',
    packageName: 'python3-pymysql',
    // It asks the lab's name server, which has a port of its own; the system's resolver can't be told of one.
    alongside: ['python3-dnspython'],
    suite: SUITE,
    leaveOut: /^(lib)?perl|^libc-gconv|^debconf/,
    otherwise: 'Without it the Python client of bench:switchover and of the long tests cannot run.',
    onProgress,
  })
  return pythonIn(tree)
}

function pythonIn(tree: string): Python {
  const name = readdirSync(join(tree, 'usr/bin')).find((each) => /^python3\.\d+$/.test(each))
  if (name === undefined)
    throw new Error(`${tree} holds no Python; delete that folder to have it made again.`)
  return {
    // Isolated, without writing byte code into the tree, and with every line of output sent at once.
    launch: [...launchFromTree(tree, `usr/bin/${name}`), '-E', '-s', '-B', '-u'],
    environment: {
      PYTHONHOME: join(tree, 'usr'),
      PATH: '/usr/bin:/bin',
      LANG: 'C.UTF-8',
      HOME: '/nonexistent',
    },
    pymysqlVersion: /pymysql-(\d[\d.]*)/.exec(tree)?.[1] ?? 'unknown',
  }
}
