/**
 * Messages for people: what happened, can anybody write, is data at risk, what to do now; plain text for three in the morning.
 * Each event is told once in an invocation; steady conditions are metrics, whose alarms de-duplicate them.
 */
import { type Assessment, acts, duration, errantOnSpare, inspection } from './assessment.ts'
import { count, members } from './gtid-set.ts'
import type { Mark } from './memory.ts'
import type { Risk } from './risk.ts'
import { toExtract } from './server-words.ts'
import type { Severity, Situation } from './situation.ts'
import { span } from './span.ts'
import { adviceOn, standing, inWords as stuckInWords } from './stuck.ts'
import { inWords, writable } from './three-questions.ts'
import { writeBlockMs } from './timeline.ts'

/** What a row asks to be told. */
export interface Tell {
  readonly event: string
  readonly severity: Severity
  readonly key: string
}

export interface Message {
  readonly pair: string
  readonly event: string
  readonly severity: Severity
  /** At most 100 ASCII characters. */
  readonly subject: string
  readonly body: string
}

export function tell(a: Assessment, event: string, severity: Severity): Tell {
  return { event, severity, key: `${event}/${a.ledger?.epoch ?? 0}/${a.named.name}` }
}

/** Things that happened, which no row has to watch for: told when memory first shows them. */
export function milestones(a: Assessment): Tell[] {
  const tells: Tell[] = []
  const reached = (what: Mark['what']) => a.memory.timeline.find((mark) => mark.what === what)
  const { moved, ledger } = a.memory
  if (moved !== null && a.ledger?.how === 'switchover') {
    tells.push(tell(a, 'switched-over', 'info'))
  } else if (moved !== null) {
    const sinceMovedMs = a.now - (reached('moved')?.atMs ?? a.now)
    const told = reached('writable') || sinceMovedMs > WRITABLE_WAIT_MS || a.world.request !== null
    if (told) tells.push(tell(a, 'failed-over', 'critical'))
    if (reached('visible')) tells.push(tell(a, 'failover-visible', 'info'))
    else if (sinceMovedMs > VISIBLE_LATE_MS) tells.push(tell(a, 'failover-not-visible', 'critical'))
  }
  if (ledger.sent?.purpose === 'adopt' && ledger.sent.text === ledger.text)
    tells.push(tell(a, 'adopted', 'info'))
  if (ledger.sent?.purpose === 'mend' && ledger.sent.text === ledger.text)
    tells.push(tell(a, 'ledger-mended', 'critical'))
  return tells
}

const WRITABLE_WAIT_MS = 2000
const VISIBLE_LATE_MS = 90_000

export function compose(a: Assessment, told: Tell, situation: Situation): Message {
  const { pair } = a.policy
  const written = BODIES[told.event]?.(a, situation) ?? general(a, told.event, situation)
  const lines = [
    ...written.lines,
    '',
    `Pair ${pair}, epoch ${a.ledger?.epoch ?? '(none)'}, situation ${situation.code}, invocation ${a.world.who}.`,
    `Time ${new Date(a.world.wallClockMs).toISOString()} (the function's clock).`,
  ]
  return {
    pair,
    event: told.event,
    severity: told.severity,
    subject: `[hotspare] ${pair}: ${written.subject}`.slice(0, 100),
    body: lines.join('\n'),
  }
}

interface Written {
  readonly subject: string
  readonly lines: readonly string[]
}

/** What a subject begins with if nobody can write: the same answer as in the body and in the status. */
const loud = (a: Assessment) => (writable(a).answer === 'no' ? 'NOT WRITABLE, ' : '')
const state = (a: Assessment) =>
  a.named.answer !== null ? 'takes no writes' : a.named.health === 'dead' ? 'is down' : 'does not answer'

