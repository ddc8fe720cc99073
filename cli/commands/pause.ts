/** `hotspare pause`: no failover while people work on the pair. */
import { ask } from '../asking.ts'
import type { Command } from '../command.ts'
import { readLength } from '../moments.ts'
import { ASKING_OPTIONS } from '../where.ts'
import { WrongUsage } from '../wrong-usage.ts'

export const pause: Command = {
  name: 'pause',
  about: 'begin no failover or switchover for a while, such as during maintenance',
  more: [
    'The pause stands in the ledger, so every watch knows it, and it ends by itself. What has begun is finished; a second open server is still closed, and a writer that restarted whole is still opened again. Nobody takes over while it lasts: keep it short.',
  ],
  words: [],
  options: [
    { name: 'for', value: 'TIME', about: 'How long: 30m, 2h, 1d' },
    {
      name: 'until',
      value: 'MOMENT',
      about: 'Until when, with the time zone: 2027-01-31T06:00:00Z; or "resumed": until somebody resumes',
    },
    ...ASKING_OPTIONS,
  ],
  examples: [['hotspare pause --for 2h --function hotspare-Request1A2B', 'no failover for two hours']],
  run: (given, terminal) => {
    const { for: length, until } = given.texts
    if ((length === undefined) === (until === undefined))
      throw new WrongUsage(
        'How long? Give --for 2h, or --until MOMENT; --until resumed lasts until somebody resumes.',
        'hotspare help pause',
      )
    const event =
      length === undefined
        ? { action: 'pause', until }
        : { action: 'pause', untilMinutes: Math.ceil(readLength(length, 'for', 'pause') / 60_000) }
    return ask(event, given, terminal)
  },
}
