/**
 * Runs a program to its end and gives back what it printed; for the few system tools that the lab's set-up needs.
 */
import { spawn } from 'node:child_process'

export type CommandResult = { code: number; stdout: string; stderr: string }

/**
 * Runs `program` without a shell. Never throws for a non-zero exit: the caller knows what it means. A program that can't
 * be started at all answers with code 127, as a shell would.
 */
export function runCommand(
  program: string,
  args: readonly string[],
  options: { timeoutMs: number; env?: NodeJS.ProcessEnv; input?: string },
): Promise<CommandResult> {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...options.env, LC_ALL: 'C' },
      timeout: options.timeoutMs,
      killSignal: 'SIGKILL',
    })
    // A program that ends before it has read everything says why on its own.
    child.stdin.on('error', () => undefined)
    child.stdin.end(options.input ?? '')
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    child.once('error', (error) => resolve({ code: 127, stdout, stderr: `${stderr}${error.message}` }))
    child.once('close', (code, signal) => {
      const note = signal === null ? '' : `\n(ended by ${signal}; the limit was ${options.timeoutMs} ms)`
      resolve({ code: code ?? 137, stdout, stderr: stderr + note })
    })
  })
}

/** The last lines of a program's output, for an error message. */
export function lastLines(text: string, count: number): string {
  return text.trimEnd().split('\n').slice(-count).join('\n')
}
