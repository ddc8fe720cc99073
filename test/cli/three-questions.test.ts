/** What `status` answers at night, on the simulated pair: can anybody write, is data at risk, what do I do. */
import { describe, expect, test } from 'vitest'
import { decide } from '../../lambda/core/decide.ts'
import type { Ledger } from '../../lambda/core/ledger.ts'
import { formatLedger } from '../../lambda/core/ledger.ts'
import { type Overview, overview } from '../../lambda/core/overview.ts'
import type { Policy } from '../../lambda/core/policy.ts'
import type { Numbering, ServerView, World } from '../../lambda/core/world.ts'
import { firstLedger, POLICY } from '../sim/healthy.ts'
import { observe } from '../sim/observe.ts'
import { clone, invocationOf, type SimState, UUIDS } from '../sim/state.ts'
import { Story } from '../sim/story.ts'

function watched(policy: Partial<Policy> = {}): Story {
  const story = new Story({ policy, tolerant: true }).start('w1')
  for (let second = 0; second < 4; second++) story.turn('w1', 1000).commit('alice').wait(10)
  return story.turn('w1', 0)
}

const change = (story: Story, how: (state: SimState) => void) => story.change('something', how)
const withLedger = (story: Story, ledger: Partial<Ledger>) =>
  change(story, (state) => {
    state.directory.ledger = formatLedger(firstLedger(ledger))
  })

/** What the next look of `who` would show. */
function seenBy(story: Story, who = 'w1'): Overview {
  const { memory, offsetMs } = invocationOf(story.state, who)
  const world = observe(clone(story.state), who)
  const now = story.state.now + offsetMs
  return overview(decide(memory, world, now), world, now)
}

const turns = (story: Story, count: number, ms = 1000) => {
  for (let turn = 0; turn < count; turn++) story.turn('w1', ms)
  return story
}

