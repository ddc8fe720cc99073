/**
 * A real file system of a few megabytes for a server's binary log, that can be filled and emptied.
 *
 * The one thing to understand: it is a mount, so it needs the right to make one: root's, or `unshare --user --map-root-user --mount`
 * around the tests. A limit on file sizes would need no right, but is no full disk: servers wait for space, and die of other errors.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { atEnd } from '../../../lab/cleanup.ts'
import type { Server } from '../words.ts'

const SIZE = '8m'

export interface SmallDisk {
  /** Nothing more can be written. */
  fill(): void
  /** There is room again. */
  empty(): void
  /** Once no server uses it any more. */
  remove(): void
}

/** Moves the server's binary log to a small disk; the server is killed for it, and comes back closed. */
export async function withBinlogOnSmallDisk(server: Server): Promise<SmallDisk> {
  const folder = join(server.folder, 'small-disk')
  await server.kill()
  mkdirSync(folder)
  mount(folder)
  const unmount = () => void execFileSync('umount', ['--lazy', folder])
  const forget = atEnd(unmount)
  const data = join(server.folder, 'data')
  for (const name of readdirSync(data).filter((each) => each.startsWith('binlog.'))) {
    const bytes = readFileSync(join(data, name))
    const text = name === 'binlog.index' ? bytes.toString().replaceAll('./', `${folder}/`) : bytes
    writeFileSync(join(folder, name), text)
  }
  await server.restart({ log_bin: join(folder, 'binlog') })
  const ballast = join(folder, 'ballast')
  return {
    fill: () => {
      const { bavail, bsize } = statfsSync(folder)
      try {
        // A little too much: the last blocks are taken as well.
        writeFileSync(ballast, Buffer.alloc(bavail * bsize + bsize))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
      }
    },
    empty: () => rmSync(ballast),
    remove: () => {
      forget()
      unmount()
    },
  }
}

function mount(folder: string): void {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE}`, 'hotspare-lab', folder], { stdio: 'pipe' })
  } catch (error) {
    throw new Error(
      `A small file system can't be mounted, and without one no disk can be full: ${String(error)}. Run this as root, or inside: ` +
        'unshare --user --map-root-user --mount',
    )
  }
}
