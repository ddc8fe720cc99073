/** Requests, which answers name as JSON events, as the commands that send them. */
import { withRequests } from '../../lambda/core/by-hand.ts'
import { momentsForPeople } from '../moments.ts'
import { sayAgain, type Where } from '../where.ts'
import { wrap } from './text.ts'

type Request = Readonly<Record<string, unknown>>

/** Keys that are words behind the command; every other one is an option. */
const WORDS = ['writer', 'server']
const OPTION_OF: Readonly<Record<string, string>> = { dryRun: 'dry-run', lowerTtl: 'lower-ttl' }

/** `hotspare failover --pair orders --force spare-stale --local` */
export function commandFor(request: Request, where: Where): string {
  const { action, ...more } = request
  const parts = ['hotspare', String(action)]
  for (const key of WORDS) if (more[key] !== undefined) parts.push(String(more[key]))
  for (const [key, value] of Object.entries(more)) {
    if (WORDS.includes(key)) continue
    const option = `--${OPTION_OF[key] ?? key}`
    if (value === true) parts.push(option)
    else if (Array.isArray(value)) for (const each of value) parts.push(option, String(each))
    else if (value !== false) parts.push(option, String(value))
  }
  return [...parts, sayAgain(where)].join(' ')
}

/** A line of an answer: words that may be broken anywhere, or a command that is to be copied whole. */
export interface Line {
  readonly text: string
  readonly command: boolean
}

/** An answer's advice, wrapped, with the requests in it as commands on lines of their own. */
export function adviceLines(advice: string, where: Where, width: number): Line[] {
  const text = withRequests(advice, (request) => `run\n$ ${commandFor(request, where)}\n`)
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .flatMap((line): Line[] =>
      line.startsWith('$ ')
        ? [{ text: line.slice(2), command: true }]
        : wrap(momentsForPeople(line.trim()), width).map((each) => ({ text: each, command: false })),
    )
}