const SUBJECTS: Readonly<Record<string, (a: Assessment) => string>> = {
  'not-adopted': () => 'not watched yet, a person has to settle who the writer is',
  'directory-unreachable': () => 'Route 53 cannot be read, no failover is possible',
  'directory-refuses': () => 'Route 53 refuses our changes, no failover is possible',
  'ledger-unreadable': () => 'the ledger cannot be understood, no failover is possible',
  'ledger-rewound': () => 'the ledger has gone back, no failover is possible',
  'ledger-mended': (a) => `the ledger had gone back, ${a.named.name} is named again`,
  'record-disagrees': (a) => `${a.policy.record.name} does not point at the writer`,
  blind: (a) =>
    a.named.health === 'sick' && a.spare.health === 'sick'
      ? 'no server lets us in'
      : 'neither server answers',
  'second-server-open': (a) => `${a.spare.name} is open beside the writer`,
  'claim-stands': () => 'a claim stands that nobody finishes, no failover is possible',
  'writer-closed': (a) => `${loud(a)}${a.named.name} is closed`,
  'writer-restarted': (a) => `${a.named.name} restarted and is opened again`,
  'writer-reopened': (a) => `${a.named.name} is open again, no failover`,
  'writer-sick': (a) => `${a.named.name} answers with errors, no failover`,
  'writer-partitioned': (a) => `${a.named.name} lives but does not answer us, no failover`,
  'writer-stalled': (a) => `${loud(a)}${a.named.name} cannot commit`,
  'failover-refused': (a) => `${loud(a)}${a.named.name} ${state(a)} and there is no failover`,
  'failover-waits': (a) => `${loud(a)}${a.spare.name} applies what it received before it takes over`,
  'failover-abandoned': (a) => `${a.named.name} came back, no failover`,
  'failover-blocked': (a) => `${loud(a)}others hold locks on ${a.spare.name}`,
  'blockers-ended': (a) => `sessions that blocked ${a.spare.name} are ended, the failover goes on`,
  'switchover-undone': (a) => `${a.named.name} stays the writer, the switchover was undone`,
  'old-writer-returned': (a) => `${a.spare.name} is back, closed, nothing lost`,
}

const DATA_AT_RISK: Readonly<Record<string, string>> = {
  blind: 'Unknown: nothing can be seen.',
  'failover-refused':
    'Not by waiting. Whoever opens the spare by hand may give up what it has not received or applied; nothing was changed so far.',
  'failover-waits': 'Not by waiting: everything that was received is applied before anything is opened.',
  'record-disagrees':
    'Possibly: applications may be writing where the record points, and nobody compares that server.',
  'ledger-rewound':
    'Possibly: the name may lead to a server that is no longer the writer. Nothing is opened or closed until it is settled.',
  'ledger-mended':
    'Possibly: applications that follow the name may have been led to the other server meanwhile; it was closed when we looked.',
  'writer-closed': 'Not while it stays closed. Who opens it without comparing accepts what it may have lost.',
  'second-server-open':
    'Possibly: writes that the second server took are compared next; what only it has is listed in a message.',
}

function general(a: Assessment, event: string, situation: Situation): Written {
  const lines = [
    situation.because,
    '',
    `Can anybody write?  ${inWords(writable(a))}`,
    `Is data at risk?    ${DATA_AT_RISK[event] ?? 'Nothing was lost by what Hotspare did.'}`,
    `What now?           ${situation.advice === '' ? 'Nothing has to be done by hand.' : situation.advice}`,
  ]
  return { subject: SUBJECTS[event]?.(a) ?? situation.code, lines }
}

