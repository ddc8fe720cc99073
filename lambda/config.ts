/**
 * Reads hotspare.json.
 *
 * A configuration is either right as a whole or an error that lists every mistake with its mend; nothing else of Hotspare checks
 * it again. Decisions see only `policyOf`.
 */
import { X509Certificate } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as v from 'valibot'
import type { CredentialSource } from './adapters/secrets.ts'
import { deploymentProblems } from './config/deployment-relations.ts'
import type { AlertsContent, DeploymentContent, NetworkContent } from './config/deployment-schema.ts'
import { findJsonMistake } from './config/json-text.ts'
import { ConfigurationError, type Problem, showValue } from './config/problem.ts'
import { relationProblems } from './config/relations.ts'
import { configurationSchema, type PairContent } from './config/schema.ts'
import { structureProblems } from './config/structure.ts'
import type { Policy } from './core/policy.ts'

export { ConfigurationError, type Problem } from './config/problem.ts'

export interface Configuration {
  readonly pairs: Readonly<Record<string, PairConfiguration>>
  /** The topic that alerts go to; null if nobody is told. The one that a stack made is named by HOTSPARE_TOPIC_ARN. */
  readonly alerts: { readonly topicArn: string } | null
  /** What the stack needs and the function does not. */
  readonly deployment: DeploymentConfiguration
}

export interface DeploymentConfiguration extends DeploymentContent {
  readonly network: NetworkContent | null
  /** As the file says: a topic of one's own, or who subscribes to the one that the stack makes. */
  readonly alerts: AlertsContent | null
  /** KMS keys of the secrets, where they are not the account's default. */
  readonly secretKeyArns: readonly string[]
}

export interface PairConfiguration {
  /** Exactly two, by name. */
  readonly servers: Readonly<Record<string, ServerConfiguration>>
  readonly credentials: CredentialSource
  readonly tls: TlsConfiguration
  readonly directory: PairContent['directory']
  readonly detection: PairContent['detection']
  readonly failover: PairContent['failover']
  readonly switchover: PairContent['switchover']
}

export interface ServerConfiguration {
  readonly host: string
  readonly port: number
  /** What the writer record holds when this server is the writer; `host` unless the file says otherwise. */
  readonly address: string
}

export type TlsConfiguration =
  | { readonly mode: 'disabled' }
  | {
      readonly mode: 'verify-ca'
      /** As the file says; relative to the file. */
      readonly caFile: string
      /** The file's content, PEM; null until `loadConfiguration` has read it. */
      readonly ca: string | null
    }

/** A claim's length. Not configurable: the protocol's other times are derived from it. */
const claimMs = 15_000
const usualFile = 'hotspare.json'

/**
 * The configuration in a JSON text, with all defaults filled in. Reads no other file.
 *
 * `source` names the text in messages. Throws ConfigurationError with every problem.
 */
export function parseConfiguration(text: string, source: string): Configuration {
  const plain = text.replace(/^\uFEFF/, '')
  const mistake = findJsonMistake(plain)
  if (mistake !== null) {
    const value = `line ${mistake.line}, column ${mistake.column}`
    throw new ConfigurationError(source, [{ path: '', value, mend: mistake.message }])
  }
  const content: unknown = JSON.parse(plain)
  const problems = [
    ...structureProblems(content),
    ...relationProblems(content),
    ...deploymentProblems(content),
  ]
  if (problems.length > 0) throw new ConfigurationError(source, problems)

  const { pairs, alerts, network, deployment } = v.parse(configurationSchema, content)
  return {
    pairs: Object.fromEntries(Object.entries(pairs).map(([name, pair]) => [name, pairOf(pair)])),
    alerts: alerts?.topicArn === undefined ? null : { topicArn: alerts.topicArn },
    deployment: {
      ...deployment,
      network: network ?? null,
      alerts: alerts ?? null,
      secretKeyArns: [
        ...new Set(Object.values(pairs).flatMap(({ credentials }) => credentials.kmsKeyArn ?? [])),
      ],
    },
  }
}

/**
 * The configuration in a file, with the certificate authorities it names.
 *
 * `file` defaults to HOTSPARE_CONFIG, else to hotspare.json beside the running bundle, else in the working directory. Throws
 * ConfigurationError with every problem, unreadable files included.
 */
