/**
 * What two MariaDB servers have of one history, against a model that is too dumb to be wrong: each server is the list of transactions
 * that its data has; what it tells of that is worked out as a server does.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { setOfState } from '../../lambda/adapters/mysql/dialect-mariadb.ts'
import { assess, errantOnSpare, evidenceOf, lackedBySpare, spareClean } from '../../lambda/core/assessment.ts'
import { decide } from '../../lambda/core/decide.ts'
import { members, ofOrigin, subtract } from '../../lambda/core/gtid-set.ts'
import { learn } from '../../lambda/core/learn.ts'
import { formatLedger } from '../../lambda/core/ledger.ts'
import { type Memory, newMemory } from '../../lambda/core/memory.ts'
import { filled } from '../../lambda/core/one-line.ts'
import { assessRisk } from '../../lambda/core/risk.ts'
import { exactPosition } from '../../lambda/core/switchover.ts'
import type { Answer, Numbering, World } from '../../lambda/core/world.ts'
import { firstLedger, healthy, POLICY } from '../sim/healthy.ts'
import { observe } from '../sim/observe.ts'
import { happen } from '../sim/pair.ts'

interface Transaction {
  readonly writer: number
  readonly number: number
}

interface Model {
  readonly id: number
  /** What its data has, in order. */
  readonly data: readonly Transaction[]
  /** How much of that came with the copy that it was made from, and is in no log of it. */
  readonly copied: number
}

interface Pair {
  readonly writer: Model
  readonly spare: Model
  /** Replication runs; it is only ever started after a comparison that found nothing. */
  readonly follows: boolean
}

const lastOf = ({ data }: Model) => data.at(-1)?.number ?? 0
const isSame = (a: Transaction, b: Transaction) => a.writer === b.writer && a.number === b.number
const alone = (a: Model, b: Model) => a.data.filter((each) => !b.data.some((other) => isSame(each, other)))

function write(model: Model, writer: number): Model {
  return { ...model, data: [...model.data, { writer, number: lastOf(model) + 1 }] }
}

/** In strict mode what is out of order stops it (1950); and a replica drops what is of its own origin (T31). */
function replicate({ writer, spare, follows }: Pair, atMost: number): Pair {
  let replica = spare
  for (const each of alone(writer, spare).slice(0, atMost)) {
    if (!follows) break
    if (each.writer === replica.id) continue
    if (each.number <= lastOf(replica)) return { writer, spare: replica, follows: false }
    replica = { ...replica, data: [...replica.data, each] }
  }
  return { writer, spare: replica, follows }
}

/** The state of its log and its position as a replica, as a server tells them. */
function told({ data, copied }: Model): string {
  const lasts = new Map(data.slice(copied).map(({ writer, number }) => [writer, number]))
  const end = data[copied - 1]
  const state = [...lasts].map(([writer, number]) => `0-${writer}-${number}`)
  if (end !== undefined) state.push(`0-${end.writer}-${end.number}`)
  return setOfState(state.join(','))
}

const has = (a: Model, b: Model) => filled(told(a), told(b))
const beyond = (a: Model, b: Model) => subtract(has(a, b), has(b, a))

/** Nothing that the writer lacks, and nothing lacking of its own: it may follow, and take over. */
function isClean({ writer, spare }: Pair): boolean {
  return beyond(spare, writer) === '' && ofOrigin(beyond(writer, spare), String(spare.id)) === ''
}

type Event = 'write' | 'replicate' | 'one' | 'fail over' | 'lose' | 'errant' | 'return' | 'rebuild'

function happens(pair: Pair, event: Event): Pair {
  const { writer, spare } = pair
  switch (event) {
    case 'write':
      return { ...pair, writer: write(writer, writer.id) }
    case 'replicate':
      return replicate(pair, 100)
    case 'one':
      return replicate(pair, 1)
    case 'fail over':
      return isClean(pair) ? { writer: spare, spare: writer, follows: false } : pair
    case 'lose': {
      // Never what came with the copy. A writer that comes back without what the spare has is not opened again: the spare takes over.
      const [lost] = writer.data.slice(writer.copied).slice(-1)
      if (lost === undefined) return pair
      const short = { ...writer, data: writer.data.slice(0, -1) }
      return spare.data.some((each) => isSame(each, lost))
        ? { writer: spare, spare: short, follows: false }
        : { writer: short, spare, follows: false }
    }
    case 'errant':
      return { ...pair, spare: write(spare, spare.id) }
    case 'return':
      return isClean(pair) ? { ...pair, follows: true } : pair
    case 'rebuild':
      return {
        writer,
        spare: { id: spare.id, data: writer.data, copied: writer.data.length },
        follows: true,
      }
  }
}

/** Who wrote what before all this; the third one is gone. */
const history = fc.array(fc.constantFrom(1, 2, 3), { minLength: 1, maxLength: 5 })

function beginning(writers: readonly number[]): Pair {
  const data = writers.map((writer, before) => ({ writer, number: before + 1 }))
  return { writer: { id: 1, data, copied: 0 }, spare: { id: 2, data, copied: 0 }, follows: true }
}

const events = fc.array(
  fc.constantFrom<Event>(
    'write',
    'write',
    'replicate',
    'replicate',
    'one',
    'fail over',
    'lose',
    'errant',
    'return',
    'rebuild',
  ),
  { maxLength: 30 },
)

