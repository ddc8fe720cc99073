/**
 * What a person asks of the ledger, told on the simulated pair: adopt, pause, resume, release. The musts are asserted after every
 * event; what a person takes out of the ledger on purpose is the only thing that the checkers may object to.
 */
import { describe, expect, test } from 'vitest'
import { decide, TABLES } from '../../lambda/core/decide.ts'
import { formatLedger, parseLedger } from '../../lambda/core/ledger.ts'
import type { Policy } from '../../lambda/core/policy.ts'
import type { ManualRequest } from '../../lambda/core/world.ts'
import { wander } from './explore.ts'
import { expectNone } from './exploring.ts'
import { firstLedger, POLICY } from './healthy.ts'
import type { Decide } from './pair.ts'
import { ADDRESSES, EPOCH_MS, invocationOf, type Name, type SimServer, UUIDS } from './state.ts'
import { Story, situationsReached } from './story.ts'

const LIFTED = { pause: 'R6: a pause was lost by a swap', hold: 'M5: a hold was lost by a swap' }
type Options = { policy?: Partial<Policy>; lifts?: keyof typeof LIFTED }

/** In this story the invocation `r1` has been asked for something; all others are watches. */
class Asking extends Story {
  asked: ManualRequest | null = null
  readonly #lifts: string | null

  constructor({ policy = {}, lifts }: Options = {}) {
    const deciding: Decide = (memory, world, now) =>
      decide(memory, { ...world, request: world.who === 'r1' ? this.asked : null }, now)
    super({ policy, deciding, tolerant: lifts !== undefined })
    this.#lifts = lifts === undefined ? null : LIFTED[lifts]
  }

  /** `r1` runs until it ends. @returns the situation that it ended with. */
  asks(request: ManualRequest, turns = 300): string {
    this.asked = request
    this.start('r1')
    for (let turn = 0; turn < turns; turn++) {
      this.look('r1')
      if (invocationOf(this.state, 'r1').finished) return this.gone()
      if (invocationOf(this.state, 'r1').pending !== null) this.act('r1')
      this.wait(100)
    }
    throw new Error(`no answer in ${turns} turns\n${this.trace()}`)
  }

