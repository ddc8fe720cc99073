/**
 * Makes a fresh checkout ready to run: the packages of package-lock.json are installed, and a Node 24 is found to run with.
 *
 * The one thing to understand: this is plain JavaScript for Node 20, because it runs before anything is installed. Whether the
 * installed packages are the locked ones is told by a hash of the lock file that is written after a complete install.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const oldestMajor = 24
const stampFile = 'node_modules/.hotspare-lock-sha256'

/**
 * Runs `npm ci` in `root` if node_modules is missing or not what package-lock.json says; what npm prints goes to stderr.
 * Throws an error that says what to do if that fails.
 * @param {string} root the repository's folder
 */
export async function ensurePackages(root) {
  const lock = readFileSync(join(root, 'package-lock.json'))
  const hash = createHash('sha256').update(lock).digest('hex')
  if (isInstalled(root, lock, hash)) return
  process.stderr.write('Installing the locked packages (npm ci); this takes a minute the first time.\n')
  const failure = await runNpm(root)
  if (failure !== undefined) {
    throw new Error(
      `npm ci failed (${failure}); its own words are above. Check the network, then run "npm ci" in ${root} and try again.` +
        (existsSync(join(root, 'node_modules'))
          ? ' If it fails the same way, delete the folder node_modules first.'
          : ''),
    )
  }
  writeFileSync(join(root, stampFile), hash)
}

/**
 * The path of a Node that runs TypeScript by itself: this one, or the one among the installed packages.
 * Throws an error that says what to do if there is none.
 * @param {string} root the repository's folder
 */
export function findNode(root) {
  if (Number(process.versions.node.split('.')[0]) >= oldestMajor) return process.execPath
  const packaged = join(root, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node')
  if (existsSync(packaged)) return packaged
  throw new Error(
    `Hotspare's tools need Node ${oldestMajor} or later; this is ${process.version}. A Node ${oldestMajor} comes with the ` +
      `packages only on Linux x64 and arm64 (this is ${process.platform} ${process.arch}; on those, check that npm is not ` +
      `set to omit optional dependencies). Install Node ${oldestMajor} and try again.`,
  )
}

/** npm's own record of what it installed also counts, so that a hand-made `npm ci` is not repeated. */
function isInstalled(root, lock, hash) {
  const stamp = join(root, stampFile)
  if (existsSync(stamp)) return readFileSync(stamp, 'utf8').trim() === hash
  const record = join(root, 'node_modules/.package-lock.json')
  if (!existsSync(record)) return false
  const installed = JSON.parse(readFileSync(record, 'utf8')).packages ?? {}
  const wanted = JSON.parse(lock.toString('utf8')).packages ?? {}
  const complete = Object.entries(wanted).every(([path, entry]) => {
    // The root itself is not in the record, and packages for other platforms are rightly absent.
    if (path === '' || (entry.optional === true && installed[path] === undefined)) return true
    return installed[path]?.version === entry.version && installed[path]?.integrity === entry.integrity
  })
  if (complete) writeFileSync(stamp, hash)
  return complete
}

/** Resolves with undefined when npm succeeded, else with how it ended. */
function runNpm(root) {
  return new Promise((resolve) => {
    const windows = process.platform === 'win32'
    const child = spawn('npm', ['ci'], { cwd: root, stdio: ['ignore', 2, 2], shell: windows })
    child.once('error', (error) => resolve(`npm can't be started: ${error.message}; it comes with Node`))
    child.once('exit', (code, signal) => resolve(code === 0 ? undefined : (signal ?? `exit ${code}`)))
  })
}
