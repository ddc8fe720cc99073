/** Pauses, clocks, late starts, and things that happen twice, on real servers. */
import { expect } from 'vitest'
import { waitUntilReplicating } from '../../../lab/database/replication.ts'
import type { Invocation } from '../../../lab/lambda/invocation.ts'
import { startScheduler } from '../../../lab/lambda/scheduler.ts'
import { PAIR, type Stage } from '../../../lab/stage.ts'
import { eventually, flips, ledgerOf, looks, situation, startWatch, timesDone } from '../on-stage.ts'
import type { Server } from '../words.ts'
import { heartbeatsGoOn } from './heartbeats.ts'
import { playScenarios } from './play.ts'
import { watchThatFreezes, watchWithClock } from './preloaded.ts'
import { reopened } from './reopened.ts'
import type { Family } from './scenario.ts'
import { failedOver, nothingOpened, settlesAs, told } from './scene.ts'
import { restartWithClock } from './server-clock.ts'

const MINUTE_MS = 60_000
/** The shortest that the configuration takes with the usual probes. */
const QUICKLY_STALE = { configuration: { detection: { freshnessMs: 2000 } } }
/** A claim is watched for its whole length before it is taken over. */
const TAKEN_OVER_MS = 60_000

/** How each family's opening and closing statements begin. */
const OPENING = 'SET GLOBAL read_only = IF('
const CLOSING: Readonly<Record<Family, string>> = {
  mysql: 'SET GLOBAL super_read_only = 1',
  mariadb: 'SET GLOBAL read_only = 1',
}

/** The watch is over, and has left behind what the next one needs to trust the spare. */
async function watchedUntilNow(stage: Stage, watch: Invocation): Promise<void> {
  await heartbeatsGoOn(stage)
  await ended(watch)
}

async function ended(watch: Invocation): Promise<void> {
  watch.kill()
  await watch.finished
}

/** Everything that a heartbeat of the last moments could prove is too old by now. */
async function untilStale(sinceMs: number): Promise<void> {
  await eventually('the last heartbeat is stale', () => performance.now() - sinceMs > 5500)
}

/**
 * The other server is back, closed, with nothing of its own; whose threads do not run depends on who was stopped and who was frozen. A
 * receiver that was stopped while it could not connect keeps that error.
 */
async function comparedAndStopped(watch: Invocation): Promise<void> {
  const stopped = /^((spare|reverse)-stopped|spare-not-replicating)$/
  await eventually('it is compared', () => stopped.test(looks(watch).at(-1)?.situation ?? ''))
}

/** The old writer is back, and both follow each other, as a person sets them up who reads the message. */
async function rejoined(stage: Stage, watch: Invocation, old: Server): Promise<void> {
  await comparedAndStopped(watch)
  for (const server of [old, stage.pair.otherOf(old)]) await server.query('START REPLICA')
  for (const server of stage.pair.servers) await waitUntilReplicating(server, 20_000)
  await settlesAs(watch, 'healthy', 30_000)
}

async function failoverByHand(stage: Stage, force: readonly string[] = []): Promise<unknown> {
  const request = stage.watcher({ handler: 'request', name: 'by-hand', timeoutMs: 60_000 })
  return (await request.invoke({ action: 'failover', pair: PAIR, ...(force.length === 0 ? {} : { force }) }))
    .result
}

async function playFunctionClock(stage: Stage, shiftMs: number): Promise<void> {
  const watch = watchWithClock(stage, shiftMs)
  await situation(watch, 'healthy')
  const since = Math.abs(Number(looks(watch).at(-1)?.memory.watchSinceClockMs) - shiftMs - Date.now())
  expect(since, 'its clock is wrong').toBeLessThan(MINUTE_MS / 2)
  await stage.pair.alice.kill()
  await failedOver(stage)
  await settlesAs(watch, 'spare-unreachable')
  expect(timesDone('open', watch)).toBe(1)
}

