/**
 * The whole stage on loopback: two real servers, AWS's side, the built bundle run as Lambda runs it, and its configuration. The
 * demo, the end-to-end tests and the benchmarks all play here.
 */
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { buildBundle } from '../lambda/bundle.ts'
import { type LabAws, startLabAws } from './aws/lab-aws.ts'
import { removeFolder, temporaryFolder } from './cleanup.ts'
import { type Family, flavours } from './database/family.ts'
import { type Pair, type PairOptions, startPair } from './database/pair.ts'
import { LocalFunction } from './lambda/function.ts'

export const PAIR = 'orders'
export const WRITER_NAME = 'writer.orders.example.com'
const TOPIC = 'arn:aws:sns:us-east-1:123456789012:hotspare'
const SECRET = 'hotspare/orders'

export interface StageOptions {
  /** Default: mysql. */
  readonly family?: Family
  readonly pair?: Omit<PairOptions, 'family' | 'onProgress'>
  readonly ttlSeconds?: number
  /** How long a change takes to reach the name server. */
  readonly insyncAfterMs?: number
  /** Merged over the pair's configuration, key by key of its first level. */
  readonly configuration?: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  readonly onProgress?: (text: string) => void
  /** A bundle built before; built anew without. */
  readonly bundle?: Stage['bundle']
}

export interface Stage {
  readonly pair: Pair
  readonly aws: LabAws
  readonly bundle: { readonly file: string; readonly bytes: number; readonly sha256: string }
  /** The deployed function; `name` tells several apart, `override` changes its configuration. */
  watcher(options?: WatcherOptions): LocalFunction
  /** Ends everything; nothing is left running. */
  close(): Promise<void>
}

export interface WatcherOptions {
  readonly name?: string
  readonly handler?: 'watch' | 'request'
  readonly timeoutMs?: number
  readonly configuration?: StageOptions['configuration']
  readonly caFile?: string
}

export async function openStage(options: StageOptions = {}): Promise<Stage> {
  const onProgress = options.onProgress ?? (() => undefined)
  if (options.bundle === undefined) onProgress('Building the bundle')
  const [bundle, pair, aws] = await Promise.all([
    options.bundle ?? buildBundle(),
    startPair({ family: options.family ?? 'mysql', onProgress, ...options.pair }),
    startLabAws({ insyncAfterMs: options.insyncAfterMs ?? 0 }),
  ])
  const folder = temporaryFolder('stage')
  const { user, password } = pair.hotspare
  aws.secrets.put(SECRET, { username: user, password })
  const functions: LocalFunction[] = []
  let configurations = 0
  return {
    pair,
    aws,
    bundle,
    watcher(watcher = {}) {
      const file = join(folder, `hotspare-${++configurations}.json`)
      writeFileSync(file, JSON.stringify(configurationFor(pair, options, watcher), null, 2))
      const made = new LocalFunction({
        bundleFile: resolve(bundle.file),
        handler: watcher.handler ?? 'watch',
        environment: { ...aws.environment, HOTSPARE_CONFIG: file },
        timeoutMs: watcher.timeoutMs ?? 160_000,
        ...(watcher.name === undefined ? {} : { name: watcher.name }),
      })
      functions.push(made)
      return made
    },
    async close() {
      await Promise.all(functions.map((each) => each.close()))
      await Promise.all([pair.remove(), aws.close()])
      removeFolder(folder)
    },
  }
}

function configurationFor(pair: Pair, options: StageOptions, watcher: WatcherOptions): unknown {
  const server = (host: string, address: string) => ({ host, port: pair.port, address })
  const defaults: Record<string, unknown> = {
    ...flavours[pair.family].configuration,
    servers: {
      alice: server(pair.hostFor('function', pair.alice), pair.hostFor('application', pair.alice)),
      bob: server(pair.hostFor('function', pair.bob), pair.hostFor('application', pair.bob)),
    },
    credentials: { secretId: SECRET },
    tls: { mode: 'verify-ca', caFile: watcher.caFile ?? pair.caFile },
    directory: {
      kind: 'route53',
      hostedZoneId: 'Z0EXAMPLE',
      writerName: WRITER_NAME,
      recordType: 'A',
      ttlSeconds: options.ttlSeconds ?? 5,
    },
  }
  for (const [key, value] of Object.entries({ ...options.configuration, ...watcher.configuration }))
    defaults[key] = { ...((defaults[key] as object | undefined) ?? {}), ...value }
  return { pairs: { [PAIR]: defaults }, alerts: { topicArn: TOPIC } }
}
