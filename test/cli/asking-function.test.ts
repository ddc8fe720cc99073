/**
 * `hotspare ... --function NAME` against Lambda's API on loopback: answers, failures, and that it asks once. The SDK reads the
 * environment of this process, so that is what is set; the program itself is run where its own streams and exit matter.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DONE, REFUSED, WRONG_USAGE } from '../../cli/exit-codes.ts'
import { type FakeFunction, type FakeLambda, failed, refusal, startFakeLambda } from './fake-lambda.ts'
import { type as typed } from './fake-terminal.ts'
import { run } from './program.ts'

const answering =
  (answer: object): FakeFunction =>
  () => ({ body: JSON.stringify(answer) })
const done = { ok: true, situation: 'resumed', because: 'The pair is not paused.', advice: '' }
const PASSWORD = 'a-password-that-nobody-prints'

let lambda: FakeLambda
let environment: Record<string, string>

/** Types it in this process, with this environment laid over its own; undefined takes a variable away. */
async function type(line: string, changed: Record<string, string | undefined> = {}) {
  const before = { ...process.env }
  Object.assign(process.env, environment)
  for (const [name, value] of Object.entries(changed))
    if (value === undefined) delete process.env[name]
    else process.env[name] = value
  try {
    return await typed(line)
  } finally {
    process.env = before
  }
}

const events: unknown[] = []

beforeAll(async () => {
  lambda = await startFakeLambda({
    done: answering(done),
    echo: (event) => {
      events.push(event)
      return { body: JSON.stringify(done) }
    },
    slow: async () => {
      // Long enough for the first word of progress, which comes after a second.
      await new Promise((resolve) => setTimeout(resolve, 1300))
      return { body: JSON.stringify(done) }
    },
    refusing: answering({
      ok: false,
      situation: 'spare-stale',
      because: 'alice is dead and nobody can write. No failover: bob was not replicating well.',
      advice:
        'Bring alice back. If you are sure that alice stays down, invoke the request function with {"action":"failover","pair":"orders","force":["spare-stale"]}',
    }),
    wrong: answering({
      ok: false,
      situation: 'wrong-request',
      because: 'pair is "x".',
      advice: 'pair: orders.',
    }),
    switched: answering({
      ok: true,
      situation: 'switched-over',
      because: 'bob is the writer now.',
      advice: '',
      from: 'alice',
      to: 'bob',
      writeBlockMs: 212,
      timeline: [
        { what: 'claimed', ms: 0 },
        { what: 'opened', ms: 190 },
      ],
    }),
    blocked: answering({
      ok: false,
      situation: 'switchover-blocked',
      because: 'A transaction has been open for too long.',
      advice: 'Wait for it, or end it.',
      writeBlockMs: null,
      timeline: [],
      blocking: [
        { session: 12, account: 'app@10.0.3.4', kind: 'transaction', ageMs: 95_000, doing: 'update' },
      ],
    }),
    stranger: answering({ hello: 'world' }),
    throwing: () =>
      failed('ConfigurationError', 'hotspare.json has a problem: pairs.orders.servers: (missing)'),
    late: () => failed('Sandbox.Timedout', 'RequestId: 1 Error: Task timed out after 160.00 seconds'),
    denied: () => refusal(403, 'AccessDeniedException', 'not authorized to perform: lambda:InvokeFunction'),
    busy: () => refusal(429, 'TooManyRequestsException', 'Rate Exceeded.'),
    dropping: () => null,
  })
  environment = {
    AWS_ENDPOINT_URL_LAMBDA: lambda.endpoint,
    AWS_REGION: 'eu-west-1',
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: PASSWORD,
    AWS_EC2_METADATA_DISABLED: 'true',
  }
})
afterAll(() => lambda.close())

const plain = (text: string) => text.replaceAll(/\s+/g, ' ')

describe('answers', () => {
  test('done: exit 0; --json gives the answer as it came', async () => {
    const { code, stdout, stderr } = await run('resume --function done', environment)
    expect([code, stderr]).toEqual([DONE, ''])
    expect(stdout).toBe('Done  resumed\n  The pair is not paused.\n')
    const json = await run('resume --function done --json', environment)
    expect([json.code, JSON.parse(json.stdout)]).toEqual([DONE, done])
  })

  test('refused: exit 1, and the request that goes on is a command to copy', async () => {
    const { code, stdout } = await type('failover --function refusing')
    expect(code).toBe(REFUSED)
    expect(stdout).toMatch(/^Not done {2}spare-stale$/m)
    expect(stdout).toMatch(/^ +hotspare failover --pair orders --force spare-stale --function refusing$/m)
    expect(stdout).not.toContain('{"action"')
  })

  test('a request that the function does not understand: exit 2', async () => {
    const { code, stdout } = await type('status --pair x --function wrong')
    expect([code, stdout.includes('Not understood, nothing was done')]).toEqual([WRONG_USAGE, true])
  })

  test('a switchover: who, for how long nobody could write, when what happened', async () => {
    const { code, stdout } = await type('switchover --to bob --function switched')
    expect(code).toBe(DONE)
    expect(stdout).toBe(`Done  switched-over
  bob is the writer now.
  Writer   alice -> bob
  Writes   nobody could write for 212 ms
  When     claimed         0 ms
           opened        190 ms
`)
  })

  test('a switchover that is refused: who stands in the way', async () => {
    const { code, stdout } = await type('switchover --to bob --dry-run --function blocked')
    expect([code, stdout]).toEqual([
      REFUSED,
      `Not done  switchover-blocked
  A transaction has been open for too long.
  Blocked by  transaction of app@10.0.3.4, session 12, for 1 min (update)
  Next     Wait for it, or end it.
`,
    ])
  })

  test('one that takes a while: it is said that it is waited for', async () => {
    const { stdout, stderr } = await run('resume --function slow', environment)
    expect(stdout).toContain('Done')
    expect(stderr).toMatch(/^waiting for slow \(1\.\d s\)/)
    expect((await type('resume --function slow --json')).stderr).toBe('')
  })
})

