/** Ending many sessions in one request, on a stand-in that answers as servers do. */
import { expect, test } from 'vitest'
import { dialectFor } from '../../lambda/adapters/mysql/dialect.ts'
import { killClients, killOthers, killTogether } from '../../lambda/adapters/mysql/kill.ts'
import type { StepContext } from '../../lambda/adapters/mysql/step-context.ts'

/** Runs statements one after the other, and ends a request at the first that fails, as servers do. */
function server(answers: Readonly<Record<number, readonly [errno: number, message: string]>>) {
  const killed: number[] = []
  let requests = 0
  const query = async (sql: string, values: readonly unknown[] = []) => {
    requests += 1
    for (const statement of sql.replace('?', String(values[0])).split('; ')) {
      const id = Number(/^KILL (\d+)$/.exec(statement)?.[1])
      const [errno, message] = answers[id] ?? []
      if (errno !== undefined) throw Object.assign(new Error(message), { errno, sqlState: 'HY000' })
      killed.push(id)
    }
    return { rows: [], matchedRows: 0 }
  }
  return { killed, query, requests: () => requests }
}

const ids = Array.from({ length: 300 }, (_, index) => index + 1)

test('three hundred sessions are ended in one request', async () => {
  const { query, killed, requests } = server({})
  expect(await killTogether({ query }, ids)).toEqual(new Map())
  expect(killed).toEqual(ids)
  expect(requests()).toBe(1)
})

test('one that is gone already is what we want, one that we may not end is told, and those behind them are ended', async () => {
  const { query, killed, requests } = server({
    2: [1094, 'Unknown thread id: 2'],
    40: [1095, 'You are not owner of thread 40'],
    300: [1094, 'Unknown thread id: 300'],
  })
  const refused = await killTogether({ query }, ids)
  expect([...refused]).toEqual([[40, 'You are not owner of thread 40']])
  expect(killed).toEqual(ids.filter((id) => ![2, 40, 300].includes(id)))
  expect(requests()).toBe(3)
})

test('where the server does not say which one failed, they are ended one by one', async () => {
  const { query, killed } = server({ 5: [1094, 'No such thread'] })
  expect([...(await killTogether({ query }, ids.slice(0, 9)))]).toEqual([])
  expect(new Set(killed)).toEqual(new Set([1, 2, 3, 4, 6, 7, 8, 9]))
})

test('a broken connection is no refusal', async () => {
  const query = () => Promise.reject(Object.assign(new Error('gone'), { code: 'PROTOCOL_CONNECTION_LOST' }))
  await expect(killTogether({ query }, ids)).rejects.toThrow('gone')
})

/** A step's context whose server lists these sessions, and these as marked to end while no statement is at work. */
function contextOn(listed: readonly number[], marked: (nowMs: number) => readonly number[] = () => []) {
  let nowMs = 0
  const { query, killed, requests } = server({})
  const rowsOf = (found: readonly number[]) => ({ rows: found.map((id) => ({ id })), matchedRows: 0 })
  const control = {
    query: async (sql: string, values: readonly unknown[] = []) => {
      if (sql.includes("COMMAND = 'Killed'")) return rowsOf(marked(nowMs))
      return sql.startsWith('SELECT') ? rowsOf(listed) : query(sql, values)
    },
  }
  const context = {
    control,
    dialect: dialectFor('9.7.4', new Set()),
    keepSessionsOf: [],
    isLive: () => false,
    changes: () => {},
    // Each asking takes a while.
    monotonicNow: () => (nowMs += 50),
    endsAtMs: 3000,
  }
  return { context: context as unknown as StepContext, killed, requests }
}

test('T3, T16: clients end in one request over the connection that is open: a full server has no other', async () => {
  const { context, killed, requests } = contextOn(ids)
  expect(await killClients(context)).toEqual(new Map())
  expect(killed).toEqual(ids)
  expect(requests()).toBe(1)
})

test('X64: a session that stays marked to end, with no statement at work, is gone, though it stays listed', async () => {
  const { context, killed } = contextOn([4, 7], () => [4, 7])
  expect(await killOthers(context, [4, 7])).toEqual({ outcome: 'done', message: '' })
  expect(killed).toEqual([4, 7])
})

test.each<[string, (nowMs: number) => number[]]>([
  ['one that is not marked', () => [4]],
  ['one that is at work now and then', (nowMs) => (nowMs % 400 < 100 ? [4] : [4, 7])],
])('X64: %s is not', async (_what, marked) => {
  const { context } = contextOn([4, 7], marked)
  expect(await killOthers(context, [4, 7])).toMatchObject({
    outcome: 'refused',
    message: expect.stringContaining('still there: 4 ('),
  })
})
