/**
 * Asks a server several things in one request.
 *
 * The one thing to understand: a server ends a request at the first statement that fails. What came before it has been answered and is
 * used; what comes behind a statement that may fail is asked for in another request.
 */
import { serverErrno } from './errors.ts'
import type { Row, Session, Statement } from './session.ts'

export interface Asked extends Statement {
  /** Whether to do without this one if the server refuses it with that error. */
  readonly maySkip?: (errno: number) => boolean
}

/**
 * The rows of each, null for one that was refused and may be. Rejects with any other error of server or connection. `onFirst` is called when
 * the first has been answered, which may be long before the last.
 */
export async function askAll(
  session: Pick<Session, 'batch'>,
  asked: readonly Asked[],
  onFirst?: () => void,
): Promise<readonly (readonly Row[] | null)[]> {
  const answers: (readonly Row[] | null)[] = []
  while (answers.length < asked.length) {
    const { replies, error } = await session.batch(
      asked.slice(answers.length),
      answers.length === 0 ? onFirst : undefined,
    )
    answers.push(...replies.map(({ rows }) => rows))
    if (error === null) break
    const errno = serverErrno(error)
    if (errno === null || asked[answers.length]?.maySkip?.(errno) !== true) throw error
    answers.push(null)
  }
  return answers
}
