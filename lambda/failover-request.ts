/** A failover that a person asks for: the same rows decide, and it ends as soon as they have done it or refused it. */
import { type Ended, runAsked, whatIsUnsettled } from './asked.ts'
import type { Decision } from './core/decide.ts'
import { parseLedger } from './core/ledger.ts'
import type { Mark, Move } from './core/memory.ts'
import type { Risk } from './core/risk.ts'
import { ledgerRewound } from './core/situations/ledger-rewound.ts'
import { FORCEABLE } from './core/situations/refusals.ts'
import type { ServerName } from './core/world.ts'
import { runOf } from './pair.ts'
import { type Answer, eventSchema, forceOf, readEvent } from './request-event.ts'
import type { Action } from './requests.ts'

export interface FailoverAnswer extends Answer {
  readonly from?: ServerName
  readonly to?: ServerName
  /** What happened when, ms since the first of them. */
  readonly timeline?: readonly { readonly what: Mark['what']; readonly ms: number }[]
  /** What may be lost; null if nobody could tell. */
  readonly risk?: Risk | null
  /** What people were told about it: who writes, what is at risk, whether the old writer is harmless. */
  readonly report?: string
}

const EVENT = eventSchema({ force: forceOf(FORCEABLE) })

/** `force` names the refusals to go without; anything else in it is refused before anything is done. */
export const failover: Action = async (configuration, pair, event, remainingMs, output) => {
  const read = readEvent(EVENT, event)
  if ('wrong' in read) return read.wrong
  const { force } = read.event
  const run = runOf(configuration, pair, remainingMs, { action: 'failover', force }, output)
  const ended = await runAsked(run)
  return ended.moved === null ? notDone(ended) : done(ended, ended.moved)
}

function notDone(ended: Ended): FailoverAnswer {
  const { situation, last } = ended
  // Whom a ledger that has gone back names is no answer.
  const gone = ledgerRewound.some(({ code }) => code === situation.code)
  const writer = gone ? null : writerAtWork(last)
  if (writer === null) {
    const because = `${situation.because}${whatIsUnsettled(ended)}`
    return { ok: false, situation: situation.code, because, advice: situation.advice }
  }
  return {
    ok: false,
    situation: situation.code,
    because: `${writer} takes writes: there is nothing to fail over from.`,
    advice: 'To swap the two on purpose, ask for a switchover.',
  }
}

/** The server that the ledger names, if it answers and is open. */
function writerAtWork({ memory }: Decision): ServerName | null {
  const ledger = memory.ledger.text === null ? null : parseLedger(memory.ledger.text)
  if (ledger === null || typeof ledger === 'string') return null
  const writer = memory.servers[ledger.writer]
  return writer?.known?.closed === false && writer.failingSinceMs === null ? ledger.writer : null
}

function done({ last, situation, messages }: Ended, { from, to }: Move): FailoverAnswer {
  const { timeline, risk } = last.memory
  const zeroMs = timeline[0]?.atMs ?? 0
  const report = messages.find(({ event }) => event === 'failed-over')?.body
  return {
    ok: true,
    situation: 'failed-over',
    because: `${to} is the writer now.`,
    advice: situation.advice,
    from,
    to,
    timeline: timeline.map(({ what, atMs }) => ({ what, ms: Math.round(atMs - zeroMs) })),
    risk,
    ...(report === undefined ? {} : { report }),
  }
}
