/** Runs the program `hotspare` itself, in a process of its own with nothing of this one's environment. */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'

export interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Running {
  readonly child: ChildProcess
  /** All that it has written so far. */
  readonly written: { stdout: string; stderr: string }
  readonly ended: Promise<Ran>
}

const PROGRAM = join(import.meta.dirname, '../../cli/hotspare.ts')

export function start(line: string, environment: Readonly<Record<string, string>> = {}): Running {
  const args = [PROGRAM, ...line.split(' ').filter((word) => word !== '')]
  const child = spawn(process.execPath, args, { env: { ...environment }, stdio: ['ignore', 'pipe', 'pipe'] })
  const written = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (text: string) => {
      written[name] += text
    })
  const ended = new Promise<Ran>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, ...written }))
  })
  return { child, written, ended }
}

export function run(line: string, environment: Readonly<Record<string, string>> = {}): Promise<Ran> {
  return start(line, environment).ended
}
