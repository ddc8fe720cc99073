/**
 * Planned switchovers on the simulated pair: every refusal, every step, each of them the last one, each single fault at each of them.
 * The musts are asserted after every event; must 7 is theirs: nothing that was acknowledged is lost, and what can't be finished is
 * undone.
 */
import { describe, expect, test } from 'vitest'
import { decide, TABLES } from '../../lambda/core/decide.ts'
import { subtract } from '../../lambda/core/gtid-set.ts'
import { formatLedger } from '../../lambda/core/ledger.ts'
import type { Policy } from '../../lambda/core/policy.ts'
import type { Row } from '../../lambda/core/situation.ts'
import type { Obstacle, PlannedSwitchover, SemiSync, ServerEvent } from '../../lambda/core/world.ts'
import { BEGINNING, firstLedger, POLICY } from './healthy.ts'
import { commit, type Decide, type Event, type How } from './pair.ts'
import { ADDRESSES, invocationOf, NAMES, type Name, UUIDS } from './state.ts'
import { Story, set, situationsReached } from './story.ts'

const UNACKNOWLEDGED: SemiSync = {
  sourceWaits: true,
  working: false,
  acknowledges: false,
  replicasAcknowledging: 0,
  timeoutMs: 10_000,
}

/** A watch at work, applications writing, and a request that has just been sent. */
function asked(change: Partial<PlannedSwitchover> = {}, policy: Partial<Policy> = {}): Story {
  return watched(policy).ask('r1', change)
}

function watched(policy: Partial<Policy> = {}): Story {
  const story = new Story({ policy }).start('w1')
  for (let second = 0; second < 4; second++) story.turn('w1', 1000).commit('alice').wait(10)
  return story.turn('w1', 0)
}

const obstacle = (kind: Obstacle['kind']): Obstacle => ({
  session: 77,
  account: 'shop',
  kind,
  ageMs: 9000,
  doing: 'update',
})

/** Turns of the request until it has its answer. */
function answered(story: Story, who = 'r1', turns = 400, ms = 20): Story {
  for (let turn = 0; turn < turns; turn++) {
    story.turn(who, ms)
    if (invocationOf(story.state, who).finished) return story
  }
  throw new Error(`no answer in ${turns} turns\n${story.trace()}`)
}

function expectWriter(story: Story, name: Name, epoch: number): void {
  expect(story.openServers, story.trace()).toEqual([name])
  expect(story.ledger).toMatchObject({ writer: name, epoch, claim: null })
  expect(story.state.directory.record).toMatchObject({ values: [ADDRESSES[name]], ttlSeconds: 5 })
}

function expectNothingLost(story: Story): void {
  const writer = story.state.servers[story.ledger.writer as Name]
  const lost = story.state.acknowledged.filter(({ gtid }) => subtract(gtid, writer.executed) !== '')
  expect(lost, story.trace()).toEqual([])
}

const givenUp = (story: Story) => invocationOf(story.state, 'r1').memory.givenUp

describe('T18 T40: events follow the open server', () => {
  const event = (state: ServerEvent['state']): ServerEvent => {
    return { schema: 'shop', name: 'nightly', definer: 'ann@%', state }
  }
  const withEvents = () => {
    const story = watched()
    set(story, 'alice', { events: { scheduler: 'on', list: [event('enabled')] } })
    set(story, 'bob', { events: { scheduler: 'off', list: [event('replica-side')] } })
    for (let second = 0; second < 62; second++) story.turn('w1', 1000)
    return story.ask('r1')
  }
  const schedulers = ({ state }: Story) => NAMES.map((name) => state.servers[name].events.scheduler)

  test('stopped before the closing, started on the new writer', () => {
    const story = withEvents()
    answered(story)
    expect(story.codes).toContain('switchover-stopping-events')
    for (let second = 0; second < 70; second++) story.turn('w1', 1000)
    expectWriter(story, 'bob', 4)
    expect(schedulers(story)).toEqual(['off', 'on'])
    expect(story.state.servers.bob.events.list).toEqual([event('enabled')])
  })

  test('a person who stops them has the last word, before a switchover and after one', () => {
    const off = (story: Story, name: Name) => {
      set(story, name, { events: { ...story.state.servers[name].events, scheduler: 'off' } })
      for (let second = 0; second < 130; second++) story.turn('w1', 1000)
      return story.state.servers[name].events.scheduler
    }
    const before = withEvents()
    expect(off(before.and({ do: 'kill', who: 'r1' }), 'alice')).toBe('off')
    const after = withEvents()
    answered(after)
    for (let second = 0; second < 70; second++) after.turn('w1', 1000)
    expect(schedulers(after)).toEqual(['off', 'on'])
    expect(off(after, 'bob')).toBe('off')
  })

  test('its function dies after that: they run again on the writer', () => {
    const story = withEvents().until('switchover-closing', 'r1').act('r1')
    story.and({ do: 'kill', who: 'r1' })
    for (let turn = 0; turn < 300; turn++) story.turn('w1', 500)
    expect(story.openServers).toEqual(['alice'])
    expect(schedulers(story)).toEqual(['on', 'off'])
  })
})

