/**
 * What the stack may do, down to each action, resource and condition: what stands here is what an account's owner agrees to.
 *
 * The one thing to understand: policies are compared whole, so a right that is added anywhere turns a test red.
 */
import type { Template } from 'aws-cdk-lib/assertions'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createExampleFolder, type ExampleFolder, type Spoil } from './example.ts'
import { network, ofType, templateOf } from './synthesised.ts'

let example: ExampleFolder
beforeAll(() => {
  example = createExampleFolder()
})
afterAll(() => example.remove())

type Statement = { Action: string | string[]; Resource: unknown; [key: string]: unknown }

const inNetwork: Spoil = (content) => {
  content.network = network
}

/** The statements of the one inline policy whose id begins with `start`. */
function statementsOf(template: Template, start: string): Statement[] {
  const [policy, ...more] = ofType(template, 'AWS::IAM::Policy', start)
  expect(more).toEqual([])
  return policy?.Properties.PolicyDocument.Statement
}

const pseudo = (name: string) => ({ Ref: `AWS::${name}` })
const arn = (rest: string) => ({ 'Fn::Join': ['', ['arn:', pseudo('Partition'), rest]] })
const attribute = (start: string) => ({
  'Fn::GetAtt': [expect.stringMatching(`^HotSpare${start}[0-9A-F]{8}$`), 'Arn'],
})
const inRegion = (service: string, rest: string) => ({
  'Fn::Join': [
    '',
    ['arn:', pseudo('Partition'), `:${service}:`, pseudo('Region'), ':', pseudo('AccountId'), rest],
  ],
})
const secretByName = inRegion('secretsmanager', ':secret:hotspare/orders-??????')
const topicArn = 'arn:aws:sns:eu-west-1:123456789012:hotspare'

const log = (name: string) => ({
  Effect: 'Allow',
  Action: ['logs:CreateLogStream', 'logs:PutLogEvents'],
  Resource: attribute(name),
})
const looking = [
  {
    Sid: 'ReadRecords',
    Effect: 'Allow',
    Action: 'route53:ListResourceRecordSets',
    Resource: arn(':route53:::hostedzone/Z0EXAMPLE'),
  },
  { Sid: 'ReadAccount', Effect: 'Allow', Action: 'secretsmanager:GetSecretValue', Resource: secretByName },
]
const acting = [
  {
    Sid: 'SwapRecords1',
    Effect: 'Allow',
    Action: 'route53:ChangeResourceRecordSets',
    Resource: arn(':route53:::hostedzone/Z0EXAMPLE'),
    Condition: {
      'ForAllValues:StringEquals': {
        'route53:ChangeResourceRecordSetsNormalizedRecordNames': [
          'writer.orders.example.com',
          '_hotspare.writer.orders.example.com',
        ],
        'route53:ChangeResourceRecordSetsRecordTypes': ['A', 'TXT'],
        'route53:ChangeResourceRecordSetsActions': ['CREATE', 'DELETE'],
      },
      Null: {
        'route53:ChangeResourceRecordSetsNormalizedRecordNames': 'false',
        'route53:ChangeResourceRecordSetsRecordTypes': 'false',
        'route53:ChangeResourceRecordSetsActions': 'false',
      },
    },
  },
  { Sid: 'FollowChange', Effect: 'Allow', Action: 'route53:GetChange', Resource: arn(':route53:::change/*') },
]
const telling = { Sid: 'TellPeople', Effect: 'Allow', Action: 'sns:Publish', Resource: topicArn }
const interfaceActions = [
  'ec2:AssignPrivateIpAddresses',
  'ec2:CreateNetworkInterface',
  'ec2:DeleteNetworkInterface',
  'ec2:DescribeNetworkInterfaces',
  'ec2:DescribeSubnets',
  'ec2:UnassignPrivateIpAddresses',
]
const attaching = (functionName: string) => [
  { Sid: 'AttachToNetwork', Effect: 'Allow', Action: interfaceActions, Resource: '*' },
  {
    Sid: 'NotByTheCode',
    Effect: 'Deny',
    Action: interfaceActions,
    Resource: '*',
    Condition: {
      ArnEquals: { 'lambda:SourceFunctionArn': inRegion('lambda', `:function:${functionName}`) },
    },
  },
]

