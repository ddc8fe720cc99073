/**
 * A TCP link that can be broken in the ways that real ones break: silently, with a refusal, for a while, or just slowly.
 *
 * The one thing to understand: two things decide what a client meets, what the link does and whether the host behind it is up.
 * A healthy link to a dead server refuses, as a living host does whose server process is gone; a cut link is silent whatever
 * lies behind it. One thing loopback can't do: a cut link still completes the TCP handshake (the kernel does that), and
 * then never says a word.
 */
import { createServer, connect as dial, type Server, type Socket } from 'node:net'

export type ProxyMode = 'open' | 'cut' | 'stalled' | 'refusing'

export type TcpProxy = {
  readonly host: string
  readonly port: number
  readonly mode: ProxyMode
  /** Bytes delivered so far. */
  readonly bytes: { toTarget: number; toClient: number }
  /** No byte passes in either direction and nothing tells so; what was on its way is lost. heal() resets these connections. */
  cut(): Promise<void>
  /** Resets the connections and refuses new ones, until heal(). */
  reset(): Promise<void>
  /** Holds every byte, and every end of a connection; delivers them in order after heal(). */
  stall(): Promise<void>
  /** Delivers each piece this many milliseconds late, per direction, from now on. heal() sets it to 0. */
  delay(delayMs: number): void
  /** An open link again, without delay. */
  heal(): Promise<void>
  /** Says whether the target's host has a server process: without one an open link resets and refuses. */
  targetIsUp(up: boolean): Promise<void>
  /** Resets everything and stops listening for good. */
  close(): Promise<void>
}

/** Starts a link that listens on one address and connects to another for each client. Throws if it can't listen there. */
export async function startProxy(options: {
  listenHost: string
  listenPort: number
  targetHost: string
  targetPort: number
  /** Whether a server runs at the target now; default true. */
  targetUp?: boolean
}): Promise<TcpProxy> {
  const link = new Link(options)
  await link.settle()
  return link
}

const heldBytesMax = 1_048_576

class Link implements TcpProxy {
  readonly host: string
  readonly bytes = { toTarget: 0, toClient: 0 }
  readonly #target: { host: string; port: number }
  readonly #connections = new Set<Connection>()
  #port: number
  #mode: ProxyMode = 'open'
  #targetUp: boolean
  #closed = false
  #delayMs = 0
  #listener: Server | undefined
  #settling: Promise<void> = Promise.resolve()

  constructor(options: {
    listenHost: string
    listenPort: number
    targetHost: string
    targetPort: number
    targetUp?: boolean
  }) {
    this.host = options.listenHost
    this.#port = options.listenPort
    this.#target = { host: options.targetHost, port: options.targetPort }
    this.#targetUp = options.targetUp ?? true
  }

  get port(): number {
    return this.#port
  }

  get mode(): ProxyMode {
    return this.#mode
  }

  get delayMs(): number {
    return this.#delayMs
  }

  cut(): Promise<void> {
    return this.#become('cut')
  }

  reset(): Promise<void> {
    return this.#become('refusing')
  }

  stall(): Promise<void> {
    return this.#become('stalled')
  }

  delay(delayMs: number): void {
    this.#delayMs = delayMs
  }

  heal(): Promise<void> {
    this.#delayMs = 0
    return this.#become('open')
  }

  targetIsUp(up: boolean): Promise<void> {
    this.#targetUp = up
    return this.settle()
  }

  close(): Promise<void> {
    this.#closed = true
    return this.settle()
  }

  /** Brings connections and listener in line with what the link and the target are now. */
  settle(): Promise<void> {
    const refuses = this.#closed || this.#mode === 'refusing' || (this.#mode === 'open' && !this.#targetUp)
    if (refuses) {
      this.#listener?.close()
      this.#listener = undefined
      for (const connection of this.#connections) connection.reset()
    }
    for (const connection of this.#connections) connection.modeChanged(this.#mode)
    this.#settling = this.#settling.then(() =>
      refuses || this.#listener !== undefined ? undefined : this.#listen(),
    )
    return this.#settling
  }

  #become(mode: ProxyMode): Promise<void> {
    this.#mode = mode
    return this.settle()
  }

  #listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      const listener = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) =>
        this.#accept(client),
      )
      listener.once('error', reject)
      listener.listen({ host: this.host, port: this.#port, exclusive: true }, () => {
        const address = listener.address()
        if (address !== null && typeof address === 'object') this.#port = address.port
        // A forgotten link does not keep a finished program alive.
        listener.unref()
        this.#listener = listener
        resolve()
      })
    })
  }

  #accept(client: Socket): void {
    const connection = new Connection(this, client, this.#target, () => this.#connections.delete(connection))
    this.#connections.add(connection)
    connection.modeChanged(this.#mode)
  }
}

