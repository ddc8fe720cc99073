/**
 * X67: a server refuses a step for ever, or never answers it. Whatever the step and wherever it stands: people are told, no claim of
 * ours stands for nothing, heartbeats go on, and when the refusal ends, what had to be done is done.
 */
import { describe, expect, test } from 'vitest'
import { decide } from '../../lambda/core/decide.ts'
import { ledgerOf, unrest } from './musts.ts'
import { observe } from './observe.ts'
import { HOW, KINDS, noTakeover, TALES, type Tale, Watched } from './refusing.ts'
import { clone, invocationOf, NAMES, type Refusing } from './state.ts'
import { type Story, withRow } from './story.ts'

/** Long enough for a claim to be given back twice; the watch that saw the writer alive still runs when it ends. */
const REFUSES_FOR_MS = 50_000
/** Until a watch tries again, and for the failover itself. */
const ENDED_WITHIN_MS = 90_000

/** Longer than any of the tales takes to come to the step. */
const ASKED_WITHIN_MS = 25_000
const reached = new Set<string>()

describe.each(Object.keys(TALES))('%s', (name) => {
  const tale = TALES[name] as Tale
  describe.each(NAMES)('and %s', (server) => {
    test.each(KINDS.flatMap((kind) => Object.keys(HOW).map((how) => [kind, how] as const)))(
      'X67: %s %s, until it is not',
      (kind, how) => {
        const watched = new Watched(tale.prepare).refuse(server, kind, HOW[how] as Refusing)
        const { story } = watched
        tale.happens(story)
        const before = story.state.messages.length
        watched.run(ASKED_WITHIN_MS)
        const asked = watched.refusals > 0
        if (asked) {
          reached.add(kind)
          watched.run(REFUSES_FOR_MS - ASKED_WITHIN_MS)
        }
        expect([...watched.complaints, ...story.violations], story.trace()).toEqual([])
        if (!asked) return
        const told = story.state.messages.slice(before)
        if (watched.refusals > 4) expect(told.length, story.trace()).toBeGreaterThan(0)
        story.and({ do: 'obey', server })
        tale.ends?.(story)
        watched.run(ENDED_WITHIN_MS, () => unrest(story.state) === '')
        expect([unrest(story.state), ...story.violations], story.trace()).toEqual([''])
      },
    )
  })
})

test('X67: every kind of step was refused in some of these', () => {
  expect(KINDS.filter((kind) => !reached.has(kind))).toEqual([])
})

const NOW: Refusing = { outcome: 'refused', errno: 3857 }
const FOR_GOOD: Refusing = { outcome: 'refused', errno: 1227 }
const crash = { do: 'crash', server: 'alice' } as const

