/**
 * A real database server for the lab: its options file, its process, and root's statements over its unix socket.
 *
 * The one thing to understand: a server always boots closed with its replication threads stopped, as
 * Hotspare requires of the servers it looks after; whoever wants it otherwise changes that after start().
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Connection } from 'mysql2/promise'
import { atEnd, removeFolder } from '../cleanup.ts'
import type { CertificateFiles } from './certificates.ts'
import { withConnection } from './connection.ts'
import {
  type Ask,
  type Family,
  type Flavour,
  flavours,
  type ReplicationSource,
  type ServerOptions,
} from './family.ts'
import type { ServerBinary } from './server-binary.ts'
import { type ProcessState, ServerProcess } from './server-process.ts'
import { copyTemplate } from './template.ts'

const startTimeoutMs = 60_000
const stopTimeoutMs = 60_000

export type ServerSetUp = {
  /** `alice` or `bob`. */
  name: string
  binary: ServerBinary
  /** An existing folder; everything of the server is in it. */
  folder: string
  /** 1 or 2: also the auto_increment_offset. */
  serverId: number
  host: string
  port: number
  tls: CertificateFiles & { caFile: string }
  options?: ServerOptions
}

export class DatabaseServer {
  readonly name: string
  readonly host: string
  readonly port: number
  readonly folder: string
  readonly socketFile: string
  readonly binary: ServerBinary
  readonly family: Family
  readonly #flavour: Flavour
  readonly #setUp: ServerSetUp
  readonly #process: ServerProcess
  readonly #reachabilityListeners = new Set<(reachable: boolean) => void | Promise<void>>()
  #options: ServerOptions
  #forgetFolder: () => void = () => undefined

