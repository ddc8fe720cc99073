/** A terminal whose streams are kept, for running commands inside a test. */
import { main } from '../../cli/main.ts'
import type { Terminal } from '../../cli/terminal.ts'

export interface Typed {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface TypedOptions {
  readonly environment?: Record<string, string>
  readonly stdin?: string
  readonly isTTY?: boolean
}

/** Types `hotspare <line>`. Blanks separate words; `args` for words with blanks in them. */
export async function type(line: string | readonly string[], options: TypedOptions = {}): Promise<Typed> {
  const written = { stdout: '', stderr: '' }
  const stream = (name: 'stdout' | 'stderr') => ({
    isTTY: options.isTTY ?? false,
    write: (text: string) => {
      written[name] += text
    },
  })
  const terminal: Terminal = {
    stdout: stream('stdout'),
    stderr: stream('stderr'),
    stdin: (async function* () {
      yield options.stdin ?? ''
    })(),
    environment: options.environment ?? {},
    onInterrupt: () => () => undefined,
  }
  const args = typeof line === 'string' ? line.split(' ').filter((word) => word !== '') : line
  const code = await main(args, terminal)
  return { code, ...written }
}
