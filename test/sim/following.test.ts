/** Who follows whom: what was stopped is started again, and nobody is told "bob follows" while it does not. */
import { describe, expect, test } from 'vitest'
import type { Message } from '../../lambda/core/message.ts'
import { happen } from './pair.ts'
import { invocationOf, type SimServer } from './state.ts'
import { type Story, set, watched } from './story.ts'

/** Turns until a message of this event is sent; tells it, and how bob is at that moment. */
function messageOf(story: Story, event: string, who = 'w1'): Message & { bob: Partial<SimServer> } {
  for (let turn = 0; turn < 200; turn++) {
    const { decision } = happen(story.state, { do: 'look', who })
    const found = decision?.messages.find((each) => each.event === event)
    const { receiver, applier } = story.state.servers.bob
    if (found !== undefined) return { ...found, bob: { receiver, applier } }
    story.turn(who, 50)
  }
  throw new Error(`nobody was told ${event}\n${story.trace()}`)
}

const FOLLOWING = { receiver: 'on', applier: 'on' }

/** Alice crashed and bob was made ready to be opened: nothing is received or applied there, and its last error stands. */
const detached = (story: Story) =>
  story.and({ do: 'crash', server: 'alice' }).until('stopping-applier', 'w1').act('w1')

describe('X62: what a claim stopped is started again', () => {
  test.each(['detaching', 'stopping-applier'])(
    'X62: after %s the writer is back open: the failover is given up, and bob follows though an error stands',
    (step) => {
      const story = watched().and({ do: 'crash', server: 'alice' }).until(step).act()
      expect(story.state.servers.bob).toMatchObject({ receiver: 'off', receiverErrno: 2003 })
      set(story.and({ do: 'restart', server: 'alice' }), 'alice', { closed: false })
      const { body, bob } = messageOf(story, 'failover-abandoned')
      expect(bob, story.trace()).toEqual(FOLLOWING)
      expect(body).toContain('bob follows it')
      expect(story.calm().state.servers.bob).toMatchObject(FOLLOWING)
    },
  )

  test('X62: the writer is back closed: it is opened again, and bob follows though an error stands', () => {
    const story = detached(watched()).and({ do: 'restart', server: 'alice' })
    const { body, bob } = messageOf(story, 'writer-reopened')
    expect(bob, story.trace()).toEqual(FOLLOWING)
    expect(body).toContain('bob follows it')
    expect(story.calm().ledger).toMatchObject({ writer: 'alice', claim: null })
  })

  test('X62: it is back and sick, then well: bob receives from it again, though an error stands', () => {
    const story = detached(watched()).and({ do: 'restart', server: 'alice' })
    set(story, 'alice', { sick: 1053 }).until('writer-sick-reattaching').act()
    expect(story.state.servers.bob).toMatchObject({ applier: 'on' })
    expect(story.state.servers.bob.receiver).not.toBe('off')
    set(story, 'alice', { sick: null })
    expect(story.calm().state.servers.bob).toMatchObject(FOLLOWING)
  })

  test('X62: it is back closed and goes silent again before it was opened: bob asks it anew', () => {
    const story = detached(watched()).and({ do: 'restart', server: 'alice' }).until('reopening')
    story.and({ do: 'freeze', server: 'alice' }).until('undo-asking').act()
    expect(story.state.servers.bob.receiver).not.toBe('off')
  })

  test('X62: bob cannot follow: tried a few times, said with its own words, and the claim is released', () => {
    const story = set(detached(watched()), 'bob', { brokenApplier: true, applierErrno: 1062 })
    set(story.and({ do: 'restart', server: 'alice' }), 'alice', { closed: false })
    const { body, bob } = messageOf(story, 'failover-abandoned')
    expect(bob.applier).toBe('off')
    expect(body).toMatch(/bob does not follow it: .*applier off \(error 1062\)/)
    expect(body).not.toContain('Nothing has to be done by hand')
    expect(body).toMatch(/What now\? .*START REPLICA/)
    story.calm()
    expect(story.ledger.claim).toBeNull()
    const starts = story.told.filter((line) => line.includes('does start-threads bob'))
    expect(starts.length).toBeLessThanOrEqual(4)
  })

  test('X62: a switchover is undone: bob follows though an error stands', () => {
    const story = watched().ask('r1').until('switchover-closing', 'r1')
    set(story, 'bob', { slow: true }).commit('alice').act('r1')
    set(story, 'bob', { receiver: 'off', receiverErrno: 2003, applier: 'off', slow: false })
    const { body, bob } = messageOf(story, 'switchover-undone', 'r1')
    expect(bob, story.trace()).toEqual(FOLLOWING)
    expect(body).toContain('bob follows it')
  })

  test('X62: the two are cut off from each other: it is not said that bob follows', () => {
    const story = detached(watched()).and({ do: 'cut', a: 'alice', b: 'bob' })
    set(story.and({ do: 'restart', server: 'alice' }), 'alice', { closed: false })
    const { body } = messageOf(story, 'failover-abandoned')
    expect(body).toMatch(/bob does not follow it yet: receiver connecting/)
    expect(body).not.toContain('bob follows it')
  })
})

describe('X62: a channel that does not run is said, in both directions', () => {
  const code = (story: Story) => {
    for (let turn = 0; turn < 5; turn++) story.turn()
    return story.code()
  }
  const words = (story: Story) => {
    const { decision } = happen(story.state, { do: 'look', who: 'w1' })
    return `${decision?.situation.because} ${decision?.situation.advice}`
  }

  test('X62: the spare is stopped by 1062 and the writer does not receive: the spare comes first', () => {
    const story = set(watched(), 'bob', { applier: 'off', applierErrno: 1062 })
    set(story, 'alice', { receiver: 'off', applier: 'off' })
    expect(code(story)).toBe('spare-not-replicating')
    expect(words(story)).toMatch(/bob does not replicate: .*applier off \(error 1062\).*Mend it on bob/)
  })

  test.each([
    { receiver: 'off', receiverErrno: 2003 },
    { receiver: 'off', receiverErrno: 1236 },
    { applier: 'off', applierErrno: 1062 },
    { receiver: 'off', receiverErrno: 0, applier: 'off' },
  ] as const)('X62: the writer does not receive: %j', (change) => {
    const story = set(watched(), 'alice', change)
    expect(code(story)).toBe('reverse-stopped')
    if ('receiverErrno' in change && change.receiverErrno !== 0)
      expect(words(story)).toContain(`error ${change.receiverErrno}`)
  })

  test('X62: what nobody stopped and runs again is healthy', () => {
    const story = set(watched(), 'alice', { receiver: 'connecting', receiverErrno: 2003 })
    expect(code(story)).toBe('healthy')
    expect(invocationOf(story.state, 'w1').memory.ours).toBeNull()
  })
})
