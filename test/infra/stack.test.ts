/** What the stack is made of: functions, schedules, topic, network, alarms; and what is not in it. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Stack } from 'aws-cdk-lib'
import { Annotations, Match, Template } from 'aws-cdk-lib/assertions'
import { type IVpc, SecurityGroup, Subnet, Vpc } from 'aws-cdk-lib/aws-ec2'
import { Topic } from 'aws-cdk-lib/aws-sns'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readDeployment } from '../../infra/deployment.ts'
import { writeFunctionAsset } from '../../infra/function-asset.ts'
import { HotSpare } from '../../infra/hotspare.ts'
import { loadConfiguration } from '../../lambda/config.ts'
import { createExampleFolder, type ExampleFolder, projectDir, type Spoil } from './example.ts'
import { appIn, network, ofType, resourcesOf, stackOf, templateOf } from './synthesised.ts'

let example: ExampleFolder
beforeAll(() => {
  example = createExampleFolder()
})
afterAll(() => example.remove())

const everything: Spoil = (content) => {
  content.network = { ...network, reach: 'endpoints' }
  content.alerts = { email: ['dba@example.com'] }
}

const pairs =
  (count: number): Spoil =>
  (content) => {
    for (let number = 1; number < count; number += 1) {
      const pair = structuredClone(content.pairs.orders)
      pair.servers = { a: { host: `10.1.${number}.1` }, b: { host: `10.2.${number}.1` } }
      pair.directory.writerName = `writer.p${number}.example.com`
      content.pairs[`p${number}`] = pair
    }
  }

describe('the functions', () => {
  test.each([
    ['Watch', 'hotspare-watch', 'index.watch', 160],
    ['Request', 'hotspare-request', 'index.request', 160],
    ['Widget', 'hotspare-widget', 'index.widget', 15],
    ['SelfTest', 'hotspare-self-test', 'index.selfTest', 300],
  ])(
    '%s has a name to find it by, its limit, and the memory that its heap was sized for',
    (id, name, handler, seconds) => {
      const [made] = ofType(templateOf(example), 'AWS::Lambda::Function', `${id}Function`)
      expect(made?.Properties).toMatchObject({
        FunctionName: name,
        Handler: handler,
        Timeout: seconds,
        Runtime: 'nodejs24.x',
        Architectures: ['arm64'],
        MemorySize: 256,
        Environment: {
          Variables: {
            NODE_OPTIONS: '--max-semi-space-size=1 --max-old-space-size=128',
            HOTSPARE_DEPLOYMENT: 'hotspare',
            HOTSPARE_TOPIC_ARN: 'arn:aws:sns:eu-west-1:123456789012:hotspare',
          },
        },
        LoggingConfig: { LogGroup: { Ref: expect.stringMatching(`^HotSpare${id}Log`) }, LogFormat: 'Text' },
      })
      expect(made?.Properties).not.toHaveProperty('ReservedConcurrentExecutions')
    },
  )

  test('more memory, a larger heap', () => {
    const template = templateOf(example, (content) => {
      content.deployment = { memoryMb: 512 }
    })
    template.hasResourceProperties('AWS::Lambda::Function', {
      Handler: 'index.watch',
      MemorySize: 512,
      Environment: { Variables: { NODE_OPTIONS: '--max-semi-space-size=1 --max-old-space-size=384' } },
    })
  })

  test('all run from one asset, and their logs end', () => {
    const template = templateOf(example, (content) => {
      content.deployment = { logRetentionDays: 30 }
    })
    const ours = ofType(template, 'AWS::Lambda::Function').filter(({ Properties }) =>
      Properties.Handler.startsWith('index.'),
    )
    const codes = ours.map(({ Properties }) => JSON.stringify(Properties.Code))
    expect(codes).toHaveLength(4)
    expect(new Set(codes).size).toBe(1)
    template.resourcePropertiesCountIs('AWS::Logs::LogGroup', { RetentionInDays: 30 }, 5)
    template.resourceCountIs('AWS::Logs::LogGroup', 5)
  })

  test('concurrency is set aside for the watch alone', () => {
    const template = templateOf(example, (content) => {
      content.deployment = { reservedConcurrency: 4 }
    })
    const reserved = ofType(template, 'AWS::Lambda::Function').filter(
      ({ Properties }) => Properties.ReservedConcurrentExecutions === 4,
    )
    expect(reserved.map(({ Properties }) => Properties.FunctionName)).toEqual(['hotspare-watch'])
  })

  test('another name of the deployment is in every name', () => {
    const template = templateOf(example, (content) => {
      content.deployment = { name: 'orders-eu' }
    })
    const names = [
      ...ofType(template, 'AWS::Lambda::Function').map(({ Properties }) => Properties.FunctionName),
      ...ofType(template, 'AWS::CloudWatch::Alarm').map(({ Properties }) => Properties.AlarmName),
      ...ofType(template, 'AWS::CloudWatch::Dashboard').map(({ Properties }) => Properties.DashboardName),
      ...ofType(template, 'AWS::Logs::QueryDefinition').map(({ Properties }) => Properties.Name),
    ]
    expect(names.length).toBeGreaterThan(20)
    expect(names.filter((name: string) => !name.startsWith('orders-eu'))).toEqual([])
  })
})

describe('nothing runs late', () => {
  test('the schedule fires once a minute and retries nothing', () => {
    templateOf(example).hasResourceProperties('AWS::Scheduler::Schedule', {
      ScheduleExpression: 'rate(1 minute)',
      FlexibleTimeWindow: { Mode: 'OFF' },
      State: Match.absent(),
      Target: {
        Arn: { 'Fn::GetAtt': [Match.stringLikeRegexp('^HotSpareWatchFunction[0-9A-F]{8}$'), 'Arn'] },
        Input: '{"action":"watch","pairs":["orders"]}',
        RetryPolicy: { MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 60 },
        DeadLetterConfig: Match.absent(),
      },
    })
  })

  test('no function is invoked again after an error', () => {
    const settings = ofType(templateOf(example), 'AWS::Lambda::EventInvokeConfig')
    expect(settings).toHaveLength(4)
    for (const { Properties } of settings) {
      expect(Properties).toMatchObject({
        MaximumRetryAttempts: 0,
        MaximumEventAgeInSeconds: 60,
        Qualifier: '$LATEST',
      })
    }
  })
})

describe('shards and watchers', () => {
  test('every pair is in exactly one shard of each watch function', () => {
    const template = templateOf(example, (content) => {
      pairs(12)(content)
      content.network = network
      content.deployment = { watchers: 2, pairsPerShard: 5 }
    })
    const schedules = ofType(template, 'AWS::Scheduler::Schedule')
    expect(schedules).toHaveLength(6)
    for (const watcher of ['WatchFunction', 'Watch2Function']) {
      const own = schedules.filter(({ Properties }) =>
        Properties.Target.Arn['Fn::GetAtt'][0].startsWith(`HotSpare${watcher}`),
      )
      const watched = own.flatMap(({ Properties }) => JSON.parse(Properties.Target.Input).pairs)
      expect(watched.sort()).toEqual(
        ['orders', ...Array.from({ length: 11 }, (_, at) => `p${at + 1}`)].sort(),
      )
      expect(own).toHaveLength(3)
    }
  })

  test('two watchers have the subnets of one zone each; everything else has all', () => {
    const template = templateOf(example, (content) => {
      content.network = network
      content.deployment = { watchers: 2 }
    })
    const subnets = Object.fromEntries(
      ofType(template, 'AWS::Lambda::Function').map(({ Properties }) => [
        Properties.FunctionName,
        Properties.VpcConfig?.SubnetIds,
      ]),
    )
    const [first, second] = Object.keys(network.subnets)
    expect(subnets).toEqual({
      'hotspare-watch': [first],
      'hotspare-watch-2': [second],
      'hotspare-request': [first, second],
      'hotspare-widget': [first, second],
      'hotspare-self-test': [first, second],
      'hotspare-self-test-provider': undefined,
    })
  })
})

describe('the way to the services', () => {
  test('nat: functions in the VPC, and nothing is made', () => {
    const template = templateOf(example, (content) => {
      content.network = network
    })
    template.hasResourceProperties('AWS::Lambda::Function', {
      Handler: 'index.watch',
      VpcConfig: {
        SecurityGroupIds: network.securityGroupIds,
        SubnetIds: Object.keys(network.subnets),
        Ipv6AllowedForDualStack: false,
      },
    })
    expect(
      [...new Set(Object.values(resourcesOf(template)).map(({ Type }) => Type))].filter((type) =>
        type.includes('EC2'),
      ),
    ).toEqual([])
  })

  test('endpoints: three, one of which crosses to the region of Route 53; HTTPS from the functions and nothing else', () => {
    const template = templateOf(example, everything)
    const endpoints = ofType(template, 'AWS::EC2::VPCEndpoint').map(({ Properties }) => Properties)
    const service = (name: string) => ({
      'Fn::Join': ['', ['com.amazonaws.', { Ref: 'AWS::Region' }, `.${name}`]],
    })
    expect(endpoints.map(({ ServiceName, ServiceRegion }) => [ServiceName, ServiceRegion])).toEqual([
      ['com.amazonaws.route53', 'us-east-1'],
      [service('secretsmanager'), undefined],
      [service('sns'), undefined],
    ])
    for (const endpoint of endpoints) {
      expect(endpoint).toMatchObject({
        VpcEndpointType: 'Interface',
        VpcId: network.vpcId,
        PrivateDnsEnabled: true,
        SubnetIds: Object.keys(network.subnets),
        SecurityGroupIds: [
          { 'Fn::GetAtt': [expect.stringMatching('^HotSpareEndpointSecurityGroup'), 'GroupId'] },
        ],
      })
    }
    const ingress = ofType(template, 'AWS::EC2::SecurityGroupIngress').map(({ Properties }) => Properties)
    expect(ingress).toMatchObject([
      { FromPort: 443, ToPort: 443, IpProtocol: 'tcp', SourceSecurityGroupId: network.securityGroupIds[0] },
    ])
    expect(ofType(template, 'AWS::EC2::SecurityGroup')[0]?.Properties.SecurityGroupIngress).toBeUndefined()
  })

  test('endpoints that the VPC has already are not made again', () => {
    const template = templateOf(example, (content) => {
      content.network = { ...network, reach: 'endpoints', createEndpoints: ['route53'] }
    })
    template.resourceCountIs('AWS::EC2::VPCEndpoint', 1)
  })

  test('ipv6: dual-stack functions and the services’ dual-stack names', () => {
    const template = templateOf(example, (content) => {
      content.network = { ...network, reach: 'ipv6' }
    })
    template.hasResourceProperties('AWS::Lambda::Function', {
      Handler: 'index.watch',
      VpcConfig: { Ipv6AllowedForDualStack: true },
      Environment: { Variables: { AWS_USE_DUALSTACK_ENDPOINT: 'true' } },
    })
    template.resourceCountIs('AWS::EC2::VPCEndpoint', 0)
  })

  test('without a network, synthesis says what that means', () => {
    Annotations.fromStack(stackOf(example)).hasWarning('*', Match.stringLikeRegexp('outside of your VPC'))
  })
})

describe('who is told', () => {
  test('subscribers get a topic with a key that alarms can use', () => {
    const template = templateOf(example, (content) => {
      content.alerts = {
        email: ['dba@example.com', 'ops@example.com'],
        sqs: ['arn:aws:sqs:eu-west-1:123456789012:q'],
      }
    })
    const subscriptions = ofType(template, 'AWS::SNS::Subscription').map(({ Properties }) => Properties)
    expect(subscriptions.map(({ Protocol, Endpoint }) => [Protocol, Endpoint])).toEqual([
      ['email', 'dba@example.com'],
      ['email', 'ops@example.com'],
      ['sqs', 'arn:aws:sqs:eu-west-1:123456789012:q'],
    ])
    template.hasResourceProperties('AWS::SNS::Topic', {
      KmsMasterKeyId: { 'Fn::GetAtt': [Match.stringLikeRegexp('^HotSpareAlertsKey'), 'Arn'] },
    })
    const policy = ofType(template, 'AWS::SNS::TopicPolicy')[0]?.Properties.PolicyDocument.Statement
    expect(policy).toMatchObject([
      { Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } },
      {
        Effect: 'Allow',
        Principal: { Service: 'cloudwatch.amazonaws.com' },
        Action: 'sns:Publish',
        Condition: { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } },
      },
    ])
    const key = ofType(template, 'AWS::KMS::Key')[0]?.Properties
    expect(key.EnableKeyRotation).toBe(true)
    expect(key.KeyPolicy.Statement[1]).toMatchObject({
      Principal: { Service: 'cloudwatch.amazonaws.com' },
      Action: ['kms:Decrypt', 'kms:GenerateDataKey*'],
      Condition: { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } },
    })
    template.hasResourceProperties('AWS::Lambda::Function', {
      Handler: 'index.watch',
      Environment: {
        Variables: { HOTSPARE_TOPIC_ARN: { Ref: Match.stringLikeRegexp('^HotSpareAlertsTopic') } },
      },
    })
  })

  test('a topic of your own is used as it is', () => {
    const template = templateOf(example)
    template.resourceCountIs('AWS::SNS::Topic', 0)
    template.resourceCountIs('AWS::KMS::Key', 0)
  })
})

describe('the self-test', () => {
  test('is the last part of a deployment and runs again when anything changes', () => {
    const template = templateOf(example, everything)
    const [test] = ofType(template, 'Custom::HotspareSelfTest')
    expect(test?.Properties).toMatchObject({
      Mode: 'required',
      Digest: expect.stringMatching(/^[0-9a-f]{64}$/),
      Pairs: { orders: 'writer.orders.example.com' },
      ServiceTimeout: '600',
    })
    // What fails after it would be rolled back through it, so nothing comes after it.
    const all = resourcesOf(template)
    const after = new Set(test?.DependsOn)
    const own = Object.keys(all).filter((id) => id.startsWith('HotSpareSelfTestResource'))
    expect(Object.keys(all).filter((id) => !after.has(id) && !own.includes(id))).toEqual([])
    const other = templateOf(example, (content) => {
      everything(content)
      content.pairs.orders.failover.mode = 'observe'
    })
    expect(ofType(other, 'Custom::HotspareSelfTest')[0]?.Properties.Digest).not.toBe(test?.Properties.Digest)
  })

  test('off: there is none, and nothing of it', () => {
    const template = templateOf(example, (content) => {
      content.deployment = { selfTest: 'off' }
    })
    template.resourceCountIs('Custom::HotspareSelfTest', 0)
    expect(JSON.stringify(template.toJSON())).not.toMatch(/self-?test/i)
  })
})

describe('what is not in it', () => {
  test('T29: no record is in the template, so no deploy can undo a failover', () => {
    const types = Object.values(resourcesOf(templateOf(example, everything))).map(({ Type }) => Type)
    expect(types.filter((type) => type.startsWith('AWS::Route53'))).toEqual([])
    expect([...new Set(types)].sort()).toEqual([
      'AWS::CloudWatch::Alarm',
      'AWS::CloudWatch::Dashboard',
      'AWS::EC2::SecurityGroup',
      'AWS::EC2::SecurityGroupIngress',
      'AWS::EC2::VPCEndpoint',
      'AWS::IAM::Policy',
      'AWS::IAM::Role',
      'AWS::KMS::Key',
      'AWS::Lambda::EventInvokeConfig',
      'AWS::Lambda::Function',
      'AWS::Logs::LogGroup',
      'AWS::Logs::MetricFilter',
      'AWS::Logs::QueryDefinition',
      'AWS::SNS::Subscription',
      'AWS::SNS::Topic',
      'AWS::SNS::TopicPolicy',
      'AWS::Scheduler::Schedule',
      'Custom::HotspareSelfTest',
    ])
  })
})

describe('the construct in an app of your own', () => {
  test('takes its VPC and topic from there', () => {
    const { configurationFile, bundleFile } = {
      configurationFile: example.write(),
      bundleFile: join(example.folder, 'bundle.mjs'),
    }
    writeFileSync(bundleFile, 'export const watch = 1')
    const stack = new Stack(appIn(example), 'Own')
    const vpc = new Vpc(stack, 'Vpc', { maxAzs: 2 }) as IVpc
    new HotSpare(stack, 'Orders', {
      configurationFile,
      bundleFile,
      network: { vpc, securityGroups: [new SecurityGroup(stack, 'Group', { vpc })], reach: 'nat' },
      alertTopic: new Topic(stack, 'Topic'),
      dashboard: false,
    })
    const template = Template.fromStack(stack)
    template.resourceCountIs('AWS::CloudWatch::Dashboard', 0)
    template.hasResourceProperties('AWS::Lambda::Function', {
      FunctionName: 'hotspare-watch',
      VpcConfig: {
        SubnetIds: [
          { Ref: Match.stringLikeRegexp('^VpcPrivate') },
          { Ref: Match.stringLikeRegexp('^VpcPrivate') },
        ],
      },
      Environment: { Variables: { HOTSPARE_TOPIC_ARN: { Ref: Match.stringLikeRegexp('^Topic') } } },
    })
  })

  test('two with the same names are refused at synthesis', () => {
    const stack = stackOf(example)
    const again = () =>
      new HotSpare(stack, 'Again', {
        configurationFile: example.write(),
        bundleFile: join(example.folder, 'bundle.mjs'),
      })
    expect(again).toThrow('both deploy as "hotspare"')
  })

  test('two watchers need two zones there too', () => {
    const stack = new Stack(appIn(example), 'OneZone')
    const vpc = Vpc.fromVpcAttributes(stack, 'Vpc', { vpcId: 'vpc-1', availabilityZones: ['eu-west-1a'] })
    const subnets = [
      Subnet.fromSubnetAttributes(stack, 'S', {
        subnetId: 's',
        availabilityZone: 'eu-west-1a',
        routeTableId: 'r',
      }),
    ]
    const make = () =>
      new HotSpare(stack, 'Orders', {
        configurationFile: example.write((content) => {
          content.network = network
          content.deployment = { watchers: 2 }
        }),
        bundleFile: join(example.folder, 'bundle.mjs'),
        network: { vpc, subnets, securityGroups: [], reach: 'nat' },
      })
    expect(make).toThrow('Give subnets in 2 zones')
  })
})

describe('the asset', () => {
  let assetCount = 0
  function assetOf(spoil?: Spoil): { folder: string; digest: string } {
    const deployment = readDeployment(projectDir, example.write(spoil))
    const bundle = join(example.folder, 'bundle.mjs')
    writeFileSync(bundle, 'export const watch = 1')
    assetCount += 1
    const folder = join(example.folder, `asset-${assetCount}`)
    return { folder, digest: writeFunctionAsset(folder, bundle, deployment) }
  }

  test('holds the bundle, the validated file, and the authority beside it, and reads as the function will read it', () => {
    const { folder } = assetOf((content) => {
      content.pairs.orders.tls.caFile = join(example.folder, 'ca.pem')
    })
    expect(readdirSync(folder).sort()).toEqual(['hotspare.json', 'index.mjs', 'orders.ca.pem'])
    const text = readFileSync(join(folder, 'hotspare.json'), 'utf8')
    expect(text).not.toContain(example.folder)
    const { tls } = loadConfiguration(join(folder, 'hotspare.json')).pairs.orders ?? {}
    expect(tls).toMatchObject({
      caFile: 'orders.ca.pem',
      ca: readFileSync(join(example.folder, 'ca.pem'), 'utf8'),
    })
  })

  test('is the same for the same inputs, and its digest tells when not', () => {
    const files = ['hotspare.json', 'index.mjs', 'orders.ca.pem']
    const read = (folder: string) => files.map((name) => readFileSync(join(folder, name), 'utf8'))
    const [first, second] = [assetOf(), assetOf()]
    expect(read(first.folder)).toEqual(read(second.folder))
    expect(first.digest).toBe(second.digest)
    const other = assetOf((content) => {
      content.pairs.orders.directory.ttlSeconds = 6
    })
    expect(other.digest).not.toBe(first.digest)
  })
})
