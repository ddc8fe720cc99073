/** Each way in which a link can break is what its name says, as a client meets it. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startProxy, type TcpProxy } from '../../lab/proxy.ts'

/** Long enough that a byte on loopback would have arrived. */
const silenceMs = 150

let echo: Server
let echoSockets: Set<Socket>
let proxy: TcpProxy
let clients: Socket[]

beforeEach(async () => {
  echoSockets = new Set()
  clients = []
  echo = createServer((socket) => {
    echoSockets.add(socket)
    socket.on('error', () => undefined).on('close', () => echoSockets.delete(socket))
    socket.pipe(socket)
  })
  echo.listen(0, '127.0.0.1')
  await once(echo, 'listening')
  const targetPort = (echo.address() as AddressInfo).port
  proxy = await startProxy({ listenHost: '127.0.0.1', listenPort: 0, targetHost: '127.0.0.1', targetPort })
})

afterEach(async () => {
  for (const client of clients) client.destroy()
  for (const socket of echoSockets) socket.destroy()
  await proxy.close()
  await new Promise((resolve) => echo.close(resolve))
})

/** A client that keeps what it hears and how it ended. */
async function client(): Promise<{ socket: Socket; heard: () => string; ended: () => string | undefined }> {
  const socket = connect(proxy.port, proxy.host)
  clients.push(socket)
  let text = ''
  let end: string | undefined
  socket.on('data', (data) => {
    text += data.toString()
  })
  socket.on('error', (error: NodeJS.ErrnoException) => {
    end = error.code
  })
  socket.on('close', () => {
    end ??= 'closed'
  })
  await Promise.race([once(socket, 'connect'), once(socket, 'close')]).catch(() => undefined)
  return { socket, heard: () => text, ended: () => end }
}

async function until(condition: () => boolean): Promise<void> {
  const endsAt = performance.now() + 5000
  while (!condition()) {
    if (performance.now() > endsAt) throw new Error(`not so within 5 s: ${condition}`)
    await pause(5)
  }
}

describe('a link', () => {
  it('passes bytes both ways and counts them', async () => {
    const { socket, heard } = await client()
    socket.write('hello')
    await until(() => heard() === 'hello')
    expect(proxy.bytes).toEqual({ toTarget: 5, toClient: 5 })
  })

  it('passes far more than fits into its buffers, unchanged', async () => {
    const { socket, heard } = await client()
    const text = 'abcdefghij'.repeat(800_000)
    socket.write(text)
    await until(() => heard().length === text.length)
    expect(heard() === text).toBe(true)
  })

  it('passes the end of a connection on', async () => {
    const { socket, ended } = await client()
    socket.end('bye')
    await until(() => ended() === 'closed' && echoSockets.size === 0)
  })

  it('that is cut says nothing, to old clients and new ones, and what was sent meanwhile is lost', async () => {
    const old = await client()
    await proxy.cut()
    const young = await client()
    old.socket.write('lost')
    young.socket.write('lost too')
    await pause(silenceMs)
    expect([old.heard(), old.ended(), young.heard(), young.ended()]).toEqual(['', undefined, '', undefined])
    expect(proxy.bytes.toTarget).toBe(0)
    await proxy.heal()
    await until(() => old.ended() === 'ECONNRESET' && young.ended() === 'ECONNRESET')
    const next = await client()
    next.socket.write('again')
    await until(() => next.heard() === 'again')
  })

  it('that is cut does not tell a client that the target has died behind it', async () => {
    const { ended } = await client()
    await until(() => echoSockets.size === 1)
    await proxy.cut()
    for (const socket of echoSockets) socket.resetAndDestroy()
    await proxy.targetIsUp(false)
    await pause(silenceMs)
    expect(ended()).toBeUndefined()
    await proxy.heal()
    await until(() => ended() === 'ECONNRESET')
    expect((await client()).ended()).toBe('ECONNREFUSED')
  })

  it('that is reset breaks old connections and refuses new ones until it heals', async () => {
    const old = await client()
    await proxy.reset()
    await until(() => old.ended() === 'ECONNRESET')
    expect((await client()).ended()).toBe('ECONNREFUSED')
    await proxy.heal()
    const next = await client()
    next.socket.write('again')
    await until(() => next.heard() === 'again')
  })

  it('that is stalled delivers everything in order after it heals', async () => {
    const old = await client()
    await proxy.stall()
    const young = await client()
    old.socket.write('one ')
    old.socket.end('two')
    young.socket.write('three')
    await pause(silenceMs)
    expect([old.heard(), young.heard(), old.ended()]).toEqual(['', '', undefined])
    await proxy.heal()
    await until(() => old.heard() === 'one two' && young.heard() === 'three' && old.ended() === 'closed')
  })

  it('with a delay is late by it in each direction', async () => {
    const { socket, heard } = await client()
    proxy.delay(60)
    const begun = performance.now()
    socket.write('slow')
    await until(() => heard() === 'slow')
    expect(performance.now() - begun).toBeGreaterThanOrEqual(118)
  })

  it('refuses while the target has no server process, and works again when it has', async () => {
    const old = await client()
    await proxy.targetIsUp(false)
    await until(() => old.ended() === 'ECONNRESET')
    expect((await client()).ended()).toBe('ECONNREFUSED')
    await proxy.targetIsUp(true)
    const next = await client()
    next.socket.write('back')
    await until(() => next.heard() === 'back')
  })
})
