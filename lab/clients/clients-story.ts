/**
 * What real clients see of a planned switchover when they find the writer by its name: a pooled Node client and a Python client write
 * on one pair, the role goes there and back, and no row that either was told is committed may be missing at the end.
 *
 * The one thing to understand: both hold their connections, so their cached answers have run out by the time that they lose them. They
 * then ask for the name within milliseconds, and whether it has moved by then decides whether they wait a whole TTL.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { Client } from '../application.ts'
import { type Stage, WRITER_NAME } from '../stage.ts'
import { keepWatching } from '../standing-watch.ts'
import { judge, requestSwap } from '../switchover-story.ts'
import { type ClientOptions, startPooledNodeClient } from './pooled-node-client.ts'
import { startPymysqlClient } from './pymysql-client.ts'
import { findPython } from './python-tree.ts'

export interface ClientsStoryOptions {
  readonly swaps: number
  readonly lowerTtl: boolean
  /** How long a client that lost a connection waits before it asks for the name, ms. */
  readonly askAfterMs: number
  /** Between one swap and the next, ms: longer than the TTL, so that both have forgotten where the name led. */
  readonly restMs: number
}

export interface ClientsVerdict {
  readonly server: string
  /** For each swap, from the client's last row on the old writer to its first on the new one. */
  readonly outagesMs: Readonly<Record<'mysql2 pool' | 'PyMySQL', readonly number[]>>
  readonly ackedRows: number
  readonly failures: readonly string[]
}

const TIMEOUT_MS = 30_000

/** Plays it on a stage that nobody else uses, beginning with alice. Throws if a switchover is refused or undone. */
export async function playClients(stage: Stage, options: ClientsStoryOptions): Promise<ClientsVerdict> {
  const { pair } = stage
  const python = await findPython()
  const watch = await keepWatching(stage)
  const requests = stage.watcher({ handler: 'request', name: 'request' })
  const node = startPooledNodeClient(optionsOf(stage, 'node', options))
  const pymysql = startPymysqlClient(python, optionsOf(stage, 'python', options))
  const clients = [node, pymysql]
  const outages: { node: number; pymysql: number }[] = []
  let [from, to] = [pair.alice, pair.bob]
  try {
    await Promise.all(
      clients.map((client) => client.firstFrom(pair.hostFor('application', from), 0, TIMEOUT_MS)),
    )
    for (let count = 0; count < options.swaps; count++) {
      await pause(options.restMs)
      const startedAtMs = performance.now()
      const { answer } = await requestSwap(requests, to, { lowerTtl: options.lowerTtl })
      if (!answer.ok) throw new Error(`to ${to.name}: ${answer.situation} ${answer.because}`)
      const [fromHost, toHost] = [from, to].map((server) => pair.hostFor('application', server))
      const outageOf = (client: Client) => outageMs(client, fromHost ?? '', toHost ?? '', startedAtMs)
      outages.push({ node: await outageOf(node), pymysql: await outageOf(pymysql) })
      ;[from, to] = [to, from]
    }
    await Promise.all(clients.map((client) => client.stop()))
    const tokens = clients.flatMap(({ acknowledged }) => acknowledged.map(({ token }) => token))
    const end = await judge(stage, from, to, tokens)
    return {
      server: `${pair.family} ${pair.alice.binary.version}`,
      outagesMs: {
        'mysql2 pool': outages.map((each) => Math.round(each.node)),
        PyMySQL: outages.map((each) => Math.round(each.pymysql)),
      },
      ackedRows: end.acked,
      failures: end.failures,
    }
  } finally {
    await Promise.all(clients.map((client) => client.stop()))
    await watch.end()
  }
}

function optionsOf(stage: Stage, name: string, { askAfterMs }: ClientsStoryOptions): ClientOptions {
  const { application: account, port, caFile } = stage.pair
  const target = { name: WRITER_NAME, nameServer: stage.aws.environment.HOTSPARE_NAME_SERVER }
  return { name, account, port, caFile, target, askAfterMs }
}

async function outageMs(client: Client, from: string, to: string, sinceMs: number): Promise<number> {
  const first = await client.firstFrom(to, sinceMs, TIMEOUT_MS)
  const last = client.acknowledged.findLast(({ host }) => host === from)
  return first.atMs - (last?.atMs ?? Number.NaN)
}
