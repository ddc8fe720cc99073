/** How fresh the spare was when the writer died, and what follows: whatever the age of the process that judges it. */
import { describe, expect, test } from 'vitest'
import { decide } from '../../lambda/core/decide.ts'
import { contains } from '../../lambda/core/gtid-set.ts'
import { overview } from '../../lambda/core/overview.ts'
import { POLICY } from './healthy.ts'
import { observe } from './observe.ts'
import { BACKUP } from './refusing.ts'
import { clone, EPOCH_MS, invocationOf, type SimServer } from './state.ts'
import { Story, set } from './story.ts'

const FRESHNESS_MS = POLICY.detection.freshnessMs

/** A writer that commits every second and has done so for two minutes, watched by one process that has seen all of it. */
function busy(story: Story, who: string, seconds: number): Story {
  for (let second = 0; second < seconds; second++) story.commit('alice').turn(who, 1000)
  return story
}

const lostBy = ({ state }: Story) =>
  state.acknowledged.filter(({ gtid }) => !contains(state.servers.bob.executed, gtid))

/** What tells people that there is no failover. */
const REFUSED =
  /^(spare-(?!unreachable|behind|unjudged)|no-witness|proving-refused|applier-failed|target-restarted)/

const AGES_S = [0, 1, 2, 4, 8, 15, 30, 60]
const LAGS_S = [0, 2, 4, 8, 15, 30, 60, 120]

/** The writer dies after two minutes, the spare that far behind; and a process takes over the watching that many seconds before. */
function deaths(lagS: number, kind: 'receives' | 'applies'): ReadonlyMap<number, Story> {
  const history = new Story({ tolerant: true }).start('w0', 3_600_000)
  if (kind === 'receives') set(history, 'bob', { receivesLateMs: lagS * 1000 })
  const stories = new Map<number, Story>()
  for (let leftS = 121; leftS >= 0; leftS--) {
    if (kind === 'applies' && leftS === lagS) set(history, 'bob', { slow: true })
    if (AGES_S.includes(leftS)) stories.set(leftS, relieved(history, leftS))
    busy(history, 'w0', 1)
  }
  return stories
}

function relieved({ state }: Story, ageS: number): Story {
  const story = new Story({ tolerant: true })
  story.state = state
  story.and({ do: 'kill', who: 'w0' })
  if (ageS > 0) busy(story.start('w1'), 'w1', ageS).wait(300)
  story.and({ do: 'crash', server: 'alice' })
  return ageS > 0 ? story : story.start('w1')
}

/** What the process judged in the end: the code of its refusal, or that it opened. */
function verdictOf(story: Story): string {
  for (let turn = 0; turn < 50; turn++) story.turn('w1', 300)
  if (story.state.servers.bob.slow) {
    set(story, 'bob', { slow: false })
    for (let turn = 0; turn < 30; turn++) story.turn('w1', 100)
  }
  return story.openServers.includes('bob') ? 'opened' : story.code('w1')
}

/** Nothing older than what was declared is lost. */
function expectWithinWindow(story: Story): void {
  const { memory, offsetMs } = invocationOf(story.state, 'w1')
  const windowMs = memory.risk?.windowMs ?? null
  expect(windowMs, story.trace()).not.toBeNull()
  const foundAtMs = (memory.timeline.find(({ what }) => what === 'detected')?.atMs ?? 0) - offsetMs
  // The servers' clocks are 200 ms apart, and a process that saw only one of them can't know that.
  for (const { atMs } of lostBy(story)) expect(foundAtMs - atMs).toBeLessThanOrEqual((windowMs ?? 0) + 200)
}

describe.each(['receives', 'applies'] as const)(
  'X59, X4: a spare that %s late, by the age of the process',
  (kind) => {
    test.each(LAGS_S)(
      'by %i s: what is judged does not depend on the age, but that it may not be known yet',
      (lagS) => {
        const verdicts = new Map<number, string>()
        const refused = new Map<number, readonly string[]>()
        for (const [ageS, story] of deaths(lagS, kind)) {
          const verdict = verdictOf(story)
          verdicts.set(ageS, verdict)
          refused.set(
            ageS,
            [...story.codes].filter((code) => REFUSED.test(code)),
          )
          expect(story.violations, story.trace()).toEqual([])
          if (verdict === 'opened') expectWithinWindow(story)
        }
        const judged = new Set([...verdicts.values()].filter((code) => code !== 'spare-freshness-unproven'))
        const fresh = kind === 'applies' || lagS * 1000 < FRESHNESS_MS
        expect([...judged], JSON.stringify([...verdicts])).toEqual([fresh ? 'opened' : 'spare-stale'])
        // Who saw both twice knows that everything was received, and waits for it.
        for (const ageS of kind === 'applies' ? AGES_S.filter((each) => each >= 2) : []) {
          expect(verdicts.get(ageS), `${ageS} s`).toBe('opened')
          expect(refused.get(ageS), `${ageS} s`).toEqual([])
        }
      },
    )
  },
)

