/** The lab's name server, asked by Node's own resolver and by raw DNS messages, while the SDK's client changes the zone. */
import { createSocket } from 'node:dgram'
import { Resolver } from 'node:dns/promises'
import { once } from 'node:events'
import { connect } from 'node:net'
import { ChangeResourceRecordSetsCommand, Route53Client } from '@aws-sdk/client-route-53'
import { decode, encode, type Packet, RECURSION_DESIRED, streamDecode, streamEncode } from 'dns-packet'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type LabAws, startLabAws } from '../../lab/aws/lab-aws.ts'
import type { RecordType } from '../../lab/aws/record-value.ts'

let lab: LabAws
let resolver: Resolver

beforeEach(async () => {
  lab = await startLabAws()
  resolver = new Resolver({ timeout: 2000, tries: 1 })
  resolver.setServers([lab.environment.HOTSPARE_NAME_SERVER])
})

afterEach(async () => {
  resolver.cancel()
  await lab.close()
})

function put(name: string, type: RecordType, ...values: string[]): void {
  lab.zone.set({ name, type, ttlSeconds: 5, values })
}

function question(name: string, type: RecordType): Packet {
  return { type: 'query', id: 4711, flags: RECURSION_DESIRED, questions: [{ name, type }] }
}

/** One message over UDP, as a client without any cleverness sends it. */
async function askByUdp(message: Buffer) {
  const socket = createSocket('udp4')
  try {
    socket.send(message, lab.nameServer.port, '127.0.0.1')
    const [answer] = (await once(socket, 'message', { signal: AbortSignal.timeout(5000) })) as [Buffer]
    return decode(answer)
  } finally {
    socket.close()
  }
}

/** The low four bits of the flags. */
function responseCode(packet: Packet): number {
  return (packet.flags ?? 0) & 15
}

describe('answers', () => {
  test('every type that the zone holds', async () => {
    put('two.example.com', 'A', '127.0.1.1', '127.0.1.2')
    put('six.example.com', 'AAAA', '::1')
    put('alias.example.com', 'CNAME', 'two.example.com')
    put('text.example.com', 'TXT', '"one" "t\\167o" "q\\"uote"')
    expect((await resolver.resolve4('two.example.com', { ttl: true })).sort(byAddress)).toEqual([
      { address: '127.0.1.1', ttl: 5 },
      { address: '127.0.1.2', ttl: 5 },
    ])
    expect(await resolver.resolve6('six.example.com')).toEqual(['::1'])
    expect(await resolver.resolveCname('alias.example.com')).toEqual(['two.example.com'])
    expect(await resolver.resolveTxt('text.example.com')).toEqual([['one', 'two', 'q"uote']])
    expect((await resolver.resolveSoa('example.com')).nsname).toBe('ns-1.lab.invalid')
    expect(await resolver.resolveNs('example.com')).toEqual(['ns-1.lab.invalid'])
  })

  test('an alias is followed inside the zone', async () => {
    put('alias.example.com', 'CNAME', 'two.example.com')
    put('two.example.com', 'A', '127.0.1.1')
    expect(await resolver.resolve4('alias.example.com')).toEqual(['127.0.1.1'])
  })

  test('a loop of aliases ends', async () => {
    put('a.example.com', 'CNAME', 'b.example.com')
    put('b.example.com', 'CNAME', 'a.example.com')
    expect((await askByUdp(encode(question('a.example.com', 'A')))).answers?.length).toBeGreaterThan(0)
  })

  test('names in any case, authoritatively, with the case that was asked', async () => {
    put('writer.example.com', 'A', '127.0.1.1')
    const answer = await askByUdp(encode(question('WriTer.EXAMPLE.com', 'A')))
    expect(answer.flag_aa).toBe(true)
    expect(answer.id).toBe(4711)
    expect(answer.answers).toMatchObject([{ name: 'WriTer.EXAMPLE.com', data: '127.0.1.1' }])
  })

  test('a missing name is NXDOMAIN, a missing type NODATA, both with the SOA', async () => {
    put('x.below.example.com', 'A', '127.0.1.1')
    await expect(resolver.resolve4('none.example.com')).rejects.toMatchObject({ code: 'ENOTFOUND' })
    await expect(resolver.resolveTxt('x.below.example.com')).rejects.toMatchObject({ code: 'ENODATA' })
    // A name that only has names below it exists.
    await expect(resolver.resolve4('below.example.com')).rejects.toMatchObject({ code: 'ENODATA' })
    const answer = await askByUdp(encode(question('none.example.com', 'A')))
    expect(responseCode(answer)).toBe(3)
    expect(answer.authorities).toMatchObject([{ type: 'SOA', name: 'example.com' }])
  })

  test('a foreign zone is refused; what can not be read is a format error', async () => {
    expect(responseCode(await askByUdp(encode(question('example.org', 'A'))))).toBe(5)
    const broken = encode(question('a.example.com', 'A')).subarray(0, 16)
    expect(responseCode(await askByUdp(broken))).toBe(1)
    expect(responseCode(await askByUdp(encode({ type: 'query', id: 1, questions: [] })))).toBe(1)
  })

  test('over 512 bytes are cut to a TC flag over UDP, and whole over TCP', async () => {
    const long = `"${'x'.repeat(250)}"`
    put('long.example.com', 'TXT', Array(8).fill(long).join(' '))
    const cut = await askByUdp(encode(question('long.example.com', 'TXT')))
    expect([cut.flag_tc, cut.answers]).toEqual([true, []])
    const connection = connect(lab.nameServer.port, '127.0.0.1')
    const message = streamEncode(question('long.example.com', 'TXT'))
    // In two pieces, as TCP may deliver it.
    connection.write(message.subarray(0, 5))
    connection.write(message.subarray(5))
    let received = Buffer.alloc(0)
    for await (const chunk of connection) {
      received = Buffer.concat([received, chunk as Buffer])
      if (received.length >= 2 + received.readUInt16BE(0)) break
    }
    expect(streamDecode(received).answers).toMatchObject([{ data: { length: 8 } }])
    // Node's resolver goes from one to the other by itself.
    expect((await resolver.resolveTxt('long.example.com'))[0]).toHaveLength(8)
  })
})