/** Two watches see the death, one of them with a wrong clock; the younger one by its own clock comes second. */
async function playWrongClockBeside(stage: Stage, shiftMs: number): Promise<void> {
  const { alice } = stage.pair
  const deployed = () => startWatch(stage, null)
  const other = async () => watchWithClock(stage, shiftMs, { name: 'other' })
  const first = await (shiftMs > 0 ? deployed() : other())
  await situation(first, 'healthy')
  await heartbeatsGoOn(stage)
  let second: Invocation | undefined
  await alice.session(async (root) => {
    // Without a heartbeat of the second one the first is not relieved.
    await root.query('BEGIN')
    await root.query('SELECT * FROM hotspare.heartbeat FOR UPDATE')
    second = await (shiftMs > 0 ? other() : deployed())
    await situation(second, 'healthy')
    await alice.kill()
  })
  await failedOver(stage)
  const watches = [first, second as Invocation]
  const doubted = (watch: Invocation) => looks(watch).some(({ situation: code }) => /^writer-/.test(code))
  await eventually('both have seen it', () => watches.every(doubted))
  await eventually('both have gone on', () =>
    watches.every((watch) => /^(spare-unreachable|relieved)$/.test(looks(watch).at(-1)?.situation ?? '')),
  )
  expect(timesDone('open', ...watches)).toBe(1)
  expect(ledgerOf(stage)).toMatchObject({ epoch: 2, claim: null })
}

async function playWriterClock(stage: Stage, seconds: number): Promise<void> {
  const { alice } = stage.pair
  await restartWithClock(alice, seconds)
  await reopened(stage, alice)
  const watch = await startWatch(stage, 'clocks-apart')
  expect(looks(watch).at(-1)?.because).toMatch(/60\.\d s apart|59\.\d s apart/)
  await alice.kill()
  await failedOver(stage)
  await settlesAs(watch, 'spare-unreachable')
  expect(await told(stage, 'failed-over')).toContain('bob is the writer now')
}

/** Nobody but the watch that finished the failover has changed anything since: one server is open, and it is this one. */
async function onlyOpen(stage: Stage, writer: Server): Promise<void> {
  expect(await writer.isOpen()).toBe(true)
  expect(await stage.pair.otherOf(writer).isOpen()).toBe(false)
  expect(ledgerOf(stage)).toMatchObject({ writer: writer.name, claim: null })
}

