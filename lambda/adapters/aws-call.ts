/**
 * One call to an AWS service, bounded and never rejecting.
 *
 * The SDK is told to try once only; repeating is done here, because only here is it known which repetition is safe. A call that
 * was throttled was certainly not carried out and may be sent again. A call whose answer was lost may have been carried out, so
 * only calls that change nothing are sent again after that: else a refusal could be the echo of our own success (T24).
 *
 * The deadline is enforced by a race, not by the SDK alone: in a network without a path the SDK may hang before its own
 * time-outs begin, for example while it looks for credentials (T23).
 */
import { setTimeout as delay } from 'node:timers/promises'

export interface AwsFailure {
  /**
   * timeout: no answer within the deadline. lost: the connection failed or the service answered with a fault of its own. Both may
   * have been carried out. throttled, denied, rejected: the service said no, and nothing happened.
   */
  readonly kind: 'timeout' | 'lost' | 'throttled' | 'denied' | 'rejected'
  /** The error's name as the service or the runtime gives it, like `InvalidChangeBatch` or `ECONNREFUSED`. */
  readonly name: string
  readonly message: string
}

export type AwsOutcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly failure: AwsFailure }

export interface AwsCallOptions {
  readonly timeoutMs: number
  /** Whether the call may be sent again after its answer was lost: true only for calls that change nothing. */
  readonly repeatWhenLost: boolean
  /** A clock that never runs backwards, in milliseconds. */
  readonly monotonicNow?: () => number
}

const throttledNames = new Set([
  'PriorRequestNotComplete',
  'RequestLimitExceeded',
  'RequestThrottled',
  'SlowDown',
  'Throttled',
  'ThrottledException',
  'Throttling',
  'ThrottlingException',
  'TooManyRequestsException',
])

const deniedNames = new Set([
  'AccessDenied',
  'AccessDeniedException',
  'AuthorizationError',
  'AuthorizationErrorException',
  'CredentialsProviderError',
  'ExpiredToken',
  'ExpiredTokenException',
  'IncompleteSignature',
  'InvalidClientTokenId',
  'InvalidSecurity',
  'InvalidSignatureException',
  'MissingAuthenticationToken',
  'OptInRequired',
  'SignatureDoesNotMatch',
  'UnrecognizedClientException',
])

const firstPauseMs = 50
const longestPauseMs = 800
const mostRepetitionsWhenLost = 2

/**
 * Settings that all of Hotspare's SDK clients share. Endpoint and credentials follow the SDK's own environment variables.
 *
 * Sockets are kept open, since a TLS handshake costs more than a call. The time-outs here only tidy up: `callAws` has the
 * deadline that counts.
 */
export function awsClientSettings(region?: string) {
  // Lambda always sets AWS_REGION. Where nothing does, the services' home region lets a person's first try succeed.
  const assumed = process.env.AWS_REGION || process.env.AWS_PROFILE ? undefined : 'us-east-1'
  const chosen = region ?? assumed
  return {
    ...(chosen === undefined ? {} : { region: chosen }),
    maxAttempts: 1,
    requestHandler: {
      connectionTimeout: 2_000,
      requestTimeout: 15_000,
      throwOnRequestTimeout: true,
      httpAgent: { keepAlive: true, maxSockets: 10 },
      httpsAgent: { keepAlive: true, maxSockets: 10 },
    },
  }
}

/**
 * Send a request, again where that is safe, until it is answered or `timeoutMs` have passed. Never rejects.
 *
 * `send` gets a signal that is aborted at the deadline; it is called once per attempt.
 */
export async function callAws<T>(
  options: AwsCallOptions,
  send: (signal: AbortSignal) => Promise<T>,
): Promise<AwsOutcome<T>> {
  const now = options.monotonicNow ?? (() => performance.now())
  const endAtMs = now() + options.timeoutMs
  let losses = 0
  for (let attempt = 0; ; attempt += 1) {
    const outcome = await sendOnce(endAtMs - now(), send)
    if (outcome.ok) return outcome

    const { kind } = outcome.failure
    if (kind === 'lost') losses += 1
    const repeat =
      kind === 'throttled' || (kind === 'lost' && options.repeatWhenLost && losses <= mostRepetitionsWhenLost)
    const pauseMs = Math.min(firstPauseMs * 2 ** attempt, longestPauseMs) * (0.5 + Math.random() / 2)
    if (!repeat || now() + pauseMs >= endAtMs) return outcome
    await delay(pauseMs)
  }
}

async function sendOnce<T>(
  timeoutMs: number,
  send: (signal: AbortSignal) => Promise<T>,
): Promise<AwsOutcome<T>> {
  const controller = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<AwsOutcome<T>>((resolve) => {
    const failure: AwsFailure = { kind: 'timeout', name: 'timeout', message: 'no answer within the deadline' }
    timer = setTimeout(() => resolve({ ok: false, failure }), Math.max(0, timeoutMs))
  })
  const answer = attemptOf(controller.signal, send)
  try {
    return await Promise.race([answer, late])
  } finally {
    clearTimeout(timer)
    // Ends the request if it is still under way; its late rejection is swallowed by attemptOf.
    controller.abort()
  }
}

async function attemptOf<T>(
  signal: AbortSignal,
  send: (signal: AbortSignal) => Promise<T>,
): Promise<AwsOutcome<T>> {
  try {
    return { ok: true, value: await send(signal) }
  } catch (error) {
    return { ok: false, failure: failureOf(error) }
  }
}

/** What an error that the SDK threw says about whether the request was carried out. */
export function failureOf(error: unknown): AwsFailure {
  if (!(error instanceof Error)) return { kind: 'lost', name: 'Error', message: String(error) }
  const detail = error as Error & {
    code?: unknown
    $metadata?: { httpStatusCode?: number }
    $retryable?: { throttling?: boolean }
  }
  const status = detail.$metadata?.httpStatusCode
  const code = typeof detail.code === 'string' ? detail.code : null
  const name = error.name === 'Error' && code !== null ? code : error.name
  const message = error.message || code || name
  if (throttledNames.has(name) || detail.$retryable?.throttling === true || status === 429) {
    return { kind: 'throttled', name, message }
  }
  if (deniedNames.has(name)) return { kind: 'denied', name, message }
  // Only an answer that names its error comes from the service itself; anything on the way can make up a bare status.
  const named = name !== 'Error' && name !== 'UnknownError' && name !== 'Unknown' && name !== 'SyntaxError'
  if (status !== undefined && status >= 400 && status < 500 && status !== 408 && named) {
    return { kind: 'rejected', name, message }
  }
  return { kind: 'lost', name, message }
}
