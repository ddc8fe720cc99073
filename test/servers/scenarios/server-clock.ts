/**
 * A real server whose clock is wrong: libfaketime is loaded before it. The library is unpacked from Debian's packages beside the lab's
 * servers, and nothing is installed; on other systems it has to be there.
 */
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { hasDebianTools, unpackDebianPackage } from '../../../lab/database/debian.ts'
import { makeFolderOnce } from '../../../lab/database/once.ts'
import { labFolder } from '../../../lab/database/unpacked.ts'
import type { Server } from '../words.ts'

/** Built for an old C library, so that servers of every later suite can load it. */
const SUITE = 'bookworm'
const LIBRARY = 'faketime/libfaketimeMT.so.1'

/** Kills the server and starts it with a clock that is so many seconds ahead of everybody's; negative: behind. It comes back closed. */
export async function restartWithClock(server: Server, seconds: number): Promise<void> {
  const added = {
    LD_PRELOAD: await findLibrary(),
    FAKETIME: `${seconds < 0 ? '' : '+'}${seconds}s`,
  }
  // Nothing is lost by it, and a clean end takes seconds.
  await server.kill()
  // The process inherits the environment as it is at the moment of its start, which is before start() first waits.
  Object.assign(process.env, added)
  const started = server.start()
  for (const name of Object.keys(added)) delete process.env[name]
  await started
}

async function findLibrary(): Promise<string> {
  // The machine's own may need a newer C library than the server's.
  const installed = (await hasDebianTools()) ? undefined : libraryIn('/')
  if (installed !== undefined) return installed
  const tools = join(labFolder, 'tools')
  mkdirSync(tools, { recursive: true })
  const folder = join(tools, 'libfaketime')
  await makeFolderOnce({
    lockFile: join(tools, '.libfaketime.lock'),
    find: () => (libraryIn(folder) === undefined ? undefined : folder),
    make: async (made) => {
      await unpackDebianPackage({
        packageName: 'libfaketime',
        suite: SUITE,
        folder: made,
        leaveOut: /^(?!libfaketime_)/,
        otherwise: 'Install libfaketime with the tools of this system.',
        onProgress: () => undefined,
      })
      return folder
    },
    onWait: () => undefined,
  })
  const unpacked = libraryIn(folder)
  if (unpacked === undefined)
    throw new Error(`${folder} holds no ${LIBRARY}; delete it to have it made again`)
  return unpacked
}

function libraryIn(root: string): string | undefined {
  const folder = join(root, 'usr/lib')
  if (!existsSync(folder)) return undefined
  const folders = [folder, ...readdirSync(folder).map((name) => join(folder, name))]
  return folders.map((each) => join(each, LIBRARY)).find((path) => existsSync(path))
}
