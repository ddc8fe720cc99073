/** What people ask of the ledger: adopt, pause, resume, release. The rows of core/situations/requests.ts decide and answer. */
import * as v from 'valibot'
import { runAsked, whatIsUnsettled } from './asked.ts'
import { DONE } from './core/situations/requests.ts'
import type { ManualRequest } from './core/world.ts'
import { runOf } from './pair.ts'
import { type Answer, eventSchema, forceOf, oneOf, readEvent, wrongRequest } from './request-event.ts'
import type { Action } from './requests.ts'

type Asking = Parameters<Action>

/** What an adoption by hand may go without. */
export const ADOPT_FORCEABLE: readonly string[] = ['adopt-other-unseen', 'adopt-record-disagrees']

export const adopt: Action = (...asking) => {
  const [configuration, pair, event] = asking
  const servers = Object.keys(configuration.pairs[pair]?.servers ?? {})
  const writer = oneOf(servers, 'the server that is to be the writer')
  const read = readEvent(eventSchema({ writer, force: forceOf(ADOPT_FORCEABLE) }), event)
  if ('wrong' in read) return read.wrong
  const { writer: named, force } = read.event
  return ask(asking, { action: 'adopt', writer: named, force })
}

export const release: Action = (...asking) => {
  const [configuration, pair, event] = asking
  const servers = Object.keys(configuration.pairs[pair]?.servers ?? {})
  const read = readEvent(eventSchema({ server: oneOf(servers, 'the held server') }), event)
  if ('wrong' in read) return read.wrong
  return ask(asking, { action: 'release', server: read.event.server, force: [] })
}

export const resume: Action = (...asking) => {
  const read = readEvent(eventSchema({}), asking[2])
  return 'wrong' in read ? read.wrong : ask(asking, { action: 'resume', force: [] })
}

const YEAR_MINUTES = 525_600
const MINUTES_MEND = `give a whole number of minutes from 1 to ${YEAR_MINUTES}`
const UNTIL_MEND =
  'give a moment with its time zone, like "2027-01-31T06:00:00Z", or "resumed" for as long as nobody resumes'
const PAUSE_EVENT = eventSchema({
  untilMinutes: v.exactOptional(
    v.pipe(
      v.number(MINUTES_MEND),
      v.integer(MINUTES_MEND),
      v.minValue(1, MINUTES_MEND),
      v.maxValue(YEAR_MINUTES, MINUTES_MEND),
    ),
  ),
  until: v.exactOptional(
    v.pipe(
      v.string(UNTIL_MEND),
      v.regex(/^(resumed|\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d))$/, UNTIL_MEND),
    ),
  ),
})

export const pause: Action = (...asking) => {
  const read = readEvent(PAUSE_EVENT, asking[2])
  if ('wrong' in read) return read.wrong
  const { untilMinutes, until } = read.event
  if ((untilMinutes === undefined) === (until === undefined)) {
    const mend = `give one of "untilMinutes": 60, or "until": ${UNTIL_MEND.replace('give ', '')}`
    const value = until === undefined ? '(missing)' : 'given beside untilMinutes'
    return wrongRequest([{ path: 'until', value, mend }])
  }
  const now = Date.now()
  const untilClockMs =
    untilMinutes !== undefined
      ? now + untilMinutes * 60_000
      : until === 'resumed'
        ? 0
        : Date.parse(until ?? '')
  if (Number.isNaN(untilClockMs) || (untilClockMs !== 0 && untilClockMs <= now)) {
    const mend = `give a moment that is still to come; it is ${new Date(now).toISOString()} now`
    return wrongRequest([{ path: 'until', value: JSON.stringify(until), mend }])
  }
  return ask(asking, { action: 'pause', untilClockMs, force: [] })
}

async function ask(asking: Asking, request: ManualRequest): Promise<Answer> {
  const [configuration, pair, , remainingMs, output] = asking
  const ended = await runAsked(runOf(configuration, pair, remainingMs, request, output))
  const { code, because, advice } = ended.situation
  const ok = DONE.has(code)
  return { ok, situation: code, because: ok ? because : `${because}${whatIsUnsettled(ended)}`, advice }
}