describe('least privilege', () => {
  test.each([
    ['Watch', 'hotspare-watch'],
    ['Request', 'hotspare-request'],
  ])('the %s function may swap two names of two types in one zone, and no more', (name, functionName) => {
    expect(statementsOf(templateOf(example, inNetwork), `${name}Role`)).toEqual([
      log(`${name}Log`),
      ...looking,
      ...acting,
      telling,
      ...attaching(functionName),
    ])
  })

  test('outside of a network there are no network interfaces to attach', () => {
    expect(statementsOf(templateOf(example), 'WatchRole')).toEqual([
      log('WatchLog'),
      ...looking,
      ...acting,
      telling,
    ])
  })

  test('the widget may look, and change nothing', () => {
    expect(statementsOf(templateOf(example, inNetwork), 'WidgetRole')).toEqual([
      log('WidgetLog'),
      ...looking,
      ...attaching('hotspare-widget'),
    ])
  })

  test('the self-test may look and tell people, and change nothing', () => {
    expect(statementsOf(templateOf(example, inNetwork), 'SelfTestRole')).toEqual([
      log('SelfTestLog'),
      ...looking,
      telling,
      ...attaching('hotspare-self-test'),
    ])
  })

  test('who gives the answer of the self-test on may invoke the self-test', () => {
    const selfTest = attribute('SelfTestFunction')
    expect(statementsOf(templateOf(example), 'SelfTestResourceRole')).toEqual([
      log('SelfTestResourceLog'),
      {
        Effect: 'Allow',
        Action: 'lambda:InvokeFunction',
        Resource: [selfTest, { 'Fn::Join': ['', [selfTest, ':*']] }],
      },
      { Effect: 'Allow', Action: 'lambda:GetFunction', Resource: selfTest },
    ])
  })

  test('the schedule may invoke the watch function, and only a schedule of this account may use the role', () => {
    const template = templateOf(example)
    const watch = attribute('WatchFunction')
    expect(statementsOf(template, 'SchedulesRole')).toEqual([
      {
        Effect: 'Allow',
        Action: 'lambda:InvokeFunction',
        Resource: [watch, { 'Fn::Join': ['', [watch, ':$LATEST']] }],
      },
    ])
    expect(ofType(template, 'AWS::IAM::Role', 'SchedulesRole')[0]?.Properties).toEqual({
      AssumeRolePolicyDocument: {
        Version: '2012-10-17',
        Statement: [
          {
            Action: 'sts:AssumeRole',
            Effect: 'Allow',
            Principal: { Service: 'scheduler.amazonaws.com' },
            Condition: { StringEquals: { 'aws:SourceAccount': pseudo('AccountId') } },
          },
        ],
      },
    })
  })

  test('no role has a managed policy, and there are no other policies', () => {
    const template = templateOf(example, inNetwork)
    template.resourceCountIs('AWS::IAM::Role', 6)
    template.resourceCountIs('AWS::IAM::Policy', 6)
    template.resourceCountIs('AWS::IAM::ManagedPolicy', 0)
    template.resourceCountIs('AWS::Lambda::Permission', 0)
    for (const role of ofType(template, 'AWS::IAM::Role')) {
      expect(Object.keys(role.Properties)).toEqual(['AssumeRolePolicyDocument'])
    }
  })

  test('nobody to tell, no right to publish', () => {
    const template = templateOf(example, (content) => {
      delete content.alerts
    })
    expect(JSON.stringify(template.toJSON())).not.toContain('sns:')
  })
})

const keyArn = 'arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab'
const viaService = (service: string) => ({
  StringEquals: {
    'kms:ViaService': { 'Fn::Join': ['', [`${service}.`, pseudo('Region'), '.', pseudo('URLSuffix')]] },
  },
})

describe('keys of your own', () => {
  test('a secret: to decrypt, and only what Secrets Manager asks for', () => {
    const template = templateOf(example, (content) => {
      content.pairs.orders.credentials.kmsKeyArn = keyArn
    })
    expect(statementsOf(template, 'WidgetRole')).toContainEqual({
      Sid: 'DecryptAccount',
      Effect: 'Allow',
      Action: 'kms:Decrypt',
      Resource: keyArn,
      Condition: viaService('secretsmanager'),
    })
  })

  test('a topic: to encrypt, and only what SNS asks for', () => {
    const template = templateOf(example, (content) => {
      content.alerts.kmsKeyArn = keyArn
    })
    expect(statementsOf(template, 'WatchRole')).toContainEqual({
      Sid: 'EncryptMessages',
      Effect: 'Allow',
      Action: ['kms:Decrypt', 'kms:GenerateDataKey'],
      Resource: keyArn,
      Condition: viaService('sns'),
    })
  })
})

