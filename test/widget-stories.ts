/** Four simulated pairs as the dashboard shows them: healthy, failing over, held, blind. */
import { type Decision, decide } from '../lambda/core/decide.ts'
import type { World } from '../lambda/core/world.ts'
import { type PairPicture, pictureOf } from '../lambda/widget-picture.ts'
import { Story } from './sim/story.ts'

interface Seen {
  readonly world: World
  readonly decision: Decision
  readonly now: number
}

/** Tells a story, and gives what the widget's own invocation sees at its end. */
function pictureAfter(tell: (story: Story) => void): PairPicture {
  let last: Seen | null = null
  const story = new Story({
    tolerant: true,
    deciding: (memory, world, now) => {
      const decision = decide(memory, world, now)
      last = { world, decision, now }
      return decision
    },
  })
  tell(story)
  story.start('widget')
  for (let look = 0; look < 3; look += 1) story.look('widget').wait(1000)
  const { world, decision, now } = last as unknown as Seen
  return pictureOf(world, decision, now)
}

function watched(story: Story): Story {
  story.start('w1')
  for (let second = 0; second < 4; second++) story.turn('w1', 1000).commit('alice').wait(10)
  return story.turn('w1', 0)
}

export const pictures: Readonly<Record<'healthy' | 'failing-over' | 'held' | 'blind', () => PairPicture>> = {
  healthy: () => pictureAfter((story) => watched(story)),
  'failing-over': () =>
    pictureAfter((story) => {
      watched(story).and({ do: 'crash', server: 'alice' })
      for (let turn = 0; turn < 60 && story.ledger.claim === null; turn++) story.turn()
    }),
  held: () =>
    pictureAfter((story) => {
      watched(story)
      story.and({ do: 'freeze', server: 'alice' }).calm()
      story.change('alice has more', (state) => {
        const { alice } = state.servers
        alice.executed = alice.executed.replace(/1-(\d+)/, (_, last) => `1-${Number(last) + 3}`)
      })
      story.and({ do: 'wake', server: 'alice' }).calm()
    }),
  blind: () =>
    pictureAfter((story) => {
      watched(story).and({ do: 'freeze', server: 'alice' }).and({ do: 'freeze', server: 'bob' })
      story.change('the directory is out', (state) => {
        state.directory.outage = true
      })
      story.wait(5000)
    }),
}
