/**
 * The lab's Route 53, asked by the real SDK client. What Hotspare's safety rests on is tested here: a batch is a
 * compare-and-swap, and everything that can go wrong on the way can be made to go wrong.
 */
import {
  type ChangeBatch,
  ChangeResourceRecordSetsCommand,
  type ChangeResourceRecordSetsCommandOutput,
  CreateHostedZoneCommand,
  GetChangeCommand,
  GetHostedZoneCommand,
  ListHostedZonesByNameCommand,
  ListResourceRecordSetsCommand,
  type ResourceRecordSet,
  Route53Client,
  type Route53ClientConfig,
} from '@aws-sdk/client-route-53'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type LabAws, startLabAws } from '../../lab/aws/lab-aws.ts'

const HostedZoneId = 'Z0EXAMPLE'
const writer = record('writer.orders.example.com', 'A', '127.0.1.1')
const ledger = record('_hotspare.writer.orders.example.com', 'TXT', '"v=1 rev=1"')

let lab: LabAws
let client: Route53Client

beforeEach(async () => {
  lab = await startLabAws()
  client = newClient()
})

afterEach(async () => {
  client.destroy()
  vi.unstubAllEnvs()
  await lab.close()
})

/** A client that learns everything from the environment, as the bundle does; it doesn't retry unless asked to. */
function newClient(options: Route53ClientConfig = {}): Route53Client {
  for (const [name, value] of Object.entries(lab.environment)) vi.stubEnv(name, value)
  return new Route53Client({ maxAttempts: 1, ...options })
}

function record(Name: string, Type: 'A' | 'AAAA' | 'CNAME' | 'TXT', ...values: string[]): ResourceRecordSet {
  return { Name, Type, TTL: 5, ResourceRecords: values.map((Value) => ({ Value })) }
}

function change(
  ...changes: [Action: 'CREATE' | 'DELETE' | 'UPSERT', ResourceRecordSet: ResourceRecordSet][]
) {
  const ChangeBatch: ChangeBatch = {
    Changes: changes.map(([Action, ResourceRecordSet]) => ({ Action, ResourceRecordSet })),
  }
  return client.send(new ChangeResourceRecordSetsCommand({ HostedZoneId, ChangeBatch }))
}

function swapLedger(from: string, to: string): Promise<ChangeResourceRecordSetsCommandOutput> {
  const name = ledger.Name ?? ''
  return change(['DELETE', record(name, 'TXT', from)], ['CREATE', record(name, 'TXT', to)])
}

function ledgerValues(): readonly string[] | undefined {
  return lab.zone.get(ledger.Name ?? '', 'TXT')?.values
}