  constructor(setUp: ServerSetUp) {
    this.name = setUp.name
    this.host = setUp.host
    this.port = setUp.port
    this.folder = setUp.folder
    this.binary = setUp.binary
    this.family = setUp.binary.family
    this.#flavour = flavours[this.family]
    this.socketFile = join(setUp.folder, 'mysqld.sock')
    this.#setUp = setUp
    this.#options = setUp.options ?? {}
    this.#process = new ServerProcess({
      name: setUp.name,
      folder: setUp.folder,
      logFile: join(setUp.folder, 'error.log'),
      onGone: () => void this.#tell(false),
    })
    if (this.socketFile.length > 100)
      throw new Error(`${this.socketFile} is too long for a unix socket; set TMPDIR to a shorter folder`)
  }

  get state(): ProcessState {
    return this.#process.state
  }

  get running(): boolean {
    return this.state !== 'stopped'
  }

  get frozen(): boolean {
    return this.state === 'frozen'
  }

  get pid(): number | undefined {
    return this.#process.pid
  }

  /** Makes the data directory, in which `statements` have been run out of the binary log. Once, before the first start. */
  async prepare(statements: readonly string[], onProgress: (text: string) => void): Promise<void> {
    this.#forgetFolder = atEnd(() => removeFolder(this.folder))
    mkdirSync(join(this.folder, 'temporary'), { recursive: true })
    await copyTemplate({ binary: this.binary, statements, target: join(this.folder, 'data'), onProgress })
  }

  /** Starts the server; resolves when it answers a query. Throws with the end of its log if it dies or takes a minute. */
  async start(): Promise<void> {
    const optionsFile = join(this.folder, 'my.cnf')
    writeFileSync(optionsFile, optionsText({ ...this.#defaultOptions(), ...this.#options }))
    this.#process.start([...this.binary.launch, `--defaults-file=${optionsFile}`])
    await this.#waitUntilAnswering()
    await this.#tell(true)
  }

  /** SIGKILL, as `kill -9`; also of a frozen server. Resolves when the process is gone. */
  kill(): Promise<void> {
    return this.#process.kill()
  }

  /** SIGSTOP. The kernel still accepts connections for it, and nothing answers. */
  freeze(): void {
    this.#process.freeze()
  }

  /** SIGCONT. */
  wake(): void {
    this.#process.wake()
  }

  /** A clean shutdown (of a frozen server: woken first). */
  stop(): Promise<void> {
    return this.#process.stop(stopTimeoutMs)
  }

  /** A clean shutdown if it runs, then a start; `options` are added to the server's own for good. */
  async restart(options: ServerOptions = {}): Promise<void> {
    await this.stop()
    this.#options = { ...this.#options, ...options }
    await this.start()
  }

  /** Kills the server if it runs or is frozen, and deletes its folder. */
  async remove(): Promise<void> {
    await this.kill()
    removeFolder(this.folder)
    this.#forgetFolder()
  }

  /** Such as `MariaDB 10.11.18`, for people. */
  get description(): string {
    return `${this.#flavour.title} ${this.binary.version}`
  }

  /** Lets everybody write. */
  async open(): Promise<void> {
    await this.query(this.#flavour.open)
  }

  /** Refuses writes; on MariaDB not those of accounts that pass read_only. */
  async close(): Promise<void> {
    await this.query(this.#flavour.close)
  }

  /** Whether an application, or on MySQL anybody, can write. */
  async isOpen(): Promise<boolean> {
    const [row] = await this.query<{ open: number }>(`SELECT ${this.#flavour.isOpenExpression} AS open`)
    return row?.open === 1
  }

  /** The GTIDs of everything committed, in the server's own words. */
  async executed(): Promise<string> {
    const [row] = await this.query<{ executed: string }>(
      `SELECT ${this.#flavour.executedExpression} AS executed`,
    )
    return (row?.executed ?? '').replaceAll(/\s/g, '')
  }

  /** Whether it has committed all of what `executed()` of the other said. */
  hasCommitted(executed: string): Promise<boolean> {
    const ask: Ask = (sql, values) => this.query(sql, values)
    return this.#flavour.hasCommitted(ask, executed)
  }

  /** Makes it a replica of the source, and starts it. */
  async receiveFrom(source: ReplicationSource): Promise<void> {
    const { sql, values } = this.#flavour.receiveFrom(source)
    await this.query(sql, [...values])
    await this.query('START REPLICA')
  }

  /** The end of the server's error log. */
  errorLogTail(lineCount = 20): string {
    return this.#process.logTail(lineCount)
  }

  /**
   * Calls the listener with true when the server answers after a start (start() waits for it), with false when its process
   * ends or is killed.
   */
  onReachable(listener: (reachable: boolean) => void | Promise<void>): void {
    this.#reachabilityListeners.add(listener)
  }

  /**
   * Runs one statement as root over the unix socket, on a connection of its own. Returns the rows (empty for a statement
   * without any). Throws the server's error, or after `timeoutMs` (default 30 s).
   */
  async query<Row = Record<string, unknown>>(
    sql: string,
    values: unknown[] = [],
    options: { timeoutMs?: number } = {},
  ): Promise<Row[]> {
    return this.session(async (connection) => {
      const [rows] = await connection.query(sql, values)
      return (Array.isArray(rows) ? rows : []) as Row[]
    }, options)
  }

  /** Gives `work` a connection as root; it is destroyed when the work is done, or fails, or takes over `timeoutMs` (30 s). */
  async session<Result>(
    work: (connection: Connection) => Promise<Result>,
    options: { timeoutMs?: number } = {},
  ): Promise<Result> {
    return withConnection({ socketPath: this.socketFile, user: 'root' }, options.timeoutMs ?? 30_000, work)
  }

  async #tell(reachable: boolean): Promise<void> {
    await Promise.all([...this.#reachabilityListeners].map((listener) => listener(reachable)))
  }

  async #waitUntilAnswering(): Promise<void> {
    const endsAt = performance.now() + startTimeoutMs
    for (;;) {
      try {
        await this.query('SELECT 1', [], { timeoutMs: 2000 })
        return
      } catch (error) {
        if (!this.running) throw new Error(`${this.name} ended while starting:\n${this.errorLogTail()}`)
        if (performance.now() > endsAt) {
          throw new Error(
            `${this.name} does not answer after ${startTimeoutMs} ms (${String(error)}):\n${this.errorLogTail()}`,
          )
        }
        await pause(20)
      }
    }
  }

  #defaultOptions(): ServerOptions {
    return {
      ...this.#placeOptions(),
      ...commonOptions(this.#setUp.serverId),
      ...this.#flavour.options,
      ...this.#flavour.fileSizeOptions,
    }
  }

  #placeOptions(): ServerOptions {
    const { binary, tls } = this.#setUp
    return {
      ...(process.getuid?.() === 0 ? { user: 'root' } : {}),
      datadir: join(this.folder, 'data'),
      tmpdir: join(this.folder, 'temporary'),
      socket: this.socketFile,
      pid_file: join(this.folder, 'mysqld.pid'),
      bind_address: this.host,
      port: String(this.port),
      ...(binary.shareDir === undefined
        ? {}
        : { lc_messages_dir: binary.shareDir, character_sets_dir: join(binary.shareDir, 'charsets') }),
      ...(binary.pluginDir === undefined ? {} : { plugin_dir: binary.pluginDir }),
      ssl_ca: tls.caFile,
      ssl_cert: tls.certificateFile,
      ssl_key: tls.keyFile,
      require_secure_transport: 'ON',
    }
  }
}

function commonOptions(serverId: number): ServerOptions {
  return {
    server_id: String(serverId),
    // Closed at boot; its threads are stopped by the family's own word for it. See the head of this file.
    read_only: 'ON',
    event_scheduler: 'OFF',
    log_bin: 'binlog',
    // Without names of their own these follow the host's name, and a renamed host loses its relay log.
    relay_log: 'relay',
    relay_log_index: 'relay.index',
    sync_binlog: '1',
    innodb_flush_log_at_trx_commit: '1',
    auto_increment_increment: '2',
    auto_increment_offset: String(serverId),
    skip_name_resolve: 'ON',
    max_connections: '100',
    table_open_cache: '256',
    innodb_buffer_pool_size: '32M',
    innodb_buffer_pool_dump_at_shutdown: 'OFF',
    innodb_buffer_pool_load_at_startup: 'OFF',
    innodb_log_buffer_size: '2M',
  }
}

function optionsText(options: ServerOptions): string {
  const lines = Object.entries(options).map(([name, value]) => `${name} = ${value}`)
  return `[mysqld]\n${lines.join('\n')}\n`
}
