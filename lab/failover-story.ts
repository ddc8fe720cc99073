/**
 * One failover, played and judged: an application writes through the name, the writer dies, and everything that matters is
 * measured from the moment of the death. The demo tells it, the tests assert on it, the benchmark repeats it.
 */
import { Resolver } from 'node:dns/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { type Acknowledged, type Application, startApplication } from './application.ts'
import { openConnection } from './database/connection.ts'
import type { DatabaseServer } from './database/database-server.ts'
import { prepareDeath, type Scenario } from './death.ts'
import { firstCommit } from './first-commit.ts'
import type { Invocation, LogLine } from './lambda/invocation.ts'
import { type LookLine, lookOf, messageOf } from './log-line.ts'
import { PAIR, type Stage, WRITER_NAME } from './stage.ts'

export type { Scenario } from './death.ts'

export interface Verdict {
  readonly ok: boolean
  readonly server: string
  readonly scenario: Scenario
  readonly bundleSha256: string
  readonly ackedRows: number
  /** Rows acknowledged before the death that the new writer does not have. */
  readonly lostRows: number
  /** How many transactions the report had declared at risk; null: it could not say. */
  readonly declaredAtRisk: number | null
  readonly detectedMs: number
  readonly confirmedMs: number
  readonly claimedMs: number
  readonly caughtUpMs: number
  readonly openedMs: number
  readonly movedMs: number
  /** The first write on the spare that a prober got committed. */
  readonly writableMs: number
  /** The application's first row through the name. */
  readonly throughNameMs: number
  /** Rows that the deposed writer acknowledged after it woke. */
  readonly acceptedAfterWake: number
  /** For how long both were open after it woke, as far as it answered. */
  readonly doubleOpenMs: number
  readonly failures: readonly string[]
}

export interface StoryOptions {
  readonly scenario: Scenario
  readonly tell?: (text: string) => void
  /** The application writes this long before the death. */
  readonly warmUpMs?: number
  /** How long the frozen writer sleeps. */
  readonly frozenMs?: number
  /** How long the spare may take to be open and found; default 30,000 ms, for a spare that has much to apply 90,000. */
  readonly timeoutMs?: number
  /** Called with the watch as soon as its process exists. */
  readonly onWatching?: (watching: Invocation) => void
}

const FAILOVER_TIMEOUT_MS = 30_000
const BACKLOG_TIMEOUT_MS = 90_000

