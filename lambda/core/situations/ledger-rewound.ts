/**
 * The ledger is older than what the servers or we ourselves have seen (R14): before all other rows, whatever claim its text holds. It is
 * read again; then the server that the newest takeover row names, and that alone is open, is named again by swap; else a person decides.
 */
import { type Assessment, isOpen, type Side, unreadableForMs } from '../assessment.ts'
import { requestText } from '../by-hand.ts'
import { digest } from '../digest.ts'
import { canonical, lastOfOrigin } from '../gtid-set.ts'
import { tell } from '../message.ts'
import { type Rewound, rewound, rightful } from '../rewound.ts'
import { toClose, toOpen } from '../server-words.ts'
import type { Row } from '../situation.ts'
import type { SwapStep } from '../step.ts'
import * as steps from '../steps.ts'

const TOLD_AFTER_MS = 5000

/**
 * Above whatever the lost texts may have used: no text recurs (R2), a swap that was sent on one of them can't land on ours, and who
 * remembers a lost one takes ours for newer.
 */
const REVISIONS_LOST_AT_MOST = 1000

const ledgerText = (a: Assessment) => `the TXT record _hotspare.${a.policy.record.name}`

function evidence(a: Assessment): string {
  const found = rewound(a) as Rewound
  const told = `says epoch ${a.ledger?.epoch}, revision ${a.ledger?.revision}, writer ${a.ledger?.writer}`
  return found.by === 'row'
    ? `The ledger ${told}, but ${found.writer} became the writer in epoch ${found.epoch}, as its takeover row says`
    : `The ledger ${told}, but this invocation has read epoch ${found.epoch}, revision ${found.revision}`
}

/** What settles it: whom a person takes for the writer, and what to type for each. */
function waysOut(a: Assessment): string {
  const found = rewound(a) as Rewound
  const adopt = (side: Side) => requestText(a, { action: 'adopt', writer: side.name })
  const byAdoption = (side: Side, other: Side) =>
    `If ${side.name} is the writer: ${isOpen(other) ? `on ${other.name}, ${toClose(other)}; ` : ''}delete ${ledgerText(a)}, then ${adopt(side)}`
  if (found.by === 'memory')
    return `What was written to the ledger since (a claim, a pause, a hold) is lost: set it again where it is still meant. The next watch, within three minutes, goes by the ledger as it stands. To stop it, ${requestText(a, { action: 'pause', until: 'resumed' })}`
  const side = [a.named, a.spare].find(({ name }) => name === found.writer)
  const other = side === a.named ? a.spare : a.named
  if (side === undefined)
    return `${found.writer} is not in the configuration: put its name back. ${byAdoption(a.named, a.spare)}`
  const close =
    other.answer === null ? `bring ${other.name} back closed` : `on ${other.name}, ${toClose(other)}`
  const first = isOpen(side) ? close : `${isOpen(other) ? `${close}; ` : ''}on ${side.name}, ${toOpen(side)}`
  return `If ${side.name} is the writer: ${first}. As soon as it alone is seen open, the ledger and the name are mended by themselves. ${byAdoption(other, side)}`
}

/** The ledger as the takeover left it, as far as the row and the old text tell. */
function mend(a: Assessment): SwapStep | null {
  const found = rightful(a)
  if (found === null || a.ledger === null) return null
  const { side, row } = found
  const position = canonical(row.gtidSet)
  const change = {
    revision: a.memory.ledger.revisionMax + REVISIONS_LOST_AT_MOST,
    epoch: row.epoch,
    writer: side.name,
    sinceClockMs: row.takenClockMs,
    // Whether it was one is not known; so it counts for the cooldown.
    how: 'failover',
    position: digest(position),
    range: lastOfOrigin(position, side.answer?.uuid ?? ''),
    claim: null,
    holds: a.ledger.holds.filter((name) => name !== side.name),
  } as const
  return steps.swapTo(a, 'mend', { ...a.ledger, ...change }, steps.recordFor(a, side.name))
}

export const ledgerRewound: readonly Row[] = [
  {
    code: 'ledger-older',
    severity: 'warning',
    when: (a) => rewound(a)?.confirmed === false,
    because: (a) => `${evidence(a)}: it is read again before anything is done.`,
    readsDirectory: true,
    afterMs: 20,
    tell: (a) => (unreadableForMs(a) > TOLD_AFTER_MS ? tell(a, 'directory-unreachable', 'critical') : null),
  },
  {
    code: 'ledger-mending',
    severity: 'critical',
    when: (a) => rightful(a) !== null,
    because: (a) =>
      `${evidence(a)}. ${rightful(a)?.side.name} alone is open: the ledger and ${a.policy.record.name} name it again.`,
    step: mend,
    readsDirectory: true,
    afterMs: 1000,
  },
  {
    code: 'ledger-rewound',
    severity: 'critical',
    refuses: true,
    when: () => true,
    because: (a) =>
      `${evidence(a)}: it has gone back, as when a zone is restored from a backup. Nothing is opened, closed or moved by it.`,
    advice: waysOut,
    readsDirectory: true,
    afterMs: 2000,
    tell: (a) => tell(a, 'ledger-rewound', 'critical'),
  },
]
