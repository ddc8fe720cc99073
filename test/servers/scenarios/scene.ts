/** What many plays need: an application that counts what it lost, the last look, and messages. */
import { expect } from 'vitest'
import { type Acknowledged, type Application, startApplication } from '../../../lab/application.ts'
import { accountInSql } from '../../../lab/database/accounts.ts'
import type { Invocation } from '../../../lab/lambda/invocation.ts'
import { type Stage, WRITER_NAME } from '../../../lab/stage.ts'
import { eventually, flips, ledgerOf, looks } from '../on-stage.ts'
import { endSessions, type Server } from '../words.ts'

export type Links = NonNullable<Stage['pair']['links']>

export function linksOf(stage: Stage): Links {
  const { links } = stage.pair
  if (links === undefined) throw new Error('this stage has no links that can be broken')
  return links
}

/** An application that writes through the writer's name; it runs once alice has acknowledged a row. */
export async function applicationByName(stage: Stage): Promise<Application> {
  const app = startApplication({
    ...clientOf(stage),
    name: 'app',
    target: { name: WRITER_NAME, nameServer: stage.aws.environment.HOTSPARE_NAME_SERVER },
  })
  await app.firstFrom(stage.pair.hostFor('application', stage.pair.alice), 0, 10_000)
  return app
}

/** One that stays with this server whatever happens, by an address of its own that no link leads through. */
export function applicationBeside(stage: Stage, server: Server, name = 'beside'): Application {
  return startApplication({ ...clientOf(stage), name, target: { host: server.host } })
}

function clientOf(stage: Stage) {
  const { application: account, port, caFile } = stage.pair
  return { account, port, caFile }
}

/** Writes a row on a server as an application does, again until it is accepted; how long that statement took, ms. */
export async function firstWrite({ pair }: Stage, server: Server): Promise<number> {
  const endsAtMs = performance.now() + 20_000
  for (;;)
    try {
      return await pair.as(pair.application, server, async (connection) => {
        const sentAtMs = performance.now()
        await connection.query(`INSERT INTO shop.orders (token) VALUES ('first')`)
        return performance.now() - sentAtMs
      })
    } catch (error) {
      if (performance.now() > endsAtMs) throw error
    }
}

/** Bob's receiver can't log in to alice any more. */
export async function changeReceiversPassword({ pair: { alice, replication } }: Stage): Promise<void> {
  await alice.session(async (root) => {
    await root.query('SET SESSION sql_log_bin = 0')
    await root.query(`ALTER USER ${accountInSql(replication)} IDENTIFIED BY 'another'`)
  })
  await endSessions(alice, 'dumps')
}

/** Bob's receiver asks for what alice has purged, and stops for good. */
export async function purgeWhatBobNeeds({ pair: { alice, bob } }: Stage): Promise<void> {
  await bob.query('STOP REPLICA IO_THREAD')
  await alice.query(`INSERT INTO shop.orders (token) VALUES ('purged')`)
  await alice.query('FLUSH BINARY LOGS')
  await eventually('nobody reads the old log', async () => {
    await alice.query('PURGE BINARY LOGS BEFORE NOW() + INTERVAL 1 DAY')
    return (await alice.query('SHOW BINARY LOGS')).length === 1
  })
  await bob.query('START REPLICA IO_THREAD')
}

export async function createLargeTable(server: Server): Promise<void> {
  await server.query('CREATE TABLE shop.large (id INT PRIMARY KEY, filler LONGTEXT)')
}

/** One transaction of so many megabytes, whatever the server's binary log is made of: statements or rows. */
export async function commitLarge(server: Server, megabytes: number, first?: string): Promise<void> {
  const megabyte = 'x'.repeat(1_000_000)
  await server.session(async (root) => {
    await root.query('BEGIN')
    if (first !== undefined) await root.query(first)
    for (let id = 1; id <= megabytes; id++)
      await root.query('INSERT INTO shop.large VALUES (?, ?)', [id, megabyte])
    await root.query('COMMIT')
  })
}

/** Which of these rows the server does not have. */
export async function missingOn(server: Server, rows: readonly Acknowledged[]): Promise<string[]> {
  const found = await server.query<{ token: string }>('SELECT token FROM shop.orders')
  const present = new Set(found.map(({ token }) => token))
  return rows.map(({ token }) => token).filter((token) => !present.has(token))
}

/** Waits until the newest look is in this situation; steady ones are logged once, when they begin. */
export async function settlesAs(watch: Invocation, code: string, timeoutMs = 20_000): Promise<void> {
  const newest = () => looks(watch).at(-1)?.situation
  await expect.poll(newest, { timeout: timeoutMs, interval: 20, message: 'the newest look' }).toBe(code)
}

/** The text of the message about this event. */
export async function told(stage: Stage, event: string, timeoutMs = 20_000): Promise<string> {
  const { message } = await stage.aws.sns.waitForMessage((each) => each.attributes.event === event, timeoutMs)
  return message
}

/** Bob is named and open, nobody holds a claim, and the writer moved once. */
export async function failedOver(stage: Stage, timeoutMs?: number): Promise<void> {
  await eventually('bob is named', () => ledgerOf(stage).writer === 'bob', timeoutMs)
  expect(ledgerOf(stage)).toMatchObject({ epoch: 2, how: 'failover', claim: null })
  expect(flips(stage)).toBe(1)
  expect(await stage.pair.bob.isOpen()).toBe(true)
}

/** Alice is named, bob closed, nothing moved. */
export async function nothingOpened(stage: Stage): Promise<void> {
  expect(ledgerOf(stage)).toMatchObject({ epoch: 1, writer: 'alice' })
  expect(flips(stage)).toBe(0)
  if (stage.pair.bob.running) expect(await stage.pair.bob.isOpen()).toBe(false)
}
