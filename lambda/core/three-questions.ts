/**
 * The three questions of the night: can anybody write, is data at risk, what do I do. Answered from the state of the pair, not from
 * the situation's name, so that they hold whatever row comes first.
 */
import {
  type Assessment,
  confirmedDead,
  errantOnSpare,
  evidenceOf,
  isOpen,
  lackedBySpare,
  onHold,
  paused,
  type Side,
  type Unfitness,
  unfit,
} from './assessment.ts'
import { requestsIn } from './by-hand.ts'
import { coveredUntilMs, freshness } from './freshness.ts'
import { rewound } from './rewound.ts'
import type { Situation } from './situation.ts'
import { span } from './span.ts'
import { howClosed, refusesWrites, takesWrites, writability } from './writability.ts'

export interface Verdict {
  readonly answer: 'yes' | 'no' | 'possibly' | 'unknown'
  readonly because: string
}

/** What can be asked of the request function next, and when it is the right thing. */
export interface Next {
  readonly when: string
  readonly request: Readonly<Record<string, unknown>>
}

const verdict = (answer: Verdict['answer'], because: string): Verdict => ({ answer, because })
const writableSides = (a: Assessment) => [a.named, a.spare].filter((side) => writability(a, side) === 'open')
const pairOf = (a: Assessment) => `${a.named.name} and ${a.spare.name}`

const WORDS = { yes: 'Yes', no: 'No', possibly: 'Possibly', unknown: 'Unknown' } as const

/** The answer as a message gives it: `Yes. On alice.` */
export function inWords({ answer, because }: Verdict): string {
  return `${WORDS[answer]}. ${because}`
}

/** Where the name leads, if that is not the server that the ledger names. */
function astray({ memory, ledger, policy, named }: Assessment): string | null {
  const { record } = memory.ledger
  if (ledger === null || ledger.writer !== named.name) return null
  if (record === null) return `${policy.record.name} does not exist`
  if (!record.foreign && record.values.join() === policy.servers[named.name]?.address) return null
  return `${policy.record.name} points at ${record.values.join(', ') || 'something that Hotspare cannot read'}`
}

/** Can anybody write? */
export function writable(a: Assessment): Verdict {
  const { named, spare } = a
  if (writableSides(a).length === 2) return verdict('yes', `On both ${pairOf(a)}, and only one may be open.`)
  if (a.ledger === null) return withoutLedger(a)
  if (writability(a, named) === 'open') {
    const elsewhere = astray(a)
    if (elsewhere !== null) {
      const missed = 'who follows the name does not reach it'
      return verdict('possibly', `${named.name} is open, but ${elsewhere}: ${missed}.`)
    }
    return verdict('yes', `On ${named.name}.`)
  }
  if (takesWrites(spare))
    return verdict('possibly', `${spare.name} is open, while ledger and name still say ${named.name}.`)
  if (takesWrites(named)) return verdict('no', `${named.name} is open, and can't commit.`)
  if (refusesWrites(named))
    return verdict('no', `${named.name} is the writer, and it is ${howClosed(named)}.`)
  return withoutWriter(a)
}

function withoutLedger(a: Assessment): Verdict {
  const missing = a.memory.ledger.text === null && a.memory.ledger.state === 'known'
  const why = missing ? 'there is no ledger yet' : "the ledger can't be used"
  const [open] = writableSides(a)
  if (open !== undefined) return verdict('possibly', `${open.name} is open, and ${why}.`)
  return a.named.answer === null || a.spare.answer === null
    ? verdict('unknown', `Not both of ${pairOf(a)} answer, and ${why}.`)
    : verdict('no', `Both ${pairOf(a)} are closed.`)
}

function withoutWriter(a: Assessment): Verdict {
  const { named, spare } = a
  if (a.claim.kind !== 'none') {
    const { intent, target } = a.claim.claim
    const what = intent === 'undo' ? 'to open it again' : `to open ${target}`
    return verdict('no', `${named.name} does not answer; a claim ${what} stands, by ${a.claim.claim.who}.`)
  }
  if (named.health === 'sick')
    return verdict('possibly', `${named.name} answers us with an error; applications may get the same one.`)
  if (a.witness === 'alive')
    return verdict('possibly', `${spare.name} still hears from ${named.name}: it lives, we are cut off.`)
  if (spare.answer === null) return verdict('unknown', `Neither ${named.name} nor ${spare.name} answers us.`)
  return confirmedDead(a)
    ? verdict('no', `${named.name} is the writer, and it is dead.`)
    : verdict('unknown', `${named.name} is the writer, and it does not answer us.`)
}

