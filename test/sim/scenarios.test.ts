/**
 * Stories: a healthy pair plus a difference, told through the production `decide`. The musts are asserted after every event; a test's
 * name says which must, rule or trap it would catch us breaking.
 */
import { describe, expect, test } from 'vitest'
import { decide, TABLES } from '../../lambda/core/decide.ts'
import { contains } from '../../lambda/core/gtid-set.ts'
import { formatLedger } from '../../lambda/core/ledger.ts'
import type { Policy } from '../../lambda/core/policy.ts'
import type { Row } from '../../lambda/core/situation.ts'
import type { Answer, SemiSync, ServerEvent } from '../../lambda/core/world.ts'
import { BEGINNING, firstLedger, POLICY } from './healthy.ts'
import { ADDRESSES, cutName, EPOCH_MS, invocationOf, NAMES, type Name, UUIDS } from './state.ts'
import { Story, set, situationsReached } from './story.ts'

/** Rows that no story reaches, with the reason. */
const NOT_BY_STORY: Readonly<Record<string, string>> = {
  'ledger-older': 'told in rewound.test.ts',
  'ledger-mending': 'told in rewound.test.ts',
  'ledger-rewound': 'told in rewound.test.ts',
  'switchover-in-progress': 'told in switchover.test.ts',
  'reopening-half': 'told in switchover.test.ts',
  'following-awaited': 'told in following.test.ts',
  'spare-not-a-replica': 'told in strangers.test.ts',
  'target-half-closed': 'told in strangers.test.ts',
  'target-opened-by-hand': 'told in strangers.test.ts',
  'target-errant': 'told in strangers.test.ts',
  'claim-expired-observed': 'told in observing.test.ts',
  'unnamed-open-observed': 'told in observing.test.ts',
  'old-writer-half-closed': 'told in writability.test.ts',
  'giving-back-threads': 'told in refused.test.ts',
  'giving-back': 'told in refused.test.ts',
  'spare-refuses': 'told in refused.test.ts',
  'housekeeping-refused': 'told in refused.test.ts',
  'ending-blockers': 'told in blocked.test.ts',
  'blocked-for-good': 'told in blocked.test.ts',
  blocked: 'told in blocked.test.ts',
  'spare-blocked': 'told in blocked.test.ts',
  'rights-missing': 'told in blocked.test.ts',
  'spare-rights-missing': 'told in blocked.test.ts',
  'claim-standing-long': 'told in refused.test.ts',
}

/** A watch that has been at work for a few seconds while applications write. */
function watched(policy: Partial<Policy> = {}, deciding?: typeof decide): Story {
  const story = new Story({ policy, ...(deciding === undefined ? {} : { deciding }) }).start('w1')
  for (let second = 0; second < 4; second++) story.turn('w1', 1000).commit('alice').wait(10)
  return story.wait(1).turn('w1', 0)
}

const SEMI_SYNC: SemiSync = {
  sourceWaits: true,
  working: true,
  acknowledges: true,
  replicasAcknowledging: 1,
  timeoutMs: 10_000,
}

function expectWriter(story: Story, name: Name, epoch: number): void {
  expect(story.openServers, story.trace()).toEqual([name])
  expect(story.ledger).toMatchObject({ writer: name, epoch, claim: null })
  expect(story.state.directory.record?.values).toEqual([ADDRESSES[name]])
}

const mode = (value: Policy['failover']['mode']) => ({ failover: { ...POLICY.failover, mode: value } })

describe('the writer dies', () => {
  test('M2: a crash: the spare takes over, the record moves, the epoch grows by one', () => {
    const story = watched().and({ do: 'crash', server: 'alice' }).calm()
    expectWriter(story, 'bob', 4)
    expect(story.state.servers.bob.executed).toContain(`${UUIDS.alice}:1-14`)
    expect(story.state.messages).toContain('failed-over')
  })

  test('M1 T35: a freeze: the spare takes over; when the old writer wakes, what it was sent finds it closed', () => {
    const story = watched().and({ do: 'freeze', server: 'alice' }).calm()
    expectWriter(story, 'bob', 4)
    story.and({ do: 'wake', server: 'alice' })
    expect(story.openServers).toEqual(['bob'])
    story.calm().commit('bob').calm()
    expectWriter(story, 'bob', 4)
    expect(story.state.servers.alice.executed).toBe(story.state.servers.bob.executed)
  })

  test('M1: a freeze without the queued close: the woken writer is closed at sight', () => {
    const story = watched().and({ do: 'freeze', server: 'alice' }).calm()
    set(story, 'alice', { flying: [], sessions: [] }).and({ do: 'wake', server: 'alice' })
    expect(story.openServers).toEqual(['alice', 'bob'])
    story.turn().turn()
    expect(story.codes).toContain('unnamed-open')
    expectWriter(story.calm(), 'bob', 4)
  })

  test('T13 T38: the spare waits for the writer that is dead, though that still counts as its replica: switched off before it applies', () => {
    const story = watched()
    set(story, 'bob', { semiSync: SEMI_SYNC, slow: true }).commit('alice').wait(100)
    story.and({ do: 'crash', server: 'alice' }).until('stopping-wait').act().until('catching-up')
    expect(story.state.servers.bob.semiSync?.sourceWaits).toBe(false)
  })

  test('T13: semi-synchronous replication worked until it died: lossless, and said so', () => {
    const story = watched()
    set(story, 'alice', { semiSync: SEMI_SYNC })
    set(story, 'bob', { semiSync: SEMI_SYNC }).turn().turn('w1', 1000).turn('w1', 100)
    story.and({ do: 'crash', server: 'alice' }).until('opening')
    expect(invocationOf(story.state, 'w1').memory.risk?.lossless).toBe(true)
  })

  test('T13 X1: that commits waited was asked for before the heartbeat was committed: not lossless', () => {
    let late: Answer | null = null
    let keeps = false
    const story = watched({}, (memory, world, now) => {
      const { alice } = world.servers
      if (keeps) late = alice?.answer ?? null
      const servers = {
        ...world.servers,
        ...(alice && !keeps && late ? { alice: { ...alice, answer: late } } : {}),
      }
      return decide(memory, { ...world, servers }, now)
    })
    set(story, 'bob', { semiSync: SEMI_SYNC }).turn()
    set(story, 'alice', { semiSync: SEMI_SYNC })
    keeps = true
    story.wait(1000).look()
    keeps = false
    const acknowledgedAtMs = () => invocationOf(story.state, 'w1').memory.acknowledgedAtMs
    const before = acknowledgedAtMs()
    set(story, 'alice', { semiSync: { ...SEMI_SYNC, working: false, replicasAcknowledging: 0 } })
    story.and({ do: 'cut', a: 'alice', b: 'bob' }).commit('alice').act().wait(100).look()
    expect(invocationOf(story.state, 'w1').memory.servers.alice?.known?.semiSync?.working).toBe(true)
    expect(acknowledgedAtMs()).toBe(before)
  })

  test.each([
    ['it had gone on without the spare', 'alice', { working: false }],
    ['another replica may have been the one that acknowledged', 'alice', { replicasAcknowledging: 2 }],
    ['the spare acknowledges nothing', 'bob', { acknowledges: false }],
    ['it may have gone on without after the last look', 'alice', { timeoutMs: 1000 }],
  ] as [string, Name, Partial<SemiSync>][])('T13: not lossless: %s', (_, name, change) => {
    const story = watched()
    for (const each of NAMES)
      set(story, each, { semiSync: each === name ? { ...SEMI_SYNC, ...change } : SEMI_SYNC })
    story.turn().turn('w1', 1000).turn('w1', 100).and({ do: 'crash', server: 'alice' }).until('opening')
    expect(invocationOf(story.state, 'w1').memory.risk?.lossless).toBe(false)
  })

  test('T13 T38: nobody would acknowledge: waiting is switched off before the spare is opened', () => {
    const story = watched()
    const semiSync = { ...SEMI_SYNC, working: false, replicasAcknowledging: 0 }
    set(story, 'bob', { semiSync }).and({ do: 'crash', server: 'alice' }).calm()
    expect(story.codes).toContain('stopping-wait')
    expect(story.state.servers.bob.semiSync?.sourceWaits).toBe(false)
    expectWriter(story, 'bob', 4)
  })

  test('T34: half a transaction in the applier: it is stopped before the spare is opened', () => {
    const story = watched().and({ do: 'crash', server: 'alice' })
    set(story, 'bob', { half: `${UUIDS.alice}:15` }).calm()
    expect(story.state.servers.bob.half).toBe('')
    expectWriter(story, 'bob', 4)
  })

  test('T2: what was received is applied before the spare is opened, however long it takes', () => {
    const story = watched()
    set(story, 'bob', { slow: true }).commit('alice').wait(100).and({ do: 'crash', server: 'alice' })
    story.until('catching-up')
    for (let turn = 0; turn < 100; turn++) story.turn('w1', 200)
    expect(story.openServers).toEqual([])
    story.and({ do: 'apply', server: 'bob' }).calm()
    expectWriter(story, 'bob', 4)
    expect(story.ledger.position).not.toBe('')
  })

  test('a spare that has much to apply is looked at more rarely, and the end is noticed a twentieth later at the most', () => {
    const looks: { soonMs: number; takenMs: number }[] = []
    let sinceMs: number | null = null
    const story = watched({}, (memory, world, now) => {
      const decision = decide(memory, world, now)
      if (decision.situation.code !== 'catching-up') return decision
      sinceMs ??= now
      looks.push({ soonMs: decision.look.afterMs, takenMs: now - sinceMs })
      return decision
    })
    set(story, 'bob', { slow: true }).commit('alice').wait(100).and({ do: 'crash', server: 'alice' })
    story.until('catching-up')
    for (let turn = 0; turn < 60; turn++) story.turn('w1', 200)
    expect(looks[0]?.soonMs).toBe(20)
    expect(looks.at(-1)?.soonMs).toBe(500)
    for (const { soonMs, takenMs } of looks)
      expect(soonMs).toBeLessThanOrEqual(Math.max(20, takenMs / 20 + 10))
    story.and({ do: 'apply', server: 'bob' }).calm()
    expectWriter(story, 'bob', 4)
  })

  test('X4: catching up takes long: the claim is kept, people are told at growing intervals', () => {
    const story = watched({ failover: { ...POLICY.failover, catchUpTimeoutMs: 5000 } })
    set(story, 'bob', { slow: true }).commit('alice').wait(100).and({ do: 'crash', server: 'alice' })
    story.until('catch-up-too-long')
    for (let turn = 0; turn < 400; turn++) story.turn('w1', 200)
    expect(story.ledger.claim).toMatchObject({ who: 'w1', touched: false })
    // After 5, 10, 20, 40 and 80 seconds.
    expect(story.state.messages.filter((event) => event === 'failover-waits')).toHaveLength(5)
    expect(story.state.messages).not.toContain('failover-refused')
    story.and({ do: 'apply', server: 'bob' }).calm()
    expectWriter(story, 'bob', 4)
  })

  test('T24: two watches see one death: one opens, the name moves once', () => {
    const story = watched().start('w2').turn('w2', 0).and({ do: 'crash', server: 'alice' })
    story.state = { ...story.state, invocations: { ...story.state.invocations } }
    story.calm()
    expectWriter(story, 'bob', 4)
    expect(story.state.directory.history.filter((text) => text.includes('writer=bob'))).toHaveLength(1)
  })

  test('a slow channel: the spare is made to reconnect under the claim, once', () => {
    const story = watched()
    const semiSync = { ...SEMI_SYNC, sourceWaits: false, working: false, replicasAcknowledging: 0 }
    set(story, 'alice', { heartbeatPeriodMs: 30_000 })
    set(story, 'bob', { heartbeatPeriodMs: 30_000, semiSync }).turn()
    story.and({ do: 'freeze', server: 'alice' }).until('witness-asked', 'w1', 400)
    expectWriter(story.calm(), 'bob', 4)
  })

  test('a slow channel under semi-sync: the only acknowledger is not taken away from a writer that may live', () => {
    const story = watched()
    const semiSync = SEMI_SYNC
    set(story, 'alice', { heartbeatPeriodMs: 30_000, semiSync })
    set(story, 'bob', { heartbeatPeriodMs: 30_000 }).turn()
    story.and({ do: 'freeze', server: 'alice' }).until('witness-slow', 'w1', 400)
    expect(story.codes).not.toContain('witness-asked')
    expect(story.state.servers.bob.receiver).toBe('on')
  })
})

