/** The answer to a request for people: done or not, why, when what happened, and the next command. */

import { span } from '../../lambda/core/span.ts'
import type { Answer } from '../../lambda/request-event.ts'
import type { Where } from '../where.ts'
import { adviceLines } from './as-command.ts'
import type { Look } from './status.ts'
import { beside } from './text.ts'

const COLUMN = 11

/** What some actions yield besides; none of it has to be there. */
interface Yield {
  readonly from?: unknown
  readonly to?: unknown
  readonly writeBlockMs?: unknown
  readonly timeline?: unknown
  readonly risk?: unknown
  readonly blocking?: unknown
  /** Tells all of it in words for people. */
  readonly report?: unknown
}

export function answerForPeople(answer: Answer & Yield, where: Where, { paint, width }: Look): string {
  const head = answer.ok ? paint.green.bold('Done') : paint.red.bold(refusedWord(answer))
  const yielded =
    typeof answer.report === 'string'
      ? ['', ...answer.report.split('\n').flatMap((line) => reportLines(line, width)), '']
      : [
          ...extras(answer).flatMap(([label, text]) => beside(`  ${label}`, text, width, COLUMN)),
          ...timelineLines(answer.timeline),
          ...blockingLines(answer.blocking),
        ]
  const lines = [
    `${head}  ${paint.dim(answer.situation)}`,
    ...beside('', answer.because, width, 2),
    ...yielded,
  ]
  const advice = answer.advice === '' ? [] : adviceLines(answer.advice, where, width - COLUMN)
  const next = advice.map(
    ({ text, command }, at) =>
      `${(at === 0 ? '  Next' : '').padEnd(COLUMN)}${command ? `  ${paint.bold(text)}` : text}`,
  )
  return `${[...lines, ...next].join('\n')}\n`
}

/** A report's own layout: a question, two blanks or more, and its answer, which may be long; or anything else, as it stands. */
function reportLines(line: string, width: number): string[] {
  const asked = /^(\S.*?\?) {1,}(?=\S)/.exec(line)
  if (asked !== null) return beside(`  ${asked[1]}`, line.slice(asked[0].length), width, 22)
  return line.startsWith(' ') ? [`  ${line}`] : beside('', line, width, 2)
}

const refusedWord = ({ situation }: Answer) =>
  situation === 'wrong-request' ? 'Not understood, nothing was done' : 'Not done'

function extras({ from, to, writeBlockMs, risk }: Yield): [string, string][] {
  const rows: [string, string][] = []
  if (typeof from === 'string' && typeof to === 'string') rows.push(['Writer', `${from} -> ${to}`])
  if (typeof writeBlockMs === 'number') rows.push(['Writes', `nobody could write for ${span(writeBlockMs)}`])
  const atMost = typeof risk === 'object' && risk !== null ? (risk as Record<string, unknown>) : null
  if (atMost !== null)
    rows.push([
      'At risk',
      atMost.lossless === true
        ? 'nothing: every commit that an application was told of is there'
        : typeof atMost.transactionsAtMost === 'number'
          ? `at most about ${atMost.transactionsAtMost} transactions of the old writer's last ${span(Number(atMost.windowMs ?? 0))}`
          : typeof atMost.windowMs === 'number'
            ? `not known how many: commits of the old writer's last ${span(atMost.windowMs)}`
            : 'not known: whoever did this had not seen the old writer alive',
    ])
  return rows
}

function timelineLines(timeline: unknown): string[] {
  return recordsIn(timeline).map(
    ({ what, ms }, at) =>
      `${(at === 0 ? '  When' : '').padEnd(COLUMN)}${String(what).padEnd(11)}${String(Math.round(Number(ms))).padStart(6)} ms`,
  )
}

/** Who stands in the way of a switchover. */
function blockingLines(blocking: unknown): string[] {
  return recordsIn(blocking).map(
    ({ session, account, kind, ageMs, doing }, at) =>
      `${(at === 0 ? '  Blocked by' : '').padEnd(BLOCKING_COLUMN)}${kind} of ${account}, session ${session}, for ${span(Number(ageMs))} (${doing})`,
  )
}
const BLOCKING_COLUMN = 14

function recordsIn(list: unknown): Record<string, unknown>[] {
  return Array.isArray(list) ? list.filter((each) => typeof each === 'object' && each !== null) : []
}
