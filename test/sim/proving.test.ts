/** A claim that was taken over proves the writer's death anew, and what the holder before left behind proves nothing (R10). */
import { expect, test } from 'vitest'
import { Story, set } from './story.ts'

/** Alice died, w1 detached bob under its claim and is gone; w2, which can't reach alice itself, has looked on. */
function detachedAndLeft(): Story {
  const story = new Story().start('w1')
  for (let second = 0; second < 4; second++) story.turn('w1', 1000)
  story.and({ do: 'crash', server: 'alice' }).until('writer-dead')
  story.start('w2').and({ do: 'cut', a: 'w2', b: 'alice' })
  for (let turn = 0; turn < 100 && story.look('w1').code('w1') !== 'detaching'; turn++)
    story.act('w1').turn('w2', 100)
  story.turn('w2', 100).act('w1').and({ do: 'kill', who: 'w1' }).turn('w2', 100)
  expect(story.state.servers.bob).toMatchObject({ receiver: 'off', receiverErrno: 2003 })
  return story
}

test('R10: a receiver that the holder before stopped, with the error of a connection that has long been possible again', () => {
  const story = detachedAndLeft()
  story.and({ do: 'restart', server: 'alice' })
  story.change('somebody opens alice', ({ servers }) => Object.assign(servers.alice, { closed: false }))
  for (let turn = 0; turn < 200; turn++) story.turn('w2', 300)
  expect(story.codes).toContain('proving-threads')
  expect(story.openServers).toEqual(['alice'])
})

test('R10: a receiver that gives up after one attempt is asked once, and what it says counts', () => {
  const story = detachedAndLeft()
  for (let turn = 0; turn < 200 && story.openServers.length === 0; turn++) {
    story.turn('w2', 150)
    if (story.state.servers.bob.receiver === 'connecting')
      set(story, 'bob', { receiver: 'off', receiverErrno: 2003 })
    story.wait(150)
  }
  expect(story.codes).toContain('proving-threads')
  expect(story.openServers).toEqual(['bob'])
})
