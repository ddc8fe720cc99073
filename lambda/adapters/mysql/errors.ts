/**
 * What a failed connection or query says about the server.
 *
 * The one thing to understand: only three things count towards a death: a refused connection, silence, and a network that says
 * unreachable. Everything else, errors that we don't know included, reads as life (must 3, T3).
 */
import { DeadlineError } from './deadline.ts'

export interface Failure {
  readonly outcome: 'refused' | 'silent' | 'sick' | 'untrusted'
  /** MySQL's error number, if the server sent one. */
  readonly errno: number | null
  /** For people; holds no user name and no password. */
  readonly message: string
}

interface ErrorFields {
  readonly code: string
  readonly errno: number
  readonly syscall: string
  readonly sqlState: string
  readonly message: string
}

/** Error codes of the network and of the resolver that mean: nobody answered. */
const silentCodes = new Set([
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ENOTFOUND',
  'EAI_AGAIN',
  'PROTOCOL_CONNECTION_LOST',
])

/** Codes that mysql2 gives to something that answers, but not as a server that we can trust. */
const untrustedCodes = new Set([
  'HANDSHAKE_NO_SSL_SUPPORT',
  'HANDSHAKE_UNKNOWN_ERROR',
  'PROTOCOL_ERROR',
  'PROTOCOL_UNEXPECTED_PACKET',
])

/** mysql2 gives no code to the use of a connection whose end it has seen already. */
const usedWhenClosed = 'connection is in closed state'

/** Reads an error of a connection attempt or a query. Never throws. */
export function failureOf(error: unknown): Failure {
  if (error instanceof DeadlineError) return { outcome: 'silent', errno: null, message: error.message }
  const fields = fieldsOf(error)
  const message = withoutAccount(fields.message)
  if (isServerError(fields)) return { outcome: 'sick', errno: fields.errno, message }
  if (fields.code === 'ECONNREFUSED') return { outcome: 'refused', errno: null, message }
  if (fields.code === 'HANDSHAKE_SSL_ERROR')
    return { outcome: brokenOff(fields) ? 'silent' : 'untrusted', errno: null, message }
  if (untrustedCodes.has(fields.code)) return { outcome: 'untrusted', errno: null, message }
  if (silentCodes.has(fields.code) || fields.message.includes(usedWhenClosed))
    return { outcome: 'silent', errno: null, message }
  // Such as no free local port, or a defect of ours: no sign of anything at the server's end, so never a sign of death.
  return { outcome: 'sick', errno: null, message }
}

/** The number of the error that the server itself sent; null if the error is not from the server. */
export function serverErrno(error: unknown): number | null {
  const fields = fieldsOf(error)
  return isServerError(fields) ? fields.errno : null
}

/** Without GTIDs nothing that was received can be compared with what was applied: such a server is not looked after at all. */
export function withoutGtids(why: string): Error {
  return new Error(`it replicates by file and position (${why}); Hotspare needs GTIDs, and does nothing here`)
}

/** True if the account, not the server, is what is wrong: reading the credentials again may help. */
export function isAccessDenied(failure: Failure): boolean {
  return failure.errno === 1045 || failure.errno === 1698
}

/** Errors of the operating system carry negative numbers and the failed call; the server's are positive. */
function isServerError(fields: ErrorFields): boolean {
  return fields.errno > 0 && fields.syscall === ''
}

/** mysql2 gives one code to all failures of the TLS handshake; a connection that was cut in it proves nothing about identity. */
function brokenOff(fields: ErrorFields): boolean {
  return /ECONNRESET|EPIPE|ETIMEDOUT|socket disconnected|socket hang up/i.test(fields.message)
}

function fieldsOf(error: unknown): ErrorFields {
  const source: Record<string, unknown> = typeof error === 'object' && error !== null ? { ...error } : {}
  return {
    code: String(source.code ?? ''),
    errno: Number(source.errno ?? 0),
    syscall: String(source.syscall ?? ''),
    sqlState: String(source.sqlState ?? ''),
    message: error instanceof Error ? error.message : String(error),
  }
}

/**
 * The server names the account in its errors ("Access denied for user 'name'@'host'"), a receiver the one it uses ("'name@host:3306'");
 * user names are credentials too.
 */
export function withoutAccount(message: string): string {
  return message
    .replaceAll(/'[^']*'@'([^']*)'/g, "'...'@'$1'")
    .replaceAll(/'[^'@\s]+@([^'@]+:\d+)'/g, "'...@$1'")
}