describe('the writer takes writes', () => {
  test('all is well', () => {
    const seen = seenBy(watched())
    expect(seen).toMatchObject({
      ok: true,
      situation: 'healthy',
      writable: { answer: 'yes' },
      atRisk: { answer: 'no' },
      warnings: [],
      servers: {
        alice: { state: 'open', role: 'writer', follows: { server: 'bob', receiver: 'on' } },
        bob: { state: 'closed', role: 'spare', follows: { server: 'alice', unappliedTransactions: 0 } },
      },
      record: { pointsAt: 'alice' },
      ledger: { writer: 'alice', epoch: 3, claim: null, pause: null, holds: [] },
      watch: { who: 'w1' },
      whatToDo: { because: 'Nothing.', next: [] },
    })
    expect(Object.keys(seen.servers)).toEqual(['alice', 'bob'])
  })

  test('T1: how far the spare is behind is what a crash would cost', () => {
    const story = watched()
    change(story, (state) => Object.assign(state.servers.bob, { slow: true }))
    const seen = seenBy(turns(story.commit('alice'), 4))
    expect(seen.lagMs).toBeGreaterThan(2000)
    expect(seen.servers.bob?.follows?.unappliedTransactions).toBeGreaterThan(0)
    expect(seen.atRisk.because).toMatch(/last \d\.\d s/)
  })

  test('nobody watches: not well, and lag is not claimed to be nothing', () => {
    const story = watched().and({ do: 'kill', who: 'w1' }).wait(60_000).start('w1').look()
    const seen = seenBy(story)
    expect(seen.warnings.join()).toMatch(/Nobody watches: the newest heartbeat is 1 min old/)
    expect(seen).toMatchObject({ ok: false, lagMs: null, writable: { answer: 'yes' } })
  })

  test('the spare is down: writable, and it is said that nobody would take over', () => {
    const seen = seenBy(turns(watched().and({ do: 'crash', server: 'bob' }), 3))
    expect(seen).toMatchObject({ ok: false, writable: { answer: 'yes' }, atRisk: { answer: 'no' } })
    expect(seen.atRisk.because).toMatch(/nobody would take over: bob does not answer/)
    expect(seen.servers.bob).toMatchObject({ state: 'silent', complaint: expect.stringMatching(/refuses/) })
  })

  test('paused: not well, with the request that ends it', () => {
    const seen = seenBy(
      withLedger(watched(), { revision: 8, pause: { untilClockMs: 0 } })
        .start('r1')
        .look('r1'),
      'r1',
    )
    expect(seen).toMatchObject({ ok: false, ledger: { pause: { until: null } } })
    expect(seen.warnings.join()).toMatch(/paused until it is resumed/)
    expect(seen.whatToDo.next).toMatchObject([{ request: { action: 'resume', pair: 'orders' } }])
  })

  test('X31: MariaDB, a right or an option is missing that keeps the numbers apart: armed, and told with what to type', () => {
    const story = watched()
    const { memory, offsetMs } = invocationOf(story.state, 'w1')
    const seen = observe(clone(story.state), 'w1')
    const numbered = (name: 'alice' | 'bob', numbering: Numbering): ServerView => {
      const view = seen.servers[name] as ServerView
      return { ...view, answer: view.answer && { ...view.answer, numbering } }
    }
    const world: World = {
      ...seen,
      servers: {
        alice: numbered('alice', { inOrder: true, oursApart: false }),
        bob: numbered('bob', { inOrder: false, oursApart: true }),
      },
    }
    const now = story.state.now + offsetMs
    const shown = overview(decide(memory, world, now), world, now)
    expect(shown).toMatchObject({ ok: false, situation: 'healthy', writable: { answer: 'yes' } })
    expect(shown.warnings).toEqual([
      expect.stringMatching(/^On alice .* lacks BINLOG REPLAY.* GRANT BINLOG REPLAY ON \*\.\* TO/),
      expect.stringMatching(/^gtid_strict_mode is off on bob.* SET GLOBAL gtid_strict_mode = ON/),
    ])
  })

  test('held: what only it has is named as at risk, with the request that releases it', () => {
    const story = watched()
    change(story, (state) => {
      state.servers.alice.receiver = 'off'
      state.servers.bob.executed += `,${UUIDS.bob}:9`
    })
    const seen = seenBy(turns(story, 6))
    expect(seen).toMatchObject({ situation: 'spare-on-hold', servers: { bob: { held: true } } })
    expect(seen.atRisk).toMatchObject({ answer: 'possibly', because: expect.stringMatching(/only bob has/) })
    expect(seen.whatToDo.next.at(-1)?.request).toEqual({ action: 'release', pair: 'orders', server: 'bob' })
  })

  test('the name points elsewhere: perhaps nobody reaches it', () => {
    const story = change(watched(), (state) => {
      state.directory.record = { type: 'A', ttlSeconds: 5, values: ['10.9.9.9'], foreign: false }
    })
    const seen = seenBy(story.start('r1').look('r1'), 'r1')
    expect(seen.writable).toMatchObject({ answer: 'possibly', because: expect.stringMatching(/10\.9\.9\.9/) })
    expect(seen.record.pointsAt).toBeNull()
  })

  test('both are open: yes, and that is the danger', () => {
    const seen = seenBy(change(watched(), (state) => Object.assign(state.servers.bob, { closed: false })))
    expect(seen).toMatchObject({ ok: false, writable: { answer: 'yes' }, atRisk: { answer: 'yes' } })
  })
})