  gone(): string {
    const code = this.code('r1')
    this.and({ do: 'kill', who: 'r1' })
    expect(
      this.violations.filter((each) => each !== this.#lifts),
      this.trace(),
    ).toEqual([])
    return code
  }

  set(server: Name, change: Partial<SimServer>): this {
    return this.change(`${server}: ${JSON.stringify(change)}`, (state) =>
      Object.assign(state.servers[server], change),
    )
  }

  /** A pair whose ledger is gone; both servers as given. */
  withoutLedger(alice: Partial<SimServer> = {}, bob: Partial<SimServer> = {}): this {
    return this.change('no ledger', (state) => {
      Object.assign(state.directory, { ledger: null, history: [] })
      Object.assign(state.servers.alice, { takeover: null, ...alice })
      Object.assign(state.servers.bob, { takeover: null, ...bob })
    })
  }

  withLedger(change: Parameters<typeof firstLedger>[0]): this {
    return this.change(`ledger: ${JSON.stringify(change)}`, (state) => {
      const ledger = formatLedger(firstLedger(change))
      Object.assign(state.directory, { ledger, history: [ledger] })
    })
  }

  watched(who = 'w1'): this {
    this.start(who)
    for (let second = 0; second < 4; second++) this.turn(who, 1000).commit('alice').wait(10)
    return this
  }
}

const adopt = (writer: Name, ...force: string[]): ManualRequest => ({ action: 'adopt', writer, force })
const PAUSE: ManualRequest = { action: 'pause', untilClockMs: 0, force: [] }
const RESUME: ManualRequest = { action: 'resume', force: [] }
const release = (server: Name): ManualRequest => ({ action: 'release', server, force: [] })
const elsewhere = (story: Asking, foreign = false) =>
  story.change('the record points elsewhere', (state) => {
    state.directory.record = { type: 'A', ttlSeconds: 5, values: ['10.9.9.9'], foreign }
  })

describe('adopt: there is no ledger, and a person names the writer', () => {
  const adopted = (story: Asking, writer: Name) => {
    expect(story.ledger, story.trace()).toMatchObject({ writer, epoch: 1, how: 'adopted', claim: null })
    expect(story.openServers).toEqual([writer])
    expect(story.state.directory.record?.values).toEqual([ADDRESSES[writer]])
  }
  const untouched = (story: Asking) => expect(story.state.directory.ledger).toBeNull()

  test('the only open server is named: it is adopted', () => {
    const story = new Asking().withoutLedger()
    expect(story.asks(adopt('alice'))).toBe('adopted')
    adopted(story, 'alice')
  })

  test('M1: none is open: the named one is compared, named, and opened under a claim', () => {
    const story = new Asking().withoutLedger({ closed: true })
    expect(story.asks(adopt('alice'))).toBe('adopted')
    adopted(story, 'alice')
    adopted(story.watched().calm() as Asking, 'alice')
  })

  test('M6: none is open, and the invocation dies after each of its steps: a watch finishes the opening', () => {
    for (let steps = 1; steps <= 3; steps++) {
      const story = new Asking().withoutLedger({ closed: true })
      story.asked = adopt('alice')
      story.start('r1')
      for (let taken = 0; taken < steps; ) {
        story.look('r1')
        if (invocationOf(story.state, 'r1').finished) break
        if (invocationOf(story.state, 'r1').pending !== null) {
          story.act('r1')
          taken += 1
        }
        story.wait(100)
      }
      story.and({ do: 'kill', who: 'r1' }).start('w1').calm()
      adopted(story, 'alice')
    }
  })

  test('M1: the record may point at the named one’s peer: only by force, and it moves in the same batch', () => {
    const story = new Asking().withoutLedger({ closed: true }, { closed: false })
    expect(story.asks(adopt('bob'))).toBe('adopt-record-disagrees')
    untouched(story)
    expect(story.asks(adopt('bob', 'adopt-record-disagrees'))).toBe('adopted')
    adopted(story, 'bob')
  })

  test('a record that cannot be swapped is not waived', () => {
    const story = elsewhere(new Asking().withoutLedger(), true)
    expect(story.asks(adopt('alice', 'adopt-record-disagrees'))).toBe('adopt-record-disagrees')
    untouched(story)
  })

  test('M1: refused while the other one is open, whatever is forced', () => {
    const story = new Asking().withoutLedger({ closed: false }, { closed: false })
    expect(story.asks(adopt('alice', 'adopt-other-unseen', 'adopt-record-disagrees'))).toBe(
      'adopt-other-open',
    )
    const closed = new Asking().withoutLedger({ closed: true }, { closed: false })
    expect(closed.asks(adopt('alice'))).toBe('adopt-other-open')
    untouched(story)
    untouched(closed)
  })

  test('M4: the named one does not answer', () => {
    const story = new Asking().withoutLedger().and({ do: 'crash', server: 'alice' }) as Asking
    expect(story.asks(adopt('alice'))).toBe('adopt-writer-unseen')
    untouched(story)
  })

  test('M4: the other one does not answer: only by force, and never if something would have to be opened', () => {
    const story = new Asking().withoutLedger().and({ do: 'freeze', server: 'bob' }) as Asking
    expect(story.asks(adopt('alice'))).toBe('adopt-other-unseen')
    expect(story.codes).toContain('adopt-looking')
    untouched(story)
    expect(story.asks(adopt('alice', 'adopt-other-unseen'))).toBe('adopted')
    const closed = new Asking().withoutLedger({ closed: true }).and({ do: 'freeze', server: 'bob' }) as Asking
    expect(closed.asks(adopt('alice', 'adopt-other-unseen'))).toBe('adopt-other-unseen')
    expect(closed.openServers).toEqual([])
  })

  test('M1: the other one was open behind our back: it is closed at sight', () => {
    const story = new Asking().withoutLedger().and({ do: 'freeze', server: 'bob' }) as Asking
    story.set('bob', { closed: false })
    expect(story.asks(adopt('alice', 'adopt-other-unseen'))).toBe('adopted')
    story.and({ do: 'wake', server: 'bob' }).start('w1').calm()
    adopted(story, 'alice')
  })

  test('M5 R8: the named one lacks something that the other has: it is not opened', () => {
    const ahead = `${UUIDS.alice}:1-10,${UUIDS.bob}:1-6`
    const story = new Asking().withoutLedger(
      { closed: true, receiver: 'off' },
      { closed: true, executed: ahead },
    )
    expect(story.asks(adopt('alice'))).toBe('adopt-short')
    untouched(story)
    expect(story.openServers).toEqual([])
    expect(story.asks(adopt('bob', 'adopt-record-disagrees'))).toBe('adopted')
    adopted(story, 'bob')
  })

  test('each has something: a person has to choose by hand', () => {
    const story = new Asking().withoutLedger(
      { closed: true, receiver: 'off', executed: `${UUIDS.alice}:1-11,${UUIDS.bob}:1-5` },
      { closed: true, receiver: 'off', executed: `${UUIDS.alice}:1-10,${UUIDS.bob}:1-6` },
    )
    expect(story.asks(adopt('alice'))).toBe('adopt-short')
    expect(story.asks(adopt('bob', 'adopt-record-disagrees'))).toBe('adopt-short')
  })

  test('observe mode opens nothing', () => {
    const failover = { ...POLICY.failover, mode: 'observe' as const }
    const story = new Asking({ policy: { failover } }).withoutLedger({ closed: true })
    expect(story.asks(adopt('alice'))).toBe('adopt-observed')
    story.set('alice', { closed: false })
    expect(story.asks(adopt('alice'))).toBe('adopted')
  })

  test('there is a ledger already', () => {
    const story = new Asking()
    expect(story.asks(adopt('alice'))).toBe('adopted')
    expect(story.asks(adopt('bob'))).toBe('adopt-another-named')
    expect(story.state.directory.changes).toBe(0)
  })

  test('R6: the answer to the swap is lost: it is found in the ledger', () => {
    const story = new Asking().withoutLedger()
    story.asked = adopt('alice')
    story.start('r1').until('adopting-by-request', 'r1').act('r1', 'lost').wait(100)
    story.until('adopted', 'r1')
    adopted(story, 'alice')
  })
})

describe('pause and resume', () => {
  test('a pause stands in the ledger, no failover begins, and it goes on after the resume', () => {
    const story = new Asking({ lifts: 'pause' }).watched()
    expect(story.asks(PAUSE)).toBe('pause-set')
    expect(story.ledger).toMatchObject({ pause: { untilClockMs: 0 }, writer: 'alice', claim: null })
    story.and({ do: 'crash', server: 'alice' }).until('paused')
    expect(story.openServers).toEqual([])
    expect(story.asks(RESUME)).toBe('resumed')
    expect(story.ledger.pause).toBeNull()
    story.and({ do: 'kill', who: 'w1' }).start('w2').calm()
    expect(story.ledger).toMatchObject({ writer: 'bob', epoch: 4 })
    expect(story.violations).toEqual([LIFTED.pause])
  })

  test('a pause with an end runs out by itself', () => {
    const story = new Asking().watched()
    const untilClockMs = EPOCH_MS + story.state.now + 30_000
    expect(story.asks({ action: 'pause', untilClockMs, force: [] })).toBe('pause-set')
    story.turn('w1').and({ do: 'crash', server: 'alice' })
    story.and({ do: 'kill', who: 'w1' }).start('w2').until('paused', 'w2')
    expect(story.state.now).toBeLessThan(30_000)
    story.until('writer-dead', 'w2', 600)
    expect(EPOCH_MS + story.state.now).toBeGreaterThanOrEqual(untilClockMs)
  })

  test('asked twice, it is swapped once; a new end replaces the old one', () => {
    const story = new Asking()
    story.asks(PAUSE)
    story.asks(PAUSE)
    expect(story.state.directory.changes).toBe(1)
    expect(story.asks({ action: 'pause', untilClockMs: EPOCH_MS + 60_000, force: [] })).toBe('pause-set')
    expect(story.ledger.pause).toEqual({ untilClockMs: EPOCH_MS + 60_000 })
  })

  test('M4: nobody has to be seen for it', () => {
    const story = new Asking().and({ do: 'freeze', server: 'alice' }) as Asking
    story.and({ do: 'crash', server: 'bob' })
    expect(story.asks(PAUSE)).toBe('pause-set')
  })

  test('written while a claim stands, it is taken along: the failover is finished, and the pair paused', () => {
    const story = new Asking().watched().and({ do: 'crash', server: 'alice' }) as Asking
    story.until('writer-dead').act().look()
    expect(story.ledger.claim).not.toBeNull()
    expect(story.asks(PAUSE)).toBe('pause-set')
    expect(story.ledger.claim).not.toBeNull()
    story.calm()
    expect(story.ledger).toMatchObject({ writer: 'bob', pause: { untilClockMs: 0 }, claim: null })
  })

  test('R2: a swap that lost the race is made again on what stands now', () => {
    const story = new Asking().watched()
    story.asked = PAUSE
    story.start('r1').until('pausing', 'r1').and({ do: 'crash', server: 'alice' })
    story.until('writer-dead').act().act('r1')
    story.until('pause-set', 'r1')
    expect(story.ledger.claim).not.toBeNull()
  })

  test('M9: the directory is out of reach, or refuses: the person is told, nothing else happens', () => {
    const story = new Asking().change('outage', (state) => {
      state.directory.outage = true
    }) as Asking
    expect(story.asks(PAUSE)).toBe('directory-unreachable')
    const refused = new Asking()
    refused.asked = PAUSE
    refused.start('r1')
    for (let turn = 0; turn < 50 && !invocationOf(refused.state, 'r1').finished; turn++) {
      refused.look('r1')
      refused.change('somebody is faster', (state) => {
        const ledger = parseLedger(state.directory.ledger ?? '')
        if (typeof ledger === 'string') throw new Error(ledger)
        state.directory.ledger = formatLedger({ ...ledger, revision: ledger.revision + 1 })
      })
      if (invocationOf(refused.state, 'r1').pending !== null) refused.act('r1')
      refused.wait(100)
    }
    expect(refused.gone()).toBe('directory-refuses')
  })

  test('no ledger, a ledger of a stranger, one that cannot be read, a record that disagrees: refused', () => {
    expect(new Asking().withoutLedger().asks(PAUSE)).toBe('request-without-ledger')
    expect(new Asking().withLedger({ writer: 'carol' }).asks(RESUME)).toBe('ledger-names-stranger')
    const unreadable = new Asking().change('a newer Hotspare', (state) => {
      state.directory.ledger = 'hotspare=2 revision=9'
    }) as Asking
    expect(unreadable.asks(PAUSE)).toBe('ledger-unreadable')
    const moved = elsewhere(new Asking())
    expect(moved.asks(PAUSE)).toBe('record-disagrees')
    expect(moved.state.directory.changes).toBe(0)
  })
})

describe('release: a held server may take part again', () => {
  const held = (options: Options = { lifts: 'hold' }) => new Asking(options).withLedger({ holds: ['bob'] })

  test('M5: one that is whole again is compared and released', () => {
    const story = held().set('alice', { receiver: 'off' })
    expect(story.asks(release('bob'))).toBe('released')
    expect(story.codes).toContain('release-comparing')
    expect(story.ledger.holds).toEqual([])
    expect(story.violations).toEqual([LIFTED.hold])
  })

  test('M5: one that still has something of its own stays held', () => {
    const story = held({}).set('alice', { receiver: 'off' })
    story.set('bob', { executed: `${UUIDS.alice}:1-10,${UUIDS.bob}:1-6` })
    expect(story.asks(release('bob'))).toBe('release-differs')
    expect(story.ledger.holds).toEqual(['bob'])
  })

  test('T31: one that lacks something of its own stays held', () => {
    const executed = `${UUIDS.alice}:1-10,${UUIDS.bob}:1-4`
    const story = held({}).set('bob', { executed, received: executed, receiver: 'off' })
    expect(story.asks(release('bob'))).toBe('release-differs')
  })

  test('M5 T35: what touched only our own schema does not keep it held', () => {
    const story = held().set('alice', { receiver: 'off' })
    story.set('bob', { executed: `${UUIDS.alice}:1-10,${UUIDS.bob}:1-6` })
    story.change('it was a heartbeat', (state) => {
      state.tables = { [`${UUIDS.bob}:6`]: ['hotspare.heartbeat'] }
    })
    expect(story.asks(release('bob'))).toBe('released')
  })

  test('M4: it, or the writer, does not answer', () => {
    const silent = held({}).and({ do: 'crash', server: 'bob' }) as Asking
    expect(silent.asks(release('bob'))).toBe('release-unseen')
    const alone = held({}).and({ do: 'freeze', server: 'alice' }) as Asking
    expect(alone.asks(release('bob'))).toBe('release-unseen')
    expect(alone.ledger.holds).toEqual(['bob'])
  })

  test('what is not held is released already', () => {
    const story = new Asking()
    expect(story.asks(release('bob'))).toBe('released')
    expect(story.state.directory.changes).toBe(0)
  })

  test('a writer that was held when it was opened by force is in use already', () => {
    const story = new Asking({ lifts: 'hold' }).withLedger({ holds: ['alice'] })
    expect(story.asks(release('alice'))).toBe('released')
    expect(story.ledger.holds).toEqual([])
  })

  test('nothing of it is changed while a claim stands', () => {
    const story = held({}).watched()
    story.set('alice', { closed: true }).and({ do: 'crash', server: 'alice' })
    story.and({ do: 'restart', server: 'alice' }).until('restarted-writer').act()
    expect(story.ledger.claim).not.toBeNull()
    expect(story.asks(release('bob'))).toBe('release-claimed')
    expect(story.ledger.holds).toEqual(['bob'])
  })
})

/** Walks in which `w2` asks, over and over, while `w1` watches and things break. */
describe('whatever happens meanwhile, no must is broken', { timeout: 60_000 }, () => {
  const LIMITS = { faults: 3, commits: 3, untilMs: 60_000, statesMax: 1e9, secondsMax: 20, events: 200 }
  const seeds = Array.from({ length: 60 }, (_, index) => 900 + index)
  const asking =
    (request: ManualRequest): Decide =>
    (memory, world, now) => {
      // Who repairs in the end asks too, as long as there is no ledger to go by.
      const lost = memory.ledger.state === 'known' && memory.ledger.text === null
      const asks = world.who === 'w2' || (world.who === 'w9' && lost && request.action === 'adopt')
      return decide(memory, { ...world, request: asks ? request : null }, now)
    }
  const begin = (prepare: (story: Asking) => Asking) => () =>
    prepare(new Asking()).start('w1').turn('w1', 0).start('w2').turn('w2', 0).state

  test.each([
    ['adopt, none open', adopt('alice'), (story: Asking) => story.withoutLedger({ closed: true })],
    ['adopt, one open', adopt('alice'), (story: Asking) => story.withoutLedger()],
    ['pause', PAUSE, (story: Asking) => story.watched('w0').and({ do: 'kill', who: 'w0' }) as Asking],
  ])('%s', (_, request, prepare) => {
    const found = wander(begin(prepare), { ...LIMITS, seeds }, asking(request))
    expectNone(found.violations)
    expect(found.events).toBeGreaterThan(1000)
    const done = request.action === 'adopt' ? 'adopted' : 'pause-set'
    expect(found.situations[done] ?? 0).toBeGreaterThan(5)
  })
})

test('every row for requests is reached by some story', () => {
  const codes = TABLES.ledgerRequests.map(({ code }) => code)
  expect(codes.filter((code) => !situationsReached.has(code))).toEqual([])
})
