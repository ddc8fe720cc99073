/** Help that teaches: what there is, what a command does to the pair, and a line to copy for each. */
import { usageOf } from './arguments.ts'
import type { Command } from './command.ts'
import { beside, wrap } from './render/text.ts'
import type { Paint } from './terminal.ts'

const COLUMN = 14

export function helpOfAll(commands: readonly Command[], paint: Paint, width: number): string {
  const lines = [
    ...wrap(
      'hotspare looks after a pair of MySQL servers that replicate from each other: one is open and takes writes (the writer), the other is closed and follows (the spare). A DNS name points at the writer.',
      width,
    ),
    '',
    paint.bold('Commands'),
    ...commands.flatMap(({ name, about }) => beside(`  ${name}`, about, width, COLUMN)),
    '',
    paint.bold('Who is asked'),
    ...beside('  --function', 'NAME: the deployed request function, or set HOTSPARE_FUNCTION', width, COLUMN),
    ...beside(
      '  --local',
      'this process, with hotspare.json from this folder (or --config FILE)',
      width,
      COLUMN,
    ),
    '',
    paint.bold('How it ends'),
    ...beside('  0', 'done, or all is well', width, COLUMN),
    ...beside('  1', 'refused, or the pair is not well', width, COLUMN),
    ...beside('  2', 'not understood; nothing was done', width, COLUMN),
    '',
    paint.bold('Begin with'),
    '  hotspare status --local',
    '  hotspare help failover',
  ]
  return `${lines.join('\n')}\n`
}

export function helpOf(command: Command, paint: Paint, width: number): string {
  const lines = [
    ...wrap(`hotspare ${command.name}: ${command.about}`, width),
    '',
    `  ${usageOf(command)}`,
    ...command.more.flatMap((paragraph) => ['', ...wrap(paragraph, width)]),
    '',
    paint.bold('Options'),
    ...command.options.flatMap(({ name, value, about }) =>
      optionLines(value === undefined ? `--${name}` : `--${name} ${value}`, about, width),
    ),
    '',
    paint.bold(command.examples.length === 1 ? 'Example' : 'Examples'),
    ...command.examples.flatMap(([line, does]) => [`  ${line}`, ...beside('', does, width, 6)]),
  ]
  return `${lines.join('\n')}\n`
}

const OPTION_COLUMN = 26

function optionLines(option: string, about: string, width: number): string[] {
  return beside(`  ${option}`, about, width, OPTION_COLUMN)
}
