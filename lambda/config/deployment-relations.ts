/**
 * Rules of the deployment that concern several keys, or all pairs together.
 *
 * As in relations.ts, every rule looks only at values of the right kind and keeps silent about the others.
 */
import { type Problem, showValue } from './problem.ts'

type Content = Record<string, unknown>

/**
 * Route 53 answers five requests a second for a whole account, and others need some too: at most half are ours. Every invocation reads
 * a pair's ledger when it begins, and each watcher begins one a minute, so 2.5 a second are 150 pairs, or 75 with two watchers.
 *
 * Source: Amazon Route 53 Developer Guide, "Quotas", maximums on Route 53 API requests.
 */
export const pairsPerAccount = 150

const subscriptionKeys = ['email', 'sms', 'https', 'sqs'] as const

/** All mistakes about the deployment that show only when several keys are seen together. `content` may be anything. */
export function deploymentProblems(content: unknown): Problem[] {
  return [
    ...alertProblems(content),
    ...networkProblems(content),
    ...watcherProblems(content),
    ...sizeProblems(content),
  ]
}

function alertProblems(content: unknown): Problem[] {
  const alerts = objectAt(content, 'alerts')
  if (!isObject(objectOf(content).alerts)) return []
  const made = subscriptionKeys.filter((key) => key in alerts)
  if ('topicArn' in alerts && made.length > 0) {
    const mend = `remove it and subscribe at your own topic, or remove topicArn so that the stack makes a topic`
    return made.map((key) => ({ path: `alerts.${key}`, value: showValue([key], alerts[key]), mend }))
  }
  if (!('topicArn' in alerts) && made.length === 0) {
    const mend =
      'add "email": ["dba@example.com"], or "topicArn" for a topic of your own, or remove alerts altogether'
    return [{ path: 'alerts', value: showValue([], alerts), mend }]
  }
  if ('kmsKeyArn' in alerts && !('topicArn' in alerts)) {
    const mend = 'remove it: the topic that the stack makes gets a key of its own'
    return [{ path: 'alerts.kmsKeyArn', value: showValue([], alerts.kmsKeyArn), mend }]
  }
  return []
}

function networkProblems(content: unknown): Problem[] {
  const network = objectAt(content, 'network')
  const subnets = objectAt(network, 'subnets')
  const zones = new Set(Object.values(subnets))
  const problems: Problem[] = []
  if (Object.keys(subnets).length >= 2 && zones.size < 2) {
    const mend = 'give subnets in at least two zones, so that the watch outlives the loss of one'
    problems.push({ path: 'network.subnets', value: showValue([], [...zones][0]), mend })
  }
  if ('createEndpoints' in network && network.reach !== 'endpoints') {
    const mend = 'remove it, or set "reach" to "endpoints"'
    problems.push({ path: 'network.createEndpoints', value: showValue([], network.createEndpoints), mend })
  }
  return problems
}

function watcherProblems(content: unknown): Problem[] {
  const { watchers, reservedConcurrency, pairsPerShard = 5 } = objectAt(content, 'deployment')
  const problems: Problem[] = []
  if (watchers === 2 && !isObject(objectOf(content).network)) {
    const mend =
      'add "network" with subnets in two zones, or remove it: two watchers make sense only in two zones'
    problems.push({ path: 'deployment.watchers', value: '2', mend })
  }
  if (typeof reservedConcurrency === 'number' && typeof pairsPerShard === 'number') {
    const shards = Math.ceil(Object.keys(objectAt(content, 'pairs')).length / pairsPerShard)
    if (reservedConcurrency < 2 * shards) {
      const mend = `give at least ${2 * shards} (two invocations overlap for each ${pairsPerShard} pairs), or leave it out`
      problems.push({ path: 'deployment.reservedConcurrency', value: String(reservedConcurrency), mend })
    }
  }
  return problems
}

function sizeProblems(content: unknown): Problem[] {
  const count = Object.keys(objectAt(content, 'pairs')).length
  const problems = Object.entries(objectAt(content, 'pairs')).flatMap(([name, pair]) => {
    const credentials = objectAt(pair, 'credentials')
    if (!('kmsKeyArn' in credentials) || 'secretId' in credentials) return []
    const mend = 'remove it: only a secret has a key'
    return [{ path: `pairs.${name}.credentials.kmsKeyArn`, value: '(not shown)', mend }]
  })
  const most = objectAt(content, 'deployment').watchers === 2 ? pairsPerAccount / 2 : pairsPerAccount
  if (count <= most) return problems
  const mend =
    `give at most ${most}, and the others to another AWS account: Route 53 answers five requests a second for a ` +
    'whole account, and more pairs would starve the failovers of each other'
  return [...problems, { path: 'pairs', value: `${count} pairs`, mend }]
}

function isObject(value: unknown): value is Content {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function objectOf(value: unknown): Content {
  return isObject(value) ? value : {}
}

function objectAt(container: unknown, key: string): Content {
  return objectOf(objectOf(container)[key])
}
