/** X58, R17: what a look-up in the binary log does not tell is not known: it holds, and is said; nobody waits for it for ever. */
import { describe, expect, test } from 'vitest'
import { withoutOurs } from '../../lambda/core/compare.ts'
import { decide } from '../../lambda/core/decide.ts'
import { inspectionOf, learnInspections } from '../../lambda/core/inspection.ts'
import type { Message } from '../../lambda/core/message.ts'
import type { ManualRequest } from '../../lambda/core/world.ts'
import { SEARCH_CUT, SEARCH_ERROR, SEARCHED_MAX } from './observe.ts'
import type { Decide } from './pair.ts'
import { invocationOf, type SimState, UUIDS } from './state.ts'
import { Story } from './story.ts'

const ALONE = `${UUIDS.bob}:6`
const OURS = ['hotspare.heartbeat']

class LookingUp extends Story {
  readonly messages: Message[] = []
  readonly because: string[] = []

  constructor(asked: ManualRequest | null = null) {
    const deciding: Decide = (memory, world, now, tables) => {
      const decision = decide(memory, { ...world, request: world.who === 'r1' ? asked : null }, now, tables)
      this.messages.push(...decision.messages)
      this.because.push(decision.situation.because)
      return decision
    }
    super({ deciding, tolerant: true })
  }

  /** bob has this of its own, and the searches in its binary log come to nothing, or not to all. */
  diverged(searches: SimState['searches'], executed = `${UUIDS.alice}:1-14,${UUIDS.bob}:1-6`): this {
    return this.change(`bob has ${executed}, searches ${searches}`, (state) => {
      state.searches = searches
      state.servers.alice.receiver = 'off'
      state.servers.bob.executed = executed
    })
  }

  watched(): this {
    this.start('w1')
    for (let second = 0; second < 4; second++) this.turn('w1', 1000).commit('alice').wait(10)
    return this.wait(1).turn('w1', 0)
  }

  held(): string {
    return this.messages.find(({ event }) => event === 'server-held')?.body ?? ''
  }
}

describe('a spare with a transaction of its own', () => {
  test('X58: the search fails: held after three failures, with the server’s words, and listed as unknown', () => {
    const story = new LookingUp().watched().diverged('fail')
    story.until('comparing').until('spare-diverged', 'w1', 20, 1000).act()
    expect(story.ledger.holds).toEqual(['bob'])
    expect(story.because.join('\n')).toContain(`The last time that failed: ${SEARCH_ERROR}.`)
    expect(story.held()).toContain(`(${SEARCH_ERROR})`)
    expect(story.held()).toContain(`${ALONE}  (tables unknown)`)
  })

  test('X58: the search never ends: held after a quarter of a minute, not compared for ever', () => {
    const story = new LookingUp().watched().diverged('hang')
    story.until('comparing').until('spare-diverged', 'w1', 40, 500).act()
    expect(story.ledger.holds).toEqual(['bob'])
    expect(story.held()).toContain('is not known (the search takes too long)')
  })

  test('X58: the search ends before the end of the log: held, and why is said', () => {
    const story = new LookingUp().watched().diverged('unsure').until('spare-diverged').act()
    expect(story.ledger.holds).toEqual(['bob'])
    expect(story.held()).toContain(`Which tables 1 of them changed is not known (${SEARCH_CUT}).`)
  })

  test('X58: a search that works after it failed clears what is ours', () => {
    const story = new LookingUp().watched().diverged('fail').until('comparing').turn().turn()
    story.change('the log can be read again', (state) => {
      state.searches = 'work'
      state.tables = { [ALONE]: OURS }
    })
    story.until('reverse-stopped')
    expect(story.ledger.holds).toEqual([])
  })

  test('X58: one that writes on and on is held within 17 s, though no two looks find the same', () => {
    const story = new LookingUp().watched().diverged('work')
    for (let turn = 0; turn < 170 && story.ledger.holds.length === 0; turn++) {
      story.change('bob writes', (state) => {
        state.servers.bob.executed = `${UUIDS.alice}:1-14,${UUIDS.bob}:1-${turn + 7}`
      })
      story.turn('w1', 100)
    }
    expect(story.ledger.holds).toEqual(['bob'])
  })

  test('X58: more than are looked up: held, though all that are looked up are ours', () => {
    const many = SEARCHED_MAX + 50
    const story = new LookingUp().watched().diverged('work', `${UUIDS.alice}:1-14,${UUIDS.bob}:1-${5 + many}`)
    story.change('all of them are ours', (state) => {
      const own = Array.from({ length: many }, (_, index) => [`${UUIDS.bob}:${index + 6}`, OURS])
      state.tables = Object.fromEntries(own)
    })
    story.until('spare-diverged').act()
    expect(story.ledger.holds).toEqual(['bob'])
    expect(story.held()).toContain('Which tables 50 of them changed is not known (not all are looked up')
  })
})

describe('what a person asks for', () => {
  const ends = (story: LookingUp): string => {
    story.start('r1')
    for (let turn = 0; turn < 300; turn++) {
      if (invocationOf(story.state, 'r1').finished) return story.code('r1')
      story.turn('r1', 200)
    }
    throw new Error(`no end\n${story.trace()}`)
  }

  test.each(['fail', 'hang', 'unsure'] as const)(
    'X58: a held server whose log says nothing (%s) is not released',
    (searches) => {
      const story = new LookingUp({ action: 'release', server: 'bob', force: [] })
        .watched()
        .diverged(searches)
      story.until('spare-diverged', 'w1', 60, 500).act()
      story.and({ do: 'kill', who: 'w1' })
      expect(ends(story)).toBe('release-differs')
      expect(story.ledger.holds).toEqual(['bob'])
      expect(story.because.at(-1)).toContain('is not known')
    },
  )

  test.each(['fail', 'hang', 'unsure'] as const)(
    'X58: nor does it become the writer by a switchover (%s)',
    (searches) => {
      const asked = { to: 'bob', force: [], dryRun: false, lowerTtl: false, waitForQuietMs: 0 }
      const story = new LookingUp({ action: 'switchover', ...asked }).diverged(searches)
      expect(ends(story)).toMatch(/^switchover-/)
      expect(story.codes).not.toContain('switchover-claiming')
      expect(story.ledger).toMatchObject({ writer: 'alice', claim: null })
    },
  )
})

test('X58: what one server’s log does not have says nothing about another’s', () => {
  const answer = { transactions: [{ gtid: '0-1-8', tables: OURS }], absent: '0-1:7', unread: '' }
  const servers = { bob: { answer } } as never as Parameters<typeof learnInspections>[1]
  const learned = learnInspections({}, servers)
  expect(inspectionOf(learned, 'bob')).toMatchObject({ absent: '0-1:7' })
  expect(withoutOurs('0-1:8', inspectionOf(learned, 'bob'))).toBe('')
  expect(inspectionOf(learned, 'alice')).toMatchObject({ absent: '' })
  expect(withoutOurs('0-1:8', inspectionOf(learned, 'alice'))).toBe('0-1:8')
})
