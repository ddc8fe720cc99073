/**
 * Can applications write? One fact, worked out once: stories in which a server is closed by half, or open and unable to commit, and what
 * everybody who tells people of it says about the same look.
 */
import { describe, expect, test } from 'vitest'
import { type Decision, decide } from '../../lambda/core/decide.ts'
import type { Message } from '../../lambda/core/message.ts'
import { overview } from '../../lambda/core/overview.ts'
import { inWords } from '../../lambda/core/three-questions.ts'
import type { World } from '../../lambda/core/world.ts'
import { figuresOf } from '../../lambda/figures.ts'
import { pictureOf } from '../../lambda/widget-picture.ts'
import { BEGINNINGS } from './beginnings.ts'
import { wander } from './explore.ts'
import { type Decide, happen } from './pair.ts'
import { invocationOf, type SimServer } from './state.ts'
import { Story, set, watched } from './story.ts'

/** Its options say read_only and nothing of super_read_only, as most people's do. */
const bootsHalf = (story: Story) =>
  set(set(story, 'alice', { bootsHalfClosed: true }), 'bob', { bootsHalfClosed: true })
const restarted = (story: Story, change: Partial<SimServer> = {}) => {
  story.and({ do: 'crash', server: 'alice' })
  set(story, 'alice', change)
  return story.and({ do: 'restart', server: 'alice' })
}

/** Looks once more, and tells what is decided then. */
function decided(story: Story, who = 'w1'): Decision {
  const { decision } = happen(story.state, { do: 'look', who })
  if (decision === null) throw new Error('a look decides')
  return decision
}

/** Turns until a message of this event is sent. */
function messageOf(story: Story, event: string): Message {
  for (let turn = 0; turn < 100; turn++) {
    const found = decided(story).messages.find((each) => each.event === event)
    if (found !== undefined) return found
    story.turn()
  }
  throw new Error(`nobody was told ${event}\n${story.trace()}`)
}

describe('X3: a named server that is closed by half', () => {
  test('X3: restarted half closed: it is compared, and comes back to open by itself', () => {
    const story = restarted(bootsHalf(watched())).calm()
    expect(story.openServers, story.trace()).toEqual(['alice'])
    expect(story.ledger).toMatchObject({ writer: 'alice', epoch: 3, claim: null })
    expect(story.codes).toContain('reopening')
  })

  test('X3: restarted half closed and short of what the spare received: closed for good, and the spare takes over', () => {
    const story = bootsHalf(watched()).commit('alice').wait(100)
    story.and({ do: 'crash', server: 'alice', lose: 1 }).and({ do: 'restart', server: 'alice' }).calm()
    expect(story.openServers, story.trace()).toEqual(['bob'])
    expect(story.codes).toContain('old-writer-half-closed')
    expect(story.state.servers.alice.closed).toBe(true)
  })

  test('X3: back half closed while the failover is on its way: it is opened again instead of the spare', () => {
    const story = bootsHalf(watched()).and({ do: 'crash', server: 'alice' }).until('detaching').act()
    story.and({ do: 'restart', server: 'alice' }).calm()
    expect(story.openServers, story.trace()).toEqual(['alice'])
  })

  test('X3: back half closed after the spare was opened by a holder who is gone: forward', () => {
    const story = bootsHalf(watched()).and({ do: 'freeze', server: 'alice' }).until('moving')
    story.and({ do: 'kill', who: 'w1' }).and({ do: 'crash', server: 'alice' })
    story.and({ do: 'restart', server: 'alice' }).start('w2').calm()
    expect(story.openServers, story.trace()).toEqual(['bob'])
    expect(story.ledger).toMatchObject({ writer: 'bob', epoch: 4 })
  })

  test('X3: a person closes it by half: an alarm in true words, and nothing is changed', () => {
    const story = set(watched(), 'alice', { halfClosed: true })
    const { subject, body } = messageOf(story, 'writer-closed')
    expect(subject).toMatch(/NOT WRITABLE, alice is closed/)
    expect(body).toMatch(/read_only without super_read_only/)
    expect(body).toMatch(/Can anybody write\? {2}No\./)
    for (let turn = 0; turn < 60; turn++) story.turn('w1', 1000)
    expect(story.code()).toBe('writer-closed-by-operator')
    expect(story.state.servers.alice).toMatchObject({ halfClosed: true, closed: false })
    expect(story.ledger.revision).toBe(7)
  })

  test('X3: its heartbeats are not sent: it is closed, not stalled', () => {
    const story = set(watched(), 'alice', { halfClosed: true })
    for (let turn = 0; turn < 10; turn++) story.turn('w1', 1000)
    expect(story.codes).not.toContain('writer-stalled')
    expect(invocationOf(story.state, 'w1').memory.servers.alice?.unwritten).toBeNull()
  })

  test('X3: the only one that is not fully closed is half closed: it is not adopted as the writer', () => {
    const story = new Story().change('no ledger', (state) => {
      Object.assign(state.directory, { ledger: null, record: null, history: [] })
    })
    set(story, 'alice', { halfClosed: true }).start('w1').until('no-ledger-none-open').turn()
    expect(story.state.directory.ledger).toBeNull()
  })

  test('X3: of the unnamed server, half closed is still open: it is closed at sight', () => {
    const story = set(watched(), 'bob', { closed: false, halfClosed: true }).until('unnamed-open').act()
    expect(story.state.servers.bob).toMatchObject({ closed: true, halfClosed: false })
  })
})

