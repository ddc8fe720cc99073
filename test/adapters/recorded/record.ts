/**
 * Records what servers say of small, varied binary logs, for binary-logs.test.ts. To record anew:
 *
 *     node tools/run.mjs test/adapters/recorded/record.ts
 *
 * The one thing to understand: whoever wrote a transaction knows which tables it changed, so that stands beside the events: the reader's
 * answer is judged by what was done, not by another reading of the same log.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Connection } from 'mysql2/promise'
import type { DatabaseServer } from '../../../lab/database/database-server.ts'
import { type Pair, startPair } from '../../../lab/database/pair.ts'
import { waitUntilReplicating } from '../../../lab/database/replication.ts'

/** Position, type, end position and what is said of one event. */
export type RecordedEvent = readonly [position: number, type: string, end: number, info: string]

export interface RecordedLogs {
  readonly version: string
  /** Oldest first, as SHOW BINARY LOGS lists them. */
  readonly files: readonly {
    readonly name: string
    readonly bytes: number
    readonly events: readonly RecordedEvent[]
  }[]
  /** What a transaction changed: all its tables, or null if it holds more than rows. */
  readonly truth: Readonly<Record<string, readonly string[] | null>>
}

const line = { mysql: '', mariadb: '10.11', 'mariadb-11.8': '11.8' } as const
type Recorded = keyof typeof line

class Recording {
  readonly truth: Record<string, readonly string[] | null> = {}
  readonly server: DatabaseServer
  #seen = new Set<string>()

  constructor(server: DatabaseServer) {
    this.server = server
  }

  /** Does the work and notes that every transaction that is new after it changed these tables. */
  async note(tables: readonly string[] | null, work: (root: Connection) => Promise<void>): Promise<void> {
    await this.server.session(work)
    for (const gtid of await transactionsIn(this.server)) {
      if (this.#seen.has(gtid)) continue
      this.#seen.add(gtid)
      this.truth[gtid] = tables
    }
  }
}

/** The GTIDs that the logs hold, by the events that begin transactions. */
async function transactionsIn(server: DatabaseServer): Promise<string[]> {
  const files = await readFiles(server)
  const infos = files.flatMap(({ events }) => events.filter(([, type]) => /gtid/i.test(type)))
  return infos.flatMap(([, , , info]) => {
    const found = /GTID_NEXT\s*=\s*'([^']+:\d+)'/.exec(info)?.[1] ?? /\bGTID (\d+-\d+-\d+)/.exec(info)?.[1]
    return found === undefined ? [] : [found.toLowerCase()]
  })
}

async function readFiles(server: DatabaseServer): Promise<RecordedLogs['files']> {
  const logs = await server.query<{ Log_name: string; File_size: number }>('SHOW BINARY LOGS')
  const files = []
  for (const { Log_name: name, File_size } of logs) {
    const rows = await server.query<Record<string, unknown>>(`SHOW BINLOG EVENTS IN '${name}'`)
    const events = rows.map(
      (row): RecordedEvent => [
        Number(row.Pos),
        String(row.Event_type),
        Number(row.End_log_pos),
        String(row.Info),
      ],
    )
    files.push({ name, bytes: Number(File_size), events })
  }
  return files
}

async function rows(recording: Recording): Promise<void> {
  const insert = (root: Connection, count: number) =>
    root.query(
      'INSERT INTO shop.orders (token) VALUES (UUID()) '.replace(/$/, ', (UUID())'.repeat(count - 1)),
    )
  await recording.note(['shop.orders'], async (root) => {
    for (let each = 0; each < 4; each++) await insert(root, 1)
  })
  await recording.note(['shop.lines', 'shop.orders'], async (root) => {
    await root.query('BEGIN')
    await insert(root, 2)
    await root.query('INSERT INTO shop.lines VALUES (1), (2)')
    await root.query('COMMIT')
  })
  await recording.note(['hotspare.takeover'], async (root) => {
    for (let epoch = 1; epoch < 4; epoch++)
      await root.query(`REPLACE INTO hotspare.takeover VALUES ('orders', ${epoch}, 'alice', NOW(6), '')`)
  })
  await recording.note(['shop.lines', 'shop.orders'], async (root) => {
    await root.query('BEGIN')
    for (let each = 0; each < 25; each++) {
      await insert(root, 1)
      await root.query('UPDATE shop.lines SET id = id + 10 ORDER BY id DESC')
    }
    await root.query('COMMIT')
  })
}

