/** A real pair of a family does what the lab promises, and Hotspare's account can do what it must and nothing more. */
import { existsSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Account, eventStatements } from '../../lab/database/accounts.ts'
import type { DatabaseServer } from '../../lab/database/database-server.ts'
import type { Family } from '../../lab/database/family.ts'
import { type Pair, startPair } from '../../lab/database/pair.ts'
import { replicationOf } from '../../lab/database/replication.ts'

/** What Hotspare's account runs, and what it must not get. */
interface Words {
  readonly looks: readonly string[]
  readonly close: string
  readonly semiSync: { readonly load: string; readonly off: string }
  /** Ids of the threads that apply. */
  readonly appliers: string
  /** Refused, with the number of the error. */
  readonly refused: readonly (readonly [statement: string, errno: number])[]
}

const refusedByBoth: Words['refused'] = [
  ['SELECT * FROM shop.orders', 1142],
  ["INSERT INTO shop.orders (token) VALUES ('x')", 1142],
  ['DELETE FROM hotspare.heartbeat', 1142],
  ['DROP TABLE hotspare.takeover', 1142],
  ['SELECT * FROM mysql.user', 1142],
  ["CREATE USER 'x'@'%'", 1227],
  ['CREATE DATABASE x', 1044],
  ['SHUTDOWN', 1227],
]

const WORDS: Readonly<Record<Family, Words>> = {
  mysql: {
    looks: [
      'SHOW REPLICA STATUS',
      'SELECT * FROM performance_schema.replication_connection_status',
      'SELECT * FROM performance_schema.replication_applier_status_by_worker',
      'SELECT * FROM performance_schema.session_connect_attrs',
      'SELECT * FROM information_schema.INNODB_TRX',
      'SHOW BINARY LOG STATUS',
      'SHOW BINARY LOGS',
      'SHOW BINLOG EVENTS LIMIT 1',
    ],
    close: 'SET GLOBAL super_read_only = 1',
    semiSync: {
      load: "INSTALL PLUGIN rpl_semi_sync_source SONAME 'semisync_source.so'",
      off: 'SET GLOBAL rpl_semi_sync_source_enabled = 0',
    },
    appliers:
      "SELECT PROCESSLIST_ID AS id FROM performance_schema.threads WHERE NAME = 'thread/sql/replica_worker'",
    // Not in the list: CHANGE REPLICATION SOURCE. It needs the same privilege as START REPLICA, so MySQL can't refuse it alone.
    refused: refusedByBoth,
  },
  mariadb: {
    looks: [
      'SHOW ALL SLAVES STATUS',
      'SELECT @@global.gtid_binlog_state, @@global.gtid_slave_pos, @@global.gtid_current_pos',
      'SELECT * FROM information_schema.GLOBAL_STATUS LIMIT 1',
      'SELECT * FROM information_schema.INNODB_TRX',
      'SHOW MASTER STATUS',
      'SHOW BINARY LOGS',
      'SHOW BINLOG EVENTS LIMIT 1',
      "SHOW RELAYLOG '' EVENTS LIMIT 1",
    ],
    close: 'SET GLOBAL read_only = 1',
    semiSync: { load: 'DO 0', off: 'SET GLOBAL rpl_semi_sync_master_enabled = 0' },
    appliers: "SELECT ID AS id FROM information_schema.PROCESSLIST WHERE COMMAND = 'Slave_SQL'",
    refused: refusedByBoth,
  },
}