describe('the writer is slow', () => {
  /** What comes too late for its look is not in it. */
  const late: typeof decide = (memory, world, now) => {
    const { alice } = world.servers
    return alice === undefined
      ? decide(memory, world, now)
      : decide(memory, { ...world, servers: { ...world.servers, alice: { ...alice, answer: null } } }, now)
  }

  test('X1: its facts come late: heartbeats go on for a while, one a second, and nothing is told or done', () => {
    let isLate = false
    const story = watched({}, (memory, world, now) => (isLate ? late : decide)(memory, world, now))
    const before = story.state.servers.alice.heartbeat?.sequence ?? 0
    const told = story.state.messages.length
    isLate = true
    for (let turns = 0; turns < 40; turns++) story.wait(100).turn('w1', 0)
    expect(story.state.servers.alice.heartbeat?.sequence).toBeGreaterThanOrEqual(before + 3)
    expect(story.state.servers.alice.heartbeat?.sequence).toBeLessThanOrEqual(before + 5)
    for (let turns = 0; turns < 100; turns++) story.wait(100).turn('w1', 0)
    expect(story.state.servers.alice.heartbeat?.sequence, 'what was seen is too old').toBeLessThanOrEqual(
      before + 6,
    )
    expect(story.state.messages.length).toBe(told)
    isLate = false
    expectWriter(story.calm(), 'alice', 3)
  })
})