describe('a change batch', () => {
  test('that is accepted changes the zone, and is logged with its comment', async () => {
    const batch = {
      Comment: 'pair <orders> & co',
      Changes: [{ Action: 'CREATE' as const, ResourceRecordSet: writer }],
    }
    const answer = await client.send(
      new ChangeResourceRecordSetsCommand({ HostedZoneId, ChangeBatch: batch }),
    )
    expect(answer.ChangeInfo).toMatchObject({ Status: 'PENDING', Comment: 'pair <orders> & co' })
    expect(answer.ChangeInfo?.Id).toMatch(/^\/change\/C/)
    expect(answer.ChangeInfo?.SubmittedAt).toBeInstanceOf(Date)
    expect(lab.zone.get('WRITER.orders.example.com.', 'A')).toEqual({
      name: 'writer.orders.example.com.',
      type: 'A',
      ttlSeconds: 5,
      values: ['127.0.1.1'],
    })
    expect(lab.route53.batches).toMatchObject([
      {
        zoneId: HostedZoneId,
        comment: 'pair <orders> & co',
        changes: [{ action: 'CREATE', values: ['127.0.1.1'] }],
      },
    ])
  })

  test('is all or nothing: one change that fails leaves the others undone', async () => {
    await change(['CREATE', writer], ['CREATE', ledger])
    const before = lab.zone.list()
    const failure = change(
      ['DELETE', ledger],
      ['CREATE', record('other.example.com', 'A', '127.0.1.9')],
      ['CREATE', writer],
    )
    await expect(failure).rejects.toMatchObject({
      name: 'InvalidChangeBatch',
      $metadata: { httpStatusCode: 400 },
      message:
        "[Tried to create resource record set [name='writer.orders.example.com.', type='A'] but it already exists]",
    })
    expect(lab.zone.list()).toEqual(before)
    expect(lab.route53.counts).toMatchObject({
      changeCalls: 2,
      batchesAccepted: 1,
      batchesRefused: 1,
      upserts: 0,
    })
    expect(lab.route53.batches).toHaveLength(1)
  })

  test('names every change that fails in one message', async () => {
    await change(['CREATE', writer])
    await expect(change(['CREATE', writer], ['DELETE', ledger])).rejects.toThrow(
      "[Tried to create resource record set [name='writer.orders.example.com.', type='A'] but it already exists, " +
        "Tried to delete resource record set [name='_hotspare.writer.orders.example.com.', type='TXT'] but it was not found]",
    )
  })

  test('DELETE old and CREATE new of one name is a compare-and-swap', async () => {
    await change(['CREATE', ledger])
    await swapLedger('"v=1 rev=1"', '"v=1 rev=2"')
    expect(ledgerValues()).toEqual(['"v=1 rev=2"'])
    await expect(swapLedger('"v=1 rev=1"', '"v=1 rev=3"')).rejects.toThrow('do not match the current values')
    expect(ledgerValues()).toEqual(['"v=1 rev=2"'])
  })

  test('of two competing swaps exactly one succeeds', async () => {
    await change(['CREATE', ledger])
    const swaps = ['"a"', '"b"', '"c"', '"d"'].map((to) => swapLedger('"v=1 rev=1"', to))
    const outcomes = await Promise.allSettled(swaps)
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  })

  test.each([
    ['another TTL', { ...writer, TTL: 6 }],
    ['another value', record('writer.orders.example.com', 'A', '127.0.1.2')],
    ['one value more', record('writer.orders.example.com', 'A', '127.0.1.1', '127.0.1.2')],
  ])('DELETE with %s is refused', async (_, stale) => {
    await change(['CREATE', writer])
    await expect(change(['DELETE', stale])).rejects.toMatchObject({
      name: 'InvalidChangeBatch',
      message:
        "[Tried to delete resource record set [name='writer.orders.example.com.', type='A'] " +
        'but the values provided do not match the current values]',
    })
    expect(lab.zone.get('writer.orders.example.com', 'A')?.values).toEqual(['127.0.1.1'])
  })

  test('DELETE takes the values in any order and the name in any case', async () => {
    await change(['CREATE', record('two.example.com', 'A', '127.0.1.1', '127.0.1.2')])
    await change(['DELETE', record('TWO.example.com.', 'A', '127.0.1.2', '127.0.1.1')])
    expect(lab.zone.get('two.example.com', 'A')).toBeUndefined()
  })

  test('UPSERT works, and is counted', async () => {
    await change(['UPSERT', writer])
    await change(['UPSERT', record('writer.orders.example.com', 'A', '127.0.1.2')])
    expect(lab.zone.get('writer.orders.example.com', 'A')?.values).toEqual(['127.0.1.2'])
    expect(lab.route53.counts.upserts).toBe(2)
  })

  test('a zone edited between the read and the change refuses it', async () => {
    await change(['CREATE', ledger])
    lab.route53.faults.beforeChange = ({ zone }) =>
      zone.set({ name: ledger.Name ?? '', type: 'TXT', ttlSeconds: 5, values: ['"someone else"'] })
    await expect(swapLedger('"v=1 rev=1"', '"v=1 rev=2"')).rejects.toThrow('do not match the current values')
    expect(ledgerValues()).toEqual(['"someone else"'])
  })

  test('to an unknown zone is NoSuchHostedZone', async () => {
    const ChangeBatch = { Changes: [{ Action: 'CREATE' as const, ResourceRecordSet: writer }] }
    const failure = client.send(new ChangeResourceRecordSetsCommand({ HostedZoneId: 'Z0NONE', ChangeBatch }))
    await expect(failure).rejects.toMatchObject({
      name: 'NoSuchHostedZone',
      $metadata: { httpStatusCode: 404 },
    })
  })
})