describe('the writer does not answer', () => {
  test('dead: no, what may be lost has a time, and a watch is at it', () => {
    const seen = seenBy(watched().and({ do: 'crash', server: 'alice' }).until('writer-dead'))
    expect(seen).toMatchObject({ ok: false, writable: { answer: 'no' }, atRisk: { answer: 'possibly' } })
    expect(seen.atRisk.because).toMatch(/until \d{4}-\d\d-\d\dT.*ago/)
    expect(seen.whatToDo.because).toMatch(/a watch that sees this does it/)
  })

  test('X4: what was received and is not applied yet is not told as lost', () => {
    const story = watched()
    change(story, (state) => Object.assign(state.servers.bob, { slow: true }))
    for (let second = 0; second < 20; second++) story.commit('alice').turn('w1', 1000)
    const seen = seenBy(story.turn('w1', 0).and({ do: 'crash', server: 'alice' }).until('writer-dead'))
    expect(seen.atRisk.because).toMatch(
      /bob has received everything that alice committed until .* \(\d{1,3} ms ago\)/,
    )
  })

  test('mode alert: the request to send is there, with its one reason', () => {
    const failover = { ...POLICY.failover, mode: 'alert' as const }
    const seen = seenBy(
      watched({ failover }).and({ do: 'crash', server: 'alice' }).until('writer-dead-alert'),
    )
    expect(seen.whatToDo.next).toEqual([
      {
        when: 'If you are sure that alice stays down',
        request: { action: 'failover', pair: 'orders', force: ['writer-dead-alert'] },
      },
    ])
  })

  test('M3: sick, or heard by the spare: it may well take writes', () => {
    const sick = change(watched(), (state) => Object.assign(state.servers.alice, { sick: 1040 }))
    expect(seenBy(turns(sick, 3)).writable.answer).toBe('possibly')
    const cut = watched().and({ do: 'cut', a: 'w1', b: 'alice' })
    expect(seenBy(turns(cut, 8)).writable).toMatchObject({
      answer: 'possibly',
      because: expect.stringMatching(/bob still hears from alice/),
    })
  })

  test('M4: nobody answers: nothing is known', () => {
    const story = watched().and({ do: 'cut', a: 'w1', b: 'alice' }).and({ do: 'cut', a: 'w1', b: 'bob' })
    expect(seenBy(turns(story, 8))).toMatchObject({
      situation: 'blind',
      writable: { answer: 'unknown' },
      atRisk: { answer: 'unknown' },
    })
  })

  test('a claim stands: nobody can write, and somebody is at work', () => {
    const story = watched().and({ do: 'crash', server: 'alice' }).until('stopping-applier')
    expect(seenBy(story)).toMatchObject({
      writable: { answer: 'no', because: expect.stringMatching(/a claim to open bob stands, by w1/) },
      ledger: { claim: { who: 'w1', intent: 'failover', target: 'bob' } },
    })
  })
})

describe('closed, or no ledger', () => {
  test('the writer is closed: no, and nothing is lost by that', () => {
    const story = change(watched(), (state) => Object.assign(state.servers.alice, { closed: true }))
    expect(seenBy(story)).toMatchObject({ writable: { answer: 'no' }, atRisk: { answer: 'no' } })
  })

  test('no ledger, none open: the request that adopts names the server with the newest data', () => {
    const story = new Story({ tolerant: true }).change('no ledger', (state) => {
      Object.assign(state.directory, { ledger: null, history: [] })
      Object.assign(state.servers.alice, { closed: true, receiver: 'off' })
      Object.assign(state.servers.bob, { executed: `${state.servers.bob.executed},${UUIDS.bob}:6` })
    })
    const seen = seenBy(story.start('w1').turn())
    expect(seen).toMatchObject({ ok: false, ledger: null, writable: { answer: 'no' } })
    expect(seen.whatToDo.next).toMatchObject([
      { request: { action: 'adopt', pair: 'orders', writer: 'bob' } },
    ])
  })

  test('a ledger that cannot be read is shown as it stands', () => {
    const story = change(watched(), (state) => {
      state.directory.ledger = 'hotspare=2 revision=9'
    })
    const seen = seenBy(story.start('r1').look('r1'), 'r1')
    expect(seen.ledger).toMatchObject({
      text: 'hotspare=2 revision=9',
      problem: expect.stringMatching(/version 2/),
    })
    expect(seen.writable.answer).toBe('possibly')
  })
})

test('texts are for people, wherever the pair may be', () => {
  const stories = [
    watched(),
    watched().and({ do: 'freeze', server: 'alice' }),
    watched().and({ do: 'freeze', server: 'bob' }),
  ]
  for (const story of stories)
    for (let turn = 0; turn < 60; turn++) {
      const { writable, atRisk, whatToDo, warnings } = seenBy(story)
      for (const text of [writable.because, atRisk.because, whatToDo.because, ...warnings]) {
        expect(text).not.toBe('')
        expect(text).not.toMatch(/undefined|\bnull\b|NaN|\[object/)
      }
      story.turn('w1', 300)
    }
})