describe('the writer is back soon', () => {
  test('T10: a restart before the claim: it is reopened, nobody takes over', () => {
    const story = watched().and({ do: 'crash', server: 'alice' }).turn().turn()
    story.and({ do: 'restart', server: 'alice' }).calm()
    expectWriter(story, 'alice', 3)
    expect(story.codes).toContain('restarted-writer')
  })

  test('R1: a restart after the claim: the claim turns to undo, then it is reopened', () => {
    const story = watched().and({ do: 'crash', server: 'alice' }).until('detaching').act()
    story.and({ do: 'restart', server: 'alice' }).calm()
    expectWriter(story, 'alice', 3)
    expect(story.codes).toContain('old-writer-whole')
    expect(story.state.servers.bob.receiver).toBe('on')
  })

  test('a restart after the spare was opened: forward, and the old writer stays closed', () => {
    const story = watched().and({ do: 'crash', server: 'alice' }).until('moving')
    story.and({ do: 'restart', server: 'alice' }).act().calm()
    expectWriter(story, 'bob', 4)
  })

  test('M1: it wakes, open, after the spare was opened: it is closed, forward', () => {
    const story = watched().and({ do: 'freeze', server: 'alice' }).until('opening').act()
    story.and({ do: 'wake', server: 'alice' }).calm()
    expect(story.codes).toContain('old-writer-closing')
    expectWriter(story, 'bob', 4)
  })

  test('it wakes before the spare is opened: the failover is abandoned, the spare follows again', () => {
    const story = watched().and({ do: 'freeze', server: 'alice' }).until('stopping-applier').act()
    story.and({ do: 'wake', server: 'alice' }).calm()
    expectWriter(story, 'alice', 3)
    expect(story.state.servers.bob).toMatchObject({ receiver: 'on', applier: 'on' })
    expect(story.state.messages).toContain('failover-abandoned')
  })

  test('R8: it restarted without transactions that the spare has: that is a failover', () => {
    const story = watched()
    set(story, 'alice', { durable: false }).turn().and({ do: 'crash', server: 'alice', lose: 2 })
    story.and({ do: 'restart', server: 'alice' }).calm()
    expectWriter(story, 'bob', 4)
    expect(story.codes).toContain('restarted-writer-short')
    expect(story.state.servers.bob.executed).toContain(`${UUIDS.alice}:1-14`)
  })

  test.each([
    ['has run out', EPOCH_MS - 1, 'restarted-writer-short'],
    ['stands', 0, 'restarted-writer-short-refused'],
  ])('M9: it restarted short, and a pause %s: %s %s', (_, untilClockMs, code) => {
    const story = new Story().change('a pause', (state) => {
      state.directory.ledger = formatLedger(firstLedger({ pause: { untilClockMs } }))
      state.directory.history = [state.directory.ledger]
    })
    story.start('w1')
    for (let second = 0; second < 4; second++) story.turn('w1', 1000).commit('alice').wait(10)
    set(story.wait(1).turn('w1', 0), 'alice', { durable: false }).turn()
    story.and({ do: 'crash', server: 'alice', lose: 2 }).and({ do: 'restart', server: 'alice' })
    story.until(code, 'w1', 400)
  })

  test('R8: it lost what the spare has received and not applied yet: that is a failover, too', () => {
    const story = watched()
    set(story, 'alice', { durable: false })
    set(story, 'bob', { slow: true }).commit('alice').wait(100).turn()
    story.and({ do: 'crash', server: 'alice', lose: 1 }).and({ do: 'restart', server: 'alice' })
    for (let turn = 0; turn < 10; turn++) story.turn()
    story.and({ do: 'apply', server: 'bob' }).calm()
    expectWriter(story, 'bob', 4)
  })

  test('restarted and the spare is down: reopened only if it keeps every commit through a crash', () => {
    const story = watched().and({ do: 'crash', server: 'bob' }).turn().and({ do: 'crash', server: 'alice' })
    story.turn().and({ do: 'restart', server: 'alice' })
    expectWriter(story.calm(), 'alice', 3)
    const other = watched().and({ do: 'crash', server: 'bob' }).turn().and({ do: 'crash', server: 'alice' })
    set(other, 'alice', { durable: false }).turn().and({ do: 'restart', server: 'alice' })
    other.until('restarted-writer-alone').turn().turn()
    expect(other.openServers).toEqual([])
  })

  test('T10: restarted in observe mode: nobody opens it, a person is told', () => {
    const story = watched(mode('observe')).and({ do: 'crash', server: 'alice' })
    story.and({ do: 'restart', server: 'alice' }).until('writer-closed').turn()
    expect(story.openServers).toEqual([])
  })

  test('unapplied relay log is applied before the named server is reopened', () => {
    const story = watched().and({ do: 'crash', server: 'alice' }).and({ do: 'restart', server: 'alice' })
    set(story, 'alice', { received: `${BEGINNING},${UUIDS.bob}:6` })
    set(story, 'bob', { executed: `${UUIDS.alice}:1-14,${UUIDS.bob}:1-6` })
    story.change('only a heartbeat', (state) => {
      state.tables = { [`${UUIDS.bob}:6`]: ['hotspare.heartbeat'] }
    })
    expectWriter(story.calm(), 'alice', 3)
    expect(story.codes).toContain('undo-applying')
  })
})

describe('it is not dead', () => {
  test('M3: cut off from us alone: the spare hears it, nothing is changed', () => {
    const story = watched()
    const before = story.state.directory.ledger
    story.and({ do: 'cut', a: 'w1', b: 'alice' }).until('writer-partitioned')
    for (let turn = 0; turn < 60; turn++) story.turn('w1', 1000).commit('alice')
    expect(story.state.directory.ledger).toBe(before)
    expect(story.openServers).toEqual(['alice'])
    story.and({ do: 'heal', a: 'w1', b: 'alice' }).until('healthy')
  })

  test('M2: cut off from everybody: failover, fence unconfirmed; its return is closed, its writes are listed', () => {
    const story = watched().and({ do: 'cut', a: 'w1', b: 'alice' }).and({ do: 'cut', a: 'alice', b: 'bob' })
    story.until('spare-unreachable').commit('alice')
    expect(story.ledger.writer).toBe('bob')
    story.and({ do: 'heal', a: 'w1', b: 'alice' }).until('spare-on-hold')
    expect(story.ledger).toMatchObject({ writer: 'bob', holds: ['alice'] })
    expect(story.openServers).toEqual(['bob'])
    expect(story.state.messages).toContain('server-held')
  })

  test('M3 T3: too many connections: sick is not dead', () => {
    const story = watched()
    set(story, 'alice', { sick: 1040 }).until('writer-sick')
    for (let turn = 0; turn < 60; turn++) story.turn('w1', 1000)
    expectWriter(story, 'alice', 3)
    set(story, 'alice', { sick: null }).until('healthy')
  })

  test('M3: starting up again while the failover is on its way: nothing is opened beside it', () => {
    const story = watched().and({ do: 'crash', server: 'alice' }).until('detaching').act()
    story.and({ do: 'restart', server: 'alice' })
    set(story, 'alice', { sick: 1053 })
    for (let turn = 0; turn < 20; turn++) story.turn()
    expect(story.openServers).toEqual([])
    expect([...story.codes]).toContain('writer-sick-reattaching')
    set(story, 'alice', { sick: null })
    expectWriter(story.calm(), 'alice', 3)
  })

  test('M4: blind: neither answers, nothing is changed', () => {
    const story = watched().and({ do: 'cut', a: 'w1', b: 'alice' }).and({ do: 'cut', a: 'w1', b: 'bob' })
    story.until('blind')
    for (let turn = 0; turn < 60; turn++) story.turn('w1', 1000)
    expectWriter(story, 'alice', 3)
    expect(story.state.messages).toContain('blind')
  })

  test('T6 T21: the spare receives nothing because nobody lets it: no witness, no failover', () => {
    const story = watched()
    set(story, 'bob', { receiver: 'off' }).turn().and({ do: 'crash', server: 'alice' }).until('no-witness')
    for (let turn = 0; turn < 60; turn++) story.turn('w1', 1000)
    expect(story.openServers).toEqual([])
  })

  test('an operator closes the writer: alarm, nothing is changed', () => {
    const story = watched()
    set(story, 'alice', { closed: true }).until('writer-closed-by-operator')
    for (let turn = 0; turn < 60; turn++) story.turn('w1', 1000)
    expect(story.openServers).toEqual([])
    expect(story.ledger.revision).toBe(7)
  })

  test('T4: it answers and cannot commit: writer-stalled, nothing is changed', () => {
    const story = watched()
    story.change('its writes hang', (state) => {
      const { links, offsetMs } = invocationOf(state, 'w1')
      links.alice.beat = {
        sequence: 9,
        state: 'pending',
        sentAtMs: state.now + offsetMs,
        endedAtMs: null,
        message: '',
      }
      const session = links.alice.session ?? 0
      state.servers.alice.flying = [
        {
          session,
          who: 'w1',
          planned: false,
          step: {
            kind: 'beat',
            server: 'alice',
            session,
            sequence: 9,
            untilClockMs: 0,
            watchSinceClockMs: 0,
            deadlineMs: 0,
          },
        },
      ]
    })
    story.until('writer-stalled')
    expectWriter(story, 'alice', 3)
  })
})

