/** The ledger and a server's facts are read beside each other: the facts may be the older ones. */
import { expect, test } from 'vitest'
import { invocationOf } from './state.ts'
import { Story } from './story.ts'

/** A switchover of another's goes on while w1, which knows of no claim, has begun its look. */
function tornBy(story: Story, untilStep: string, ended: () => boolean): Story {
  const pending = () => invocationOf(story.state, 'r1').pending
  for (let turn = 0; turn < 100; turn++) {
    story.look('r1')
    if (pending()?.kind === untilStep) break
    if (pending() !== null) story.act('r1')
    story.wait(20)
  }
  story.and({ do: 'begin-look', who: 'w1', part: 'bob' }).and({ do: 'begin-look', who: 'w1', part: 'alice' })
  for (let turn = 0; turn < 100 && !ended(); turn++) story.turn('r1', 5)
  expect(ended()).toBe(true)
  return story.look('w1')
}

function switching(): Story {
  const story = new Story().start('w1')
  for (let second = 0; second < 4; second++) story.turn('w1', 1000).commit('alice').wait(10)
  story.turn('w1', 0).ask('r1')
  for (let turn = 0; turn < 100 && !story.state.servers.alice.closed; turn++) story.turn('r1', 100)
  story.look('w1')
  expect(story.code('w1')).toBe('writer-closed-unconfirmed')
  return story
}

test('X2: the new writer, seen just before its opening, was closed by nobody', () => {
  const story = switching()
  tornBy(story, 'open', () => story.ledger.writer === 'bob')
  expect(story.code('w1')).toBe('writer-closed-unconfirmed')
  story.turn('w1', 20)
  expect(story.code('w1')).not.toBe('writer-closed-by-operator')
  expect(story.state.messages).not.toContain('writer-closed')
})

test('X2: the old writer, seen just before a switchover went back, was closed by nobody', () => {
  const story = switching()
  story.turn('w1', 20).change('bob restarts', (state) => {
    state.servers.bob.startedMs = state.now
  })
  tornBy(story, 'open', () => story.ledger.claim === null)
  expect(story.ledger.writer).toBe('alice')
  expect(story.code('w1')).toBe('writer-closed-unconfirmed')
  expect(story.state.messages).not.toContain('writer-closed')
})

test('X2: a writer that a person has closed is told of all the same', () => {
  const story = new Story().start('w1').turn('w1', 1000).turn('w1', 1000)
  story.change('a person closes alice', (state) => {
    state.servers.alice.closed = true
  })
  story.until('writer-closed-by-operator')
})
