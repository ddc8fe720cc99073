/**
 * The template, down to each action and condition: what stands here is what an account's owner agrees to.
 *
 * The one thing to understand: policies are compared whole, so a right that is added anywhere turns a test red.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { App } from 'aws-cdk-lib'
import { Match, Template } from 'aws-cdk-lib/assertions'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readDeployment } from '../../infra/deployment.ts'
import { writeFunctionAsset } from '../../infra/function-asset.ts'
import { HotspareStack } from '../../infra/hotspare-stack.ts'
import { loadConfiguration } from '../../lambda/config.ts'
import { createExampleFolder, type ExampleFolder, projectDir, type Spoil } from './example.ts'

let example: ExampleFolder
let assetCount = 0
beforeAll(() => {
  example = createExampleFolder()
})
afterAll(() => example.remove())

/** The asset's folder, with a stand-in for the bundle. */
function assetOf(spoil?: Spoil): { assetFolder: string; deployment: ReturnType<typeof readDeployment> } {
  const deployment = readDeployment(projectDir, example.write(spoil))
  const bundle = join(example.folder, 'bundle.mjs')
  writeFileSync(bundle, 'export const watch = 1')
  assetCount += 1
  const assetFolder = join(example.folder, `asset-${assetCount}`)
  writeFunctionAsset(assetFolder, bundle, deployment)
  return { assetFolder, deployment }
}

function templateOf(spoil?: Spoil): Template {
  const { assetFolder, deployment } = assetOf(spoil)
  const outdir = join(example.folder, `out-${assetCount}`)
  mkdirSync(outdir)
  const { context } = JSON.parse(readFileSync(join(projectDir, 'cdk.json'), 'utf8')) as {
    context: Record<string, unknown>
  }
  const app = new App({ outdir, context })
  const { configuration } = deployment
  return Template.fromStack(new HotspareStack(app, 'Hotspare', { configuration, assetFolder }))
}

type Statement = { Action: string | string[]; Resource: unknown; [key: string]: unknown }

/** The statements of the one inline policy whose id begins with `role`. */
function statementsOf(template: Template, role: string): Statement[] {
  const policies = Object.entries(template.findResources('AWS::IAM::Policy'))
  const [found, ...more] = policies.filter(([id]) => id.startsWith(role)).map(([, policy]) => policy)
  expect(more).toEqual([])
  const { Properties } = found as { Properties: { PolicyDocument: { Statement: Statement[] } } }
  return Properties.PolicyDocument.Statement
}

const arn = (rest: string) => ({ 'Fn::Join': ['', ['arn:', { Ref: 'AWS::Partition' }, rest]] })
const attribute = (start: string) => ({
  'Fn::GetAtt': [expect.stringMatching(`^${start}[0-9A-F]{8}$`), 'Arn'],
})
const secretByName = {
  'Fn::Join': [
    '',
    [
      'arn:',
      { Ref: 'AWS::Partition' },
      ':secretsmanager:',
      { Ref: 'AWS::Region' },
      ':',
      { Ref: 'AWS::AccountId' },
      ':secret:hotspare/orders-??????',
    ],
  ],
}

const log = (name: string) => ({
  Effect: 'Allow',
  Action: ['logs:CreateLogStream', 'logs:PutLogEvents'],
  Resource: attribute(name),
})
const readRecords = {
  Sid: 'ReadRecords',
  Effect: 'Allow',
  Action: 'route53:ListResourceRecordSets',
  Resource: arn(':route53:::hostedzone/Z0EXAMPLE'),
}
const readAccount = {
  Sid: 'ReadAccount',
  Effect: 'Allow',
  Action: 'secretsmanager:GetSecretValue',
  Resource: secretByName,
}

