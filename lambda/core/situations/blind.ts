/** Whether this invocation sees enough to judge at all, or has been relieved by a younger one. */
import type { Assessment } from '../assessment.ts'
import { tell } from '../message.ts'
import type { Row } from '../situation.ts'
import { younger } from '../younger.ts'

/** What a server that does not let us in has to say. */
const complaint = ({ name, memory }: Assessment['named']) =>
  memory.ailment === null ? '' : ` ${name}: ${memory.ailment.message.replace(/\.$/, '')}.`

/** Both answer, with errors. */
const lockedOut = (a: Assessment) => a.named.health === 'sick' && a.spare.health === 'sick'
const unseen = (a: Assessment) =>
  lockedOut(a)
    ? `${a.named.name} and ${a.spare.name} answer, and neither lets us in`
    : `Neither ${a.named.name} nor ${a.spare.name} answers as it should`

const blindForMs = (a: Assessment) => {
  const [named, spare] = [a.named.memory.failingSinceMs, a.spare.memory.failingSinceMs]
  return named === null || spare === null ? 0 : a.now - Math.max(named, spare)
}
const BLIND_TOLD_AFTER_MS = 5000

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
      `${unseen(a)}: whoever sees nothing changes nothing.${complaint(a.named)}${complaint(a.spare)}`,
    advice: (a) =>
      lockedOut(a)
        ? "Check the account: its password in the secret and on the servers, the function's way to Secrets Manager, and what the errors name. Should the writer die now, nobody would take over."
        : 'Either servers are down or the function is cut off. Look from another place; check the security groups, the subnets and the credentials.',
    afterMs: 100,
    tell: (a) => (blindForMs(a) > BLIND_TOLD_AFTER_MS ? tell(a, 'blind', 'critical') : null),
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
