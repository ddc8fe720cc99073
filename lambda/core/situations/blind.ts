/** Whether this invocation sees enough to judge at all, or has been relieved by a younger one. */
import type { Assessment } from '../assessment.ts'
import { tell } from '../message.ts'
import type { Row } from '../situation.ts'
import { younger } from '../younger.ts'

/** What a server that does not let us in has to say. */
const complaint = ({ name, memory }: Assessment['named']) =>
  memory.ailment === null ? '' : ` ${name}: ${memory.ailment.message}.`

export const blind: readonly Row[] = [
  {
    code: 'relieved',
    severity: 'info',
    when: younger,
    because: () => 'A younger watch is at work: this one ends.',
    finish: true,
  },
  {
    code: 'looking',
    severity: 'info',
    when: (a) => a.named.health === 'unknown' && a.spare.health === 'unknown',
    because: () => 'The first connections are being made.',
    afterMs: 50,
  },
  {
    code: 'blind',
    severity: 'critical',
    when: (a) => a.named.answer === null && a.spare.answer === null,
    because: (a) =>
      `Neither ${a.named.name} nor ${a.spare.name} answers: whoever sees nothing changes nothing.${complaint(a.named)}${complaint(a.spare)}`,
    advice: () =>
      'Either both servers are down or the function is cut off. Look from another place; check the security groups, the subnets and the credentials.',
    afterMs: 100,
    tell: (a) =>
      a.named.health === 'dead' && a.spare.health === 'dead' ? tell(a, 'blind', 'critical') : null,
  },
]

/** The same while we hold a claim, whatever it is for. */
export const blindUnderClaim: readonly Row[] = [
  {
    code: 'blind-under-claim',
    severity: 'critical',
    when: (a) => a.named.answer === null && a.spare.answer === null,
    because: (a) =>
      `Neither ${a.named.name} nor ${a.spare.name} answers while a claim stands: nothing is changed.`,
    advice: () => 'Bring one of them back; whoever looks next goes on from there.',
    afterMs: 100,
    tell: (a) => (a.spare.health === 'dead' ? tell(a, 'blind', 'critical') : null),
  },
]
