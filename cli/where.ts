/** Where a request is answered: by the deployed function, or in this process. */
import type { Given, Option } from './command.ts'
import type { Terminal } from './terminal.ts'
import { WrongUsage } from './wrong-usage.ts'

export type Where =
  | { readonly kind: 'local'; readonly configurationFile: string | null }
  | { readonly kind: 'function'; readonly name: string }

/** Options of every command that asks for something. */
export const ASKING_OPTIONS: readonly Option[] = [
  { name: 'pair', value: 'NAME', about: 'Which pair, where the configuration has several' },
  {
    name: 'function',
    value: 'NAME',
    about:
      "Ask this function (RequestFunctionName among the stack's outputs); HOTSPARE_FUNCTION says the same for all commands",
  },
  { name: 'local', about: 'Do it in this process, which then has to reach both servers and Route 53' },
  {
    name: 'config',
    value: 'FILE',
    about: 'With --local: the configuration; else HOTSPARE_CONFIG, else hotspare.json in this folder',
  },
  { name: 'json', about: 'Answer in JSON, for scripts' },
]

/** @throws {WrongUsage} if it isn't said, or said twice. */
export function whereOf({ texts, switches }: Given, { environment }: Terminal, command: string): Where {
  const help = `hotspare help ${command}`
  const named = texts.function
  if (switches.has('local')) {
    if (named !== undefined)
      throw new WrongUsage('--local and --function are given: the one or the other can answer.', help)
    return { kind: 'local', configurationFile: texts.config ?? null }
  }
  if (texts.config !== undefined)
    throw new WrongUsage('--config is for --local: a deployed function has a configuration of its own.', help)
  const name = named ?? environment.HOTSPARE_FUNCTION
  if (name === undefined || name === '')
    throw new WrongUsage(
      'Who is to be asked? Add --function NAME for the deployed function (or set HOTSPARE_FUNCTION), or --local to do it in this process.',
      help,
    )
  return { kind: 'function', name }
}

/** How the same place is said again in another command. */
export function sayAgain(where: Where): string {
  if (where.kind === 'function') return `--function ${where.name}`
  return where.configurationFile === null ? '--local' : `--local --config ${where.configurationFile}`
}