test('what is sent: the same words as events', async () => {
  const lines: [string, object][] = [
    ['status --pair orders', { action: 'status', pair: 'orders' }],
    [
      'failover --force spare-stale --force cooldown',
      { action: 'failover', force: ['spare-stale', 'cooldown'] },
    ],
    [
      'adopt alice --force adopt-other-unseen',
      { action: 'adopt', writer: 'alice', force: ['adopt-other-unseen'] },
    ],
    ['pause --for 90m --pair orders', { action: 'pause', pair: 'orders', untilMinutes: 90 }],
    ['pause --until resumed', { action: 'pause', until: 'resumed' }],
    ['resume', { action: 'resume' }],
    ['release bob', { action: 'release', server: 'bob' }],
    [
      'switchover --pair orders --to bob --dry-run --force long-transaction --lower-ttl --wait-for-quiet 10m',
      {
        action: 'switchover',
        pair: 'orders',
        to: 'bob',
        dryRun: true,
        force: ['long-transaction'],
        lowerTtl: true,
        waitForQuietMs: 600_000,
      },
    ],
    [
      'switchover --to alice',
      { action: 'switchover', to: 'alice', dryRun: false, force: [], lowerTtl: false },
    ],
  ]
  for (const [line, event] of lines) {
    await type(`${line} --function echo`)
    expect(events.at(-1)).toEqual(event)
  }
})

describe('failures: what happened, whether data is at risk, what to type; exit 1', () => {
  test.each([
    [
      'missing',
      'There is no function missing in eu-west-1.',
      'the request did not reach',
      'RequestFunctionName',
    ],
    ['denied', 'AWS denied calling denied', 'the request did not reach', 'lambda:InvokeFunction'],
    ['busy', 'called too often', 'the request did not reach', 'in a few seconds'],
    ['throwing', 'hotspare.json has a problem', 'Not by this', 'deploy again'],
    [
      'late',
      'Task timed out',
      'finished or undone',
      'It ran out of time. See what is the case: hotspare status --function late',
    ],
    ['dropping', 'did not arrive', 'It may have been carried out', 'hotspare status --function dropping'],
    ['stranger', "no answer of Hotspare's", 'No, as far', 'RequestFunctionName'],
  ])('%s', async (name, what, risk, next) => {
    const before = lambda.calls()
    const { code, stdout, stderr } = await type(`failover --function ${name}`)
    expect([code, stdout]).toEqual([REFUSED, ''])
    const said = plain(stderr)
    expect(said).toContain(what)
    expect(said).toContain(`Is data at risk? `)
    expect(said).toContain(risk)
    expect(said).toContain(`What do I do? `)
    expect(said).toContain(next)
    expect(said).not.toContain(PASSWORD)
    // A failover whose answer was lost may have happened: it is never sent a second time.
    expect(lambda.calls() - before).toBe(1)
  })

  test('nobody listens there', async () => {
    const { code, stderr } = await type('status --function done', {
      AWS_ENDPOINT_URL_LAMBDA: 'http://127.0.0.1:9',
    })
    expect(code).toBe(REFUSED)
    expect(plain(stderr)).toContain("Lambda in eu-west-1 can't be reached from here")
    expect(plain(stderr)).toContain('--local does the same from here')
  })

  test('no credentials', async () => {
    const { code, stdout } = await type('status --function done --json', {
      AWS_ACCESS_KEY_ID: undefined,
      AWS_SECRET_ACCESS_KEY: undefined,
      AWS_SHARED_CREDENTIALS_FILE: '/nowhere',
      AWS_CONFIG_FILE: '/nowhere',
    })
    expect([code, JSON.parse(stdout)]).toMatchObject([
      REFUSED,
      { ok: false, situation: 'credentials-missing', advice: expect.stringContaining('AWS_PROFILE') },
    ])
  })
})