describe('it is done', () => {
  test('M7: the writer is closed, the spare opened at its exact position, one batch moves both, the old writer follows', () => {
    const story = answered(asked())
    expect(story.code('r1')).toBe('switched-over')
    expectWriter(story, 'bob', 4)
    expect(story.ledger.how).toBe('switchover')
    expectNothingLost(story)
    expect(story.state.servers.alice).toMatchObject({ closed: true, receiver: 'on', applier: 'on' })
    expect(story.state.directory.history.filter((text) => text.includes('writer=bob'))).toHaveLength(1)
    expect(story.state.messages).toContain('switched-over')
    expect(story.state.messages).not.toContain('failed-over')
    story.calm().commit('bob').calm()
    expect(story.state.servers.alice.executed).toBe(story.state.servers.bob.executed)
  })

  test('M8 T27: there and back, ten times, without a cooldown', () => {
    const story = watched()
    for (let round = 1; round <= 10; round++) {
      const to: Name = round % 2 === 1 ? 'bob' : 'alice'
      story.ask(`r${round}`, { to })
      answered(story, `r${round}`).and({ do: 'kill', who: `r${round}` })
      for (let turn = 0; turn < 3; turn++) story.turn('w1', 500).commit(to).wait(100)
      expectWriter(story, to, 3 + round)
      expectNothingLost(story)
    }
  })

  test('the spare applies the last transactions before it is opened', () => {
    const story = asked()
    story.until('switchover-closing', 'r1')
    set(story, 'bob', { slow: true }).commit('alice').act('r1').until('switchover-catching-up', 'r1', 5, 5)
    expect(story.openServers).toEqual([])
    answered(story.and({ do: 'apply', server: 'bob' }))
    expectWriter(story, 'bob', 4)
    expectNothingLost(story)
  })

  test('the moment to close is when the spare has just caught up', () => {
    const story = asked().until('sweeping', 'r1')
    set(story, 'bob', { slow: true }).commit('alice').until('switchover-nearing', 'r1', 10, 20)
    expect(story.openServers).toEqual(['alice'])
    set(story, 'bob', { slow: false })
    expect(answered(story).code('r1')).toBe('switched-over')
  })

  test('a spare that restarted and has heard no heartbeat since is as good as any: its position is compared', () => {
    const story = watched().and({ do: 'kill', who: 'w1' })
    story.and({ do: 'crash', server: 'bob' }).and({ do: 'restart', server: 'bob' }).wait(60_000)
    set(story, 'bob', { receiver: 'on', applier: 'on' })
      .wait(1000)
      .ask('r1', { force: ['switchover-stalled'] })
    expect(answered(story).code('r1')).toBe('switched-over')
    expectNothingLost(story)
  })

  test('T13 T38: nobody would acknowledge on the spare: waiting is switched off there before the closing', () => {
    const story = asked()
    set(story, 'bob', { semiSync: UNACKNOWLEDGED })
    answered(story)
    expect(story.codes).toContain('switchover-stopping-wait')
    expect(story.state.servers.bob.semiSync?.sourceWaits).toBe(false)
    expectWriter(story, 'bob', 4)
  })

  test('T22: the TTL is lowered with the claim, the old one runs out, and the move puts it back', () => {
    const story = asked({ lowerTtl: true })
    story.until('switchover-ttl-waiting', 'r1')
    expect(story.state.directory.record?.ttlSeconds).toBe(1)
    expect(story.openServers).toEqual(['alice'])
    const since = story.state.now
    story.until('switchover-closing', 'r1', 100)
    expect(story.state.now - since).toBeGreaterThanOrEqual(5000 - 300)
    answered(story)
    expectWriter(story, 'bob', 4)
  })

  test('a claim that has waited long is renewed before anything is closed', () => {
    const story = asked({ lowerTtl: true }).until('switchover-ttl-waiting', 'r1')
    story.wait(6000).until('switchover-renewing', 'r1')
    answered(story)
    expectWriter(story, 'bob', 4)
  })

  test('the old writer does not follow: it is done, and said', () => {
    const story = asked({ force: ['switchover-reverse-broken'] })
    set(story, 'alice', { receiver: 'off' })
    answered(story, 'r1', 800)
    expect(story.codes).toContain('switchover-following')
    expect(story.code('r1')).toBe('switched-over-unfollowed')
    expectWriter(story, 'bob', 4)
  })

  test('to the present writer: it is so already', () => {
    const story = answered(asked({ to: 'alice' }))
    expect(story.code('r1')).toBe('already-writer')
    expectWriter(story, 'alice', 3)
    expect(story.ledger.revision).toBe(7)
  })

  test('R12: what is committed on the new writer between the two reads of a look is not missing there', () => {
    const story = asked().until('switchover-opening', 'r1').act('r1')
    story.and({ do: 'look', who: 'r1', between: (state) => commit(state, 'bob') })
    expect(story.code('r1')).toBe('moving')
    answered(story)
    expectWriter(story, 'bob', 4)
    expectNothingLost(story)
  })

  test('a request that arrives twice is done once', () => {
    const story = asked().ask('r2')
    for (let turn = 0; turn < 200; turn++) {
      for (const who of ['r1', 'r2', 'w1']) if (!invocationOf(story.state, who).finished) story.turn(who, 10)
      story.wait(50)
    }
    expect([story.code('r1'), story.code('r2')].sort()).toEqual(['already-writer', 'switched-over'])
    expectWriter(story, 'bob', 4)
  })

  test('dry run: it says that nothing stands against it, and changes nothing', () => {
    const story = asked({ dryRun: true })
    const before = story.state.directory
    answered(story)
    expect(story.code('r1')).toBe('switchover-possible')
    expect(story.state.directory).toEqual(before)
    expectWriter(story, 'alice', 3)
  })
})