describe('what a record may hold', () => {
  const longest = `"${'x'.repeat(255)}"`

  test.each([
    ['several strings', '"one" "two  words"'],
    ['a string of 255 characters', longest],
    ['many strings, up to 4000 characters', Array(15).fill(longest).join(' ')],
    ['characters that XML and DNS escape', `"<&>" "\\"\\\\ \\303\\244'"`],
    [
      'thousands of characters that XML escapes',
      Array(15)
        .fill(`"${'&'.repeat(255)}"`)
        .join(' '),
    ],
    ['an empty string', '""'],
  ])('TXT: %s', async (_, value) => {
    await change(['CREATE', record('t.example.com', 'TXT', value)])
    const list = await client.send(
      new ListResourceRecordSetsCommand({ HostedZoneId, StartRecordName: 't.example.com', MaxItems: 1 }),
    )
    expect(list.ResourceRecordSets?.[0]?.ResourceRecords).toEqual([{ Value: value }])
  })

  test.each([
    [
      'an unquoted TXT value',
      record('t.example.com', 'TXT', 'bare'),
      'should be enclosed in quotation marks',
    ],
    ['TXT strings without space between', record('t.example.com', 'TXT', '"a""b"'), 'quotation marks'],
    [
      'a TXT string of 256 characters',
      record('t.example.com', 'TXT', `"${'x'.repeat(256)}"`),
      'CharacterStringTooLong',
    ],
    ['a TXT value over 4000', record('t.example.com', 'TXT', Array(16).fill(longest).join(' ')), '4000'],
    ['a wrong IPv4 address', record('t.example.com', 'A', '10.0.0.256'), 'not a valid IPv4 address'],
    ['a wrong IPv6 address', record('t.example.com', 'AAAA', '10.0.0.1'), 'not a valid IPv6 address'],
    ['a value twice', record('t.example.com', 'A', '10.0.0.1', '10.0.0.1'), 'Duplicate Resource Record'],
    [
      'a name outside the zone',
      record('t.example.org', 'A', '10.0.0.1'),
      'not permitted in zone example.com.',
    ],
    [
      'a label of 64 characters',
      record(`${'x'.repeat(64)}.example.com`, 'A', '10.0.0.1'),
      'DomainLabelTooLong',
    ],
    ['an alias at the apex', record('example.com', 'CNAME', 'a.example.org'), 'not permitted at apex'],
    [
      'an alias beside an address',
      record('used.example.com', 'CNAME', 'a.example.org'),
      'conflicting RRSet of type A',
    ],
  ])('%s is an InvalidChangeBatch', async (_, wrong, message) => {
    lab.zone.set({ name: 'used.example.com', type: 'A', ttlSeconds: 5, values: ['10.0.0.1'] })
    const failure = change(['CREATE', wrong])
    await expect(failure).rejects.toMatchObject({
      name: 'InvalidChangeBatch',
      message: expect.stringContaining(message),
    })
  })

  test('a record without a TTL is InvalidInput', async () => {
    const { TTL: _, ...withoutTtl } = writer
    await expect(change(['CREATE', withoutTtl])).rejects.toMatchObject({ name: 'InvalidInput' })
  })
})

describe('lists', () => {
  test('are sorted by reversed labels, then type, and paged', async () => {
    for (const name of ['b.example.com', 'a.b.example.com', 'a.example.com', 'c.example.com']) {
      lab.zone.set({ name, type: 'TXT', ttlSeconds: 5, values: ['"x"'] })
    }
    lab.zone.set({ name: 'b.example.com', type: 'A', ttlSeconds: 5, values: ['10.0.0.1'] })
    const names: string[] = []
    let page = await client.send(new ListResourceRecordSetsCommand({ HostedZoneId, MaxItems: 2 }))
    for (;;) {
      expect(page.MaxItems).toBe(2)
      names.push(...(page.ResourceRecordSets ?? []).map(({ Name, Type }) => `${Name} ${Type}`))
      if (page.IsTruncated !== true) break
      const { NextRecordName: StartRecordName, NextRecordType: StartRecordType } = page
      const next = { HostedZoneId, MaxItems: 2, StartRecordName, StartRecordType }
      page = await client.send(new ListResourceRecordSetsCommand(next))
    }
    expect(names).toEqual([
      'example.com. NS',
      'example.com. SOA',
      'a.example.com. TXT',
      'b.example.com. A',
      'b.example.com. TXT',
      'a.b.example.com. TXT',
      'c.example.com. TXT',
    ])
    expect(lab.route53.counts.listCalls).toBe(4)
  })

  test('start where they are told, even where no record is', async () => {
    lab.zone.set({ name: 'c.example.com', type: 'A', ttlSeconds: 5, values: ['10.0.0.1'] })
    const start = { HostedZoneId, StartRecordName: 'b.example.com' }
    const page = await client.send(new ListResourceRecordSetsCommand(start))
    expect(page.ResourceRecordSets?.map(({ Name }) => Name)).toEqual(['c.example.com.'])
    const after = await client.send(
      new ListResourceRecordSetsCommand({ ...start, StartRecordName: 'd.example.com' }),
    )
    expect(after.ResourceRecordSets).toEqual([])
    expect(after.IsTruncated).toBe(false)
  })

  test('of zones know what was created', async () => {
    const created = await client.send(
      new CreateHostedZoneCommand({ Name: 'example.net', CallerReference: 'once' }),
    )
    expect(created.DelegationSet?.NameServers).toHaveLength(1)
    const Id = created.HostedZone?.Id ?? ''
    expect((await client.send(new GetHostedZoneCommand({ Id }))).HostedZone?.Name).toBe('example.net.')
    const zones = await client.send(new ListHostedZonesByNameCommand({ DNSName: 'example.net' }))
    expect(zones.HostedZones?.map((zone) => zone.Id)).toEqual([Id])
    const all = await client.send(new ListHostedZonesByNameCommand({}))
    expect(all.HostedZones?.map(({ Name }) => Name)).toEqual(['example.com.', 'example.net.'])
  })
})

