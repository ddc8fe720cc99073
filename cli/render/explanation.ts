/** What `explain` prints: the pair as it was seen, the row that matched and why, and the rows before it that did not. */
import type { Explanation } from '../../lambda/core/explain.ts'
import { overview } from '../../lambda/core/overview.ts'
import type { Step } from '../../lambda/core/step.ts'
import type { LoggedLook } from '../logged-looks.ts'
import { momentsForPeople } from '../moments.ts'
import { picture } from './picture.ts'
import type { Look } from './status.ts'
import { beside } from './text.ts'

const COLUMN = 17

export function explanationForPeople(logged: LoggedLook, explanation: Explanation, look: Look): string {
  const { paint, width } = look
  const { decision, table, row, passedOver } = explanation
  const { situation, step } = decision
  const { world } = logged
  const when = momentsForPeople(new Date(world.wallClockMs).toISOString())
  const part = (label: string, text: string) => beside(`  ${label}`, text, width, COLUMN)
  const lines = [
    paint.bold(`${world.policy.pair}: ${situation.code}`),
    ...part('Looked', `${when}, invocation ${world.who}`),
    '',
    ...picture(overview(decision, world, logged.now), paint),
    '',
    ...part('Matched', `${row}, row ${passedOver.length + 1} of those asked, in the table "${table}"`),
    ...part('Because', situation.because),
    ...(situation.advice === '' ? [] : part('Advice', situation.advice)),
    ...part('Step', step === null ? 'none' : inWords(step)),
    ...part('Did not match', passedOver.length === 0 ? 'none: it is the first row' : passedOver.join(', ')),
    ...(row === situation.code ? [] : part('Held back', HELD_BACK)),
    ...part('Logged as', comparedWithLog(logged.situation, situation.code)),
  ]
  return `${lines.join('\n')}\n`
}

const HELD_BACK = 'its change was refused several times, so it is not sent again at once.'

function comparedWithLog(logged: string | null, decided: string): string {
  if (logged === null) return 'the text does not say'
  return logged === decided
    ? `${logged}, the same`
    : `${logged}: the version that logged it decided otherwise than this one`
}

function inWords(step: Step): string {
  return step.kind === 'swap' ? `swap (${step.purpose}): ${step.to.ledger}` : `${step.kind} on ${step.server}`
}
