/**
 * Looks at both servers of a pair from the side while a function watches it: what it makes them do, and when it wrote its heartbeats.
 *
 * The one thing to understand: it asks as root over the unix socket, several times a second, and takes its own statements off. The
 * heartbeat is read on the spare, as it came through replication: its time is the writer's own all the same.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { Connection } from 'mysql2/promise'
import { hotspare } from '../lab/database/accounts.ts'
import { type OpenConnection, openConnection } from '../lab/database/connection.ts'
import type { DatabaseServer } from '../lab/database/database-server.ts'
import type { Pair } from '../lab/database/pair.ts'
import { spread } from '../lab/figures.ts'
import type { TcpProxy } from '../lab/proxy.ts'
import { PAIR } from '../lab/stage.ts'

/** What the function alone makes a server do. */
export interface ServerLoad {
  readonly statementsPerSecond: number
  readonly bytesInPerSecond: number
  readonly bytesOutPerSecond: number
  readonly connectionsMedian: number
  readonly connectionsMax: number
}

export interface Observed {
  readonly elapsedMs: number
  readonly longestGapMs: number
  readonly alice: ServerLoad
  readonly bob: ServerLoad
}

/** Often enough to see every heartbeat of a watch that writes one a second. */
const SAMPLE_EVERY_MS = 200

/** Observes for `durationMs`; `onSample` is told how many heartbeats were seen so far. Throws if there is none at all. */
export async function observe(
  pair: Pair,
  durationMs: number,
  onSample: (sample: { beats: number }) => void,
): Promise<Observed> {
  const { links } = pair
  if (links === undefined)
    throw new Error('Bytes are counted in the proxies: start the pair with proxies: true.')
  const alice = await ServerObserver.open(pair.alice, links.functionToAlice)
  const bob = await ServerObserver.open(pair.bob, links.functionToBob)
  try {
    const startedAtMs = performance.now()
    const beatsAtMs: number[] = []
    while (performance.now() < startedAtMs + durationMs) {
      const writtenAtMs = await bob.heartbeatWrittenAtMs()
      if (writtenAtMs !== null && writtenAtMs !== beatsAtMs.at(-1)) beatsAtMs.push(writtenAtMs)
      await Promise.all([alice.countConnections(), bob.countConnections()])
      onSample({ beats: beatsAtMs.length })
      await pause(SAMPLE_EVERY_MS)
    }
    const elapsedMs = performance.now() - startedAtMs
    if (beatsAtMs.length < 2) throw new Error('No heartbeats reached the spare; is there a watch?')
    const gaps = beatsAtMs.slice(1).map((atMs, index) => atMs - (beatsAtMs[index] ?? atMs))
    return {
      elapsedMs,
      longestGapMs: Math.round(Math.max(...gaps)),
      alice: await alice.load(elapsedMs),
      bob: await bob.load(elapsedMs),
    }
  } finally {
    alice.close()
    bob.close()
  }
}

class ServerObserver {
  readonly #opened: OpenConnection
  readonly #link: TcpProxy
  readonly #bytesBefore: { toTarget: number; toClient: number }
  readonly #connections: number[] = []
  #statementsBefore = 0

  private constructor(opened: OpenConnection, link: TcpProxy) {
    this.#opened = opened
    this.#link = link
    this.#bytesBefore = { ...link.bytes }
  }

  static async open(server: DatabaseServer, link: TcpProxy): Promise<ServerObserver> {
    const opened = await openConnection({ socketPath: server.socketFile, user: 'root' }, 5000)
    const observer = new ServerObserver(opened, link)
    observer.#statementsBefore = await othersStatements(opened.connection)
    return observer
  }

  async heartbeatWrittenAtMs(): Promise<number | null> {
    const [rows] = await this.#opened.connection.query(
      "SELECT MAX(UNIX_TIMESTAMP(written_at)) * 1000 AS at FROM hotspare.heartbeat WHERE SUBSTRING_INDEX(pair, '/', 1) = ?",
      [PAIR],
    )
    const [row] = rows as { at: string | null }[]
    return row?.at == null ? null : Number(row.at)
  }

  async countConnections(): Promise<void> {
    const [rows] = await this.#opened.connection.query(
      'SELECT COUNT(*) AS held FROM information_schema.PROCESSLIST WHERE USER = ?',
      [hotspare.user],
    )
    this.#connections.push(Number((rows as { held: number }[])[0]?.held))
  }

  async load(elapsedMs: number): Promise<ServerLoad> {
    const aSecond = (count: number) => (count * 1000) / elapsedMs
    const { toTarget, toClient } = this.#link.bytes
    const { median, max } = spread(this.#connections)
    return {
      statementsPerSecond: aSecond(
        (await othersStatements(this.#opened.connection)) - this.#statementsBefore,
      ),
      bytesInPerSecond: aSecond(toTarget - this.#bytesBefore.toTarget),
      bytesOutPerSecond: aSecond(toClient - this.#bytesBefore.toClient),
      connectionsMedian: median,
      connectionsMax: max,
    }
  }

  close(): void {
    this.#opened.close()
  }
}

/** Statements from clients since the server's start, without those of this session. */
async function othersStatements(connection: Connection): Promise<number> {
  const questions = async (scope: 'GLOBAL' | 'SESSION') => {
    const [rows] = await connection.query(`SHOW ${scope} STATUS LIKE 'Questions'`)
    return Number((rows as { Value: string }[])[0]?.Value)
  }
  const everybody = await questions('GLOBAL')
  return everybody - (await questions('SESSION'))
}
