/**
 * One connection to a server, bounded by our own deadlines.
 *
 * The one thing to understand: a mysql2 connection is useless after a time-out (its next query, ping() and end() hang), and its
 * destroy() only sends an end. So the socket is ours: made here, handed to mysql2, and really destroyed here.
 */
import { connect as connectSocket, type Socket } from 'node:net'
import { type Connection, createConnection, type Query } from 'mysql2'
import { DeadlineError, withinDeadline } from './deadline.ts'

export interface Credentials {
  readonly user: string
  readonly password: string
}

export interface TlsSettings {
  readonly mode: 'verify-ca' | 'verify-identity' | 'disabled'
  /** PEM text; without it, the authorities that Node.js knows. */
  readonly ca?: string
  /** The name that the certificate has to show, where `host` is an address. */
  readonly servername?: string
}

export interface Endpoint {
  readonly host: string
  readonly port: number
  readonly tls: TlsSettings
}

export type Row = Readonly<Record<string, unknown>>

export interface Reply {
  readonly rows: readonly Row[]
  /** Rows that the statement matched, changed or not. */
  readonly matchedRows: number
}

export interface Statement {
  readonly sql: string
  readonly values?: readonly unknown[]
}

/** What became of several statements in one request. */
export interface Replies {
  /** Of those before the first that failed, in their order. */
  readonly replies: readonly Reply[]
  /** The server's error about the one after them; null if all succeeded. */
  readonly error: unknown
}

/** What a session is for; the server shows it, so that people see it in their process lists. */
export type Role = 'watch' | 'guard' | 'beat' | 'aid'

export interface SessionOptions {
  readonly endpoint: Endpoint
  readonly credentials: Credentials
  readonly role: Role
  /** The invocation's id. */
  readonly who: string
  /** Unique among the sessions of this invocation. */
  readonly token: string
  /** For everything until the login is done. */
  readonly connectTimeoutMs: number
}

/** How often the size of what has come of one row is looked at. */
const ROW_GUARD_MS = 10

export class Session {
  readonly token: string
  readonly role: Role
  /** Resolves when the login is done; rejects with what went wrong (the connection is gone then). */
  readonly ready: Promise<void>
  readonly #socket: Socket
  readonly #connection: Connection
  readonly #closedListeners: ((byPeer: boolean) => void)[] = []
  readonly #unanswered = new Set<(error: unknown) => void>()
  #closed = false
  #queued = false
  #lastError: unknown = null