/** Is data at risk? `lagMs`: how far the spare is behind the writer; null if that can't be told. */
export function atRisk(a: Assessment, lagMs: number | null): Verdict {
  const { named, spare } = a
  if (takesWrites(named) && isOpen(spare))
    return verdict('yes', 'Both are open: each may take writes that contradict those of the other.')
  if (a.ledger === null)
    return verdict('unknown', 'Not by waiting. But nobody takes over while there is no ledger to go by.')
  if (rewound(a) !== null)
    return verdict(
      'possibly',
      'The ledger has gone back, and the name with it: who follows it may reach the wrong server.',
    )
  if (isOpen(spare))
    return verdict('possibly', `What ${spare.name} takes now is compared with ${named.name} afterwards.`)
  if (named.answer === null && spare.answer === null) return verdict('unknown', 'Nothing can be seen.')
  if (errantOnSpare(a) !== '')
    return verdict(
      'possibly',
      `What only ${spare.name} has is on no other server. It is kept there until ${spare.name} is made anew.`,
    )
  if (named.answer === null) return ifWriterIsLost(a)
  if (refusesWrites(named))
    return verdict('no', 'As long as it stays closed. Who opens it uncompared accepts what it may have lost.')
  return ifWriterDied(a, lagMs)
}

/** It does not answer. What the spare has received of it is not lost, applied or not. */
function ifWriterIsLost(a: Assessment): Verdict {
  const { named, spare } = a
  const { answer } = spare
  const evidence = answer === null ? null : evidenceOf(a, answer)
  const untilMs = evidence === null ? null : coveredUntilMs(evidence)
  if (answer === null || evidence === null || untilMs === null)
    return verdict('possibly', `Nothing proves how much of ${named.name} is on ${spare.name}.`)
  const fresh = freshness(evidence)
  if (fresh.kind === 'fresh' && fresh.by === 'claim')
    return verdict(
      'possibly',
      `${spare.name} had received all but the last ${span(a.policy.detection.freshnessMs)} of ${named.name} at most when that fell silent, as who held the claim before saw.`,
    )
  const agoMs = answer.readAtMs - untilMs
  const at = new Date(Math.round(answer.clockMs - agoMs)).toISOString()
  return verdict(
    'possibly',
    `${spare.name} has received everything that ${named.name} committed until ${at} (${span(agoMs)} ago). If ${named.name} is lost, so is what it committed later.`,
  )
}

/** Why the spare could not take over, as the end of a sentence. */
export const UNFIT: Readonly<Record<Unfitness, (a: Assessment) => string>> = {
  silent: (a) => `${a.spare.name} does not answer`,
  held: (a) => `${a.spare.name} is held`,
  'not-a-replica': (a) => `${a.spare.name} is not set up to replicate`,
  'rights-missing': (a) => `Hotspare's account lacks rights on ${a.spare.name}`,
  'not-armed': () => 'automatic failover is not armed',
  'freshness-unproven': (a) => `whether ${a.spare.name} receives everything has not been seen yet`,
  stale: (a) => `${a.spare.name} has not received what ${a.named.name} committed some time ago`,
  'possibly-short': (a) =>
    `${a.spare.name} restarted or lost what it had received, and has not been seen to have everything since`,
  'applier-broken': (a) => `the applier of ${a.spare.name} stopped with an error`,
  'applier-stopped': (a) => `the applier of ${a.spare.name} is stopped`,
  delayed: (a) => `${a.spare.name} applies everything late on purpose`,
  errant: (a) => `${a.spare.name} has transactions of its own`,
}

