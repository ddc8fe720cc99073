/**
 * `node tools/run.mjs SCRIPT [ARGS...]` runs a script of this repository on any machine with Node 20 or later: it installs the
 * packages if needed, finds a Node 24, and runs SCRIPT (a path from the repository's root) with it.
 *
 * The one thing to understand: on Ctrl-C and on SIGTERM it waits for the script, which has servers to clean up, and
 * then ends as the script ended.
 */
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ensurePackages, findNode } from './packages.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

async function main() {
  const [script, ...args] = process.argv.slice(2)
  if (script === undefined) {
    process.stderr.write('Usage: node tools/run.mjs SCRIPT [ARGS...]\n')
    return 2
  }
  try {
    await ensurePackages(root)
    return await run(findNode(root), [resolve(root, script), ...args])
  } catch (error) {
    process.stderr.write(`${error.message}\n`)
    return 1
  }
}

/** Runs the command to its end and gives its exit code (128 + the signal's number if a signal ended it). */
function run(program, args) {
  const child = spawn(program, args, { stdio: 'inherit' })
  // A terminal's Ctrl-C reaches the child by itself as well; it must bear getting the signal twice.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  return new Promise((done, fail) => {
    child.once('error', fail)
    child.once('exit', (code, signal) => done(code ?? 128 + (constants.signals[signal ?? 'SIGKILL'] ?? 9)))
  })
}

process.exitCode = await main()