/** A document as CloudFormation fills it in, with the longest of names. */
function rendered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(rendered)
  if (typeof value !== 'object' || value === null) return value
  const { Ref, 'Fn::GetAtt': attribute, 'Fn::Join': join } = value as Record<string, unknown>
  if (Ref === 'AWS::Partition') return 'aws-us-gov'
  if (typeof Ref === 'string') return 'ap-southeast-99'
  if (attribute !== undefined) return 'a'.repeat(160)
  if (join !== undefined) return (join as [string, unknown[]])[1].map(rendered).join('')
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, rendered(each)]))
}

describe('many pairs', () => {
  function withPairs(count: number): Spoil {
    return (content) => {
      for (let number = 1; number < count; number += 1) {
        const pair = structuredClone(content.pairs.orders)
        pair.servers = { a: { host: `10.1.${number}.1` }, b: { host: `10.2.${number}.1` } }
        pair.directory.writerName = `writer.pair-with-a-rather-long-name-${number}.example.com`
        pair.credentials.secretId = `hotspare/pair-with-a-rather-long-name-${number}`
        content.pairs[`p${number}`] = pair
      }
    }
  }

  test('each has its own names in its own zone, with its own type', () => {
    const template = templateOf(example, (content) => {
      const pair = structuredClone(content.pairs.orders)
      pair.servers = {
        carol: { host: '10.0.1.11', address: '2001:db8::1' },
        dave: { host: '10.0.2.11', address: '2001:db8::2' },
      }
      Object.assign(pair.directory, {
        hostedZoneId: 'Z0OTHER',
        writerName: 'w.b.example.com',
        recordType: 'AAAA',
      })
      const secret = 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:hotspare/b-AbCdEf'
      pair.credentials = { secretId: secret }
      content.pairs['or-ders'] = pair
    })
    const statements = statementsOf(template, 'WatchRole')
    const swaps = statements.filter(({ Action }) => Action === 'route53:ChangeResourceRecordSets')
    expect(swaps).toHaveLength(2)
    expect(swaps[1]).toMatchObject({
      Sid: 'SwapRecords2',
      Resource: arn(':route53:::hostedzone/Z0OTHER'),
      Condition: {
        'ForAllValues:StringEquals': {
          'route53:ChangeResourceRecordSetsNormalizedRecordNames': [
            'w.b.example.com',
            '_hotspare.w.b.example.com',
          ],
          'route53:ChangeResourceRecordSetsRecordTypes': ['AAAA', 'TXT'],
        },
      },
    })
    expect(statements.find(({ Sid }) => Sid === 'ReadAccount')?.Resource).toEqual(
      expect.arrayContaining([
        secretByName,
        'arn:aws:secretsmanager:eu-west-1:123456789012:secret:hotspare/b-AbCdEf',
      ]),
    )
  })

  test('150 of them stay within the sizes that IAM allows, and each name is in exactly one statement', () => {
    const template = templateOf(example, withPairs(150))
    const inline = ofType(template, 'AWS::IAM::Policy', 'WatchRole')
    const managed = ofType(template, 'AWS::IAM::ManagedPolicy', 'WatchRole')
    const sizeOf = ({ Properties }: { Properties: unknown }) =>
      JSON.stringify(rendered((Properties as { PolicyDocument: unknown }).PolicyDocument)).length
    expect(inline.reduce((sum, policy) => sum + sizeOf(policy), 0)).toBeLessThan(10_240)
    expect(managed.length).toBeLessThanOrEqual(10)
    for (const policy of managed) expect(sizeOf(policy)).toBeLessThan(6144)
    const names = [...inline, ...managed]
      .flatMap(({ Properties }) => Properties.PolicyDocument.Statement as Statement[])
      .filter(({ Action }) => Action === 'route53:ChangeResourceRecordSets')
      .flatMap(({ Condition }) => {
        const allowed = (Condition as Record<string, Record<string, string[]>>)['ForAllValues:StringEquals']
        return allowed?.['route53:ChangeResourceRecordSetsNormalizedRecordNames'] ?? []
      })
    expect(names).toHaveLength(300)
    expect(new Set(names).size).toBe(300)
  })
})

test('no secret is in the template: no password, no value read at deploy time', () => {
  const text = JSON.stringify(templateOf(example, inNetwork).toJSON())
  expect(text).not.toMatch(/password|username|\{\{resolve:|BEGIN /i)
})
