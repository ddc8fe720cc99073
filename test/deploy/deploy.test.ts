/**
 * `npx cdk deploy` as people run it: the real CDK CLI, against an account on loopback, and then the very code that it deployed,
 * against two real servers.
 *
 * The one thing to understand is what is real here. Real: the CLI, the template, the asset and its way through the bucket, the
 * functions' environment, both servers, the swap of the records. Played: CloudFormation, S3, IAM, Lambda's storage, SNS and
 * Secrets Manager by moto, Route 53 by the lab, Lambda's running of functions by the lab, and the answer of the self-test's
 * provider by this test. Not shown: that IAM allows what the functions do, that a VPC lets them through, and the types that
 * template-types.ts lists as not emulated. The tests below build on each other, in their order.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type LabAws, startLabAws } from '../../lab/aws/lab-aws.ts'
import { temporaryFolder } from '../../lab/cleanup.ts'
import type { DatabaseServer } from '../../lab/database/database-server.ts'
import { type Pair, startPair } from '../../lab/database/pair.ts'
import { waitUntilReplicating } from '../../lab/database/replication.ts'
import { knockOn } from '../../lab/knocker.ts'
import { LocalFunction } from '../../lab/lambda/function.ts'
import type { Invocation, LogLine } from '../../lab/lambda/invocation.ts'
import { lookOf } from '../../lab/log-line.ts'
import { eventually, flips, ledgerOf, looks, timesDone } from '../servers/on-stage.ts'
import { type Account, furnish } from './account.ts'
import { type Cdk, type CdkRun, createCdk } from './cdk.ts'
import { type DeployedFunction, DeployedStack, invoke } from './deployed-stack.ts'
import { type Moto, startMoto, type Tree } from './moto.ts'
import { emulated, notEmulated } from './template-types.ts'

const writerName = 'writer.orders.example.com'
const deployWords = ['--require-approval', 'never', '--method', 'direct', '--no-previous-parameters']
const waitMs = 30_000
/** Long enough for a machine with two cores and others at work on it. */
const testMs = 300_000

let moto: Moto
let aws: LabAws
let pair: Pair
let account: Account
let cdk: Cdk
let stack: DeployedStack
let folder: string
let watch: DeployedFunction

beforeAll(async () => {
  const say = (text: string) => void process.stdout.write(`${text}\n`)
  ;[moto, aws, pair] = await Promise.all([
    startMoto(say),
    startLabAws({}),
    startPair({ family: 'mysql', onProgress: () => undefined }),
  ])
  say(`moto ${moto.version}`)
  folder = temporaryFolder('deploy')
  const { user, password } = pair.hotspare
  account = await furnish(moto, { name: 'hotspare/orders', account: { username: user, password } })
  const configurationFile = join(folder, 'hotspare.json')
  cdk = createCdk({ folder, configurationFile, environment: moto.environment })
  stack = new DeployedStack(moto, 'Hotspare')
  configure()
}, testMs)

afterAll(async () => {
  await Promise.all([moto?.close(), aws?.close(), pair?.remove()])
}, testMs)

function configure(settings: object = {}, deployment: object = {}): void {
  const server = (host: string) => ({ host, port: pair.port })
  const content = {
    pairs: {
      orders: {
        servers: { alice: server(pair.alice.host), bob: server(pair.bob.host) },
        credentials: { secretId: 'hotspare/orders' },
        tls: { caFile: pair.caFile },
        directory: { kind: 'route53', hostedZoneId: 'Z0EXAMPLE', writerName },
        ...settings,
      },
    },
    alerts: { email: ['dba@example.com'] },
    network: account.network,
    deployment,
  }
  writeFileSync(join(folder, 'hotspare.json'), JSON.stringify(content, null, 2))
}

/** What the lab knows better than the emulator. */
function ways(): Record<string, string> {
  const { AWS_ENDPOINT_URL_ROUTE_53, HOTSPARE_NAME_SERVER } = aws.environment
  return { ...moto.environment, AWS_ENDPOINT_URL_ROUTE_53, HOTSPARE_NAME_SERVER }
}

