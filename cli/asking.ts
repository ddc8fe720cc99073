/** What all commands do that ask for something: send the event, show what goes on meanwhile, show the answer, end with its code. */
import type { Answer } from '../lambda/request-event.ts'
import type { Given } from './command.ts'
import { DONE, REFUSED, WRONG_USAGE } from './exit-codes.ts'
import { askHere } from './local.ts'
import { askFunction } from './remote.ts'
import { answerForPeople } from './render/answer.ts'
import { lookLine } from './render/look-line.ts'
import { isOverview, statusForPeople } from './render/status.ts'
import { paintFor, type Terminal, widthOf } from './terminal.ts'
import { type Where, whereOf } from './where.ts'

/** As long as Lambda would give it at most. */
const LONGEST_MS = 900_000
const SAY_AFTER_MS = 1000

/** `event` without the pair, which every request has. @returns the exit code. */
export async function ask(
  event: Readonly<Record<string, unknown>>,
  given: Given,
  terminal: Terminal,
): Promise<number> {
  const where = whereOf(given, terminal, String(event.action))
  const { action, ...more } = event
  const { pair } = given.texts
  const whole = { action, ...(pair === undefined ? {} : { pair }), ...more }
  const answer = await send(whole, where, given.switches.has('json'), terminal)
  terminal.stdout.write(
    given.switches.has('json') ? `${JSON.stringify(answer, null, 2)}\n` : inWords(answer, where, terminal),
  )
  if (answer.situation === 'wrong-request') return WRONG_USAGE
  return answer.ok ? DONE : REFUSED
}

function inWords(answer: Answer, where: Where, { stdout, environment }: Terminal): string {
  const look = { paint: paintFor(stdout, environment), width: widthOf(stdout) }
  return isOverview(answer) ? statusForPeople(answer, where, look) : answerForPeople(answer, where, look)
}

async function send(event: object, where: Where, quiet: boolean, terminal: Terminal): Promise<Answer> {
  const { stderr, environment } = terminal
  const paint = paintFor(stderr, environment)
  const say = (line: string) => {
    if (!quiet) stderr.write(`${line}\n`)
  }
  if (where.kind === 'function') {
    const { createLambdaCaller } = await import('./lambda-caller.ts')
    return askFunction(createLambdaCaller(), where.name, event, (line) => say(paint.dim(line)))
  }
  const log = (line: string) => {
    const text = lookLine(line, paint)
    if (text !== null) say(text)
  }
  return hereUntilInterrupted(event, where.configurationFile, log, say, terminal)
}

/** The first Ctrl-C ends it as soon as nothing is half done; the second ends the process, and a watch finishes or undoes the rest. */
async function hereUntilInterrupted(
  event: object,
  configurationFile: string | null,
  log: (line: string) => void,
  say: (line: string) => void,
  terminal: Terminal,
): Promise<Answer> {
  let endsAtMs = performance.now() + LONGEST_MS
  const forget = terminal.onInterrupt(() => {
    endsAtMs = 0
    say('ending as soon as nothing is half done; once more ends at once')
  })
  const slow = setTimeout(
    () => say('looking; a server that does not answer takes some seconds'),
    SAY_AFTER_MS,
  )
  try {
    return await askHere(event, {
      configurationFile,
      log: (line) => {
        clearTimeout(slow)
        log(line)
      },
      remainingMs: () => endsAtMs - performance.now(),
    })
  } finally {
    clearTimeout(slow)
    forget()
  }
}
