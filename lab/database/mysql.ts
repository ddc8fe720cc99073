/** MySQL in the lab; see family.ts. */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { lastLines, runCommand } from './command.ts'
import type { Flavour, Initialisation, ServerOptions } from './family.ts'

const fileSizeOptions: ServerOptions = {
  innodb_data_file_path: 'ibdata1:5M:autoextend',
  innodb_redo_log_capacity: '8M',
}

const options: ServerOptions = {
  super_read_only: 'ON',
  skip_replica_start: 'ON',
  gtid_mode: 'ON',
  enforce_gtid_consistency: 'ON',
  log_replica_updates: 'ON',
  relay_log_recovery: 'ON',
  mysqlx: 'OFF',
  secure_file_priv: 'NULL',
  log_error_verbosity: '2',
  auto_generate_certs: 'OFF',
  caching_sha2_password_auto_generate_rsa_keys: 'OFF',
  performance_schema: 'ON',
}

export const mysql: Flavour = {
  family: 'mysql',
  title: 'MySQL',
  program: 'mysqld',
  programVariable: 'HOTSPARE_MYSQLD',
  oldestVersion: '8.0.26',
  isIt: (versionText) => !/mariadb/i.test(versionText),
  release: () => ({ suite: 'unstable', versionPrefix: '', wished: false }),
  shareFolders: ['share/mysql'],
  readsShareFolder: false,
  fileSizeOptions,
  initialise,
  options,
  configuration: {},
  open: 'SET GLOBAL read_only = 0',
  close: 'SET GLOBAL super_read_only = 1',
  isOpenExpression: '@@global.read_only = 0 OR @@global.super_read_only = 0',
  executedExpression: '@@global.gtid_executed',
  async hasCommitted(ask, executed) {
    const [row] = await ask<{ has: number }>('SELECT GTID_SUBSET(?, @@global.gtid_executed) AS has', [
      executed,
    ])
    return row?.has === 1
  },
  receiveFrom: ({ host, port, user, password, caFile }) => ({
    sql: `CHANGE REPLICATION SOURCE TO SOURCE_HOST = ?, SOURCE_PORT = ?, SOURCE_USER = ?, SOURCE_PASSWORD = ?,
      SOURCE_SSL = 1, SOURCE_SSL_CA = ?, SOURCE_SSL_VERIFY_SERVER_CERT = 1, SOURCE_HEARTBEAT_PERIOD = 1,
      SOURCE_CONNECT_RETRY = 1, SOURCE_RETRY_COUNT = 86400, SOURCE_AUTO_POSITION = 1`,
    values: [host, port, user, password, caFile],
  }),
}

async function initialise({ binary, statements, folder, options }: Initialisation): Promise<void> {
  // Beside the directory, which has to be empty.
  const statementsFile = `${folder}.sql`
  writeFileSync(statementsFile, statements.map((statement) => `${statement};\n`).join(''))
  const [program = '', ...prefix] = binary.launch
  const args = [
    ...[...prefix, '--no-defaults', '--initialize-insecure', ...options, `--init-file=${statementsFile}`],
    ...['--auto-generate-certs=OFF', '--caching-sha2-password-auto-generate-rsa-keys=OFF'],
  ]
  const result = await runCommand(program, args, { timeoutMs: 120_000 })
  rmSync(statementsFile, { force: true })
  if (result.code !== 0 || /\[ERROR\]/.test(result.stderr)) {
    throw new Error(
      `mysqld --initialize failed (exit ${result.code}):\n${lastLines(result.stderr || result.stdout, 12)}`,
    )
  }
  // Each copy has to make an identity of its own.
  rmSync(join(folder, 'auto.cnf'), { force: true })
}
