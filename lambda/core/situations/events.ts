/**
 * Events run on the writer and only there (T18, T40). Nothing of this comes before an opening or a move.
 *
 * The one thing to understand: a replica marks every event that comes by replication in the same way, enabled or not. Which ones ran can
 * only be told by the server that was the writer: from what it answered while it was, or from its own list when it is back.
 */
import { type Assessment, acts, isClosed } from '../assessment.ts'
import { ledgerBacked } from '../ledger-backed.ts'
import type { Row } from '../situation.ts'
import * as steps from '../steps.ts'
import type { EventName } from '../world.ts'
import { takesWrites } from '../writability.ts'
import { confirming } from './confirming.ts'

/** Somebody else's right or lock is in the way then; trying on would only hide what else is wrong. */
export const EVENT_TRIES = 3

/** Enabled on the other server, and not yet here. */
function toEnable(a: Assessment): readonly EventName[] {
  const here = a.named.memory.events.now?.view.list ?? []
  const there = a.spare.memory.events.now?.view.list ?? []
  const enabled = new Set(there.filter(({ state }) => state === 'enabled').map(idOf))
  return here
    .filter((event) => event.state === 'replica-side' && enabled.has(idOf(event)))
    .map(({ schema, name, definer }) => ({ schema, name, definer }))
}

const idOf = ({ schema, name }: EventName) => JSON.stringify([schema, name])

function toStart(a: Assessment): boolean {
  if (a.named.memory.events.now?.view.scheduler !== 'off') return false
  return a.named.memory.events.ran || a.spare.memory.events.ran
}

const stops = (a: Assessment) =>
  acts(a) &&
  isClosed(a.spare) &&
  a.spare.memory.events.now?.view.scheduler === 'on' &&
  a.spare.memory.events.steps < EVENT_TRIES

const starts = (a: Assessment) =>
  acts(a) &&
  takesWrites(a.named) &&
  a.named.memory.events.steps < EVENT_TRIES &&
  (toStart(a) || toEnable(a).length > 0)

const stopsBacked = (a: Assessment) => ledgerBacked(a, a.spare, 'closed')
const startsBacked = (a: Assessment) => ledgerBacked(a, a.named, 'open')

export const events: readonly Row[] = [
  // Where the ledger can't be read, the events wait and what comes next is told.
  confirming(
    'events-unconfirmed',
    (a) =>
      a.memory.ledger.failure === null && ((stops(a) && !stopsBacked(a)) || (starts(a) && !startsBacked(a))),
    (a) =>
      `The event scheduler of ${stops(a) ? a.spare.name : a.named.name} is to be ${stops(a) ? 'stopped' : 'started'}: who the writer is is read once more first.`,
  ),
  {
    code: 'stopping-events',
    yields: 'at-once',
    severity: 'info',
    when: (a) => stops(a) && stopsBacked(a),
    because: (a) =>
      `${a.spare.name} is closed and its event scheduler runs: it is stopped, so that no event writes there.`,
    step: (a) => steps.stopEvents(a.spare),
  },
  {
    code: 'starting-events',
    yields: 'at-once',
    severity: 'info',
    when: (a) => starts(a) && startsBacked(a),
    because: (a) => {
      const names = toEnable(a).map(({ schema, name }) => `${schema}.${name}`)
      const which =
        names.length === 0 ? '' : `, and these are enabled there: ${names.join(', ').slice(0, 300)}`
      return `${a.named.name} is the writer: its event scheduler runs${which}.`
    },
    step: (a) => steps.startEvents(a.named, toEnable(a)),
  },
]
