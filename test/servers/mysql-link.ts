/**
 * The link to a server against real ones of a family: what a look tells, and what every step does to a server.
 *
 * The one thing to understand: one pair serves all tests. After each, the pair is put back: alice open, bob closed, replication on.
 */
import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { removeFolder, temporaryFolder } from '../../lab/cleanup.ts'
import { accountInSql } from '../../lab/database/accounts.ts'
import { createAuthority } from '../../lab/database/certificates.ts'
import type { OpenConnection } from '../../lab/database/connection.ts'
import type { DatabaseServer } from '../../lab/database/database-server.ts'
import type { Family } from '../../lab/database/family.ts'
import { type Pair, startPair } from '../../lab/database/pair.ts'
import { waitUntilReplicating } from '../../lab/database/replication.ts'
import { createMysqlLink, type MysqlLinkOptions } from '../../lambda/adapters/mysql/link.ts'
import type { ServerLink } from '../../lambda/adapters/server.ts'
import { lastOfOrigin } from '../../lambda/core/gtid-set.ts'
import type { ServerLookRequest, ServerStep } from '../../lambda/core/step.ts'
import type { Answer, Probe } from '../../lambda/core/world.ts'
import { executedSet, isLocked, replicationOf, WORDS } from './words.ts'

/** What the families tell and do differently. */
interface Words {
  /** The name of a server as the origin of transactions in the core's notation. */
  origin(uuid: string): string
  /** A single transaction, in the server's notation. */
  gtid(uuid: string, number: number): string
  readonly skipsReplicaStart: boolean | null
  readonly semiSyncAtFirst: unknown
  /** How another invocation's session is listed. */
  whoIs(who: string): string
  readonly administratorsWrite: boolean
  /** What is said of stopping an applier that holds half a transaction. */
  readonly stopOfHalf: RegExp
}

const DIFFERENCES: Readonly<Record<Family, Words>> = {
  mysql: {
    origin: (uuid) => uuid,
    gtid: (uuid, number) => `${uuid}:${number}`,
    skipsReplicaStart: true,
    semiSyncAtFirst: null,
    whoIs: (who) => who,
    administratorsWrite: false,
    stopOfHalf: /killed/,
  },
  mariadb: {
    origin: (uuid) => `0-${uuid}`,
    gtid: (uuid, number) => `0-${uuid}-${number}`,
    skipsReplicaStart: null,
    semiSyncAtFirst: { sourceWaits: false },
    // It lists no attributes of sessions.
    whoIs: () => '',
    administratorsWrite: true,
    // It drops half a transaction by itself.
    stopOfHalf: /^$/,
  },
}

