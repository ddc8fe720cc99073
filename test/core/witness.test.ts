/** What the spare's own connection says about the writer, case by case, and whether a server is alive by our own probes. */
import { describe, expect, test } from 'vitest'
import { newMemory, type ServerMemory } from '../../lambda/core/memory.ts'
import { channelMark, testimony } from '../../lambda/core/witness.ts'
import type { Answer, Channel, ServerView } from '../../lambda/core/world.ts'
import { health } from '../../lambda/core/writer.ts'
import { healthy, POLICY } from '../sim/healthy.ts'
import { observe } from '../sim/observe.ts'
import { happen } from '../sim/pair.ts'

const blank = newMemory(POLICY, 0, 0).servers.bob as ServerMemory
const failingSinceMs = 100_000

function bob(change: Partial<Channel> | null = {}): Answer {
  const { state } = happen(healthy(), { do: 'start', who: 'w1' })
  const answer = observe(state, 'w1').servers.bob?.answer
  if (answer?.channel == null) throw new Error('bob should answer and follow')
  return { ...answer, channel: change === null ? null : { ...answer.channel, ...change } }
}

/** What bob says `agoMs` after its channel last moved, the writer silent for `silentMs`. */
function says(
  change: Partial<Channel> | null,
  agoMs: number,
  silentMs: number,
  known: Partial<ServerMemory> = {},
): string {
  const now = failingSinceMs + silentMs
  const memory = { ...blank, channelMovedAtMs: now - agoMs, ...known }
  return testimony(bob(change), memory, failingSinceMs, now)
}

describe('the witness', () => {
  test.each([2002, 2003, 2013, 1158, 1160])('errno %i: the connection was lost: a death', (receiverErrno) => {
    expect(says({ receiver: 'connecting', receiverErrno }, 5000, 5000)).toBe('lost')
  })

  test('an error of a receiver that stopped for good counts only if it stopped since', () => {
    const off: Partial<Channel> = { receiver: 'off', receiverErrno: 1236 }
    expect(says(off, 5000, 5000, { receiverOffSinceMs: failingSinceMs + 1 })).toBe('alive')
    expect(
      says({ ...off, receiverErrno: 2003 }, 5000, 5000, { receiverOffSinceMs: failingSinceMs + 1 }),
    ).toBe('lost')
    expect(says(off, 5000, 5000, { receiverOffSinceMs: failingSinceMs - 1 })).toBe('none')
    expect(says({ ...off, receiverErrno: 2003 }, 5000, 5000, { receiverOffSinceMs: 0 })).toBe('none')
  })

  test.each([1040, 1045, 1129, 1130, 1226, 1236, 2026, 3159, 9999])(
    'M3 T3: errno %i: the source itself sent it, or we do not know it: it lives',
    (receiverErrno) => expect(says({ receiver: 'connecting', receiverErrno }, 5000, 5000)).toBe('alive'),
  )

  test('silence for three periods is a death, less is not', () => {
    expect(says({}, 3300, 3300)).toBe('silent')
    expect(says({}, 2900, 2900)).toBe('pending')
  })

  test('anything that moved since it fell silent to us is life', () => {
    expect(says({}, 500, 5000)).toBe('alive')
    expect(says({}, 2900, 5000)).toBe('alive')
  })

  test('what was on its way when it died is not', () => {
    expect(says({}, 2500, 3000)).toBe('pending')
  })

  test('T33: half a transaction is inconclusive', () => {
    expect(says({ queueing: 'x:1' }, 20_000, 20_000)).toBe('half')
  })

  test('a long period says nothing soon', () => {
    expect(says({ heartbeatPeriodMs: 30_000 }, 20_000, 20_000)).toBe('slow')
    expect(says({ heartbeatPeriodMs: 0 }, 20_000, 20_000)).toBe('slow')
  })

  test('T6: nobody receives: no independent view', () => {
    expect(says(null, 5000, 5000)).toBe('none')
    expect(says({ receiver: 'off', receiverErrno: 0 }, 5000, 5000)).toBe('none')
  })

  test('connecting, and no error yet: wait', () => {
    expect(says({ receiver: 'connecting', receiverErrno: 0 }, 5000, 5000)).toBe('pending')
  })

  test.each([
    ['the read position', { readPosition: 'binlog.000001:999' }],
    ['a heartbeat', { heartbeatsReceived: 77 }],
    ['a transaction', { received: 'x:1-99' }],
  ] as [string, Partial<Channel>][])('T33: %s moves the mark', (_, change) => {
    expect(channelMark(bob(change))).not.toBe(channelMark(bob()))
  })

  test('T21: what SHOW says about seconds behind is not asked', () => {
    expect(channelMark(bob({ delaySeconds: 99 }))).toBe(channelMark(bob()))
  })
})

describe('alive by our own probes', () => {
  const silentView: ServerView = { probes: [], answer: null, guard: 'closed', beat: null }
  const at = (change: Partial<ServerMemory>) => health(silentView, { ...blank, ...change }, POLICY)
  const ailment = { outcome: 'sick' as const, errno: 1040, message: 'Too many connections' }

  test.each([
    ['nothing known', {}, 'unknown'],
    ['one refusal', { refused: 1, failingSinceMs: 1 }, 'suspect'],
    ['three refusals', { refused: 3, failingSinceMs: 1 }, 'dead'],
    ['two time-outs', { silent: 2, failingSinceMs: 1 }, 'suspect'],
    ['three time-outs', { silent: 3, failingSinceMs: 1 }, 'dead'],
    ['two of one, one of the other', { silent: 2, refused: 1, failingSinceMs: 1 }, 'dead'],
    ['M3: an error after all of them', { silent: 5, refused: 5, failingSinceMs: 1, ailment }, 'sick'],
    ['only its guard connection broke', { failingSinceMs: 1 }, 'suspect'],
  ] as [string, Partial<ServerMemory>, string][])('%s: %s', (_, change, expected) => {
    expect(at(change)).toBe(expected)
  })

  test('one answer wipes everything out', () => {
    expect(health({ ...silentView, answer: bob() }, { ...blank, refused: 9 }, POLICY)).toBe('answers')
  })
})
