/**
 * The lab's name server: authoritative for the lab's zones, over UDP and TCP on one loopback port. It serves what the zones
 * say is in sync, so a change's way to the name servers is visible to every DNS client.
 */
import { createSocket, type Socket as DatagramSocket } from 'node:dgram'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import {
  type DecodedPacket,
  decode,
  encode,
  type OptAnswer,
  type Packet,
  TRUNCATED_RESPONSE,
} from 'dns-packet'
import { answerQuery, responseCodes } from './dns-answer.ts'
import type { Zone } from './zone.ts'

const address = '127.0.0.1'
const plainUdpBytes = 512
const largestUdpBytes = 1232
const headerBytes = 12
const portAttempts = 20

export interface LabNameServer {
  /** The port on 127.0.0.1, the same for UDP and TCP. */
  readonly port: number
  /** Queries that arrived, over both transports, answered or not. */
  queryCount: number
  /** While true, queries are counted and never answered. */
  silent: boolean
  /** Ends at once; open TCP connections are destroyed. */
  close(): Promise<void>
}

/**
 * Starts the name server.
 * @param zones asked at every query, so zones may come and go.
 * @param port 0 picks a free one.
 */
export async function startNameServer(zones: () => readonly Zone[], port = 0): Promise<LabNameServer> {
  const { udp, tcp, boundPort } = await bindBoth(port)
  const connections = new Set<Socket>()
  const nameServer: LabNameServer = {
    port: boundPort,
    queryCount: 0,
    silent: false,
    async close() {
      const closed = Promise.all([once(udp, 'close'), once(tcp, 'close')])
      udp.close()
      tcp.close()
      for (const connection of connections) connection.destroy()
      await closed
    },
  }
  const respond = (message: Buffer, transport: 'udp' | 'tcp'): Buffer | null => {
    nameServer.queryCount += 1
    return nameServer.silent ? null : answerMessage(message, zones(), transport)
  }
  udp.on('message', (message, client) => {
    const answer = respond(message, 'udp')
    // A client that has gone shows as an error on the next send; it is nobody's concern.
    if (answer !== null) udp.send(answer, client.port, client.address, () => {})
  })
  tcp.on('connection', (connection) => {
    connections.add(connection)
    connection.on('close', () => connections.delete(connection))
    serveConnection(connection, (message) => respond(message, 'tcp'))
  })
  return nameServer
}

async function bindBoth(port: number): Promise<{ udp: DatagramSocket; tcp: Server; boundPort: number }> {
  for (let attempt = 1; ; attempt += 1) {
    const tcp = createServer()
    tcp.listen(port, address)
    await once(tcp, 'listening')
    const { port: boundPort } = tcp.address() as AddressInfo
    const udp = createSocket('udp4')
    udp.bind(boundPort, address)
    try {
      await once(udp, 'listening')
      return { udp, tcp, boundPort }
    } catch (failure) {
      // The port is free for TCP and taken for UDP: pick another, unless the caller insists on this one.
      udp.close()
      tcp.close()
      if (port !== 0 || attempt === portAttempts) throw failure
    }
  }
}

/** DNS over TCP: each message has its length in two bytes before it, and may come in pieces. */
function serveConnection(connection: Socket, respond: (message: Buffer) => Buffer | null): void {
  let received: Buffer = Buffer.alloc(0)
  connection.on('error', () => connection.destroy())
  connection.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk])
    while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
      const end = 2 + received.readUInt16BE(0)
      const answer = respond(received.subarray(2, end))
      received = received.subarray(end)
      if (answer === null) continue
      const length = Buffer.alloc(2)
      length.writeUInt16BE(answer.length)
      connection.write(Buffer.concat([length, answer]))
    }
  })
}

function answerMessage(message: Buffer, zones: readonly Zone[], transport: 'udp' | 'tcp'): Buffer | null {
  const query = decodeQuery(message)
  if (query === 'unreadable') return formatError(message)
  if (query === 'not a query') return null
  const extension = query.additionals?.find((record): record is OptAnswer => record.type === 'OPT')
  const answer = answerQuery(query, zones)
  const packet: Packet = extension === undefined ? answer : { ...answer, additionals: [ownExtension()] }
  const encoded = encode(packet)
  const limitBytes = transport === 'tcp' ? Number.POSITIVE_INFINITY : udpLimitBytes(extension)
  if (encoded.length <= limitBytes) return encoded
  return encode({ ...packet, flags: (packet.flags ?? 0) | TRUNCATED_RESPONSE, answers: [], authorities: [] })
}

function decodeQuery(message: Buffer): DecodedPacket | 'unreadable' | 'not a query' {
  try {
    const packet = decode(message)
    return packet.type === 'query' ? packet : 'not a query'
  } catch {
    return 'unreadable'
  }
}

/** Answers what can't be read with its id, as long as it has one and doesn't claim to be an answer itself. */
function formatError(message: Buffer): Buffer | null {
  if (message.length < headerBytes || ((message[2] ?? 0) & 0x80) !== 0) return null
  return encode({ type: 'response', id: message.readUInt16BE(0), flags: responseCodes.formatError })
}

function udpLimitBytes(extension: OptAnswer | undefined): number {
  if (extension === undefined) return plainUdpBytes
  return Math.min(Math.max(extension.udpPayloadSize, plainUdpBytes), largestUdpBytes)
}

function ownExtension(): OptAnswer {
  return {
    type: 'OPT',
    name: '.',
    udpPayloadSize: largestUdpBytes,
    extendedRcode: 0,
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    options: [],
  }
}