async function statements(recording: Recording, family: Pair['family']): Promise<void> {
  await recording.note(null, (root) =>
    root.query('CREATE TABLE shop.other (id INT PRIMARY KEY)').then(() => {}),
  )
  await recording.note(null, async (root) => {
    await root.query("SET SESSION binlog_format = 'STATEMENT'")
    await root.query('/* a tool */ INSERT INTO shop.other VALUES (1)')
    await root.query('BEGIN')
    await root.query('INSERT INTO shop.other VALUES (2)')
    await root.query("REPLACE INTO hotspare.takeover VALUES ('orders', 9, 'alice', '2026-01-01', '')")
    await root.query('COMMIT')
  })
  await recording.note(null, (root) => root.query('DROP TABLE shop.other').then(() => {}))
  await recording.note(null, (root) =>
    root.query('CREATE TABLE shop.plain (id INT PRIMARY KEY) ENGINE = MyISAM').then(() => {}),
  )
  await recording.note(['shop.plain'], (root) =>
    root.query('INSERT INTO shop.plain VALUES (1)').then(() => {}),
  )
  // MariaDB logs it as any other; MySQL in statements around the rows.
  await recording.note(family === 'mysql' ? null : ['shop.lines'], async (root) => {
    await root.query("XA START 'one'")
    await root.query('INSERT INTO shop.lines VALUES (5000)')
    await root.query("XA END 'one'")
    await root.query("XA COMMIT 'one' ONE PHASE")
  })
  await recording.note(null, async (root) => {
    await root.query("XA START 'two'")
    await root.query('INSERT INTO shop.lines VALUES (5001)')
    await root.query("XA END 'two'")
    await root.query("XA PREPARE 'two'")
    await root.query("XA COMMIT 'two'")
  })
  if (family === 'mysql') await packed(recording)
  else await others(recording)
}

/** Compressed transactions, whose events MySQL shows one by one at positions of its own. */
async function packed(recording: Recording): Promise<void> {
  await recording.note(['shop.lines', 'shop.orders'], async (root) => {
    await root.query('SET SESSION binlog_transaction_compression = ON')
    await root.query('BEGIN')
    for (let each = 0; each < 5; each++) {
      await root.query('INSERT INTO shop.orders (token) VALUES (UUID())')
      await root.query('UPDATE shop.lines SET id = id + 10 ORDER BY id DESC')
    }
    await root.query('COMMIT')
  })
}

/** Another server's numbers in the same domain, and a domain of its own. */
async function others(recording: Recording): Promise<void> {
  for (const setting of ['server_id = 2', 'gtid_domain_id = 7', 'server_id = 2'])
    await recording.note(['shop.orders'], async (root) => {
      await root.query(`SET SESSION ${setting}`)
      await root.query('INSERT INTO shop.orders (token) VALUES (UUID())')
    })
}

async function record(name: Recorded): Promise<RecordedLogs> {
  process.env.HOTSPARE_MARIADB = line[name]
  const family = name === 'mysql' ? 'mysql' : 'mariadb'
  const pair = await startPair({ family })
  try {
    const recording = new Recording(pair.alice)
    await recording.note(null, (root) =>
      root.query('CREATE TABLE shop.lines (id INT PRIMARY KEY)').then(() => {}),
    )
    await rows(recording)
    await pair.alice.query('FLUSH BINARY LOGS')
    await statements(recording, family)
    await rows(recording)
    await pair.alice.restart()
    await pair.alice.open()
    await rows(recording)
    await pair.alice.kill()
    await pair.alice.start()
    await pair.alice.open()
    await waitUntilReplicating(pair.bob, 20_000)
    await rows(recording)
    const [row] = await pair.alice.query<{ version: string }>('SELECT VERSION() AS version')
    return { version: row?.version ?? '', files: await readFiles(pair.alice), truth: recording.truth }
  } finally {
    await pair.remove()
  }
}

export const RECORDED: readonly Recorded[] = ['mysql', 'mariadb', 'mariadb-11.8']

if (import.meta.main)
  for (const name of RECORDED) {
    const text = JSON.stringify(await record(name), null, 1).replaceAll(/\n {4}(\[|"|\d)/g, '$1')
    writeFileSync(join(import.meta.dirname, `${name}.json`), `${text}\n`)
  }
