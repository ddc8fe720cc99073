/**
 * What differs between the families of servers that the lab can start: where they come from, how their data is made, and their words.
 *
 * The one thing to understand: everything else in the lab is the same for both, so whatever needs to know the family asks the
 * flavour; nothing else compares names of families.
 */
import { mariadb } from './mariadb.ts'
import { mysql } from './mysql.ts'
import type { ServerBinary } from './server-binary.ts'

export type Family = 'mysql' | 'mariadb'

/** Options of a server's own options file, by their names there: `{ sync_binlog: '0' }`. */
export type ServerOptions = Readonly<Record<string, string>>

/** How a server's replica is told from whom to receive. */
export interface ReplicationSource {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  readonly caFile: string
}

export interface Flavour {
  readonly family: Family
  /** For people. */
  readonly title: string
  /** The server's program. */
  readonly program: string
  /** Names another program to use. */
  readonly programVariable: string
  /** The lab sets its servers up in the words of this version and later ones. */
  readonly oldestVersion: string
  /** Whether the output of `--version` is of this family. */
  isIt(versionText: string): boolean
  /** The Debian suite to take it from, and how its versions begin there; empty for any. Throws for a wish that can't be met. */
  release(): { readonly suite: string; readonly versionPrefix: string; readonly wished: boolean }
  /** Where an installation may keep messages, character sets and system tables, seen from its `usr` or other root. */
  readonly shareFolders: readonly string[]
  /** Whether the lab itself reads files there, and so must know the folder of an installed server too. */
  readonly readsShareFolder: boolean
  /** File sizes must be the same when a directory is made and when a server runs on it; small ones copy fast. */
  readonly fileSizeOptions: ServerOptions
  /** Makes a data directory in an empty folder and runs the statements there, each on a line of its own, out of the binary log. */
  initialise(work: Initialisation): Promise<void>
  /** Replication as Hotspare requires it, closed at boot with its threads stopped; and whatever keeps a server small and quick. */
  readonly options: ServerOptions
  /** What a pair's own configuration has to say because the server doesn't; by its first two levels. */
  readonly configuration: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  /** Lets everybody write. */
  readonly open: string
  /** Refuses all writes that the family can refuse. */
  readonly close: string
  /** 1 if an application can write. */
  readonly isOpenExpression: string
  /** Everything that a server has committed, as the server writes it. */
  readonly executedExpression: string
  /** Whether the server that `ask` reaches has committed all of what another has executed. */
  hasCommitted(ask: Ask, executed: string): Promise<boolean>
  /** Makes a server a replica with GTIDs over verified TLS, heartbeats and retries every second; it doesn't start threads. */
  receiveFrom(source: ReplicationSource): { readonly sql: string; readonly values: readonly unknown[] }
}

/** Runs one statement and gives back its rows. */
export type Ask = <Row>(sql: string, values?: unknown[]) => Promise<Row[]>

export interface Initialisation {
  readonly binary: ServerBinary
  readonly statements: readonly string[]
  /** Exists and is empty. Files beside it whose names begin with its own are deleted with it. */
  readonly folder: string
  /** Options that tell where things are. */
  readonly options: readonly string[]
}

export const flavours: Readonly<Record<Family, Flavour>> = { mysql, mariadb }

export const FAMILIES: readonly Family[] = ['mysql', 'mariadb']
