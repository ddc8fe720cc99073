/** What hotspare.json says about the deployment: what is right, and each mistake with path, value and mend. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { ConfigurationError, loadConfiguration, type Problem, parseConfiguration } from '../lambda/config.ts'
import { projectDir } from './source-tree.ts'

// biome-ignore lint/suspicious/noExplicitAny: a test spoils the text in ways that no type allows.
type Content = any

const network = {
  reach: 'nat',
  vpcId: 'vpc-0123456789abcdef0',
  subnets: { 'subnet-0aaaaaaaaaaaaaaaa': 'eu-west-1a', 'subnet-0bbbbbbbbbbbbbbbb': 'eu-west-1b' },
  securityGroupIds: ['sg-0123456789abcdef0'],
}

function example(): Content {
  return JSON.parse(readFileSync(join(projectDir, 'hotspare.example.json'), 'utf8'))
}

function problemsOf(content: Content): readonly Problem[] {
  try {
    parseConfiguration(JSON.stringify(content), 'f')
    return []
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems
    throw error
  }
}

test('everything about the deployment has a default but the network, which may be left out', () => {
  const content = example()
  for (const key of ['deployment', 'network', 'alerts']) delete content[key]
  expect(parseConfiguration(JSON.stringify(content), 'f').deployment).toEqual({
    name: 'hotspare',
    watchers: 1,
    pairsPerShard: 5,
    memoryMb: 256,
    logRetentionDays: 90,
    lagAlarmMs: 10_000,
    selfTest: 'required',
    network: null,
    alerts: null,
    secretKeyArns: [],
  })
})

test('with subscribers in place of a topic, the function waits for the one that the stack makes', () => {
  const content = { ...example(), alerts: { email: ['dba@example.com'], sms: ['+4930123456'] } }
  const { alerts, deployment } = parseConfiguration(JSON.stringify(content), 'f')
  expect(alerts).toBeNull()
  expect(deployment.alerts).toEqual({ email: ['dba@example.com'], sms: ['+4930123456'] })
})

test('the topic that the stack made is named by the environment, and wins', () => {
  const folder = mkdtempSync(join(tmpdir(), 'hotspare-deployment-test-'))
  try {
    const file = join(folder, 'hotspare.json')
    const content = { ...example(), alerts: { email: ['dba@example.com'] } }
    content.pairs.orders.tls = { mode: 'disabled' }
    writeFileSync(file, JSON.stringify(content))
    expect(loadConfiguration(file).alerts).toBeNull()
    vi.stubEnv('HOTSPARE_TOPIC_ARN', 'arn:aws:sns:eu-west-1:123456789012:made')
    expect(loadConfiguration(file).alerts).toEqual({ topicArn: 'arn:aws:sns:eu-west-1:123456789012:made' })
  } finally {
    vi.unstubAllEnvs()
    rmSync(folder, { recursive: true, force: true })
  }
})

const key = 'arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab'

test('keys of secrets are collected once each', () => {
  const content = example()
  content.pairs.orders.credentials.kmsKeyArn = key
  content.pairs.other = structuredClone(content.pairs.orders)
  content.pairs.other.servers = { carol: { host: '10.0.3.10' }, dave: { host: '10.0.4.10' } }
  content.pairs.other.directory.writerName = 'writer.other.example.com'
  expect(parseConfiguration(JSON.stringify(content), 'f').deployment.secretKeyArns).toEqual([key])
})

function addPairs(content: Content, count: number): void {
  for (let number = 0; number < count; number += 1) {
    const pair = structuredClone(content.pairs.orders)
    pair.servers = { a: { host: `10.1.${number}.1` }, b: { host: `10.2.${number}.1` } }
    pair.directory.writerName = `writer.p${number}.example.com`
    content.pairs[`p${number}`] = pair
  }
}

const mistakes: Record<
  string,
  [spoil: (content: Content) => void, path: string, value: string, mend: string]
> = {
  'a subnet that is none': [
    (content) => {
      content.network.subnets = { ...network.subnets, lan: 'eu-west-1a' }
    },
    'network.subnets.lan',
    '"lan"',
    'give each subnet by its id',
  ],
  'all subnets in one zone': [
    (content) => {
      content.network.subnets['subnet-0bbbbbbbbbbbbbbbb'] = 'eu-west-1a'
    },
    'network.subnets',
    '"eu-west-1a"',
    'at least two zones',
  ],
  'a way to the services that does not exist': [
    (content) => {
      content.network.reach = 'vpn'
    },
    'network.reach',
    '"vpn"',
    'use "nat" or "endpoints" or "ipv6"',
  ],
  'endpoints where there is another way': [
    (content) => {
      content.network.createEndpoints = ['sns']
    },
    'network.createEndpoints',
    '[...] (1 entries)',
    'or set "reach" to "endpoints"',
  ],
  'a network without security groups': [
    (content) => {
      delete content.network.securityGroupIds
    },
    'network.securityGroupIds',
    '(missing)',
    'add "securityGroupIds"',
  ],
  'a topic and subscribers': [
    (content) => {
      content.alerts.email = ['dba@example.com']
    },
    'alerts.email',
    '[...] (1 entries)',
    'subscribe at your own topic',
  ],
  'an address that is none': [
    (content) => {
      content.alerts = { email: ['dba'] }
    },
    'alerts.email.0',
    '"dba"',
    'give an e-mail address',
  ],
  'a key for a topic that has one': [
    (content) => {
      content.alerts = { email: ['dba@example.com'], kmsKeyArn: key }
    },
    'alerts.kmsKeyArn',
    `"${key}"`,
    'gets a key of its own',
  ],
  'three watchers': [
    (content) => {
      content.deployment = { watchers: 3 }
    },
    'deployment.watchers',
    '3',
    'use 1 or 2',
  ],
  'two watchers without zones': [
    (content) => {
      delete content.network
      content.deployment = { watchers: 2 }
    },
    'deployment.watchers',
    '2',
    'add "network"',
  ],
  'a reservation that is too small': [
    (content) => {
      content.deployment = { pairsPerShard: 1, reservedConcurrency: 3 }
      content.pairs.other = structuredClone(content.pairs.orders)
      content.pairs.other.servers = { carol: { host: '10.0.3.10' }, dave: { host: '10.0.4.10' } }
      content.pairs.other.directory.writerName = 'writer.other.example.com'
    },
    'deployment.reservedConcurrency',
    '3',
    'give at least 4',
  ],
  'more pairs than Route 53 answers for': [
    (content) => addPairs(content, 150),
    'pairs',
    '151 pairs',
    'give at most 150, and the others to another AWS account',
  ],
  'more pairs than Route 53 answers for when two watch each': [
    (content) => {
      addPairs(content, 75)
      content.deployment = { watchers: 2 }
    },
    'pairs',
    '76 pairs',
    'give at most 75, and the others to another AWS account',
  ],
  'a key for environment variables': [
    (content) => {
      content.pairs.orders.credentials = { usernameEnv: 'U', passwordEnv: 'P', kmsKeyArn: key }
    },
    'pairs.orders.credentials.kmsKeyArn',
    '(not shown)',
    'only a secret has a key',
  ],
}

test.each(Object.entries(mistakes))('%s', (_, [spoil, path, value, mend]) => {
  const content = { ...example(), network: structuredClone(network) }
  expect(problemsOf(content)).toEqual([])
  spoil(content)
  expect(problemsOf(content)).toEqual([{ path, value, mend: expect.stringContaining(mend) }])
})
