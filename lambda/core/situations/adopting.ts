/**
 * No ledger yet: adopt the pair if there is no doubt who the writer is; otherwise do nothing and say what settles it. A person may
 * settle it by naming the writer: what is in doubt then is refused by name, and nothing is opened that was not compared.
 */
import { type Assessment, acts, isOpen, type Side, waived } from '../assessment.ts'
import { requestText } from '../by-hand.ts'
import { digest } from '../digest.ts'
import { NO_PROOF } from '../freshness.ts'
import { canonical, count, lastOfOrigin, subtract } from '../gtid-set.ts'
import type { Ledger } from '../ledger.ts'
import { tell } from '../message.ts'
import { toClose, toOpen } from '../server-words.ts'
import type { Row } from '../situation.ts'
import { held } from '../spare.ts'
import { adopt } from '../steps.ts'
import type { Answer } from '../world.ts'
import { closednessOf, refusesWrites, takesWrites } from '../writability.ts'

const noLedger = (a: Assessment) => a.memory.ledger.state === 'known' && a.memory.ledger.text === null
const bothAnswer = (a: Assessment) => a.named.answer !== null && a.spare.answer !== null
/** Who may be the writer; of two that are not closed altogether, each may have been written to. */
const writableSides = (a: Assessment) => [a.named, a.spare].filter(takesWrites)
const openSides = (a: Assessment) => [a.named, a.spare].filter(isOpen)
const names = (a: Assessment) => `${a.named.name} and ${a.spare.name}`
const adoptOf = (a: Assessment, writer: string, force: readonly string[] = []) =>
  requestText(a, { action: 'adopt', writer, ...(force.length === 0 ? {} : { force }) })

function pointsAt(a: Assessment, side: Side | undefined): boolean {
  const { record } = a.memory.ledger
  const address = a.policy.servers[side?.name ?? '']?.address
  return record === null || (!record.foreign && record.values.length === 1 && record.values[0] === address)
}

const whereRecordPoints = (a: Assessment) =>
  a.memory.ledger.record?.foreign
    ? 'something Hotspare cannot swap'
    : (a.memory.ledger.record?.values.join(', ') ?? '')

/** One of them has neither answered nor failed to. Over a slow link the first answer takes a second. */
const stillConnecting = (a: Assessment) =>
  [a.named, a.spare].some(({ health }) => health === 'unknown') &&
  a.now - a.memory.startedAtMs < CONNECTING_MS_MAX
const CONNECTING_MS_MAX = 5000

export const adopting: readonly Row[] = [
  {
    code: 'no-ledger-unseen',
    severity: 'warning',
    when: (a) => noLedger(a) && !bothAnswer(a),
    because: (a) =>
      `There is no ledger yet, and not both of ${names(a)} answer: who the writer is can't be known, so nothing is changed.`,
    advice: () =>
      'Bring both servers up. Hotspare adopts the pair by itself once both answer and exactly one is open.',
    afterMs: 1000,
    tell: (a) => (stillConnecting(a) ? null : tell(a, 'not-adopted', 'warning')),
  },
  {
    code: 'no-ledger-none-open',
    severity: 'critical',
    when: (a) => noLedger(a) && writableSides(a).length === 0,
    because: (a) =>
      `There is no ledger yet, and neither ${a.named.name} nor ${a.spare.name} is open: nobody can say which one should be.`,
    advice: (a) =>
      acts(a)
        ? `The newest data is on ${newest(a).name}. To have it compared once more, named and opened, ${adoptOf(a, newest(a).name)}`
        : `On the server that holds the newest data, here ${newest(a).name}: ${toOpen(newest(a))}.`,
    afterMs: 1000,
    tell: (a) => tell(a, 'not-adopted', 'critical'),
  },
  {
    code: 'no-ledger-two-open',
    severity: 'critical',
    when: (a) => noLedger(a) && openSides(a).length === 2,
    because: (a) => `There is no ledger yet, and both ${names(a)} are open: both may have taken writes.`,
    advice: (a) => `On the one that applications do not write to: ${toClose(a.named)}. Then compare the two.`,
    afterMs: 1000,
    tell: (a) => tell(a, 'not-adopted', 'critical'),
  },
  {
    code: 'no-ledger-record-disagrees',
    severity: 'critical',
    when: (a) => noLedger(a) && !pointsAt(a, writableSides(a)[0]),
    because: (a) =>
      `There is no ledger yet; ${writableSides(a)[0]?.name} is open, but ${a.policy.record.name} points at ${whereRecordPoints(a)}.`,
    advice: (a) =>
      a.memory.ledger.record?.foreign
        ? `Replace the record by one simple record that points at the open server; Hotspare then adopts the pair.`
        : `Delete the record, or point ${a.policy.record.name} at the open server; Hotspare then adopts the pair. If nothing writes to ${whereRecordPoints(a)} any more, ${adoptOf(a, writableSides(a)[0]?.name ?? '', ['adopt-record-disagrees'])}`,
    afterMs: 1000,
    readsDirectory: true,
    tell: (a) => tell(a, 'not-adopted', 'critical'),
  },
  {
    code: 'adopting',
    severity: 'info',
    when: noLedger,
    because: (a) =>
      `${writableSides(a)[0]?.name} is the only open server and no record disagrees: it becomes the writer.`,
    step: (a) => {
      const side = writableSides(a)[0]
      if (side?.answer == null) return null
      return adopt(a, firstLedger(a, side.name, side.answer))
    },
  },
]