playScenarios('time', {
  'died-between-two-watches': async (stage) => {
    await watchedUntilNow(stage, await startWatch(stage))
    await stage.pair.alice.kill()
    const next = await startWatch(stage, null, { name: 'next' })
    await failedOver(stage)
    await settlesAs(next, 'spare-unreachable')
  },

  'died-unwatched': {
    on: QUICKLY_STALE,
    play: async (stage) => {
      await watchedUntilNow(stage, await startWatch(stage))
      await stage.pair.alice.kill()
      await untilStale(performance.now())
      const late = await startWatch(stage, 'spare-freshness-unproven', { name: 'late' })
      const text = await told(stage, 'failover-refused')
      expect(text).toMatch(/newest one it applied is \d+\.\d s old/)
      await nothingOpened(stage)
      const typed = /invoke the request function with (\{.*\})/.exec(text)?.[1] ?? ''
      expect(JSON.parse(typed)).toMatchObject({ action: 'failover', force: ['spare-freshness-unproven'] })
      expect(await failoverByHand(stage)).toMatchObject({ ok: false, situation: 'spare-freshness-unproven' })
      await nothingOpened(stage)
      const request = stage.watcher({ handler: 'request', name: 'as-typed', timeoutMs: 60_000 })
      expect((await request.invoke(JSON.parse(typed))).result).toMatchObject({
        ok: true,
        situation: 'failed-over',
      })
      await failedOver(stage)
      expect(await told(stage, 'failed-over')).toContain('told to go without: spare-freshness-unproven')
      await settlesAs(late, 'spare-unreachable')
    },
  },

  'two-minutes-skipped': {
    on: QUICKLY_STALE,
    play: async (stage) => {
      // A quarter of the real times: a delivery every 15 s instead of every minute, a watch of 40 s instead of 150 s.
      const target = stage.watcher({ timeoutMs: 45_000 })
      const event = { action: 'watch', pair: PAIR }
      const periods = { periodMs: 15_000, jitterMs: 0, expiryMs: 15_000 }
      const scheduler = startScheduler({ target, event, ...periods })
      try {
        await eventually('two watches began', () => scheduler.invocations().length === 2, 30_000)
        scheduler.hold()
        const [first, last] = scheduler.invocations() as [Invocation, Invocation]
        await situation(last, 'healthy')
        await first.finished
        expect((await last.finished).error).toBeUndefined()
        await stage.pair.alice.kill()
        await untilStale(performance.now())
        scheduler.release()
        await eventually('the next one begins', () => scheduler.invocations().length > 2, 30_000)
        const [, , late] = scheduler.invocations() as [Invocation, Invocation, Invocation]
        await situation(late, 'spare-freshness-unproven')
        expect(scheduler.deliveries.filter(({ outcome }) => outcome === 'expired').length).toBeGreaterThan(0)
        await told(stage, 'failover-refused')
        await nothingOpened(stage)
      } finally {
        scheduler.stop()
      }
    },
  },

  'dies-again-within-cooldown': async (stage) => {
    const { alice, bob } = stage.pair
    const watch = await startWatch(stage)
    await alice.kill()
    await failedOver(stage)
    await alice.start()
    await rejoined(stage, watch, alice)
    await bob.kill()
    const look = await situation(watch, 'cooldown')
    const since = new Date(ledgerOf(stage).sinceClockMs).toISOString()
    expect(look.because).toContain(since)
    expect(await told(stage, 'failover-refused')).toContain(since)
    expect(await alice.isOpen()).toBe(false)
    expect(flips(stage)).toBe(1)
    expect(await failoverByHand(stage)).toMatchObject({ ok: true, situation: 'failed-over' })
    expect(ledgerOf(stage)).toMatchObject({ epoch: 3, writer: 'alice', how: 'failover' })
    expect(await alice.isOpen()).toBe(true)
  },

  'writer-clock-ahead': (stage) => playWriterClock(stage, 60),
  'writer-clock-behind': (stage) => playWriterClock(stage, -60),

  'writer-clock-ahead-unwatched': {
    on: QUICKLY_STALE,
    play: async (stage) => {
      const { alice } = stage.pair
      await restartWithClock(alice, 60)
      await reopened(stage, alice)
      await watchedUntilNow(stage, await startWatch(stage, 'clocks-apart'))
      await alice.kill()
      await untilStale(performance.now())
      await startWatch(stage, 'spare-freshness-unproven', { name: 'late' })
      await told(stage, 'failover-refused')
      await nothingOpened(stage)
    },
  },

  'function-clock-ahead': (stage) => playFunctionClock(stage, MINUTE_MS),
  'function-clock-behind': (stage) => playFunctionClock(stage, -MINUTE_MS),
  'wrong-clock-ahead-beside': (stage) => playWrongClockBeside(stage, MINUTE_MS),
  'wrong-clock-behind-beside': (stage) => playWrongClockBeside(stage, -MINUTE_MS),

  'wrong-clock-left-behind': async (stage) => {
    const deployed = await startWatch(stage)
    const other = watchWithClock(stage, 60 * MINUTE_MS, { name: 'other' })
    await situation(deployed, 'relieved')
    await ended(other)
    await untilStale(performance.now())
    const next = await startWatch(stage, null, { name: 'next' })
    await situation(next, 'healthy')
    await eventually('it is the one that writes heartbeats', async () => {
      const [row] = await stage.pair.alice.query<{ watch: string }>(
        'SELECT watch FROM hotspare.heartbeat ORDER BY sequence DESC LIMIT 1',
      )
      return row?.watch === looks(next)[0]?.who
    })
    await stage.pair.alice.kill()
    await failedOver(stage)
    await settlesAs(next, 'spare-unreachable')
  },

  'frozen-before-opening': async (stage) => {
    const { alice, bob } = stage.pair
    const { watch: sleeper, frozen } = watchThatFreezes(stage, OPENING, { timeoutMs: 400_000 })
    await situation(sleeper, 'healthy')
    await heartbeatsGoOn(stage)
    await alice.kill()
    await frozen(20_000)
    expect(ledgerOf(stage).claim).toMatchObject({ intent: 'failover', target: 'bob' })
    const watch = await startWatch(stage, 'claim-standing', { name: 'second', timeoutMs: 400_000 })
    await failedOver(stage, TAKEN_OVER_MS)
    await settlesAs(watch, 'spare-unreachable')
    await alice.start()
    await rejoined(stage, watch, alice)
    // Back again, without a restart of bob: his sockets are those that the sleeper knows.
    bob.freeze()
    const third = await startWatch(stage, 'cooldown', { name: 'third' })
    expect(await failoverByHand(stage)).toMatchObject({ ok: true })
    bob.wake()
    await eventually('bob is closed', async () => !(await bob.isOpen()))
    await comparedAndStopped(third)
    await onlyOpen(stage, alice)

    const before = looks(third).length
    sleeper.thaw()
    await eventually('it has tried', () => looks(sleeper).some(({ last }) => last?.step === 'open'), 30_000)
    expect(timesDone('open', sleeper)).toBe(0)
    await onlyOpen(stage, alice)
    expect(
      looks(third)
        .slice(before)
        .map((look) => look.situation),
    ).not.toContain('unnamed-open')
    expect(ledgerOf(stage).epoch).toBe(3)
  },

  'frozen-before-closing': async (stage, family) => {
    const { alice, bob } = stage.pair
    const { watch: sleeper, frozen } = watchThatFreezes(stage, CLOSING[family], { timeoutMs: 400_000 })
    await situation(sleeper, 'healthy')
    await bob.open()
    await frozen(20_000)
    await bob.close()
    const watch = await startWatch(stage, 'healthy', { name: 'second' })
    await alice.kill()
    await failedOver(stage)
    await settlesAs(watch, 'spare-unreachable')

    sleeper.thaw()
    await eventually('it has tried', () => looks(sleeper).some(({ last }) => last?.step === 'close'), 30_000)
    expect(timesDone('close', sleeper)).toBe(0)
    expect(await bob.isOpen()).toBe(true)
    await settlesAs(watch, 'spare-unreachable')
    expect(looks(watch, sleeper).map((look) => look.situation)).not.toContain('writer-closed-by-operator')
  },

  'server-frozen-while-opening': async (stage) => {
    const { alice, bob } = stage.pair
    const { watch, frozen } = watchThatFreezes(stage, OPENING)
    await situation(watch, 'healthy')
    await alice.kill()
    await frozen(20_000)
    bob.freeze()
    watch.thaw()
    await eventually('the statement has no answer', () =>
      looks(watch).some(({ last }) => last?.step === 'open' && last.outcome === 'unknown'),
    )
    await alice.start()
    await situation(watch, 'undone', TAKEN_OVER_MS)
    await eventually('the claim is released', () => ledgerOf(stage).claim === null)
    expect(await alice.isOpen()).toBe(true)

    bob.wake()
    await comparedAndStopped(watch)
    await onlyOpen(stage, alice)
    expect(looks(watch).map((look) => look.situation)).not.toContain('unnamed-open')
    await rejoined(stage, watch, bob)
    await alice.kill()
    await failedOver(stage)
    await settlesAs(watch, 'spare-unreachable')
  },
})