test('X59: the watch alone was cut off long before the writer died: what is declared reaches until the spare heard last', () => {
  const story = busy(new Story({ tolerant: true }).start('w1'), 'w1', 4)
  set(story, 'bob', { receivesLateMs: 4000 })
  busy(story, 'w1', 6).and({ do: 'cut', a: 'w1', b: 'alice' })
  busy(story, 'w1', 20).and({ do: 'crash', server: 'alice' })
  for (let turn = 0; turn < 60; turn++) story.turn('w1', 300)
  expect(story.openServers).toEqual(['bob'])
  const lost = lostBy(story)
  expect(lost.length).toBeGreaterThan(0)
  const { risk } = invocationOf(story.state, 'w1').memory
  expect(risk?.windowMs).toBeGreaterThan(20_000)
  expect(risk?.transactionsAtMost).toBeGreaterThanOrEqual(lost.length)
})

describe('X59: what is said while all is well', () => {
  test.each([
    ['receives', 110, /could not take over now: bob is 1 min behind; bob has not received/],
    ['applies', 110, /bob is 1 min behind: it has received everything, and would take over only after/],
  ] as const)(
    'a spare that %s %i s late is behind, from the second look on, and by how much is said',
    (kind, lagS, words) => {
      const story = new Story({ tolerant: true }).start('w0', 3_600_000)
      if (kind === 'receives') set(story, 'bob', { receivesLateMs: lagS * 1000 })
      busy(story, 'w0', 121 - lagS)
      if (kind === 'applies') set(story, 'bob', { slow: true })
      busy(story, 'w0', lagS).and({ do: 'kill', who: 'w0' })
      story.start('w1').turn('w1', 100).turn('w1', 100).look('w1')
      expect(story.code('w1')).toBe('spare-behind')
      const { memory, offsetMs } = invocationOf(story.state, 'w1')
      const world = observe(clone(story.state), 'w1')
      const now = story.state.now + offsetMs
      const seen = overview(decide(memory, world, now), world, now)
      expect(seen).toMatchObject({ ok: false, situation: 'spare-behind', severity: 'warning' })
      expect(seen.because).toMatch(words)
    },
  )
})

