/** The named server does not answer, the spare does: from the first doubt to the confirmed death, and what stands against a failover. */
import {
  acts,
  confirmedDead,
  deadButUnheard,
  duration,
  mayReconnect,
  silentForMs,
  waived,
} from '../assessment.ts'
import { byHand } from '../by-hand.ts'
import { tell } from '../message.ts'
import { toBeatEachSecond } from '../server-words.ts'
import type { Row } from '../situation.ts'
import * as steps from '../steps.ts'
import { refusals } from './refusals.ts'

export const silentWriter: readonly Row[] = [
  {
    code: 'writer-sick',
    refuses: true,
    severity: 'critical',
    when: (a) => a.named.health === 'sick',
    because: (a) =>
      a.named.memory.ailment?.outcome === 'untrusted'
        ? `${a.named.name} answers, but is not proven to be ours: ${a.named.memory.ailment.message}. It lives; nothing is changed.`
        : `${a.named.name} answers with error ${a.named.memory.ailment?.errno} (${a.named.memory.ailment?.message}): sick is not dead, nothing is changed.`,
    advice: (a) =>
      `Look at ${a.named.name}: connections, the account and its password, the certificate, whether it is starting up.`,
    afterMs: 200,
    tell: (a) => (silentForMs(a) > 5000 ? tell(a, 'writer-sick', 'critical') : null),
  },
  {
    code: 'writer-suspect',
    severity: 'warning',
    when: (a) => a.named.answer === null && a.named.health !== 'dead',
    because: (a) =>
      a.named.memory.refused + a.named.memory.silent === 0
        ? `${a.named.name} did not answer in time, or closed its connection: it is probed.`
        : `${a.named.name} does not answer for ${duration(silentForMs(a))} (${a.named.memory.refused} refused, ${a.named.memory.silent} silent probes).`,
    afterMs: 25,
  },
  {
    code: 'writer-partitioned',
    refuses: true,
    severity: 'critical',
    when: (a) => a.named.answer === null && a.witness === 'alive',
    because: (a) =>
      `${a.named.name} does not answer us for ${duration(silentForMs(a))}, but ${a.spare.name} still hears from it${
        a.spare.answer?.channel?.receiverErrno
          ? ` (${a.spare.answer.channel.receiverErrno}: ${a.spare.answer.channel.receiverError})`
          : ''
      }: it lives and we are cut off. Nothing is changed.`,
    advice: (a) =>
      `Applications can probably write. Check the path from the function to ${a.named.name} (security group, routes).`,
    afterMs: 200,
    tell: (a) => (silentForMs(a) > 5000 ? tell(a, 'writer-partitioned', 'critical') : null),
  },
  {
    code: 'no-witness',
    severity: 'critical',
    when: (a) => a.named.answer === null && a.witness === 'none' && !waived(a, 'no-witness'),
    refuses: true,
    because: (a) =>
      `${a.named.name} does not answer for ${duration(silentForMs(a))}, and ${a.spare.name} is not receiving from it: there is no independent view, so its death can't be confirmed.`,
    advice: (a) =>
      `Look at ${a.named.name} from another place. ${a.spare.name} may lack what was written since its receiver stopped. ${byHand(a, 'no-witness')}`,
    afterMs: 200,
    tell: (a) => tell(a, 'failover-refused', 'critical'),
  },
  {
    code: 'witness-undecided',
    severity: 'warning',
    when: (a) => a.named.answer === null && (a.witness === 'pending' || a.witness === 'half'),
    because: (a) =>
      a.witness === 'half'
        ? `${a.named.name} does not answer us; ${a.spare.name} holds half a transaction from it, which says nothing until that connection breaks.`
        : `${a.named.name} does not answer us; ${a.spare.name}'s connection to it has not failed yet.`,
    afterMs: 25,
  },
  {
    code: 'witness-slow',
    severity: 'critical',
    when: (a) => a.named.answer === null && deadButUnheard(a) && !mayReconnect(a),
    refuses: true,
    because: (a) =>
      `${a.named.name} does not answer us for ${duration(silentForMs(a))}; its replication heartbeats come every ${duration(a.spare.answer?.channel?.heartbeatPeriodMs ?? 0)}, too rarely to tell, and making ${a.spare.name} reconnect might take the only acknowledger away from a writer that lives.`,
    advice: (a) =>
      `It is decided when the connection breaks. ${toBeatEachSecond(a.spare)} on both servers avoids this wait.`,
    afterMs: 200,
    tell: (a) => tell(a, 'failover-refused', 'critical'),
  },
  ...refusals,
  {
    code: 'writer-dead',
    severity: 'critical',
    when: (a) => acts(a) && a.named.answer === null && (confirmedDead(a) || deadButUnheard(a)),
    because: (a) =>
      `${a.named.name} is dead: ${a.named.memory.refused} refused and ${a.named.memory.silent} silent probes in ${duration(silentForMs(a))}, and ${a.spare.name} ${
        a.witness === 'lost'
          ? `lost its connection to it (${a.spare.answer?.channel?.receiverErrno})`
          : a.witness === 'silent'
            ? 'hears nothing from it'
            : 'is about to be asked'
      }. The right to open ${a.spare.name} is claimed.`,
    step: (a) => steps.swap(a, 'claim', { claim: steps.claimOf(a, 'failover', a.spare.name, false) }),
  },
]