describe('it is refused while writes flow, and nothing is changed', () => {
  const cases: Readonly<Record<string, (story: Story) => unknown>> = {
    'switchover-writer-not-open': (story) => set(story, 'alice', { halfClosed: true }),
    'switchover-spare-silent': (story) => story.and({ do: 'crash', server: 'bob' }),
    'switchover-not-replicating': (story) => set(story, 'bob', { applier: 'off' }),
    'switchover-reverse-broken': (story) => set(story, 'alice', { receiver: 'off' }),
    'switchover-lagging': (story) => set(story, 'bob', { slow: true }).commit('alice').wait(2000),
    'switchover-diverged': (story) => {
      set(story, 'alice', { receiver: 'off' })
      set(story, 'bob', { executed: `${UUIDS.alice}:1-14,${UUIDS.bob}:1-6` })
    },
    'switchover-unacknowledged': (story) => set(story, 'alice', { semiSync: UNACKNOWLEDGED }),
    'switchover-long-transaction': (story) => set(story, 'alice', { obstacles: [obstacle('transaction')] }),
    'switchover-stalled': (story) => story.and({ do: 'kill', who: 'w1' }).wait(12_000),
    'switchover-ddl': (story) => set(story, 'alice', { obstacles: [obstacle('ddl')] }),
    'switchover-locked': (story) => set(story, 'alice', { obstacles: [obstacle('lock')] }),
    'switchover-backup': (story) => set(story, 'bob', { obstacles: [obstacle('backup')] }),
    'switchover-rights-missing': (story) =>
      set(story, 'bob', { missingRights: [{ grant: 'GRANT X TO Y', needed: true }] }),
    'switchover-version': (story) => set(story, 'bob', { version: '9.8.0' }),
    'switchover-paused': (story) =>
      story.change('a pause', ({ directory }) => {
        directory.ledger = formatLedger(firstLedger({ pause: { untilClockMs: 0 } }))
        directory.history = [directory.ledger]
      }),
    'switchover-spare-held': (story) =>
      story.change('a hold', ({ directory }) => {
        directory.ledger = formatLedger(firstLedger({ holds: ['bob'] }))
        directory.history = [directory.ledger]
      }),
  }

  test.each(Object.keys(cases))('%s', (code) => {
    const force = code === 'switchover-diverged' ? ['switchover-reverse-broken'] : []
    const story = asked({ force })
    cases[code]?.(story)
    const { ledger } = story.state.directory
    answered(story, 'r1', 800)
    expect(story.code('r1'), story.trace()).toBe(code)
    expect(story.state.directory.ledger).toBe(ledger)
    expect(story.state.servers.alice.closed).toBe(false)
  })

  test.each([
    'switchover-long-transaction',
    'switchover-rights-missing',
    'switchover-version',
    'switchover-paused',
    'switchover-backup',
    'switchover-unacknowledged',
  ])('%s, waived', (code) => {
    const story = asked({ force: [code] })
    cases[code]?.(story)
    answered(story)
    expect(story.code('r1'), story.trace()).toBe('switched-over')
    expect(story.ledger.writer).toBe('bob')
    expectNothingLost(story)
  })

  test('switchover-lagging, waived: it is closed all the same, and undone in time', () => {
    const story = asked({ force: ['switchover-lagging'] })
    set(story, 'bob', { slow: true }).commit('alice').wait(2000)
    answered(story, 'r1', 800)
    expect(givenUp(story)?.code).toBe('switchover-over-budget')
    expectWriter(story, 'alice', 3)
  })

  test('readers on the spare are nobody’s business', () => {
    const story = asked()
    set(story, 'bob', { obstacles: [obstacle('transaction'), obstacle('statement')] })
    expect(answered(story).code('r1')).toBe('switched-over')
  })

  test('observe mode: Hotspare opens and closes nothing', () => {
    const story = answered(asked({}, { failover: { ...POLICY.failover, mode: 'observe' } }))
    expect(story.code('r1')).toBe('switchover-observed')
    expectWriter(story, 'alice', 3)
  })

  test('M6: the invocation would end before it could be undone', () => {
    const story = watched().ask('r1', {}, 25_000)
    expect(answered(story).code('r1')).toBe('switchover-too-late')
  })

  test('the writer is dead: that is a failover, and not for this request', () => {
    const story = asked().and({ do: 'crash', server: 'alice' })
    expect(answered(story).code('r1')).toBe('switchover-writer-not-open')
  })

  test('neither answers: it gives up after a while', () => {
    const story = asked().and({ do: 'cut', a: 'r1', b: 'alice' }).and({ do: 'cut', a: 'r1', b: 'bob' })
    answered(story, 'r1', 800, 50)
    expect(story.code('r1')).toBe('blind')
  })

  test('dry run: what would refuse it is said', () => {
    const story = asked({ dryRun: true })
    set(story, 'alice', { obstacles: [obstacle('lock')] })
    expect(answered(story).code('r1')).toBe('switchover-locked')
  })

  test('dry run: not even a pair without a ledger is adopted', () => {
    const story = new Story().change('no ledger', ({ directory }) =>
      Object.assign(directory, { ledger: null, history: [] }),
    )
    answered(story.ask('r1', { dryRun: true }), 'r1', 800)
    expect(story.code('r1')).toBe('request-without-ledger')
    expect(story.state.directory.ledger).toBeNull()
  })

  test('dry run: a claim of somebody else stands', () => {
    const story = watched().ask('r2').until('switchover-closing', 'r2').ask('r1', { dryRun: true })
    expect(answered(story).code('r1')).toBe('switchover-claimed')
  })

  test('waitForQuietMs: it waits while writes flow, and then goes on', () => {
    const story = asked({ waitForQuietMs: 20_000 })
    set(story, 'alice', { obstacles: [obstacle('transaction')] })
    for (let turn = 0; turn < 50; turn++) story.turn('r1', 200).commit('alice').turn('w1', 0)
    expect(invocationOf(story.state, 'r1').finished).toBe(false)
    expectWriter(story, 'alice', 3)
    answered(set(story, 'alice', { obstacles: [] }))
    expect(story.code('r1')).toBe('switched-over')
    expectNothingLost(story)
  })

  test('waitForQuietMs: and refuses when its time is over', () => {
    const story = asked({ waitForQuietMs: 5000 })
    set(story, 'alice', { obstacles: [obstacle('transaction')] })
    const since = story.state.now
    answered(story, 'r1', 800)
    expect(story.code('r1')).toBe('switchover-long-transaction')
    expect(story.state.now - since).toBeGreaterThanOrEqual(5000)
  })

  test('M7: the moment turns bad under the claim: nothing was closed, the claim is released', () => {
    const story = asked().until('switchover-closing', 'r1')
    set(story, 'alice', { obstacles: [obstacle('ddl')] })
      .look('r1')
      .look('r1')
    expect(story.code('r1')).toBe('switchover-bad-moment')
    answered(story)
    expect(story.code('r1')).toBe('switchover-given-up')
    expect(givenUp(story)).toMatchObject({ code: 'switchover-bad-moment', early: true })
    expectWriter(story, 'alice', 3)
  })

  test('the moment turns bad under the claim, and a better one may be waited for', () => {
    const story = asked({ waitForQuietMs: 60_000 }).until('switchover-closing', 'r1')
    set(story, 'alice', { obstacles: [obstacle('ddl')] })
    for (let turn = 0; turn < 20; turn++) story.turn('r1', 100)
    expect(story.ledger.claim).toBeNull()
    answered(set(story, 'alice', { obstacles: [] }))
    expect(story.code('r1')).toBe('switched-over')
  })

  /** Under semi-sync a transaction is on the spare before the writer has committed it: its last one is hidden in looks. */
  function uncommitted(): { story: Story; commit: () => void } {
    let hidden = `${UUIDS.alice}:15-100`
    const deciding: Decide = (memory, world, now, tables) => {
      const { alice } = world.servers
      if (alice?.answer == null) return decide(memory, world, now, tables)
      const answer = { ...alice.answer, executed: subtract(alice.answer.executed, hidden) }
      const servers = { ...world.servers, alice: { ...alice, answer } }
      return decide(memory, { ...world, servers }, now, tables)
    }
    const story = new Story({ deciding }).start('w1')
    for (let second = 0; second < 4; second++) story.turn('w1', 1000).commit('alice').wait(10)
    return {
      story: story.turn('w1', 0),
      commit: () => {
        hidden = ''
      },
    }
  }

  test('T13: what the writer is about to commit, and the spare has already, is waited for', () => {
    const { story, commit: committed } = uncommitted()
    story.commit('alice').ask('r1')
    for (let turn = 0; turn < 5; turn++) story.turn('r1', 50)
    expect(story.code('r1')).toBe('switchover-checking')
    committed()
    expect(answered(story).code('r1')).toBe('switched-over')
    expectNothingLost(story)
  })

  test('T13: and if it never does, nothing is closed', () => {
    const { story } = uncommitted()
    story.ask('r1').until('sweeping', 'r1').commit('alice')
    story.until('switchover-rechecking', 'r1').until('switchover-bad-moment', 'r1', 400, 50)
    expect(answered(story).code('r1')).toBe('switchover-given-up')
    expect(story.openServers).toEqual(['alice'])
  })

  test('what could not be looked at is looked at again before the closing', () => {
    const story = asked().until('switchover-closing', 'r1')
    story.change('the look for obstacles took too long', (state) => {
      const invocation = invocationOf(state, 'r1')
      const [alice, bob] = [invocation.request.servers.alice, invocation.request.servers.bob]
      if (alice === undefined || bob === undefined) throw new Error('no request')
      invocation.request = {
        ...invocation.request,
        servers: { alice: { ...alice, obstaclesFromMs: null }, bob },
      }
    })
    story.look('r1')
    expect(story.code('r1')).toBe('switchover-rechecking')
    expect(answered(story).code('r1')).toBe('switched-over')
  })
})