describe('X4, R15: the proof goes from holder to holder', () => {
  /** A watch begins every minute and ends after two and a half, as the schedule has it. */
  function minutes(story: Story, count: number, names: { next: number }): void {
    for (let second = 0; second < count * 60; second++) {
      if (second % 60 === 0) story.start(`w${names.next++}`)
      for (const [who, { finished, endsMs }] of Object.entries(story.state.invocations)) {
        // What has not ended by itself is ended.
        if (finished || story.state.now > endsMs + 2000) story.and({ do: 'kill', who })
        else story.turn(who, 0)
      }
      story.wait(1000)
    }
  }

  test('an applier is busy for ten minutes when the writer dies: watches come and go, and the failover is made', () => {
    const story = new Story()
    const names = { next: 1 }
    minutes(story, 2, names)
    set(story, 'bob', { slow: true })
    for (let second = 0; second < 20; second++) {
      for (const who of Object.keys(story.state.invocations)) story.turn(who, 0)
      story.commit('alice').wait(1000)
    }
    story.wait(10).and({ do: 'crash', server: 'alice' })
    const codes = new Set<string>()
    story.codes.clear()
    minutes(story, 10, names)
    for (const code of story.codes) codes.add(code)
    expect(story.openServers).toEqual([])
    expect([...codes].filter((code) => REFUSED.test(code))).toEqual([])
    // After one, two, four and eight minutes, by whoever held the claim then, and nothing else was told.
    expect(story.state.messages).toEqual(Array.from({ length: 4 }, () => 'failover-waits'))
    expect(story.ledger.claim).toMatchObject({ intent: 'failover', target: 'bob', touched: true })
    set(story, 'bob', { slow: false })
    minutes(story, 1, names)
    expect(story.ledger).toMatchObject({ writer: 'bob', epoch: 4, claim: null })
    expect(lostBy(story)).toEqual([])
  })

  const stuckFor: [string, Partial<SimServer>, Partial<SimServer>][] = [
    ['a backup locks the spare, and it is left to a person', { blockers: [BACKUP] }, { blockers: [] }],
    [
      'a right is missing on the spare',
      { refuses: { 'stop-applier': { outcome: 'refused', errno: 1227 } } },
      { refuses: {} },
    ],
  ]
  test.each(stuckFor)('%s, for ten minutes: when that ends, the failover is made', (_, stuck, mended) => {
    const failover = { ...POLICY.failover, endBlockersAfterMs: null }
    const story = new Story({ policy: { failover } })
    const names = { next: 1 }
    minutes(story, 2, names)
    set(story.commit('alice').wait(1000), 'bob', stuck).and({ do: 'crash', server: 'alice' })
    minutes(story, 10, names)
    expect(story.openServers).toEqual([])
    set(story, 'bob', mended)
    minutes(story, 2, names)
    expect(story.openServers).toEqual(['bob'])
    expect(story.ledger).toMatchObject({ writer: 'bob', claim: null })
    expect(lostBy(story)).toEqual([])
  })

  test('an invocation that ends while it waits leaves its claim standing, with the proof as it was a few seconds ago', () => {
    const story = busy(new Story().start('w1', 40_000), 'w1', 4)
    set(story, 'bob', { slow: true }).commit('alice').wait(100).and({ do: 'crash', server: 'alice' })
    story.until('catching-up')
    for (let turn = 0; turn < 200 && !invocationOf(story.state, 'w1').finished; turn++) story.turn('w1', 200)
    expect(invocationOf(story.state, 'w1').finished).toBe(true)
    expect(story.state.now).toBeLessThan(40_000)
    const { claim } = story.ledger
    expect(claim).toMatchObject({ who: 'w1', intent: 'failover', heldCount: 20 })
    const bobsClockMs = EPOCH_MS + story.state.now + story.state.servers.bob.skewMs
    expect(bobsClockMs - (claim?.provenClockMs ?? 0)).toBeLessThan(POLICY.claimMs)
    expect((claim?.provenClockMs ?? 0) - (claim?.sinceClockMs ?? 0)).toBeGreaterThan(20_000)
  })

  test('a gap of more than three minutes ends it', () => {
    const story = busy(new Story().start('w1'), 'w1', 4)
    set(story, 'bob', { slow: true }).commit('alice').wait(100).and({ do: 'crash', server: 'alice' })
    story.until('catching-up').and({ do: 'kill', who: 'w1' }).wait(181_000).start('w2')
    story.until('proving-refused', 'w2', 300)
    expect(story.openServers).toEqual([])
  })

  test('a failover that an earlier version began goes on', () => {
    const story = busy(new Story().start('w1'), 'w1', 4)
    set(story, 'bob', { slow: true }).commit('alice').wait(100).and({ do: 'crash', server: 'alice' })
    story.until('catching-up').and({ do: 'kill', who: 'w1' })
    story.change('its claim as it was written then', ({ directory, servers }) => {
      const written = servers.bob.heartbeat?.writtenClockMs
      directory.ledger = directory.ledger?.replace(/(,first),\d+,\d+,\d+/, `$1,${written}`) ?? null
    })
    expect(story.ledger.claim).toMatchObject({ heldCount: 0, sinceClockMs: 0 })
    story.wait(60_000).start('w2').until('proven-anew', 'w2', 300).act('w2')
    set(story, 'bob', { slow: false })
    for (let turn = 0; turn < 20; turn++) story.turn('w2')
    expect(story.ledger).toMatchObject({ writer: 'bob', claim: null })
  })
})

describe('X6: what was received never comes down', () => {
  const resetReplica = (story: Story) =>
    story.change('RESET REPLICA on bob', ({ servers: { bob } }) =>
      Object.assign(bob, { received: bob.executed, relayHeartbeat: null, slow: false }),
    )
  const unapplied = () => {
    const story = busy(new Story().start('w1'), 'w1', 4)
    set(story, 'bob', { slow: true })
    return busy(story, 'w1', 3).and({ do: 'cut', a: 'alice', b: 'bob' })
  }

  test('a relay log that is thrown away before the death: possibly short', () => {
    const story = resetReplica(unapplied()).and({ do: 'crash', server: 'alice' })
    story.until('spare-possibly-short')
    for (let turn = 0; turn < 50; turn++) story.turn('w1', 300)
    expect(story.openServers).toEqual([])
  })

  test('and under the claim: given up', () => {
    const story = unapplied().and({ do: 'crash', server: 'alice' }).until('catching-up')
    resetReplica(story).until('spare-possibly-short')
    expect(story.codes).toContain('target-restarted')
    expect(story.openServers).toEqual([])
  })

  test('it receives all of it again from the writer: whole', () => {
    const story = resetReplica(unapplied()).turn().and({ do: 'heal', a: 'alice', b: 'bob' })
    busy(story, 'w1', 4).and({ do: 'crash', server: 'alice' }).calm()
    expect(story.ledger).toMatchObject({ writer: 'bob', claim: null })
  })

  test('made anew from the writer, without what only it had: whole', () => {
    const story = busy(new Story().start('w1'), 'w1', 4)
    set(story, 'alice', { receiver: 'off' })
    set(story, 'bob', { executed: `${story.state.servers.bob.executed}:99` }).turn()
    const { executed } = story.state.servers.alice
    set(story, 'bob', { executed, received: executed, everReceived: executed })
    busy(story, 'w1', 4)
    expect(invocationOf(story.state, 'w1').memory.servers.bob?.held).not.toContain(':99')
    expect(story.code('w1')).not.toBe('spare-behind')
  })
})
