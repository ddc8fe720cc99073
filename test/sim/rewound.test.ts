/** The ledger goes back to an earlier text of its history (R14), told on the simulated pair: nothing is done by it, and what mends it. */
import { describe, expect, test } from 'vitest'
import { assess } from '../../lambda/core/assessment.ts'
import { decide } from '../../lambda/core/decide.ts'
import { explain } from '../../lambda/core/explain.ts'
import { formatLedger } from '../../lambda/core/ledger.ts'
import type { Policy } from '../../lambda/core/policy.ts'
import { rewound } from '../../lambda/core/rewound.ts'
import type { ManualRequest } from '../../lambda/core/world.ts'
import { firstLedger, POLICY } from './healthy.ts'
import { ledgerOf } from './musts.ts'
import { observe } from './observe.ts'
import { clone, invocationOf } from './state.ts'
import { Story, set } from './story.ts'

const FIRST_TEXT = formatLedger(firstLedger())

/** bob has taken over from alice in epoch 4 and has written that down; nobody watches any more. */
function failedOver(policy: Partial<Policy> = {}): Story {
  const story = new Story({ policy }).start('w0')
  for (let second = 0; second < 4; second++) story.turn('w0', 1000).commit('alice').wait(10)
  story.and({ do: 'crash', server: 'alice' }).until('recording-takeover', 'w0').act('w0')
  for (let turn = 0; turn < 3; turn++) story.turn('w0', 1000)
  return story
}

/** A watch that was not there before the zone went back, and looks for a while. */
function goneBack(story: Story): Story {
  story.and({ do: 'kill', who: 'w0' }).and({ do: 'rewind', to: FIRST_TEXT }).start('w1')
  for (let turn = 0; turn < 12; turn++) story.turn('w1', 300)
  return story
}

/** What a person is answered, who asks now. */
function answerTo(story: Story, asked: ManualRequest): { code: string; advice: string } {
  story.and({ do: 'start', who: 'r1', asked })
  for (let turn = 0; turn < 100 && !invocationOf(story.state, 'r1').finished; turn++) {
    story.look('r1')
    if (invocationOf(story.state, 'r1').finished) break
    if (invocationOf(story.state, 'r1').pending !== null) story.act('r1')
    story.wait(100)
  }
  const code = story.code('r1')
  story.and({ do: 'kill', who: 'r1' })
  return { code, advice: adviceTo(story) }
}

/** What w1 would tell now. */
function adviceTo(story: Story): string {
  const state = clone(story.state)
  const { memory, offsetMs } = invocationOf(state, 'w1')
  const { decision } = explain(memory, observe(state, 'w1'), state.now + offsetMs)
  return decision.situation.advice
}

const MENDED = { epoch: 4, writer: 'bob', how: 'failover', claim: null }

describe('X19: the ledger is older than a takeover row', () => {
  test('the row’s server alone is open: ledger and record name it again, as the takeover left them', () => {
    const story = failedOver()
    story.and({ do: 'restart', server: 'alice' })
    const before = story.ledger
    goneBack(story)
    expect(story.codes, story.trace()).toContain('ledger-mending')
    expect(story.ledger).toMatchObject({ ...MENDED, position: before.position, range: before.range })
    expect(story.ledger.sinceClockMs).toBeGreaterThanOrEqual(before.sinceClockMs)
    expect(story.ledger.revision).toBeGreaterThan(1000)
    expect(story.openServers).toEqual(['bob'])
    expect(story.state.messages).toContain('ledger-mended')
  })

  test('the old writer’s host refuses: the same', () => {
    expect(goneBack(failedOver()).ledger).toMatchObject(MENDED)
  })

  test('holds that the old text has are kept, but for one of the server that is named again', () => {
    const story = failedOver()
    const text = formatLedger(firstLedger({ holds: ['alice', 'bob'], pause: { untilClockMs: 0 } }))
    story.and({ do: 'kill', who: 'w0' }).and({ do: 'rewind', to: text }).start('w1')
    for (let turn = 0; turn < 12; turn++) story.turn('w1', 300)
    expect(story.ledger).toMatchObject({ ...MENDED, holds: ['alice'], pause: { untilClockMs: 0 } })
  })

  test('the old writer is silent, and may be open behind a cut: a person decides, nothing is done', () => {
    const story = failedOver()
    story.and({ do: 'restart', server: 'alice' }).and({ do: 'cut', a: 'w1', b: 'alice' })
    goneBack(story)
    expect(story.code()).toBe('ledger-rewound')
    expect(story.state.directory.ledger).toBe(FIRST_TEXT)
    expect(story.openServers).toEqual(['bob'])
    expect(story.state.messages).toContain('ledger-rewound')
    expect(adviceTo(story)).toMatch(/If bob is the writer: bring alice back closed/)
    story.and({ do: 'heal', a: 'w1', b: 'alice' })
    for (let turn = 0; turn < 12; turn++) story.turn('w1', 1000)
    expect(story.ledger).toMatchObject(MENDED)
  })

  test('both are open: nobody is closed; what to type mends it', () => {
    const story = failedOver()
    set(story.and({ do: 'restart', server: 'alice' }), 'alice', { closed: false })
    goneBack(story)
    expect(story.code()).toBe('ledger-rewound')
    expect(story.openServers).toEqual(['alice', 'bob'])
    expect(adviceTo(story)).toMatch(/^If bob is the writer: on alice, SET GLOBAL super_read_only = ON\./)
    set(story, 'alice', { closed: true })
    for (let turn = 0; turn < 12; turn++) story.turn('w1', 1000)
    expect(story.ledger).toMatchObject(MENDED)
  })

  test('the rightful writer restarted and both are closed: nobody is opened by the old text', () => {
    const story = failedOver()
    story.and({ do: 'restart', server: 'alice' })
    story.and({ do: 'crash', server: 'bob' }).and({ do: 'restart', server: 'bob' })
    goneBack(story)
    expect(story.code()).toBe('ledger-rewound')
    expect(story.openServers).toEqual([])
    expect(adviceTo(story)).toMatch(/on bob, SET GLOBAL super_read_only = OFF, read_only = OFF/)
  })

  test.each(['failover', 'switchover', 'pause'] as const)(
    '%s is refused by name while it stands',
    (action) => {
      const story = failedOver()
      set(story.and({ do: 'restart', server: 'alice' }), 'alice', { closed: false })
      goneBack(story)
      const more = { to: 'bob', dryRun: false, lowerTtl: false, waitForQuietMs: 0, untilClockMs: 0 }
      const { code } = answerTo(story, { action, force: [], ...more } as ManualRequest)
      expect(code, story.trace()).toBe('ledger-rewound')
      expect(story.state.directory.ledger).toBe(FIRST_TEXT)
    },
  )

  test('a person who takes the other one for the writer deletes the ledger and adopts it', () => {
    const story = failedOver()
    set(story.and({ do: 'restart', server: 'alice' }), 'alice', { closed: false })
    goneBack(story)
    expect(adviceTo(story)).toMatch(
      /If alice is the writer: on bob, SET GLOBAL super_read_only = ON; delete the TXT record .*"action":"adopt"/,
    )
    set(story, 'bob', { closed: true })
    story.change('the ledger is deleted', ({ directory }) => {
      directory.ledger = null
    })
    const adopt = { action: 'adopt', writer: 'alice', force: ['adopt-record-disagrees'] } as const
    expect(answerTo(story, adopt).code).toBe('adopted')
    expect(story.ledger).toMatchObject({ epoch: 5, writer: 'alice', claim: null })
    story.and({ do: 'kill', who: 'w1' }).start('w2')
    for (let turn = 0; turn < 6; turn++) story.turn('w2', 1000)
    expect(story.code('w2')).not.toMatch(/^ledger/)
    expect(story.openServers).toEqual(['alice'])
  })

  test('in observe mode it is told, and the name is not moved', () => {
    const story = failedOver()
    story.change('observe', (state) => {
      state.policy = { ...state.policy, failover: { ...POLICY.failover, mode: 'observe' } }
    })
    expect(goneBack(story).code()).toBe('ledger-rewound')
    expect(story.state.directory.ledger).toBe(FIRST_TEXT)
  })
})

