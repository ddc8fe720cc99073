/**
 * The self-test: calls everything that a watch needs, from where a watch runs, once a deployment. It changes nothing, and sends one
 * message, because a topic that nobody hears from is found out at the worst of times.
 *
 * The one thing to understand: it answers a CloudFormation custom resource. Throwing fails the deployment, with the error's message
 * as the reason. What leads back must never fail: deleting it, or a stack could not be removed while a server is down; and a
 * rollback, which is an update to the properties from before, or the stack would be stuck half-way. A rollback can't be told from an
 * update by its event, so the resource's own id holds what has passed: the digest of this deployment and of the one before.
 */
import { type Alerts, createNoAlerts } from './adapters/alerts.ts'
import { createSecrets } from './adapters/secrets.ts'
import { createSnsAlerts } from './adapters/sns.ts'
import { type Configuration, loadConfiguration } from './config.ts'
import { firstLook } from './observe.ts'
import { runOf } from './pair.ts'
import {
  accountFinding,
  alertFinding,
  directoryFinding,
  type Finding,
  goneSentences,
  serverFinding,
  summary,
} from './self-test-sentences.ts'

/** What CloudFormation sends, as far as it is used. */
export interface SelfTestEvent {
  readonly RequestType: 'Create' | 'Update' | 'Delete'
  readonly PhysicalResourceId?: string
  readonly ResourceProperties?: SelfTestProperties
  readonly OldResourceProperties?: SelfTestProperties
}

interface SelfTestProperties {
  readonly Mode?: 'required' | 'report'
  /** Of everything that the functions run from. */
  readonly Digest?: string
  /** Writer names by pair. */
  readonly Pairs?: Readonly<Record<string, string>>
}

export interface SelfTestAnswer {
  readonly PhysicalResourceId: string
  readonly Data: { readonly Result: string }
}

interface Context {
  getRemainingTimeInMillis(): number
}

const callTimeoutMs = 5000
/** A first connection from a new place takes its time, so a server gets several looks. */
const looksAtServer = 4
/** Route 53 answers five requests a second for the whole account. */
const pairsAtOnce = 4
const resourceId = 'hotspare-self-test'
/** Enough of a digest to tell deployments apart. */
const digestLength = 16

/** @throws {Error} in the mode `required`, with everything that is wrong. */
export async function selfTest(event: SelfTestEvent, context: Context): Promise<SelfTestAnswer> {
  if (event.RequestType === 'Delete') {
    return { PhysicalResourceId: event.PhysicalResourceId ?? resourceId, Data: { Result: 'Nothing to do.' } }
  }
  const passed = passedBefore(event)
  const digest = (event.ResourceProperties?.Digest ?? '').slice(0, digestLength)
  const PhysicalResourceId = [resourceId, digest, passed.find((each) => each !== digest) ?? 'none'].join('/')
  if (passed.includes(digest)) {
    return {
      PhysicalResourceId,
      Data: { Result: 'This goes back to what has passed before; nothing was tested.' },
    }
  }
  const configuration = loadConfiguration()
  const gone = goneSentences(event.OldResourceProperties?.Pairs ?? {}, event.ResourceProperties?.Pairs ?? {})
  const findings = await findingsOf(configuration, () => context.getRemainingTimeInMillis())
  const found = summary(findings, gone)
  findings.push(await announce(configuration, found))
  for (const finding of findings) log({ kind: 'self-test', ...finding })
  const result = summary(findings, gone)
  log({ kind: 'self-test-result', result })
  const failed = findings.some(({ wrong }) => wrong !== null)
  if (!failed || event.ResourceProperties?.Mode === 'report')
    return { PhysicalResourceId, Data: { Result: result } }
  throw new Error(
    `The self-test failed, so this deployment is undone. ${result} To deploy all the same, for a first deployment or during an ` +
      'outage, set "deployment": { "selfTest": "report" } in hotspare.json.',
  )
}

/** Digests of deployments that have passed, the newest first, as the resource's id holds them. */
function passedBefore(event: SelfTestEvent): string[] {
  const [, ...digests] = (event.RequestType === 'Update' ? event.PhysicalResourceId : '')?.split('/') ?? []
  return digests
}

async function findingsOf(configuration: Configuration, remainingMs: () => number): Promise<Finding[]> {
  const pairs = Object.keys(configuration.pairs)
  const findings: Finding[] = []
  for (let first = 0; first < pairs.length; first += pairsAtOnce) {
    const batch = pairs.slice(first, first + pairsAtOnce)
    const found = await Promise.all(batch.map((pair) => pairFindings(configuration, pair, remainingMs)))
    findings.push(...found.flat())
  }
  return findings
}

async function pairFindings(
  configuration: Configuration,
  pair: string,
  remainingMs: () => number,
): Promise<Finding[]> {
  const { links, policy } = runOf(configuration, pair, remainingMs)
  const { servers, credentials } = configuration.pairs[pair] as Configuration['pairs'][string]
  const { network } = configuration.deployment
  const secrets = createSecrets(credentials)
  try {
    const [directory, account] = await Promise.all([
      links.directory.read(callTimeoutMs),
      secrets.account(callTimeoutMs),
    ])
    const findings = [
      directoryFinding(pair, directory, policy.record.name, network),
      accountFinding(pair, account.ok ? null : account.reason, network),
    ]
    // Without an account there is nothing to log in with, and the servers' findings would only repeat it.
    if (!account.ok) return findings
    const looked = Object.entries(servers).map(async ([name, { host, port }]) => {
      const usual = firstLook(policy).servers[name]
      if (usual === undefined) throw new Error(`${name} is no server of ${pair}. Report this as a bug.`)
      const asked = { ...usual, probeEveryMs: 0, waitMs: callTimeoutMs, rights: true }
      for (let look = 1; ; look++) {
        const view = await links.servers[name]?.look(asked)
        if (view === undefined) throw new Error(`There is no link to ${name}. Report this as a bug.`)
        if (view.answer !== null || look === looksAtServer)
          return serverFinding(pair, { name, host, port }, view)
      }
    })
    return [...findings, ...(await Promise.all(looked))]
  } finally {
    secrets.close()
    await Promise.all(Object.values(links.servers).map((link) => link.close()))
  }
}

/** Tells people of the deployment, which proves that they can be told. */
async function announce(configuration: Configuration, found: string): Promise<Finding> {
  const { alerts, deployment } = configuration
  const channel: Alerts = alerts === null ? createNoAlerts() : createSnsAlerts(alerts)
  const pairs = Object.keys(configuration.pairs)
  const body = [
    `Hotspare (${deployment.name}) was deployed and watches: ${pairs.join(', ')}.`,
    found,
    'This message is a test of the way to you; nothing has to be done about it unless a check above has failed.',
  ].join('\n\n')
  const subject = `Hotspare ${deployment.name}: deployed, self-test`
  const attributes = {
    pair: pairs.length === 1 ? (pairs[0] ?? '') : 'all',
    event: 'self-test',
    severity: 'info',
  }
  try {
    return alertFinding(
      await channel.publish({ subject, body, attributes }, callTimeoutMs),
      deployment.network,
    )
  } finally {
    channel.close()
  }
}

function log(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}