describe('least privilege', () => {
  test.each(['Watch', 'Request'])(
    'the %s function may swap two names of two types in one zone, and no more',
    (name) => {
      expect(statementsOf(templateOf(), `${name}Role`)).toEqual([
        log(`${name}Log`),
        readRecords,
        readAccount,
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
        {
          Sid: 'FollowChange',
          Effect: 'Allow',
          Action: 'route53:GetChange',
          Resource: arn(':route53:::change/*'),
        },
        {
          Sid: 'TellPeople',
          Effect: 'Allow',
          Action: 'sns:Publish',
          Resource: 'arn:aws:sns:eu-west-1:123456789012:hotspare',
        },
      ])
    },
  )

  test('the schedule may invoke the watch function, and only a schedule of this account may use the role', () => {
    const template = templateOf()
    const [statement, ...more] = statementsOf(template, 'ScheduleRole')
    expect(more).toEqual([])
    expect(statement?.Action).toBe('lambda:InvokeFunction')
    const watch = attribute('Watch')
    expect(statement?.Resource).toHaveLength(2)
    expect(statement?.Resource).toEqual(
      expect.arrayContaining([watch, { 'Fn::Join': ['', [watch, ':$LATEST']] }]),
    )
    template.hasResourceProperties('AWS::IAM::Role', {
      AssumeRolePolicyDocument: {
        Statement: [
          {
            Action: 'sts:AssumeRole',
            Effect: 'Allow',
            Principal: { Service: 'scheduler.amazonaws.com' },
            Condition: { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } },
          },
        ],
      },
    })
  })

  test('no role has a managed policy, and there are no other policies', () => {
    const template = templateOf()
    template.resourceCountIs('AWS::IAM::Role', 3)
    template.resourceCountIs('AWS::IAM::Policy', 3)
    for (const role of Object.values(template.findResources('AWS::IAM::Role'))) {
      expect(Object.keys(role.Properties as object)).toEqual(['AssumeRolePolicyDocument'])
    }
  })

  test('no topic in the file, no right to publish', () => {
    const template = templateOf((content) => {
      delete content.alerts
    })
    expect(JSON.stringify(template.toJSON())).not.toContain('sns:')
  })

  test('each pair has a statement for its own names in its own zone', () => {
    const template = templateOf((content) => {
      const copy = structuredClone(content.pairs.orders)
      copy.servers = { carol: { host: '10.0.1.11' }, dave: { host: '10.0.2.11' } }
      copy.directory = {
        kind: 'route53',
        hostedZoneId: 'Z0OTHER',
        writerName: 'w.b.example.com',
        recordType: 'AAAA',
      }
      copy.servers.carol.address = '2001:db8::1'
      copy.servers.dave.address = '2001:db8::2'
      copy.credentials = {
        secretId: 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:hotspare/b-AbCdEf',
      }
      content.pairs['or-ders'] = copy
    })
    const statements = statementsOf(template, 'WatchRole')
    const swaps = statements.filter(({ Action }) => Action === 'route53:ChangeResourceRecordSets')
    expect(new Set(swaps.map(({ Sid }) => Sid)).size).toBe(2)
    expect(swaps[1]).toMatchObject({
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
    const accounts = statements.find(({ Sid }) => Sid === 'ReadAccount')?.Resource
    expect(accounts).toHaveLength(2)
    expect(accounts).toEqual(
      expect.arrayContaining([
        secretByName,
        'arn:aws:secretsmanager:eu-west-1:123456789012:secret:hotspare/b-AbCdEf',
      ]),
    )
  })
})

describe('nothing runs late', () => {
  test('the schedule fires once a minute and retries nothing', () => {
    templateOf().hasResourceProperties('AWS::Scheduler::Schedule', {
      ScheduleExpression: 'rate(1 minute)',
      FlexibleTimeWindow: { Mode: 'OFF' },
      State: Match.absent(),
      Target: {
        Arn: { 'Fn::GetAtt': [Match.stringLikeRegexp('^Watch[0-9A-F]{8}$'), 'Arn'] },
        Input: '{"action":"watch"}',
        RetryPolicy: { MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 60 },
      },
    })
  })

  test('neither function is invoked again after an error', () => {
    const template = templateOf()
    const settings = Object.values(template.findResources('AWS::Lambda::EventInvokeConfig'))
    expect(settings.map(({ Properties }) => Properties)).toMatchObject([
      { MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 60, Qualifier: '$LATEST' },
      { MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 60, Qualifier: '$LATEST' },
    ])
  })
})

describe('the functions', () => {
  test.each([
    ['index.watch', 160, 'WatchLog'],
    ['index.request', 160, 'RequestLog'],
  ])('%s ends after %i s and has the memory that its heap was sized for', (handler, seconds, logGroup) => {
    templateOf().hasResourceProperties('AWS::Lambda::Function', {
      Handler: handler,
      Timeout: seconds,
      Runtime: 'nodejs24.x',
      Architectures: ['arm64'],
      MemorySize: 256,
      Environment: { Variables: { NODE_OPTIONS: '--max-semi-space-size=1 --max-old-space-size=128' } },
      LoggingConfig: { LogGroup: { Ref: Match.stringLikeRegexp(`^${logGroup}`) } },
    })
  })

  test('both run from one asset, and their logs end', () => {
    const template = templateOf()
    const codes = Object.values(template.findResources('AWS::Lambda::Function')).map(
      ({ Properties }) => (Properties as { Code: unknown }).Code,
    )
    expect(codes).toHaveLength(2)
    expect(codes[0]).toEqual(codes[1])
    template.resourcePropertiesCountIs('AWS::Logs::LogGroup', { RetentionInDays: 90 }, 2)
  })
})

test('T29: no record is in the template, so no deploy can undo a failover', () => {
  const template = templateOf()
  const types = Object.values(template.toJSON().Resources as Record<string, { Type: string }>)
    .map(({ Type }) => Type)
    .sort()
  expect(types.filter((type) => type.startsWith('AWS::Route53'))).toEqual([])
  expect([...new Set(types)]).toEqual([
    'AWS::IAM::Policy',
    'AWS::IAM::Role',
    'AWS::Lambda::EventInvokeConfig',
    'AWS::Lambda::Function',
    'AWS::Logs::LogGroup',
    'AWS::Scheduler::Schedule',
  ])
})

test('no secret is in the template: no password, no value read at deploy time', () => {
  const text = JSON.stringify(templateOf().toJSON())
  expect(text).not.toMatch(/password|username|\{\{resolve:|BEGIN /i)
})

describe('the asset', () => {
  test('holds the bundle, the validated file, and the authority beside it, and reads as the function will read it', () => {
    const { assetFolder } = assetOf((content) => {
      content.pairs.orders.tls.caFile = join(example.folder, 'ca.pem')
    })
    expect(readdirSync(assetFolder).sort()).toEqual(['hotspare.json', 'index.mjs', 'orders.ca.pem'])
    const text = readFileSync(join(assetFolder, 'hotspare.json'), 'utf8')
    expect(text).not.toContain(example.folder)
    const { tls } = loadConfiguration(join(assetFolder, 'hotspare.json')).pairs.orders ?? {}
    expect(tls).toMatchObject({
      caFile: 'orders.ca.pem',
      ca: readFileSync(join(example.folder, 'ca.pem'), 'utf8'),
    })
  })

  test('is the same for the same inputs', () => {
    const files = ['hotspare.json', 'index.mjs', 'orders.ca.pem']
    const read = () => {
      const { assetFolder } = assetOf()
      return files.map((name) => readFileSync(join(assetFolder, name), 'utf8'))
    }
    expect(read()).toEqual(read())
  })
})