describe('X19: the ledger is older than what this invocation has read', () => {
  /** bob was held since; the text that the zone goes back to knows nothing of it. */
  const held = () => {
    const story = new Story().change('bob is held', ({ directory }) => {
      directory.ledger = formatLedger(firstLedger({ revision: 9, holds: ['bob'] }))
      directory.history = [...directory.history, directory.ledger]
    })
    for (const who of ['w1', 'w2']) story.start(who)
    for (let turn = 0; turn < 4; turn++) story.turn('w1', 1000)
    return story.and({ do: 'rewind', to: FIRST_TEXT }).and({ do: 'crash', server: 'alice' })
  }

  test('it is not believed: no failover to a server whose hold is lost, and the message says what to set again', () => {
    const story = held()
    story.change('w1 reads the ledger', (state) => {
      const { request } = invocationOf(state, 'w1')
      invocationOf(state, 'w1').request = { ...request, directory: true }
    })
    for (let turn = 0; turn < 30; turn++) story.turn('w1', 300)
    expect(story.code()).toBe('ledger-rewound')
    expect(adviceTo(story)).toMatch(/a pause, a hold\) is lost: set it again/)
    expect(story.openServers).toEqual([])
  })

  test('who was not there goes by the text as it stands: nothing on the servers contradicts it', () => {
    const story = held().and({ do: 'kill', who: 'w1' })
    for (let turn = 0; turn < 30; turn++) story.turn('w2', 300)
    expect(story.codes).not.toContain('ledger-rewound')
  })
})

test('X19: a watch whose own memory of the ledger is the old one reads it again, and tells nobody', () => {
  const story = new Story().start('w1')
  for (let turn = 0; turn < 4; turn++) story.turn('w1', 1000)
  story.ask('r1').until('switched-over', 'r1', 100, 10)
  story.turn('w1', 100).turn('w1', 100)
  for (let turn = 0; turn < 20; turn++) story.turn('r1', 50).turn('w1', 50)
  expect(ledgerOf(story.state)).toMatchObject({ writer: 'bob', epoch: 4 })
  expect(story.codes).toContain('ledger-older')
  expect(story.codes).not.toContain('ledger-rewound')
  expect(story.state.messages).not.toContain('ledger-rewound')
})

test('X1, X19: a row that came with facts which were asked for before the ledger’s reading began, and arrived after it, confirms nothing', () => {
  const story = failedOver().and({ do: 'kill', who: 'w0' }).and({ do: 'rewind', to: FIRST_TEXT }).start('w1')
  const state = clone(story.state)
  const { memory, offsetMs } = invocationOf(state, 'w1')
  const now = state.now + offsetMs
  const world = observe(state, 'w1')
  const servers = Object.fromEntries(
    Object.entries(world.servers).map(([name, view]) => [
      name,
      { ...view, answer: view.answer === null ? null : { ...view.answer, readAtMs: now - 100 } },
    ]),
  )
  const directory = world.directory === null ? null : { ...world.directory, startedAtMs: now - 50 }
  const torn = { ...world, servers, directory }
  const first = decide(memory, torn, now)
  expect(rewound(assess(first.memory, torn, now))).toMatchObject({ by: 'row', confirmed: false })
})