describe('a change made through the API', () => {
  let client: Route53Client

  beforeEach(() => {
    put('writer.example.com', 'A', '127.0.1.1')
    const credentials = { accessKeyId: 'lab', secretAccessKey: 'lab' }
    client = new Route53Client({
      endpoint: lab.environment.AWS_ENDPOINT_URL_ROUTE_53,
      region: 'us-east-1',
      credentials,
    })
  })

  afterEach(() => client.destroy())

  async function moveWriter(from: string, to: string): Promise<void> {
    const common = { Name: 'writer.example.com', Type: 'A' as const, TTL: 5 }
    const Changes = [
      { Action: 'DELETE' as const, ResourceRecordSet: { ...common, ResourceRecords: [{ Value: from }] } },
      { Action: 'CREATE' as const, ResourceRecordSet: { ...common, ResourceRecords: [{ Value: to }] } },
    ]
    await client.send(
      new ChangeResourceRecordSetsCommand({ HostedZoneId: lab.zone.id, ChangeBatch: { Changes } }),
    )
  }

  test('is not served before it is in sync', async () => {
    lab.route53.insyncAfterMs = Number.POSITIVE_INFINITY
    await moveWriter('127.0.1.1', '127.0.1.2')
    expect(lab.zone.get('writer.example.com', 'A')?.values).toEqual(['127.0.1.2'])
    expect(await resolver.resolve4('writer.example.com')).toEqual(['127.0.1.1'])
    lab.zone.publishNow()
    expect(await resolver.resolve4('writer.example.com')).toEqual(['127.0.1.2'])
  })

  test('is served once its propagation time has passed', async () => {
    lab.route53.insyncAfterMs = 200
    await moveWriter('127.0.1.1', '127.0.1.2')
    const moved = async () => expect(await resolver.resolve4('writer.example.com')).toEqual(['127.0.1.2'])
    await vi.waitFor(moved, { timeout: 5000, interval: 10 })
    expect(performance.now() - (lab.route53.batches[0]?.appliedAtMs ?? 0)).toBeGreaterThanOrEqual(199)
  })

  test('is overruled by an edit that a test makes meanwhile', async () => {
    lab.route53.insyncAfterMs = Number.POSITIVE_INFINITY
    await moveWriter('127.0.1.1', '127.0.1.2')
    put('writer.example.com', 'A', '127.0.1.3')
    expect(await resolver.resolve4('writer.example.com')).toEqual(['127.0.1.3'])
    lab.zone.publishNow()
    expect(await resolver.resolve4('writer.example.com')).toEqual(['127.0.1.3'])
  })
})

test('queries are counted, and a silent name server answers none', async () => {
  put('writer.example.com', 'A', '127.0.1.1')
  await resolver.resolve4('writer.example.com')
  expect(lab.nameServer.queryCount).toBe(1)
  lab.nameServer.silent = true
  const hasty = new Resolver({ timeout: 200, tries: 1 })
  hasty.setServers([`127.0.0.1:${lab.nameServer.port}`])
  await expect(hasty.resolve4('writer.example.com')).rejects.toMatchObject({ code: 'ETIMEOUT' })
  expect(lab.nameServer.queryCount).toBeGreaterThanOrEqual(2)
})

test('listens where it is told, and says so if it can not', async () => {
  const second = startLabAws({ nameServerPort: lab.nameServer.port })
  await expect(second).rejects.toMatchObject({ code: 'EADDRINUSE' })
  const port = lab.nameServer.port
  await lab.close()
  lab = await startLabAws({ nameServerPort: port, zoneName: 'example.net', hostedZoneId: 'Z1' })
  expect(lab.nameServer.port).toBe(port)
  expect(await resolver.resolveNs('example.net')).toEqual(['ns-1.lab.invalid'])
})

test('closing ends at once with a TCP client connected', async () => {
  const own = await startLabAws()
  const connection = connect(own.nameServer.port, '127.0.0.1')
  await once(connection, 'connect')
  const closed = once(connection, 'close')
  const startedAtMs = performance.now()
  await own.close()
  expect(performance.now() - startedAtMs).toBeLessThan(1000)
  await closed
})

function byAddress(left: { address: string }, right: { address: string }): number {
  return left.address.localeCompare(right.address)
}