export function loadConfiguration(file?: string): Configuration {
  const path = file ?? process.env.HOTSPARE_CONFIG ?? findUsualFile()
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    const mend = 'write the configuration to this file, or name another with HOTSPARE_CONFIG'
    throw new ConfigurationError(path, [{ path: '', value: reasonOf(error), mend }])
  }
  const configuration = parseConfiguration(text, path)
  const problems: Problem[] = []
  const pairs = Object.entries(configuration.pairs).map(([name, pair]) => {
    if (pair.tls.mode === 'disabled') return [name, pair] as const
    const { caFile } = pair.tls
    const ca = readAuthority(resolve(dirname(path), caFile))
    if ('mend' in ca) {
      const value = `${showValue([], caFile)} (${ca.reason})`
      problems.push({ path: `pairs.${name}.tls.caFile`, value, mend: ca.mend })
      return [name, pair] as const
    }
    return [name, { ...pair, tls: { ...pair.tls, ca: ca.pem } }] as const
  })
  if (problems.length > 0) throw new ConfigurationError(path, problems)
  const topicArn = process.env.HOTSPARE_TOPIC_ARN
  const alerts = topicArn === undefined || topicArn === '' ? configuration.alerts : { topicArn }
  return { ...configuration, alerts, pairs: Object.fromEntries(pairs) }
}

/** What decisions need to know of a pair. Throws if the configuration has no such pair. */
export function policyOf(configuration: Configuration, pairName: string): Policy {
  const pair = Object.hasOwn(configuration.pairs, pairName) ? configuration.pairs[pairName] : undefined
  if (pair === undefined) {
    const known = Object.keys(configuration.pairs).join(', ')
    throw new Error(`There is no pair "${pairName}" in the configuration. Name one of: ${known}.`)
  }
  const { directory, detection, failover, switchover } = pair
  return {
    pair: pairName,
    servers: Object.fromEntries(
      Object.entries(pair.servers).map(([name, server]) => [name, { address: server.address }]),
    ),
    record: {
      name: directory.writerName,
      type: directory.recordType,
      ttlSeconds: directory.ttlSeconds,
    },
    detection: { ...detection },
    failover: {
      mode: failover.mode,
      catchUpTimeoutMs: failover.catchUpTimeoutMs,
      cooldownMs: failover.cooldownMs,
      acceptMissing: failover.acceptMissing,
      endBlockersAfterMs: failover.onBlockers === 'end' ? failover.endBlockersAfterMs : null,
    },
    switchover: {
      writeBlockMs: switchover.writeBlockMs,
      longTransactionMs: switchover.longTransactionMs,
    },
    claimMs,
  }
}

function pairOf(pair: PairContent): PairConfiguration {
  const servers = Object.entries(pair.servers).map(([name, { host, port, address }]) => [
    name,
    { host, port, address: address ?? host },
  ])
  return {
    ...pair,
    servers: Object.fromEntries(servers),
    credentials: credentialsOf(pair.credentials),
    tls: tlsOf(pair.tls),
  }
}

function credentialsOf({ secretId, usernameEnv, passwordEnv }: PairContent['credentials']): CredentialSource {
  if (secretId !== undefined) return { secretId }
  if (usernameEnv !== undefined && passwordEnv !== undefined) return { usernameEnv, passwordEnv }
  throw new Error(
    'Credentials passed the checks with neither a secret nor two variables. Report this as a bug.',
  )
}

function tlsOf({ mode, caFile }: PairContent['tls']): TlsConfiguration {
  if (mode === 'disabled') return { mode }
  if (caFile !== undefined) return { mode, caFile, ca: null }
  throw new Error('TLS passed the checks without a certificate authority. Report this as a bug.')
}

function findUsualFile(): string {
  const beside = resolve(dirname(fileURLToPath(import.meta.url)), usualFile)
  return existsSync(beside) ? beside : resolve(usualFile)
}

/** The certificates in a PEM file, each of which must be readable. */
function readAuthority(path: string): { pem: string } | { reason: string; mend: string } {
  let pem: string
  try {
    pem = readFileSync(path, 'utf8')
  } catch (error) {
    const mend = 'put the certificate authority there; the path is relative to the configuration file'
    return { reason: reasonOf(error), mend }
  }
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem)) {
    const mend = 'name a file with certificates only; a private key must never be handed to Hotspare'
    return { reason: 'holds a private key', mend }
  }
  const certificates = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  const mend = 'give a PEM file that starts with "-----BEGIN CERTIFICATE-----"'
  if (certificates.length === 0) return { reason: 'holds no PEM certificate', mend }
  try {
    for (const certificate of certificates) new X509Certificate(certificate)
  } catch {
    return { reason: 'holds a damaged certificate', mend }
  }
  return { pem }
}

/** A file error without the path, which stands beside it already. */
function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
  return code === 'ENOENT' ? 'no such file' : `unreadable, ${code}`
}