/** Makes the tests of a family. */
export function linkSuite(family: Family): void {
  vi.setConfig({ testTimeout: 20_000 })
  const words = DIFFERENCES[family]
  let pair: Pair
  const opened: ServerLink[] = []
  const now = () => performance.now()

  beforeAll(async () => {
    pair = await startPair({ family, proxies: true })
  }, 120_000)

  afterAll(() => pair?.remove(), 60_000)

  afterEach(async () => {
    await Promise.all(opened.splice(0).map((link) => link.close()))
    for (const link of Object.values(pair.links ?? {})) await link.heal()
    for (const server of pair.servers) {
      server.wake()
      if (!server.running) await server.start()
      await server.close()
      await server.query('START REPLICA')
    }
    await pair.alice.open()
    for (const server of pair.servers) await waitUntilReplicating(server, 10_000)
    await pair.waitUntilCaughtUp(pair.bob)
  }, 60_000)

  function linkTo(server: DatabaseServer, changes: Partial<MysqlLinkOptions> = {}): ServerLink {
    const link = createMysqlLink({
      ...{ name: server.name, pair: 'orders', who: 'w1', host: server.host, port: server.port },
      tls: { mode: 'verify-ca', ca: readFileSync(pair.caFile, 'utf8') },
      credentials: async () => pair.hotspare,
      ...{ probeTimeoutMs: 1000, monotonicNow: now },
      ...changes,
    })
    opened.push(link)
    return link
  }

  function look(link: ServerLink, changes: Partial<ServerLookRequest> = {}) {
    return link.look({
      probeEveryMs: 300,
      waitMs: 1000,
      events: false,
      transactions: null,
      obstaclesFromMs: null,
      blockers: false,
      rights: false,
      ...changes,
    })
  }

  /** Looks until the server answers with its guard and whatever else is asked for. */
  async function answerOf(
    link: ServerLink,
    isRight: (answer: Answer) => boolean = () => true,
  ): Promise<Answer> {
    let found: Answer | null = null
    await waitFor('an answer', async () => {
      const view = await look(link)
      found = view.answer
      return view.answer !== null && view.guard === 'open' && isRight(view.answer)
    })
    if (found === null) throw new Error('no answer')
    return found
  }

  /** A server that was just told to freeze may still answer once. Starts no probe. */
  function untilSilent(link: ServerLink): Promise<unknown> {
    return waitFor('silence', async () => {
      return (await look(link, { waitMs: 50, probeEveryMs: 10_000 })).answer === null
    })
  }

  /** Looks again and again, waiting for nothing itself. */
  async function untilAnswered(link: ServerLink, changes: Partial<ServerLookRequest>) {
    let view = await look(link, changes)
    const probes = [...view.probes]
    await waitFor('facts', async () => {
      if (view.answer !== null) return true
      view = await look(link, changes)
      probes.push(...view.probes)
      return view.answer !== null
    })
    return { ...view, probes }
  }

  async function waitFor(what: string, ask: () => Promise<boolean>, timeoutMs = 10_000): Promise<number> {
    const startedAt = now()
    while (!(await ask())) {
      if (now() - startedAt > timeoutMs) throw new Error(`waited ${timeoutMs} ms in vain: ${what}`)
      await pause(5)
    }
    return now() - startedAt
  }

  type StepWords<Kind> = Omit<
    Extract<ServerStep, { kind: Kind }>,
    'kind' | 'server' | 'session' | 'deadlineMs'
  >

  /** Looks, and performs a step over the session of that look. */
  async function perform<Kind extends ServerStep['kind']>(
    link: ServerLink,
    kind: Kind,
    words: StepWords<Kind>,
    deadlineMs = 3000,
  ) {
    const { session } = await answerOf(link)
    return link.perform({ kind, server: 'any', session, deadlineMs, ...words } as unknown as ServerStep)
  }

  function writeOrder(server: DatabaseServer): Promise<unknown> {
    return server.query('INSERT INTO shop.orders (token) VALUES (UUID())')
  }

  async function probesUntil(
    link: ServerLink,
    count: number,
    changes: Partial<ServerLookRequest> = {},
  ): Promise<Probe[]> {
    const probes: Probe[] = []
    await waitFor(`${count} probes`, async () => {
      probes.push(...(await look(link, { waitMs: 50, ...changes })).probes)
      return probes.length >= count
    })
    return probes
  }

  const soon = () => Date.now() + 60_000

  test('a healthy look has all facts right on both servers', async () => {
    await writeOrder(pair.alice)
    await pair.waitUntilCaughtUp(pair.bob)
    const onAlice = linkTo(pair.alice)
    const alice = await answerOf(onAlice)
    const bob = await answerOf(linkTo(pair.bob))
    expect(alice).toMatchObject({
      family,
      closed: false,
      durable: true,
      skipsReplicaStart: words.skipsReplicaStart,
      others: [],
      clients: 0,
    })
    expect(bob).toMatchObject({
      family,
      closed: true,
      others: [],
      clients: 0,
      semiSync: words.semiSyncAtFirst,
      events: null,
      transactions: null,
    })
    expect(alice.version).toMatch(/^\d+\.\d+\.\d+/)
    expect(Math.abs(alice.clockMs - Date.now())).toBeLessThan(1000)
    expect(alice.clockMs - alice.startedClockMs).toBeGreaterThan(0)
    expect(alice.clockMs - alice.startedClockMs).toBeLessThan(300_000)
    expect(bob.executed).toBe(await executedSet(pair.alice))
    expect(bob.executed).toContain(`${words.origin(alice.uuid)}:1-`)
    expect(bob.channel).toMatchObject({
      receiver: 'on',
      receiverErrno: 0,
      sourceUuid: alice.uuid,
      queueing: '',
      applier: 'on',
    })
    expect(bob.channel).toMatchObject({
      heartbeatPeriodMs: 1000,
      applying: [],
      delaySeconds: 0,
      applierErrno: 0,
    })
    expect(bob.channel?.received).toContain(`${words.origin(alice.uuid)}:`)
    expect(bob.channel?.readPosition).toMatch(/^binlog\.\d+:\d+$/)
    expect(alice.channel).toMatchObject({ receiver: 'on', sourceUuid: bob.uuid, applier: 'on' })
    const again = await onAlice.reread(alice.session, 500)
    expect(again?.executed).toBe(alice.executed)
    expect(await onAlice.reread(alice.session + 1, 500)).toBeNull()
  })

  test('what came last is dated, though it came between two looks', async () => {
    const link = linkTo(pair.bob)
    await answerOf(link)
    await writeOrder(pair.alice)
    await pair.waitUntilCaughtUp(pair.bob)
    const writtenAtMs = now()
    pair.alice.freeze()
    await pause(900)
    const { clockMs, channel } = await answerOf(link)
    const agoMs = clockMs - (channel?.lastReceivedClockMs ?? 0)
    expect(agoMs).toBeGreaterThan(450)
    // A heartbeat of the channel may have been on its way as well.
    expect(agoMs).toBeLessThan(now() - writtenAtMs + 1000)
  })

  test('clients are counted, and sessions of other invocations listed by their id and whose they are', async () => {
    const first = linkTo(pair.alice)
    await answerOf(first)
    const client = await pair.connect(pair.application, pair.alice)
    const second = linkTo(pair.alice, { who: 'w2' })
    const seen = await answerOf(second, (answer) => answer.others.length === 3)
    expect(seen.others.map((other) => other.who)).toEqual(Array(3).fill(words.whoIs('w1')))
    expect(seen.clients).toBe(1)
    client.close()
  })

  test('others are killed and seen to be gone; the own sessions never are', async () => {
    const first = linkTo(pair.alice)
    await answerOf(first)
    const second = linkTo(pair.alice, { who: 'w2' })
    const seen = await answerOf(second, (answer) => answer.others.length === 3)
    const ids = seen.others.map((other) => other.id)
    const killed = await perform(second, 'kill-others', { ids: [...ids, seen.session, 999_999] })
    expect(killed).toMatchObject({ outcome: 'done', message: '' })
    const after = (await look(second)).answer
    expect(after).toMatchObject({ session: seen.session, others: [] })
  })

  test('a step goes only over the session that the look used (R4)', async () => {
    const link = linkTo(pair.bob)
    const { session } = await answerOf(link)
    await pair.bob.query('KILL ?', [session])
    const step = { server: 'bob', deadlineMs: 1000, session } as const
    expect((await link.perform({ kind: 'open', untilClockMs: soon(), ...step })).outcome).not.toBe('done')
    const next = await answerOf(link, (answer) => answer.session !== session)
    const late = await link.perform({ kind: 'open', untilClockMs: soon(), ...step })
    expect(late).toMatchObject({ outcome: 'refused', message: expect.stringContaining('gone') })
    expect(next.closed).toBe(true)
    expect(await pair.bob.isOpen()).toBe(false)
  })

  test('opening works in time, and late it changes nothing, on a closed and on an open server (T36)', async () => {
    const link = linkTo(pair.bob)
    const { clockMs } = await answerOf(link)
    expect((await perform(link, 'open', { untilClockMs: clockMs - 1 })).outcome).toBe('refused')
    expect(await pair.bob.isOpen()).toBe(false)
    expect((await perform(link, 'open', { untilClockMs: clockMs + 60_000 })).outcome).toBe('done')
    expect(await pair.bob.isOpen()).toBe(true)
    await perform(link, 'open', { untilClockMs: clockMs - 1 })
    expect(await pair.bob.isOpen()).toBe(true)
  })

  test('closing ends all sessions, and nobody writes any more; on MySQL not even an administrator (T11)', async () => {
    await pair.alice.session(async (administrator) => {
      const client = await pair.connect(pair.application, pair.alice)
      await client.connection.query('INSERT INTO shop.orders (token) VALUES (UUID())')
      const link = linkTo(pair.alice)
      await answerOf(link, (answer) => answer.clients === 2)
      const closed = await perform(link, 'close', { lockWaitSeconds: 1, killFirst: false })
      expect(closed).toMatchObject({ outcome: 'done', message: '' })
      await expect(client.connection.query('SELECT 1')).rejects.toThrow()
      await answerOf(link, (answer) => answer.closed && answer.clients === 0)
      const write = 'INSERT INTO shop.orders (token) VALUES (UUID())'
      await expect(pair.as(pair.application, pair.alice, (it) => it.query(write))).rejects.toThrow(
        /read-only/,
      )
      await expect(administrator.query('SELECT 1')).rejects.toThrow()
      // Hotspare's own account has a right that passes read_only; root has everything.
      const beat = "UPDATE hotspare.heartbeat SET sequence = 0 WHERE pair = 'nobody'"
      const writes = [pair.as(pair.hotspare, pair.alice, (it) => it.query(beat)), pair.alice.query(beat)]
      const ends = (await Promise.allSettled(writes)).map(({ status }) => status)
      expect(ends).toEqual(Array(2).fill(words.administratorsWrite ? 'fulfilled' : 'rejected'))
      client.close()
    })
  })

  test("closing ends a whole pool's sessions", async () => {
    const pool = await Promise.all(
      Array.from({ length: 40 }, () => pair.connect(pair.application, pair.alice)),
    )
    const link = linkTo(pair.alice)
    await answerOf(link, (answer) => answer.clients === 40)
    const closed = await perform(link, 'close', { lockWaitSeconds: 1, killFirst: false })
    expect(closed).toMatchObject({ outcome: 'done', message: '' })
    await answerOf(link, (answer) => answer.closed && answer.clients === 0)
    const asked = await Promise.allSettled(pool.map((client) => client.connection.query('SELECT 1')))
    expect(asked.filter(({ status }) => status === 'fulfilled')).toEqual([])
    // What was opened for it is gone as well.
    await answerOf(link, (answer) => answer.others.length === 0)
    for (const client of pool) client.close()
  })

  test('a close that waits too long for a lock is refused, and does not land later (T12)', async () => {
    const holder = await pair.connect(pair.application, pair.alice)
    const link = linkTo(pair.alice)
    await pair.alice.query(`GRANT LOCK TABLES ON shop.* TO 'app'@'127.%'`)
    await holder.connection.query('LOCK TABLES shop.orders WRITE')
    const closed = await perform(link, 'close', { lockWaitSeconds: 1, killFirst: false })
    expect(closed).toMatchObject({ outcome: 'refused', message: expect.stringMatching(/lock/i) })
    expect((await look(link)).answer).toMatchObject({ closed: false, others: [] })
    await holder.connection.query('UNLOCK TABLES')
    await holder.connection.query('INSERT INTO shop.orders (token) VALUES (UUID())')
    expect(await pair.alice.isOpen()).toBe(true)
    holder.close()
  })

  test('a close that kills first gets past a session that holds locks', async () => {
    const holder = await pair.connect(pair.application, pair.alice)
    const link = linkTo(pair.alice)
    await answerOf(link)
    await pair.alice.query(`GRANT LOCK TABLES ON shop.* TO 'app'@'127.%'`)
    await holder.connection.query('LOCK TABLES shop.orders WRITE')
    expect((await perform(link, 'close', { lockWaitSeconds: 1, killFirst: true })).outcome).toBe('done')
    expect((await answerOf(link)).closed).toBe(true)
    holder.close()
  })

  test('a step past its deadline is unknown, its session shows among the others, and can be killed (R3)', async () => {
    const holder = await pair.connect(pair.application, pair.alice)
    const link = linkTo(pair.alice)
    const { session } = await answerOf(link)
    await pair.alice.query(`GRANT LOCK TABLES ON shop.* TO 'app'@'127.%'`)
    await holder.connection.query('LOCK TABLES shop.orders WRITE')
    const startedAt = now()
    const closed = await perform(link, 'close', { lockWaitSeconds: 20, killFirst: false }, 200)
    expect(now() - startedAt).toBeLessThan(400)
    expect(closed.outcome).toBe('unknown')
    const after = await answerOf(link, (answer) => answer.others.length > 0)
    expect(after.others).toEqual([{ id: session, who: words.whoIs('w1') }])
    expect((await perform(link, 'kill-others', { ids: [session] })).outcome).toBe('done')
    await holder.connection.query('UNLOCK TABLES')
    expect((await answerOf(link)).others).toEqual([])
    expect(await pair.alice.isOpen()).toBe(true)
    holder.close()
  })

  test('a heartbeat is written on the open server, and refuses itself on a closed one or when it is late', async () => {
    const onAlice = linkTo(pair.alice)
    const watchSinceClockMs = 1_700_000_000_123
    await sendBeat(onAlice, 1, { watchSinceClockMs })
    const { heartbeat, clockMs } = await answerOf(onAlice)
    expect(heartbeat).toMatchObject({ sequence: 1, watch: 'w1', watchSinceClockMs })
    expect(typeof heartbeat === 'string' ? 0 : clockMs - heartbeat.writtenClockMs).toBeLessThan(2000)
    await sendBeat(onAlice, 2, {})
    expect((await answerOf(onAlice)).heartbeat).toMatchObject({ sequence: 2 })
    expect(await sendBeat(onAlice, 3, { untilClockMs: clockMs - 1000 })).toMatchObject({ state: 'skipped' })
    expect((await answerOf(onAlice)).heartbeat).toMatchObject({ sequence: 2 })
    await pair.waitUntilCaughtUp(pair.bob)
    const before = await pair.bob.executed()
    const onBob = linkTo(pair.bob)
    expect(await sendBeat(onBob, 4, {})).toMatchObject({ state: 'skipped' })
    expect((await answerOf(onBob)).heartbeat).toMatchObject({ sequence: 2 })
    expect(await pair.bob.executed()).toBe(before)
    // Nothing but read_only, which Hotspare's account could write through: the statement's own guard holds.
    for (const statement of WORDS[family].letRootWrite) await pair.bob.query(statement)
    expect(await sendBeat(onBob, 5, {})).toMatchObject({ state: 'skipped' })
    expect(await pair.bob.executed()).toBe(before)
  })

  /** Sends one heartbeat and waits for its end. */
  async function sendBeat(
    link: ServerLink,
    sequence: number,
    words: { untilClockMs?: number; watchSinceClockMs?: number },
    deadlineMs = 2000,
  ) {
    const { clockMs } = await answerOf(link)
    const step = { sequence, untilClockMs: clockMs + 60_000, watchSinceClockMs: 0, ...words }
    await waitFor(
      'the heartbeat is sent',
      async () => (await perform(link, 'beat', step, deadlineMs)).outcome === 'done',
    )
    let beat = (await look(link)).beat
    await waitFor('the heartbeat ends', async () => {
      beat = (await look(link)).beat
      return beat?.sequence === sequence && beat.state !== 'pending'
    })
    return beat
  }

  test("X1: a look that takes long knows the server's clock all the same, and the heartbeat on it is not too late", async () => {
    const link = linkTo(pair.alice)
    await answerOf(link)
    await pair.alice.session(async (other) => {
      await other.query('LOCK TABLES hotspare.heartbeat WRITE')
      const looking = look(link, { waitMs: 3000 })
      await new Promise((resolve) => setTimeout(resolve, 700))
      await other.query('UNLOCK TABLES')
      const { answer } = await looking
      // Servers and tests go by the clock of one machine.
      const offsetMs = Date.now() - now()
      expect(now() - (answer?.readAtMs ?? 0)).toBeGreaterThan(600)
      expect((answer?.readAtMs ?? 0) + offsetMs - (answer?.clockMs ?? 0)).toBeLessThan(350)
    })
  })

  test('a heartbeat that hangs is killed by id, and never are two outstanding (T37)', async () => {
    const link = linkTo(pair.alice)
    await sendBeat(link, 10, {})
    const { clockMs } = await answerOf(link)
    const words = { untilClockMs: clockMs + 60_000, watchSinceClockMs: 0 }
    await pair.alice.session(async (root) => {
      await root.query('BEGIN')
      await root.query("UPDATE hotspare.heartbeat SET sequence = 0 WHERE pair = 'orders/alice'")
      expect((await perform(link, 'beat', { sequence: 11, ...words }, 400)).outcome).toBe('done')
      expect((await look(link)).beat).toMatchObject({ sequence: 11, state: 'pending' })
      const second = await perform(link, 'beat', { sequence: 12, ...words }, 400)
      expect(second).toMatchObject({ outcome: 'refused', message: expect.stringContaining('outstanding') })
      await waitFor('it is given up', async () => (await look(link)).beat?.state === 'failed')
      await waitFor('no heartbeat is left', async () => {
        const [row] = await pair.alice.query<{ writes: number }>(
          "SELECT COUNT(*) AS writes FROM information_schema.PROCESSLIST WHERE INFO LIKE 'UPDATE hotspare.heartbeat%' AND COMMAND = 'Query'",
        )
        return Number(row?.writes) === 0
      })
      await root.query('ROLLBACK')
    })
    await sendBeat(link, 13, {})
    expect((await answerOf(link)).heartbeat).toMatchObject({ sequence: 13 })
    expect((await answerOf(link)).others).toEqual([])
  })

  test('X31: each server has a heartbeat row of its own; the newest counts, be it one from before there were such', async () => {
    const noRows = 'DELETE FROM hotspare.heartbeat'
    await pair.alice.query(noRows)
    const row = (key: string, sequence: number) =>
      pair.alice.query(
        `REPLACE INTO hotspare.heartbeat VALUES ('${key}', ${sequence}, UTC_TIMESTAMP(6), 'before', UTC_TIMESTAMP(3))`,
      )
    await row('orders', 100)
    await row('orders-too/alice', 999)
    const link = linkTo(pair.alice)
    const before = await answerOf(link)
    expect(before.heartbeat).toMatchObject({ sequence: 100, watch: 'before' })
    expect(await sendBeat(link, 101, {})).toMatchObject({ state: 'committed' })
    expect(await sendBeat(link, 102, {})).toMatchObject({ state: 'committed' })
    const { executed, heartbeat } = await answerOf(link)
    expect(heartbeat).toMatchObject({ sequence: 102, watch: 'w1' })
    if (family === 'mariadb') expect(executed).toBe(before.executed)
    expect(await pair.alice.query('SELECT pair, sequence FROM hotspare.heartbeat ORDER BY sequence')).toEqual(
      [
        { pair: 'orders', sequence: 100 },
        { pair: 'orders/alice', sequence: 102 },
        { pair: 'orders-too/alice', sequence: 999 },
      ],
    )
    await pair.waitUntilCaughtUp(pair.bob)
    expect((await answerOf(linkTo(pair.bob))).heartbeat).toMatchObject({ sequence: 102 })
    // An older Hotspare is put back: it goes on in its own row.
    await row('orders', 103)
    expect((await answerOf(link)).heartbeat).toMatchObject({ sequence: 103, watch: 'before' })
    await pair.alice.query(noRows)
  })

  if (family === 'mariadb') {
    const replay = (verb: 'GRANT' | 'REVOKE') =>
      pair.alice.session(async (root) => {
        await root.query('SET SESSION sql_log_bin = 0')
        const to = verb === 'GRANT' ? 'TO' : 'FROM'
        // 10.11's SUPER, which is for events, stands for it.
        await root.query(`${verb} BINLOG REPLAY, SUPER ON *.* ${to} ${accountInSql(pair.hotspare)}`)
      })

    test('X31: without the right to number apart heartbeats go on in the usual domain, and it is told', async () => {
      const usual = async () =>
        (await pair.alice.executed()).split(',').filter((gtid) => gtid.startsWith('0-'))
      const before = await usual()
      const link = linkTo(pair.alice)
      expect((await answerOf(link)).numbering).toEqual({ inOrder: true, oursApart: true })
      expect(await sendBeat(link, 20, {})).toMatchObject({ state: 'committed' })
      expect(await usual()).toEqual(before)
      await replay('REVOKE')
      try {
        const without = linkTo(pair.alice, { who: 'w2' })
        expect((await answerOf(without)).numbering).toEqual({ inOrder: true, oursApart: false })
        expect(await sendBeat(without, 21, {})).toMatchObject({ state: 'committed' })
        expect(await usual()).not.toEqual(before)
      } finally {
        await replay('GRANT')
      }
      await pair.alice.query('DELETE FROM hotspare.heartbeat')
    })

    test('X31: once the right is there, heartbeats are numbered apart by this very watch', async () => {
      const usual = async () =>
        (await pair.alice.executed()).split(',').filter((gtid) => gtid.startsWith('0-'))
      await replay('REVOKE')
      let granted = false
      try {
        const link = linkTo(pair.alice, { who: 'w3' })
        const lacks = (count: number) =>
          waitFor(`${count} rights are missing`, async () => {
            const { answer } = await look(link, { rights: true })
            return answer?.rights?.missing?.length === count
          })
        await lacks(1)
        expect(await sendBeat(link, 30, {})).toMatchObject({ state: 'committed' })
        await replay('GRANT')
        granted = true
        await lacks(0)
        expect((await answerOf(link)).numbering).toEqual({ inOrder: true, oursApart: true })
        const before = await usual()
        expect(await sendBeat(link, 31, {})).toMatchObject({ state: 'committed' })
        expect(await usual()).toEqual(before)
      } finally {
        if (!granted) await replay('GRANT')
      }
      await pair.alice.query('DELETE FROM hotspare.heartbeat')
    })

    test('X31: a server whose own transactions would pass for ours is refused by name', async () => {
      await pair.alice.query('SET GLOBAL gtid_domain_id = 3000000005')
      try {
        const link = linkTo(pair.alice)
        const [probe] = (await probesUntil(link, 2)).filter(({ outcome }) => outcome === 'sick')
        expect(probe?.message).toContain('its gtid_domain_id is 3000000005')
      } finally {
        await pair.alice.query('SET GLOBAL gtid_domain_id = 0')
      }
    })
  }

  test('kill -9 closes the guard and tells within milliseconds; the next probes are refused', async () => {
    const link = linkTo(pair.alice)
    await answerOf(link)
    const told = Promise.withResolvers<number>()
    link.onChange(() => told.resolve(now()))
    const killedAt = now()
    await pair.alice.kill()
    expect((await told.promise) - killedAt).toBeLessThan(200)
    const startedAt = now()
    const probes = await probesUntil(link, 3, { probeEveryMs: 20, waitMs: 500 })
    expect(now() - startedAt).toBeLessThan(500)
    expect(probes.map((probe) => probe.outcome)).toEqual(['refused', 'refused', 'refused'])
    expect(await look(link)).toMatchObject({ guard: 'closed', answer: null })
    await pair.alice.start()
    const back = await answerOf(link)
    expect(back.closed).toBe(true)
  })

  test('a frozen server is silent, no look waits for it, and when it wakes it is read afresh', async () => {
    const link = linkTo(pair.alice)
    const before = await answerOf(link)
    pair.alice.freeze()
    await untilSilent(link)
    const probes: Probe[] = []
    const endsAt = now() + 3500
    while (now() < endsAt) {
      const startedAt = now()
      const view = await look(link, { waitMs: 100 })
      // A look that waited for the silent probe would take its whole second.
      expect(now() - startedAt).toBeLessThan(700)
      expect(view.answer).toBeNull()
      probes.push(...view.probes)
    }
    expect(probes.length).toBeGreaterThan(3)
    expect(new Set(probes.map((probe) => probe.outcome))).toEqual(new Set(['silent']))
    for (const probe of probes) expect(probe.endedAtMs - probe.startedAtMs).toBeLessThan(1100)
    pair.alice.wake()
    await writeOrder(pair.alice)
    const after = await answerOf(link)
    expect(after.session).not.toBe(before.session)
    expect(after.executed).not.toBe(before.executed)
    expect(after.executed).toBe(await executedSet(pair.alice))
  })

  test("X1: facts that come after their look has returned are the next one's, with the moment when they were asked for", async () => {
    const link = linkTo(pair.alice)
    const before = await answerOf(link)
    pair.alice.freeze()
    await untilSilent(link)
    const wokenAtMs = now()
    pair.alice.wake()
    const late = await untilAnswered(link, { waitMs: 0, probeEveryMs: 10_000 })
    expect(late.probes.filter(({ outcome }) => outcome !== 'answered')).toEqual([])
    expect(late.answer?.session).toBe(before.session)
    expect(late.answer?.readAtMs).toBeLessThan(wokenAtMs)
    // Once is enough.
    expect((await answerOf(link)).readAtMs).toBeGreaterThan(wokenAtMs)
  })

  test('X1: facts that were asked for before a step, or too long ago, are never taken for fresh ones', async () => {
    const link = linkTo(pair.alice, { probeTimeoutMs: 300 })
    const { session } = await answerOf(link)
    pair.alice.freeze()
    await untilSilent(link)
    const steppedAtMs = now()
    pair.alice.wake()
    const request = {
      probeEveryMs: 10_000,
      events: false,
      transactions: null,
      obstaclesFromMs: null,
      blockers: false,
      rights: false,
    }
    const view = await link.look({ ...request, waitMs: 1000 }, steppedAtMs)
    expect(view.answer).toMatchObject({ session })
    expect(view.answer?.readAtMs).toBeGreaterThanOrEqual(steppedAtMs)
    pair.alice.freeze()
    await untilSilent(link)
    // Each takes 300 ms, and the second begins when the first has ended: they are given up then.
    await probesUntil(link, 3, { probeEveryMs: 300 })
    pair.alice.wake()
    const wokenAtMs = now()
    expect((await answerOf(link)).readAtMs).toBeGreaterThanOrEqual(wokenAtMs)
  })

  test('the guard alone tells when its socket closes, and is opened again', async () => {
    const link = linkTo(pair.alice)
    const { session } = await answerOf(link)
    const told = Promise.withResolvers<void>()
    link.onChange(() => told.resolve())
    // Every session but the one of the looks: the guard, and what an earlier test may have left.
    const rest = await pair.alice.query<{ id: number }>(
      "SELECT ID AS id FROM information_schema.PROCESSLIST WHERE USER = 'hotspare' AND ID <> ?",
      [session],
    )
    for (const { id } of rest) await pair.alice.query('KILL ?', [id]).catch(() => undefined)
    await told.promise
    expect((await look(link, { waitMs: 0 })).guard).toBe('closed')
    expect((await answerOf(link)).session).toBe(session)
  })

  test('a close queued on a frozen server runs when it wakes, though we have left (T35)', async () => {
    const link = linkTo(pair.alice)
    await answerOf(link)
    pair.alice.freeze()
    const queued = await link.perform({ kind: 'queue-close', server: 'alice', deadlineMs: 500 })
    expect(queued.outcome).toBe('done')
    expect(queued.endedAtMs - queued.startedAtMs).toBeLessThan(50)
    await link.close()
    pair.alice.wake()
    await waitFor('alice is closed', async () => !(await pair.alice.isOpen()))
  })

  test('receiver and applier are stopped and started, and each is seen to be', async () => {
    const link = linkTo(pair.bob)
    const detached = await perform(link, 'detach', {})
    expect(detached.outcome).toBe('done')
    expect((await answerOf(link)).channel).toMatchObject({ receiver: 'off', applier: 'on' })
    expect((await perform(link, 'stop-applier', {})).outcome).toBe('done')
    expect((await answerOf(link)).channel).toMatchObject({ receiver: 'off', applier: 'off' })
    expect((await perform(link, 'start-threads', { applier: true, receiver: false })).outcome).toBe('done')
    expect((await answerOf(link)).channel).toMatchObject({ receiver: 'off', applier: 'on' })
    expect((await perform(link, 'start-threads', { applier: false, receiver: true })).outcome).toBe('done')
    await answerOf(link, (answer) => answer.channel?.receiver === 'on')
    expect((await perform(link, 'reconnect', {})).outcome).toBe('done')
    await answerOf(link, (answer) => answer.channel?.receiver === 'on')
  })

  test('detaching does not wait for a receiver that is connecting to a frozen source, and nothing comes in', async () => {
    const link = linkTo(pair.bob)
    await answerOf(link)
    pair.alice.freeze()
    expect((await perform(link, 'reconnect', {})).outcome).toBe('done')
    expect((await answerOf(link)).channel?.receiver).toBe('connecting')
    const { channel } = await answerOf(link)
    const detached = await perform(link, 'detach', {})
    expect(detached.outcome).toBe('done')
    expect(detached.endedAtMs - detached.startedAtMs).toBeLessThan(500)
    expect((await answerOf(link)).channel?.receiver).toBe('off')
    pair.alice.wake()
    await writeOrder(pair.alice)
    await waitFor('the receiver is off', async () => (await replicationOf(pair.bob)).receiver === 'off')
    expect((await answerOf(link)).channel?.received).toBe(channel?.received)
    expect((await perform(link, 'start-threads', { applier: true, receiver: true })).outcome).toBe('done')
    await answerOf(link, (answer) => answer.channel?.receiver === 'on')
  })

  test('an applier that holds half a transaction is stopped at once, and its rows are free (T34)', async () => {
    await pair.alice.query('CREATE TABLE IF NOT EXISTS shop.large (id INT PRIMARY KEY, filler LONGBLOB)')
    await pair.alice.query('REPLACE INTO shop.large VALUES (1, NULL)')
    await pair.waitUntilCaughtUp(pair.bob)
    const link = linkTo(pair.bob)
    await answerOf(link)
    const { aliceToBob } = pair.links ?? {}
    if (aliceToBob === undefined) throw new Error('the pair has no links')
    await aliceToBob.delay(20)
    const write = pair.alice.session(async (root) => {
      await root.query('BEGIN')
      await root.query("UPDATE shop.large SET filler = 'held' WHERE id = 1")
      for (let id = 2; id < 30; id += 1)
        await root.query("REPLACE INTO shop.large VALUES (?, REPEAT('x', 1000000))", [id])
      await root.query('COMMIT')
    })
    const inHand = 'SELECT id FROM shop.large WHERE id = 1'
    await waitFor('bob works on half of it', async () => {
      const { channel } = await answerOf(link)
      return channel !== null && channel.queueing !== '' && (await isLocked(pair.bob, inHand))
    })
    await aliceToBob.stall()
    await write
    await waitFor('the rest is not on its way', async () => (await answerOf(link)).channel?.queueing !== '')
    expect((await perform(link, 'detach', {})).outcome).toBe('done')
    const stopped = await perform(link, 'stop-applier', {}, 5000)
    expect(stopped).toMatchObject({ outcome: 'done', message: expect.stringMatching(words.stopOfHalf) })
    expect(stopped.endedAtMs - stopped.startedAtMs).toBeLessThan(2000)
    expect(await isLocked(pair.bob, inHand)).toBe(false)
    expect((await answerOf(link)).channel).toMatchObject({ receiver: 'off', applier: 'off', applying: [] })
  }, 60_000)

  test('the takeover record is kept, and read back', async () => {
    const link = linkTo(pair.alice)
    const gtidSet = (await answerOf(link)).executed
    expect((await perform(link, 'record-takeover', { epoch: 7, writer: 'alice', gtidSet })).outcome).toBe(
      'done',
    )
    expect((await perform(link, 'record-takeover', { epoch: 7, writer: 'alice', gtidSet })).outcome).toBe(
      'done',
    )
    const row = { epoch: 7, writer: 'alice', takenClockMs: expect.any(Number), gtidSet }
    expect((await answerOf(link)).takeover).toEqual(row)
    await pair.waitUntilCaughtUp(pair.bob)
    expect((await answerOf(linkTo(pair.bob))).takeover).toEqual(row)
  })

  test('semi-synchronous waiting is seen and switched off', async () => {
    expect((await perform(linkTo(pair.alice), 'stop-waiting', {})).outcome).toBe('done')
    for (const statement of WORDS[family].waiting.on) await pair.alice.query(statement)
    try {
      const link = linkTo(pair.alice)
      expect((await answerOf(link)).semiSync).toEqual({
        sourceWaits: true,
        // It waits for the first acknowledgement once there is somebody to give one.
        working: true,
        acknowledges: false,
        replicasAcknowledging: 0,
        timeoutMs: 10_000,
      })
      expect((await perform(link, 'stop-waiting', {})).outcome).toBe('done')
      expect((await answerOf(link)).semiSync).toMatchObject({ sourceWaits: false })
    } finally {
      await pair.alice.query(WORDS[family].waiting.off)
    }
  })

  test('errors that the server sends are sickness, not death (T3)', async () => {
    const denied = linkTo(pair.alice, {
      credentials: async () => ({ ...pair.hotspare, password: 'wrong' }),
      refreshCredentials: async () => pair.hotspare,
    })
    const [probe] = await probesUntil(denied, 1, { waitMs: 500 })
    expect(probe).toMatchObject({ outcome: 'sick', errno: 1045 })
    expect(probe?.message).not.toContain(pair.hotspare.user)
    await answerOf(denied)
    const full = await pair.alice.session(async (root) => {
      // MariaDB allows no fewer. The one that is kept for administrators is ours for the asking, so it is taken too.
      await root.query('SET GLOBAL max_connections = 10')
      const crowd: OpenConnection[] = []
      try {
        await waitFor('it is full', async () => {
          const more = await pair.connect(pair.hotspare, pair.alice).catch(() => null)
          if (more !== null) crowd.push(more)
          return more === null
        })
        return (await probesUntil(linkTo(pair.alice), 1, { waitMs: 500 }))[0]
      } finally {
        for (const each of crowd) each.close()
        await root.query('SET GLOBAL max_connections = 100')
      }
    })
    expect(full).toMatchObject({ outcome: 'sick', errno: 1040 })
  })

  test('a certificate of a strange authority or of another name is not trusted', async () => {
    const folder = temporaryFolder('strange')
    try {
      const ca = readFileSync(createAuthority(folder).caFile, 'utf8')
      const [strange] = await probesUntil(linkTo(pair.alice, { tls: { mode: 'verify-ca', ca } }), 1, {
        waitMs: 500,
      })
      expect(strange).toMatchObject({ outcome: 'untrusted', errno: null })
      const own = readFileSync(pair.caFile, 'utf8')
      const named = (servername: string) =>
        linkTo(pair.alice, { tls: { mode: 'verify-identity', ca: own, servername } })
      await answerOf(named('alice'))
      const [wrong] = await probesUntil(named('bob'), 1, { waitMs: 500 })
      expect(wrong).toMatchObject({ outcome: 'untrusted', errno: null })
    } finally {
      removeFolder(folder)
    }
  })

  test('the tables of single transactions are found in the binary log; what is not certain is said to be so', async () => {
    const { uuid, executed } = await answerOf(linkTo(pair.alice))
    const origin = words.origin(uuid)
    const last = lastOfOrigin(executed, uuid)
    await writeOrder(pair.alice)
    await pair.alice.query('FLUSH BINARY LOGS')
    await pair.alice.query("REPLACE INTO hotspare.takeover VALUES ('orders', 1, 'alice', NOW(6), '')")
    await pair.alice.query('CREATE TABLE shop.other (id INT PRIMARY KEY)')
    await pair.alice.query('DROP TABLE shop.other')
    await pair.alice.session(async (root) => {
      await root.query("SET SESSION binlog_format = 'MIXED'")
      await root.query("REPLACE INTO hotspare.takeover VALUES ('orders', 2, 'alice', '2026-01-01', '')")
    })
    const link = linkTo(pair.alice)
    await answerOf(link)
    const wanted = `${origin}:${last + 1}-${last + 5}:${last + 1000}`
    const view = await look(link, { waitMs: 3000, transactions: wanted })
    expect(view.answer?.transactions).toEqual([
      { gtid: words.gtid(uuid, last + 1), tables: ['shop.orders'] },
      { gtid: words.gtid(uuid, last + 2), tables: ['hotspare.takeover'] },
      { gtid: words.gtid(uuid, last + 3), tables: ['statement on shop.other'] },
      { gtid: words.gtid(uuid, last + 4), tables: ['statement on shop.other'] },
      { gtid: words.gtid(uuid, last + 5), tables: ['statement on hotspare.takeover'] },
      { gtid: words.gtid(uuid, last + 1000), tables: [] },
    ])
    // That nobody has it is not proven by its not being there.
    expect(view.answer).toMatchObject({
      absent: '',
      unread: expect.stringMatching(/binary logs do not have all/),
    })
  })

  test('X58: transactions are found wherever in a long log they stand, and whole', async () => {
    const { uuid, executed } = await answerOf(linkTo(pair.alice))
    const last = lastOfOrigin(executed, uuid)
    const many = 400
    await pair.alice.query('CREATE TABLE shop.second (id INT PRIMARY KEY)')
    await pair.alice.session(async (root) => {
      for (let each = 0; each < many; each++) {
        await root.query('BEGIN')
        await root.query('INSERT INTO shop.orders (token) VALUES (UUID())')
        await root.query('INSERT INTO shop.second VALUES (?)', [each])
        await root.query('COMMIT')
      }
    })
    const link = linkTo(pair.alice)
    await answerOf(link)
    const wanted = `${words.origin(uuid)}:${last + 2}-${last + 1 + many}`
    const { answer } = await look(link, { waitMs: 5000, transactions: wanted })
    const tables = ['shop.orders', 'shop.second']
    expect(answer?.transactions).toEqual(
      Array.from({ length: many }, (_, each) => ({ gtid: words.gtid(uuid, last + 2 + each), tables })),
    )
    expect(answer).toMatchObject({ absent: '', unread: '' })
    await pair.alice.query('DROP TABLE shop.second')
  })

  test('X58: a search that fails says why, in the words of the server', async () => {
    const link = linkTo(pair.alice)
    const { uuid } = await answerOf(link)
    const right = `${WORDS[family].readsLogs} ON *.*`
    const change = (sql: string) =>
      pair.alice.session(async (root) => {
        await root.query('SET SESSION sql_log_bin = 0')
        await root.query(sql)
      })
    await change(`REVOKE ${right} FROM ${accountInSql(pair.hotspare)}`)
    try {
      const { answer } = await look(link, { waitMs: 3000, transactions: `${words.origin(uuid)}:1` })
      expect(answer).toMatchObject({ transactions: null, unread: expect.stringMatching(/Access denied/) })
    } finally {
      await change(`GRANT ${right} TO ${accountInSql(pair.hotspare)}`)
    }
  })

  // What only MySQL has words for: its list of locks, and half a close.
  if (family === 'mysql') {
    test('obstacles: who stands in the way, by kind and age, never by the text of a statement', async () => {
      const link = linkTo(pair.alice)
      const idle = await answerOf(link)
      expect(idle.obstacles).toBeNull()
      const found = async (isRight: (found: NonNullable<Answer['obstacles']>) => boolean) => {
        let seen: Answer['obstacles'] = null
        await waitFor('the obstacles', async () => {
          seen = (await look(link, { obstaclesFromMs: 150 })).answer?.obstacles ?? null
          return seen !== null && isRight(seen)
        })
        return seen as unknown as NonNullable<Answer['obstacles']>
      }
      await pair.alice.session(async (other) => {
        await other.query('BEGIN')
        await other.query(`INSERT INTO shop.orders (token, note) VALUES (UUID(), 'a secret')`)
        const [transaction] = await found((all) => all.some(({ kind }) => kind === 'transaction'))
        expect(transaction).toMatchObject({ account: 'root', doing: 'transaction with changes' })
        expect(transaction?.ageMs).toBeGreaterThanOrEqual(150)
        await other.query('ROLLBACK')
      })
      await pair.alice.session(async (other) => {
        other.query(`SELECT SLEEP(2), 'a secret'`).catch(() => undefined)
        const all = await found((some) => some.some(({ kind }) => kind === 'statement'))
        expect(all.map(({ doing }) => doing)).toContain('select')
        expect(JSON.stringify(all)).not.toContain('secret')
      })
      await found((all) => all.length === 0)
      for (const [sql, kind, doing] of [
        ['LOCK TABLES shop.orders WRITE', 'lock', 'table lock'],
        ['LOCK TABLES shop.orders READ', 'lock', 'table lock'],
        ['FLUSH TABLES WITH READ LOCK', 'lock', 'global read lock'],
        ['LOCK INSTANCE FOR BACKUP', 'backup', 'backup lock'],
      ] as const)
        await pair.alice.session(async (other) => {
          await other.query(sql)
          expect(await found((all) => all.length > 0)).toMatchObject([{ kind, doing, account: 'root' }])
        })
      expect(await found((all) => all.length === 0)).toEqual([])
    })

    test('(T12) a close that gives up within its limit changed nothing, and says so', async () => {
      const link = linkTo(pair.alice)
      await pair.alice.session(async (other) => {
        await other.query('LOCK TABLES shop.orders WRITE')
        const result = await perform(link, 'close', { lockWaitSeconds: 1, killFirst: false })
        expect(result).toMatchObject({ outcome: 'refused' })
        expect(result.message).toMatch(/Lock wait timeout/)
      })
      expect(await pair.alice.isOpen()).toBe(true)
      expect((await answerOf(link)).halfClosed).toBe(false)
    })

    test('a server that is half closed says so, and is opened as a whole', async () => {
      const link = linkTo(pair.alice)
      await pair.alice.query('SET GLOBAL read_only = ON')
      expect(await answerOf(link)).toMatchObject({ closed: false, halfClosed: true })
      await perform(link, 'open', { untilClockMs: soon() })
      expect(await answerOf(link)).toMatchObject({ closed: false, halfClosed: false })
    })
  }
}