describe('what people and the ledger see of it', () => {
  test('X67: told after 3 s in its own words, given back after 15 s with both threads started, and begun anew', () => {
    const watched = new Watched().refuse('bob', 'stop-applier', NOW)
    const { story } = watched
    const sinceMs = story.and(crash).state.now
    watched.run(10_000, () => story.state.messages.includes('step-refused'))
    expect(story.state.now - sinceMs).toBeLessThan(6500)
    watched.run(20_000, () => story.state.messages.includes('failover-refused'))
    expect(story.state.now - sinceMs).toBeLessThan(20_000)
    expect([...story.codes]).toEqual(expect.arrayContaining(['giving-back-threads', 'giving-back']))
    watched.run(1000)
    expect(story.code()).toBe('spare-refuses')
    expect(story.ledger.claim).toBeNull()
    expect(story.state.servers.bob).toMatchObject({ receiver: 'connecting', applier: 'on', closed: true })
    watched.run(20_000, () => story.ledger.claim !== null)
    expect(story.ledger.claim?.intent).toBe('failover')
  })

  test('X67: a writer that is back without its last commits, closed by half, and can not be closed: claimed anew after a pause, and told so', () => {
    const name = 'the writer restarts without its last commits, and closed by half'
    const { prepare, happens } = TALES[name] as Tale
    const watched = new Watched(prepare).refuse('alice', 'close', FOR_GOOD)
    const { story } = watched
    happens(story)
    const changes = story.state.directory.changes
    watched.run(60_000)
    // Each attempt claims, turns, and gives back.
    expect(story.state.directory.changes - changes).toBeLessThan(12)
    expect(story.code()).toBe('restarted-writer-short-refused')
    const { memory, offsetMs } = invocationOf(story.state, 'w1')
    const { because } = decide(
      memory,
      observe(clone(story.state), 'w1'),
      story.state.now + offsetMs,
    ).situation
    expect(because).toMatch(/alice was asked to close and refuses \(1227: .*\); it is tried again in \d+ s/)
  })

  test('X67: what no waiting mends is given back at once', () => {
    const watched = new Watched().refuse('bob', 'detach', FOR_GOOD)
    const { story } = watched
    story.and(crash)
    watched.run(3000)
    expect(story.state.messages).toEqual(expect.arrayContaining(['step-refused', 'failover-refused']))
    expect(story.ledger.claim).toBeNull()
    expect(watched.refusals).toBe(1)
  })

  test('X67: a takeover that cannot be written down is told; it keeps no heartbeat back and hides no death', () => {
    const watched = new Watched().refuse('alice', 'record-takeover', NOW)
    const { story } = watched
    noTakeover(story)
    watched.run(9000)
    expect(watched.refusals).toBeLessThan(10)
    expect(story.code()).toBe('housekeeping-refused')
    expect(story.state.messages).toContain('step-refused')
    story.and(crash)
    watched.run(10_000, () => ledgerOf(story.state)?.writer === 'bob')
    expect(story.openServers).toEqual(['bob'])
    expect([...watched.complaints]).toEqual([])
  })

  /** How often the directory is read in a minute of w9's, at its own pace. */
  function readings(story: Story): number {
    const untilMs = story.start('w9', 300_000).state.now + 60_000
    let reads = 0
    while (story.state.now < untilMs) {
      if (invocationOf(story.state, 'w9').request.directory) reads += 1
      story.turn('w9', 0).wait(Math.max(1, invocationOf(story.state, 'w9').request.afterMs))
    }
    return reads
  }

  test('X67: what is confirmed by the ledger before it is done is not confirmed while it rests', () => {
    const held = new Watched().refuse('alice', 'detach', FOR_GOOD).story
    held.and({ do: 'kill', who: 'w1' }).change('bob is held', ({ directory }) => {
      directory.ledger = `${directory.ledger} holds=bob`
      directory.history = [...directory.history, directory.ledger]
    })
    expect(readings(held)).toBeLessThan(10)
    expect(held.code('w9')).toBe('spare-on-hold')
    const open = new Watched().refuse('bob', 'close', FOR_GOOD).story
    open.and({ do: 'kill', who: 'w1' }).change('bob is opened', ({ servers }) => {
      servers.bob.closed = false
    })
    expect(readings(open)).toBeLessThan(10)
    expect(open.code('w9')).toBe('unnamed-open')
  })

  test('X67: who looks on at a claim that stands for long says that nobody can write', () => {
    const watched = new Watched().refuse('bob', 'open', NOW)
    const { story } = watched
    // Taken over once, it can't be given back (R5): it stands until a server is open.
    story.and(crash).until('opening').and({ do: 'kill', who: 'w1' })
    watched.run(80_000, () => story.codes.has('claim-standing-long'))
    watched.run(60_000, () => story.state.messages.includes('step-refused'))
    expect([...story.codes]).toContain('claim-standing-long')
    expect(story.state.messages).toContain('step-refused')
  })
})

describe('with its rule taken out', () => {
  test('X67: nothing gives the claim back', () => {
    const watched = new Watched(undefined, withRow('givingBack', 'giving-back', null))
    watched.refuse('bob', 'stop-applier', NOW).story.and(crash)
    expect([...watched.run(60_000).complaints]).toEqual(['a claim stands for nothing'])
  })

  test('X67: the spare is left without its threads', () => {
    const watched = new Watched(undefined, withRow('givingBack', 'giving-back-threads', null))
    watched.refuse('bob', 'stop-applier', NOW).story.and(crash)
    watched.run(30_000, () => watched.story.codes.has('giving-back'))
    expect(watched.story.state.servers.bob.receiver).toBe('off')
  })

  test('X67: a failover that was given back is begun anew without a pause', () => {
    const watched = new Watched(undefined, withRow('watching', 'spare-refuses', null))
    watched.refuse('bob', 'detach', FOR_GOOD).story.and(crash)
    watched.run(15_000)
    expect(watched.refusals).toBeGreaterThan(5)
  })

  test.each(['recording-takeover', 'housekeeping-refused'])('X67: %s', (code) => {
    const change = code === 'recording-takeover' ? { yields: undefined } : null
    const watched = new Watched(undefined, withRow('watching', code, change as never))
    noTakeover(watched.refuse('alice', 'record-takeover', NOW).story)
    watched.run(20_000)
    expect(watched.story.code()).toBe(code === 'recording-takeover' ? code : 'healthy')
  })
})
