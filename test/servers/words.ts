/**
 * What tests say to servers of either family, in the one place that knows how the families differ.
 *
 * The one thing to understand: everything here runs as root over the unix socket, so it works whatever happens to the links; and
 * what a test itself does to a server that should replicate from nobody stays out of the binary log.
 */
import { copyFileSync } from 'node:fs'
import { type Account, accountInSql, eventStatements } from '../../lab/database/accounts.ts'
import type { DatabaseServer as Server } from '../../lab/database/database-server.ts'
import type { Family } from '../../lab/database/family.ts'
import type { Pair } from '../../lab/database/pair.ts'
import { replicationOf } from '../../lab/database/replication.ts'
import { isOurDomain } from '../../lambda/adapters/mysql/own-domain.ts'
import { eventually } from './on-stage.ts'

export type { DatabaseServer as Server } from '../../lab/database/database-server.ts'
export type { Family } from '../../lab/database/family.ts'
export { type Replication, replicationOf } from '../../lab/database/replication.ts'

/** Whether the receiver has read everything that the source has committed by now. */
export async function hasReceivedAll(replica: Server, source: Server): Promise<boolean> {
  const [end] = await source.query<{ File: string; Position: number }>(WORDS[source.family].showBinlogStatus)
  const { reading } = await replicationOf(replica)
  if (end === undefined) throw new Error(`${source.name} writes no binary log`)
  return reading[0] === end.File ? reading[1] >= Number(end.Position) : reading[0] > end.File
}

/** Everything that a server has committed, in the core's notation; without what Hotspare numbers apart. */
export async function executedSet(server: Server): Promise<string> {
  const executed = await server.executed()
  if (server.family === 'mysql') return executed
  const sets = executed
    .split(',')
    .filter((gtid) => !isOurDomain(Number(gtid.split('-')[0])))
    .map((gtid) => gtid.replace(/^(\d+-\d+)-(\d+)$/, '$1:1-$2'))
  return sets.sort().join(',')
}

/** Whether somebody holds locks on the rows of this SELECT. (INNODB_TRX is no help: asked often, it repeats an old answer.) */
export async function isLocked(server: Server, select: string): Promise<boolean> {
  try {
    await server.query(`${select} ${WORDS[server.family].shareNowait}`)
    return false
  } catch (error) {
    if ([1205, 3572].includes((error as { errno?: number }).errno ?? 0)) return true
    throw error
  }
}

/** Ends the sessions of an account, as the server names it; of its replicas with `dumps`. */
export async function endSessions(server: Server, which: { user: string } | 'dumps'): Promise<void> {
  const [condition, values] =
    which === 'dumps' ? [`COMMAND LIKE 'Binlog Dump%'`, []] : ['USER = ?', [which.user]]
  await server.session(async (connection) => {
    const [rows] = await connection.query(
      `SELECT ID AS id FROM information_schema.PROCESSLIST WHERE ${condition}`,
      values,
    )
    // One that has gone by itself meanwhile is no failure.
    for (const { id } of rows as { id: number }[])
      await connection.query('KILL ?', [id]).catch(() => undefined)
  })
}

/** Statements on a closed server that stay out of its binary log, as nobody but a test should ever run them. */
export async function behindItsBack(server: Server, ...statements: string[]): Promise<void> {
  const { letRootWrite } = WORDS[server.family]
  await server.session(async (connection) => {
    await connection.query('SET SESSION sql_log_bin = 0')
    for (const statement of [...letRootWrite, ...statements]) await connection.query(statement)
  })
  await server.close()
}

/** Commits on a closed server, into its binary log: what makes it errant. */
export async function strayCommit(server: Server, statement: string): Promise<void> {
  await server.session(async (connection) => {
    for (const each of [...WORDS[server.family].letRootWrite, statement]) await connection.query(each)
  })
  await server.close()
}

/** An account with every right, on both servers; for people who know no better. */
export async function createAdministrator(pair: Pair): Promise<Account> {
  const account = { user: 'administrator', password: 'administrator-lab-password' }
  await pair.alice.session(async (root) => {
    await root.query(`CREATE USER ${accountInSql(account)} IDENTIFIED BY '${account.password}' REQUIRE SSL`)
    await root.query(`GRANT ALL ON *.* TO ${accountInSql(account)} WITH GRANT OPTION`)
  })
  await pair.waitUntilCaughtUp(pair.bob)
  return account
}

/** What Hotspare's account needs for events, on both servers and out of their binary logs. A pair starts with it. */
export async function setEventRights(pair: Pair, to: 'given' | 'taken'): Promise<void> {
  for (const server of pair.servers) {
    const wasOpen = await server.isOpen()
    await server.open()
    await server.session(async (root) => {
      await root.query('SET SESSION sql_log_bin = 0')
      for (const grant of eventStatements(server.binary))
        await root.query(to === 'given' ? grant : grant.replace('GRANT', 'REVOKE').replace(' TO ', ' FROM '))
    })
    if (!wasOpen) await server.close()
  }
}

/** Semi-synchronous replication both ways; each server waits for so long for the other's acknowledgement, and has it. */
export async function switchSemiSyncOn(pair: Pair, timeoutMs = 3_600_000): Promise<void> {
  for (const server of pair.servers) {
    await server.query('STOP REPLICA IO_THREAD')
    for (const statement of WORDS[server.family].semiSync) await server.query(statement, [timeoutMs])
  }
  for (const server of pair.servers) await server.query('START REPLICA IO_THREAD')
  for (const server of pair.servers) {
    const acknowledged = async () => (await semiSyncCounters(server)).acknowledgers === 1
    await eventually(`${server.name} has its acknowledger`, acknowledged)
  }
}

