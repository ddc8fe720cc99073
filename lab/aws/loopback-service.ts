/**
 * An HTTP server on loopback that speaks for one AWS service: it reads whole calls, applies the faults, and writes the answer.
 * A call counts as arrived once it is read, whatever fault strikes then, and is worked on even if its client has gone: as with
 * the real services, giving up on a call doesn't recall it.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { Outage, ServiceFaults } from './faults.ts'

export interface Call {
  readonly method: string
  readonly url: URL
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

export interface Reply {
  readonly status: number
  readonly contentType: string
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
  /** True if the call took effect, so that its answer can be lost (`ServiceFaults.loseNextResponses`). */
  readonly changedSomething?: boolean
}

export interface ServiceBehaviour {
  readonly faults: ServiceFaults
  /** Counts the call; runs before any fault. */
  arrived(call: Call): void
  /** Works on the call. A rejection becomes a loud HTTP 500, since it is a defect of the lab. */
  answer(call: Call): Promise<Reply>
}

export interface LoopbackService {
  /** `http://127.0.0.1:PORT`, for the SDK's endpoint variables. */
  readonly endpoint: string
  /** Ends at once: open and hanging connections are destroyed, waiting calls are dropped. */
  close(): Promise<void>
}

/** Starts the service on an ephemeral port of 127.0.0.1. */
export async function startLoopbackService(behaviour: ServiceBehaviour): Promise<LoopbackService> {
  const sockets = new Set<Socket>()
  const closing = new AbortController()
  const server = createServer((request, response) => {
    serve(behaviour, request, response, closing.signal).catch((failure: unknown) => {
      // An aborted request or a closing lab ends here too; then there is nobody left to tell.
      if (response.writable && !response.headersSent) {
        response.writeHead(500, { 'content-type': 'text/plain' }).end(`the lab failed: ${String(failure)}`)
      }
    })
  })
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    if (behaviour.faults.outage === 'refuse') socket.destroy()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    endpoint: `http://127.0.0.1:${port}`,
    async close() {
      closing.abort()
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

async function serve(
  behaviour: ServiceBehaviour,
  request: IncomingMessage,
  response: ServerResponse,
  closing: AbortSignal,
): Promise<void> {
  const { faults } = behaviour
  // A connection that was kept open is refused too, before its call is read or counted.
  if (struck(request, faults.outage)) return
  const call = await readCall(request)
  behaviour.arrived(call)
  if (faults.latencyMs > 0) await delay(faults.latencyMs, undefined, { signal: closing })
  // Looked at again: the outage may have begun while the call waited.
  if (struck(request, faults.outage) || faults.outage === 'hang') return
  const reply = await behaviour.answer(call)
  const responseFault = reply.changedSomething === true ? faults.takeResponseFault() : 'none'
  if (struck(request, responseFault) || responseFault === 'hang') return
  response.writeHead(reply.status, { 'content-type': reply.contentType, ...reply.headers })
  response.end(reply.body)
}

/** Destroys the call's connection where the fault says so; true if it did. */
function struck(request: IncomingMessage, outage: Outage): boolean {
  if (outage === 'refuse') request.socket.destroy()
  return outage === 'refuse'
}

async function readCall(request: IncomingMessage): Promise<Call> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return {
    method: request.method ?? 'GET',
    url: new URL(request.url ?? '/', 'http://127.0.0.1'),
    headers: request.headers,
    body: Buffer.concat(chunks).toString('utf8'),
  }
}
