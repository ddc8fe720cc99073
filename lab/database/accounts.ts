/**
 * The accounts that a lab's servers have, and the statements that make them.
 *
 * The one thing to understand: these passwords guard nothing but throw-away servers on loopback, so they are constants; and the accounts
 * are part of the template, so they exist on both servers without ever having been replicated.
 */
import { eventGrantsFor, grantsFor, hotspareSchema } from '../../lambda/adapters/mysql/account.ts'
import type { Family } from './family.ts'

export type Account = { user: string; password: string }
type Server = { family: Family; version: string }

/** Hotspare itself, with exactly the rights that README tells people to grant. */
export const hotspare: Account = { user: 'hotspare', password: 'hotspare-lab-password' }
/** An application: reads and writes its own schema, nothing else; no way past read_only. */
export const application: Account = { user: 'app', password: 'application-lab-password' }
/** What each server uses to receive from the other. */
export const replication: Account = { user: 'replicator', password: 'replication-lab-password' }

/** Clients come from loopback only. */
export function accountInSql(account: Account): string {
  return `'${account.user}'@'127.%'`
}

/** Makes all accounts and Hotspare's schema on an empty server; to be run out of the binary log. */
export function accountStatements(server: Server): string[] {
  return [
    ...[hotspare, application, replication].map(
      (account) => `CREATE USER ${accountInSql(account)} IDENTIFIED BY '${account.password}' REQUIRE SSL`,
    ),
    ...hotspareSchema(),
    ...grantsFor(accountInSql(hotspare), kindOf(server)),
    ...eventStatements(server),
    `GRANT SELECT, INSERT, UPDATE, DELETE ON shop.* TO ${accountInSql(application)}`,
    `GRANT REPLICATION SLAVE ON *.* TO ${accountInSql(replication)}`,
  ]
}

/** Those of `accountStatements` that let Hotspare look after events. */
export function eventStatements(server: Server): string[] {
  return eventGrantsFor(accountInSql(hotspare), kindOf(server))
}

function kindOf({ family, version }: Server) {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return { family, major, minor }
}

/** The application's schema; run on the open server, so that it is the first thing that replication carries. */
export const shopStatements = [
  'CREATE DATABASE shop',
  `CREATE TABLE shop.orders (
    id BIGINT NOT NULL AUTO_INCREMENT,
    token VARCHAR(64) NOT NULL,
    note VARCHAR(255) NOT NULL DEFAULT '',
    created DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    PRIMARY KEY (id),
    UNIQUE KEY (token)
  ) ENGINE = InnoDB`,
]
