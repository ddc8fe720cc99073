/** How fresh the spare was when the writer died, and what follows: whatever the age of the process that judges it. */
import { describe, expect, test } from 'vitest'
import { contains } from '../../lambda/core/gtid-set.ts'
import { invocationOf, type SimServer } from './state.ts'
import { Story } from './story.ts'

const set = (story: Story, server: 'alice' | 'bob', change: Partial<SimServer>) =>
  story.change(`${server}: ${JSON.stringify(change)}`, (state) =>
    Object.assign(state.servers[server], change),
  )

/** A writer that commits twice a second and has done so for two minutes, watched by `w0`, and a spare that is behind. */
function behind(spare: Partial<SimServer>): Story {
  const story = new Story({ tolerant: true }).start('w0', 3_600_000)
  set(story, 'bob', spare)
  return busy(story, ['w0'], 130).and({ do: 'kill', who: 'w0' })
}

function busy(story: Story, watches: readonly string[], seconds: number): Story {
  for (let half = 0; half < seconds * 2; half++) {
    story.commit('alice')
    for (const who of watches) story.turn(who, 0)
    story.wait(500)
  }
  return story
}

describe('X59: a young process proves nothing that is older than itself', () => {
  test('a spare that receives 30 s late is not opened by a watch that is 4 s old', () => {
    const story = behind({ receivesLateMs: 30_000 }).start('w1')
    busy(story, ['w1'], 4).and({ do: 'crash', server: 'alice' })
    for (let turn = 0; turn < 100; turn++) story.turn('w1', 300)
    expect(story.violations, story.trace()).toEqual([])
    expect(story.openServers, story.trace()).toEqual([])
    expect(contains(story.state.servers.bob.executed, story.state.servers.alice.executed)).toBe(false)
    expect(invocationOf(story.state, 'w1').code).toMatch(/spare-stale|spare-freshness-unproven/)
  })
})
