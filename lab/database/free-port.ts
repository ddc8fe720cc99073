/**
 * Finds a port that is free on several loopback addresses at once and keeps other labs off it.
 *
 * The one thing to understand: a killed server must come back on its port, so the number is reserved for as long as the pair lives, by
 * listening on a loopback address that no lab uses otherwise. The kernel ends the reservation with the process.
 */
import { createServer, type Server } from 'node:net'

const reservationAddress = '127.0.9.9'
/** Below the ports that Linux gives to outgoing connections (32768 and up). */
const lowestPort = 20_000
const portCount = 12_000

export type ReservedPort = { port: number; release: () => void }

/** Reserves a port that nobody listens on at any of `addresses`. Throws after a hundred tries. */
export async function reservePort(addresses: readonly string[]): Promise<ReservedPort> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const port = lowestPort + Math.floor(Math.random() * portCount)
    const reservation = await listen(reservationAddress, port)
    if (reservation === undefined) continue
    const probes = await Promise.all(addresses.map((address) => listen(address, port)))
    for (const probe of probes) probe?.close()
    if (probes.every((probe) => probe !== undefined)) {
      reservation.unref()
      return { port, release: () => reservation.close() }
    }
    reservation.close()
  }
  throw new Error(
    `No port between ${lowestPort} and ${lowestPort + portCount} is free on ${addresses.join(', ')}`,
  )
}

function listen(host: string, port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy())
    server.once('error', () => resolve(undefined))
    server.listen({ host, port, exclusive: true }, () => resolve(server))
  })
}