describe('it can not be finished: the old writer is open again', () => {
  const closedFor = (change: (story: Story) => unknown) => {
    const story = asked().until('switchover-closing', 'r1')
    change(story)
    return story.commit('alice').act('r1')
  }

  test('M7 T14: over the budget: undone within it', () => {
    const story = closedFor((each) => set(each, 'bob', { slow: true }))
    const since = story.state.now
    story.until('switchover-over-budget', 'r1', 400, 20).until('undone', 'r1', 20, 20)
    expect(story.openServers).toEqual(['alice'])
    expect(story.state.now - since).toBeLessThanOrEqual(POLICY.switchover.writeBlockMs)
    answered(story)
    expect(story.code('r1')).toBe('switchover-given-up')
    expect(givenUp(story)).toMatchObject({ code: 'switchover-over-budget', early: false })
    expect(story.state.messages).toContain('switchover-undone')
    expectWriter(story.and({ do: 'apply', server: 'bob' }).calm(), 'alice', 3)
  })

  test('the spare stops replicating', () => {
    const story = closedFor((each) => set(each, 'bob', { slow: true }))
    set(story, 'bob', { applier: 'off', applierErrno: 1062 }).until('switchover-stuck', 'r1', 5, 20)
    answered(story)
    expectWriter(story, 'alice', 3)
  })

  test('the spare restarts', () => {
    const story = closedFor(() => {})
    story.and({ do: 'crash', server: 'bob' }).wait(2500).and({ do: 'restart', server: 'bob' })
    set(story, 'bob', { applier: 'on', receiver: 'on' })
    story.until('switchover-target-restarted', 'r1', 5, 20)
    answered(story)
    expectWriter(story, 'alice', 3)
  })

  test('the spare falls silent', () => {
    const story = closedFor((each) => each.and({ do: 'freeze', server: 'bob' }))
    story.until('switchover-target-silent', 'r1', 20, 20)
    answered(story)
    expectWriter(story, 'alice', 3)
    expectWriter(story.and({ do: 'wake', server: 'bob' }).calm(), 'alice', 3)
  })

  test('M7: a writer that is not durable is reopened all the same: it has not restarted, so it lost nothing', () => {
    const story = asked()
    set(story, 'alice', { durable: false }).until('switchover-closing', 'r1').act('r1')
    story.and({ do: 'freeze', server: 'bob' })
    answered(story)
    expectWriter(story, 'alice', 3)
  })

  test('T12 T15: something blocks the close: it gives up by itself, who was in the way is listed, and nothing lands later', () => {
    const story = asked().until('switchover-closing', 'r1')
    set(story, 'alice', { obstacles: [obstacle('lock')] }).act('r1')
    story.until('switchover-close-blocked', 'r1', 3, 20).until('switchover-close-failed', 'r1', 5, 20)
    answered(story)
    expect(givenUp(story)?.because).toMatch(/session 77 \(shop\): update for 9\.0 s/)
    expect(givenUp(story)?.obstacles).toHaveLength(1)
    expectWriter(set(story, 'alice', { obstacles: [] }).calm(), 'alice', 3)
    expect(story.state.servers.alice.flying).toEqual([])
  })

  test('T12: nobody knows what became of the close: its session is killed before the claim is released', () => {
    const story = asked().until('switchover-closing', 'r1').act('r1', 'late')
    expect(story.state.servers.alice.flying).toHaveLength(1)
    answered(story)
    expect(story.state.servers.alice.flying).toEqual([])
    expectWriter(story.and({ do: 'land', server: 'alice' }).calm(), 'alice', 3)
  })

  test('half a close: it is opened again under an undo claim', () => {
    const story = asked().until('switchover-closing', 'r1')
    set(story, 'alice', { obstacles: [obstacle('lock')] }).act('r1')
    set(story, 'alice', { halfClosed: true }).until('switchover-reopening-half', 'r1', 5, 20)
    story.until('reopening-half', 'r1', 10, 20)
    answered(story)
    expect(story.state.servers.alice.halfClosed).toBe(false)
    expectWriter(story, 'alice', 3)
  })

  test('R3: nobody knows what became of the opening: its session is killed, then it is opened again', () => {
    const story = asked().until('switchover-opening', 'r1').act('r1', 'late')
    answered(story)
    expect(story.code('r1')).toBe('switched-over')
    expectWriter(story.and({ do: 'land', server: 'bob' }).calm(), 'bob', 4)
  })

  test('R3: the opening hangs in a spare that froze: the old writer stays closed until its end has passed', () => {
    const story = asked().until('switchover-opening', 'r1').and({ do: 'freeze', server: 'bob' }).act('r1')
    const since = story.state.now
    story.until('undo-unsettled', 'r1', 20, 20).until('undone', 'r1', 400, 20)
    expect(story.state.now - since).toBeGreaterThan(3000)
    story.and({ do: 'wake', server: 'bob' })
    expect(story.openServers).toEqual(['alice'])
    expectWriter(story.calm(), 'alice', 3)
  })

  test('M7: a stranger opens the spare first, short of the writer: it is closed again, the writer reopened', () => {
    const story = closedFor((each) => set(each, 'bob', { slow: true }))
    set(story, 'bob', { closed: false }).until('switchover-target-lacks', 'r1', 5, 20)
    answered(story)
    expect(story.openServers).toEqual(['alice'])
    expectNothingLost(story)
  })

  test('M1: a stranger opens the spare before the closing: it is closed, the writer goes on', () => {
    const story = asked().until('switchover-closing', 'r1')
    set(story, 'bob', { closed: false }).look('r1')
    expect(story.code('r1')).toBe('target-closing')
    answered(story)
    expectNothingLost(story)
  })

  test('M1: a stranger opens the old writer after the spare was opened: it is closed, we go forward', () => {
    const story = asked().until('moving', 'r1')
    set(story, 'alice', { closed: false }).look('r1')
    expect(story.code('r1')).toBe('old-writer-closing')
    answered(story)
    expectWriter(story, 'bob', 4)
  })
})

