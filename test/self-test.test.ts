/**
 * The self-test's sentences: what a person reads when a deployment fails, for everything that can be out of reach.
 *
 * The one thing to understand: each of them has to say what was called, what it said, and what to mend, without anything else at
 * hand. That it tells a healthy pair from a broken one is shown on real servers (test/deploy).
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { type LabAws, startLabAws } from '../lab/aws/lab-aws.ts'
import type { DirectoryView, ServerView } from '../lambda/core/world.ts'
import { type SelfTestAnswer, type SelfTestEvent, selfTest } from '../lambda/self-test.ts'
import {
  alertFinding,
  directoryFinding,
  goneSentences,
  serverFinding,
  summary,
} from '../lambda/self-test-sentences.ts'

const alice = { name: 'alice', host: '10.0.1.10', port: 3306 }
const network = { vpcId: 'vpc-1', subnets: {}, securityGroupIds: [] }

function silentView(outcome: ServerView['probes'][number]['outcome'], message: string): ServerView {
  const probe = { startedAtMs: 0, endedAtMs: 1, outcome, errno: null, message }
  return { probes: [probe], answer: null, guard: 'closed', beat: null }
}

describe('a server', () => {
  test.each([
    [
      'silent',
      'connect timed out',
      /10\.0\.1\.10 port 3306 does not answer \(connect timed out\)\..*security group/,
    ],
    ['refused', 'ECONNREFUSED', /refuses connections \(ECONNREFUSED\)\. Start the server/],
    ['sick', 'Access denied', /answers with an error \(Access denied\)\..*docs\/setup\.md/],
    ['untrusted', 'self-signed', /certificate could not be verified \(self-signed\)\..*tls\.caFile/],
  ] as const)('%s', (outcome, message, words) => {
    const finding = serverFinding('orders', alice, silentView(outcome, message))
    expect(finding.what).toBe('pair orders, server alice')
    expect(finding.wrong).toMatch(words)
  })

  test('X38: one on which rights are missing fails, with what to type', () => {
    const missing = [{ grant: "GRANT PROCESS ON *.* TO 'h'@'%'", needed: true }]
    const answer = { rights: { missing } } as unknown as ServerView['answer']
    const view: ServerView = { probes: [], answer, guard: 'open', beat: null }
    expect(serverFinding('orders', alice, view).wrong).toContain("On alice: GRANT PROCESS ON *.* TO 'h'@'%'.")
  })

  test('without a single probe it does not answer', () => {
    const view: ServerView = { probes: [], answer: null, guard: 'closed', beat: null }
    expect(serverFinding('orders', alice, view).wrong).toContain('does not answer. Let')
  })
})

describe('the way out', () => {
  const unreached: DirectoryView = {
    state: 'unreadable',
    startedAtMs: 0,
    readAtMs: 0,
    kind: 'timeout',
    message: 'Route 53 did not answer.',
  }
  test.each([
    [{ ...network, reach: 'nat' as const }, 'a route to a NAT gateway'],
    [{ ...network, reach: 'endpoints' as const }, 'DNS resolution switched on'],
    [{ ...network, reach: 'ipv6' as const }, 'egress-only internet gateway'],
    [null, 'outside of your VPC'],
  ])('%#: the one that was chosen is named, with what it needs', (chosen, words) => {
    expect(directoryFinding('orders', unreached, 'w.example.com', chosen).wrong).toContain(words)
    expect(alertFinding('SNS did not answer within 5000 ms.', chosen).wrong).toContain(words)
  })

  test('a refusal is no matter of the way', () => {
    const denied: DirectoryView = { ...unreached, kind: 'denied', message: 'Grant it.' }
    expect(directoryFinding('orders', denied, 'w.example.com', null).wrong).toBe('Grant it.')
    expect(alertFinding('SNS denied the message.', null).wrong).toBe('SNS denied the message.')
  })

  test('a record that Hotspare does not touch', () => {
    const record = { type: 'A', ttlSeconds: 5, values: [], foreign: true }
    const view: DirectoryView = { state: 'read', startedAtMs: 0, readAtMs: 0, ledger: null, record }
    expect(directoryFinding('orders', view, 'w.example.com', null).wrong).toContain(
      'w.example.com is an alias',
    )
  })
})

describe('the summary', () => {
  test('lists what is wrong first, then how much is right', () => {
    const findings = [
      { what: 'a', wrong: null },
      { what: 'b', wrong: 'Broken. Mend it.' },
    ]
    expect(summary(findings, ['More.'])).toBe('b: Broken. Mend it. 1 of 2 checks passed. More.')
  })

  test('fits into what CloudFormation takes, whatever is in it', () => {
    const findings = Array.from({ length: 400 }, (_, at) => ({ what: `pair p${at}`, wrong: 'ü'.repeat(30) }))
    const text = summary(findings, [])
    expect(Buffer.byteLength(text)).toBeLessThan(3500)
    expect(text).toContain('the log of the self-test function has all of it')
    expect(text).not.toContain('\uFFFD')
  })

  test('names pairs that are gone, and nothing of those that are new', () => {
    expect(goneSentences({ a: 'w.a.example.com' }, { a: 'w.a.example.com', b: 'w.b.example.com' })).toEqual(
      [],
    )
    expect(goneSentences({ a: 'w.a.example.com' }, {})[0]).toMatch(
      /a is no longer watched.*_hotspare\.w\.a\.example\.com/,
    )
  })
})

describe('the handler, where nothing is right', () => {
  let aws: LabAws
  let folder: string
  beforeAll(async () => {
    aws = await startLabAws()
    folder = mkdtempSync(join(tmpdir(), 'hotspare-self-test-'))
  })
  afterAll(async () => {
    await aws.close()
    rmSync(folder, { recursive: true, force: true })
  })
  afterEach(() => vi.unstubAllEnvs())

  /** Runs it with a pair of its own, since clients stay warm by pair. */
  async function run(pair: string, event: Partial<SelfTestEvent>): Promise<string> {
    return (await answerOf(pair, event)).Data.Result
  }

  async function answerOf(pair: string, event: Partial<SelfTestEvent>): Promise<SelfTestAnswer> {
    const servers = { alice: { host: '127.0.9.1', port: 9 }, bob: { host: '127.0.9.2', port: 9 } }
    const directory = { kind: 'route53', hostedZoneId: 'Z0EXAMPLE', writerName: `writer.${pair}.example.com` }
    const content = {
      pairs: {
        [pair]: {
          servers,
          credentials: { secretId: `hotspare/${pair}` },
          tls: { mode: 'disabled' },
          directory,
        },
      },
      alerts: { topicArn: 'arn:aws:sns:us-east-1:123456789012:hotspare' },
    }
    const file = join(folder, `${pair}.json`)
    writeFileSync(file, JSON.stringify(content))
    for (const [name, value] of Object.entries({ ...aws.environment, HOTSPARE_CONFIG: file }))
      vi.stubEnv(name, value)
    const written = vi.spyOn(process.stdout, 'write').mockReturnValue(true)
    try {
      const properties = { Mode: 'report', Pairs: {} } as const
      const whole = { RequestType: 'Create', ResourceProperties: properties, ...event } as const
      return await selfTest(whole, { getRemainingTimeInMillis: () => 60_000 })
    } finally {
      written.mockRestore()
    }
  }

  test('a secret that is not there is said once, and the servers are not asked', async () => {
    const result = await run('one', {})
    expect(result).toMatch(/pair one, account: .*hotspare\/one/)
    expect(result).not.toContain('server alice')
    expect(result).toMatch(/2 of 3 checks passed\.$/)
  })

  test('servers that nobody listens at, both', async () => {
    aws.secrets.put('hotspare/two', { username: 'u', password: 'not-to-be-shown' })
    const result = await run('two', {})
    expect(result).toContain('pair two, server alice: 127.0.9.1 port 9 refuses connections')
    expect(result).toContain('pair two, server bob: 127.0.9.2 port 9 refuses connections')
    expect(result).toMatch(/3 of 5 checks passed\.$/)
    expect(result).not.toContain('not-to-be-shown')
    const told = await aws.sns.waitForMessage(
      ({ message }) => message.includes('pair two, server alice'),
      1000,
    )
    expect(told.subject).toBe('Hotspare hotspare: deployed, self-test')
    expect(told.attributes).toMatchObject({ pair: 'two', event: 'self-test', severity: 'info' })
    expect(told.message).not.toContain('not-to-be-shown')
  })

  test('required: it fails, with the same and with the switch', async () => {
    const properties = { Mode: 'required', Pairs: {} } as const
    await expect(run('three', { ResourceProperties: properties })).rejects.toThrow(
      /this deployment is undone\. pair three, account: .*"selfTest": "report"/,
    )
  })

  test('a rollback never fails: going back to what has passed tests nothing', async () => {
    const [before, after] = ['b'.repeat(64), 'a'.repeat(64)]
    const properties = (Digest: string) => ({ Mode: 'required', Pairs: {}, Digest }) as const
    const passed = `hotspare-self-test/${before.slice(0, 16)}/none`
    // Forward, from a deployment that has passed: tested, and failed, so the id stays.
    const forward = { RequestType: 'Update', PhysicalResourceId: passed } as const
    await expect(run('four', { ...forward, ResourceProperties: properties(after) })).rejects.toThrow('undone')
    // Back again with that id.
    expect(await run('four', { ...forward, ResourceProperties: properties(before) })).toContain(
      'nothing was tested',
    )
    // Or back because something else failed, after the test had passed.
    const both = `hotspare-self-test/${after.slice(0, 16)}/${before.slice(0, 16)}`
    const back = {
      RequestType: 'Update',
      PhysicalResourceId: both,
      ResourceProperties: properties(before),
    } as const
    expect(await run('four', back)).toContain('nothing was tested')
    // A first deployment has nothing to go back to, whatever its id says.
    const create = {
      RequestType: 'Create',
      PhysicalResourceId: both,
      ResourceProperties: properties(before),
    } as const
    await expect(run('four', create)).rejects.toThrow('undone')
  })

  test('what has passed is kept in the id: this deployment, and the one before', async () => {
    const event = {
      RequestType: 'Update',
      PhysicalResourceId: 'hotspare-self-test/1111111111111111/0000000000000000',
      ResourceProperties: { Mode: 'report', Pairs: {}, Digest: '2222222222222222ffff' },
    } as const
    expect((await answerOf('five', event)).PhysicalResourceId).toBe(
      'hotspare-self-test/2222222222222222/1111111111111111',
    )
  })

  test('removing it reads nothing, not even the configuration', async () => {
    vi.stubEnv('HOTSPARE_CONFIG', '/nowhere')
    const answer = await selfTest(
      { RequestType: 'Delete', PhysicalResourceId: 'x' },
      { getRemainingTimeInMillis: () => 1 },
    )
    expect(answer.PhysicalResourceId).toBe('x')
  })
})
