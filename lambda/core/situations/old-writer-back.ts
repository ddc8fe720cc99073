/** The old writer answers before anything was opened: go back, unless it lost transactions that the target has. */
import { followsInWords, toLetFollow } from '../following.ts'
import { tell } from '../message.ts'
import type { Row } from '../situation.ts'
import * as steps from '../steps.ts'
import { halfClosed, refusesWrites, takesWrites } from '../writability.ts'
import { namedShort, release, undo } from './claim-facts.ts'
import { followingAgain } from './following.ts'

export const oldWriterBack: readonly Row[] = [
  ...followingAgain(
    {
      code: 'abandoning-threads',
      because: (a) =>
        `${a.named.name} is back and open: the failover is given up, ${a.spare.name} replicates again first.`,
    },
    (a) => takesWrites(a.named),
  ),
  {
    code: 'abandoning',
    severity: 'warning',
    when: (a) => takesWrites(a.named),
    because: (a) => `${a.named.name} is back and open, ${followsInWords(a)}: the claim is released.`,
    advice: toLetFollow,
    step: release,
    tell: (a) => tell(a, 'failover-abandoned', 'warning'),
  },
  {
    code: 'old-writer-compared',
    severity: 'warning',
    when: (a) => refusesWrites(a.named) && (a.memory.comparison?.looks ?? 0) < 2,
    because: (a) =>
      `${a.named.name} is back and takes no writes: it is compared with ${a.spare.name} before anything is opened.`,
    afterMs: 20,
    progress: true,
  },
  {
    code: 'old-writer-whole',
    severity: 'warning',
    when: (a) => refusesWrites(a.named) && !namedShort(a),
    because: (a) =>
      `${a.named.name} is back, takes no writes, and lost nothing: it is opened again instead of ${a.spare.name}.`,
    step: undo,
  },
  {
    code: 'old-writer-half-closed',
    severity: 'warning',
    when: (a) => halfClosed(a.named),
    because: (a) =>
      `${a.named.name} is back without transactions that ${a.spare.name} has, and closed only by half: it is closed before ${a.spare.name} is opened.`,
    step: (a) => steps.close(a.named, true),
  },
]
