/**
 * MariaDB in the lab; see family.ts.
 *
 * The one thing to understand: two release lines are tested, and `HOTSPARE_MARIADB=11.8` makes the whole lab take the newer one; without
 * it, whatever is installed, else 10.11.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { lastLines, runCommand } from './command.ts'
import type { Flavour, Initialisation, ServerOptions } from './family.ts'

/** The Debian release that has each line; releases keep theirs, unlike the suites' rolling names. */
const suites: Readonly<Record<string, string>> = { '10.11': 'bookworm', '11.8': 'trixie' }
const usualLine = '10.11'

const fileSizeOptions: ServerOptions = {
  innodb_data_file_path: 'ibdata1:5M:autoextend',
  innodb_autoextend_increment: '1',
  innodb_log_file_size: '8M',
}

const options: ServerOptions = {
  skip_slave_start: 'ON',
  log_slave_updates: 'ON',
  // As on MySQL; with the default, MIXED, most of a binary log doesn't tell which tables it is about.
  binlog_format: 'ROW',
  // A transaction that would be out of order stops the applier instead of going unnoticed.
  gtid_strict_mode: 'ON',
  gtid_domain_id: '0',
  innodb_temp_data_file_path: 'ibtmp1:2M:autoextend',
  aria_pagecache_buffer_size: '8M',
  key_buffer_size: '8M',
  // Not every session that ends without a word.
  log_warnings: '1',
}

export const mariadb: Flavour = {
  family: 'mariadb',
  title: 'MariaDB',
  program: 'mariadbd',
  programVariable: 'HOTSPARE_MARIADBD',
  oldestVersion: '10.6.0',
  isIt: (versionText) => /mariadb/i.test(versionText),
  release,
  shareFolders: ['share/mariadb', 'share/mysql', 'share'],
  readsShareFolder: true,
  fileSizeOptions,
  initialise,
  options,
  // It is set, but no statement shows it.
  configuration: { failover: { acceptMissing: ['skip-replica-start'] } },
  open: 'SET GLOBAL read_only = 0',
  close: 'SET GLOBAL read_only = 1',
  isOpenExpression: '@@global.read_only = 0',
  executedExpression: '@@global.gtid_binlog_state',
  async hasCommitted(ask, executed) {
    const [row] = await ask<{ executed: string }>('SELECT @@global.gtid_binlog_state AS executed')
    const has = lastOfEachOrigin(row?.executed ?? '')
    return [...lastOfEachOrigin(executed)].every(([origin, last]) => (has.get(origin) ?? 0) >= last)
  },
  receiveFrom: ({ host, port, user, password, caFile }) => ({
    sql: `CHANGE MASTER TO MASTER_HOST = ?, MASTER_PORT = ?, MASTER_USER = ?, MASTER_PASSWORD = ?,
      MASTER_SSL = 1, MASTER_SSL_CA = ?, MASTER_SSL_VERIFY_SERVER_CERT = 1, MASTER_HEARTBEAT_PERIOD = 1,
      MASTER_CONNECT_RETRY = 1, MASTER_USE_GTID = slave_pos`,
    values: [host, port, user, password, caFile],
  }),
}

function release(): ReturnType<Flavour['release']> {
  const wish = process.env.HOTSPARE_MARIADB ?? ''
  const line = wish === '' ? usualLine : wish
  const suite = suites[line]
  if (suite === undefined) {
    const known = Object.keys(suites).join(' or ')
    throw new Error(`HOTSPARE_MARIADB=${wish} is no release line that the lab knows. Set it to ${known}.`)
  }
  return { suite, versionPrefix: `${line}.`, wished: wish !== '' }
}

/** `0-1-12,0-2-10` names the last transaction of each server in each domain, once or twice. */
function lastOfEachOrigin(state: string): Map<string, number> {
  const lasts = new Map<string, number>()
  for (const gtid of state.split(',')) {
    const [domain, server, sequence] = gtid.trim().split('-')
    if (sequence === undefined) continue
    const origin = `${domain}-${server}`
    lasts.set(origin, Math.max(lasts.get(origin) ?? 0, Number(sequence)))
  }
  return lasts
}

/** What mariadb-install-db does, without the shell script, which wants more programs than the server's own. */
async function initialise({ binary, statements, options }: Initialisation): Promise<void> {
  const input = [
    'CREATE DATABASE mysql;\nUSE mysql;\n',
    'SET @auth_root_socket = NULL;\n',
    ...['system_tables', 'performance_tables', 'system_tables_data'].map((name) =>
      systemSql(binary.shareDir, name),
    ),
    // Only root over the unix socket is left of the accounts that these make.
    "DELETE FROM global_priv WHERE User = 'root' AND Host <> 'localhost';\n",
    "DELETE FROM proxies_priv WHERE Host <> 'localhost';\n",
    'FLUSH PRIVILEGES;\n',
    ...statements.map((statement) => `${statement};\n`),
  ].join('')
  const [program = '', ...prefix] = binary.launch
  const args = [
    ...[...prefix, '--no-defaults', '--bootstrap', ...options],
    ...['--enforce-storage-engine=', '--log-warnings=0'],
  ]
  const result = await runCommand(program, args, { timeoutMs: 120_000, input })
  if (result.code !== 0 || /^ERROR|\[ERROR\]/m.test(result.stderr)) {
    throw new Error(
      `mariadbd --bootstrap failed (exit ${result.code}):\n${lastLines(result.stderr || result.stdout, 12)}`,
    )
  }
}

/** Its name begins with `mysql_` up to 10.11. */
function systemSql(shareDir: string | undefined, name: string): string {
  const folder = shareDir ?? ''
  const file = ['mariadb', 'mysql']
    .map((start) => join(folder, `${start}_${name}.sql`))
    .find((path) => existsSync(path))
  if (file === undefined)
    throw new Error(`${folder} lacks mariadb_${name}.sql, which makes MariaDB's system tables.`)
  return `${readFileSync(file, 'utf8')}\n`
}
