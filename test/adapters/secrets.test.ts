/** The account from Secrets Manager, with the real SDK against the lab's, and from environment variables. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type LabAws, startLabAws } from '../../lab/aws/lab-aws.ts'
import { createSecrets, type Secrets } from '../../lambda/adapters/secrets.ts'

const secretId = 'hotspare/orders'
const password = 'correct-horse-battery'
const plentyMs = 5_000

describe('from Secrets Manager', () => {
  let lab: LabAws
  let nowMs = 0
  let secrets: Secrets
  beforeEach(async () => {
    lab = await startLabAws()
    for (const [name, value] of Object.entries(lab.environment)) vi.stubEnv(name, value)
    nowMs = 0
    // Time stands still unless a test moves it, so that the pauses between reads are exact. No test here needs the deadline
    // of a repeated call, which this clock would not end.
    secrets = createSecrets({ secretId }, () => nowMs)
  })
  afterEach(async () => {
    secrets.close()
    vi.unstubAllEnvs()
    await lab.close()
  })

  test.each([
    ['username', { username: 'hotspare', password }],
    ['user', { user: 'hotspare', password }],
    ['as RDS writes it', { engine: 'mysql', host: '10.0.1.10', port: 3306, username: 'hotspare', password }],
  ])('reads an account: %s', async (_, content) => {
    lab.secrets.put(secretId, content)
    const account = { username: 'hotspare', password }
    expect(await secrets.account(plentyMs)).toEqual({ ok: true, account })
  })

  test('is read once and then remembered', async () => {
    lab.secrets.put(secretId, { username: 'hotspare', password })
    await secrets.account(plentyMs)
    nowMs = 1e9
    await secrets.account(plentyMs)
    expect(lab.secrets.readCount).toBe(1)
  })

  test('can be read by its ARN', async () => {
    lab.secrets.put(secretId, { username: 'hotspare', password })
    const byArn = createSecrets({ secretId: lab.secrets.arn(secretId) })
    expect(await byArn.account(plentyMs)).toMatchObject({ ok: true })
    byArn.close()
  })

  test('two that ask at once share one read', async () => {
    lab.secrets.put(secretId, { username: 'hotspare', password })
    const both = await Promise.all([secrets.account(plentyMs), secrets.account(plentyMs)])
    expect(both).toMatchObject([{ ok: true }, { ok: true }])
    expect(lab.secrets.readCount).toBe(1)
  })

  test('a refresh reads a rotated secret, at most every 10 s', async () => {
    lab.secrets.put(secretId, { username: 'hotspare', password })
    await secrets.account(plentyMs)
    lab.secrets.put(secretId, { username: 'hotspare', password: 'rotated' })
    nowMs = 9_999
    expect(await secrets.refresh(plentyMs)).toMatchObject({ account: { password } })
    expect(lab.secrets.readCount).toBe(1)
    nowMs = 10_000
    expect(await secrets.refresh(plentyMs)).toMatchObject({ account: { password: 'rotated' } })
    expect(await secrets.account(plentyMs)).toMatchObject({ account: { password: 'rotated' } })
    expect(lab.secrets.readCount).toBe(2)
  })

  test('a refresh that fails leaves the account that was known', async () => {
    lab.secrets.put(secretId, { username: 'hotspare', password })
    await secrets.account(plentyMs)
    nowMs = 20_000
    lab.secrets.faults.rejection = 'access-denied'
    expect(await secrets.refresh(plentyMs)).toMatchObject({
      ok: false,
      reason: expect.stringContaining('secretsmanager:GetSecretValue'),
    })
    expect(await secrets.account(plentyMs)).toMatchObject({ account: { password } })
  })

  test('after a failed first read the next comes after a second', async () => {
    expect(await secrets.account(plentyMs)).toMatchObject({ ok: false })
    lab.secrets.put(secretId, { username: 'hotspare', password })
    nowMs = 999
    expect(await secrets.account(plentyMs)).toMatchObject({ ok: false })
    expect(lab.secrets.readCount).toBe(1)
    nowMs = 1_000
    expect(await secrets.account(plentyMs)).toMatchObject({ ok: true })
  })

  test('T23: a service that hangs costs no more than the deadline, also to one who joined', async () => {
    lab.secrets.faults.outage = 'hang'
    const started = performance.now()
    const slow = secrets.account(500)
    expect(await secrets.account(100)).toMatchObject({ ok: false })
    expect(performance.now() - started).toBeLessThan(450)
    expect(await slow).toMatchObject({ ok: false, reason: expect.stringContaining('500 ms') })
    expect(performance.now() - started).toBeLessThan(1_000)
  })

  test.each([
    ['no JSON', `hotspare:${password}`, 'is not JSON'],
    [
      'JSON that is broken behind the password',
      `{"username":"hotspare","password":"${password}",}`,
      'is not JSON',
    ],
    ['a list', JSON.stringify(['hotspare', password]), 'no "username"'],
    ['no user', JSON.stringify({ password }), 'no "username"'],
    ['an empty user', JSON.stringify({ username: '', password }), 'no "username"'],
    [
      'a password that is no text',
      JSON.stringify({ username: 'hotspare', password: [password] }),
      'no "password"',
    ],
  ])('a wrong secret is named without a word of it: %s', async (_, text, expected) => {
    lab.secrets.put(secretId, text)
    const outcome = await secrets.account(plentyMs)
    expect(outcome).toMatchObject({ ok: false, reason: expect.stringContaining(expected) })
    expect(JSON.stringify(outcome)).not.toContain(password.slice(0, 4))
  })
})

describe('from environment variables', () => {
  const secrets = createSecrets({ usernameEnv: 'TEST_HOTSPARE_USER', passwordEnv: 'TEST_HOTSPARE_PASSWORD' })
  afterEach(() => {
    vi.unstubAllEnvs()
  })

  test('reads both, each time anew', async () => {
    vi.stubEnv('TEST_HOTSPARE_USER', 'hotspare')
    vi.stubEnv('TEST_HOTSPARE_PASSWORD', 'one')
    expect(await secrets.account(1)).toEqual({ ok: true, account: { username: 'hotspare', password: 'one' } })
    vi.stubEnv('TEST_HOTSPARE_PASSWORD', 'two')
    expect(await secrets.refresh(1)).toMatchObject({ account: { password: 'two' } })
  })

  test('names the variable that is missing', async () => {
    expect(await secrets.account(1)).toMatchObject({ reason: expect.stringContaining('TEST_HOTSPARE_USER') })
    vi.stubEnv('TEST_HOTSPARE_USER', 'hotspare')
    expect(await secrets.account(1)).toMatchObject({
      reason: expect.stringContaining('TEST_HOTSPARE_PASSWORD'),
    })
  })
})
