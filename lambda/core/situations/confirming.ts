/** The row before one whose step rests on nothing but the ledger's text: until that may be relied on, the ledger is read again (R13). */
import type { Assessment } from '../assessment.ts'
import type { Row } from '../situation.ts'

export function confirming(
  code: string,
  when: (a: Assessment) => boolean,
  because: (a: Assessment) => string,
): Row {
  return { code, severity: 'info', when, because, readsDirectory: true, afterMs: 20 }
}
