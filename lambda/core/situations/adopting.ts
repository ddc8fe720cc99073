/** No ledger yet: adopt the pair if there is no doubt who the writer is; otherwise do nothing and say what settles it. */
import { type Assessment, isOpen } from '../assessment.ts'
import { digest } from '../digest.ts'
import { canonical, lastOfOrigin } from '../gtid-set.ts'
import { tell } from '../message.ts'
import type { Row } from '../situation.ts'
import { adopt } from '../steps.ts'
import type { Answer } from '../world.ts'

const noLedger = (a: Assessment) => a.memory.ledger.state === 'known' && a.memory.ledger.text === null
const bothAnswer = (a: Assessment) => a.named.answer !== null && a.spare.answer !== null
const openSides = (a: Assessment) => [a.named, a.spare].filter(isOpen)
const names = (a: Assessment) => `${a.named.name} and ${a.spare.name}`

function recordAgrees(a: Assessment): boolean {
  const { record } = a.memory.ledger
  const address = a.policy.servers[openSides(a)[0]?.name ?? '']?.address
  return record === null || (!record.foreign && record.values.length === 1 && record.values[0] === address)
}

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
    tell: (a) => tell(a, 'not-adopted', 'warning'),
  },
  {
    code: 'no-ledger-none-open',
    severity: 'critical',
    when: (a) => noLedger(a) && openSides(a).length === 0,
    because: (a) =>
      `There is no ledger yet, and neither ${names(a)} is open: nobody can say which one should be.`,
    advice: () =>
      'On the server that holds the newest data: SET GLOBAL super_read_only = OFF, read_only = OFF.',
    afterMs: 1000,
    tell: (a) => tell(a, 'not-adopted', 'critical'),
  },
  {
    code: 'no-ledger-two-open',
    severity: 'critical',
    when: (a) => noLedger(a) && openSides(a).length === 2,
    because: (a) => `There is no ledger yet, and both ${names(a)} are open: both may have taken writes.`,
    advice: () =>
      'On the one that applications do not write to: SET GLOBAL super_read_only = ON. Then compare the two.',
    afterMs: 1000,
    tell: (a) => tell(a, 'not-adopted', 'critical'),
  },
  {
    code: 'no-ledger-record-disagrees',
    severity: 'critical',
    when: (a) => noLedger(a) && !recordAgrees(a),
    because: (a) =>
      `There is no ledger yet; ${openSides(a)[0]?.name} is open, but ${a.policy.record.name} points at ${
        a.memory.ledger.record?.foreign
          ? 'something Hotspare cannot swap'
          : a.memory.ledger.record?.values.join(', ')
      }.`,
    advice: (a) =>
      `Delete the record, or point ${a.policy.record.name} at the open server; Hotspare then adopts the pair.`,
    afterMs: 1000,
    readsDirectory: true,
    tell: (a) => tell(a, 'not-adopted', 'critical'),
  },
  {
    code: 'adopting',
    severity: 'info',
    when: noLedger,
    because: (a) =>
      `${openSides(a)[0]?.name} is the only open server and no record disagrees: it becomes the writer.`,
    step: (a) => {
      const side = openSides(a)[0]
      if (side?.answer == null) return null
      return adopt(a, firstLedger(a, side.name, side.answer))
    },
  },
]

function firstLedger(a: Assessment, writer: string, answer: Answer): Parameters<typeof adopt>[1] {
  const position = canonical(answer.executed)
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
