/**
 * Resolves the writer name the way an application does, to see when a change has become visible.
 *
 * Every call uses a fresh resolver, so that nothing is answered from a cache of ours and an abandoned query disturbs no other.
 */
import { Resolver } from 'node:dns/promises'

export interface WriterNameOptions {
  readonly writerName: string
  readonly recordType: 'A' | 'AAAA' | 'CNAME'
  /** `ip:port` of the name server to ask; the system's if absent. */
  readonly nameServer?: string | undefined
}

/** Addresses, or a CNAME's target, that the name has now; null if it has none or nobody answered in time. Never rejects. */
export async function resolveWriterName(
  options: WriterNameOptions,
  timeoutMs: number,
): Promise<readonly string[] | null> {
  let resolver: Resolver | undefined
  let timer: NodeJS.Timeout | undefined
  try {
    const asked = new Resolver({ timeout: Math.max(1, Math.floor(timeoutMs)), tries: 1 })
    resolver = asked
    if (options.nameServer) asked.setServers([options.nameServer])
    // With several name servers the resolver's own time-out applies to each in turn; this one bounds them all.
    timer = setTimeout(() => asked.cancel(), timeoutMs)
    return await ask(asked, options)
  } catch {
    return null
  } finally {
    clearTimeout(timer)
    resolver?.cancel()
  }
}

function ask(resolver: Resolver, options: WriterNameOptions): Promise<string[]> {
  switch (options.recordType) {
    case 'A':
      return resolver.resolve4(options.writerName)
    case 'AAAA':
      return resolver.resolve6(options.writerName)
    case 'CNAME':
      return resolver.resolveCname(options.writerName)
  }
}
