/** A real pair does what the lab promises, and Hotspare's account can do what it must and nothing more. */
import { existsSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Account } from '../../lab/database/accounts.ts'
import type { MysqlServer } from '../../lab/database/mysql-server.ts'
import { type Pair, startPair } from '../../lab/database/pair.ts'

let pair: Pair

beforeAll(async () => {
  pair = await startPair({ family: 'mysql', proxies: true })
}, 300_000)

afterAll(() => pair?.remove())

/** Runs statements on one connection as an account; the answer is the last one's rows, or the number of the server's error. */
async function run(
  account: Account,
  server: MysqlServer,
  ...statements: string[]
): Promise<Record<string, unknown>[] | number> {
  try {
    return await pair.as(account, server, async (connection) => {
      let rows: unknown = []
      for (const statement of statements) [rows] = await connection.query(statement)
      return Array.isArray(rows) ? (rows as Record<string, unknown>[]) : []
    })
  } catch (error) {
    const errno = (error as { errno?: number }).errno
    if (errno === undefined) throw error
    return errno
  }
}

async function until(condition: () => Promise<boolean>, timeoutMs = 10_000): Promise<void> {
  const endsAt = performance.now() + timeoutMs
  while (!(await condition())) {
    if (performance.now() > endsAt) throw new Error(`not so within ${timeoutMs} ms: ${condition}`)
    await pause(10)
  }
}

async function receiverState(server: MysqlServer): Promise<unknown> {
  const sql = 'SELECT SERVICE_STATE AS state FROM performance_schema.replication_connection_status'
  return (await server.query(sql))[0]?.state
}

async function replicateAgain(server: MysqlServer): Promise<void> {
  await server.query('START REPLICA')
  await until(async () => (await receiverState(server)) === 'ON')
}