describe('GetChange', () => {
  async function statusOf(Id: string | undefined): Promise<string | undefined> {
    return (await client.send(new GetChangeCommand({ Id }))).ChangeInfo?.Status
  }

  test('is INSYNC once the propagation time has passed', async () => {
    lab.route53.insyncAfterMs = 150
    const startedAtMs = performance.now()
    const { ChangeInfo } = await change(['CREATE', writer])
    await vi.waitFor(async () => expect(await statusOf(ChangeInfo?.Id)).toBe('INSYNC'), {
      timeout: 5000,
      interval: 10,
    })
    expect(performance.now() - startedAtMs).toBeGreaterThanOrEqual(150)
  })

  test('stays PENDING for as long as a test likes', async () => {
    lab.route53.insyncAfterMs = Number.POSITIVE_INFINITY
    const { ChangeInfo } = await change(['CREATE', writer])
    lab.route53.insyncAfterMs = 0
    const { ChangeInfo: later } = await change(['CREATE', ledger])
    // A batch never overtakes an earlier one.
    expect([await statusOf(ChangeInfo?.Id), await statusOf(later?.Id)]).toEqual(['PENDING', 'PENDING'])
    expect(lab.route53.counts.getChangeCalls).toBe(2)
    lab.zone.publishNow()
    expect([await statusOf(ChangeInfo?.Id), await statusOf(later?.Id)]).toEqual(['INSYNC', 'INSYNC'])
  })

  test('of an unknown change is NoSuchChange', async () => {
    await expect(statusOf('C0NONE')).rejects.toMatchObject({ name: 'NoSuchChange' })
  })
})

