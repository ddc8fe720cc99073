/** The spare follows, and could not take over now, or not soon: by how much it is behind, and what that means. */
import { type Assessment, unfit } from '../assessment.ts'
import { heartbeatLagMs } from '../freshness.ts'
import type { Row } from '../situation.ts'
import { span } from '../span.ts'
import { UNFIT, unwatched } from '../three-questions.ts'
import { takesWrites } from '../writability.ts'

/** How far it is behind in applying, by the newest heartbeats on both; 0 where nobody writes any. */
const lagMs = (a: Assessment) => (unwatched(a) ? 0 : (heartbeatLagMs(a.named.answer, a.spare.answer) ?? 0))
const far = (a: Assessment) => lagMs(a) > a.policy.detection.freshnessMs

/** How far, as the middle of a sentence; empty if that is not much, or not known. */
const howFar = (a: Assessment) => (far(a) ? `${a.spare.name} is ${span(lagMs(a))} behind` : '')

export const spareBehind: readonly Row[] = [
  {
    // It is not wrong; it has not been seen yet. A watch on its ordinary day knows it from the heartbeats at its first look.
    code: 'spare-unjudged',
    severity: 'info',
    when: (a) => takesWrites(a.named) && unfit(a) === 'freshness-unproven' && !far(a),
    because: (a) =>
      `${a.named.name} takes writes; whether ${a.spare.name} receives everything is known after another look.`,
    afterMs: 50,
  },
  {
    code: 'spare-behind',
    severity: 'warning',
    when: (a) => takesWrites(a.named) && (unfit(a) !== null || far(a)),
    because: (a) => {
      const reason = unfit(a)
      if (reason === null)
        return `${a.named.name} takes writes; ${howFar(a)}: it has received everything, and would take over only after applying that.`
      const why = [howFar(a), UNFIT[reason](a)].filter((each) => each !== '')
      return `${a.named.name} takes writes; ${a.spare.name} could not take over now: ${why.join('; ')}.`
    },
    advice: (a) =>
      unfit(a) === null
        ? `Look at ${a.spare.name}: a long transaction, a slow disk, locks in its applier's way (SHOW PROCESSLIST). Nothing would be lost, but nobody could write meanwhile.`
        : `Look at ${a.spare.name}: a slow way from ${a.named.name}, a long transaction, a slow disk, locks. Automatic failover is armed again as soon as it has caught up.`,
  },
]