/** Plays one failover from alice to bob on a fresh stage. Throws only if the stage itself breaks; a bad outcome is in `failures`. */
export async function playFailover(stage: Stage, options: StoryOptions): Promise<Verdict> {
  const tell = options.tell ?? (() => undefined)
  const timeoutMs =
    options.timeoutMs ?? (options.scenario === 'backlog' ? BACKLOG_TIMEOUT_MS : FAILOVER_TIMEOUT_MS)
  const { pair } = stage
  const old = { server: pair.alice, host: pair.hostFor('application', pair.alice) }
  const spare = { server: pair.bob, host: pair.hostFor('application', pair.bob) }
  const watching = stage.watcher().start({ action: 'watch', pair: PAIR })
  options.onWatching?.(watching)
  narrate(watching, tell)
  await watching.waitForLog((line) => lookOf(line)?.situation === 'healthy', FAILOVER_TIMEOUT_MS)
  const apps = startApplications(stage, options.scenario, old.host)
  try {
    await apps.byName.firstFrom(old.host, 0, 10_000)
    tell(`An application writes a row every 10 ms through ${WRITER_NAME}.`)
    await pause(options.warmUpMs ?? 3000)
    const death = await prepareDeath(pair, options.scenario)
    const sentry = options.scenario === 'freeze' ? await watchOpen(stage, old.server) : null
    const diedAtMs = performance.now()
    const diedWallMs = Date.now()
    tell(death.words)
    const dying = death.begin()
    const writable = firstCommit(pair, spare.server, timeoutMs)
    // Awaited only after the record has moved; what went wrong is told then.
    writable.catch(() => undefined)
    await dying
    const moved = await watching.waitForLog((line) => reached(line, 'moved'), timeoutMs)
    const writableMs = (await writable) - diedAtMs
    const through = await apps.byName.firstFrom(spare.host, diedAtMs, FAILOVER_TIMEOUT_MS)
    tell(
      `dig ${WRITER_NAME}: ${(await resolveName(stage)).join(', ')}. The application writes again, through the name.`,
    )
    const wake =
      sentry === null
        ? { acceptedAfterWake: 0, doubleOpenMs: 0, wokeAtMs: Number.POSITIVE_INFINITY }
        : await wakeUp(stage, apps, sentry, old, tell, diedAtMs, options.frozenMs ?? 6000)
    const message = await stage.aws.sns.waitForMessage(
      (each) => each.attributes.event === 'failed-over',
      10_000,
    )
    tell(
      `The message that people got:\n\n  ${message.subject}\n  ${message.message.split('\n').join('\n  ')}\n`,
    )
    await apps.stop()
    const acked = apps.byName.acknowledged
    const look = lookOf(moved) as LookLine
    const times = timesOf(look, diedWallMs)
    const lostRows = await countLost(
      stage,
      spare.server,
      acked.filter(({ host, atMs }) => host === old.host && atMs < wake.wokeAtMs),
    )
    const declaredAtRisk = look.risk?.transactionsAtMost ?? null
    const verdict = {
      server: `${pair.family} ${old.server.binary.version}`,
      scenario: options.scenario,
      bundleSha256: stage.bundle.sha256,
      ackedRows: acked.length,
      lostRows,
      declaredAtRisk,
      ...times,
      writableMs: Math.round(writableMs),
      throughNameMs: Math.round(through.atMs - diedAtMs),
      acceptedAfterWake: wake.acceptedAfterWake,
      doubleOpenMs: wake.doubleOpenMs,
    }
    const failures = [...judge(stage, verdict), ...(await death.missing())]
    return { ok: failures.length === 0, ...verdict, failures }
  } finally {
    await apps.stop()
    watching.kill()
    await watching.finished
  }
}

interface Applications {
  readonly byName: Application
  /** Writes straight to the old writer, on a connection that it never gives up. */
  readonly stubborn: Application | null
  stop(): Promise<void>
}

function startApplications(stage: Stage, scenario: Scenario, oldHost: string): Applications {
  const { application: account, port, caFile } = stage.pair
  const nameServer = stage.aws.environment.HOTSPARE_NAME_SERVER
  const common = { account, port, caFile }
  const byName = startApplication({ ...common, name: 'app', target: { name: WRITER_NAME, nameServer } })
  const stubborn =
    scenario === 'freeze'
      ? startApplication({ ...common, name: 'stubborn', target: { host: oldHost } })
      : null
  return {
    byName,
    stubborn,
    stop: async () => {
      await Promise.all([byName.stop(), stubborn?.stop()])
    },
  }
}

interface Sentry {
  /** Asks whether the server is open; resolves when it is able to answer. */
  isOpen(): Promise<boolean>
  close(): void
}

/** A connection as root over the unix socket, made before the freeze, to see how long the woken server stays open. */
async function watchOpen(stage: Stage, server: DatabaseServer): Promise<Sentry> {
  const { application, port, caFile } = stage.pair
  const opened = await openConnection({ ...application, host: server.host, port, caFile }, 5000)
  return {
    async isOpen() {
      const [rows] = await opened.connection.query('SELECT @@global.read_only AS closed')
      return (rows as { closed: number }[])[0]?.closed === 0
    },
    close: opened.close,
  }
}