describe('faults', () => {
  test('a lost response: the change is applied, the client sees a broken connection', async () => {
    await change(['CREATE', ledger])
    lab.route53.faults.loseNextResponses(1)
    await expect(swapLedger('"v=1 rev=1"', '"v=1 rev=2"')).rejects.toMatchObject({ code: 'ECONNRESET' })
    expect(ledgerValues()).toEqual(['"v=1 rev=2"'])
    // The next one is answered again.
    await swapLedger('"v=1 rev=2"', '"v=1 rev=3"')
  })

  test("a lost response and the SDK's own retry: the swap succeeded and is reported as refused", async () => {
    await change(['CREATE', ledger])
    client.destroy()
    client = newClient({ maxAttempts: 3 })
    lab.route53.faults.loseNextResponses(1)
    await expect(swapLedger('"v=1 rev=1"', '"v=1 rev=2"')).rejects.toMatchObject({
      name: 'InvalidChangeBatch',
    })
    expect(ledgerValues()).toEqual(['"v=1 rev=2"'])
  })

  test('a response that hangs: the change is applied, the client waits in vain', async () => {
    lab.route53.faults.hangNextResponses(1)
    client.destroy()
    client = newClient({ requestHandler: { requestTimeout: 150, throwOnRequestTimeout: true } })
    await expect(change(['CREATE', writer])).rejects.toMatchObject({ name: 'TimeoutError' })
    expect(lab.zone.get('writer.orders.example.com', 'A')).toBeDefined()
  })

  test('a change that is still under way when its client gives up lands later', async () => {
    const gate = Promise.withResolvers<void>()
    const arrived = Promise.withResolvers<void>()
    lab.route53.faults.beforeChange = () => {
      arrived.resolve()
      return gate.promise
    }
    const giveUp = new AbortController()
    const ChangeBatch = { Changes: [{ Action: 'CREATE' as const, ResourceRecordSet: writer }] }
    const command = new ChangeResourceRecordSetsCommand({ HostedZoneId, ChangeBatch })
    const given = expect(client.send(command, { abortSignal: giveUp.signal })).rejects.toThrow()
    await arrived.promise
    giveUp.abort()
    await given
    expect(lab.zone.get('writer.orders.example.com', 'A')).toBeUndefined()
    gate.resolve()
    await vi.waitFor(() => expect(lab.zone.get('writer.orders.example.com', 'A')).toBeDefined(), {
      timeout: 5000,
    })
  })

  test('throttling and a prior request are errors that the SDK retries', async () => {
    lab.route53.faults.throttleNext(1)
    await expect(change(['CREATE', writer])).rejects.toMatchObject({
      name: 'Throttling',
      message: 'Rate exceeded',
    })
    lab.route53.faults.priorRequestNotCompleteNext(1)
    await expect(change(['CREATE', writer])).rejects.toMatchObject({ name: 'PriorRequestNotComplete' })
    client.destroy()
    client = newClient({ maxAttempts: 3 })
    lab.route53.faults.throttleNext(1)
    lab.route53.faults.priorRequestNotCompleteNext(1)
    await change(['CREATE', writer])
    expect(lab.route53.counts).toMatchObject({ changeCalls: 5, batchesAccepted: 1 })
  })

  test('an action is denied as IAM would', async () => {
    lab.route53.faults.deny('ListResourceRecordSets')
    await expect(client.send(new ListResourceRecordSetsCommand({ HostedZoneId }))).rejects.toMatchObject({
      name: 'AccessDenied',
      $metadata: { httpStatusCode: 403 },
      message: expect.stringMatching(
        /is not authorized to perform: route53:ListResourceRecordSets on resource: arn:aws:route53:::hostedzone\/Z0EXAMPLE because/,
      ),
    })
    await change(['CREATE', writer])
  })

  test('a rule may look at the changes, as a condition on record names does', async () => {
    lab.route53.faults.deny(({ changes }) => changes.some(({ name }) => !name.startsWith('_hotspare.')))
    await change(['CREATE', ledger])
    await expect(change(['CREATE', writer])).rejects.toMatchObject({ name: 'AccessDenied' })
    lab.route53.faults.clear()
    await change(['CREATE', writer])
  })

  test('an outage refuses connections, or hangs, and ends when told', async () => {
    lab.route53.faults.outage = 'refuse'
    await expect(change(['CREATE', writer])).rejects.toMatchObject({ code: 'ECONNRESET' })
    lab.route53.faults.outage = 'hang'
    const hanging = client.send(new ListResourceRecordSetsCommand({ HostedZoneId }), {
      abortSignal: AbortSignal.timeout(150),
    })
    await expect(hanging).rejects.toMatchObject({ name: 'AbortError' })
    expect(lab.route53.counts.listCalls).toBe(1)
    lab.route53.faults.outage = 'none'
    await change(['CREATE', writer])
    expect(lab.route53.batches).toHaveLength(1)
  })

  test('latency delays every call', async () => {
    lab.route53.faults.latencyMs = 100
    const startedAtMs = performance.now()
    await client.send(new ListResourceRecordSetsCommand({ HostedZoneId }))
    expect(performance.now() - startedAtMs).toBeGreaterThanOrEqual(99)
  })

  test('closing ends at once, with a call hanging and another waiting', async () => {
    const own = await startLabAws()
    const endpoint = own.environment.AWS_ENDPOINT_URL_ROUTE_53
    const ownClient = new Route53Client({ maxAttempts: 1, endpoint })
    own.route53.faults.outage = 'hang'
    const hanging = ownClient.send(new ListResourceRecordSetsCommand({ HostedZoneId }))
    const hung = expect(hanging).rejects.toThrow()
    await vi.waitFor(() => expect(own.route53.counts.listCalls).toBe(1), { timeout: 5000 })
    own.route53.faults.latencyMs = 60_000
    const waiting = expect(
      ownClient.send(new ListResourceRecordSetsCommand({ HostedZoneId })),
    ).rejects.toThrow()
    await vi.waitFor(() => expect(own.route53.counts.listCalls).toBe(2), { timeout: 5000 })
    const startedAtMs = performance.now()
    await own.close()
    expect(performance.now() - startedAtMs).toBeLessThan(1000)
    await Promise.all([hung, waiting])
    ownClient.destroy()
  })
})