describe('the spare may not take over', () => {
  const refused = (story: Story, code: string) => {
    story.until(code)
    for (let turn = 0; turn < 30; turn++) story.turn('w1', 500)
    expect(story.openServers, story.trace()).toEqual([])
    expect(story.ledger).toMatchObject({ writer: 'alice', claim: null })
    expect(story.state.messages).toContain('failover-refused')
  }

  test('T1: its replication has been broken for a minute: spare-stale', () => {
    const story = watched().and({ do: 'cut', a: 'alice', b: 'bob' })
    for (let second = 0; second < 60; second++) story.turn('w1', 1000).commit('alice')
    refused(
      story.and({ do: 'crash', server: 'alice' }).and({ do: 'heal', a: 'alice', b: 'bob' }),
      'spare-stale',
    )
  })

  test('T1: stale, and the writer restarted before it died again: the undo claim proves nothing', () => {
    const story = watched().and({ do: 'cut', a: 'alice', b: 'bob' })
    for (let second = 0; second < 60; second++) story.turn('w1', 1000).commit('alice')
    story
      .and({ do: 'crash', server: 'alice' })
      .turn()
      .and({ do: 'restart', server: 'alice' })
      .until('reopening')
    story.and({ do: 'crash', server: 'alice' }).and({ do: 'heal', a: 'alice', b: 'bob' })
    for (let turn = 0; turn < 300; turn++) story.turn('w1', 300)
    expect(story.openServers, story.trace()).toEqual([])
  })

  test('R9: it restarted while the writer ran a minute ahead of it: its last heartbeat only looks younger than its start', () => {
    const story = new Story().start('w1')
    set(story, 'alice', { skewMs: 60_000 })
    for (let second = 0; second < 4; second++) story.turn('w1', 1000).commit('alice').wait(10)
    expect(story.codes).toContain('clocks-apart')
    set(story, 'bob', { slow: true }).commit('alice').wait(100)
    story.and({ do: 'crash', server: 'bob' }).and({ do: 'restart', server: 'bob' })
    story.and({ do: 'cut', a: 'alice', b: 'bob' })
    set(story, 'bob', { slow: false, receiver: 'connecting', receiverErrno: 2003, applier: 'on' })
    refused(story.turn().and({ do: 'crash', server: 'alice' }), 'spare-possibly-short')
  })

  test('R9 T2: it restarted, and its relay log was discarded: possibly short', () => {
    const story = watched()
    set(story, 'bob', { slow: true }).commit('alice').wait(100)
    story.and({ do: 'crash', server: 'bob' }).and({ do: 'restart', server: 'bob' })
    story.and({ do: 'cut', a: 'alice', b: 'bob' })
    set(story, 'bob', { slow: false, receiver: 'connecting', receiverErrno: 2003, applier: 'on' })
    refused(story.and({ do: 'crash', server: 'alice' }), 'spare-possibly-short')
  })

  test('M2: it has transactions of its own: held, and refused', () => {
    const story = watched()
    set(story, 'alice', { receiver: 'off' })
    set(story, 'bob', { executed: `${UUIDS.alice}:1-14,${UUIDS.bob}:1-6` }).until('spare-on-hold')
    refused(story.and({ do: 'crash', server: 'alice' }), 'spare-held')
  })

  test('M2: it has transactions of its own, and the watch began after the death', () => {
    const story = watched()
    set(story, 'alice', { receiver: 'off' })
    set(story, 'bob', { executed: `${UUIDS.alice}:1-14,${UUIDS.bob}:1-6` })
    story.and({ do: 'kill', who: 'w1' }).and({ do: 'crash', server: 'alice' }).start('w1')
    refused(story, 'spare-errant')
  })

  test('T25: cooldown: one automatic failover an hour', () => {
    const story = watched()
    story.change('there was one a minute ago', (state) => {
      state.directory.ledger = formatLedger(
        firstLedger({ how: 'failover', sinceClockMs: 1_800_000_000_000 - 60_000 }),
      )
      state.directory.history = [state.directory.ledger]
    })
    story.and({ do: 'kill', who: 'w1' }).start('w1').turn().turn()
    refused(story.and({ do: 'crash', server: 'alice' }), 'cooldown')
  })

  test('M9: paused', () => {
    const story = new Story()
    story.change('a pause', (state) => {
      state.directory.ledger = formatLedger(firstLedger({ pause: { untilClockMs: 0 } }))
      state.directory.history = [state.directory.ledger]
    })
    story.start('w1').turn().turn('w1', 1000).turn()
    refused(story.and({ do: 'crash', server: 'alice' }), 'paused')
  })

  test('alert: a person decides', () => {
    refused(watched(mode('alert')).and({ do: 'crash', server: 'alice' }), 'writer-dead-alert')
  })

  test('observe: it only says so', () => {
    refused(watched(mode('observe')).and({ do: 'crash', server: 'alice' }), 'writer-dead-observed')
  })

  test('not armed: no heartbeat table', () => {
    const story = watched()
    set(story, 'alice', { hasTable: false })
    set(story, 'bob', { hasTable: false }).until('not-armed')
    refused(story.and({ do: 'crash', server: 'alice' }), 'spare-not-armed')
  })

  test('T32: not armed: a restarted server would start replication by itself', () => {
    const story = watched()
    set(story, 'bob', { skipsReplicaStart: false }).until('not-armed')
    refused(story.and({ do: 'crash', server: 'alice' }), 'spare-not-armed')
  })

  test('X4: its applier was stopped long before, perhaps on purpose: refused until somebody starts it', () => {
    const story = watched()
    set(story, 'bob', { applier: 'off' })
    for (let second = 0; second < 10; second++) story.turn('w1', 1000).commit('alice')
    story.turn('w1', 0)
    refused(story.and({ do: 'crash', server: 'alice' }), 'spare-applier-stopped')
    expectWriter(set(story, 'bob', { applier: 'on' }).calm(), 'bob', 4)
  })

  test('X4: it applies an hour late on purpose: refused until somebody ends the delay', () => {
    const story = watched()
    set(story, 'bob', { delaySeconds: 3600, slow: true })
    for (let second = 0; second < 10; second++) story.turn('w1', 1000).commit('alice')
    expect(story.turn('w1', 0).code()).toBe('spare-behind')
    refused(story.and({ do: 'crash', server: 'alice' }), 'spare-delayed')
    expectWriter(set(story, 'bob', { delaySeconds: 0, slow: false }).calm(), 'bob', 4)
  })

  test('nobody watched when it died: freshness-unproven', () => {
    const story = watched().and({ do: 'kill', who: 'w1' }).wait(60_000)
    refused(story.and({ do: 'crash', server: 'alice' }).start('w2').start('w1'), 'spare-freshness-unproven')
  })

  test('its applier is stopped by an error', () => {
    const story = watched()
    set(story, 'bob', { applierErrno: 1062, applier: 'off' }).turn()
    refused(story.and({ do: 'crash', server: 'alice' }), 'spare-applier-broken')
  })

  test('the applier fails under the claim: the claim is released', () => {
    const story = watched()
    set(story, 'bob', { slow: true }).commit('alice').wait(100).and({ do: 'crash', server: 'alice' })
    story.until('catching-up')
    refused(set(story, 'bob', { applierErrno: 1062, applier: 'off' }), 'spare-applier-broken')
    expect(story.codes).toContain('applier-failed')
  })
})

