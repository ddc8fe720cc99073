/**
 * Leaves nothing behind: whatever way this process ends, the servers it started die and its temporary folders go.
 *
 * The one thing to understand: there are three nets. A normal exit, an uncaught exception, SIGINT and SIGTERM run the
 * registered cleanups at once, synchronously. A SIGKILL of this process takes its servers along where the system has
 * `setpriv` (see server-process.ts). What even that leaves, the next start finds: every lab folder says who owns it.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const folderPrefix = 'hotspare-lab-'
const ownerFile = 'owner.json'
const processFile = 'process.json'

/** A process, told apart from a later one that got the same number. */
type ProcessIdentity = { pid: number; startTicks: string }

const cleanups = new Set<() => void>()
let installed = false
let processFolder: string | undefined
let folderCount = 0

/**
 * Registers work for the end of this process. It must be synchronous, quick and safe to run twice.
 * Returns the function that takes it off the list again.
 */
export function atEnd(cleanup: () => void): () => void {
  installOnce()
  cleanups.add(cleanup)
  return () => {
    cleanups.delete(cleanup)
  }
}

/**
 * Creates an empty folder, e.g. `/tmp/hotspare-lab-1234-a1B2c3/pair-1`, that is gone when this process ends. The path is
 * short on purpose: a unix socket's path has to stay under 100 characters.
 */
export function temporaryFolder(name: string): string {
  folderCount += 1
  const folder = join(folderOfThisProcess(), `${name}-${folderCount}`)
  mkdirSync(folder, { mode: 0o700 })
  return folder
}

/** Notes in `folder` that `pid` lives there, so that a later start can end it should this process die without a word. */
export function recordProcess(folder: string, pid: number): void {
  const identity: ProcessIdentity = { pid, startTicks: startTicksOf(pid) ?? 'unknown' }
  writeFileSync(join(folder, processFile), JSON.stringify(identity))
}

/** Waits, blocking, until a process we killed is gone or only a zombie (nobody has collected its exit status yet). */
export function waitUntilDeadSync(pid: number, timeoutMs: number): void {
  const clock = new Int32Array(new SharedArrayBuffer(4))
  const endsAt = Date.now() + timeoutMs
  while (isRunning(pid) && Date.now() < endsAt) {
    Atomics.wait(clock, 0, 0, 5)
  }
}

/** Removes a folder and what is in it; a process that is just dying may still be writing there, so it tries again. */
export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 })
}

function installOnce(): void {
  if (installed) return
  installed = true
  // The exit event also comes after an uncaught exception.
  process.once('exit', runAll)
  for (const [signal, number] of [
    ['SIGINT', 2],
    ['SIGTERM', 15],
    ['SIGHUP', 1],
  ] as const) {
    // Not once: a second signal (the terminal's and a parent's) must not end the clean-up half way.
    process.on(signal, () => process.exit(128 + number))
  }
}

function runAll(): void {
  for (const cleanup of [...cleanups].reverse()) {
    cleanups.delete(cleanup)
    try {
      cleanup()
    } catch (error) {
      process.stderr.write(`lab clean-up: ${String(error)}\n`)
    }
  }
}

function folderOfThisProcess(): string {
  if (processFolder !== undefined) return processFolder
  const root = temporaryRoot()
  sweepAbandonedFolders(root)
  const folder = mkdtempSync(join(root, `${folderPrefix}${process.pid}-`))
  const owner: ProcessIdentity = { pid: process.pid, startTicks: startTicksOf(process.pid) ?? 'unknown' }
  writeFileSync(join(folder, ownerFile), JSON.stringify(owner))
  processFolder = folder
  atEnd(() => removeFolder(folder))
  return folder
}

/** The system's folder for temporary files, unless its path is so long that a socket in it would not fit. */
function temporaryRoot(): string {
  return tmpdir().length <= 40 ? tmpdir() : '/tmp'
}

/** Ends the servers and removes the folders of lab processes that were killed before they could do it themselves. */
function sweepAbandonedFolders(root: string): void {
  for (const name of readdirSync(root)) {
    if (!name.startsWith(folderPrefix)) continue
    const folder = join(root, name)
    const owner = readIdentity(join(folder, ownerFile))
    // Without an owner file its process may be just starting: never touch it.
    if (owner === undefined || isSameProcess(owner)) continue
    try {
      killProcessesNotedIn(folder)
      removeFolder(folder)
    } catch {
      // Another start is sweeping the same folder, or it belongs to another user: not ours to report.
    }
  }
}

function killProcessesNotedIn(folder: string): void {
  for (const path of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (path !== processFile && !path.endsWith(`/${processFile}`)) continue
    const identity = readIdentity(join(folder, path))
    if (identity === undefined || !isSameProcess(identity)) continue
    process.kill(identity.pid, 'SIGKILL')
    waitUntilDeadSync(identity.pid, 2000)
  }
}

function readIdentity(path: string): ProcessIdentity | undefined {
  try {
    const value = JSON.parse(readFileSync(path, 'utf8')) as Partial<ProcessIdentity>
    if (typeof value.pid !== 'number' || typeof value.startTicks !== 'string') return undefined
    return { pid: value.pid, startTicks: value.startTicks }
  } catch {
    return undefined
  }
}

function isSameProcess(identity: ProcessIdentity): boolean {
  return isRunning(identity.pid) && startTicksOf(identity.pid) === identity.startTicks
}

function isRunning(pid: number): boolean {
  const fields = statFieldsOf(pid)
  return fields !== undefined && fields[0] !== 'Z' && fields[0] !== 'X'
}

/** When a process started, in the kernel's ticks since boot: with the pid, unique until the next boot. */
function startTicksOf(pid: number): string | undefined {
  return statFieldsOf(pid)?.[19]
}

/** The fields of /proc/PID/stat from the state on (the name before it may itself hold spaces and brackets). */
function statFieldsOf(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')
  } catch {
    return undefined
  }
}