const BODIES: Readonly<Record<string, (a: Assessment, situation: Situation) => Written>> = {
  adopted: (a) => ({
    subject: `watched from now on, ${a.named.name} is the writer`,
    lines: [
      `${a.named.name} is the writer of epoch ${a.ledger?.epoch}, ${a.spare.name} the spare; ${a.policy.record.name} holds ${a.policy.servers[a.named.name]?.address}.`,
      'Automatic failover is armed once a heartbeat has been written and applied.',
    ],
  }),
  'failed-over': failedOver,
  'switched-over': switchedOver,
  'failover-visible': (a) => ({
    subject: `every name server now answers ${a.named.name}`,
    lines: [
      `${a.policy.record.name} resolves to ${a.policy.servers[a.named.name]?.address} (${a.named.name}) and Route 53 reports the change in sync.`,
      `Applications follow when their own caches run out (TTL ${a.policy.record.ttlSeconds} s, and what their pools and runtimes keep).`,
    ],
  }),
  'failover-not-visible': (a) => ({
    subject: `the name still does not answer ${a.named.name}`,
    lines: [
      `${a.policy.record.name} was moved to ${a.named.name} more than ${VISIBLE_LATE_MS / 1000} s ago, and the name servers do not show it yet.`,
      `Applications may still try the old writer. Check with: dig ${a.policy.record.name} ${a.policy.record.type}`,
    ],
  }),
  'server-held': held,
  'step-refused': stepRefused,
}

function failedOver(a: Assessment): Written {
  const from = a.memory.moved?.from ?? a.spare.name
  return {
    subject: `writer moved from ${from} to ${a.named.name}`,
    lines: [
      ...forced(a),
      `${from} failed. ${a.named.name} is the writer now; ${a.policy.record.name} holds ${a.policy.servers[a.named.name]?.address}.`,
      '',
      `Can anybody write?  ${inWords(writable(a))}`,
      `Is data at risk?    ${riskInWords(a.memory.risk, from)}`,
      `Is ${from} harmless? ${fenceInWords(a, from)}`,
      `What now?           Find out why ${from} failed. When it returns it is closed and compared, and a message says what only it has. The pair is unprotected until then.`,
      '',
      ...timelineInWords(a),
    ],
  }
}

function forced(a: Assessment): string[] {
  const { request } = a.world
  if (request === null) return []
  const without = request.force.length === 0 ? '' : ` It was told to go without: ${request.force.join(', ')}.`
  const asked = request.action === 'switchover' ? 'A switchover to it' : 'This failover'
  return [`${asked} was asked for by hand.${without}`, '']
}

function switchedOver(a: Assessment): Written {
  const from = a.memory.moved?.from ?? a.spare.name
  const blockMs = writeBlockMs(a.memory.timeline)
  return {
    subject: `writer switched from ${from} to ${a.named.name}, nothing lost`,
    lines: [
      ...forced(a),
      `${a.named.name} is the writer now; ${a.policy.record.name} holds ${a.policy.servers[a.named.name]?.address}.`,
      '',
      `Can anybody write?  ${inWords(writable(a))}`,
      `Is data at risk?    No: ${from} was closed and ${a.named.name} had exactly its position before it was opened.`,
      `What now?           Nothing has to be done by hand.${blockMs === null ? '' : ` Nobody could write for ${duration(blockMs)}.`}`,
      '',
      ...timelineInWords(a),
    ],
  }
}

function riskInWords(risk: Risk | null, from: string): string {
  if (risk === null || risk.transactionsAtMost === null)
    return `Unknown: whoever did this had not seen ${from} alive${risk?.windowMs == null ? '' : `; commits of the last ${span(risk.windowMs)} before it was found silent may be missing`}. When it returns, what only it has is listed.`
  if (risk.lossless)
    return `No: semi-synchronous replication was working until ${from} failed, so every commit that an application was told of is here.`
  const window = `commits of its last ${risk.windowMs} ms may be missing, at most about ${risk.transactionsAtMost} at the rate seen`
  if (risk.missingCount > 0)
    return `Yes: ${risk.missingCount} transactions seen on ${from} never arrived (${risk.missing.slice(0, 500)}); ${window}.`
  const quiet = risk.quietMs !== null && risk.windowMs !== null && risk.quietMs > risk.windowMs / 2
  if (risk.transactionsAtMost === 0 && !quiet)
    return `No transaction is known or expected to be missing (everything seen on ${from} is here; ${risk.windowMs} ms were not seen).`
  return risk.transactionsAtMost === 0
    ? `Possibly: everything that we saw on ${from} is here, but nothing had reached the spare for the last ${risk.quietMs} ms. What ${from} committed in that time is not known; it committed nothing before.`
    : `Possibly: everything that we saw on ${from} is here; ${window}.${quietInWords(risk)}`
}