/** The server that a person named, and the other one. */
interface Named {
  readonly writer: Side
  readonly other: Side
}

function asked(a: Assessment): Named | null {
  const { request } = a.world
  if (request?.action !== 'adopt' || !noLedger(a)) return null
  return request.writer === a.spare.name
    ? { writer: a.spare, other: a.named }
    : { writer: a.named, other: a.spare }
}

/** When a person asked for an adoption and this holds of the two. */
const when = (holds: (pair: Named, a: Assessment) => boolean) => (a: Assessment) => {
  const pair = asked(a)
  return pair !== null && holds(pair, a)
}
const say = (text: (pair: Named, a: Assessment) => string) => (a: Assessment) => {
  const pair = asked(a)
  return pair === null ? '' : text(pair, a)
}
const unseen = (side: Side) => side.answer === null
const settling = (side: Side) => unseen(side) && (side.health === 'unknown' || side.health === 'suspect')
const why = (side: Side) => (side.memory.ailment === null ? '' : ` (${side.memory.ailment.message})`)
const missing = ({ writer, other }: Named) =>
  writer.answer === null || other.answer === null ? '' : subtract(held(other.answer), held(writer.answer))

/** An adoption that a person asked for. The rows before the last two are reasons against it. */
export const adoptingByRequest: readonly Row[] = [
  {
    code: 'adopt-looking',
    severity: 'info',
    when: when(({ writer, other }) => settling(writer) || settling(other)),
    because: (a) => `There is no ledger yet; ${names(a)} are being asked who is open.`,
    afterMs: 50,
  },
  {
    code: 'adopt-writer-unseen',
    severity: 'critical',
    refuses: true,
    when: when(({ writer }) => unseen(writer)),
    because: say(
      ({ writer }) => `${writer.name} does not answer${why(writer)}: it can't be made the writer unseen.`,
    ),
    advice: say(({ writer, other }) => `Bring ${writer.name} back, or name ${other.name}.`),
  },
  {
    code: 'adopt-other-unseen',
    severity: 'critical',
    refuses: true,
    when: when(
      ({ writer, other }, a) => unseen(other) && (refusesWrites(writer) || !waived(a, 'adopt-other-unseen')),
    ),
    because: say(({ writer, other }) =>
      refusesWrites(writer)
        ? `${writer.name} is closed and ${other.name} does not answer${why(other)}: they can't be compared, so ${writer.name} is not opened.`
        : `${writer.name} is open and ${other.name} does not answer${why(other)}: it may be open too, and have taken writes.`,
    ),
    advice: say(({ writer, other }, a) =>
      refusesWrites(writer)
        ? `Bring ${other.name} back. To accept the risk: on ${writer.name}, ${toOpen(writer)}; then ${adoptOf(a, writer.name, ['adopt-other-unseen'])}`
        : `Bring ${other.name} back. It is closed when it returns. If you are sure that nobody writes to it, ${adoptOf(a, writer.name, ['adopt-other-unseen'])}`,
    ),
  },
  {
    code: 'adopt-other-open',
    severity: 'critical',
    refuses: true,
    when: when(({ other }) => isOpen(other)),
    because: say(
      ({ writer, other }) =>
        `${other.name} is open: while it is, ${writer.name} is not made the writer, for then two would be.`,
    ),
    advice: say(
      ({ writer, other }) =>
        `If ${writer.name} is the right one: on ${other.name}, ${toClose(other)}; then ask again. Compare the two first.`,
    ),
  },
  {
    code: 'adopt-record-disagrees',
    severity: 'critical',
    refuses: true,
    when: when(
      ({ writer }, a) =>
        !pointsAt(a, writer) &&
        (a.memory.ledger.record?.foreign === true || !waived(a, 'adopt-record-disagrees')),
    ),
    because: (a) =>
      `${a.policy.record.name} points at ${whereRecordPoints(a)}: applications may be writing there.`,
    advice: say(({ writer }, a) =>
      a.memory.ledger.record?.foreign
        ? 'Replace it by one simple record (no alias, no routing policy), then ask again.'
        : `If nothing writes there any more and the record is to move to ${writer.name}, ${adoptOf(a, writer.name, ['adopt-record-disagrees'])}`,
    ),
  },
  {
    code: 'adopt-short',
    severity: 'critical',
    refuses: true,
    when: when((pair) => refusesWrites(pair.writer) && missing(pair) !== ''),
    because: say((pair) => {
      const lacks = missing(pair)
      return `${pair.writer.name} lacks ${count(lacks)} transactions that ${pair.other.name} has (${lacks.slice(0, 200)}): it is not opened.`
    }),
    advice: say(({ writer, other }, a) =>
      missing({ writer: other, other: writer }) === ''
        ? `${other.name} lacks nothing: ${adoptOf(a, other.name)}`
        : `Each has something that the other lacks, so a person has to choose: on the one that is to go on, ${toOpen(writer)}. It is then adopted, and the other one held.`,
    ),
  },
  {
    code: 'adopt-observed',
    severity: 'critical',
    refuses: true,
    when: when(({ writer }, a) => !acts(a) && (refusesWrites(writer) || !pointsAt(a, writer))),
    because: say(({ writer }, a) =>
      refusesWrites(writer)
        ? `${writer.name} is closed, and in observe mode Hotspare opens no server.`
        : `${a.policy.record.name} points at ${whereRecordPoints(a)}, and in observe mode Hotspare moves no record.`,
    ),
    advice: say(({ writer }, a) =>
      refusesWrites(writer)
        ? `On ${writer.name}: ${toOpen(writer)}; then ask again.`
        : `Point ${a.policy.record.name} at ${a.policy.servers[writer.name]?.address} yourself, or delete it; then ask again.`,
    ),
  },
  {
    code: 'adopting-by-request',
    severity: 'warning',
    when: when(() => true),
    because: say(({ writer }) =>
      isOpen(writer)
        ? `A person named ${writer.name}, and it is open: it becomes the writer.`
        : `A person named ${writer.name}; it is closed and lacks nothing (${count(writer.answer?.executed ?? '')} transactions): it becomes the writer, under a claim to open it.`,
    ),
    step: (a) => {
      const { writer } = asked(a) ?? {}
      if (writer?.answer == null) return null
      return adopt(a, { ...firstLedger(a, writer.name, writer.answer), claim: claimToOpen(a, writer) })
    },
  },
]

