/**
 * `hotspare watch --local`: the watch in this process, for people with a host to run it on.
 *
 * The one thing to understand: it runs just as it is deployed. Each minute a new watch begins and relieves the one before, so that
 * nothing here is tried out for the first time on the night it is needed.
 */
import type { Output } from '../../lambda/pair.ts'
import { watchPairs } from '../../lambda/watch-pairs.ts'
import type { Command } from '../command.ts'
import { DONE, REFUSED } from '../exit-codes.ts'
import { configurationOf } from '../local.ts'
import { lookLine } from '../render/look-line.ts'
import { paintFor, type Terminal } from '../terminal.ts'
import { WrongUsage } from '../wrong-usage.ts'

const EVERY_MS = 60_000
const WATCH_LIMIT_MS = 150_000

export const watch: Command = {
  name: 'watch',
  about: 'watch the pairs in this process until Ctrl-C (--local only)',
  more: [
    'For a host of your own instead of AWS Lambda: the same code, the same rules, the same messages. Run it under something that starts it again. It may run beside the deployed function; claims in the ledger keep them apart.',
    'Ctrl-C ends it cleanly: what is half done is finished first. Each line is a look that saw something new; --json prints the log lines of the function, for "hotspare explain".',
  ],
  words: [],
  options: [
    { name: 'local', about: 'Needed: deployed, the schedule starts the watch' },
    { name: 'pair', value: 'NAME', about: 'Only this pair; else all of the configuration' },
    {
      name: 'config',
      value: 'FILE',
      about: 'The configuration; else HOTSPARE_CONFIG, else hotspare.json in this folder',
    },
    { name: 'json', about: 'Print log lines in JSON' },
  ],
  examples: [['hotspare watch --local', 'watches until Ctrl-C']],
  async run({ texts, switches }, terminal) {
    if (!switches.has('local'))
      throw new WrongUsage(
        'watch runs only in this process: add --local. Deployed, the schedule starts it.',
        'hotspare help watch',
      )
    const configuration = configurationOf(texts.config ?? null)
    const known = Object.keys(configuration.pairs)
    if (texts.pair !== undefined && !known.includes(texts.pair))
      throw new WrongUsage(
        `There is no pair "${texts.pair}" in the configuration; it has: ${known.join(', ')}.`,
        'hotspare help watch',
      )
    const pairs = texts.pair === undefined ? known : [texts.pair]
    const output = outputFor(terminal, switches.has('json'))
    const begin = (remainingMs: () => number) => watchPairs(configuration, pairs, remainingMs, output)
    return (await inRounds(begin, terminal)) ? DONE : REFUSED
  },
}

/** @returns false if a round failed: that is a defect, and told at once; the next round begins all the same. */
async function inRounds(
  begin: (remainingMs: () => number) => Promise<unknown>,
  terminal: Terminal,
): Promise<boolean> {
  let stopped = false
  let well = true
  let wakeUp = () => {}
  const running = new Set<Promise<void>>()
  const forget = terminal.onInterrupt(() => {
    if (!stopped) terminal.stderr.write('ending as soon as nothing is half done; once more ends at once\n')
    stopped = true
    wakeUp()
  })
  while (!stopped) {
    const endsAtMs = performance.now() + WATCH_LIMIT_MS
    const round: Promise<void> = begin(() => (stopped ? 0 : endsAtMs - performance.now()))
      .catch((error: unknown) => {
        well = false
        const message = error instanceof Error ? error.message : String(error)
        terminal.stderr.write(`a watch failed: ${message}\nthe next one begins within a minute\n`)
      })
      .then(() => void running.delete(round))
    running.add(round)
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, EVERY_MS)
      wakeUp = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
  await Promise.all(running)
  forget()
  return well
}

/** For people a situation that goes on, and watches that relieve one another, are no news. */
function outputFor({ stdout, environment }: Terminal, json: boolean): Output {
  const paint = paintFor(stdout, environment)
  const last = new Map<unknown, unknown>()
  return {
    metrics: false,
    log(line) {
      const { kind, pair, situation, step } = JSON.parse(line)
      const known = kind === 'look' && step === null && last.get(pair) === situation
      if (kind === 'look' && situation !== 'relieved') last.set(pair, situation)
      const text = json ? line : known || situation === 'relieved' ? null : lookLine(line, paint)
      if (text !== null) stdout.write(`${text}\n`)
    },
  }
}
