/** The Route 53 directory, with the real SDK against the lab's Route 53 and name server. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type LabAws, startLabAws } from '../../lab/aws/lab-aws.ts'
import type { RecordType } from '../../lab/aws/record-value.ts'
import type { Directory } from '../../lambda/adapters/directory.ts'
import { createRoute53Directory } from '../../lambda/adapters/route53.ts'
import { ledgerSetOf, writerRecordOf } from '../../lambda/adapters/route53-records.ts'
import { plainName, quoteText, unquoteText } from '../../lambda/adapters/txt-strings.ts'
import type { SwapStep } from '../../lambda/core/step.ts'
import type { WriterRecord } from '../../lambda/core/world.ts'
import { type DirectoryContent, directoryContract } from './directory-contract.ts'

const writerName = 'writer.orders.example.com'
const ledgerName = `_hotspare.${writerName}`
const plentyMs = 5_000
const alice: WriterRecord = { type: 'A', ttlSeconds: 5, values: ['10.0.1.10'], foreign: false }
const bob: WriterRecord = { type: 'A', ttlSeconds: 5, values: ['10.0.2.10'], foreign: false }
const first: DirectoryContent = { ledger: 'r=1', record: alice }
const second = { ledger: 'r=2', record: bob }

function open(recordType: 'A' | 'AAAA' | 'CNAME' = 'A'): Directory {
  return createRoute53Directory({
    hostedZoneId: 'Z0EXAMPLE',
    writerName,
    recordType,
    monotonicNow: () => performance.now(),
  })
}

function step(from: DirectoryContent, to: SwapStep['to'], deadlineMs = plentyMs): SwapStep {
  return { kind: 'swap', purpose: 'claim', from, to, deadlineMs }
}

async function startLab(): Promise<LabAws> {
  const lab = await startLabAws()
  for (const [name, value] of Object.entries(lab.environment)) vi.stubEnv(name, value)
  return lab
}

function put(lab: LabAws, { ledger, record }: DirectoryContent): void {
  if (ledger !== null) lab.zone.set(txt(quoteText(ledger)))
  if (record === null) return
  const { type, ttlSeconds, values } = record
  lab.zone.set({ name: writerName, type: type as RecordType, ttlSeconds, values })
}

function txt(value: string, ttlSeconds = 60) {
  return { name: ledgerName, type: 'TXT' as const, ttlSeconds, values: [value] }
}

directoryContract('Route 53', async () => {
  const lab = await startLab()
  const directory = open()
  const rival = open()
  return {
    directory,
    rival,
    current() {
      const value = lab.zone.get(ledgerName, 'TXT')?.values[0]
      const record = lab.zone.get(writerName, 'A')
      return {
        ledger: value === undefined ? null : unquoteText(value),
        record:
          record === undefined
            ? null
            : { type: 'A', ttlSeconds: record.ttlSeconds, values: record.values, foreign: false },
      }
    },
    put: (content) => put(lab, content),
    loseNextResponse: () => lab.route53.faults.loseNextResponses(1),
    cutOff: () => {
      lab.route53.faults.outage = 'hang'
    },
    deny: (what) =>
      lab.route53.faults.deny(what === 'read' ? 'ListResourceRecordSets' : 'ChangeResourceRecordSets'),
    recover: () => lab.route53.faults.clear(),
    async close() {
      directory.close()
      rival.close()
      vi.unstubAllEnvs()
      await lab.close()
    },
  }
})

describe('Route 53 in particular', () => {
  let lab: LabAws
  let directory: Directory
  beforeEach(async () => {
    lab = await startLab()
    directory = open()
  })
  afterEach(async () => {
    directory.close()
    vi.unstubAllEnvs()
    await lab.close()
  })

  test('one List reads both records, past other types and children of the name', async () => {
    put(lab, first)
    lab.zone.set({ name: writerName, type: 'TXT', ttlSeconds: 60, values: ['"not ours"'] })
    for (let child = 0; child < 10; child += 1) {
      lab.zone.set({ name: `${child}.${writerName}`, type: 'A', ttlSeconds: 60, values: ['10.9.9.9'] })
    }
    expect(await directory.read(plentyMs)).toMatchObject(first)
    expect(lab.route53.counts.listCalls).toBe(1)
  })

  test('a ledger behind more children than a page holds is asked for by name', async () => {
    put(lab, first)
    for (let child = 0; child < 60; child += 1) {
      lab.zone.set({ name: `${child}.${writerName}`, type: 'A', ttlSeconds: 60, values: ['10.9.9.9'] })
    }
    expect(await directory.read(plentyMs)).toMatchObject(first)
    expect(lab.route53.counts.listCalls).toBe(2)
  })

  test('a zone full of other names behind the writer costs one List', async () => {
    put(lab, { ledger: null, record: alice })
    for (let other = 0; other < 60; other += 1) {
      lab.zone.set({
        name: `z${other}.orders.example.com`,
        type: 'A',
        ttlSeconds: 60,
        values: ['10.9.9.9'],
      })
    }
    expect(await directory.read(plentyMs)).toMatchObject({ ledger: null, record: alice })
    expect(lab.route53.counts.listCalls).toBe(1)
  })

  test('a swap is one batch of DELETE and CREATE, and never an UPSERT', async () => {
    put(lab, first)
    await directory.swap(step(first, { ledger: 'r=2', record: alice }))
    const batch = lab.route53.batches[0]
    expect(batch?.changes.map(({ action, type }) => `${action} ${type}`)).toEqual([
      'DELETE TXT',
      'CREATE TXT',
      'DELETE A',
      'CREATE A',
    ])
    expect(batch?.comment).toBe('hotspare claim')
    expect(lab.route53.counts).toMatchObject({ changeCalls: 1, upserts: 0 })
  })

  test('a ledger that somebody else split and escaped is deleted exactly as it stands', async () => {
    lab.zone.set(txt(String.raw`"r=" "1 \167riter" "=\"a\""`, 77))
    put(lab, { ledger: null, record: alice })
    const view = await directory.read(plentyMs)
    expect(view).toMatchObject({ ledger: 'r=1 writer="a"' })
    const result = await directory.swap(step({ ledger: 'r=1 writer="a"', record: alice }, second))
    expect(result.outcome).toBe('done')
    expect(lab.zone.get(ledgerName, 'TXT')).toMatchObject({ ttlSeconds: 60, values: ['"r=2"'] })
  })

  test('a throttled change is sent again, since it was certainly not applied', async () => {
    put(lab, first)
    lab.route53.faults.throttleNext(2)
    expect(await directory.swap(step(first, second))).toMatchObject({ outcome: 'done' })
    expect(lab.route53.counts.changeCalls).toBe(3)
  })

  test('a change is sent again while Route 53 is busy with an earlier one', async () => {
    put(lab, first)
    lab.route53.faults.priorRequestNotCompleteNext(1)
    expect(await directory.swap(step(first, second))).toMatchObject({ outcome: 'done' })
  })

  test('throttled to the end: refused, nothing changed, and the message says why', async () => {
    put(lab, first)
    lab.route53.faults.throttleNext(1_000)
    const result = await directory.swap(step(first, second, 400))
    expect(result).toMatchObject({ outcome: 'refused', message: expect.stringContaining('limit') })
    expect(await directory.read(400)).toMatchObject({ state: 'unreadable', kind: 'throttled' })
    expect(lab.zone.get(writerName, 'A')?.values).toEqual(alice.values)
  })

  test('a change whose answer was lost is never sent again: a refusal is never the echo of our own success', async () => {
    put(lab, first)
    lab.route53.faults.loseNextResponses(1)
    expect(await directory.swap(step(first, second))).toMatchObject({ outcome: 'unknown' })
    expect(lab.route53.counts).toMatchObject({ changeCalls: 1, batchesAccepted: 1, batchesRefused: 0 })
  })

  test('a refusal comes at once, after one call', async () => {
    put(lab, first)
    const result = await directory.swap(step({ ledger: 'r=0', record: alice }, second))
    expect(result.message).toContain('InvalidChangeBatch')
    expect(result.message).toContain('do not match the current values')
    expect(lab.route53.counts.changeCalls).toBe(1)
  })

  test('a swap that arrives after its deadline shows later, though it was unknown', async () => {
    put(lab, first)
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    lab.route53.faults.beforeChange = () => held
    expect(await directory.swap(step(first, second, 200))).toMatchObject({ outcome: 'unknown' })
    expect(await directory.read(plentyMs)).toMatchObject(first)
    release()
    await expect.poll(() => directory.read(plentyMs), { timeout: plentyMs }).toMatchObject(second)
  })

  test('a connection that breaks makes a read unreadable and a swap unknown', async () => {
    lab.route53.faults.outage = 'refuse'
    expect(await directory.read(plentyMs)).toMatchObject({ state: 'unreadable', kind: 'error' })
    expect(await directory.swap(step(first, second))).toMatchObject({ outcome: 'unknown' })
  })

  test('a zone that does not exist is an error in words', async () => {
    const lost = createRoute53Directory({
      hostedZoneId: 'ZNONE',
      writerName,
      recordType: 'A',
      monotonicNow: () => performance.now(),
    })
    expect(await lost.read(plentyMs)).toMatchObject({
      kind: 'error',
      message: expect.stringContaining('ZNONE'),
    })
    expect(await lost.swap(step(first, second))).toMatchObject({ outcome: 'refused' })
    lost.close()
  })

  test('a denial names the right that is missing', async () => {
    lab.route53.faults.deny('ChangeResourceRecordSets')
    const result = await directory.swap(step(first, second))
    expect(result.message).toContain('route53:ChangeResourceRecordSets')
    expect(result.message).toContain('Z0EXAMPLE')
  })

  test('T23: credentials that can not be had do not hold us up', async () => {
    // The credentials' address accepts connections and never answers.
    const mute = createServer(() => {})
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve))
    const { port } = mute.address() as AddressInfo
    vi.stubEnv('AWS_ACCESS_KEY_ID', undefined)
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', undefined)
    vi.stubEnv('AWS_CONTAINER_CREDENTIALS_FULL_URI', `http://127.0.0.1:${port}/`)
    const stuck = open()
    const started = performance.now()
    expect(await stuck.read(300)).toMatchObject({ state: 'unreadable', kind: 'timeout' })
    expect(performance.now() - started).toBeLessThan(700)
    stuck.close()
    mute.closeAllConnections()
    await new Promise((resolve) => mute.close(resolve))
  })

  test('a change is pending, then in sync; the name follows', async () => {
    put(lab, first)
    lab.route53.insyncAfterMs = Number.POSITIVE_INFINITY
    const { changeId } = await directory.swap(step(first, second))
    expect(changeId).not.toContain('/')
    expect(await directory.insync(String(changeId), plentyMs)).toBe(false)
    expect(await directory.resolve(plentyMs)).toEqual(alice.values)
    lab.zone.publishNow()
    expect(await directory.insync(String(changeId), plentyMs)).toBe(true)
    expect(await directory.resolve(plentyMs)).toEqual(bob.values)
    expect(await directory.insync('CNOSUCH', plentyMs)).toBeNull()
  })

  test('resolves AAAA and CNAME, and gives null where there is nothing', async () => {
    expect(await directory.resolve(plentyMs)).toBeNull()
    lab.zone.set({ name: writerName, type: 'AAAA', ttlSeconds: 5, values: ['2001:db8::1'] })
    const six = open('AAAA')
    expect(await six.resolve(plentyMs)).toEqual(['2001:db8::1'])
    lab.zone.remove(writerName, 'AAAA')
    lab.zone.set({ name: writerName, type: 'CNAME', ttlSeconds: 5, values: ['db1.example.com'] })
    const alias = open('CNAME')
    expect(await alias.resolve(plentyMs)).toEqual(['db1.example.com'])
    expect(await alias.read(plentyMs)).toMatchObject({
      record: { type: 'CNAME', values: ['db1.example.com'], foreign: false },
    })
    six.close()
    alias.close()
  })

  test('T23: a silent name server costs no more than the deadline', async () => {
    put(lab, first)
    lab.nameServer.silent = true
    const started = performance.now()
    expect(await directory.resolve(250)).toBeNull()
    expect(performance.now() - started).toBeLessThan(650)
    lab.nameServer.silent = false
    expect(await directory.resolve(plentyMs)).toEqual(alice.values)
  })
})

describe('answers that are no clear yes or no', () => {
  const okay = '<ChangeResourceRecordSetsResponse><ChangeInfo><Id>/change/C1</Id>'
  const errorOf = (code: string) =>
    `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>text</Message></Error></ErrorResponse>`
  let status = 200
  let body = ''
  let requests = 0
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      requests += 1
      response.writeHead(status, { 'content-type': 'text/xml' }).end(body)
    })
  })
  let directory: Directory
  beforeEach(async () => {
    requests = 0
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    vi.stubEnv('AWS_ENDPOINT_URL_ROUTE_53', `http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'lab')
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'lab')
    directory = open()
  })
  afterEach(async () => {
    directory.close()
    vi.unstubAllEnvs()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })

  test.each([
    ['half an answer', 200, okay, 'unknown'],
    ['a fault of the service', 500, errorOf('InternalFailure'), 'unknown'],
    ['an overloaded service', 503, errorOf('ServiceUnavailable'), 'unknown'],
    ['a gateway that gave up', 504, '<html>Gateway time-out</html>', 'unknown'],
    ['a proxy that says no', 403, '<html>Forbidden</html>', 'unknown'],
    ['an empty refusal', 400, '', 'unknown'],
    ['a service that gave up waiting for the request', 408, errorOf('RequestTimeout'), 'unknown'],
    ['credentials that have ended', 403, errorOf('ExpiredToken'), 'refused'],
    ['a malformed request', 400, errorOf('InvalidInput'), 'refused'],
    ['a refused batch', 400, errorOf('InvalidChangeBatch'), 'refused'],
  ])('%s', async (_, answered, text, outcome) => {
    status = answered
    body = text
    expect(await directory.swap(step(first, second))).toMatchObject({ outcome, changeId: null })
    expect(requests).toBe(1)
  })

  test('a read is sent three times at most when its answers are lost', async () => {
    status = 500
    body = errorOf('InternalFailure')
    expect(await directory.read(plentyMs)).toMatchObject({ state: 'unreadable', kind: 'error' })
    expect(requests).toBe(3)
  })

  test('an alias and a routing policy are foreign, read from the XML itself', async () => {
    const list = (sets: string) =>
      `<ListResourceRecordSetsResponse><ResourceRecordSets>${sets}</ResourceRecordSets><IsTruncated>false</IsTruncated><MaxItems>20</MaxItems></ListResourceRecordSetsResponse>`
    status = 200
    body = list(
      `<ResourceRecordSet><Name>${writerName}.</Name><Type>A</Type><AliasTarget><HostedZoneId>Z1</HostedZoneId><DNSName>lb.example.com.</DNSName><EvaluateTargetHealth>false</EvaluateTargetHealth></AliasTarget></ResourceRecordSet>`,
    )
    expect(await directory.read(plentyMs)).toMatchObject({
      record: { values: ['lb.example.com.'], foreign: true },
    })
    body = list(
      `<ResourceRecordSet><Name>${writerName}.</Name><Type>A</Type><SetIdentifier>one</SetIdentifier><Weight>1</Weight><TTL>5</TTL><ResourceRecords><ResourceRecord><Value>10.0.1.10</Value></ResourceRecord></ResourceRecords></ResourceRecordSet>`,
    )
    expect(await directory.read(plentyMs)).toMatchObject({ record: { ...alice, foreign: true } })
  })
})

describe('what record sets mean', () => {
  const plain = {
    Name: `${writerName}.`,
    Type: 'A' as const,
    TTL: 5,
    ResourceRecords: [{ Value: '10.0.1.10' }],
  }

  test('a plain record is ours', () => {
    expect(writerRecordOf([plain], 'A')).toEqual(alice)
  })

  test('other types beside it, like TXT and MX, are nobody else', () => {
    expect(writerRecordOf([plain, { Name: plain.Name, Type: 'MX', TTL: 60 }], 'A')).toEqual(alice)
    expect(writerRecordOf([{ Name: plain.Name, Type: 'MX', TTL: 60 }], 'A')).toBeNull()
  })

  test.each([
    ['weighted', [{ ...plain, SetIdentifier: 'one', Weight: 1 }]],
    ['several under one name', [plain, { ...plain, SetIdentifier: 'two', Weight: 1 }]],
    ['health-checked', [{ ...plain, HealthCheckId: 'h' }]],
    ['of a traffic policy', [{ ...plain, TrafficPolicyInstanceId: 't' }]],
    ['beside an AAAA', [plain, { ...plain, Type: 'AAAA' as const }]],
    ['a CNAME', [{ ...plain, Type: 'CNAME' as const }]],
    ['delegated', [plain, { ...plain, Type: 'NS' as const }]],
  ])('foreign: %s', (_, sets) => {
    expect(writerRecordOf(sets, 'A')).toMatchObject({ foreign: true })
  })

  test('the name server record of the zone itself is no delegation', () => {
    const apex = [plain, { ...plain, Type: 'NS' as const }, { ...plain, Type: 'SOA' as const }]
    expect(writerRecordOf(apex, 'A')).toEqual(alice)
  })

  test('an alias is shown with its target', () => {
    const AliasTarget = { DNSName: 'lb.example.com.', HostedZoneId: 'Z1', EvaluateTargetHealth: false }
    const alias = { Name: plain.Name, Type: 'A' as const, AliasTarget }
    const shown = { type: 'A', ttlSeconds: 0, values: ['lb.example.com.'], foreign: true }
    expect(writerRecordOf([alias], 'A')).toEqual(shown)
  })

  test('a TXT record with a policy or several values is no ledger', () => {
    const ledger = { Name: ledgerName, Type: 'TXT' as const, TTL: 60, ResourceRecords: [{ Value: '"r=1"' }] }
    expect(ledgerSetOf([ledger])).toBe(ledger)
    expect(ledgerSetOf([{ ...ledger, SetIdentifier: 'x' }])).toMatch('routing policy')
    expect(ledgerSetOf([{ ...ledger, ResourceRecords: [{ Value: '"a"' }, { Value: '"b"' }] }])).toMatch(
      '2 values',
    )
  })
})

describe('the text form', () => {
  test('strings of at most 255 bytes, counted before escaping', () => {
    expect(quoteText('x'.repeat(256))).toBe(`"${'x'.repeat(255)}" "x"`)
    expect(quoteText('')).toBe('""')
    expect(quoteText('a"b\\c\n')).toBe(String.raw`"a\"b\134c\012"`)
  })

  test('what is quoted comes back, letters of several bytes included', () => {
    const text = `äöü "€" \\ ${'é'.repeat(300)} 🐬 \\101`
    expect(unquoteText(quoteText(text))).toBe(text)
  })

  test('names are compared unescaped, in lower case and without the last dot', () => {
    expect(plainName(String.raw`\052.Writer.Example.com.`)).toBe('*.writer.example.com')
    expect(plainName(String.raw`\137hotspare.writer.example.com.`)).toBe('_hotspare.writer.example.com')
  })
})
