/** What the request function answers to events that it can't understand: path, value, mend, and nothing is done. */
import { describe, expect, test } from 'vitest'
import { parseConfiguration } from '../../lambda/config.ts'
import { ACTIONS, answer } from '../../lambda/requests.ts'

const pair = (secretId: string, name: string, network: number) => ({
  servers: { alice: { host: `10.${network}.1.10` }, bob: { host: `10.${network}.2.10` } },
  credentials: { secretId },
  tls: { caFile: 'ca.pem' },
  directory: { kind: 'route53', hostedZoneId: 'Z0EXAMPLE', writerName: `writer.${name}.example.com` },
})
const configured = (pairs: object) => parseConfiguration(JSON.stringify({ pairs }), 'test')
const ONE = configured({ orders: pair('one', 'orders', 0) })
const TWO = configured({ orders: pair('one', 'orders', 0), users: pair('two', 'users', 1) })

const sent = (event: unknown, configuration = ONE) => answer(configuration, event, () => 10_000)

async function expectWrong(event: unknown, path: string, value: RegExp, mend: RegExp, configuration = ONE) {
  const answered = await sent(event, configuration)
  expect(answered).toMatchObject({ ok: false, situation: 'wrong-request' })
  const { problems } = answered as unknown as { problems: { path: string; value: string; mend: string }[] }
  expect(problems.map((problem) => problem.path)).toContain(path)
  const problem = problems.find((each) => each.path === path)
  expect(problem?.value).toMatch(value)
  expect(problem?.mend).toMatch(mend)
  expect(answered.because).toMatch(/nothing was done/)
  expect(answered.because).toContain(problem?.value)
  expect(answered.advice).toContain(problem?.mend)
}

test('the table has the everyday actions', () => {
  expect(Object.keys(ACTIONS)).toEqual(
    expect.arrayContaining(['status', 'failover', 'adopt', 'pause', 'resume', 'release']),
  )
})

describe('a wrong request names what is wrong', () => {
  test.each([
    ['no event', null, 'action', /missing/, /status, /],
    ['a text', 'status', 'action', /missing/, /status, /],
    ['an unknown action', { action: 'staus' }, 'action', /"staus"/, /did you mean "status"\?/],
    ['a name of JavaScript', { action: 'constructor' }, 'action', /"constructor"/, /one of: status/],
    [
      'an unknown key',
      { action: 'status', forse: [] },
      'forse',
      /unknown key "forse"/,
      /remove this unknown key/,
    ],
    ['an unknown pair', { action: 'status', pair: 'order' }, 'pair', /"order"/, /did you mean "orders"\?/],
    [
      'a reason misspelt',
      { action: 'failover', force: ['spare-stal'] },
      'force.0',
      /"spare-stal"/,
      /did you mean "spare-stale"\?/,
    ],
    ['a reason alone', { action: 'failover', force: 'spare-stale' }, 'force', /"spare-stale"/, /give a list/],
    ['no writer', { action: 'adopt' }, 'writer', /missing/, /alice, bob/],
    [
      'a stranger as writer',
      { action: 'adopt', writer: 'alicia' },
      'writer',
      /"alicia"/,
      /did you mean "alice"\?/,
    ],
    [
      'a reason of another action',
      { action: 'adopt', writer: 'alice', force: ['cooldown'] },
      'force.0',
      /"cooldown"/,
      /adopt-other-unseen/,
    ],
    ['no server', { action: 'release' }, 'server', /missing/, /alice, bob/],
    ['a pause without end', { action: 'pause' }, 'until', /missing/, /untilMinutes/],
    [
      'a pause with two ends',
      { action: 'pause', untilMinutes: 5, until: 'resumed' },
      'until',
      /beside untilMinutes/,
      /give one of/,
    ],
    [
      'a pause of no length',
      { action: 'pause', untilMinutes: 0 },
      'untilMinutes',
      /0/,
      /whole number of minutes/,
    ],
    [
      'a pause without time zone',
      { action: 'pause', until: '2099-01-01T06:00' },
      'until',
      /2099/,
      /time zone/,
    ],
    [
      'a pause in the past',
      { action: 'pause', until: '2020-01-01T06:00:00Z' },
      'until',
      /2020/,
      /still to come/,
    ],
    [
      'a moment that there is not',
      { action: 'pause', until: '2099-02-31T99:00:00Z' },
      'until',
      /2099/,
      /still to come/,
    ],
  ])('%s', (_, event, path, value, mend) => expectWrong(event, path, value, mend))

  test('no pair, and there are two', () =>
    expectWrong({ action: 'status' }, 'pair', /missing/, /orders, users/, TWO))

  test('a password in the wrong place is not repeated', async () => {
    const answered = await sent({ action: 'status', password: 'hunter2' })
    expect(JSON.stringify(answered)).not.toContain('hunter2')
    expect(answered.situation).toBe('wrong-request')
  })
})
