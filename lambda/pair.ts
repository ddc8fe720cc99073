/** Everything that one invocation needs to watch one pair: policy, links, reporter. What may stay warm between invocations does. */
import { randomBytes } from 'node:crypto'
import { type Alerts, createNoAlerts } from './adapters/alerts.ts'
import type { Directory } from './adapters/directory.ts'
import { createMysqlLink } from './adapters/mysql/link.ts'
import { createRoute53Directory } from './adapters/route53.ts'
import { type AccountOutcome, createSecrets, type Secrets } from './adapters/secrets.ts'
import { createSnsAlerts } from './adapters/sns.ts'
import { type Configuration, policyOf } from './config.ts'
import type { ManualRequest } from './core/world.ts'
import { createPairMetrics } from './metrics.ts'
import type { Clock, Links } from './observe.ts'
import { createReporter } from './report.ts'
import type { Run } from './watch.ts'

const SECRETS_TIMEOUT_MS = 3000

export const systemClock: Clock = { monotonicNow: () => performance.now(), wallNow: () => Date.now() }

/** Clients that keep their connections between the invocations of one environment. */
interface Warm {
  readonly directory: Directory
  readonly secrets: Secrets
  readonly alerts: Alerts
}

const warm = new Map<string, Warm>()

/** Where an invocation says what it sees. */
export interface Output {
  /** Takes one log line, JSON without its end. */
  readonly log: (line: string) => void
  /** Metrics are log lines that CloudWatch reads; of no use elsewhere. */
  readonly metrics: boolean
}

export const LAMBDA_OUTPUT: Output = {
  log: (line) => void process.stdout.write(`${line}\n`),
  metrics: true,
}

function warmFor(configuration: Configuration, pair: string): Warm {
  const kept = warm.get(pair)
  if (kept !== undefined) return kept
  const { directory, credentials } = pairOf(configuration, pair)
  const { alerts } = configuration
  const made: Warm = {
    directory: createRoute53Directory({
      hostedZoneId: directory.hostedZoneId,
      writerName: directory.writerName,
      recordType: directory.recordType,
      monotonicNow: systemClock.monotonicNow,
    }),
    secrets: createSecrets(credentials),
    alerts: alerts === null ? createNoAlerts() : createSnsAlerts(alerts),
  }
  warm.set(pair, made)
  return made
}

function pairOf(configuration: Configuration, pair: string): Configuration['pairs'][string] {
  const found = configuration.pairs[pair]
  if (found === undefined) throw new Error(`There is no pair "${pair}" in the configuration.`)
  return found
}

export function runOf(
  configuration: Configuration,
  pair: string,
  remainingMs: () => number,
  request: ManualRequest | null = null,
  output: Output = LAMBDA_OUTPUT,
): Run {
  const { directory, secrets, alerts } = warmFor(configuration, pair)
  const who = newWho()
  const links: Links = { directory, servers: serverLinks(configuration, pair, who, secrets) }
  const reporter = createReporter({
    alerts,
    metrics: output.metrics ? createPairMetrics(pair) : null,
    log: output.log,
  })
  return {
    policy: policyOf(configuration, pair),
    who,
    links,
    clock: systemClock,
    reporter,
    remainingMs,
    request,
  }
}

function serverLinks(
  configuration: Configuration,
  pair: string,
  who: string,
  secrets: Secrets,
): Links['servers'] {
  const { servers, tls, detection, switchover } = pairOf(configuration, pair)
  return Object.fromEntries(
    Object.entries(servers).map(([name, { host, port }]) => [
      name,
      createMysqlLink({
        name,
        pair,
        who,
        host,
        port,
        tls: tls.mode === 'disabled' ? tls : { mode: tls.mode, ...(tls.ca === null ? {} : { ca: tls.ca }) },
        credentials: async () => account(await secrets.account(SECRETS_TIMEOUT_MS)),
        refreshCredentials: async () => account(await secrets.refresh(SECRETS_TIMEOUT_MS)),
        probeTimeoutMs: detection.probeTimeoutMs,
        keepSessionsOf: switchover.keepSessionsOf,
        monotonicNow: systemClock.monotonicNow,
      }),
    ]),
  )
}

function account(outcome: AccountOutcome): { user: string; password: string } {
  if (!outcome.ok) throw new Error(outcome.reason)
  return { user: outcome.account.username, password: outcome.account.password }
}

/** An id that no other invocation has, short enough for the ledger and the heartbeat row. */
function newWho(): string {
  return randomBytes(8).toString('hex').slice(0, 12)
}
