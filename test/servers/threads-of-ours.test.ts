/**
 * X30: threads of replication that our account started go by its name, and are no sessions of ours: nobody ends them.
 *
 * The one thing to understand: 8.0 can't be run here, so its rows were recorded; the very statements that production sends are run over
 * them on a newer server. That one shows the same in performance_schema.threads, for the second half.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Pair, startPair } from '../../lab/database/pair.ts'
import { waitUntilReplicating } from '../../lab/database/replication.ts'
import { type Dialect, dialectFor } from '../../lambda/adapters/mysql/dialect.ts'
import { createMysqlLink } from '../../lambda/adapters/mysql/link.ts'
import { sessionsQuery } from '../../lambda/adapters/mysql/look.ts'
import type { ServerLink } from '../../lambda/adapters/server.ts'
import type { Answer } from '../../lambda/core/world.ts'
import { projectDir } from '../source-tree.ts'
import { eventually } from './on-stage.ts'
import { replicationOf } from './words.ts'

interface Recording {
  readonly 'performance_schema.processlist': readonly {
    readonly ID: number
    readonly USER: string
    readonly COMMAND: string
    readonly STATE: string
  }[]
  readonly 'performance_schema.threads': readonly { readonly PROCESSLIST_ID: number; readonly NAME: string }[]
}

const recording: Recording = JSON.parse(
  readFileSync(join(projectDir, 'test/servers/recorded/mysql-8.0.30-threads.json'), 'utf8'),
)
/** Our own session in the recording. */
const OURS = 20

let pair: Pair
const links: ServerLink[] = []

beforeAll(async () => {
  pair = await startPair({ family: 'mysql' })
}, 120_000)

afterAll(async () => {
  await Promise.all(links.map((link) => link.close()))
  await pair?.remove()
}, 60_000)

const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`

/** The statement with the recorded rows in place of the server's own tables; `starter` started the threads. */
function over(sql: string, starter: string): string {
  const rows = recording['performance_schema.processlist'].map(({ ID, USER, COMMAND, STATE }) => {
    const thread = recording['performance_schema.threads'].find(({ PROCESSLIST_ID }) => PROCESSLIST_ID === ID)
    const user = quoted(thread === undefined ? USER : starter)
    const name = quoted(thread?.NAME ?? 'thread/sql/one_connection')
    return `SELECT ${ID} AS ID, ${ID} AS PROCESSLIST_ID, ${user} AS USER, ${user} AS PROCESSLIST_USER,
      ${quoted(COMMAND)} AS COMMAND, ${quoted(COMMAND)} AS PROCESSLIST_COMMAND,
      ${quoted(STATE)} AS STATE, ${quoted(STATE)} AS PROCESSLIST_STATE, ${name} AS NAME, 'FOREGROUND' AS TYPE`
  })
  return sql.replace(
    /performance_schema\.(threads|processlist)\b/,
    `(${rows.join(' UNION ALL ')}) AS recorded`,
  )
}

async function idsOf(sql: string, column: string): Promise<number[]> {
  const rows = await pair.as(pair.hotspare, pair.bob, async (connection) => {
    const [found] = await connection.query(sql)
    return found as Record<string, unknown>[]
  })
  return rows.map((row) => Number(row[column]))
}

const dialects: [string, Dialect][] = ['8.0.21', '8.0.30', '9.7.4'].map((version) => [
  version,
  dialectFor(version, new Set()),
])

test.each(dialects)(
  'X30: asked in the words of %s, only our session is listed as ours',
  async (_, dialect) => {
    expect(await idsOf(over(sessionsQuery(dialect), 'hotspare'), 'session_id')).toEqual([OURS])
  },
)

test.each(dialects)(
  'X30: asked in the words of %s, threads that a person started are no clients, which a close would end',
  async (_, dialect) => {
    const { table, isClient } = dialect.sessions
    const sql = over(`SELECT id FROM ${table} WHERE ${isClient}`, 'dba')
    expect(await idsOf(sql, 'id')).toEqual([OURS])
  },
)

test('X30: a sweep leaves the threads alone that we have started', async () => {
  const first = linkTo('w1')
  const answer = await answerOf(first, ({ others }) => others.length === 0)
  const at = { server: 'bob', session: answer.session, deadlineMs: 5000 }
  for (const step of [
    { kind: 'stop-applier', ...at },
    { kind: 'detach', ...at },
    { kind: 'start-threads', applier: true, receiver: true, ...at },
  ] as const)
    expect(await first.perform(step)).toMatchObject({ outcome: 'done' })
  await waitUntilReplicating(pair.bob, 10_000)
  const threads = await pair.bob.query<{ name: string }>(
    `SELECT NAME AS name FROM performance_schema.threads WHERE PROCESSLIST_USER = 'hotspare' AND NAME LIKE 'thread/sql/replica%'`,
  )
  expect(threads.length, 'they go by our name').toBeGreaterThan(2)
  const second = linkTo('w2')
  const seen = await answerOf(second, ({ others }) => others.length > 0)
  expect(new Set(seen.others.map(({ who }) => who))).toEqual(new Set(['w1']))
  const ids = seen.others.map(({ id }) => id)
  const swept = await second.perform({
    kind: 'kill-others',
    server: 'bob',
    session: seen.session,
    deadlineMs: 3000,
    ids,
  })
  expect(swept).toMatchObject({ outcome: 'done' })
  await pair.alice.query(`INSERT INTO shop.orders (token) VALUES ('after the sweep')`)
  await pair.waitUntilCaughtUp(pair.bob)
  expect(await replicationOf(pair.bob)).toMatchObject({ receiverErrno: 0 })
  await answerOf(second, ({ channel }) => channel?.receiver === 'on' && channel.applierErrno === 0)
})

function linkTo(who: string): ServerLink {
  const link = createMysqlLink({
    ...{ name: 'bob', pair: 'orders', who, host: pair.bob.host, port: pair.port },
    tls: { mode: 'verify-ca', ca: readFileSync(pair.caFile, 'utf8') },
    credentials: async () => pair.hotspare,
    ...{ probeTimeoutMs: 1000, monotonicNow: () => performance.now() },
  })
  links.push(link)
  return link
}

async function answerOf(link: ServerLink, isRight: (answer: Answer) => boolean): Promise<Answer> {
  const seen: Answer[] = []
  const request = {
    probeEveryMs: 300,
    waitMs: 1000,
    events: false,
    transactions: null,
    obstaclesFromMs: null,
    blockers: false,
    rights: false,
  }
  await eventually('an answer', async () => {
    const { answer, guard } = await link.look(request)
    if (answer !== null) seen.push(answer)
    return answer !== null && guard === 'open' && isRight(answer)
  })
  const last = seen.at(-1)
  if (last === undefined) throw new Error('no answer')
  return last
}
