/**
 * R4: whoever takes or takes over a claim kills every other session of Hotspare on each server that answers, so that no statement
 * which somebody sent on an older look can still land; and does so once more before a server is opened.
 *
 * Sessions that others open afterwards are harmless while the claim stands: what they see includes it.
 */
import type { Assessment, Side } from '../assessment.ts'
import type { Row } from '../situation.ts'
import { killOthers } from '../steps.ts'

export function swept(a: Assessment, side: Side, stage: 'claimed' | 'opening'): boolean {
  if (a.claim.kind !== 'mine' || side.answer === null) return false
  if (side.answer.others.length === 0) return true
  const reached = a.claim.ours.swept[side.name]
  return stage === 'claimed' ? reached !== undefined : reached === 'opening'
}

/** The opening statement that we sent last can't do anything any more (R3). */
export function openingSettled(a: Assessment, side: Side): boolean {
  if (a.claim.kind !== 'mine') return false
  const { opening } = a.claim.ours
  if (opening === null || opening.settled || opening.server !== side.name) return true
  return swept(a, side, 'claimed') || side.memory.refused > 0 || a.now > opening.endsAtMs
}

const unswept = (a: Assessment) =>
  [a.named, a.spare].find((side) => side.answer !== null && !swept(a, side, 'claimed'))

export const sweeping: readonly Row[] = [
  {
    code: 'sweeping',
    // What others may still have sent to open the spare has ended by itself by then (R3). A close of the named server ends never.
    yields: (a) => unswept(a) === a.spare,
    severity: 'info',
    when: (a) => unswept(a) !== undefined,
    because: (a) => {
      const side = unswept(a)
      return `${side?.answer?.others.length} other sessions of Hotspare on ${side?.name} are killed: nothing sent on an older look may land there.`
    },
    step: (a) => {
      const side = unswept(a)
      return side === undefined ? null : killOthers(side)
    },
  },
]