describe('a server dies under the claim', () => {
  test('R1: the closed writer dies: the claim turns to a failover, with all of must 2', () => {
    const story = asked().until('switchover-closing', 'r1').act('r1').and({ do: 'crash', server: 'alice' })
    story.until('undo-writer-dead', 'r1', 100, 100).until('switchover-became-failover', 'r1', 100, 100)
    expectWriter(story, 'bob', 4)
    expect(story.ledger.how).toBe('failover')
    expectNothingLost(story)
  })

  test('the writer dies before it is closed: the same', () => {
    const story = asked()
      .until('switchover-closing', 'r1')
      .commit('alice')
      .and({ do: 'crash', server: 'alice' })
    story.until('switchover-waiting', 'r1', 20, 20)
    story.act('r1').until('switchover-became-failover', 'r1', 200, 100)
    expectWriter(story, 'bob', 4)
  })

  test('R8: the closed writer restarts without what the spare has: a failover', () => {
    const story = asked()
    set(story, 'alice', { durable: false }).until('switchover-closing', 'r1').act('r1')
    story.and({ do: 'crash', server: 'alice', lose: 1 }).and({ do: 'restart', server: 'alice' })
    story.until('switchover-writer-short', 'r1', 5, 20).until('switchover-became-failover', 'r1', 100, 100)
    expectWriter(story, 'bob', 4)
    expectNothingLost(story)
  })

  test('the closed writer restarts whole: both have the same, it goes on', () => {
    const story = asked().until('switchover-closing', 'r1').act('r1')
    story.and({ do: 'crash', server: 'alice' }).and({ do: 'restart', server: 'alice' })
    answered(story, 'r1', 800)
    expectWriter(story, 'bob', 4)
    expectNothingLost(story)
  })

  test('the spare’s threads are off when the writer falls silent: it is asked to try', () => {
    const story = asked().until('switchover-closing', 'r1').act('r1')
    set(story, 'bob', { receiver: 'off' }).and({ do: 'freeze', server: 'alice' })
    story.until('undo-asking', 'r1', 20, 50)
    expect(story.openServers).toEqual([])
  })

  test('M4: neither answers under the claim: nothing is changed', () => {
    const story = asked().until('switchover-closing', 'r1').act('r1')
    story.and({ do: 'cut', a: 'r1', b: 'alice' }).and({ do: 'cut', a: 'r1', b: 'bob' })
    story.until('blind-under-claim', 'r1', 5, 20)
    story.and({ do: 'heal', a: 'r1', b: 'alice' }).and({ do: 'heal', a: 'r1', b: 'bob' })
    answered(story)
    expectWriter(story, 'bob', 4)
  })
})

