/**
 * MariaDB: the domain in which a server numbers what Hotspare writes on it.
 *
 * The servers of a domain draw from one row of numbers. A heartbeat that a crash kept from the spare would leave its number to the next
 * transaction of the new writer, and no replica applies two of one number: replication stops in both directions (1950). So what
 * Hotspare writes is numbered apart, for each server by itself; a lost heartbeat comes back by replication and harms nobody.
 *
 * The one thing to understand: whatever is in these domains is Hotspare's by definition. It is taken out where a set enters, so nothing
 * that compares, counts or dates ever sees it.
 */
import type { Numbering } from '../../core/world.ts'
import { flagOf, numberOf } from './columns.ts'
import { serverErrno } from './errors.ts'
import type { Row } from './session.ts'

const FIRST_DOMAIN = 3_000_000_000
const DOMAINS = 1_000_000_000

/** A server's own domain; in a comment that MySQL does not read, which numbers for each server by itself anyway. */
const apart = `/*M!100600 , gtid_domain_id = ${FIRST_DOMAIN} + @@global.server_id MOD ${DOMAINS} */`

/** Access denied; you need the privilege BINLOG REPLAY. */
const deniedErrno = 1227

export function isOurDomain(domain: number): boolean {
  return domain >= FIRST_DOMAIN && domain < FIRST_DOMAIN + DOMAINS
}

/**
 * Prepares a session that may write, with a statement that sets all else. Without the right to number apart it writes in the server's usual
 * domain: heartbeats have to go on, and people are told (`Numbering.oursApart`). Rejects with the server's error.
 */
export async function prepareWriting<Reply>(
  ask: (statement: string) => Promise<Reply>,
  settings: string,
): Promise<Reply> {
  try {
    return await ask(`${settings} ${apart}`)
  } catch (error) {
    if (serverErrno(error) !== deniedErrno) throw error
    return ask(settings)
  }
}

/** What `numberingOf` reads, of a session that was prepared for writing. */
export const numberingGlobals: readonly string[] = [
  '@@global.gtid_strict_mode AS in_order',
  '@@global.gtid_domain_id AS usual_domain',
  '@@session.gtid_domain_id AS our_domain',
]

/** @throws {Error} if the server's own transactions would be taken for Hotspare's. */
export function numberingOf(globals: Row): Numbering {
  const usual = numberOf(globals, 'usual_domain')
  if (isOurDomain(usual))
    throw new Error(
      `its gtid_domain_id is ${usual}, and Hotspare takes all from ${FIRST_DOMAIN} to ${FIRST_DOMAIN + DOMAINS - 1} for its own; it does nothing here until another is set`,
    )
  return { inOrder: flagOf(globals, 'in_order'), oursApart: isOurDomain(numberOf(globals, 'our_domain')) }
}
