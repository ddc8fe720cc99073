/**
 * The ways in which a writer dies here. Each is prepared while the pair is healthy, so that the death itself is one moment.
 *
 * The one thing to understand: `backlog` stops the spare's applier, has the spare receive many small transactions, and starts the
 * applier again at the very moment of the kill: whoever opens the spare has to wait for it first.
 */
import type { Connection } from 'mysql2/promise'
import { openConnection } from './database/connection.ts'
import type { DatabaseServer } from './database/database-server.ts'
import type { Pair } from './database/pair.ts'
import { replicationOf } from './database/replication.ts'

export type Scenario = 'crash' | 'freeze' | 'backlog' | 'black-hole'

export interface Death {
  /** What is about to happen, for people. */
  readonly words: string
  /** The death begins with this call; resolves when it is complete. */
  begin(): Promise<void>
  /**
   * After begin(): resolves when the spare's applier runs. Who stops the receiver sooner leaves both stopped for a moment, and a MariaDB
   * then throws away what it had received.
   */
  applying(): Promise<void>
  /** What is missing on the spare of what it had received before the death; empty if nothing is. */
  missing(): Promise<string[]>
}

/** How many transactions the spare has received and not applied when its writer dies. */
export const BACKLOG_TRANSACTIONS = 5000
const BACKLOG_WRITERS = 8
const BACKLOG_TIMEOUT_MS = 120_000

/** Prepares alice's death. `black-hole` needs a pair with proxies. */
export async function prepareDeath(pair: Pair, scenario: Scenario): Promise<Death> {
  const { alice, bob, links } = pair
  const nothing = () => Promise.resolve([])
  const atOnce = () => Promise.resolve()
  switch (scenario) {
    case 'crash':
      return {
        words: 'kill -9 the writer, alice.',
        begin: () => alice.kill(),
        applying: atOnce,
        missing: nothing,
      }
    case 'freeze':
      return {
        words: 'Freeze the writer, alice (SIGSTOP).',
        begin: async () => alice.freeze(),
        applying: atOnce,
        missing: nothing,
      }
    case 'black-hole': {
      if (links === undefined) throw new Error('Links can only be cut on a pair with proxies: true.')
      const { applicationToAlice, functionToAlice, aliceToBob, bobToAlice } = links
      return {
        words: 'Cut every link to the writer, alice, which itself goes on.',
        begin: async () => {
          await Promise.all(
            [applicationToAlice, functionToAlice, aliceToBob, bobToAlice].map((link) => link.cut()),
          )
        },
        applying: atOnce,
        missing: nothing,
      }
    }
    case 'backlog':
      return backlog(alice, bob)
  }
}

async function backlog(alice: DatabaseServer, bob: DatabaseServer): Promise<Death> {
  await bob.query('STOP REPLICA SQL_THREAD')
  await Promise.all(Array.from({ length: BACKLOG_WRITERS }, (_, writer) => commitShare(alice, writer)))
  await waitUntilReceived(alice, bob)
  if ((await countBacklog(bob)) !== 0) throw new Error(`${bob.name} applied the backlog too early`)
  const starter = await openConnection({ socketPath: bob.socketFile, user: 'root' }, 5000)
  let started: Promise<unknown> = Promise.resolve()
  return {
    words: `kill -9 the writer, alice, with ${BACKLOG_TRANSACTIONS} transactions that bob has received and not applied.`,
    begin: async () => {
      started = starter.connection.query('START REPLICA SQL_THREAD')
      await Promise.all([started, alice.kill()])
      starter.close()
    },
    applying: async () => {
      await started
    },
    missing: async () => {
      const present = await countBacklog(bob)
      return present === BACKLOG_TRANSACTIONS
        ? []
        : [
            `${BACKLOG_TRANSACTIONS - present} of the ${BACKLOG_TRANSACTIONS} transactions that ${bob.name} had received are missing`,
          ]
    },
  }
}

/** One writer's part of the backlog, each row a transaction of its own. */
async function commitShare(server: DatabaseServer, writer: number): Promise<void> {
  const insert = (connection: Connection, number: number) =>
    connection.query('INSERT INTO shop.orders (token) VALUES (?)', [`backlog-${number}`])
  await server.session(
    async (connection) => {
      for (let number = writer; number < BACKLOG_TRANSACTIONS; number += BACKLOG_WRITERS)
        await insert(connection, number)
    },
    { timeoutMs: BACKLOG_TIMEOUT_MS },
  )
}

async function waitUntilReceived(source: DatabaseServer, replica: DatabaseServer): Promise<void> {
  const logs = await source.query<{ Log_name: string; File_size: number }>('SHOW BINARY LOGS')
  const { Log_name: file = '', File_size: size = 0 } = logs.at(-1) ?? {}
  const endsAtMs = performance.now() + BACKLOG_TIMEOUT_MS
  for (;;) {
    const { reading } = await replicationOf(replica)
    if (reading[0] === file ? reading[1] >= Number(size) : reading[0] > file) return
    if (performance.now() > endsAtMs)
      throw new Error(
        `${replica.name} has not received everything within ${BACKLOG_TIMEOUT_MS} ms: it reads ${reading.join(':')} of ${file}:${size}`,
      )
  }
}

async function countBacklog(server: DatabaseServer): Promise<number> {
  const [row] = await server.query<{ present: number }>(
    `SELECT COUNT(*) AS present FROM shop.orders WHERE token LIKE 'backlog-%'`,
  )
  return Number(row?.present ?? 0)
}
