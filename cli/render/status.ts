/** The answer to `status` for people: the picture, the facts, and, when something is wrong, the three questions of the night. */
import type { Overview } from '../../lambda/core/overview.ts'
import { span } from '../../lambda/core/span.ts'
import type { Verdict } from '../../lambda/core/three-questions.ts'
import { momentsForPeople } from '../moments.ts'
import type { Paint } from '../terminal.ts'
import type { Where } from '../where.ts'
import { adviceLines, commandFor } from './as-command.ts'
import { picture } from './picture.ts'
import { beside } from './text.ts'

export interface Look {
  readonly paint: Paint
  readonly width: number
}

/** Whether an answer is one that can be drawn: a function of another version may answer otherwise. */
export function isOverview(answer: object): answer is Overview {
  const parts = ['servers', 'record', 'writable', 'atRisk', 'whatToDo', 'warnings']
  return parts.every((part) => part in answer) && Object.keys((answer as Overview).servers).length === 2
}

export function statusForPeople(seen: Overview, where: Where, look: Look): string {
  const lines = [
    ...headline(seen, look),
    '',
    ...picture(seen, look.paint),
    '',
    ...facts(seen).flatMap(([label, text]) => beside(`  ${label}`, text, look.width, 12)),
    ...seen.warnings.flatMap((text) =>
      beside('  Note', text, look.width, 12).map((line) => look.paint.yellow(line)),
    ),
    ...(seen.ok ? [] : ['', ...questions(seen, where, look)]),
  ]
  return `${lines.join('\n')}\n`
}

const COLOURS = { info: 'green', warning: 'yellow', critical: 'red' } as const

function headline({ pair, situation, severity, because }: Overview, { paint, width }: Look): string[] {
  const first = `${pair}: ${situation}`
  const [, ...more] = beside('', because, width, 2)
  const [line = ''] = beside('', because, width, 2)
  return [paint[COLOURS[severity]].bold(first), line, ...more]
}

function facts(seen: Overview): [label: string, text: string][] {
  const { ledger, watch, servers, mode } = seen
  const rows: [string, string][] = []
  if (ledger === null) rows.push(['Ledger', 'none, or not read'])
  else if (ledger.problem !== null) rows.push(['Ledger', `not understood: ${ledger.problem}`])
  else {
    const since = ledger.since ?? seen.at
    const length = span(Date.parse(seen.at) - Date.parse(since))
    rows.push([
      'Writer',
      `${ledger.writer} since ${momentsForPeople(since)} (${length}), epoch ${ledger.epoch}, ${HOW[ledger.how ?? 'adopted']}`,
    ])
    if (ledger.claim != null)
      rows.push(['Claim', `${ledger.claim.intent}, to ${ledger.claim.target}, by ${ledger.claim.who}`])
    if (ledger.holds !== undefined && ledger.holds.length > 0) rows.push(['Held', ledger.holds.join(', ')])
  }
  for (const [name, { complaint, follows }] of Object.entries(servers)) {
    if (complaint !== null) rows.push([name.length > 8 ? 'Server' : name, said(name, complaint)])
    if (follows?.error != null) rows.push([name.length > 8 ? 'Server' : name, said(name, follows.error)])
  }
  if (watch !== null) rows.push(['Watch', `${watch.who}, last heartbeat ${span(watch.beatAgoMs)} ago`])
  rows.push(['Failover', MODES[mode]])
  return rows
}

const said = (name: string, text: string) => (name.length > 8 ? `${name}: ${text}` : text)
const HOW = { adopted: 'adopted', failover: 'after a failover', switchover: 'after a switchover' } as const
const MODES = {
  automatic: 'automatic',
  alert: 'a person decides (mode alert)',
  observe: 'never: it is only observed (mode observe)',
} as const

const COLUMN = 22

function questions({ writable, atRisk, whatToDo }: Overview, where: Where, look: Look): string[] {
  const { paint, width } = look
  const answer = ({ answer, because }: Verdict) => `${answer.toUpperCase()}. ${because}`
  const lines = [
    ...beside('  Can anybody write?', answer(writable), width, COLUMN),
    ...beside('  Is data at risk?', answer(atRisk), width, COLUMN),
  ]
  const text = [
    whatToDo.because,
    ...whatToDo.next
      .filter(({ request }) => !whatToDo.because.includes(JSON.stringify(request)))
      .map(({ when, request }) => `\n${when}, run\n$ ${commandFor(request, where)}`),
  ].join('')
  const advice = adviceLines(text, where, width - COLUMN)
  return [
    ...lines,
    ...advice.map(
      ({ text: line, command }, at) =>
        `${(at === 0 ? '  What do I do?' : '').padEnd(COLUMN)}${command ? `  ${paint.bold(line)}` : line}`,
    ),
  ]
}