/** One client's connection and the one to the target that stands for it. */
class Connection {
  readonly #client: Socket
  readonly #target: { host: string; port: number }
  readonly #link: Link
  readonly #onGone: () => void
  #upstream: Socket | undefined
  #pumps: Pump[] = []
  #wasCut = false
  #gone = false

  constructor(link: Link, client: Socket, target: { host: string; port: number }, onGone: () => void) {
    this.#link = link
    this.#client = client
    this.#target = target
    this.#onGone = onGone
    client.setNoDelay(true)
    client.on('error', () => this.reset())
  }

  modeChanged(mode: ProxyMode): void {
    if (this.#gone) return
    if (mode === 'cut') this.#wasCut = true
    if (mode === 'open' && this.#wasCut) {
      this.reset()
      return
    }
    if (mode === 'open' && this.#upstream === undefined) this.#connectUpstream()
    for (const pump of this.#pumps) pump.modeChanged(mode)
  }

  /** Ends both sides with a TCP reset. */
  reset(): void {
    if (this.#gone) return
    this.#gone = true
    for (const pump of this.#pumps) pump.stop()
    this.#client.resetAndDestroy()
    this.#upstream?.resetAndDestroy()
    this.#onGone()
  }

  #connectUpstream(): void {
    const upstream = dial({ ...this.#target, allowHalfOpen: true })
    upstream.setNoDelay(true)
    upstream.on('error', () => {
      // On a link that is silent, nobody hears of it before the link heals.
      if (this.#link.mode === 'open') this.reset()
      else this.#wasCut = true
    })
    this.#upstream = upstream
    const { bytes } = this.#link
    const countToTarget = (count: number): void => {
      bytes.toTarget += count
    }
    const countToClient = (count: number): void => {
      bytes.toClient += count
    }
    this.#pumps = [
      new Pump(this.#link, this.#client, upstream, countToTarget),
      new Pump(this.#link, upstream, this.#client, countToClient),
    ]
    for (const side of [this.#client, upstream]) side.on('close', () => this.#closedOneSide())
  }

  #closedOneSide(): void {
    if (this.#client.destroyed && this.#upstream?.destroyed === true && !this.#gone) {
      this.#gone = true
      this.#onGone()
    }
  }
}

/** One direction of a connection: what has come in waits here until it is due and the link lets it pass. */
class Pump {
  readonly #link: Link
  readonly #from: Socket
  readonly #to: Socket
  readonly #count: (bytes: number) => void
  #waiting: { dueAtMs: number; piece: Buffer | 'end' }[] = []
  #heldBytes = 0
  #blocked = false
  #timer: NodeJS.Timeout | undefined

  constructor(link: Link, from: Socket, to: Socket, count: (bytes: number) => void) {
    this.#link = link
    this.#from = from
    this.#to = to
    this.#count = count
    from.on('data', (piece: Buffer) => this.#take(piece))
    from.once('end', () => this.#take('end'))
    to.on('drain', () => {
      this.#blocked = false
      this.#deliver()
    })
    from.resume()
  }

  modeChanged(mode: ProxyMode): void {
    if (mode === 'cut') {
      this.stop()
      this.#from.pause()
    }
    if (mode === 'open') {
      this.#from.resume()
      this.#deliver()
    }
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#waiting = []
    this.#heldBytes = 0
  }

  #take(piece: Buffer | 'end'): void {
    // What was already read when the link was cut is lost like the rest.
    if (this.#link.mode === 'cut') return
    this.#waiting.push({ dueAtMs: performance.now() + this.#link.delayMs, piece })
    if (piece !== 'end') this.#heldBytes += piece.length
    if (this.#heldBytes > heldBytesMax) this.#from.pause()
    this.#deliver()
  }

  #deliver(): void {
    if (this.#timer !== undefined) return
    while (this.#link.mode === 'open' && !this.#blocked) {
      const next = this.#waiting[0]
      if (next === undefined || this.#to.destroyed) return
      const waitMs = next.dueAtMs - performance.now()
      if (waitMs > 0) {
        this.#timer = setTimeout(() => {
          this.#timer = undefined
          this.#deliver()
        }, waitMs)
        return
      }
      this.#waiting.shift()
      this.#pass(next.piece)
    }
  }

  #pass(piece: Buffer | 'end'): void {
    if (piece === 'end') {
      this.#to.end()
      return
    }
    this.#heldBytes -= piece.length
    if (this.#heldBytes <= heldBytesMax && this.#from.isPaused()) this.#from.resume()
    this.#count(piece.length)
    this.#blocked = !this.#to.write(piece)
  }
}