function expectDone({ code, output }: CdkRun): void {
  process.stdout.write(output.replaceAll(/^/gm, '  | '))
  expect(code, output).toBe(0)
}

/** The writer record's values and the ledger's text, as Route 53 has them. */
function records(): { writer: readonly string[]; ledger: string } {
  const valuesOf = (name: string, type: 'A' | 'TXT') => aws.zone.get(name, type)?.values ?? []
  return { writer: valuesOf(writerName, 'A'), ledger: valuesOf(`_hotspare.${writerName}`, 'TXT').join('') }
}

function selfTestOf(template: Tree): { logical: string; properties: Tree } {
  const [logical = '', resource] =
    Object.entries(template.Resources as Record<string, Tree>).find(
      ([, { Type }]) => Type === 'Custom::HotspareSelfTest',
    ) ?? []
  return { logical, properties: resource?.Properties }
}

/** What the schedules send, one for each. */
function scheduledEvents(template: Tree): unknown[] {
  return Object.values(template.Resources as Record<string, Tree>)
    .filter(({ Type }) => Type === 'AWS::Scheduler::Schedule')
    .map(({ Properties }) => JSON.parse(Properties.Target.Input))
}

const isHealthy = (line: LogLine) => lookOf(line)?.situation === 'healthy'
const hasMoved = (line: LogLine) => lookOf(line)?.timeline.some(({ what }) => what === 'moved') === true

/** Waits until the last thing that the watch said is that the pair is healthy, with this writer. */
async function healthyWith(watching: Invocation, writer: string): Promise<void> {
  const isIt = () => {
    const last = looks(watching).at(-1)
    return last?.situation === 'healthy' && last.because.startsWith(`${writer} takes writes`)
  }
  await eventually(`healthy with ${writer}`, isIt, waitMs)
}

/** What a watch answers that ends by itself. */
async function resultOf(watching: Invocation): Promise<unknown> {
  const { result, error } = await watching.finished
  expect(error).toBeUndefined()
  return (result as Tree).pairs.orders
}

const heardSubjects: string[] = []

/** Waits until the topic has said this to the queue, now or earlier. */
async function heard(subject: string): Promise<void> {
  const listen = async () => {
    heardSubjects.push(...(await account.subjects()))
    return heardSubjects.includes(subject)
  }
  await eventually(subject, listen, waitMs)
}

/** Brings a deposed writer back as a person does: it boots closed and is started to follow, then the other one. */
async function followAgain(server: DatabaseServer): Promise<void> {
  await server.start()
  for (const each of [server, pair.otherOf(server)]) {
    await each.query('START REPLICA')
    await waitUntilReplicating(each, waitMs)
  }
  await pair.waitUntilCaughtUp(server)
}

async function topicArn(): Promise<string> {
  return (await stack.resources()).get('AWS::SNS::Topic')?.[0]?.physical ?? ''
}