describe('the directory', () => {
  test('M1 M4: a swap that we have not read of: the open server is not closed on an old ledger', () => {
    const story = watched()
    story.change('somebody switches over by hand', ({ servers, directory }) => {
      Object.assign(servers.alice, { closed: true })
      Object.assign(servers.bob, { closed: false, receiver: 'off' })
      const moved = firstLedger({ revision: 9, epoch: 4, writer: 'bob', range: 5 })
      directory.ledger = formatLedger(moved)
      directory.record = { type: 'A', ttlSeconds: 5, values: [ADDRESSES.bob], foreign: false }
      directory.history = [...directory.history, directory.ledger]
    })
    for (let turn = 0; turn < 20; turn++) story.turn()
    expectWriter(story, 'bob', 4)
  })

  test('M9: a version of the ledger that we do not know stops everything', () => {
    const story = watched().and({ do: 'kill', who: 'w1' })
    story.change('a newer Hotspare wrote', (state) => {
      state.directory.ledger = state.directory.ledger?.replace('hotspare=1', 'hotspare=2') ?? null
    })
    story.start('w1').turn().and({ do: 'crash', server: 'alice' })
    for (let turn = 0; turn < 50; turn++) story.turn()
    expect(story.code()).toBe('ledger-unreadable')
    expect(story.openServers).toEqual([])
  })

  test('T29: somebody moved the record: the claim is refused before anything is opened', () => {
    const story = watched()
    story.change('a deploy moves the record', (state) => {
      state.directory.record = { type: 'A', ttlSeconds: 60, values: ['10.9.9.9'], foreign: false }
    })
    story.and({ do: 'crash', server: 'alice' }).until('record-disagrees')
    for (let turn = 0; turn < 50; turn++) story.turn()
    expect(story.openServers).toEqual([])
  })

  test('R6: the answer of the claim is lost: one more swap, then the failover', () => {
    const story = watched()
      .and({ do: 'crash', server: 'alice' })
      .until('writer-dead')
      .act('w1', 'lost')
      .calm()
    expectWriter(story, 'bob', 4)
  })

  test('R6: the claim arrives late, after it was read as missing: the failover still happens once', () => {
    const story = watched().and({ do: 'crash', server: 'alice' }).until('writer-dead').act('w1', 'late')
    story.turn().and({ do: 'land-swap' }).calm()
    expectWriter(story, 'bob', 4)
  })

  test('the answer of the move is lost: already as wanted is success', () => {
    const story = watched().and({ do: 'crash', server: 'alice' }).until('moving').act('w1', 'lost').calm()
    expectWriter(story, 'bob', 4)
    expect(story.state.messages).toContain('failed-over')
  })

  test('R6: a release that arrives late finds another text', () => {
    const story = watched().and({ do: 'freeze', server: 'alice' }).until('detaching').act()
    story.and({ do: 'wake', server: 'alice' }).until('abandoning').act('w1', 'late')
    story.and({ do: 'freeze', server: 'alice' })
    for (let turn = 0; turn < 60; turn++) story.turn()
    story.and({ do: 'land-swap' }).calm()
    expect(story.openServers).toHaveLength(1)
  })

  test('T23 M4: the directory is out when the writer dies: reported, nothing is opened; then it goes on', () => {
    const story = watched()
    const outage = (value: boolean) =>
      story.change(`outage: ${value}`, (state) => {
        state.directory.outage = value
      })
    outage(true).and({ do: 'crash', server: 'alice' }).until('directory-unreachable')
    for (let turn = 0; turn < 50; turn++) story.turn()
    expect(story.openServers).toEqual([])
    expect(story.state.messages).toContain('directory-unreachable')
    outage(false).calm()
    expectWriter(story, 'bob', 4)
  })

  test.each([
    ['one open', false, true, 'healthy'],
    ['none open', true, true, 'no-ledger-none-open'],
    ['two open', false, false, 'no-ledger-two-open'],
  ] as const)('no ledger, %s', (_, aliceClosed, bobClosed, code) => {
    const story = new Story()
    story.change('no ledger', (state) => {
      Object.assign(state.directory, { ledger: null, history: [] })
      state.servers.alice.closed = aliceClosed
      state.servers.bob.closed = bobClosed
      state.servers.alice.takeover = null
      state.servers.bob.takeover = null
    })
    story.start('w1').until(code)
    if (code === 'healthy') expectWriter(story, 'alice', 1)
    else expect(story.state.directory.ledger).toBeNull()
  })

  test('no ledger, and one server does not answer; or the record points elsewhere: nothing is adopted', () => {
    const story = new Story()
    story.change('no ledger', (state) => Object.assign(state.directory, { ledger: null, history: [] }))
    story.and({ do: 'crash', server: 'bob' }).start('w1').until('no-ledger-unseen')
    story.and({ do: 'restart', server: 'bob' })
    story.change('the record points elsewhere', (state) => {
      state.directory.record = { type: 'A', ttlSeconds: 5, values: ['10.9.9.9'], foreign: false }
    })
    story.and({ do: 'kill', who: 'w1' }).start('w1').until('no-ledger-record-disagrees').turn()
    expect(story.state.directory.ledger).toBeNull()
  })

  test('the ledger names a server that the configuration does not have', () => {
    const story = new Story()
    story.change('renamed', (state) => {
      state.directory.ledger = formatLedger(firstLedger({ writer: 'carol' }))
    })
    story.start('w1').until('ledger-names-stranger')
  })

  test('the rights are gone: the claim is refused again and again, nothing is opened', () => {
    const story = watched()
    story.change('every swap is refused', (state) => {
      state.directory.record = { type: 'A', ttlSeconds: 6, values: [ADDRESSES.alice], foreign: true }
    })
    story.and({ do: 'crash', server: 'alice' })
    for (let turn = 0; turn < 50; turn++) story.turn()
    expect(story.openServers).toEqual([])
  })
})

describe('the old writer returns', () => {
  const returned = (change: (story: Story) => void = () => {}) => {
    const story = watched().and({ do: 'crash', server: 'alice' }).calm().commit('bob').wait(1000).turn()
    change(story)
    return story.and({ do: 'restart', server: 'alice' })
  }
  /** It follows again, as a person would let it. */
  const follow = (story: Story) => set(story, 'alice', { receiver: 'connecting', applier: 'on' }).wait(1000)

  test('M5: clean: told, and it becomes the spare', () => {
    const story = returned()
    for (let turn = 0; turn < 20; turn++) story.turn('w1', 500)
    expectWriter(story, 'bob', 4)
    expect(story.ledger.holds).toEqual([])
    follow(story).turn().turn()
    expect(story.state.servers.alice.executed).toBe(story.state.servers.bob.executed)
  })

  test('M5 T17: with transactions of its own: held, listed', () => {
    const story = returned((each) => set(each, 'alice', { executed: `${UUIDS.alice}:1-16,${UUIDS.bob}:1-5` }))
    story.until('spare-on-hold')
    expect(story.ledger.holds).toEqual(['alice'])
  })

  test('M5 T35: with a heartbeat of ours only: not held', () => {
    const story = returned((each) => set(each, 'alice', { executed: `${UUIDS.alice}:1-15,${UUIDS.bob}:1-5` }))
    story.change('it is a heartbeat', (state) => {
      state.tables = { [`${UUIDS.alice}:15`]: ['hotspare.heartbeat'] }
    })
    for (let turn = 0; turn < 20; turn++) story.turn('w1', 500)
    expect(story.ledger.holds).toEqual([])
  })

  test('M5 T31: short of its own transactions: held', () => {
    const story = returned((each) => set(each, 'alice', { executed: `${UUIDS.alice}:1-12,${UUIDS.bob}:1-5` }))
    story.until('spare-on-hold')
    expect(story.ledger.holds).toEqual(['alice'])
  })

  test('M5 T32: held, and the writer receives from it: that is stopped', () => {
    const story = returned((each) => set(each, 'alice', { executed: `${UUIDS.alice}:1-16,${UUIDS.bob}:1-5` }))
    story.until('spare-on-hold')
    set(story, 'bob', { receiver: 'on' }).until('held-server-cut-off').act()
    expect(story.state.servers.bob.receiver).toBe('off')
  })

  test('M8: it is not failed back to', () => {
    const story = follow(returned())
    for (let turn = 0; turn < 20; turn++) story.turn('w1', 1000)
    story.and({ do: 'crash', server: 'bob' }).until('cooldown')
    expect(story.openServers).toEqual([])
  })
})

