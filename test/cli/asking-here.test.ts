/** `hotspare ... --local` when things are missing: no server listens, no password, no directory. Nothing secret is ever printed. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { REFUSED, WRONG_USAGE } from '../../cli/exit-codes.ts'
import { type LabAws, startLabAws } from '../../lab/aws/lab-aws.ts'
import { removeFolder, temporaryFolder } from '../../lab/cleanup.ts'
import { formatLedger } from '../../lambda/core/ledger.ts'
import { firstLedger } from '../sim/healthy.ts'
import { type Ran, run, start } from './program.ts'

const PASSWORD = 'a-password-that-nobody-prints'
const WRITER_NAME = 'writer.orders.example.com'

let aws: LabAws
let folder: string
beforeAll(async () => {
  aws = await startLabAws()
  folder = temporaryFolder('asking-here')
})
afterAll(async () => {
  removeFolder(folder)
  await aws.close()
})

/** Port 9 is where nothing listens. */
function environmentWith(credentials: object): Record<string, string> {
  const server = (host: string) => ({ host, port: 9 })
  const pair = {
    servers: { alice: server('127.0.1.1'), bob: server('127.0.1.2') },
    credentials,
    tls: { mode: 'disabled' },
    directory: { kind: 'route53', hostedZoneId: 'Z0EXAMPLE', writerName: WRITER_NAME },
  }
  const file = join(folder, 'hotspare.json')
  writeFileSync(file, JSON.stringify({ pairs: { orders: pair } }))
  return { ...aws.environment, HOTSPARE_CONFIG: file, DB_USER: 'someone', DB_PASSWORD: PASSWORD }
}

const FROM_ENVIRONMENT = { usernameEnv: 'DB_USER', passwordEnv: 'DB_PASSWORD' }

function expectNoSecret({ stdout, stderr }: Ran): void {
  expect(stdout + stderr).not.toContain(PASSWORD)
  expect(stdout + stderr).not.toContain('someone')
}

function nameTheWriter(): void {
  const ledger = formatLedger(firstLedger())
  aws.zone.set({ name: `_hotspare.${WRITER_NAME}`, type: 'TXT', ttlSeconds: 60, values: [`"${ledger}"`] })
  aws.zone.set({ name: WRITER_NAME, type: 'A', ttlSeconds: 5, values: ['127.0.1.1'] })
}

test('nobody listens: it says so of each, answers the three questions, and exits with 1', async () => {
  nameTheWriter()
  const ran = await run('status --local', environmentWith(FROM_ENVIRONMENT))
  expect(ran.code).toBe(REFUSED)
  expect(ran.stdout).toContain('orders: blind')
  expect(ran.stdout).toMatch(/\| alice +SILENT \|.*\| bob +SILENT \|/)
  expect(ran.stdout.match(/refuses connections/g)).toHaveLength(2)
  for (const question of ['Can anybody write?  UNKNOWN', 'Is data at risk?    UNKNOWN', 'What do I do?'])
    expect(ran.stdout).toContain(question)
  expect(ran.stderr).toContain('looking; a server that does not answer takes some seconds')
  expectNoSecret(ran)
})

describe('no password', () => {
  test('in the environment: the variable is named', async () => {
    const { DB_PASSWORD: _, ...environment } = environmentWith(FROM_ENVIRONMENT)
    const ran = await run('status --local', environment)
    expect(ran.code).toBe(REFUSED)
    expect(ran.stdout.replaceAll(/\s+/g, ' ')).toContain('The environment variable DB_PASSWORD has no value')
    expectNoSecret(ran)
  })

  test('a secret that is no account: it is said, and not repeated', async () => {
    aws.secrets.put('hotspare/orders', `${PASSWORD}`)
    const ran = await run('status --local --json', environmentWith({ secretId: 'hotspare/orders' }))
    expect(ran.code).toBe(REFUSED)
    expect(JSON.parse(ran.stdout)).toMatchObject({
      ok: false,
      servers: { alice: { complaint: expect.stringContaining('is not JSON') } },
    })
    expectNoSecret(ran)
  })
})

test('Route 53 cannot be reached: nothing is claimed about the ledger', async () => {
  nameTheWriter()
  const environment = {
    ...environmentWith(FROM_ENVIRONMENT),
    AWS_ENDPOINT_URL_ROUTE_53: 'http://127.0.0.1:9',
  }
  const seen = await run('status --local', environment)
  expect([seen.code, seen.stdout]).toEqual([
    REFUSED,
    expect.stringContaining('orders: directory-unreachable'),
  ])
  expect(seen.stdout).toContain('was not read')
  expectNoSecret(seen)
})

test('a request that cannot be meant: exit 2, before anything is asked', async () => {
  const before = aws.route53.counts.listCalls
  const ran = await run('adopt alicia --local', environmentWith(FROM_ENVIRONMENT))
  expect([ran.code, ran.stdout]).toEqual([WRONG_USAGE, expect.stringContaining('did you mean "alice"?')])
  expect(aws.route53.counts.listCalls).toBe(before)
})

test('watch ends cleanly at Ctrl-C, with 0, though nothing answers', async () => {
  nameTheWriter()
  const watch = start('watch --local', environmentWith(FROM_ENVIRONMENT))
  try {
    await expect.poll(() => watch.written.stdout, { timeout: 15_000 }).toContain('blind')
  } finally {
    watch.child.kill('SIGINT')
  }
  const ran = await watch.ended
  expect([ran.code, ran.stderr]).toEqual([
    0,
    'ending as soon as nothing is half done; once more ends at once\n',
  ])
  expectNoSecret(ran)
})