describe('a first deployment', () => {
  test('bootstrap', { timeout: testMs }, async () => {
    expectDone(await cdk.run('bootstrap', 'aws://123456789012/us-east-1'))
  })

  test('a mistake in the file stops it, and nothing is deployed', { timeout: testMs }, async () => {
    configure({ detection: { probeTimoutMs: 5 } })
    const { code, output } = await cdk.run('deploy', ...deployWords)
    expect(code).not.toBe(0)
    expect(output).toContain('pairs.orders.detection.probeTimoutMs: unknown key "probeTimoutMs"')
    expect(output).toContain('did you mean "probeTimeoutMs"?')
    expect(await stack.status()).toBeNull()
    configure()
  })

  test('deploy ends with a self-test from the deployed code, against real servers', {
    timeout: testMs,
  }, async () => {
    // The CLI follows the stack's events once everything is made but the self-test's answer.
    const deploying = cdk.runUntil(/CREATE_IN_PROGRESS/, 'deploy', ...deployWords, '--progress', 'events')
    await deploying.said
    const stackId = (await stack.status())?.id ?? ''
    await account.listen(await topicArn())
    const { logical, properties } = selfTestOf(await stack.template())
    const selfTest = await stack.download('hotspare-self-test', ways())
    expect(selfTest.files.toSorted()).toEqual(['hotspare.json', 'index.mjs', 'orders.ca.pem'])
    const answer = await invoke(selfTest, { RequestType: 'Create', ResourceProperties: properties })
    expect(answer.Data.Result).toBe('5 of 5 checks passed.')
    await stack.answer(stackId, logical, answer.Data)
    expectDone(await deploying.done)
    expect(await account.subjects()).toEqual(['Hotspare hotspare: deployed, self-test'])
    expect((await stack.status())?.status).toBe('CREATE_COMPLETE')
  })

  test('every type of resource was made, or is known not to be and checked in the template', async () => {
    const { Resources } = await stack.template()
    const made = await stack.resources()
    const inTemplate = Map.groupBy(Object.entries(Resources as Record<string, Tree>), ([, { Type }]) =>
      String(Type),
    )
    const unlisted = [...inTemplate.keys()].filter(
      (type) => !emulated.includes(type) && !(type in notEmulated),
    )
    expect(unlisted).toEqual([])
    for (const [type, resources] of inTemplate) {
      const made_ = made.get(type)?.map(({ logical }) => logical) ?? []
      process.stdout.write(
        `  | ${type}: ${resources.length}, ${emulated.includes(type) ? 'made' : 'not emulated'}\n`,
      )
      if (emulated.includes(type))
        expect(made_.toSorted(), type).toEqual(resources.map(([id]) => id).toSorted())
      else for (const [, { Properties }] of resources) notEmulated[type]?.(Properties)
    }
    for (const type of [...emulated, ...Object.keys(notEmulated)])
      expect([...inTemplate.keys()]).toContain(type)
  })

  test('a diff right after finds nothing', { timeout: testMs }, async () => {
    const run = await cdk.run('diff', '--fail', '--method', 'template')
    expectDone(run)
  })
})

describe('the deployed code', () => {
  let watches: LocalFunction
  let watching: Invocation
  afterAll(() => watches?.close())

  test('the watch of the schedule finds the pair healthy', { timeout: testMs }, async () => {
    const [event, ...others] = scheduledEvents(await stack.template())
    expect(others).toEqual([])
    watch = await stack.download('hotspare-watch', ways())
    watches = new LocalFunction(watch.options)
    watching = watches.start(event)
    await watching.waitForLog(isHealthy, waitMs)
    expect(records().writer).toEqual([pair.alice.host])
  })

  test('the request function switches over to bob and back while clients write, and nothing is lost', {
    timeout: testMs,
  }, async () => {
    const request = await stack.download('hotspare-request', ways())
    const clients = pair.servers.map((server) => knockOn({ pair }, server, `on-${server.name}`))
    try {
      await eventually('alice takes writes', () => (clients[0]?.tokens.length ?? 0) > 20)
      for (const [from, to] of [
        [pair.alice, pair.bob],
        [pair.bob, pair.alice],
      ] as const) {
        const flipsBefore = flips({ aws })
        const event = { action: 'switchover', pair: 'orders', to: to.name, waitForQuietMs: 30_000 }
        const answer = await invoke(request, event)
        expect(answer, answer.because).toMatchObject({ ok: true, from: from.name, to: to.name })
        process.stdout.write(
          `  | ${from.name} to ${to.name}: nobody could write for ${answer.writeBlockMs} ms\n`,
        )
        expect(ledgerOf({ aws })).toMatchObject({ writer: to.name, how: 'switchover', claim: null })
        expect(records().writer).toEqual([to.host])
        expect(flips({ aws })).toBe(flipsBefore + 1)
        expect([await to.isOpen(), await from.isOpen()]).toEqual([true, false])
        await heard(`[hotspare] orders: writer switched from ${from.name} to ${to.name}, nothing lost`)
        await healthyWith(watching, to.name)
      }
    } finally {
      await Promise.all(clients.map((client) => client.stop()))
    }
    await pair.waitUntilCaughtUp(pair.bob)
    for (const server of pair.servers) {
      const rows = await server.query<{ token: string }>('SELECT token FROM shop.orders')
      const present = new Set(rows.map(({ token }) => token))
      const tokens = clients.flatMap((client) => client.tokens)
      expect(tokens.filter((token) => !present.has(token))).toEqual([])
    }
  })

  test('the watch fails over when alice is killed', { timeout: testMs }, async () => {
    const flipsBefore = flips({ aws })
    await pair.alice.kill()
    await watching.waitForLog(hasMoved, waitMs)
    expect(records().writer).toEqual([pair.bob.host])
    expect(ledgerOf({ aws })).toMatchObject({ writer: 'bob', how: 'failover', claim: null })
    expect(flips({ aws })).toBe(flipsBefore + 1)
    expect(await pair.bob.isOpen()).toBe(true)
    await heard('[hotspare] orders: writer moved from alice to bob')
    watching.kill()
    await watching.finished
  })

  test('the request function tells how it stands', { timeout: testMs }, async () => {
    const request = await stack.download('hotspare-request', ways())
    const status = await invoke(request, { action: 'status', pair: 'orders' })
    expect(status.servers).toMatchObject({ alice: { state: 'silent' }, bob: { state: 'open' } })
  })

  test('the widget draws it', { timeout: testMs }, async () => {
    const widget = await stack.download('hotspare-widget', ways())
    const html = await invoke(widget, { pairs: ['orders'], widgetContext: { theme: 'dark' } })
    expect(html).toContain('writer: open')
    expect(html).toContain('spare: refused')
    expect(html).toContain('Last change: failover to bob')
  })
})

