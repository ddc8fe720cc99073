/**
 * What each server of a pair says of its receiving from the other, and waiting for it.
 *
 * The one thing to understand: it is asked with SHOW REPLICA STATUS, which both families have; the names of its columns begin with
 * different words and end alike.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { DatabaseServer } from './database-server.ts'

export interface Replication {
  readonly receiver: 'on' | 'connecting' | 'off'
  readonly receiverErrno: number
  readonly receiverError: string
  readonly applier: 'on' | 'off'
  readonly applierErrno: number
  readonly applierError: string
  /** Where in the source's binary log the receiver reads: file and offset. */
  readonly reading: readonly [file: string, offset: number]
}

/** Throws if the server is no replica. */
export async function replicationOf(server: DatabaseServer): Promise<Replication> {
  const [row] = await server.query('SHOW REPLICA STATUS')
  if (row === undefined) throw new Error(`${server.name} is not set up as a replica`)
  const column = (pattern: RegExp): string => {
    const found = Object.entries(row).find(([name]) => pattern.test(name))
    if (found === undefined) throw new Error(`SHOW REPLICA STATUS has no ${pattern}`)
    return String(found[1] ?? '')
  }
  const running = { Yes: 'on', No: 'off' } as const
  return {
    receiver: running[column(/_IO_Running$/) as 'Yes' | 'No'] ?? 'connecting',
    receiverErrno: Number(column(/^Last_IO_Errno$/)),
    receiverError: column(/^Last_IO_Error$/),
    applier: column(/_SQL_Running$/) === 'Yes' ? 'on' : 'off',
    applierErrno: Number(column(/^Last_SQL_Errno$/)),
    applierError: column(/^Last_SQL_Error$/),
    reading: [column(/^(?!Relay_)[A-Za-z]+_Log_File$/), Number(column(/^Read_[A-Za-z]+_Log_Pos$/))],
  }
}

/** Resolves when receiver and applier run. Throws after `timeoutMs`, with their errors. */
export async function waitUntilReplicating(server: DatabaseServer, timeoutMs: number): Promise<void> {
  await waitFor(`${server.name} receives and applies`, timeoutMs, async () => {
    const { receiver, receiverError, applier, applierError } = await replicationOf(server)
    if (receiver === 'on' && applier === 'on') return undefined
    return `receiver ${receiver} ${receiverError}, applier ${applier} ${applierError}`
  })
}

/** Resolves when `replica` has applied everything that `source` has committed by now. Throws after `timeoutMs`. */
export async function waitUntilCaughtUp(
  source: DatabaseServer,
  replica: DatabaseServer,
  timeoutMs: number,
): Promise<void> {
  const wanted = await source.executed()
  await waitFor(`${replica.name} has what ${source.name} has`, timeoutMs, async () => {
    if (await replica.hasCommitted(wanted)) return undefined
    return `${replica.name} has ${await replica.executed()}, ${source.name} ${wanted}`
  })
}

/** Asks again and again until `ask` returns undefined; what it returned last stands in the error at the deadline. */
async function waitFor(
  what: string,
  timeoutMs: number,
  ask: () => Promise<string | undefined>,
): Promise<void> {
  const endsAt = performance.now() + timeoutMs
  for (;;) {
    const missing = await ask()
    if (missing === undefined) return
    if (performance.now() > endsAt) throw new Error(`Waited ${timeoutMs} ms until ${what}; still: ${missing}`)
    await pause(20)
  }
}