describe('it was left half done', () => {
  test('the writer is open still, the spare’s threads are off: it follows again before the claim is released', () => {
    const story = asked().until('switchover-closing', 'r1').and({ do: 'kill', who: 'r1' })
    story.and({ do: 'crash', server: 'bob' }).and({ do: 'restart', server: 'bob' }).start('w2')
    story.until('switchover-abandoning-threads', 'w2', 100, 500).until('switchover-abandoning', 'w2', 10)
    expectWriter(story.calm(), 'alice', 3)
    expect(story.state.messages).toContain('switchover-undone')
    expect(story.state.servers.bob).toMatchObject({ receiver: 'on', applier: 'on' })
  })

  test('T14: the writer is closed: who takes over never goes forward from there, it is opened again', () => {
    const story = asked().until('switchover-opening', 'r1').and({ do: 'kill', who: 'r1' }).start('w2')
    story.until('switchover-left-closed', 'w2', 100, 500)
    expectWriter(story.calm(), 'alice', 3)
  })

  test('the request itself wakes after its claim has run out: it undoes what it left, and does not begin again', () => {
    const story = asked({ waitForQuietMs: 100_000 }).until('switchover-opening', 'r1').wait(25_000)
    story.until('claim-retaken', 'r1').until('switchover-left-closed', 'r1', 10, 20)
    expect(answered(story).code('r1')).toBe('switchover-given-up')
    expectWriter(story, 'alice', 3)
  })

  test('a request that stood still for a minute is not carried out any more', () => {
    const story = asked().until('switchover-claiming', 'r1')
    story.change('somebody else pauses and resumes', ({ directory }) => {
      directory.ledger = formatLedger(firstLedger({ revision: 9 }))
      directory.history = [...directory.history, directory.ledger]
    })
    story.wait(61_000).act('r1')
    answered(story)
    expect(story.code('r1')).toBe('switchover-stale')
    expectWriter(story, 'alice', 3)
  })
})

