/** Somebody else holds a claim: while it stands, nobody else touches either server; once it has expired, it is taken over. */
import { acts, duration } from '../assessment.ts'
import type { Row } from '../situation.ts'
import * as steps from '../steps.ts'

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
