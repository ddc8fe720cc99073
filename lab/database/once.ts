/**
 * Does expensive work once for all processes on this machine: the result is a folder, and whoever comes second waits for it.
 *
 * The one thing to understand: the lock only saves work, it is not what makes the result right. The folder is filled under a
 * temporary name and renamed when complete, so a half-made one never counts, even if a lock is broken wrongly.
 */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { atEnd } from '../cleanup.ts'

const waitLimitMs = 300_000

/**
 * Returns `find()` if that finds something; else runs `make(temporaryFolder)` under the lock `lockFile`. `make` fills the
 * temporary folder and returns the path it is to be renamed to. Returns the final path.
 * Throws what `make` throws, or when another process holds the lock for five minutes.
 */
export async function makeFolderOnce(work: {
  lockFile: string
  find: () => string | undefined
  make: (temporaryFolder: string) => Promise<string>
  onWait?: () => void
}): Promise<string> {
  const found = work.find()
  if (found !== undefined) return found
  mkdirSync(dirname(work.lockFile), { recursive: true })
  await takeLock(work.lockFile, work.onWait)
  const forgetLock = atEnd(() => rmSync(work.lockFile, { force: true }))
  const temporaryPrefix = `${work.lockFile}-making-`
  removeAbandoned(temporaryPrefix)
  const temporary = mkdtempSync(temporaryPrefix)
  const forgetFolder = atEnd(() => rmSync(temporary, { recursive: true, force: true }))
  try {
    const foundMeanwhile = work.find()
    if (foundMeanwhile !== undefined) return foundMeanwhile
    const finalPath = await work.make(temporary)
    moveIntoPlace(temporary, finalPath)
    return finalPath
  } finally {
    rmSync(temporary, { recursive: true, force: true })
    rmSync(work.lockFile, { force: true })
    forgetFolder()
    forgetLock()
  }
}

async function takeLock(lockFile: string, onWait: (() => void) | undefined): Promise<void> {
  const endsAt = Date.now() + waitLimitMs
  let told = false
  while (!tryLock(lockFile)) {
    if (holderIsGone(lockFile)) {
      rmSync(lockFile, { force: true })
      continue
    }
    if (!told) onWait?.()
    told = true
    if (Date.now() > endsAt) {
      throw new Error(
        `Another process has held ${lockFile} for five minutes. If none is at work, delete that file.`,
      )
    }
    await pause(100)
  }
}

function tryLock(lockFile: string): boolean {
  try {
    writeFileSync(lockFile, String(process.pid), { flag: 'wx' })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function holderIsGone(lockFile: string): boolean {
  try {
    const pid = Number(readFileSync(lockFile, 'utf8'))
    // An empty file is a lock in the act of being written.
    if (!Number.isInteger(pid) || pid <= 0) return false
    process.kill(pid, 0)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}

/** What a process left that was killed while it held the lock, which is ours now. */
function removeAbandoned(temporaryPrefix: string): void {
  const folder = dirname(temporaryPrefix)
  for (const name of readdirSync(folder)) {
    if (name.startsWith(basename(temporaryPrefix)))
      rmSync(join(folder, name), { recursive: true, force: true })
  }
}

function moveIntoPlace(temporary: string, finalPath: string): void {
  try {
    renameSync(temporary, finalPath)
  } catch (error) {
    // Somebody was faster with the same result: theirs is as good.
    if (!existsSync(finalPath)) throw error
  }
}
