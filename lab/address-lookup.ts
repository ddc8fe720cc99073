/**
 * Finds a server by name as a well-behaved client does: with real DNS queries, keeping the answer for its TTL and no longer.
 *
 * The one thing to understand: a client that holds its connections asks rarely, so at the moment that it loses them its answer has
 * run out as a rule, and it asks anew: right then, while the name may still lead to the old server.
 */
import { Resolver } from 'node:dns/promises'

export interface NamedTarget {
  readonly name: string
  /** `ip:port` */
  readonly nameServer: string
}

/** Rejects when the name server does not answer within a second, or the name has no address. */
export function nameLookup({ name, nameServer }: NamedTarget): () => Promise<string> {
  const resolver = new Resolver({ timeout: 1000, tries: 1 })
  resolver.setServers([nameServer])
  let cached = { host: '', endsAtMs: 0 }
  return async () => {
    if (performance.now() < cached.endsAtMs) return cached.host
    const [answer] = await resolver.resolve4(name, { ttl: true })
    if (answer === undefined) throw new Error(`${name} has no address`)
    cached = { host: answer.address, endsAtMs: performance.now() + answer.ttl * 1000 }
    return cached.host
  }
}