describe('a deployment after a failover', () => {
  test('T29: a changed configuration is deployed, and the record stays where the failover put it', {
    timeout: testMs,
  }, async () => {
    const before = records()
    expect(before.writer).toEqual([pair.bob.host])
    // It failed over a moment ago, and is to do so again.
    configure({ failover: { cooldownMs: 0 } }, { selfTest: 'report', watchers: 2 })
    expectDone(await cdk.run('deploy', ...deployWords))
    expect(records()).toEqual(before)
    const changed = await stack.download('hotspare-watch', ways())
    expect(changed.s3Key).not.toBe(watch.s3Key)
    const status = await invoke(await stack.download('hotspare-request', ways()), { action: 'status' })
    expect(status.servers.bob.state).toBe('open')
    expectDone(await cdk.run('diff', '--fail', '--method', 'template'))
  })

  test('the self-test says what is wrong, in a sentence, and fails only where it is required', {
    timeout: testMs,
  }, async () => {
    const selfTest = await stack.download('hotspare-self-test', ways())
    const { properties } = selfTestOf(await stack.template())
    expect(properties.Mode).toBe('report')
    const update = { RequestType: 'Update', PhysicalResourceId: 'x', ResourceProperties: properties }
    const wrong = `pair orders, server alice: ${pair.alice.host} port ${pair.port} refuses connections`
    const reported = await invoke(selfTest, update)
    expect(reported.PhysicalResourceId).toBe(`hotspare-self-test/${properties.Digest.slice(0, 16)}/none`)
    expect(reported.Data.Result).toContain(wrong)
    const required = { ...update, ResourceProperties: { ...properties, Mode: 'required' } }
    await expect(invoke(selfTest, required)).rejects.toThrow(wrong)
    await expect(invoke(selfTest, required)).rejects.toThrow('"selfTest": "report"')
  })

  test('a pair that was taken out is named, with the records that are left alone', {
    timeout: testMs,
  }, async () => {
    const selfTest = await stack.download('hotspare-self-test', ways())
    const { properties } = selfTestOf(await stack.template())
    const OldResourceProperties = { Pairs: { ...properties.Pairs, billing: 'writer.billing.example.com' } }
    const answer = await invoke(selfTest, {
      RequestType: 'Update',
      ResourceProperties: properties,
      OldResourceProperties,
    })
    expect(answer.Data.Result).toContain('The pair billing is no longer watched.')
    expect(answer.Data.Result).toContain('_hotspare.writer.billing.example.com')
  })
})