describe('a pair', () => {
  it('carries a row from alice to bob', async () => {
    expect(
      await run(pair.application, pair.alice, "INSERT INTO shop.orders (token) VALUES ('first')"),
    ).toEqual([])
    await pair.waitUntilCaughtUp(pair.bob)
    expect(await run(pair.application, pair.bob, 'SELECT token FROM shop.orders')).toEqual([
      { token: 'first' },
    ])
  })

  it('holds no transaction but those that alice committed', async () => {
    const [uuid] = await pair.alice.query('SELECT @@global.server_uuid AS uuid')
    const [executed] = await pair.bob.query('SELECT @@global.gtid_executed AS executed')
    expect(executed?.executed).toMatch(new RegExp(`^${uuid?.uuid}:1-\\d+$`))
  })

  it('has a bob that refuses writes, also from an account that passes read_only (T11)', async () => {
    expect(await run(pair.application, pair.bob, "INSERT INTO shop.orders (token) VALUES ('no')")).toBe(1290)
    const heartbeat =
      "INSERT INTO hotspare.heartbeat VALUES ('p', 1, UTC_TIMESTAMP(6), 'w', UTC_TIMESTAMP(3))"
    expect(await run(pair.hotspare, pair.bob, heartbeat)).toBe(1290)
  })

  it('refuses connections without TLS', async () => {
    const [row] = await pair.alice.query("SHOW GLOBAL VARIABLES LIKE 'require_secure_transport'")
    expect(row?.Value).toBe('ON')
    const [cipher] = (await run(
      pair.application,
      pair.alice,
      "SHOW SESSION STATUS LIKE 'Ssl_version'",
    )) as Record<string, unknown>[]
    expect(cipher?.Value).toMatch(/^TLSv1\.[23]$/)
  })

  it('has servers that come back closed, with their threads stopped, after kill -9', async () => {
    await pair.bob.kill()
    expect(pair.bob.state).toBe('stopped')
    await expect(pair.connect(pair.hotspare, pair.bob)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    await pair.bob.start()
    const [closed] = await pair.bob.query(
      'SELECT @@global.super_read_only AS closed, @@global.event_scheduler AS events',
    )
    expect(closed).toEqual({ closed: 1, events: 'OFF' })
    expect(await receiverState(pair.bob)).toBe('OFF')
    await replicateAgain(pair.bob)
    await until(async () => (await receiverState(pair.alice)) === 'ON')
    expect(await run(pair.application, pair.bob, 'SELECT token FROM shop.orders')).toEqual([
      { token: 'first' },
    ])
  })

  it('has servers that keep an option given at a restart', async () => {
    await pair.bob.restart({ max_connections: '77' })
    expect(await pair.bob.query('SELECT @@global.max_connections AS most')).toEqual([{ most: 77 }])
    await replicateAgain(pair.bob)
  })

  it('has servers that freeze and wake where they were (T35)', async () => {
    const { connection, close } = await pair.connect(pair.application, pair.alice)
    pair.alice.freeze()
    expect(pair.alice.state).toBe('frozen')
    let answered = false
    const insert = connection.query("INSERT INTO shop.orders (token) VALUES ('late')").then(() => {
      answered = true
    })
    await pause(300)
    expect(answered).toBe(false)
    pair.alice.wake()
    await insert
    close()
    await pair.waitUntilCaughtUp(pair.bob)
  })
})

describe("Hotspare's account", () => {
  it('reads what it decides on', async () => {
    const looks = [
      'SHOW REPLICA STATUS',
      'SELECT * FROM performance_schema.replication_connection_status',
      'SELECT * FROM performance_schema.replication_applier_status_by_worker',
      'SELECT * FROM performance_schema.session_connect_attrs',
      'SELECT * FROM information_schema.INNODB_TRX',
      'SHOW BINARY LOG STATUS',
      'SHOW BINLOG EVENTS LIMIT 1',
    ]
    for (const look of looks) expect(await run(pair.hotspare, pair.bob, look), look).toBeInstanceOf(Array)
    const sessions = await run(
      pair.hotspare,
      pair.alice,
      "SELECT * FROM information_schema.PROCESSLIST WHERE USER = 'replicator'",
    )
    expect(sessions).toHaveLength(1)
  })

  it('stops and starts the threads', async () => {
    expect(await run(pair.hotspare, pair.bob, 'STOP REPLICA')).toEqual([])
    expect(await receiverState(pair.bob)).toBe('OFF')
    expect(await run(pair.hotspare, pair.bob, 'START REPLICA')).toEqual([])
    await until(async () => (await receiverState(pair.bob)) === 'ON')
  })

  it('opens and closes a server, and leaves no trace of what it runs', async () => {
    const open = "SET GLOBAL read_only = IF(UTC_TIMESTAMP(6) < '2999-01-01', 0, @@global.read_only)"
    const state = 'SELECT @@global.read_only AS readOnly, @@global.super_read_only AS superReadOnly'
    const [before] = await pair.bob.query('SELECT @@global.gtid_executed AS executed')
    expect(await run(pair.hotspare, pair.bob, 'SET SESSION sql_log_bin = 0', open, state)).toEqual([
      { readOnly: 0, superReadOnly: 0 },
    ])
    expect(await run(pair.hotspare, pair.bob, 'SET GLOBAL super_read_only = 1', state)).toEqual([
      { readOnly: 1, superReadOnly: 1 },
    ])
    expect(await run(pair.hotspare, pair.bob, 'SET GLOBAL event_scheduler = OFF')).toEqual([])
    expect(await pair.bob.query('SELECT @@global.gtid_executed AS executed')).toEqual([before])
  })

  it('sets the semi-sync switches', async () => {
    for (const server of pair.servers)
      await server.query("INSTALL PLUGIN rpl_semi_sync_source SONAME 'semisync_source.so'").catch(() => 0)
    expect(await run(pair.hotspare, pair.alice, 'SET GLOBAL rpl_semi_sync_source_enabled = 0')).toEqual([])
    await pair.waitUntilCaughtUp(pair.bob)
  })

  it("kills a session of the application, of an administrator, and the applier's worker (T11, T34)", async () => {
    const { connection, close } = await pair.connect(pair.application, pair.alice)
    expect(await run(pair.hotspare, pair.alice, `KILL ${connection.threadId}`)).toEqual([])
    await expect(connection.query('SELECT 1')).rejects.toThrow()
    close()
    await pair.bob.session(async (root) => {
      expect(await run(pair.hotspare, pair.bob, `KILL ${root.threadId}`)).toEqual([])
      await expect(root.query('SELECT 1')).rejects.toThrow()
    })
    const sql =
      "SELECT PROCESSLIST_ID AS id FROM performance_schema.threads WHERE NAME = 'thread/sql/replica_worker' LIMIT 1"
    const [worker] = await pair.bob.query(sql)
    expect(await run(pair.hotspare, pair.bob, `KILL ${worker?.id}`)).toEqual([])
    const running = 'SELECT SERVICE_STATE AS state FROM performance_schema.replication_applier_status'
    await until(async () => (await pair.bob.query(running))[0]?.state === 'OFF')
    await pair.bob.query('START REPLICA')
  })

  it('writes its own two tables on the open server', async () => {
    const heartbeat =
      "INSERT INTO hotspare.heartbeat VALUES ('p', 1, UTC_TIMESTAMP(6), 'w', UTC_TIMESTAMP(3))"
    const beat = "UPDATE hotspare.heartbeat SET sequence = 2 WHERE pair = 'p' AND @@global.read_only = 0"
    const takeover =
      "INSERT INTO hotspare.takeover VALUES ('p', 1, 'alice', UTC_TIMESTAMP(6), @@global.gtid_executed)"
    expect(await run(pair.hotspare, pair.alice, heartbeat, beat, takeover)).toEqual([])
    await pair.waitUntilCaughtUp(pair.bob)
    expect(await run(pair.hotspare, pair.bob, 'SELECT sequence FROM hotspare.heartbeat')).toEqual([
      { sequence: 2 },
    ])
  })

  it('can do nothing else', async () => {
    const refused: [string, number][] = [
      ['SELECT * FROM shop.orders', 1142],
      ["INSERT INTO shop.orders (token) VALUES ('x')", 1142],
      ['DELETE FROM hotspare.heartbeat', 1142],
      ['DROP TABLE hotspare.takeover', 1142],
      ['SELECT * FROM mysql.user', 1142],
      ["CREATE USER 'x'@'%'", 1227],
      ['CREATE DATABASE x', 1044],
      ['SHUTDOWN', 1227],
    ]
    // Not in the list: CHANGE REPLICATION SOURCE. It needs the same privilege as START REPLICA, so MySQL can't refuse it alone.
    for (const [statement, errno] of refused) {
      expect(await run(pair.hotspare, pair.alice, statement), statement).toBe(errno)
    }
  })
})

describe('the end of a pair', () => {
  it('leaves no process and no folder, also of a frozen server', async () => {
    const pids = pair.servers.map((server) => server.pid ?? 0)
    pair.alice.freeze()
    await pair.remove()
    for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow('ESRCH')
    for (const server of pair.servers) expect(existsSync(server.folder)).toBe(false)
  })
})
