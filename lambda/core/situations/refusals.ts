/** The writer is dead, and yet there is no automatic failover: each reason has its name, its words, and what a person can do. */
import {
  type Assessment,
  confirmedDead,
  deadButUnheard,
  errantOnSpare,
  paused,
  type Unfitness,
  unfit,
  waived,
} from '../assessment.ts'
import { byHand, insteadOfActing } from '../by-hand.ts'
import { tell } from '../message.ts'
import type { Row } from '../situation.ts'
import { whyShort } from './claim-facts.ts'

const dead = (a: Assessment) => a.named.answer === null && (confirmedDead(a) || deadButUnheard(a))
const heartbeatAge = (a: Assessment) => {
  const row = a.spare.answer?.heartbeat
  return row === undefined || typeof row === 'string' || a.spare.answer === null
    ? 'none was ever received'
    : `the newest one it applied is ${((a.spare.answer.clockMs - row.writtenClockMs) / 1000).toFixed(1)} s old`
}
/** A spare that is no replica has no view of the writer either: `no-witness` comes first. */
const WORDS: Readonly<Record<Exclude<Unfitness, 'silent' | 'not-a-replica'>, (a: Assessment) => string>> = {
  held: (a) => `${a.spare.name} is held and may not take part until it is released`,
  'not-armed': () => 'automatic failover is not armed (heartbeat table, skip_replica_start)',
  'freshness-unproven': (a) =>
    `nobody watched when it died, so nothing proves that ${a.spare.name} was up to date (${heartbeatAge(a)})`,
  stale: (a) => `${a.spare.name} was not replicating well before it died (${heartbeatAge(a)})`,
  'possibly-short': (a) => whyShort(a.spare),
  'applier-broken': (a) =>
    `the applier of ${a.spare.name} is stopped by an error (${a.spare.answer?.channel?.applierError})`,
  errant: (a) => `${a.spare.name} has transactions of its own (${errantOnSpare(a).slice(0, 200)})`,
}

function refusal(code: string, when: (a: Assessment) => boolean, why: (a: Assessment) => string): Row {
  return {
    code,
    severity: 'critical',
    when: (a) => dead(a) && !waived(a, code) && when(a),
    because: (a) => `${a.named.name} is dead and nobody can write. No failover: ${why(a)}.`,
    advice: (a) => `Bring ${a.named.name} back. ${byHand(a, code)}`,
    afterMs: 200,
    refuses: true,
    tell: (a) => tell(a, 'failover-refused', 'critical'),
  }
}

const OBSERVED = 'writer-dead-observed'

function cooling(a: Assessment): boolean {
  if (a.ledger?.how !== 'failover' || a.spare.answer === null) return false
  return a.spare.answer.clockMs - a.ledger.sinceClockMs < a.policy.failover.cooldownMs
}

export const refusals: readonly Row[] = [
  {
    // Never waived: a spare that is opened while nothing may be closed is a second writer as soon as the first one returns.
    ...refusal(
      OBSERVED,
      () => true,
      () => 'the configuration says failover.mode = observe',
    ),
    when: (a) => dead(a) && a.policy.failover.mode === 'observe',
    advice: (a) => `Bring ${a.named.name} back. ${insteadOfActing(a)}`,
  },
  refusal(
    'writer-dead-alert',
    (a) => a.policy.failover.mode === 'alert' && a.world.request === null,
    () => 'the configuration says failover.mode = alert, a person decides',
  ),
  refusal('paused', paused, () => 'the pair is paused'),
  ...(Object.keys(WORDS) as (keyof typeof WORDS)[]).map((reason) =>
    refusal(`spare-${reason}`, (a) => unfit(a) === reason, WORDS[reason]),
  ),
  refusal(
    'cooldown',
    (a) => cooling(a) && a.world.request === null,
    (a) =>
      `there was one at ${new Date(a.ledger?.sinceClockMs ?? 0).toISOString()}, and the cooldown has not passed`,
  ),
  refusal(
    'too-late-in-invocation',
    (a) => a.world.remainingMs < 20_000,
    () => 'this invocation ends soon; the next one, already on its way, takes it up',
  ),
]

/** What `force` may name. */
export const FORCEABLE: readonly string[] = [
  'no-witness',
  ...refusals
    .map(({ code }) => code)
    .filter((code) => code !== 'too-late-in-invocation' && code !== OBSERVED),
]