describe('watches meanwhile', () => {
  test('they see it in progress and keep their hands off', () => {
    const story = asked().until('switchover-closing', 'r1').act('r1')
    for (let turn = 0; turn < 4; turn++) story.turn('w1', 20)
    expect(story.codes).toContain('writer-closed-unconfirmed')
    expect(story.code('w1')).toBe('switchover-in-progress')
    expect(story.state.messages).not.toContain('writer-closed')
    expectWriter(answered(story).calm(), 'bob', 4)
  })

  test('M1: the spare is open and not named yet: no watch closes it', () => {
    const story = asked().until('moving', 'r1')
    for (let turn = 0; turn < 5; turn++) story.turn('w1', 20)
    expect(story.openServers).toEqual(['bob'])
    expectWriter(answered(story).calm(), 'bob', 4)
  })

  test('an operator who closes the writer without a claim is still told of', () => {
    const story = watched()
    set(story, 'alice', { closed: true }).until('writer-closed-by-operator')
    expect(story.state.messages).toContain('writer-closed')
  })

  test('and so it is where the ledger can not be read again', () => {
    const story = watched().change('an outage', (state) => {
      state.directory.outage = true
    })
    set(story, 'alice', { closed: true }).until('writer-closed-by-operator')
    expect(story.state.messages).toContain('writer-closed')
  })
})