describe('X22: a writer that is open and cannot commit', () => {
  const hidden: Readonly<Record<string, (story: Story) => Story>> = {
    'and the spare is gone': (story) => story.and({ do: 'crash', server: 'bob' }),
    'and the spare is stopped': (story) => set(story, 'bob', { receiver: 'off', applier: 'off' }),
    'and its takeover is still to be written down': (story) => set(story, 'alice', { takeover: null }),
  }
  test.each(Object.entries(hidden))('X3: %s: people are told, and all say the same', (_, happens) => {
    const { subject, body } = messageOf(happens(set(watched(), 'alice', { stuck: true })), 'writer-stalled')
    expect(subject).toContain('NOT WRITABLE, alice cannot commit')
    expect(body).toContain("Can anybody write?  No. alice is open, and can't commit.")
  })
})

/** What is told of one look, where it contradicts itself; empty if it does not. */
function contradictions(decision: Decision, world: World, now: number): string[] {
  const seen = overview(decision, world, now)
  const { counts } = figuresOf({ decision, world, now })
  const { situation, messages } = decision
  const { answer } = seen.writable
  const found: string[] = []
  const say = (wrong: boolean, what: string) => {
    if (wrong) found.push(`${situation.code}: ${what} (${inWords(seen.writable)})`)
  }
  for (const { subject, body } of messages) {
    say(/NOT WRITABLE/.test(subject) && answer !== 'no', `subject "${subject}"`)
    const line = /^Can anybody write\? {2}(.*)$/m.exec(body)?.[1]
    say(line !== undefined && line !== inWords(seen.writable), `body "${line}"`)
  }
  say(counts.NotWritable !== (answer === 'no'), 'metric NotWritable')
  say(counts.WriterStalled && answer === 'yes', 'metric WriterStalled')
  say(situation.code === 'healthy' && answer !== 'yes', 'healthy')
  say(seen.ok && answer !== 'yes', 'ok')
  say(/ takes writes(?! again)/.test(situation.because) && answer === 'no', situation.because)
  say(/[Nn]obody can write/.test(situation.because) && answer === 'yes', situation.because)
  for (const { name, state } of pictureOf(world, decision, now).servers)
    say((state === 'open') !== (seen.servers[name]?.state === 'open'), `the widget shows ${name} ${state}`)
  return found
}

describe('X3 X22: message, status, metrics and widget say the same of every look', () => {
  const walks = { faults: 3, commits: 3, untilMs: 100_000, statesMax: 1e9, secondsMax: 4, events: 200 }
  test.each(Object.keys(BEGINNINGS))('in random walks: %s', { timeout: 60_000 }, (name) => {
    const told = new Set<string>()
    let looks = 0
    const deciding: Decide = (memory, world, now, tables) => {
      const decision = decide(memory, world, now, tables)
      looks += 1
      for (const each of contradictions(decision, world, now)) told.add(each)
      return decision
    }
    const seeds = Array.from({ length: 25 }, (_, index) => index + 1)
    wander(BEGINNINGS[name] as () => Story['state'], { ...walks, seeds }, deciding)
    expect(looks).toBeGreaterThan(500)
    expect([...told]).toEqual([])
  })
})
