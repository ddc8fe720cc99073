/**
 * Stands in for a server that blocks the client's host: it answers every connection with error 1129 where the greeting would be.
 *
 * The one thing to understand: a real one can't be made to do that here. Servers never block 127.0.0.1, and for any other address
 * they ask the machine's name server, which is not on loopback.
 */
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'

const HOST_IS_BLOCKED = 1129

export async function startBlockedHost(host: string, port: number): Promise<{ close(): Promise<void> }> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => undefined)
    socket.end(errorPacket(HOST_IS_BLOCKED, `Host '${host}' is blocked because of many connection errors`))
  })
  server.listen({ host, port, exclusive: true })
  await once(server, 'listening')
  return {
    close: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

/** An error before the handshake: no SQL state yet. Length in three bytes, number of the packet, 0xff, error in two, text. */
function errorPacket(errno: number, text: string): Buffer {
  const body = Buffer.concat([Buffer.from([0xff, errno & 0xff, errno >> 8]), Buffer.from(text)])
  return Buffer.concat([Buffer.from([body.length & 0xff, body.length >> 8, 0, 0]), body])
}