describe('each step is the last one of its invocation', () => {
  /** The story up to and with the request's act number `count`; returns how many it did before it was answered. */
  function upTo(count: number, change: Partial<PlannedSwitchover> = {}): { story: Story; done: number } {
    const story = asked(change)
    let done = 0
    for (let turn = 0; turn < 100 && done < count; turn++) {
      story.look('r1')
      if (invocationOf(story.state, 'r1').finished) break
      if (invocationOf(story.state, 'r1').pending !== null) {
        done += 1
        story.act('r1')
      }
      story.wait(20)
      if (turn % 2 === 0) story.commit('alice').commit('bob')
    }
    return { story, done }
  }
  const steps = upTo(1000).done

  test('there are as many as one expects', () => expect(steps).toBeGreaterThanOrEqual(7))

  test('M6 M7: killed after each: a watch finishes it or undoes it, and nothing is lost', () => {
    for (let count = 1; count <= steps; count++) {
      const { story } = upTo(count)
      story.and({ do: 'kill', who: 'r1' }).start('w2').calm(300, 1000)
      expect(story.openServers, story.trace()).toEqual([story.ledger.writer])
      expect(story.state.directory.record?.ttlSeconds).toBe(5)
      expectNothingLost(story)
    }
  })

  test('M7: with a lowered TTL: whoever undoes it puts the TTL back', () => {
    for (let count = 1; count <= 5; count++) {
      const { story } = upTo(count, { lowerTtl: true })
      story.and({ do: 'kill', who: 'r1' }).start('w2').calm(300, 1000)
      expect(story.state.directory.record?.ttlSeconds, story.trace()).toBe(5)
    }
  })

  test('M6 R4: stopped before each act beyond its claim; a watch finishes; then it resumes', () => {
    for (let count = 0; count < steps; count++) {
      const { story } = upTo(count)
      while (invocationOf(story.state, 'r1').pending === null && !invocationOf(story.state, 'r1').finished)
        story.wait(20).look('r1')
      story.start('w2')
      for (let turn = 0; turn < 150; turn++) story.turn('w2', 500).commit('alice').commit('bob')
      story.act('r1').calm(300, 1000)
      expect(story.openServers, story.trace()).toEqual([story.ledger.writer])
      expectNothingLost(story)
    }
  })

  test.each(['lost', 'late'] as const)('R3 R6: the answer of each act is %s', (how: How) => {
    for (let count = 0; count < steps; count++) {
      const { story } = upTo(count)
      while (invocationOf(story.state, 'r1').pending === null && !invocationOf(story.state, 'r1').finished)
        story.wait(20).look('r1')
      if (!invocationOf(story.state, 'r1').finished) story.act('r1', how)
      for (let turn = 0; turn < 40; turn++) {
        if (!invocationOf(story.state, 'r1').finished) story.turn('r1', 50)
      }
      story.and({ do: 'land-swap' }).and({ do: 'land', server: 'alice' }).and({ do: 'land', server: 'bob' })
      story.start('w2').calm(300, 1000)
      expect(story.openServers, story.trace()).toEqual([story.ledger.writer])
      expectNothingLost(story)
    }
  })

  const faults: readonly (readonly [Event, Event])[] = [
    ...(['alice', 'bob'] as const).flatMap((server): (readonly [Event, Event])[] => [
      [
        { do: 'crash', server },
        { do: 'restart', server },
      ],
      [
        { do: 'freeze', server },
        { do: 'wake', server },
      ],
      [
        { do: 'cut', a: 'r1', b: server },
        { do: 'heal', a: 'r1', b: server },
      ],
    ]),
    [
      { do: 'cut', a: 'alice', b: 'bob' },
      { do: 'heal', a: 'alice', b: 'bob' },
    ],
    [
      { do: 'cut', a: 'directory', b: 'r1' },
      { do: 'heal', a: 'directory', b: 'r1' },
    ],
  ]

  test.each(faults)('M7: at each step: %j', (fault, repair) => {
    for (let count = 0; count <= steps; count++)
      for (const repairedAfterMs of [0, 1000, 60_000]) {
        const { story } = upTo(count)
        story.and(fault)
        for (let ms = 0; ms < repairedAfterMs; ms += 250) {
          for (const who of ['r1', 'w1'])
            if (story.state.invocations[who]?.finished === false) story.turn(who, 0)
          story.wait(250)
        }
        story.and(repair).start('w2').calm(400, 1000)
        expect(story.openServers, story.trace()).toEqual([story.ledger.writer])
        expectNothingLost(story)
      }
  })
})

test('every row of a switchover is reached by some story', () => {
  const codes = [...TABLES.requested, ...TABLES.switchover].map(({ code }: Row) => code)
  const elsewhere = new Set(
    [...TABLES.watching, ...TABLES.failover, ...TABLES.undo].map(({ code }: Row) => code),
  )
  const unreached = codes.filter((code) => !situationsReached.has(code) && !elsewhere.has(code))
  expect(unreached).toEqual([])
})

test('the beginning is as the stories take it', () => {
  expect(BEGINNING).toContain(`${UUIDS.alice}:1-10`)
})
