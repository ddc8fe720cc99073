/** `hotspare resume`: end a pause. */
import { ask } from '../asking.ts'
import type { Command } from '../command.ts'
import { ASKING_OPTIONS } from '../where.ts'

export const resume: Command = {
  name: 'resume',
  about: 'end a pause',
  more: ['Takes the pause out of the ledger. If the writer died meanwhile, the failover begins now.'],
  words: [],
  options: ASKING_OPTIONS,
  examples: [
    ['hotspare resume --function hotspare-Request1A2B', 'failovers happen again when they are needed'],
  ],
  run: (given, terminal) => ask({ action: 'resume' }, given, terminal),
}
