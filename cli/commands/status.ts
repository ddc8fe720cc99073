/** `hotspare status`: what the pair does now. */
import { ask } from '../asking.ts'
import type { Command } from '../command.ts'
import { ASKING_OPTIONS } from '../where.ts'

export const status: Command = {
  name: 'status',
  about: 'what the pair does now: who is open, who follows whom, what is wrong, what to do',
  more: [
    'Looks at both servers, the ledger and the writer record, and changes nothing. While something is wrong it answers three questions: can anybody write, is data at risk, what do I do; commands to go on with are printed ready to copy.',
    'It ends with 0 if the writer takes writes and the spare would take over, and with 1 if not: a watch that does not run, a pause and a held server count as "not". Each situation has an entry in docs/operations.md.',
  ],
  words: [],
  options: ASKING_OPTIONS,
  examples: [
    ['hotspare status --function hotspare-Request1A2B', 'asks the deployed function'],
    ['hotspare status --local --json', 'looks from this machine, and answers in JSON'],
  ],
  run: (given, terminal) => ask({ action: 'status' }, given, terminal),
}