/** Commits reach the spare within milliseconds: if it heard nothing for most of that time, there were hardly any, or the way was cut. */
function quietInWords({ quietMs, windowMs }: Risk): string {
  if (quietMs === null || windowMs === null || quietMs < windowMs / 2) return ''
  return ` Nothing had reached the spare for ${quietMs} ms of these: either there were hardly any, or the two were cut off from each other first.`
}

function fenceInWords(a: Assessment, from: string): string {
  if (a.spare.answer?.closed === true) return `Yes: ${from} answers and is closed.`
  const queued =
    a.memory.moved?.closeQueued === true
      ? ' A close waits on its open connection for the moment it wakes.'
      : ''
  return `FENCE UNCONFIRMED: ${from} does not answer, and no fence is configured. It is closed as soon as it does.${queued}`
}

const SINCE: Readonly<Partial<Record<Mark['what'], string>>> = {
  lastAnswer: 'the last sign of life',
  claimed: 'the claim',
}

function timelineInWords(a: Assessment): string[] {
  const zero = a.memory.timeline.find(({ what }) => what === 'lastAnswer') ?? a.memory.timeline[0]
  if (zero === undefined) return []
  return [
    `Timeline, ms since ${SINCE[zero.what] ?? 'the first failed probe'}:`,
    ...a.memory.timeline
      .filter(({ what }) => what !== 'lastAnswer')
      .map(({ what, atMs }) => `  ${what.padEnd(10)} ${Math.round(atMs - zero.atMs)}`),
  ]
}

function stepRefused(a: Assessment): Written {
  const told = standing(a)
  const names = [...new Set(told.map(({ server }) => server))].join(' and ')
  return {
    subject: `${loud(a)}${names} refuses what has to be done`,
    lines: [
      ...told.map((each) => stuckInWords(a, each)),
      '',
      `Can anybody write?  ${inWords(writable(a))}`,
      'Is data at risk?    Nothing was lost by what Hotspare did.',
      `What now?           ${adviceOn(a)}`,
    ],
  }
}

/** How many transactions a message lists one by one; the rest as a set. */
const LISTED_IN_MESSAGE = 20

function held(a: Assessment, situation: Situation): Written {
  const { tables } = inspection(a)
  const alone = errantOnSpare(a)
  const more = count(alone) - LISTED_IN_MESSAGE
  const listed = members(alone, LISTED_IN_MESSAGE).map(
    (gtid) => `  ${gtid}  ${tables[gtid]?.join(', ') || '(tables unknown)'}`,
  )
  return {
    subject: `${a.spare.name} ${acts(a) ? 'is held, it' : 'would be held: it'} and ${a.named.name} differ`,
    lines: [
      situation.because,
      '',
      `Can anybody write?  ${inWords(writable(a))}`,
      `Is data at risk?    ${alone === '' ? `${a.spare.name} lost transactions of its own; ${a.named.name} has them.` : `What only ${a.spare.name} has is not on ${a.named.name}. It is kept, and stays there until ${a.spare.name} is reseeded.`}`,
      ...(alone === ''
        ? ['What now?           Reseed it from the writer.']
        : [
            `What now?           Extract it on ${a.spare.name}, decide what to replay, then reseed:`,
            ...toExtract(a.spare, alone).map((command) => `                    ${command}`),
            '',
            `Transactions that only ${a.spare.name} has:`,
            ...listed,
            ...(more > 0 ? [`  and ${more} more.`] : []),
          ]),
    ],
  }
}