/** Makes the tests of a family. */
export function pairSuite(family: Family): void {
  const words = WORDS[family]
  let pair: Pair

  beforeAll(async () => {
    pair = await startPair({ family, proxies: true })
  }, 300_000)

  afterAll(() => pair?.remove())

  /** Runs statements on one connection as an account; the answer is the last one's rows, or the number of the server's error. */
  async function run(
    account: Account,
    server: DatabaseServer,
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

  async function receiverIs(server: DatabaseServer, state: 'on' | 'off'): Promise<void> {
    await until(async () => (await replicationOf(server)).receiver === state)
  }

  async function replicateAgain(server: DatabaseServer): Promise<void> {
    await server.query('START REPLICA')
    await receiverIs(server, 'on')
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
      const executed = await pair.bob.executed()
      if (family === 'mariadb') return expect(executed).toMatch(/^0-1-\d+$/)
      const [alice] = await pair.alice.query('SELECT @@global.server_uuid AS uuid')
      expect(executed).toMatch(new RegExp(`^${alice?.uuid}:1-\\d+$`))
    })

    it('has a bob that refuses writes; on MySQL also from an account that passes read_only (T11)', async () => {
      expect(await run(pair.application, pair.bob, "INSERT INTO shop.orders (token) VALUES ('no')")).toBe(
        1290,
      )
      const write = "UPDATE hotspare.heartbeat SET sequence = 1 WHERE pair = 'nobody'"
      expect(await run(pair.hotspare, pair.bob, write)).toEqual(family === 'mysql' ? 1290 : [])
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
      expect(await pair.bob.isOpen()).toBe(false)
      expect(await pair.bob.query('SELECT @@global.event_scheduler AS events')).toEqual([{ events: 'OFF' }])
      expect(await replicationOf(pair.bob)).toMatchObject({ receiver: 'off', applier: 'off' })
      await replicateAgain(pair.bob)
      await receiverIs(pair.alice, 'on')
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

  /** Rights are no part of replication here: they are given and taken on both servers, out of their binary logs. */
  async function onBoth(statements: (server: DatabaseServer) => readonly string[]): Promise<void> {
    for (const server of pair.servers) {
      const wasOpen = await server.isOpen()
      await server.open()
      await server.session(async (root) => {
        await root.query('SET SESSION sql_log_bin = 0')
        for (const statement of statements(server)) await root.query(statement)
      })
      if (!wasOpen) await server.close()
    }
  }

  describe("Hotspare's account, without the rights for events", () => {
    // On MariaDB 10.11 SUPER, which is only there for events, stands in for several of the others.
    beforeAll(() =>
      onBoth(({ binary }) =>
        eventStatements(binary).map((grant) => grant.replace('GRANT', 'REVOKE').replace(' TO ', ' FROM ')),
      ),
    )
    afterAll(() => onBoth(({ binary }) => eventStatements(binary)))

    it('reads what it decides on', async () => {
      for (const look of words.looks)
        expect(await run(pair.hotspare, pair.bob, look), look).toBeInstanceOf(Array)
      const sessions = await run(
        pair.hotspare,
        pair.alice,
        "SELECT * FROM information_schema.PROCESSLIST WHERE USER = 'replicator'",
      )
      expect(sessions).toHaveLength(1)
    })

    it('stops and starts the threads', async () => {
      expect(await run(pair.hotspare, pair.bob, 'STOP REPLICA')).toEqual([])
      expect(await replicationOf(pair.bob)).toMatchObject({ receiver: 'off', applier: 'off' })
      expect(await run(pair.hotspare, pair.bob, 'START REPLICA')).toEqual([])
      await receiverIs(pair.bob, 'on')
    })

    it('opens and closes a server, and leaves no trace of what it runs', async () => {
      const open = "SET GLOBAL read_only = IF(UTC_TIMESTAMP(6) < '2999-01-01', 0, @@global.read_only)"
      const before = await pair.bob.executed()
      expect(await run(pair.hotspare, pair.bob, open)).toEqual([])
      expect(await pair.bob.isOpen()).toBe(true)
      expect(await run(pair.hotspare, pair.bob, words.close)).toEqual([])
      expect(await pair.bob.isOpen()).toBe(false)
      expect(await pair.bob.executed()).toBe(before)
    })

    it('sets the semi-sync switches', async () => {
      for (const server of pair.servers) await server.query(words.semiSync.load).catch(() => 0)
      expect(await run(pair.hotspare, pair.alice, words.semiSync.off)).toEqual([])
      await pair.waitUntilCaughtUp(pair.bob)
    })

    it('kills a session of the application, of an administrator, and a thread of the applier (T11, T34)', async () => {
      const { connection, close } = await pair.connect(pair.application, pair.alice)
      expect(await run(pair.hotspare, pair.alice, `KILL ${connection.threadId}`)).toEqual([])
      await expect(connection.query('SELECT 1')).rejects.toThrow()
      close()
      await pair.bob.session(async (root) => {
        expect(await run(pair.hotspare, pair.bob, `KILL ${root.threadId}`)).toEqual([])
        await expect(root.query('SELECT 1')).rejects.toThrow()
      })
      const [applier] = await pair.bob.query(words.appliers)
      expect(await run(pair.hotspare, pair.bob, `KILL ${applier?.id}`)).toEqual([])
      await until(async () => (await replicationOf(pair.bob)).applier === 'off')
      await pair.bob.query('START REPLICA')
    })

    it('writes its own two tables on the open server', async () => {
      const heartbeat =
        "INSERT INTO hotspare.heartbeat VALUES ('p', 1, UTC_TIMESTAMP(6), 'w', UTC_TIMESTAMP(3))"
      const beat = "UPDATE hotspare.heartbeat SET sequence = 2 WHERE pair = 'p' AND @@global.read_only = 0"
      const takeover = "INSERT INTO hotspare.takeover VALUES ('p', 1, 'alice', UTC_TIMESTAMP(6), 'all of it')"
      expect(await run(pair.hotspare, pair.alice, heartbeat, beat, takeover)).toEqual([])
      await pair.waitUntilCaughtUp(pair.bob)
      expect(await run(pair.hotspare, pair.bob, 'SELECT sequence FROM hotspare.heartbeat')).toEqual([
        { sequence: 2 },
      ])
    })

    it('can do nothing else', async () => {
      for (const [statement, errno] of words.refused) {
        expect(await run(pair.hotspare, pair.alice, statement), statement).toBe(errno)
      }
    })
  })

  describe("Hotspare's account, with the rights for events", () => {
    it('enables an event with its definer kept, and out of the binary log (T18)', async () => {
      const at = "EVENT_SCHEMA = 'shop' AND EVENT_NAME = 'nightly'"
      const stateOf = async (server: DatabaseServer) => {
        const [event] = await server.query(
          `SELECT DEFINER AS definer, STATUS LIKE '%SIDE_DISABLED' AS aside FROM information_schema.EVENTS WHERE ${at}`,
        )
        return event
      }
      await pair.alice.query(
        "CREATE DEFINER = 'app'@'127.%' EVENT shop.nightly ON SCHEDULE EVERY 1 DAY DO DO 0",
      )
      await pair.waitUntilCaughtUp(pair.bob)
      const before = await pair.bob.executed()
      const seen = `SELECT EVENT_NAME AS name FROM information_schema.EVENTS WHERE ${at}`
      expect(await run(pair.hotspare, pair.bob, seen)).toEqual([{ name: 'nightly' }])
      expect(await stateOf(pair.bob)).toEqual({ definer: 'app@127.%', aside: 1 })
      await pair.bob.open()
      const enable = "ALTER DEFINER = 'app'@'127.%' EVENT shop.nightly ENABLE"
      const statements = ['SET GLOBAL event_scheduler = ON', 'SET SESSION sql_log_bin = 0', enable]
      expect(await run(pair.hotspare, pair.bob, ...statements)).toEqual([])
      expect(await stateOf(pair.bob)).toEqual({ definer: 'app@127.%', aside: 0 })
      expect(await run(pair.hotspare, pair.bob, 'SET GLOBAL event_scheduler = OFF', words.close)).toEqual([])
      expect(await pair.bob.executed()).toBe(before)
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
}
