/**
 * Two real servers, alice and bob, each a replica of the other: what the demo, the tests and the benchmarks stand on.
 *
 * The one thing to understand: both have the same port on addresses of their own, so an A record says which one is meant. With
 * `proxies` every link between the parties has an address of its own too and can be broken by itself:
 * 127.0.1.x the servers, 127.0.2.x as the function reaches them, 127.0.3.x as applications do, 127.0.4.x as the other server
 * does; the last number is 1 for alice and 2 for bob.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Connection } from 'mysql2/promise'
import { removeFolder, temporaryFolder } from '../cleanup.ts'
import { startProxy, type TcpProxy } from '../proxy.ts'
import {
  type Account,
  accountStatements,
  application,
  hotspare,
  replication,
  shopStatements,
} from './accounts.ts'
import { createAuthority } from './certificates.ts'
import { type OpenConnection, openConnection, withConnection } from './connection.ts'
import { DatabaseServer } from './database-server.ts'
import type { Family, ServerOptions } from './family.ts'
import { type ReservedPort, reservePort } from './free-port.ts'
import { waitUntilCaughtUp, waitUntilReplicating } from './replication.ts'
import { findServer } from './server-binary.ts'

const serverNumbers = { alice: 1, bob: 2 } as const
const linkTimeoutMs = 20_000

/** The links that `proxies: true` puts in between. Replication links are named for the way that transactions flow. */
export type Links = {
  functionToAlice: TcpProxy
  functionToBob: TcpProxy
  applicationToAlice: TcpProxy
  applicationToBob: TcpProxy
  /** What bob receives from alice. */
  aliceToBob: TcpProxy
  /** What alice receives from bob. */
  bobToAlice: TcpProxy
}

/** Who connects: it decides the address, if there are proxies. */
export type Party = 'function' | 'application'

export type Pair = {
  family: Family
  alice: DatabaseServer
  bob: DatabaseServer
  servers: readonly [DatabaseServer, DatabaseServer]
  port: number
  caFile: string
  hotspare: Account
  application: Account
  replication: Account
  /** Undefined without `proxies: true`. */
  links: Links | undefined
  otherOf(server: DatabaseServer): DatabaseServer
  /** The address at which a party reaches a server. */
  hostFor(party: Party, server: DatabaseServer): string
  /** Runs `work` on a TLS connection as this account, over the function's link for hotspare, else the application's. */
  as<Result>(
    account: Account,
    server: DatabaseServer,
    work: (connection: Connection) => Promise<Result>,
  ): Promise<Result>
  /** Opens such a connection that stays open; call `close()` on it. */
  connect(account: Account, server: DatabaseServer): Promise<OpenConnection>
  /** Resolves when `server` has applied everything that the other has committed. Throws after `timeoutMs` (20 s). */
  waitUntilCaughtUp(server: DatabaseServer, timeoutMs?: number): Promise<void>
  /** Ends both servers in whatever state they are, and deletes their folders. */
  remove(): Promise<void>
}

export type PairOptions = {
  family: Family
  onProgress?: (text: string) => void
  proxies?: boolean
  /** Options of both servers' options files. */
  options?: ServerOptions
  /** Options of one server alone. */
  serverOptions?: { alice?: ServerOptions; bob?: ServerOptions }
}

/**
 * Starts a pair: alice is open, bob closed, replication runs both ways over verified TLS with GTIDs, and bob has applied alice's
 * first transactions. Takes a few seconds (more the first time on a machine). Throws if anything of that fails, and
 * leaves nothing behind then.
 */
export async function startPair(options: PairOptions): Promise<Pair> {
  const onProgress = options.onProgress ?? (() => undefined)
  const binary = await findServer(options.family, { onProgress })
  const folder = temporaryFolder('pair')
  const addresses = [1, 2, 3, 4].flatMap((network) => [`127.0.${network}.1`, `127.0.${network}.2`])
  const reserved = await reservePort(addresses)
  const authority = createAuthority(folder)
  const [alice, bob] = (['alice', 'bob'] as const).map((name) => {
    const number = serverNumbers[name]
    const hosts = [name, 'localhost', ...addresses.filter((address) => address.endsWith(`.${number}`))]
    const serverFolder = join(folder, name)
    mkdirSync(serverFolder)
    return new DatabaseServer({
      ...{
        name,
        binary,
        folder: serverFolder,
        serverId: number,
        host: `127.0.1.${number}`,
        port: reserved.port,
      },
      tls: { caFile: authority.caFile, ...authority.issue(name, hosts) },
      options: { ...options.options, ...options.serverOptions?.[name] },
    })
  }) as [DatabaseServer, DatabaseServer]
  const links = options.proxies === true ? await startLinks(alice, bob) : undefined
  const pair = assemble({ alice, bob, links, reserved, folder, caFile: authority.caFile })
  try {
    await Promise.all(pair.servers.map((server) => prepareAndStart(server, onProgress)))
    await connectBothWays(pair)
    return pair
  } catch (error) {
    await pair.remove()
    throw error
  }
}

