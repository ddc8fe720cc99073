/** What the tests of switchovers share: a request, its answer, and a client that shows for how long nobody could write. */
import { expect } from 'vitest'
import type { Knocker } from '../../lab/knocker.ts'
import { knockOn } from '../../lab/knocker.ts'
import type { Invocation } from '../../lab/lambda/invocation.ts'
import { type LookLine, lookOf } from '../../lab/log-line.ts'
import { PAIR, type Stage, type StageOptions } from '../../lab/stage.ts'
import type { SwitchoverAnswer } from '../../lambda/switchover-request.ts'
import { eventually, isOpen, ledgerOf, looks, onStage, recordOf, startWatch } from './on-stage.ts'

export interface Scene {
  readonly stage: Stage
  readonly watch: Invocation
  /** Sends a switchover; to bob if nothing else is said. */
  send(event?: Readonly<Record<string, unknown>>): Invocation
  /** The same, and waits for its answer. */
  ask(event?: Readonly<Record<string, unknown>>): Promise<SwitchoverAnswer>
  /** Every row that any server acknowledged to a client that never stopped trying. */
  readonly knockers: { readonly alice: Knocker; readonly bob: Knocker }
}

/** A pair with a watch at work and clients that try to write on both servers all the time. */
export async function onScene(options: StageOptions, play: (scene: Scene) => Promise<void>): Promise<void> {
  await onStage(options, async (stage) => {
    const watch = await startWatch(stage)
    const requests = stage.watcher({ handler: 'request', name: 'request' })
    const knockers = {
      alice: knockOn(stage, stage.pair.alice, 'on-alice'),
      bob: knockOn(stage, stage.pair.bob, 'on-bob'),
    }
    const send = (event: Readonly<Record<string, unknown>> = {}) =>
      requests.start({ action: 'switchover', pair: PAIR, to: 'bob', ...event })
    try {
      await eventually('alice takes writes', () => knockers.alice.tokens.length > 20)
      await play({ stage, watch, send, ask: async (event) => answerOf(await send(event).finished), knockers })
    } finally {
      await Promise.all([knockers.alice.stop(), knockers.bob.stop()])
    }
  })
}

export function answerOf({ result, error }: Awaited<Invocation['finished']>): SwitchoverAnswer {
  expect(error).toBeUndefined()
  return result as SwitchoverAnswer
}

/** Does this once, as soon as the invocation logs such a look. */
export function when(invocation: Invocation, isIt: (look: LookLine) => boolean, act: () => void): void {
  let acted = false
  invocation.onLog((line) => {
    const look = lookOf(line)
    if (acted || look === null || !isIt(look)) return
    acted = true
    act()
  })
}

/** Long enough for a switchover's claim to be watched for its whole length and for what follows. */
export const TAKEN_OVER_MS = 60_000

/** A second watch ends whatever a switchover has left behind, and is content. */
export async function expectTakenOver({ stage }: Scene): Promise<void> {
  const second = await startWatch(stage, null, { name: 'second' })
  await eventually('the claim is gone', () => ledgerOf(stage).claim === null, TAKEN_OVER_MS)
  await eventually('a watch is content', () => looks(second).at(-1)?.situation === 'healthy', TAKEN_OVER_MS)
}

/** The one server that is open is named, the record points at it, no claim stands, and nothing that was acknowledged is missing. */
export async function expectSettled({ stage, knockers }: Scene, writer: 'alice' | 'bob'): Promise<void> {
  const { pair } = stage
  const [named, spare] = writer === 'alice' ? [pair.alice, pair.bob] : [pair.bob, pair.alice]
  expect(ledgerOf(stage)).toMatchObject({ writer, claim: null, holds: [] })
  expect(recordOf(stage)).toEqual([pair.hostFor('application', named)])
  expect([await isOpen(named), await isOpen(spare)]).toEqual([true, false])
  const tokens = [...knockers.alice.tokens, ...knockers.bob.tokens]
  await pair.waitUntilCaughtUp(spare)
  for (const server of [named, spare]) {
    const rows = await server.query<{ token: string }>('SELECT token FROM shop.orders')
    const present = new Set(rows.map(({ token }) => token))
    expect(
      tokens.filter((token) => !present.has(token)),
      `rows missing on ${server.name}`,
    ).toEqual([])
  }
}

/** The longest that a client which never stopped trying got nothing committed on this server, ms, since a moment of `performance.now()`. */
export function longestGapMs({ acknowledgedAtMs }: Knocker, sinceMs: number): number {
  const times = acknowledgedAtMs.filter((atMs) => atMs >= sinceMs)
  const gaps = times.map((atMs, index) => atMs - (times[index - 1] ?? sinceMs))
  return Math.round(Math.max(0, ...gaps))
}