async function wakeUp(
  stage: Stage,
  apps: Applications,
  sentry: Sentry,
  old: { server: DatabaseServer; host: string },
  tell: (text: string) => void,
  diedAtMs: number,
  frozenMs: number,
): Promise<{ acceptedAfterWake: number; doubleOpenMs: number; wokeAtMs: number }> {
  await pause(Math.max(0, diedAtMs + frozenMs - performance.now()))
  tell(`Wake the old writer, alice, after ${Math.round((performance.now() - diedAtMs) / 1000)} s.`)
  const wokeAtMs = performance.now()
  old.server.wake()
  let openUntilMs = wokeAtMs
  try {
    const endsAtMs = wokeAtMs + 10_000
    while (performance.now() < endsAtMs && (await sentry.isOpen())) openUntilMs = performance.now()
  } catch {
    // Its session was killed: it is closed.
  } finally {
    sentry.close()
  }
  await stage.aws.sns.waitForMessage(({ attributes }) => RETURNED.has(attributes.event ?? ''), 15_000)
  const accepted = [...apps.byName.acknowledged, ...(apps.stubborn?.acknowledged ?? [])].filter(
    ({ host, atMs }) => host === old.host && atMs > wokeAtMs,
  )
  tell(
    `The old writer acknowledged ${accepted.length} rows after it woke; it was open for ${Math.round(openUntilMs - wokeAtMs)} ms.`,
  )
  return { acceptedAfterWake: accepted.length, doubleOpenMs: Math.round(openUntilMs - wokeAtMs), wokeAtMs }
}

/** What can be said about an old writer that is back. */
const RETURNED = new Set(['old-writer-returned', 'server-held'])

function narrate(invocation: Invocation, tell: (text: string) => void): void {
  invocation.onLog((line: LogLine) => {
    const look = lookOf(line)
    if (look !== null && look.step !== 'beat') tell(`[${look.situation}] ${look.because}`)
    const message = messageOf(line)
    if (message !== null && message.event !== 'failed-over') tell(`Message: ${message.subject}`)
  })
}

function reached(line: LogLine, what: string): boolean {
  return lookOf(line)?.timeline.some((mark) => mark.what === what) === true
}

/** The function's own account of it, in ms since the death. Its monotonic clock is tied to ours through the wall clock of the line. */
function timesOf(look: LookLine, diedWallMs: number) {
  const since = (what: string) => {
    const mark = look.timeline.find((each) => each.what === what)
    return mark === undefined ? -1 : Math.round(look.world.wallClockMs - (look.now - mark.atMs) - diedWallMs)
  }
  return {
    detectedMs: since('detected'),
    confirmedMs: since('confirmed'),
    claimedMs: since('claimed'),
    caughtUpMs: since('caughtUp'),
    openedMs: since('opened'),
    movedMs: since('moved'),
  }
}

async function countLost(
  stage: Stage,
  server: DatabaseServer,
  acked: readonly Acknowledged[],
): Promise<number> {
  const rows = await stage.pair.as(stage.pair.application, server, async (connection) => {
    const [found] = await connection.query(`SELECT token FROM shop.orders WHERE token LIKE 'app-%'`)
    return found as { token: string }[]
  })
  const present = new Set(rows.map(({ token }) => token))
  return acked.filter(({ token }) => !present.has(token)).length
}

async function resolveName(stage: Stage): Promise<string[]> {
  const resolver = new Resolver({ timeout: 1000, tries: 2 })
  resolver.setServers([stage.aws.environment.HOTSPARE_NAME_SERVER])
  return resolver.resolve4(WRITER_NAME)
}

function judge(stage: Stage, verdict: Omit<Verdict, 'ok' | 'failures'>): string[] {
  const failures: string[] = []
  const expect = (holds: boolean, otherwise: string) => {
    if (!holds) failures.push(otherwise)
  }
  const { lostRows, declaredAtRisk, acceptedAfterWake } = verdict
  expect(
    declaredAtRisk !== null && lostRows <= declaredAtRisk,
    `${lostRows} rows lost, ${declaredAtRisk ?? 'an unknown number'} declared at risk`,
  )
  expect(acceptedAfterWake <= 5, `the deposed writer accepted ${acceptedAfterWake} rows after it woke`)
  expect(stage.aws.route53.counts.upserts === 0, 'something was upserted')
  return failures
}
