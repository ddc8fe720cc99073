/** `hotspare adopt`: there is no ledger, and a person says who the writer is. */
import { ADOPT_FORCEABLE } from '../../lambda/ledger-requests.ts'
import { ask } from '../asking.ts'
import type { Command } from '../command.ts'
import { ASKING_OPTIONS } from '../where.ts'

export const adopt: Command = {
  name: 'adopt',
  about: 'there is no ledger yet, and it is in doubt who the writer is: name it',
  more: [
    'A pair is adopted by itself when both servers answer, exactly one is open, and the writer record agrees. Where that is not so, name the writer. Ledger and record are made in one batch.',
    'If the named server is closed, it is compared with the other one and opened. It is refused while the other one is open, or has something that the named one lacks: two writers are worse than none.',
    `--force takes one of: ${ADOPT_FORCEABLE.join(', ')}.`,
  ],
  words: [{ name: 'SERVER' }],
  options: [
    {
      name: 'force',
      value: 'REASON',
      many: true,
      about: 'Go without this reason against it; may be given several times',
    },
    ...ASKING_OPTIONS,
  ],
  examples: [['hotspare adopt alice --function hotspare-Request1A2B', 'alice is the writer from now on']],
  run: (given, terminal) =>
    ask({ action: 'adopt', writer: given.words.SERVER, force: given.lists.force ?? [] }, given, terminal),
}
