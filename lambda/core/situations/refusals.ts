/** The writer is dead, and yet there is no automatic failover: each reason has its name, its words, and what a person can do. */
import {
  type Assessment,
  confirmedDead,
  deadButUnheard,
  errantOnSpare,
  evidenceOf,
  paused,
  silentForMs,
  type Unfitness,
  unfit,
  waived,
} from '../assessment.ts'
import { byHand, insteadOfActing } from '../by-hand.ts'
import { freshness } from '../freshness.ts'
import { tell } from '../message.ts'
import { toApplyAtOnce } from '../server-words.ts'
import type { Row } from '../situation.ts'
import { span } from '../span.ts'
import { adviceOn, givenBackFor, inWords } from '../stuck.ts'
import { listed } from '../switchover.ts'
import { blockersOf, toEnd } from './blocked.ts'
import { whyShort } from './claim-facts.ts'
import { missingGrants } from './rights.ts'

const dead = (a: Assessment) => a.named.answer === null && (confirmedDead(a) || deadButUnheard(a))
const heartbeatAge = (a: Assessment) => {
  const row = a.spare.answer?.heartbeat
  return row === undefined || typeof row === 'string' || a.spare.answer === null
    ? 'none was ever received'
    : `the newest one it applied is ${((a.spare.answer.clockMs - row.writtenClockMs) / 1000).toFixed(1)} s old`
}
/** In the order in which `unfit` asks. A spare that is no replica has no view of the writer either: `no-witness` comes first. */
type Reason = Exclude<Unfitness, 'silent'>
const WORDS: Readonly<Record<Reason, (a: Assessment) => string>> = {
  held: (a) => `${a.spare.name} is held and may not take part until it is released`,
  'not-a-replica': (a) => `${a.spare.name} is not set up to replicate from ${a.named.name}`,
  'rights-missing': (a) =>
    `Hotspare's account lacks rights on ${a.spare.name} (mend it there: ${missingGrants(a.spare, 'needed').join('; ')})`,
  'not-armed': () => 'automatic failover is not armed (heartbeat table, skip_replica_start)',
  'freshness-unproven': (a) => `${whyUnproven(a)} (${heartbeatAge(a)})`,
  stale: (a) =>
    `${a.spare.name} was not replicating well before it died: it lacks what ${a.named.name} had at least ${span(behindMs(a))} before (${heartbeatAge(a)})`,
  'possibly-short': (a) => whyShort(a.spare),
  'applier-broken': (a) =>
    `the applier of ${a.spare.name} is stopped by an error (${a.spare.answer?.channel?.applierError})`,
  'applier-stopped': (a) =>
    `the applier of ${a.spare.name} was stopped long before it died, perhaps on purpose: ${a.spare.name} has received everything, and has not applied it`,
  delayed: (a) =>
    `${a.spare.name} applies everything ${span((a.spare.answer?.channel?.delaySeconds ?? 0) * 1000)} late on purpose, and has not applied all that it received`,
  errant: (a) => `${a.spare.name} has transactions of its own (${errantOnSpare(a).slice(0, 200)})`,
}

/** What a person can do so that it goes on by itself. */
const MENDS: Readonly<Partial<Record<Reason, (a: Assessment) => string>>> = {
  'applier-stopped': (a) =>
    `Or START REPLICA SQL_THREAD on ${a.spare.name}: once it runs, the failover goes on by itself.`,
  delayed: (a) => `Or, on ${a.spare.name}, ${toApplyAtOnce(a.spare)}: the failover then goes on by itself.`,
}

/** Nothing was seen of how far it was behind: not that it was, and not that nobody watched. */
function whyUnproven(a: Assessment): string {
  const { lastAnswerAtMs, failingSinceMs } = a.named.memory
  const { bothSinceMs } = a.memory
  if (lastAnswerAtMs === null)
    return `this invocation did not see it alive, and nothing proves that ${a.spare.name} was up to date`
  const both =
    bothSinceMs === null ? 'never together with' : `for ${span((failingSinceMs ?? a.now) - bothSinceMs)} with`
  return `whether ${a.spare.name} was up to date is not known: this invocation saw it alive ${both} ${a.spare.name}`
}

const behindMs = (a: Assessment) => {
  const fresh = a.spare.answer === null ? null : freshness(evidenceOf(a, a.spare.answer))
  return fresh?.kind === 'stale' ? fresh.behindMs : 0
}

function refusal(
  code: string,
  when: (a: Assessment) => boolean,
  why: (a: Assessment) => string,
  mend: (a: Assessment) => string = () => '',
): Row {
  return {
    code,
    severity: 'critical',
    when: (a) => dead(a) && !waived(a, code) && when(a),
    because: (a) => `${a.named.name} is dead and nobody can write. No failover: ${why(a)}.`,
    advice: (a) =>
      [`Bring ${a.named.name} back.`, mend(a), byHand(a, code)].filter((each) => each !== '').join(' '),
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

/** Long enough for a watch that saw both alive to have confirmed the same death, and claimed. */
const PROOF_OF_OTHERS_MS = 5000

function adviceAfterGivingBack(a: Assessment): string {
  const { gaveBack } = a.memory
  const mend =
    gaveBack?.why == null
      ? `To end them: ${toEnd(a)}`
      : adviceOn({ ...a, memory: { ...a.memory, stuck: [gaveBack.why] } })
  return `${mend} It is tried again in ${Math.ceil(givenBackFor(a) / 1000)} s. ${byHand(a, 'spare-refuses')}`
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
  {
    // A young watch is no reason to tell people that nobody fails over: an older one may be about to.
    code: 'proof-awaited',
    severity: 'critical',
    when: (a) =>
      dead(a) &&
      a.world.request === null &&
      unfit(a) === 'freshness-unproven' &&
      silentForMs(a) < PROOF_OF_OTHERS_MS,
    because: (a) =>
      `${a.named.name} is dead, and ${whyUnproven(a)}: the ledger is read again, because another watch may have seen more.`,
    afterMs: 500,
    readsDirectory: true,
  },
  ...(Object.keys(WORDS) as (keyof typeof WORDS)[]).map((reason) =>
    refusal(`spare-${reason}`, (a) => unfit(a) === reason, WORDS[reason], MENDS[reason]),
  ),
  refusal(
    'cooldown',
    (a) => cooling(a) && a.world.request === null,
    (a) =>
      `there was one at ${new Date(a.ledger?.sinceClockMs ?? 0).toISOString()}, and the cooldown has not passed`,
  ),
  {
    ...refusal(
      'spare-refuses',
      (a) => givenBackFor(a) > 0,
      (a) =>
        a.memory.gaveBack?.why == null
          ? `others hold locks on ${a.spare.name} (${listed(blockersOf(a))})`
          : inWords(a, a.memory.gaveBack.why).replace(/\.$/, ''),
    ),
    advice: adviceAfterGivingBack,
  },
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
    .filter(({ refuses }) => refuses === true)
    .map(({ code }) => code)
    .filter((code) => code !== 'too-late-in-invocation' && code !== OBSERVED),
]