  constructor(options: SessionOptions) {
    this.token = options.token
    this.role = options.role
    const { host, port } = options.endpoint
    this.#socket = connectSocket({
      host,
      port,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: 10_000,
    })
    this.#socket.on('error', (error) => this.#end(error, true))
    this.#socket.on('end', () => this.#end(null, true))
    this.#socket.on('close', () => this.#end(null, true))
    this.#connection = createConnection(connectionOptions(options, this.#socket))
    this.#connection.on('error', (error) => this.#end(error, true))
    const login = new Promise<void>((resolve, reject) => {
      this.#connection.connect((error) => (error ? reject(error) : resolve()))
    })
    const late = () => this.destroy()
    this.ready = withinDeadline(login, options.connectTimeoutMs, 'connecting', late).catch((error) => {
      this.destroy()
      throw error
    })
    // Whoever doesn't wait for the login must not end the process.
    this.ready.catch(() => undefined)
  }

  /** The server's id of this connection; null before the login. */
  get id(): number | null {
    return this.#connection.threadId ?? null
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Calls the listener once, when the connection ends; `byPeer` if it was not we who ended it. */
  onClosed(listener: (byPeer: boolean) => void): void {
    this.#closedListeners.push(listener)
  }

  /**
   * Runs one statement. Rejects with the server's error, or with the connection's if it breaks. There is no deadline in it:
   * destroy the session to give up.
   */
  query(sql: string, values: readonly unknown[] = []): Promise<Reply> {
    if (this.#closed) return Promise.reject(this.#lastError ?? connectionLost())
    return new Promise((resolve, reject) => {
      this.#connection.query(sql, [...values], (error: unknown, result: unknown) => {
        if (error) reject(error)
        else resolve(replyOf(result))
      })
    })
  }

  /**
   * Runs several statements in one request, so that they cost one round trip; the first that fails is the last that runs. Rejects only
   * if the connection breaks, and has no deadline in it either. `onFirst` is called when the first of them has been answered. For role
   * `watch` alone.
   */
  batch(statements: readonly Statement[], onFirst: () => void = () => undefined): Promise<Replies> {
    if (this.#closed) return Promise.reject(this.#lastError ?? connectionLost())
    const texts = statements.map(({ sql, values }) => this.#connection.format(sql, [...(values ?? [])]))
    return new Promise((resolve, reject) => {
      this.#unanswered.add(reject)
      const end = (replies: Replies) => {
        this.#unanswered.delete(reject)
        resolve(replies)
      }
      const query = this.#connection.query(texts.join(';\n'))
      query.once('result', onFirst)
      gather(query, end)
    })
  }

  /**
   * Runs one statement and hands over its rows one by one, keeping none. A row of much more than `rowBytesMax` ends the connection before
   * it is all here.
   */
  each(
    sql: string,
    values: readonly unknown[],
    rowBytesMax: number,
    onRow: (row: Row) => void,
  ): Promise<void> {
    if (this.#closed) return Promise.reject(this.#lastError ?? connectionLost())
    return new Promise<void>((resolve, reject) => {
      let before = this.#socket.bytesRead
      const tooLarge = new Error(`one row of the answer has more than ${rowBytesMax / 1_000_000} MB`)
      const guard = setInterval(() => {
        if (this.#socket.bytesRead - before > rowBytesMax) this.#end(tooLarge, false)
      }, ROW_GUARD_MS)
      const end = (settle: () => void) => {
        clearInterval(guard)
        settle()
      }
      this.onClosed(() => end(() => reject(this.#lastError ?? connectionLost())))
      const query = this.#connection.query(sql, [...values])
      query.on('result', (row) => {
        before = this.#socket.bytesRead
        try {
          onRow(row as Row)
        } catch (error) {
          this.#end(error, false)
        }
      })
      query.on('error', (error) => end(() => reject(error)))
      query.on('end', () => end(resolve))
    })
  }

  /** As `query`, but after `timeoutMs` the connection is destroyed and DeadlineError thrown. */
  queryWithin(timeoutMs: number, sql: string, values: readonly unknown[] = []): Promise<Reply> {
    return withinDeadline(this.query(sql, values), timeoutMs, 'the query', () => this.destroy())
  }

  /**
   * Hands a statement to the kernel and waits for no answer. Resolves to true when the bytes are on their way, and nothing can
   * call them back; false if they are still here after `timeoutMs`. The answer, should one come, is dropped.
   */
  async queue(sql: string, timeoutMs: number): Promise<boolean> {
    if (this.#closed) return false
    this.#queued = true
    const answered = () => {
      this.#queued = false
    }
    this.query(sql).then(answered, answered)
    // Writes are in order: an empty one ends after the statement's.
    const written = new Promise<void>((resolve) => {
      this.#stream().write('', () => resolve())
    })
    try {
      await withinDeadline(written, timeoutMs, 'writing')
      return !this.#closed && this.#socket.writableLength === 0
    } catch (error) {
      if (error instanceof DeadlineError) return false
      throw error
    }
  }

  /** Says good-bye and waits for the server to close, at most `timeoutMs`. What was queued is left to run. */
  async quit(timeoutMs: number): Promise<void> {
    if (!this.#closed) {
      const ended = new Promise<void>((resolve) => this.#socket.once('close', () => resolve()))
      // After a queued statement no other can be sent; an orderly end makes the server read it first.
      if (this.#queued) this.#stream().end(() => undefined)
      else this.#connection.end(() => undefined)
      await withinDeadline(ended, timeoutMs, 'closing').catch(() => undefined)
    }
    this.destroy()
  }

  /** Closes the socket at once. Statements under way fail here; on the server they may run to their end. */
  destroy(): void {
    this.#end(null, false)
  }

  /** The TLS stream where there is one, else the socket. mysql2 replaces its own when TLS begins. */
  #stream(): Socket {
    return (this.#connection as Connection & { readonly stream: Socket }).stream
  }

  #end(error: unknown, byPeer: boolean): void {
    this.#lastError ??= error
    // Later, because this may be called from within the reading of this very socket (a new TLS session is told in the middle of it): Node.js
    // frees what is being read from, and the process ends with SIGSEGV (seen with 24.21 when a server was killed).
    setImmediate(() => this.#socket.destroy())
    if (this.#closed) return
    this.#closed = true
    for (const reject of this.#unanswered) reject(this.#lastError ?? connectionLost())
    for (const listener of this.#closedListeners) listener(byPeer)
  }
}

/**
 * Of the standing connection, which takes several statements in one request, a value that was not quoted well could make one of its own. Every value goes
 * through the driver's quoting, which is right as long as a backslash escapes and the encoding is UTF-8: the first statement on each
 * connection sets an sql_mode without NO_BACKSLASH_ESCAPES, and the driver's encoding is utf8mb4. The values of a look are ours alone: the
 * pair's name, which the configuration restricts, and numbers. No text that a server sent is in a look's request.
 */
function connectionOptions(options: SessionOptions, socket: Socket) {
  const { host, port, tls } = options.endpoint
  return {
    // Only the name in the certificate; the connection itself is the socket's.
    host: tls.servername ?? host,
    port,
    stream: socket,
    user: options.credentials.user,
    password: options.credentials.password,
    ...(tls.mode === 'disabled' ? {} : { ssl: sslOptions(tls) }),
    connectAttributes: {
      program_name: 'hotspare',
      hotspare_who: options.who,
      hotspare_session: options.token,
      hotspare_role: options.role,
    },
    // Our own deadline covers it.
    connectTimeout: 0,
    disableEval: true,
    dateStrings: true,
    supportBigNumbers: true,
    flags: ['-LOCAL_FILES'],
    multipleStatements: options.role === 'watch',
  }
}

type SslOptions = { ca?: string; minVersion: string; verifyIdentity: boolean }

/** mysql2 keeps the parsed authorities and TLS sessions with this object, so each endpoint has one for good. */
const sslOptionsByTls = new WeakMap<TlsSettings, SslOptions>()

function sslOptions(tls: TlsSettings): SslOptions {
  const known = sslOptionsByTls.get(tls)
  if (known !== undefined) return known
  const ca = tls.ca === undefined ? {} : { ca: tls.ca }
  const made = { ...ca, minVersion: 'TLSv1.2', verifyIdentity: tls.mode === 'verify-identity' }
  sslOptionsByTls.set(tls, made)
  return made
}

/** Collects the results of a request with several statements. One whose rows broke off counts as failed, not as a short answer. */
function gather(query: Query, end: (replies: Replies) => void): void {
  const replies: { rows: Row[]; matchedRows: number }[] = []
  let isCommand = false
  let failure: unknown = null
  query.on('fields', (fields: unknown) => {
    isCommand = fields === undefined
    replies.push({ rows: [], matchedRows: 0 })
  })
  query.on('result', (result: unknown) => {
    const reply = replies.at(-1)
    if (reply === undefined) return
    if (isCommand) reply.matchedRows = replyOf(result).matchedRows
    else reply.rows.push(result as Row)
  })
  query.on('error', (error: unknown) => {
    failure = error
  })
  query.on('end', () => {
    if (failure === null) return end({ replies, error: null })
    // mysql2 tells nowhere else whether the last result was whole before the error.
    const whole = (query as Query & { readonly _resultIndex?: number })._resultIndex
    if (whole === undefined) throw new TypeError('this version of mysql2 does not count its results')
    end({ replies: replies.slice(0, whole), error: failure })
  })
}

function replyOf(result: unknown): Reply {
  if (Array.isArray(result)) return { rows: result, matchedRows: 0 }
  const header = result as { readonly affectedRows?: number } | undefined
  return { rows: [], matchedRows: header?.affectedRows ?? 0 }
}

function connectionLost(): Error {
  return Object.assign(new Error('the connection is closed'), { code: 'PROTOCOL_CONNECTION_LOST' })
}
