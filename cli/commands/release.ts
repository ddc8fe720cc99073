/** `hotspare release`: a held server may take part again. */
import { ask } from '../asking.ts'
import type { Command } from '../command.ts'
import { ASKING_OPTIONS } from '../where.ts'

export const release: Command = {
  name: 'release',
  about: 'let a held server take part again, once it has been made whole',
  more: [
    'A server is held when it has transactions that the writer lacks, or lost some of its own. Extract what only it has, make it anew from a copy of the writer, then release it. It is compared first, and stays held while it still differs.',
  ],
  words: [{ name: 'SERVER' }],
  options: ASKING_OPTIONS,
  examples: [
    ['hotspare release bob --function hotspare-Request1A2B', 'compares bob with the writer and releases it'],
  ],
  run: (given, terminal) => ask({ action: 'release', server: given.words.SERVER }, given, terminal),
}