describe('under a claim', () => {
  /** The writer crashed and restarted whole; our claim to open it again stands. */
  const reopening = (prepare: (story: Story) => void = () => {}) => {
    const story = watched()
    prepare(story)
    story.and({ do: 'crash', server: 'alice' }).turn().and({ do: 'restart', server: 'alice' })
    return story.until('reopening')
  }
  const rest = `${UUIDS.alice}:1-15,${UUIDS.bob}:1-4`

  test('M4: neither answers: nothing is changed; then it goes on', () => {
    const story = watched().and({ do: 'crash', server: 'alice' }).until('detaching')
    story.and({ do: 'freeze', server: 'bob' }).act().until('blind-under-claim').turn()
    expectWriter(story.and({ do: 'wake', server: 'bob' }).calm(), 'bob', 4)
  })

  test('R5: the spare is silent, the writer open again: nothing was opened, the claim is released', () => {
    const story = watched().and({ do: 'freeze', server: 'alice' }).until('detaching').act()
    story.and({ do: 'wake', server: 'alice' }).and({ do: 'freeze', server: 'bob' })
    story.until('target-silent-writer-open').act()
    expect(story.ledger.claim).toBeNull()
  })

  test('the spare is silent, the writer back and closed: undone', () => {
    const story = watched().and({ do: 'crash', server: 'alice' }).until('detaching').act()
    story.and({ do: 'restart', server: 'alice' }).and({ do: 'freeze', server: 'bob' }).until('target-silent')
    expectWriter(story.calm(), 'alice', 3)
  })

  test('R3: an opening that nobody knows of on a silent spare: the writer stays closed until its end has passed', () => {
    const story = watched().and({ do: 'crash', server: 'alice' }).until('opening')
    story.and({ do: 'freeze', server: 'bob' }).act().and({ do: 'restart', server: 'alice' })
    story.until('undo-unsettled')
    const since = story.state.now
    story.until('reopening')
    expect(story.state.now - since).toBeGreaterThan(POLICY.switchover.writeBlockMs - 1000)
    story.act().and({ do: 'wake', server: 'bob' }).calm()
    expectWriter(story, 'alice', 3)
  })

  test('R3: an opening of the named server that nobody knows of: the spare stays closed until its end has passed', () => {
    const story = reopening().act('w1', 'late').and({ do: 'freeze', server: 'alice' })
    story.until('reopening-unsettled', 'w1', 200, 30).calm()
    expectWriter(story, 'bob', 4)
  })

  test('R7: taken over, the target open and short of what the closed old writer has: undone', () => {
    const story = watched().and({ do: 'freeze', server: 'alice' }).until('moving')
    story.and({ do: 'kill', who: 'w1' })
    set(story, 'alice', { executed: `${UUIDS.alice}:1-16,${UUIDS.bob}:1-5` })
    story.and({ do: 'crash', server: 'alice' }).and({ do: 'restart', server: 'alice' }).start('w2')
    story.until('target-lacks', 'w2').act('w2').until('undo-closing', 'w2').calm()
    expectWriter(story, 'alice', 3)
    expect(story.state.servers.bob.executed).toBe(story.state.servers.alice.executed)
  })

  test('R9: taken over, and the spare has restarted: refused, the claim stands', () => {
    const story = watched().and({ do: 'crash', server: 'alice' }).until('detaching').act()
    story.and({ do: 'kill', who: 'w1' }).and({ do: 'crash', server: 'bob' }).wait(100)
    story.and({ do: 'restart', server: 'bob' }).start('w2').until('proving-refused', 'w2')
    for (let turn = 0; turn < 20; turn++) story.turn('w2', 1000)
    expect(story.openServers).toEqual([])
    expectWriter(story.and({ do: 'restart', server: 'alice' }).calm(), 'alice', 3)
  })

  test('R9: the spare restarts under the claim: released as possibly short', () => {
    const story = watched()
    set(story, 'bob', { slow: true }).commit('alice').wait(100).and({ do: 'crash', server: 'alice' })
    story.until('catching-up').and({ do: 'crash', server: 'bob' }).and({ do: 'restart', server: 'bob' })
    story.until('target-restarted').act()
    expect(story.ledger.claim).toBeNull()
    for (let turn = 0; turn < 20; turn++) story.turn('w1', 500)
    expect(story.openServers).toEqual([])
  })

  test('R9: the spare restarts after it was opened: nothing is opened again', () => {
    const story = watched().and({ do: 'crash', server: 'alice' }).until('moving')
    story
      .and({ do: 'crash', server: 'bob' })
      .and({ do: 'restart', server: 'bob' })
      .until('target-restarted-standing')
    for (let turn = 0; turn < 20; turn++) story.turn('w1', 500)
    expect(story.openServers).toEqual([])
  })

  test('M3: the spare hears the writer again while it catches up: released', () => {
    const story = watched()
    set(story, 'bob', { slow: true }).commit('alice').wait(100)
    story
      .and({ do: 'cut', a: 'w1', b: 'alice' })
      .and({ do: 'cut', a: 'alice', b: 'bob' })
      .until('catching-up')
    story.and({ do: 'heal', a: 'alice', b: 'bob' }).until('writer-lives').act()
    expectWriter(story, 'alice', 3)
  })

  test('the applier fails after the detaching: the spare receives again before the claim is released', () => {
    const story = watched()
    set(story, 'bob', { slow: true }).commit('alice').wait(100).and({ do: 'crash', server: 'alice' })
    story.until('catching-up')
    set(story, 'bob', { receiver: 'off', receiverErrno: 0, applier: 'off', applierErrno: 1062 })
    story.until('reattaching').act().until('applier-failed').act()
    expect(story.ledger.claim).toBeNull()
  })

  test('R5: the applier fails under a claim that was taken over: nothing is opened and the claim stands', () => {
    const story = watched()
    set(story, 'bob', { slow: true }).commit('alice').wait(100).and({ do: 'crash', server: 'alice' })
    story.until('catching-up').and({ do: 'kill', who: 'w1' }).start('w2').until('catching-up', 'w2', 400)
    set(story, 'bob', { applierErrno: 1062, applier: 'off' }).until('applier-failed-standing', 'w2', 400)
    expect(story.openServers).toEqual([])
    expect(story.ledger.claim).toMatchObject({ who: 'w2', touched: true })
  })

  test('T30: unapplied and the applier is stopped: it is started', () => {
    const story = watched()
    set(story, 'bob', { slow: true }).commit('alice').wait(100).and({ do: 'crash', server: 'alice' })
    story.until('catching-up')
    set(story, 'bob', { applier: 'off' }).until('applier-starting').and({ do: 'apply', server: 'bob' })
    expectWriter(story.calm(), 'bob', 4)
  })

  test('T30: MariaDB, both threads stopped with unapplied events: possibly short, and no thread is started', () => {
    const story = watched()
    set(story, 'bob', { family: 'mariadb', slow: true }).commit('alice').wait(100)
    story.and({ do: 'crash', server: 'alice' }).until('catching-up')
    set(story, 'bob', { receiver: 'off', applier: 'off', receiverErrno: 0 }).until('target-restarted').act()
    expect(story.ledger.claim).toBeNull()
    for (let turn = 0; turn < 60; turn++) story.turn('w1', 500)
    expect(story.openServers).toEqual([])
    expect(contains(story.state.servers.bob.received, story.state.servers.alice.executed)).toBe(true)
  })

  test('T30: MariaDB, the same under a claim that was taken over', () => {
    const story = watched()
    set(story, 'bob', { family: 'mariadb', slow: true }).commit('alice').wait(100)
    story.and({ do: 'crash', server: 'alice' }).until('catching-up').and({ do: 'kill', who: 'w1' })
    set(story, 'bob', { receiver: 'off', applier: 'off', receiverErrno: 0 }).start('w2')
    story.until('proving', 'w2', 400)
    for (let turn = 0; turn < 60; turn++) story.turn('w2', 500)
    expect(story.openServers).toEqual([])
    expect(contains(story.state.servers.bob.received, story.state.servers.alice.executed)).toBe(true)
    story.and({ do: 'restart', server: 'alice' }).calm()
    expect(story.openServers).toEqual(['alice'])
  })

  test('T30: MariaDB, its receiver still connecting: the applier is started and nothing is lost', () => {
    const story = watched()
    set(story, 'bob', { family: 'mariadb', slow: true }).commit('alice').wait(100)
    set(story, 'bob', { applier: 'off' }).and({ do: 'crash', server: 'alice' })
    story.until('applier-starting').and({ do: 'apply', server: 'bob' })
    expectWriter(story.calm(), 'bob', 4)
  })

  test('R8: the named server lost part of what it took over and has something new: the spare receives the rest first', () => {
    const story = watched().and({ do: 'crash', server: 'alice' })
    set(story, 'alice', { executed: rest }).and({ do: 'cut', a: 'alice', b: 'bob' })
    set(story, 'bob', { receiver: 'connecting', receiverErrno: 0 }).and({ do: 'restart', server: 'alice' })
    story.until('receiving-the-rest', 'w1', 20).and({ do: 'heal', a: 'alice', b: 'bob' }).calm()
    expectWriter(story, 'bob', 4)
    expect(story.state.servers.bob.executed).toContain(`${UUIDS.alice}:1-15`)
  })

  test('R8: and asks for it where it does not receive', () => {
    const story = watched().and({ do: 'crash', server: 'alice' })
    set(story, 'alice', { executed: rest })
    set(story, 'bob', { receiver: 'off', receiverErrno: 0 }).and({ do: 'restart', server: 'alice' })
    story.until('asking-for-the-rest').calm()
    expectWriter(story, 'bob', 4)
    expect(story.state.servers.bob.executed).toContain(`${UUIDS.alice}:1-15`)
  })

  test('M4: blind while reopening: nothing is changed', () => {
    const story = reopening().and({ do: 'crash', server: 'alice' }).and({ do: 'freeze', server: 'bob' })
    story.until('blind-under-claim').turn().turn()
    expect(story.openServers).toEqual([])
  })

  test('R8: it dies again while reopening, and comes back short: the claim turns to a failover', () => {
    const story = reopening((each) => set(each, 'alice', { durable: false }))
    story.and({ do: 'crash', server: 'alice', lose: 1 }).and({ do: 'restart', server: 'alice' })
    story.until('undo-writer-short').calm()
    expectWriter(story, 'bob', 4)
  })

  test('R8: and refused if the spare may not take over', () => {
    const story = reopening((each) => set(each, 'alice', { durable: false }))
    set(story, 'bob', { skipsReplicaStart: false })
    story.and({ do: 'crash', server: 'alice', lose: 1 }).and({ do: 'restart', server: 'alice' })
    story.until('undo-writer-short-refused').turn().turn()
    expect(story.openServers).toEqual([])
  })

  test('R8: short before the claim, and a person decides: refused', () => {
    const story = watched(mode('alert'))
    set(story, 'alice', { durable: false }).and({ do: 'crash', server: 'alice', lose: 1 })
    story.and({ do: 'restart', server: 'alice' }).until('restarted-writer-short-refused').turn()
    expect(story.openServers).toEqual([])
  })

  test('unapplied relay log under the undo is waited for', () => {
    const story = reopening()
    set(story, 'alice', { received: `${BEGINNING},${UUIDS.bob}:6`, slow: true })
    set(story, 'bob', { executed: `${UUIDS.alice}:1-14,${UUIDS.bob}:1-6` })
    story.change('only a heartbeat', (state) => {
      state.tables = { [`${UUIDS.bob}:6`]: ['hotspare.heartbeat'] }
    })
    story.until('undo-applying').act().until('undo-catching-up').and({ do: 'apply', server: 'alice' }).calm()
    expectWriter(story, 'alice', 3)
  })

  test('R10: it goes silent before it is reopened: the spare is asked; both say dead: a failover', () => {
    const story = reopening()
    set(story, 'bob', { receiver: 'off', receiverErrno: 0 }).and({ do: 'freeze', server: 'alice' })
    story.until('undo-asking').act().until('undo-writer-dead').calm()
    expectWriter(story, 'bob', 4)
  })

  test('DESIGN: it restarted, and the spare is silent by the time: reopened only if it keeps every commit', () => {
    const story = reopening((each) => set(each, 'alice', { durable: false }))
    story.and({ do: 'freeze', server: 'bob' })
    for (let turn = 0; turn < 40; turn++) story.turn('w1', 200)
    expect(story.openServers).toEqual([])
    expectWriter(story.and({ do: 'wake', server: 'bob' }).calm(), 'alice', 3)
  })

  test('R9: the spare restarts between the look that claims and the first look under the claim', () => {
    const story = watched()
    set(story, 'bob', { slow: true }).commit('alice').wait(100).and({ do: 'crash', server: 'alice' })
    story.until('writer-dead').and({ do: 'crash', server: 'bob' }).act().and({ do: 'restart', server: 'bob' })
    for (let turn = 0; turn < 40; turn++) story.turn('w1', 200)
    expect(story.openServers).toEqual([])
  })
})

