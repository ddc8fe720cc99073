/** `hotspare switchover`: swap the two on purpose, losing nothing. */
import { ask } from '../asking.ts'
import type { Command } from '../command.ts'
import { readLength } from '../moments.ts'
import { ASKING_OPTIONS } from '../where.ts'
import { WrongUsage } from '../wrong-usage.ts'

export const switchover: Command = {
  name: 'switchover',
  about: 'swap writer and spare on purpose, in a quiet moment, without losing a transaction',
  more: [
    'It checks while writes still flow that it can work, then closes the writer, waits until the spare has everything, opens the spare and moves the name. Nobody can write meanwhile, for switchover.writeBlockMs at most; if it takes longer, the old writer is opened again. A bad moment is refused with the reason.',
    '--dry-run checks and changes nothing. --force goes without the one reason that the answer named.',
  ],
  words: [],
  options: [
    {
      name: 'to',
      value: 'SERVER',
      about: 'The server that is to be the writer; needed, so that a second try never swaps back',
    },
    { name: 'dry-run', about: 'Only say whether it would work now' },
    {
      name: 'force',
      value: 'REASON',
      many: true,
      about: 'Go without this reason against it; may be given several times',
    },
    {
      name: 'lower-ttl',
      about: "Lower the record's TTL first and wait the old one out, so that clients follow sooner",
    },
    {
      name: 'wait-for-quiet',
      value: 'TIME',
      about: 'Wait this long (90s) for a moment without long transactions, instead of refusing',
    },
    ...ASKING_OPTIONS,
  ],
  examples: [
    ['hotspare switchover --to bob --dry-run --local', 'says whether bob could take over now'],
    [
      'hotspare switchover --to bob --wait-for-quiet 90s --local',
      'waits up to a minute and a half for a quiet moment',
    ],
  ],
  run: (given, terminal) => {
    const { texts, lists, switches } = given
    const quiet = texts['wait-for-quiet']
    if (texts.to === undefined)
      throw new WrongUsage('Which server is to be the writer? Give --to SERVER.', 'hotspare help switchover')
    const event = {
      action: 'switchover',
      to: texts.to,
      dryRun: switches.has('dry-run'),
      force: lists.force ?? [],
      lowerTtl: switches.has('lower-ttl'),
      ...(quiet === undefined ? {} : { waitForQuietMs: readLength(quiet, 'wait-for-quiet', 'switchover') }),
    }
    return ask(event, given, terminal)
  },
}
