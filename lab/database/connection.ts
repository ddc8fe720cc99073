/**
 * Connections of the lab's own clients, which always end: by name, after their work, or at their deadline.
 *
 * The one thing to understand: mysql2's own destroy() only half-closes the socket, and a frozen server never closes the other half,
 * so the program would never end. Here the socket is ours and is destroyed.
 */
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import mysql, { type Connection } from 'mysql2/promise'

export type Destination = {
  user: string
  password?: string
  database?: string
} & ({ socketPath: string } | { host: string; port: number; caFile: string })

/** A connection, and the one way to end it at once, whatever state it or the server is in. */
export type OpenConnection = { connection: Connection; close: () => void }

/** Connects (over TCP with TLS, verified against `caFile`). Throws the server's or the socket's error, or after `timeoutMs`. */
export async function openConnection(destination: Destination, timeoutMs: number): Promise<OpenConnection> {
  const socket =
    'socketPath' in destination
      ? connect(destination.socketPath)
      : connect(destination.port, destination.host)
  socket.setNoDelay(true)
  // mysql2 listens too; this one outlives it, for an error that comes after the end.
  socket.on('error', () => undefined)
  try {
    const connection = await mysql.createConnection({
      stream: socket,
      user: destination.user,
      ...(destination.password === undefined ? {} : { password: destination.password }),
      ...(destination.database === undefined ? {} : { database: destination.database }),
      ...('caFile' in destination
        ? { ssl: { ca: readFileSync(destination.caFile, 'utf8'), rejectUnauthorized: true } }
        : {}),
      connectTimeout: timeoutMs,
      supportBigNumbers: true,
      dateStrings: true,
    })
    // An error event without a listener would end the process; the statement under way fails by itself.
    connection.on('error', () => undefined)
    const close = (): void => {
      connection.destroy()
      socket.destroy()
    }
    return { connection, close }
  } catch (error) {
    socket.destroy()
    throw error
  }
}

/** Gives `work` a connection that ends with it. Throws what `work` throws, or after `timeoutMs` for connecting and all. */
export async function withConnection<Result>(
  destination: Destination,
  timeoutMs: number,
  work: (connection: Connection) => Promise<Result>,
): Promise<Result> {
  const { connection, close } = await openConnection(destination, timeoutMs)
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`The statements of ${destination.user} took over ${timeoutMs} ms`)),
      timeoutMs,
    )
  })
  try {
    return await Promise.race([work(connection), late])
  } finally {
    clearTimeout(timer)
    close()
  }
}
