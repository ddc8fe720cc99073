/** What the configuration says about one pair, as far as decisions need it. Validated before it gets here; plain data. */
import type { ServerName } from './world.ts'

export interface Policy {
  readonly pair: string
  /** Exactly two. */
  readonly servers: Readonly<Record<ServerName, ServerPolicy>>
  readonly record: {
    readonly name: string
    readonly type: 'A' | 'AAAA' | 'CNAME'
    readonly ttlSeconds: number
  }
  readonly detection: {
    readonly probeIntervalMs: number
    readonly probeTimeoutMs: number
    /** Refused probes in a row that confirm a death. */
    readonly refusedProbes: number
    /** Failed probes in a row, of any kind, that confirm one. */
    readonly silentProbes: number
    /** For how long before the writer's first failure the spare may lack what the writer committed: as far as that it was up to date. */
    readonly freshnessMs: number
  }
  readonly failover: {
    readonly mode: 'automatic' | 'alert' | 'observe'
    /** After how long people are told that the spare still applies what it received. */
    readonly catchUpTimeoutMs: number
    readonly cooldownMs: number
    /** Essentials that the configuration goes without, by name. */
    readonly acceptMissing: readonly Essential[]
    /** How long what blocks the spare is waited for before its session is ended; null: it never is. */
    readonly endBlockersAfterMs: number | null
  }
  readonly switchover: {
    /** How long nobody may be able to write. */
    readonly writeBlockMs: number
    /** Transactions and statements older than this stand against it. */
    readonly longTransactionMs: number
  }
  /** A claim's length. */
  readonly claimMs: number
}

export type Essential = 'skip-replica-start'

export interface ServerPolicy {
  /** What the writer record holds when this server is the writer. */
  readonly address: string
}
