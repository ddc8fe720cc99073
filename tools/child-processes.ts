/**
 * Ends the processes that this one started, wherever in its libraries it started them.
 *
 * The one thing to understand: the kernel is asked who they are (Linux's /proc), because a test runner does not tell. Where there
 * is no /proc none are found, and they end when they notice that this process has.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'

/**
 * Sends SIGTERM to all direct children, and to those that are started meanwhile, and resolves when none is left; those that
 * are still there after `patienceMs` are killed. Children whose command line contains `except` are left alone.
 */
export async function endChildren(patienceMs: number, except: string): Promise<void> {
  const asked = new Set<number>()
  const killFromMs = performance.now() + patienceMs
  for (;;) {
    const children = childrenOf(process.pid).filter((pid) => !commandOf(pid).includes(except))
    if (children.length === 0) return
    const late = performance.now() > killFromMs
    for (const pid of children) {
      if (late) send(pid, 'SIGKILL')
      else if (!asked.has(pid)) send(pid, 'SIGTERM')
      asked.add(pid)
    }
    await pause(20)
  }
}

function childrenOf(parent: number): number[] {
  try {
    return readdirSync('/proc')
      .map(Number)
      .filter((pid) => pid > 0 && isChild(pid, parent))
  } catch {
    return []
  }
}

/** State and parent are fields 3 and 4 of /proc/PID/stat; the name before them may itself hold blanks and brackets. */
function isChild(pid: number, parent: number): boolean {
  const text = read(`/proc/${pid}/stat`)
  const [state, parentPid] = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return Number(parentPid) === parent && state !== 'Z'
}

function commandOf(pid: number): string {
  return read(`/proc/${pid}/cmdline`)
}

/** A process that has just ended reads as empty. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It has ended by itself meanwhile.
  }
}
