/** Several questions in one request, on a stand-in that ends a request at the first that fails, as servers do. */
import { expect, test } from 'vitest'
import { type Asked, askAll } from '../../lambda/adapters/mysql/ask-all.ts'
import type { Reply, Statement } from '../../lambda/adapters/mysql/session.ts'

function server(errnos: Readonly<Record<string, number>>) {
  const requests: string[][] = []
  const batch = async (statements: readonly Statement[]) => {
    requests.push(statements.map(({ sql }) => sql))
    const replies: Reply[] = []
    for (const { sql } of statements) {
      const errno = errnos[sql]
      if (errno !== undefined)
        return { replies, error: Object.assign(new Error(sql), { errno, sqlState: 'HY000' }) }
      replies.push({ rows: [{ sql }], matchedRows: 0 })
    }
    return { replies, error: null }
  }
  return { batch, requests }
}

const maySkip = (errno: number) => errno === 1146
const asked: readonly Asked[] = [{ sql: 'a' }, { sql: 'b' }, { sql: 'c', maySkip }, { sql: 'd', maySkip }]
const rowOf = (sql: string) => [{ sql }]

test('X1: everything is asked for in one request', async () => {
  const { batch, requests } = server({})
  expect(await askAll({ batch }, asked)).toEqual(['a', 'b', 'c', 'd'].map(rowOf))
  expect(requests).toEqual([['a', 'b', 'c', 'd']])
})

test('X1: what came before a statement that is refused is used, and what comes behind it is asked for once more', async () => {
  const { batch, requests } = server({ c: 1146 })
  expect(await askAll({ batch }, asked)).toEqual([rowOf('a'), rowOf('b'), null, rowOf('d')])
  expect(requests).toEqual([['a', 'b', 'c', 'd'], ['d']])
})

test('X1: a refused last one costs no further request', async () => {
  const { batch, requests } = server({ d: 1146 })
  expect((await askAll({ batch }, asked)).at(-1)).toBeNull()
  expect(requests.length).toBe(1)
})

test.each([
  ['one that must be answered', { b: 1146 }],
  ['an error that says something else', { c: 1317 }],
])('R17: %s is never told as nothing', async (_what, errnos) => {
  await expect(askAll({ batch: server(errnos).batch }, asked)).rejects.toMatchObject({
    errno: Object.values(errnos)[0],
  })
})