describe('X32: two servers with one history, as the model has it', () => {
  test('who has the same is never said to lack or to have anything', () => {
    fc.assert(
      fc.property(history, events, (writers, list) => {
        const { writer, spare } = list.reduce(happens, beginning(writers))
        if (alone(spare, writer).length > 0 || alone(writer, spare).length > 0) return
        expect([beyond(spare, writer), beyond(writer, spare)]).toEqual(['', ''])
      }),
      { numRuns: 4000 },
    )
  })

  test('what one alone has is always seen, transaction by transaction', () => {
    fc.assert(
      fc.property(history, events, (writers, list) => {
        const pair = list.reduce(happens, beginning(writers))
        for (const [a, b] of [
          [pair.spare, pair.writer],
          [pair.writer, pair.spare],
        ] as const) {
          const seen = members(beyond(a, b), 10_000)
          for (const { writer, number } of alone(a, b)) expect(seen).toContain(`0-${writer}-${number}`)
        }
      }),
      { numRuns: 4000 },
    )
  })
})

const STRICT: Numbering = { inOrder: true, oursApart: true }

/** A look at alice (1, the writer) and bob (2), whose sets are as these states of MariaDB say. */
function lookedAt(alice: string, bob: string, numbering = STRICT): World {
  const { state } = happen(healthy(), { do: 'start', who: 'w1' })
  const world = observe(state, 'w1')
  const answerOf = (name: 'alice' | 'bob', uuid: string, text: string): Answer => {
    const answer = world.servers[name]?.answer
    if (answer?.channel == null) throw new Error(`${name} should answer`)
    const executed = setOfState(text)
    const family = 'mariadb' as const
    return { ...answer, family, uuid, numbering, executed, channel: { ...answer.channel, received: '' } }
  }
  const view = (name: 'alice' | 'bob', uuid: string, text: string) => {
    const seen = world.servers[name]
    if (seen === undefined) throw new Error(`no ${name}`)
    return { ...seen, answer: answerOf(name, uuid, text) }
  }
  return { ...world, servers: { alice: view('alice', '1', alice), bob: view('bob', '2', bob) } }
}

/** As two looks see it, the second one being so. */
function judged(world: World, memory = remembered(world)) {
  return assess(memory, world, 2000)
}

function remembered(world: World): Memory {
  const blank = newMemory(POLICY, 0, 0)
  const text = formatLedger(firstLedger())
  const memory: Memory = { ...blank, ledger: { ...blank.ledger, state: 'known', text } }
  return learn(learn(memory, world, 1000), world, 2000)
}

describe('X32: what follows from it', () => {
  test('a spare that was made from a copy lacks nothing of its own, and is the same', () => {
    // Bob wrote up to 40, alice goes on since; bob was made anew from a copy that ended at 150, and follows.
    const world = lookedAt('0-2-40,0-3-10,0-1-200', '0-1-200')
    const a = judged(world)
    expect([errantOnSpare(a), lackedBySpare(a)]).toEqual(['', ''])
    expect(spareClean(a)).toBe(true)
    expect(exactPosition(a)).toBe(true)
  })

  test('so is a writer that was made from one: what the spare knows of former servers is not errant there', () => {
    const a = judged(lookedAt('0-1-200', '0-2-40,0-3-10,0-1-200'))
    expect(errantOnSpare(a)).toBe('')
    expect(exactPosition(a)).toBe(true)
  })

  test('T31: what it lacks of its own, after its own last entry, is still lacking', () => {
    const a = judged(lookedAt('0-2-40,0-1-200', '0-2-38,0-1-200'))
    expect(lackedBySpare(a)).toBe('0-2:39-40')
  })

  test('T17: what only it has is still errant, also where it never wrote before', () => {
    expect(errantOnSpare(judged(lookedAt('0-1-200', '0-1-200,0-2-201')))).toBe('0-2:201')
  })

  test('out of strict mode numbers say nothing of the order, so nothing is filled up', () => {
    const loose = { ...STRICT, inOrder: false }
    expect(errantOnSpare(judged(lookedAt('0-1-200', '0-2-101,0-1-200', loose)))).toBe('0-2:1-101')
  })

  test('a dead writer is compared as it was last known', () => {
    const before = lookedAt('0-2-40,0-3-10,0-1-200', '0-1-200')
    const known = remembered(before)
    const servers = { ...before.servers }
    if (servers.alice !== undefined) servers.alice = { ...servers.alice, answer: null }
    const a = judged({ ...before, servers }, failing(known))
    if (a.spare.answer === null) throw new Error('bob answers')
    expect(assessRisk(evidenceOf(a, a.spare.answer)).missing).toBe('')
  })
})

/** What a person is answered who asks for the release of bob. */
function released(world: World): string {
  const holding = (memory: Memory): Memory => {
    const text = formatLedger(firstLedger({ holds: ['bob'] }))
    return { ...memory, ledger: { ...memory.ledger, text } }
  }
  const request = { action: 'release', server: 'bob', force: [] } as const
  const asked = { ...world, request, directory: null }
  return decide(holding(remembered(world)), asked, 3000).situation.code
}

describe('X32: release', () => {
  test('of a server that was made anew passes; of one that still lacks its own does not', () => {
    expect(released(lookedAt('0-2-40,0-3-10,0-1-200', '0-1-200'))).toBe('releasing')
    expect(released(lookedAt('0-2-40,0-3-10,0-1-200', '0-2-38,0-1-200'))).toBe('release-differs')
  })
})

function failing(memory: Memory): Memory {
  const { alice } = memory.servers
  if (alice === undefined) throw new Error('no alice')
  const servers = { ...memory.servers, alice: { ...alice, failingSinceMs: 1500 } }
  return { ...memory, servers, coveredAtMs: 1000 }
}