describe('two watchers', () => {
  const functions: LocalFunction[] = []
  const [first, second] = ['hotspare-watch', 'hotspare-watch-2']
  afterAll(() => Promise.all(functions.map((each) => each.close())))

  test('each has a function in a zone of its own, and a schedule that says the same', async () => {
    const { Resources } = await stack.template()
    const subnets = Object.values(Resources as Record<string, Tree>)
      .filter(({ Properties }) => [first, second].includes(Properties?.FunctionName))
      .map(({ Properties }) => Properties.VpcConfig.SubnetIds)
    expect(subnets.toSorted()).toEqual(
      Object.keys(account.network.subnets as object)
        .map((subnet) => [subnet])
        .toSorted(),
    )
    const event = { action: 'watch', pairs: ['orders'] }
    expect(scheduledEvents(await stack.template())).toEqual([event, event])
  })

  test('the younger one relieves the other, and one death seen by both is one failover', {
    timeout: testMs,
  }, async () => {
    await followAgain(pair.alice)
    for (const name of [first, second])
      functions.push(new LocalFunction((await stack.download(name, ways())).options))
    const [event] = scheduledEvents(await stack.template())
    const start = (at: number) => (functions[at] as LocalFunction).start(event)
    const older = start(0)
    await older.waitForLog(isHealthy, waitMs)
    const younger = start(1)
    await younger.waitForLog(isHealthy, waitMs)
    expect(await resultOf(older)).toMatchObject({ situation: { code: 'relieved' } })

    // The next delivery is the first function's. The writer dies before the second one has seen that it is relieved.
    const before = { flips: flips({ aws }), epoch: ledgerOf({ aws }).epoch }
    younger.freeze()
    const youngest = start(0)
    await youngest.waitForLog(isHealthy, waitMs)
    await pair.bob.kill()
    younger.thaw()
    const both = [younger, youngest]
    await Promise.any(both.map((each) => each.waitForLog(hasMoved, waitMs)))
    await heard('[hotspare] orders: writer moved from bob to alice')
    expect(await resultOf(younger)).toMatchObject({ situation: { code: 'relieved' } })
    for (const each of both)
      expect(looks(each).some(({ timeline }) => timeline.some(({ what }) => what === 'detected'))).toBe(true)
    expect(timesDone('open', ...both)).toBe(1)
    expect(flips({ aws })).toBe(before.flips + 1)
    expect(records().writer).toEqual([pair.alice.host])
    expect(ledgerOf({ aws })).toMatchObject({ writer: 'alice', epoch: before.epoch + 1, claim: null })
    expect(await pair.alice.isOpen()).toBe(true)
  })

  test('a diff still finds nothing', { timeout: testMs }, async () => {
    expectDone(await cdk.run('diff', '--fail', '--method', 'template'))
  })
})

describe('the end', () => {
  test('removing the self-test never fails, whatever is down', { timeout: testMs }, async () => {
    const selfTest = await stack.download('hotspare-self-test', { AWS_ENDPOINT_URL: 'http://127.0.0.1:9' })
    expect(await invoke(selfTest, { RequestType: 'Delete', PhysicalResourceId: 'x' })).toMatchObject({
      PhysicalResourceId: 'x',
    })
  })

  test('destroy takes everything but the records', { timeout: testMs }, async () => {
    const before = records()
    expectDone(await cdk.run('destroy', '--force'))
    expect(await stack.status()).toBeNull()
    const functions = await moto.fetch('lambda', '/2015-03-31/functions')
    expect(JSON.parse(functions.toString('utf8')).Functions).toEqual([])
    expect(records()).toEqual(before)
    expect(before.writer).toEqual([pair.alice.host])
  })
})