/** It takes writes: what a death now would cost. */
function ifWriterDied(a: Assessment, lagMs: number | null): Verdict {
  const { named, spare } = a
  const short = lackedBySpare(a) === '' ? null : `${spare.name} lost transactions of its own`
  const reason = unfit(a)
  const { channel } = spare.answer ?? { channel: null }
  const stopped =
    channel?.receiver === 'on' && channel.applier === 'on' ? null : `${spare.name} does not follow`
  const against = short ?? (reason === null ? stopped : UNFIT[reason](a))
  if (against !== null) return verdict('no', `If ${named.name} died now, nobody would take over: ${against}.`)
  const { semiSync } = named.answer ?? { semiSync: null }
  if (semiSync?.working === true)
    return verdict('no', `Each commit on ${named.name} waits until ${spare.name} has received it.`)
  if (lagMs !== null && lagMs > a.policy.detection.freshnessMs)
    return verdict(
      'no',
      `If ${named.name} died now, ${spare.name} would first apply the ${span(lagMs)} that it is behind; it has received everything but the last moments.`,
    )
  return lagMs === null
    ? verdict('no', `${spare.name} follows; how far it is behind can't be told.`)
    : verdict('no', `If ${named.name} died now, about its last ${span(Math.max(lagMs, 1))} would be lost.`)
}

/** A watch writes one every second. */
const UNWATCHED_MS = 10_000

/** How long ago the writer's newest heartbeat was written, by its own clock; null if there is none to see. */
export function beatAgoMs({ named }: Assessment): number | null {
  const { answer } = named
  if (answer === null || typeof answer.heartbeat === 'string') return null
  return Math.max(0, answer.clockMs - answer.heartbeat.writtenClockMs)
}

/** Nobody writes heartbeats on the writer, though it could take them. */
export function unwatched(a: Assessment): boolean {
  if (a.ledger === null || a.claim.kind !== 'none' || !takesWrites(a.named)) return false
  if (a.named.answer?.heartbeat === 'no-table') return false
  return (beatAgoMs(a) ?? Number.POSITIVE_INFINITY) > UNWATCHED_MS
}

/** What is wrong beside the situation: it does not keep the writer from writing, and nobody would take over. */
export function warningsOf(a: Assessment): string[] {
  const warnings: string[] = []
  const agoMs = beatAgoMs(a)
  if (unwatched(a))
    warnings.push(
      agoMs === null
        ? 'Nobody watches: no heartbeat was ever written. Look whether the schedule starts the watch function.'
        : `Nobody watches: the newest heartbeat is ${span(agoMs)} old. Look whether the schedule starts the watch function, and at its log.`,
    )
  if (paused(a)) {
    const until = a.ledger?.pause?.untilClockMs ?? 0
    const end = until === 0 ? 'until it is resumed' : `until ${new Date(until).toISOString()}`
    warnings.push(`The pair is paused ${end}: no failover or switchover begins.`)
  }
  for (const side of [a.named, a.spare]) warnings.push(...numberingWarnings(side))
  return warnings
}

/** MariaDB: what lets a lost heartbeat, or an order that nobody keeps, come between the two. */
function numberingWarnings({ name, answer }: Side): string[] {
  const numbering = answer?.numbering ?? null
  if (numbering === null) return []
  const apart = numbering.oursApart
    ? []
    : [
        `On ${name} Hotspare's account lacks BINLOG REPLAY: a heartbeat that is lost in a crash of ${name} will stop replication both ways (error 1950). There, out of the binary log: GRANT BINLOG REPLAY ON *.* TO its account (docs/setup.md).`,
      ]
  const ordered = numbering.inOrder
    ? []
    : [
        `gtid_strict_mode is off on ${name}: what is applied out of order goes unnoticed, and a server that was made anew is held for what it seems to lack. There: SET GLOBAL gtid_strict_mode = ON, and in its configuration file.`,
      ]
  return [...apart, ...ordered]
}

/** What do I do? The requests that may be the answer. */
export function nextRequests(a: Assessment, { advice }: Situation): Next[] {
  const { pair } = a.policy
  const next: Next[] = requestsIn(advice)
  if (paused(a))
    next.push({ when: 'When the pause is no longer needed', request: { action: 'resume', pair } })
  if (onHold(a) && a.named.answer !== null)
    next.push({
      when: `When ${a.spare.name} has been made anew from ${a.named.name}`,
      request: { action: 'release', pair, server: a.spare.name },
    })
  return next
}
