/**
 * What a person asks of the ledger: to name the first writer, to pause and resume failovers, to release a held server. One swap, and
 * the look after it answers. Nothing here touches a server; a claim that stands keeps its course and takes the change along.
 */
import {
  type Assessment,
  divergence,
  errantOnSpare,
  lackedBySpare,
  notLookedUp,
  toInspect,
  unreadableForMs,
} from '../assessment.ts'
import { requestText } from '../by-hand.ts'
import type { Row } from '../situation.ts'
import * as steps from '../steps.ts'
import type { ManualPause, ManualRelease } from '../world.ts'
import { adoptingByRequest } from './adopting.ts'
import { ledgerProblems } from './ledger-problems.ts'

const ACTIONS: ReadonlySet<string> = new Set(['adopt', 'pause', 'resume', 'release'])

/** The request is one that these rows answer. */
export function asksOfLedger(a: Assessment): boolean {
  return ACTIONS.has(a.world.request?.action ?? '')
}

/** How long a directory that can't be read is asked again before the person is told. */
const GIVE_UP_MS = 5000

/** The person has an answer: it is done, refused, or can't be done now. */
export function answersRequest(a: Assessment, row: Row): boolean {
  const unreadable = unreadableForMs(a) >= GIVE_UP_MS
  // What keeps anybody from changing the ledger is a refusal here.
  const known = a.memory.ledger.state === 'known' && ledgerProblems.includes(row)
  return row.refuses === true || known || unreadable || row.code === 'directory-refuses'
}

const adoptingRows: readonly Row[] = [
  ...adoptingByRequest,
  {
    code: 'request-without-ledger',
    severity: 'warning',
    refuses: true,
    when: (a) => a.ledger === null,
    because: (a) => `There is no ledger yet, so there is nothing to ${a.world.request?.action}.`,
    advice: (a) => `See what keeps the pair from being adopted: ${requestText(a, { action: 'status' })}`,
  },
  ...ledgerProblems,
  {
    code: 'adopted',
    severity: 'info',
    finish: true,
    when: (a) => a.world.request?.action === 'adopt' && a.world.request.writer === a.named.name,
    because: (a) => `${a.named.name} is the writer of epoch ${a.ledger?.epoch}.`,
  },
  {
    code: 'adopt-another-named',
    severity: 'warning',
    refuses: true,
    when: (a) => a.world.request?.action === 'adopt',
    because: (a) => `There is a ledger, and it names ${a.named.name}.`,
    advice: (a) =>
      `Adopting is for a pair without a ledger. To make ${a.spare.name} the writer, ask for a switchover; if ${a.named.name} is dead, for a failover.`,
  },
]

const pause = (a: Assessment) => a.world.request as ManualPause
const until = (a: Assessment) => {
  const { untilClockMs } = a.ledger?.pause ?? { untilClockMs: 0 }
  return untilClockMs === 0 ? 'until it is resumed' : `until ${new Date(untilClockMs).toISOString()}`
}

const pausing: readonly Row[] = [
  {
    code: 'pause-set',
    severity: 'info',
    finish: true,
    when: (a) =>
      a.world.request?.action === 'pause' && a.ledger?.pause?.untilClockMs === pause(a).untilClockMs,
    because: (a) =>
      `The pair is paused ${until(a)}: no new failover or switchover begins. What has begun is finished, and a second open server is still closed.`,
    advice: (a) => `To end it, ${requestText(a, { action: 'resume' })}`,
  },
  {
    code: 'pausing',
    severity: 'info',
    when: (a) => a.world.request?.action === 'pause',
    because: () => 'The pause is written into the ledger.',
    step: (a) => steps.swap(a, 'pause', { pause: { untilClockMs: pause(a).untilClockMs } }),
  },
  {
    code: 'resumed',
    severity: 'info',
    finish: true,
    when: (a) => a.world.request?.action === 'resume' && a.ledger?.pause === null,
    because: () => 'The pair is not paused: a failover happens when it is needed.',
  },
  {
    code: 'resuming',
    severity: 'info',
    when: (a) => a.world.request?.action === 'resume',
    because: () => 'The pause is taken out of the ledger.',
    step: (a) => steps.swap(a, 'resume', { pause: null }),
  },
]

const server = (a: Assessment) => (a.world.request as ManualRelease).server
const releasing = (a: Assessment) => a.world.request?.action === 'release'
/** The spare is compared first; the named server is in use already, whatever it was held for. */
const compared = (a: Assessment) => releasing(a) && server(a) === a.spare.name
const looks = (a: Assessment) => a.memory.comparison?.looks ?? 0

const releasingRows: readonly Row[] = [
  {
    code: 'released',
    severity: 'info',
    finish: true,
    when: (a) => releasing(a) && a.ledger?.holds.includes(server(a)) !== true,
    because: (a) => `${server(a)} is not held.`,
    advice: (a) =>
      a.named.answer?.channel?.receiver === 'off' && server(a) === a.spare.name
        ? `${a.named.name} does not receive from ${server(a)} yet: START REPLICA on ${a.named.name}, once ${server(a)} follows.`
        : '',
  },
  {
    code: 'release-claimed',
    severity: 'warning',
    refuses: true,
    when: (a) => releasing(a) && a.claim.kind === 'other',
    because: (a) =>
      `A claim stands (${a.claim.kind === 'other' ? `${a.claim.claim.intent}, to ${a.claim.claim.target}` : ''}): what may take part is not changed under it.`,
    advice: () => 'Ask again when it is over, in a quarter of a minute as a rule.',
  },
  {
    code: 'release-unseen',
    severity: 'warning',
    refuses: true,
    when: (a) =>
      compared(a) && [a.named, a.spare].some(({ answer, health }) => answer === null && health !== 'unknown'),
    because: (a) => {
      const silent = [a.named, a.spare].filter(({ answer }) => answer === null).map(({ name }) => name)
      return `${silent.join(' and ')} can't be seen now, so ${server(a)} can't be compared: it stays held.`
    },
    advice: (a) =>
      a.named.answer === null
        ? `Bring ${a.named.name} back. If it is gone for good, fail over with the difference accepted: ${requestText(a, { action: 'failover', force: ['spare-held'] })}`
        : `Bring ${server(a)} back, then ask again.`,
  },
  {
    code: 'release-comparing',
    severity: 'info',
    when: (a) => compared(a) && (looks(a) < 2 || (a.memory.comparison?.alone !== '' && toInspect(a) !== '')),
    because: (a) => `${a.spare.name} is compared with ${a.named.name} before it is released.`,
    afterMs: 50,
  },
  {
    code: 'release-differs',
    severity: 'warning',
    refuses: true,
    when: (a) => compared(a) && (errantOnSpare(a) !== '' || lackedBySpare(a) !== ''),
    because: (a) => [`${divergence(a)}: it stays held.`, notLookedUp(a)].join(' ').trim(),
    advice: (a) =>
      `Extract what only ${a.spare.name} has, make it anew from a copy of ${a.named.name} (docs/setup.md), then ask again.`,
  },
  {
    code: 'releasing',
    severity: 'info',
    when: releasing,
    because: (a) => `${server(a)} is taken off the list of held servers.`,
    step: (a) =>
      steps.swap(a, 'unhold', { holds: a.ledger?.holds.filter((name) => name !== server(a)) ?? [] }),
  },
]

export const requests: readonly Row[] = [...adoptingRows, ...pausing, ...releasingRows]

/** Situations in which the person has what was asked for. */
export const DONE: ReadonlySet<string> = new Set(
  requests.filter(({ finish }) => finish === true).map(({ code }) => code),
)
