/** What failed connections say about a server: only refusal and silence count towards a death (must 3, T3). */
import { expect, test } from 'vitest'
import { DeadlineError } from '../../lambda/adapters/mysql/deadline.ts'
import { failureOf, isAccessDenied, serverErrno } from '../../lambda/adapters/mysql/errors.ts'

function failure(message: string, fields: Record<string, unknown>) {
  return failureOf(Object.assign(new Error(message), fields))
}

test.each([1040, 1042, 1043, 1044, 1045, 1053, 1129, 1130, 1203, 1226, 1251, 1275, 3159, 9999])(
  'T3: error %i of the server means that it lives',
  (errno) => {
    const found = failure('no', { code: 'ER_SOMETHING', errno, sqlState: '08004', fatal: true })
    expect(found).toMatchObject({ outcome: 'sick', errno })
  },
)

test.each(['ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ECONNRESET', 'EPIPE'])(
  '%s of the network is silence',
  (code) => {
    expect(failure(`connect ${code}`, { code, errno: -113, syscall: 'connect' })).toMatchObject({
      outcome: 'silent',
      errno: null,
    })
  },
)

test('a refused connection, a closed one and a passed deadline are told apart', () => {
  const refused = { code: 'ECONNREFUSED', errno: -111, syscall: 'connect' }
  expect(failure('connect ECONNREFUSED', refused).outcome).toBe('refused')
  expect(failure('closed', { code: 'PROTOCOL_CONNECTION_LOST', fatal: true }).outcome).toBe('silent')
  expect(failureOf(new DeadlineError('no answer')).outcome).toBe('silent')
  // No answer of the server's, though it carries no code that says so.
  const late = "Can't add new command when connection is in closed state"
  expect(failure(late, { fatal: true }).outcome).toBe('silent')
})

test('a broken-off TLS handshake is silence, one that fails to verify is distrust', () => {
  const tls = { code: 'HANDSHAKE_SSL_ERROR', fatal: true }
  expect(failure('self-signed certificate in certificate chain', tls).outcome).toBe('untrusted')
  expect(failure("Hostname/IP does not match certificate's altnames", tls).outcome).toBe('untrusted')
  const cut = 'Client network socket disconnected before secure TLS connection was established'
  expect(failure(cut, tls).outcome).toBe('silent')
  expect(failure('no TLS', { code: 'HANDSHAKE_NO_SSL_SUPPORT' }).outcome).toBe('untrusted')
})

test('what nobody foresaw is never a sign of death', () => {
  expect(failureOf(new TypeError('x is not a function')).outcome).toBe('sick')
  expect(failureOf('a string').outcome).toBe('sick')
  expect(failure('no port left', { code: 'EADDRNOTAVAIL', errno: -99, syscall: 'connect' }).outcome).toBe(
    'sick',
  )
})

test('messages name no account', () => {
  const found = failure("Access denied for user 'watcher'@'10.0.0.7' (using password: YES)", { errno: 1045 })
  expect(found.message).toBe("Access denied for user '...'@'10.0.0.7' (using password: YES)")
  expect(isAccessDenied(found)).toBe(true)
})

test('only numbers that the server sent are its error numbers', () => {
  expect(serverErrno(Object.assign(new Error('x'), { errno: 1290 }))).toBe(1290)
  expect(serverErrno(Object.assign(new Error('x'), { errno: -111, syscall: 'connect' }))).toBeNull()
  expect(serverErrno(null)).toBeNull()
})
