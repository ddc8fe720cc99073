/**
 * Who writes while the writer's role is moved: applications through the name, which are the load, and a client on each server that
 * never stops trying, which measures for how long nobody could write.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { type Application, startApplication } from './application.ts'
import type { OpenConnection } from './database/connection.ts'
import type { DatabaseServer } from './database/database-server.ts'
import type { Family } from './database/family.ts'
import { type Knocker, knockOn } from './knocker.ts'
import { type Stage, WRITER_NAME } from './stage.ts'

export interface LoadOptions {
  /** How many applications write at once; none is a load too, of the clients that measure alone. @default 4 */
  readonly applications?: number
  /** Each writes a row so often, ms. @default 10 */
  readonly everyMs?: number
  /** How long an application that got an error waits, ms. @default as `everyMs` */
  readonly retryAfterMs?: number
  /** How many connections more are held on the writer at each swap, as pools hold them: a switchover ends them all. @default 0 */
  readonly idleSessions?: number
  /** What its rows' tokens begin with, so that several loads on one pair are told apart. @default '' */
  readonly prefix?: string
}

/** Some 1,100 rows a second, which replicas can follow on two cores; more than that, and what is seen is how far the spare lags. */
export const BUSY_LOAD: Readonly<Record<Family, LoadOptions>> = {
  mysql: { applications: 5, everyMs: 5 },
  mariadb: { applications: 4, everyMs: 5 },
}

/** Everybody who writes. */
export interface Load {
  readonly apps: readonly Application[]
  knockerOf(server: DatabaseServer): Knocker
  /** Every row that was acknowledged to anybody so far. */
  tokens(): string[]
  /** Holds the idle sessions on this server, and those of before no more. */
  holdOn(server: DatabaseServer): Promise<void>
  /** Lets everybody write for so long; gives acknowledged rows a second. */
  rate(forMs: number): Promise<number>
  /** The applications write half as often from now on. */
  ease(): void
  stop(): Promise<void>
}

export function startLoad(stage: Stage, options: LoadOptions): Load {
  const { pair } = stage
  const prefix = options.prefix ?? ''
  const apps = startApplications(stage, options)
  const onAlice = knockOn(stage, pair.alice, `${prefix}knock-alice`)
  const onBob = knockOn(stage, pair.bob, `${prefix}knock-bob`)
  const tokens = () => [
    ...apps.flatMap(({ acknowledged }) => acknowledged.map(({ token }) => token)),
    ...[onAlice, onBob].flatMap((knocker) => knocker.tokens),
  ]
  let held: OpenConnection[] = []
  const letGo = () => {
    for (const each of held.splice(0)) each.close()
  }
  return {
    apps,
    knockerOf: (server) => (server === pair.alice ? onAlice : onBob),
    tokens,
    async holdOn(server) {
      letGo()
      const wanted = Array.from({ length: options.idleSessions ?? 0 })
      held = await Promise.all(wanted.map(() => pair.connect(pair.application, server)))
    },
    async rate(forMs) {
      const [startedAtMs, before] = [performance.now(), tokens().length]
      await pause(forMs)
      return Math.round(((tokens().length - before) * 1000) / (performance.now() - startedAtMs))
    },
    ease() {
      for (const app of apps) app.ease()
    },
    async stop() {
      letGo()
      await Promise.all([...apps, onAlice, onBob].map((each) => each.stop()))
    },
  }
}

function startApplications(stage: Stage, options: LoadOptions): Application[] {
  const { application: account, port, caFile } = stage.pair
  const nameServer = stage.aws.environment.HOTSPARE_NAME_SERVER
  const target = { name: WRITER_NAME, nameServer }
  return Array.from({ length: options.applications ?? 4 }, (_, index) =>
    startApplication({
      ...{ account, port, caFile, target, name: `${options.prefix ?? ''}app${index}` },
      everyMs: options.everyMs ?? 10,
      ...(options.retryAfterMs === undefined ? {} : { retryAfterMs: options.retryAfterMs }),
    }),
  )
}