/** Who looks next finishes the opening, should this invocation die. */
function claimToOpen(a: Assessment, { name, answer }: Side): Ledger['claim'] {
  if (answer == null || closednessOf(answer) === 'open') return null
  const { who } = a.world
  const lengthMs = a.policy.claimMs
  return { who, intent: 'undo', target: name, lengthMs, touched: true, ...NO_PROOF, sinceClockMs: 0 }
}

/** The side that has everything the other has; the first one if neither does. */
function newest(a: Assessment): Side {
  const first = { writer: a.named, other: a.spare }
  const second = { writer: a.spare, other: a.named }
  return missing(first) !== '' && missing(second) === '' ? a.spare : a.named
}

function firstLedger(a: Assessment, writer: string, answer: Answer): Ledger {
  // What a closed one has received is applied before it is opened, so it is part of what it takes over.
  const position = canonical(closednessOf(answer) === 'open' ? answer.executed : held(answer))
  // A pair that lost its ledger goes on counting: takeover rows of earlier epochs may still be there.
  return {
    revision: 1,
    epoch: 1 + Math.max(...[a.named, a.spare].map((side) => side.answer?.takeover?.epoch ?? 0)),
    writer,
    sinceClockMs: Math.floor(answer.clockMs),
    how: 'adopted',
    position: digest(position),
    range: lastOfOrigin(position, answer.uuid),
    claim: null,
    pause: null,
    holds: [],
  }
}
