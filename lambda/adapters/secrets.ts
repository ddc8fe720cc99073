/**
 * The account that Hotspare uses on the servers, from Secrets Manager or from environment variables.
 *
 * The secret is cached: a rotation is noticed by the server's "access denied", whereupon the caller asks for a refresh. No error
 * from here contains any part of a secret, not even a parser's excerpt.
 */
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { type AwsFailure, awsClientSettings, callAws } from './aws-call.ts'

export interface Account {
  readonly username: string
  readonly password: string
}

export type CredentialSource =
  | { readonly secretId: string }
  | { readonly usernameEnv: string; readonly passwordEnv: string }

/** The account, or in words why there is none. */
export type AccountOutcome =
  | { readonly ok: true; readonly account: Account }
  | { readonly ok: false; readonly reason: string }

export interface Secrets {
  /** The cached account, or a first read within `timeoutMs`. Never rejects. */
  account(timeoutMs: number): Promise<AccountOutcome>
  /**
   * Read again, after a server denied access. At most one read in 10 s is sent (one in 1 s after a failed one); in between, the
   * last answer is given. Never rejects; if the read fails, the failure is given and the account read before stays cached.
   */
  refresh(timeoutMs: number): Promise<AccountOutcome>
  close(): void
}

/** Secrets Manager is asked at most this often: a wrong password must not become a stream of requests. */
const betweenReadsMs = 10_000
/** A read that failed may be tried again sooner: without an account nothing can be watched. */
const afterFailureMs = 1_000

/** Credentials from where the configuration says. `monotonicNow`: milliseconds that never run backwards. */
export function createSecrets(
  source: CredentialSource,
  monotonicNow: () => number = () => performance.now(),
): Secrets {
  return 'secretId' in source
    ? createStoredSecrets(source.secretId, monotonicNow)
    : createEnvironmentSecrets(source)
}

function createStoredSecrets(secretId: string, monotonicNow: () => number): Secrets {
  const region = /^arn:[^:]+:secretsmanager:([^:]+):/.exec(secretId)?.[1]
  const client = new SecretsManagerClient(awsClientSettings(region))
  let cached: AccountOutcome | null = null
  let latest: AccountOutcome | null = null
  let latestAtMs = 0
  let underway: Promise<AccountOutcome> | null = null

  async function fetch(timeoutMs: number): Promise<AccountOutcome> {
    latestAtMs = monotonicNow()
    const outcome = await callAws({ timeoutMs, repeatWhenLost: true, monotonicNow }, (abortSignal) =>
      client.send(new GetSecretValueCommand({ SecretId: secretId }), { abortSignal }),
    )
    latest = outcome.ok
      ? accountOf(outcome.value.SecretString, secretId)
      : { ok: false, reason: explain(secretId, outcome.failure, timeoutMs) }
    if (latest.ok) cached = latest
    return latest
  }

  async function refresh(timeoutMs: number): Promise<AccountOutcome> {
    // Whoever asks while a read is under way shares it, but waits no longer than he said.
    if (underway !== null) return within(timeoutMs, underway)
    const pauseMs = latest?.ok === false ? afterFailureMs : betweenReadsMs
    if (latest !== null && monotonicNow() - latestAtMs < pauseMs) return latest
    underway = fetch(timeoutMs).finally(() => {
      underway = null
    })
    return underway
  }

  return {
    account: (timeoutMs) => (cached === null ? refresh(timeoutMs) : Promise.resolve(cached)),
    refresh,
    close: () => client.destroy(),
  }
}

async function within(timeoutMs: number, underway: Promise<AccountOutcome>): Promise<AccountOutcome> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<AccountOutcome>((resolve) => {
    const reason = `Secrets Manager did not answer an earlier request within ${Math.round(timeoutMs)} ms.`
    timer = setTimeout(() => resolve({ ok: false, reason }), timeoutMs)
  })
  try {
    return await Promise.race([underway, late])
  } finally {
    clearTimeout(timer)
  }
}

function createEnvironmentSecrets(source: {
  readonly usernameEnv: string
  readonly passwordEnv: string
}): Secrets {
  const read = (): Promise<AccountOutcome> => {
    const username = process.env[source.usernameEnv]
    const password = process.env[source.passwordEnv]
    if (!username || password === undefined) {
      const missing = username ? source.passwordEnv : source.usernameEnv
      const reason = `The environment variable ${missing} has no value. Set it to the account that Hotspare uses on the servers.`
      return Promise.resolve({ ok: false, reason })
    }
    return Promise.resolve({ ok: true, account: { username, password } })
  }
  return { account: read, refresh: read, close: () => {} }
}

/** The account in a secret's JSON text. Takes `username` or `user`, the names that RDS and hand-made secrets use. */
function accountOf(text: string | undefined, secretId: string): AccountOutcome {
  const form = `Its text has to be JSON like {"username":"...","password":"..."}.`
  if (text === undefined) {
    return { ok: false, reason: `The secret ${secretId} has no text, only binary data. ${form}` }
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // The parser's own message quotes the text, so it must not be passed on.
    return { ok: false, reason: `The secret ${secretId} is not JSON. ${form}` }
  }
  const fields = typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  const username = fields.username ?? fields.user
  const { password } = fields
  if (typeof username !== 'string' || username === '') {
    return { ok: false, reason: `The secret ${secretId} has no "username". ${form}` }
  }
  if (typeof password !== 'string') {
    return { ok: false, reason: `The secret ${secretId} has no "password". ${form}` }
  }
  return { ok: true, account: { username, password } }
}

function explain(secretId: string, failure: AwsFailure, timeoutMs: number): string {
  switch (failure.kind) {
    case 'timeout':
      return (
        `Secrets Manager did not answer within ${Math.round(timeoutMs)} ms. A function in a VPC needs a NAT gateway or the ` +
        'Secrets Manager endpoint.'
      )
    case 'lost':
      return `The connection to Secrets Manager failed (${failure.name}: ${failure.message}). Check the function's network.`
    case 'throttled':
      return `Secrets Manager put the request off until the deadline (${failure.name}). The account's request limit is shared.`
    case 'denied':
      return (
        `Secrets Manager denied reading ${secretId} (${failure.name}: ${failure.message}). Grant ` +
        "secretsmanager:GetSecretValue on it, and kms:Decrypt if it has a key of its own, to the function's role."
      )
    case 'rejected':
      return (
        `Secrets Manager rejected reading ${secretId} (${failure.name}: ${failure.message}). Check that the secret exists in ` +
        "the function's region."
      )
  }
}