function assemble(parts: {
  alice: DatabaseServer
  bob: DatabaseServer
  links: Links | undefined
  reserved: ReservedPort
  folder: string
  caFile: string
}): Pair {
  const { alice, bob, links, caFile } = parts
  const { port } = parts.reserved
  const servers = [alice, bob] as const
  const otherOf = (server: DatabaseServer): DatabaseServer => (server === alice ? bob : alice)
  const hostFor = (party: Party, server: DatabaseServer): string => {
    if (links === undefined) return server.host
    if (party === 'function') return server === alice ? links.functionToAlice.host : links.functionToBob.host
    return server === alice ? links.applicationToAlice.host : links.applicationToBob.host
  }
  const destination = (account: Account, server: DatabaseServer) => {
    const party = account.user === hotspare.user ? 'function' : 'application'
    return { ...account, host: hostFor(party, server), port, caFile }
  }
  return {
    family: alice.family,
    ...{ alice, bob, servers, port, caFile, links, hotspare, application, replication, otherOf, hostFor },
    as: (account, server, work) => withConnection(destination(account, server), 10_000, work),
    connect: (account, server) => openConnection(destination(account, server), 10_000),
    waitUntilCaughtUp: (server, timeoutMs = linkTimeoutMs) =>
      waitUntilCaughtUp(otherOf(server), server, timeoutMs),
    remove: async () => {
      await Promise.all(servers.map((server) => server.remove()))
      await Promise.all(Object.values(links ?? {}).map((link) => link.close()))
      parts.reserved.release()
      removeFolder(parts.folder)
    },
  }
}

/** A link for each way that a party reaches a server; it refuses while that server's process is gone. */
async function startLinks(alice: DatabaseServer, bob: DatabaseServer): Promise<Links> {
  const started = new Map<DatabaseServer, TcpProxy[]>([
    [alice, []],
    [bob, []],
  ])
  for (const server of [alice, bob]) {
    const number = server === alice ? 1 : 2
    for (const network of [2, 3, 4]) {
      const listen = { listenHost: `127.0.${network}.${number}`, listenPort: server.port }
      const link = await startProxy({
        ...listen,
        targetHost: server.host,
        targetPort: server.port,
        targetUp: false,
      })
      server.onReachable((reachable) => link.targetIsUp(reachable))
      started.get(server)?.push(link)
    }
  }
  const [functionToAlice, applicationToAlice, aliceToBob] = started.get(alice) as [
    TcpProxy,
    TcpProxy,
    TcpProxy,
  ]
  const [functionToBob, applicationToBob, bobToAlice] = started.get(bob) as [TcpProxy, TcpProxy, TcpProxy]
  return { functionToAlice, functionToBob, applicationToAlice, applicationToBob, aliceToBob, bobToAlice }
}

async function prepareAndStart(server: DatabaseServer, onProgress: (text: string) => void): Promise<void> {
  await server.prepare(accountStatements(server.binary), onProgress)
  onProgress(`Starting ${server.name} (${server.description}) on ${server.host}:${server.port}`)
  await server.start()
}

async function connectBothWays(pair: Pair): Promise<void> {
  const { alice, bob, links, port, caFile } = pair
  await alice.open()
  await alice.query('SET GLOBAL event_scheduler = ON')
  await alice.session(async (connection) => {
    for (const statement of shopStatements) await connection.query(statement)
  })
  const source = { ...pair.replication, port, caFile }
  await Promise.all([
    alice.receiveFrom({ ...source, host: links?.bobToAlice.host ?? bob.host }),
    bob.receiveFrom({ ...source, host: links?.aliceToBob.host ?? alice.host }),
  ])
  await Promise.all(pair.servers.map((server) => waitUntilReplicating(server, linkTimeoutMs)))
  await Promise.all([pair.waitUntilCaughtUp(bob), pair.waitUntilCaughtUp(alice)])
}
