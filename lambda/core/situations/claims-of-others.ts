/** Somebody else holds a claim: while it stands, nobody else touches either server; once it has expired, it is taken over. */
import { type Assessment, acts, duration, isClosed, isOpen } from '../assessment.ts'
import { insteadOfActing, toName } from '../by-hand.ts'
import { tell } from '../message.ts'
import { toClose, toOpen } from '../server-words.ts'
import type { Row } from '../situation.ts'
import * as steps from '../steps.ts'
import { takesWrites } from '../writability.ts'
import { release } from './claim-facts.ts'

const holder = ({ claim }: Assessment) =>
  claim.kind === 'other' ? `${claim.claim.who} (${claim.claim.intent}, to ${claim.claim.target})` : ''
const leftStanding = (a: Assessment) =>
  a.claim.kind === 'other' && a.claim.expired && a.policy.failover.mode === 'observe'

/** What a person does instead. With the named server open and the other one closed, the claim goes by itself. */
function endByHand(a: Assessment): string {
  const { named, spare } = a
  if (isOpen(spare))
    return `By hand: compare the two. To go on with ${spare.name}: see that ${named.name} is off or closed, then ${toName(a, spare)}. To go back to ${named.name}: on ${spare.name}, ${toClose(spare)}; then on ${named.name}, ${toOpen(named)}.`
  if (named.answer !== null)
    return `By hand: compare the two. To go on with ${named.name}: on ${named.name}, ${toOpen(named)}; once ${spare.name} is seen closed beside it, the claim goes by itself.`
  return `By hand: bring ${named.name} back. ${insteadOfActing(a)}`
}

/** Nobody writes heartbeats while a claim stands: how old the newest one is, by the clock of a server that has it. */
function sinceBeatMs(a: Assessment): number {
  const ages = [a.named, a.spare].flatMap(({ answer }) =>
    answer === null || typeof answer.heartbeat === 'string'
      ? []
      : [answer.clockMs - answer.heartbeat.writtenClockMs],
  )
  return Math.max(0, Math.min(...ages))
}
/** A failover takes seconds; what takes longer is held up. */
const LONG_MS = 30_000

export const claimsOfOthers: readonly Row[] = [
  {
    code: 'claim-expired',
    severity: 'warning',
    when: (a) =>
      a.claim.kind === 'other' &&
      a.claim.expired &&
      acts(a) &&
      (a.memory.tookOverAtMs === null || a.now - a.memory.tookOverAtMs >= 60_000),
    because: (a) =>
      a.claim.kind === 'other'
        ? `The claim of ${a.claim.claim.who} (${a.claim.claim.intent}, to ${a.claim.claim.target}) stood unchanged for its whole length: what it began is taken over.`
        : '',
    step: (a) =>
      a.claim.kind === 'other'
        ? steps.swap(a, 'take-over', {
            claim: { ...a.claim.claim, who: a.world.who, touched: true, lengthMs: a.policy.claimMs },
          })
        : null,
  },
  {
    code: 'claim-expired-observed',
    severity: 'warning',
    when: (a) => leftStanding(a) && takesWrites(a.named) && isClosed(a.spare),
    because: (a) =>
      `The claim of ${holder(a)} stood unchanged for its whole length. ${a.named.name} is open and ${a.spare.name} closed, as it was before: it is taken out of the ledger.`,
    step: release,
  },
  {
    code: 'claim-left-standing',
    severity: 'critical',
    when: leftStanding,
    because: (a) =>
      `The claim of ${holder(a)} stood unchanged for its whole length, and in observe mode Hotspare neither finishes nor undoes what it began: nobody fails over while it stands.`,
    advice: (a) =>
      `So that Hotspare finishes or undoes it: set failover.mode to alert or automatic, and deploy. ${endByHand(a)}`,
    refuses: true,
    afterMs: 1000,
    readsDirectory: true,
    tell: (a) => tell(a, 'claim-stands', 'critical'),
  },
  {
    code: 'claim-standing-long',
    severity: 'critical',
    when: (a) =>
      a.claim.kind === 'other' &&
      !takesWrites(a.named) &&
      !isOpen(a.spare) &&
      Number.isFinite(sinceBeatMs(a)) &&
      sinceBeatMs(a) > LONG_MS,
    because: (a) =>
      a.claim.kind === 'other'
        ? `${a.claim.claim.who} holds a claim (${a.claim.claim.intent}, to ${a.claim.claim.target}) and no server is open: nobody can write, for about ${duration(sinceBeatMs(a))} (since the newest heartbeat). Something holds it up; while it stands, nobody else touches either server.`
        : '',
    advice: (a) =>
      a.claim.kind === 'other'
        ? `What holds it up is in the log lines and messages of ${a.claim.claim.who}. Look at ${a.claim.claim.target} (SHOW PROCESSLIST) for locks and backups, and at the rights of Hotspare's account (docs/setup.md). A claim that nobody renews is taken over after ${duration(a.claim.claim.lengthMs)}.`
        : '',
    afterMs: 1000,
    readsDirectory: true,
  },
  {
    code: 'switchover-in-progress',
    severity: 'info',
    when: (a) => a.claim.kind === 'other' && a.claim.claim.intent === 'switchover',
    because: (a) =>
      a.claim.kind === 'other'
        ? `${a.claim.claim.who} is switching over to ${a.claim.claim.target}; its claim is unchanged for ${duration(a.claim.seenForMs)} of ${duration(a.claim.claim.lengthMs)}: hands off.`
        : '',
    afterMs: 1000,
    readsDirectory: true,
  },
  {
    code: 'claim-standing',
    severity: 'info',
    when: (a) => a.claim.kind === 'other',
    because: (a) =>
      a.claim.kind === 'other'
        ? `${a.claim.claim.who} holds a claim (${a.claim.claim.intent}, to ${a.claim.claim.target}), unchanged for ${duration(a.claim.seenForMs)} of ${duration(a.claim.claim.lengthMs)}: hands off.`
        : '',
    afterMs: 1000,
    readsDirectory: true,
  },
]