describe('what a watch says while the writer is well', () => {
  const goesThrough = (story: Story, ...codes: string[]) => {
    for (let turn = 0; turn < 8; turn++) story.turn('w1', 500)
    expect([...story.codes]).toEqual(expect.arrayContaining(codes))
    expectWriter(story, 'alice', 3)
  }

  test('the spare is down', () =>
    goesThrough(watched().and({ do: 'crash', server: 'bob' }), 'spare-unreachable'))

  test('T39: the spare restarted, its threads are off, it is clean', () =>
    goesThrough(
      watched().and({ do: 'crash', server: 'bob' }).and({ do: 'restart', server: 'bob' }),
      'spare-stopped',
    ))

  test('the way back is not replicating', () => {
    const story = watched()
    goesThrough(set(story, 'alice', { receiver: 'off' }), 'reverse-stopped')
  })

  test('the spare lost its connection', () => {
    const story = watched().and({ do: 'cut', a: 'alice', b: 'bob' }).wait(12_000)
    goesThrough(story, 'spare-not-replicating')
  })

  test('R9: the spare restarted and no heartbeat of afterwards is applied', () => {
    const story = watched()
    set(story, 'bob', { slow: true })
      .and({ do: 'crash', server: 'bob' })
      .and({ do: 'restart', server: 'bob' })
    goesThrough(set(story, 'bob', { receiver: 'connecting', applier: 'on' }), 'spare-behind')
  })

  test('T17: the spare has something: it is looked up before it is judged', () => {
    const story = watched()
    set(story, 'alice', { receiver: 'off' })
    set(story, 'bob', { executed: `${UUIDS.alice}:1-14,${UUIDS.bob}:1-6` })
    story.until('comparing').until('spare-diverged').act()
    expect(story.ledger.holds).toEqual(['bob'])
  })

  test('R8: after a failover the position that was taken over is written down in full', () => {
    const story = watched().and({ do: 'crash', server: 'alice' }).calm()
    expect(story.codes).toContain('recording-takeover')
    expect(story.state.servers.bob.takeover).toMatchObject({ epoch: 4 })
  })
})

describe('T18 T40: events run on the writer and only there', () => {
  const event = (name: string, state: ServerEvent['state']): ServerEvent => {
    return { schema: 'shop', name, definer: 'ann@%', state }
  }
  const withEvents = () => {
    const story = watched()
    const list = [event('nightly', 'enabled'), event('old', 'disabled'), event('off here', 'enabled')]
    set(story, 'alice', { events: { scheduler: 'on', list } })
    const copies = [
      event('nightly', 'replica-side'),
      event('old', 'replica-side'),
      event('off here', 'disabled'),
    ]
    set(story, 'bob', { events: { scheduler: 'on', list: copies } })
    for (let second = 0; second < 62; second++) story.turn('w1', 1000)
    return story
  }
  const eventsOf = (story: Story, name: Name) => story.state.servers[name].events

  test('the closed server runs none', () => {
    const story = withEvents()
    expect(story.codes).toContain('stopping-events')
    expect(eventsOf(story, 'bob').scheduler).toBe('off')
    expect(eventsOf(story, 'alice').scheduler).toBe('on')
  })

  test('after a failover those that were enabled run on the new writer, though the old one is gone', () => {
    const story = withEvents().and({ do: 'crash', server: 'alice' }).until('starting-events').act()
    expect(eventsOf(story, 'bob')).toEqual({
      scheduler: 'on',
      list: [event('nightly', 'enabled'), event('old', 'replica-side'), event('off here', 'disabled')],
    })
    expect(story.openServers).toEqual(['bob'])
  })

  test('a person who stops them there has the last word', () => {
    const story = withEvents().and({ do: 'crash', server: 'alice' }).until('starting-events').act()
    for (let second = 0; second < 10; second++) story.turn('w1', 1000)
    set(story, 'bob', { events: { ...eventsOf(story, 'bob'), scheduler: 'off' } })
    for (let second = 0; second < 70; second++) story.turn('w1', 1000)
    expect(eventsOf(story, 'bob').scheduler).toBe('off')
  })

  test('the function died between the move and this: the next one learns it from the old writer when it is back', () => {
    const story = withEvents().and({ do: 'crash', server: 'alice' }).until('moving').act()
    story.and({ do: 'kill', who: 'w1' }).start('w2')
    for (let turn = 0; turn < 30; turn++) story.turn('w2', 500)
    expect(eventsOf(story, 'bob').list[0]?.state).toBe('replica-side')
    story.and({ do: 'restart', server: 'alice' }).until('starting-events', 'w2').act('w2')
    expect(eventsOf(story, 'bob').list.map(({ state }) => state)).toEqual([
      'enabled',
      'replica-side',
      'disabled',
    ])
  })

  test('what the server refuses is tried three times and hides nothing', () => {
    const story = withEvents().and({ do: 'crash', server: 'alice' })
    story.change('bob refuses to have its events changed', ({ servers }) => {
      servers.bob.refusesEvents = true
    })
    for (let turn = 0; turn < 200; turn++) story.turn('w1', 200)
    expect(eventsOf(story, 'bob').list[0]?.state).toBe('replica-side')
    expect(story.code('w1')).toBe('spare-unreachable')
  })
})