/** Counters of a source under semi-sync: who acknowledges, and how many commits wait. */
export async function semiSyncCounters(server: Server): Promise<{ acknowledgers: number; waiting: number }> {
  const counter = async (name: string): Promise<number> => {
    const [row] = await server.query<{ Value: string }>(`SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync_%_${name}'`)
    return Number(row?.Value)
  }
  return { acknowledgers: await counter('clients'), waiting: await counter('wait_sessions') }
}

/** Makes the applier wait so long with every transaction. Both threads are stopped for it and run again. */
export async function delayApplier(server: Server, seconds: number): Promise<void> {
  await server.query('STOP REPLICA')
  await server.query(WORDS[server.family].delayApplier, [seconds])
  await server.query('START REPLICA')
}

/** Gives a running server another certificate. Connections that stand stay; new ones meet it. */
export async function useCertificate(
  server: Server,
  files: { caFile: string; certificateFile: string; keyFile: string },
): Promise<void> {
  if (server.family === 'mysql') {
    const { caFile, certificateFile, keyFile } = files
    await server.query('SET GLOBAL ssl_ca = ?, ssl_cert = ?, ssl_key = ?', [caFile, certificateFile, keyFile])
    await server.query('ALTER INSTANCE RELOAD TLS')
    return
  }
  const [now] = await server.query<{ certificate: string; key: string }>(
    'SELECT @@ssl_cert AS certificate, @@ssl_key AS `key`',
  )
  copyFileSync(files.certificateFile, now?.certificate ?? '')
  copyFileSync(files.keyFile, now?.key ?? '')
  await server.query('FLUSH SSL')
}

interface Words {
  /** What people are told to type to close a server. */
  readonly closeByHand: string
  /** The start of a command that people are given to list what a held server alone has. */
  readonly extracts: RegExp
  /** How a message names one stray transaction on shop.orders. */
  readonly strayOrder: RegExp
  /** What a SELECT ends with that takes shared locks at once or fails; a closed server allows it. */
  readonly shareNowait: string
  /** A source alone that waits for replicas, though none would answer; and back to where it was. */
  readonly waiting: { readonly on: readonly string[]; readonly off: string }
  /** On a closed server; for applications it stays closed. */
  readonly letRootWrite: readonly string[]
  /** Rights without which a failover can't open the spare, or stop its threads. */
  readonly rightToOpen: string
  readonly rightToStop: string
  readonly showBinlogStatus: string
  readonly delayApplier: string
  /** The right to read the binary log. */
  readonly readsLogs: string
  /** Options of a server that boots open, as it should not. */
  readonly openAtBoot: Readonly<Record<string, string>>
  /** Options that load semi-synchronous replication. */
  readonly semiSyncOptions: Readonly<Record<string, string>>
  readonly semiSync: readonly string[]
}

/** Opens a server for everybody; on both families it takes what keeps administrators out away, too. */
export const OPEN = 'SET GLOBAL read_only = 0'

export const WORDS: Readonly<Record<Family, Words>> = {
  mysql: {
    readsLogs: 'REPLICATION SLAVE',
    closeByHand: 'SET GLOBAL super_read_only = ON',
    extracts: /mysqlbinlog --include-gtids=/,
    strayOrder: /[0-9a-f-]{36}:\d+ {2}shop\.orders/,
    shareNowait: 'FOR SHARE NOWAIT',
    waiting: {
      on: [
        "INSTALL PLUGIN rpl_semi_sync_source SONAME 'semisync_source.so'",
        'SET GLOBAL rpl_semi_sync_source_enabled = 1',
      ],
      off: 'UNINSTALL PLUGIN rpl_semi_sync_source',
    },
    letRootWrite: ['SET GLOBAL super_read_only = 0'],
    rightToOpen: 'SYSTEM_VARIABLES_ADMIN',
    rightToStop: 'REPLICATION_SLAVE_ADMIN',
    showBinlogStatus: 'SHOW BINARY LOG STATUS',
    delayApplier: 'CHANGE REPLICATION SOURCE TO SOURCE_DELAY = ?',
    openAtBoot: { read_only: 'OFF', super_read_only: 'OFF' },
    semiSyncOptions: { plugin_load_add: 'semisync_source.so;semisync_replica.so' },
    semiSync: [
      'SET GLOBAL rpl_semi_sync_source_timeout = ?',
      'SET GLOBAL rpl_semi_sync_source_enabled = 1',
      'SET GLOBAL rpl_semi_sync_replica_enabled = 1',
    ],
  },
  mariadb: {
    readsLogs: 'BINLOG MONITOR',
    closeByHand: 'SET GLOBAL read_only = ON',
    extracts: /mariadb-binlog --start-position=0-\d-\d+ --stop-position=/,
    strayOrder: /0-1-\d+ {2}shop\.orders/,
    shareNowait: 'LOCK IN SHARE MODE NOWAIT',
    waiting: {
      on: ['SET GLOBAL rpl_semi_sync_master_enabled = 1'],
      off: 'SET GLOBAL rpl_semi_sync_master_enabled = 0',
    },
    // root has READ ONLY ADMIN.
    letRootWrite: [],
    rightToOpen: 'READ_ONLY ADMIN',
    rightToStop: 'REPLICATION SLAVE ADMIN',
    showBinlogStatus: 'SHOW BINLOG STATUS',
    delayApplier: 'CHANGE MASTER TO MASTER_DELAY = ?',
    openAtBoot: { read_only: 'OFF' },
    semiSyncOptions: {},
    semiSync: [
      'SET GLOBAL rpl_semi_sync_master_timeout = ?',
      'SET GLOBAL rpl_semi_sync_master_enabled = 1',
      'SET GLOBAL rpl_semi_sync_slave_enabled = 1',
    ],
  },
}
