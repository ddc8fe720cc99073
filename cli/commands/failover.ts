/** `hotspare failover`: open the spare because the writer is dead, on a person's word. */
import { FORCEABLE } from '../../lambda/core/situations/refusals.ts'
import { ask } from '../asking.ts'
import type { Command } from '../command.ts'
import { ASKING_OPTIONS } from '../where.ts'

export const failover: Command = {
  name: 'failover',
  about: 'the writer is dead: open the spare and move the name, also where automatic mode refuses',
  more: [
    'First make sure that the old writer stays down: power it off, or take it off the network. That is the one thing that nobody else can do for you.',
    'It does what an automatic failover does, and refuses for the same reasons, but for mode "alert" and the cooldown. The answer names the reason; --force goes without that one reason, and the report says so. Everything else still holds: the writer has to be dead by our own probes, what the spare received is applied, and name and ledger move together.',
    `--force takes one of: ${FORCEABLE.join(', ')}.`,
  ],
  words: [],
  options: [
    {
      name: 'force',
      value: 'REASON',
      many: true,
      about: 'Go without this reason against it; may be given several times',
    },
    ...ASKING_OPTIONS,
  ],
  examples: [
    ['hotspare failover --function hotspare-Request1A2B', 'fails over, or says why not'],
    [
      'hotspare failover --force spare-stale --local',
      'goes on although the spare was behind: what it lacks is given up',
    ],
  ],
  run: (given, terminal) => ask({ action: 'failover', force: given.lists.force ?? [] }, given, terminal),
}
