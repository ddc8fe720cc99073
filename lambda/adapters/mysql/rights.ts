/**
 * What our own account may do on a server, against what account.ts grants it.
 *
 * The one thing to understand: a right is missing only where the server's own list can be judged. Grants that are taken back in part or
 * given by table, and what else SUPER stands for, make it unknown: nothing is disarmed by a guess.
 */
import type { MissingRight, RightsView } from '../../core/world.ts'
import { grantsFor, type ServerKind } from './account.ts'
import { textOf } from './columns.ts'
import type { ServerProfile } from './control.ts'
import { serverErrno } from './errors.ts'
import type { Row, Session, Statement } from './session.ts'

/** A failover works without these: they list what a held server has, or keep lost heartbeats from stopping anything. */
const OPTIONAL = new Set(['REPLICATION SLAVE', 'BINLOG MONITOR', 'BINLOG REPLAY'])

interface Grant {
  readonly privileges: ReadonlySet<string>
  /** Such as `*.*` or `hotspare.*`. */
  readonly scope: string
}

/** Two statements whose answers `rightsOf` takes. */
export const rightsQueries: readonly Statement[] = [
  { sql: 'SELECT CURRENT_USER() AS account, CURRENT_ROLE() AS role' },
  { sql: 'SHOW GRANTS FOR CURRENT_USER()' },
]

/** Asks once more where a role is active: what it gives stands elsewhere. Rejects only if the connection fails. */
export async function rightsOf(
  session: Pick<Session, 'query'>,
  { version, dialect }: ServerProfile,
  who: readonly Row[] | null,
  grants: readonly Row[] | null,
): Promise<RightsView> {
  const [first] = who ?? []
  if (first === undefined || grants === null) return { missing: null }
  const { family } = dialect
  const role = textOf(first, 'role')
  const ofRole = role === '' || role === 'NONE' ? [] : await grantsOfRole(session, family, role)
  if (ofRole === null) return { missing: null }
  const lines = [...grants, ...ofRole].map((row) => String(Object.values(row)[0] ?? ''))
  const [major = 0, minor = 0] = version.split(/[^0-9]+/).map(Number)
  return { missing: missingRights(lines, textOf(first, 'account'), { family, major, minor }) }
}

async function grantsOfRole(
  session: Pick<Session, 'query'>,
  family: ServerKind['family'],
  role: string,
): Promise<readonly Row[] | null> {
  const sql =
    family === 'mysql' ? `SHOW GRANTS FOR CURRENT_USER() USING ${role}` : 'SHOW GRANTS FOR CURRENT_ROLE'
  try {
    return (await session.query(sql)).rows
  } catch (error) {
    if (serverErrno(error) === null) throw error
    return null
  }
}

/** `lines` as SHOW GRANTS prints them, `account` as CURRENT_USER() does; null if they can't be judged. */
export function missingRights(
  lines: readonly string[],
  account: string,
  server: ServerKind,
): readonly MissingRight[] | null {
  if (lines.length === 0 || lines.some((line) => /^REVOKE /i.test(line))) return null
  const granted = lines.map(grantOf).filter((grant) => grant !== null)
  // Given table by table: whether that is enough is not looked into.
  if (granted.some(({ scope }) => /^hotspare\.(?!\*)/i.test(scope))) return null
  const at = account.lastIndexOf('@')
  const quoted = `${quote(account.slice(0, at))}@${quote(account.slice(at + 1))}`
  return grantsFor(quoted, server).flatMap((statement) => {
    const wanted = grantOf(statement)
    if (wanted === null) return []
    const lacks = [...wanted.privileges].filter((privilege) => !has(granted, privilege, wanted.scope, server))
    if (lacks.length === 0) return []
    return [{ grant: statement, needed: lacks.some((privilege) => !OPTIONAL.has(privilege)) }]
  })
}

function grantOf(statement: string): Grant | null {
  const match = /^GRANT (.+?) ON (?:TABLE )?(\S+) TO /is.exec(statement)
  if (match === null) return null
  const [, privileges = '', scope = ''] = match
  return {
    privileges: new Set(privileges.split(',').map((each) => plain(each))),
    scope: scope.replaceAll(/[`\\]/g, ''),
  }
}

/** One name for what the versions call differently. */
function plain(privilege: string): string {
  return privilege
    .trim()
    .toUpperCase()
    .replaceAll(/\bREPLICA\b/g, 'SLAVE')
    .replace(/^READ ONLY ADMIN$/, 'READ_ONLY ADMIN')
}

function has(granted: readonly Grant[], privilege: string, scope: string, server: ServerKind): boolean {
  return granted.some(
    ({ privileges, scope: given }) =>
      covers(given, scope) &&
      (privileges.has(privilege) ||
        privileges.has('ALL') ||
        privileges.has('ALL PRIVILEGES') ||
        (privileges.has('SUPER') && superStandsFor(privilege, server))),
  )
}

/** `*.*` covers all, a pattern what it matches. */
function covers(given: string, scope: string): boolean {
  if (given === scope || given === '*.*') return true
  const [schema = ''] = given.split('.')
  const pattern = schema
    .replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
    .replaceAll('%', '.*')
    .replaceAll('_', '.')
  return given.endsWith('.*') && new RegExp(`^${pattern}$`, 'i').test(scope.split('.')[0] ?? '')
}

/** On MySQL what came later in its place, but for SYSTEM_USER; on MariaDB more in older versions, so there it is left open. */
function superStandsFor(privilege: string, { family, major, minor }: ServerKind): boolean {
  if (family === 'mysql')
    return ['CONNECTION_ADMIN', 'SYSTEM_VARIABLES_ADMIN', 'REPLICATION_SLAVE_ADMIN'].includes(privilege)
  if (major >= 11) return false
  return privilege !== 'READ_ONLY ADMIN' || major < 10 || minor < 11
}

function quote(part: string): string {
  return `'${part.replaceAll("'", "''")}'`
}