test('a spare that is always half a second behind is that far behind, and no further', () => {
  const story = watched()
  const positions: string[] = []
  for (let turn = 0; turn < 60; turn++) {
    story.commit('alice')
    positions.push(story.state.servers.alice.executed)
    set(story, 'bob', { slow: true, executed: positions.at(-6) ?? positions[0] ?? '' }).turn('w1', 100)
  }
  const { lagMs } = invocationOf(story.state, 'w1').memory
  expect(lagMs).toBeGreaterThan(300)
  expect(lagMs).toBeLessThan(1000)
})

describe('watches come and go', () => {
  test('a younger watch relieves the older', () => {
    const story = watched().start('w2').turn('w2', 1000).turn('w2', 1000)
    story.until('relieved')
    expect(invocationOf(story.state, 'w1').finished).toBe(true)
  })

  test('T1: nobody watched, and the last heartbeat is from the future: it proves nothing', () => {
    const story = new Story().start('w0')
    set(story, 'alice', { skewMs: 60_000 })
    for (let second = 0; second < 4; second++) story.turn('w0', 1000)
    story.and({ do: 'kill', who: 'w0' }).and({ do: 'crash', server: 'alice' }).wait(20_000)
    story.start('w1').until('spare-freshness-unproven')
    expect(story.openServers).toEqual([])
  })

  test('a watch whose clock ran ahead is gone: the row that it left relieves nobody', () => {
    const story = watched()
    story.change('a watch with a wrong clock wrote last, 4 s ago', ({ now, servers }) => {
      const writtenClockMs = EPOCH_MS + now + servers.alice.skewMs - 4000
      const left = { sequence: 9, watch: 'w0', watchSinceClockMs: EPOCH_MS + 3_600_000, writtenClockMs }
      for (const server of Object.values(servers))
        Object.assign(server, { heartbeat: left, relayHeartbeat: left })
    })
    story.look('w1')
    expect(invocationOf(story.state, 'w1').code).toBe('healthy')
  })

  test('M6: an invocation near its end starts no failover, and ends', () => {
    const story = new Story().start('w1', 25_000)
    for (let second = 0; second < 10; second++) story.turn('w1', 1000)
    story.and({ do: 'crash', server: 'alice' })
    story.until('too-late-in-invocation').wait(15_000).turn()
    expect(invocationOf(story.state, 'w1').finished).toBe(true)
  })

  /** The steps of a failover from a crash or a freeze, one story for each to be interrupted after. */
  const steps = (fault: 'crash' | 'freeze') => {
    const story = watched().and({ do: fault, server: 'alice' })
    let taken = 0
    for (let turn = 0; turn < 60; turn++) {
      story.look()
      const { pending } = invocationOf(story.state, 'w1')
      if (pending !== null && pending.kind !== 'beat') taken += 1
      if (pending !== null) story.act()
      story.wait(200)
    }
    return taken
  }
  /** The same failover up to and with its step number `count`. */
  const upTo = (fault: 'crash' | 'freeze', count: number) => {
    const story = watched().and({ do: fault, server: 'alice' })
    for (let taken = 0; taken < count; ) {
      story.look()
      const { pending } = invocationOf(story.state, 'w1')
      if (pending !== null && pending.kind !== 'beat') taken += 1
      if (pending !== null) story.act()
      story.wait(200)
    }
    return story
  }

  test.each(['crash', 'freeze'] as const)(
    'M6 R10: killed after each step of a failover (%s), the next one finishes',
    (fault) => {
      const count = steps(fault)
      expect(count).toBeGreaterThanOrEqual(5)
      for (let killedAfter = 1; killedAfter <= count; killedAfter++) {
        const story = upTo(fault, killedAfter).and({ do: 'kill', who: 'w1' }).start('w2').calm()
        expectWriter(story, 'bob', 4)
      }
    },
  )

  test.each(['crash', 'freeze'] as const)(
    'M6: killed after each step (%s), and the old writer is back first',
    (fault) => {
      const back = fault === 'crash' ? 'restart' : 'wake'
      for (let killedAfter = 1; killedAfter <= steps(fault); killedAfter++) {
        const story = upTo(fault, killedAfter).and({ do: 'kill', who: 'w1' })
        story.and({ do: back, server: 'alice' }).start('w2').calm()
        expect(story.openServers, story.trace()).toEqual([story.ledger.writer])
        for (const { gtid } of story.state.acknowledged)
          expect(story.state.servers[story.ledger.writer as Name].executed).toContain(gtid.split(':')[0])
      }
    },
  )

  test.each(['crash', 'freeze'] as const)(
    'M6 R4: stopped before each act (%s) beyond its claim, another finishes, then it resumes',
    (fault) => {
      const back = fault === 'crash' ? 'restart' : 'wake'
      for (const returns of [false, true])
        for (let stoppedAfter = 0; stoppedAfter < steps(fault); stoppedAfter++) {
          const story = upTo(fault, stoppedAfter)
          while (['beat', undefined].includes(invocationOf(story.state, 'w1').pending?.kind))
            story.wait(200).look()
          if (returns) story.and({ do: back, server: 'alice' })
          story.start('w2')
          for (let turn = 0; turn < 100; turn++) story.turn('w2', 500)
          story.act('w1').calm()
          expect(story.openServers, story.trace()).toEqual([story.ledger.writer])
        }
    },
  )

  test('M6: another one’s claim is watched unchanged for its whole length by our own clock', () => {
    const story = upTo('crash', 1)
      .and({ do: 'kill', who: 'w1' })
      .wait(60_000)
      .start('w2')
      .until('claim-standing-long', 'w2')
    const since = story.state.now
    story.until('claim-expired', 'w2')
    expect(story.state.now - since).toBeGreaterThanOrEqual(POLICY.claimMs)
  })

  test('observe mode takes no claim over', () => {
    const story = upTo('crash', 2).and({ do: 'kill', who: 'w1' })
    story.state = { ...story.state, policy: { ...story.state.policy, ...mode('observe') } }
    story.start('w2')
    for (let turn = 0; turn < 60; turn++) story.turn('w2', 1000)
    expect(story.openServers).toEqual([])
  })
})

test('X31: however many heartbeats the old writer took with it, the new one’s are newer, and the spare is fresh by them', () => {
  const detection = { ...POLICY.detection, freshnessMs: 60_000 }
  const story = watched({ detection }).change('the link is cut', (state) => {
    state.cuts = [cutName('alice', 'bob')]
  })
  for (let second = 0; second < 10; second++) story.turn('w1', 1000)
  story.and({ do: 'crash', server: 'alice' }).change('it is whole again', (state) => {
    state.cuts = []
  })
  story.until('spare-unreachable').turn('w1', 1000)
  expectWriter(story, 'bob', 4)
  story.and({ do: 'restart', server: 'alice' }).until('spare-stopped')
  set(story, 'alice', { applier: 'on', receiver: 'connecting' })
  story.until('reverse-stopped').turn('w1', 1000).turn('w1', 1000)
  const { alice, bob } = story.state.servers
  expect(alice.heartbeat?.sequence).toBeGreaterThan(4_000_000_000 - 1)
  expect((bob.heartbeat?.writtenClockMs ?? 0) - (alice.heartbeat?.writtenClockMs ?? 0)).toBeLessThan(1500)
})

test('every row of every table is reached by some story', () => {
  // What people ask for has its stories in requests.test.ts and switchover.test.ts.
  const { ledgerRequests: _, requested, switchover, ...tables } = TABLES
  const codes = Object.values(tables).flatMap((rows: readonly Row[]) => rows.map(({ code }) => code))
  const unreached = codes.filter((code) => !situationsReached.has(code) && !(code in NOT_BY_STORY))
  expect(unreached).toEqual([])
})
