/** Finds the command, runs it, and turns whatever goes wrong into words and an exit code. */
import { nearest } from '../lambda/config/nearest.ts'
import manifest from '../package.json' with { type: 'json' }
import { readArguments } from './arguments.ts'
import type { Command } from './command.ts'
import { COMMANDS } from './commands.ts'
import { DONE, REFUSED, WRONG_USAGE } from './exit-codes.ts'
import { helpOf, helpOfAll } from './help.ts'
import { beside, wrap } from './render/text.ts'
import { paintFor, type Terminal, widthOf } from './terminal.ts'
import { NoAnswer, WrongUsage } from './wrong-usage.ts'

/** @param args what stands behind the program's name. @returns the exit code. */
export async function main(args: readonly string[], terminal: Terminal): Promise<number> {
  try {
    return await run(args, terminal)
  } catch (error) {
    return explainFailure(error, args.includes('--json'), terminal)
  }
}

async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  const { stdout, stderr, environment } = terminal
  const [first, ...rest] = args
  const all = (stream: typeof stdout) => helpOfAll(COMMANDS, paintFor(stream, environment), widthOf(stream))
  if (first === undefined) {
    stderr.write(all(stderr))
    return WRONG_USAGE
  }
  if (first === '--version') {
    stdout.write(`${manifest.version}\n`)
    return DONE
  }
  const asksForHelp = (word: string) => word === '--help' || word === '-h'
  const topic = first === 'help' || asksForHelp(first) ? rest.find((word) => !word.startsWith('-')) : first
  if (topic === undefined) {
    stdout.write(all(stdout))
    return DONE
  }
  const command = commandNamed(topic)
  if (topic !== first || rest.some(asksForHelp)) {
    stdout.write(helpOf(command, paintFor(stdout, environment), widthOf(stdout)))
    return DONE
  }
  return command.run(readArguments(command, rest), terminal)
}

function commandNamed(word: string): Command {
  const found = COMMANDS.find(({ name }) => name === word)
  if (found !== undefined) return found
  if (word.startsWith('-'))
    throw new WrongUsage(`The command comes first, then its options, such as ${word}.`, 'hotspare --help')
  const names = COMMANDS.map(({ name }) => name)
  const meant = nearest(word, names)
  const mend = meant === null ? `There are: ${names.join(', ')}.` : `Did you mean "${meant}"?`
  throw new WrongUsage(`There is no command "${word}". ${mend}`, 'hotspare --help')
}

const COLUMN = 19

function explainFailure(error: unknown, json: boolean, { stdout, stderr, environment }: Terminal): number {
  const { situation, because, atRisk, next, code } = inWords(error)
  if (json) {
    stdout.write(`${JSON.stringify({ ok: false, situation, because, atRisk, advice: next }, null, 2)}\n`)
    return code
  }
  const paint = paintFor(stderr, environment)
  const width = widthOf(stderr)
  const [first = '', ...more] = because.split('\n')
  const lines = [
    ...wrap(first, width).map((line) => paint.red(line)),
    ...more,
    ...(atRisk === ''
      ? [`See: ${next}`]
      : [
          ...beside('Is data at risk?', atRisk, width, COLUMN),
          ...beside('What do I do?', next, width, COLUMN),
        ]),
  ]
  stderr.write(`${lines.join('\n')}\n`)
  return code
}

interface Failure {
  readonly situation: string
  readonly because: string
  readonly atRisk: string
  readonly next: string
  readonly code: number
}

function inWords(error: unknown): Failure {
  if (error instanceof WrongUsage) {
    const { message, mend } = error
    return { situation: 'wrong-usage', because: message, atRisk: '', next: mend, code: WRONG_USAGE }
  }
  if (error instanceof NoAnswer) {
    const { situation, message, atRisk, next } = error
    const code = situation === 'configuration-invalid' ? WRONG_USAGE : REFUSED
    return { situation, because: message, atRisk, next, code }
  }
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return {
    situation: 'defect',
    because: `This is a defect of hotspare: ${message}`,
    atRisk: 'Not by this: what was begun is finished or undone by the next watch.',
    next: 'Look at the status, and report this with the lines above.',
    code: REFUSED,
  }
}
