/**
 * Ends this process's function children when it is killed without a word, even those that are busy or stopped.
 *
 * The one thing to understand: a child that spins or is stopped by SIGSTOP can't notice that its parent died. So one tiny
 * shell reads a pipe from us that lists the children; when the pipe ends, however that came about, it kills those on the list.
 */
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'

/** Reads "+ pid" and "- pid" lines; at the end of the input, kills what was added and not removed. */
const guardScript = `
children=" "
while read -r sign pid; do
  case "$sign" in
    +) children="$children$pid " ;;
    -) children="\${children%% $pid *} \${children#* $pid }" ;;
  esac
done
for pid in $children; do kill -KILL "$pid" 2>/dev/null; done
`

let guard: ChildProcess | undefined
const guarded = new Set<number>()

/** Puts a child under guard. Call `releaseFromGuard` when its exit was seen, before its number can be given away again. */
export function guardAgainstOrphaning(pid: number): void {
  if (guard === undefined) {
    // A session of its own, so that a signal to our process group does not end the guard together with us.
    guard = spawn('/bin/sh', ['-c', guardScript], { stdio: ['pipe', 'ignore', 'ignore'], detached: true })
    guard.on('error', (error) => process.emitWarning(`No guard against orphaned functions: ${error.message}`))
    guard.stdin?.on('error', () => {})
    guard.unref()
  }
  guarded.add(pid)
  guard.stdin?.write(`+ ${pid}\n`)
}

/** Takes a child that has ended off the list. With the last one the guard ends too. */
export function releaseFromGuard(pid: number): void {
  if (!guarded.delete(pid)) return
  guard?.stdin?.write(`- ${pid}\n`)
  if (guarded.size > 0) return
  guard?.stdin?.end()
  guard = undefined
}
