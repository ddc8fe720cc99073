/**
 * Where acting is off (failover.mode = observe, or a switchover that is only asked about) nothing is opened, closed, moved, claimed,
 * detached, started or stopped, by whatever row and whoever asks; and people are told what they can do instead.
 */
import { describe, expect, test } from 'vitest'
import { acts, assess } from '../../lambda/core/assessment.ts'
import { requestsIn } from '../../lambda/core/by-hand.ts'
import { type Decision, decide, TABLES, type Tables } from '../../lambda/core/decide.ts'
import { learn } from '../../lambda/core/learn.ts'
import { parseLedger } from '../../lambda/core/ledger.ts'
import type { Memory } from '../../lambda/core/memory.ts'
import type { Message } from '../../lambda/core/message.ts'
import type { Row } from '../../lambda/core/situation.ts'
import { FORCEABLE } from '../../lambda/core/situations/refusals.ts'
import type { Step } from '../../lambda/core/step.ts'
import type { ManualRequest, World } from '../../lambda/core/world.ts'
import { BEGINNINGS } from './beginnings.ts'
import { wander } from './explore.ts'
import { POLICY } from './healthy.ts'
import { type Decide, happen } from './pair.ts'
import { invocationOf, type SimServer, type SimState } from './state.ts'
import { Story, set } from './story.ts'

const OBSERVE = { failover: { ...POLICY.failover, mode: 'observe' as const } }

function watched(family: SimServer['family'] = 'mysql'): Story {
  const story = new Story({ policy: OBSERVE }).change(family, (state) => {
    for (const server of Object.values(state.servers)) server.family = family
  })
  story.start('w1')
  for (let second = 0; second < 4; second++) story.turn('w1', 1000).commit('alice').wait(10)
  return story.turn('w1', 0)
}

/** Turns until a message of this event is sent. */
function messageOf(story: Story, event: string, who = 'w1'): Message {
  for (let turn = 0; turn < 100; turn++) {
    const { decision } = happen(story.state, { do: 'look', who })
    const found = decision?.messages.find((each) => each.event === event)
    if (found !== undefined) return found
    story.turn(who, 500)
  }
  throw new Error(`nobody was told ${event}\n${story.trace()}`)
}

const FORCED: ManualRequest = { action: 'failover', force: ['writer-dead-observed', ...FORCEABLE] }

describe('X17: a failover that is asked for in observe mode', () => {
  test('X17: forced or not, it opens nothing, and the old writer is not left beside another', () => {
    const story = watched().and({ do: 'crash', server: 'alice' }).until('writer-dead-observed')
    story.and({ do: 'start', who: 'r1', asked: FORCED })
    for (let turn = 0; turn < 100 && !invocationOf(story.state, 'r1').finished; turn++) story.turn('r1')
    expect(story.code('r1')).toBe('writer-dead-observed')
    expect(story.openServers, story.trace()).toEqual([])
    expect(story.ledger).toMatchObject({ writer: 'alice', claim: null, revision: 7 })
  })

  test('X17: it is none of the reasons that can be waived', () => {
    expect(FORCEABLE).not.toContain('writer-dead-observed')
    expect(FORCEABLE).toContain('writer-dead-alert')
  })

  test.each([
    ['mysql', ['IO_THREAD', 'SET GLOBAL super_read_only = OFF, read_only = OFF']],
    ['mariadb', ['IO_THREAD', 'SET GLOBAL read_only = OFF']],
  ] as const)('X17: on %s the message proposes what can be done, in order', (family, statements) => {
    const story = watched(family).and({ do: 'crash', server: 'alice' })
    const { body } = messageOf(story, 'failover-refused')
    expect(body).toMatch(/failover\.mode/)
    const asked = requestsIn(body).map(({ request }) => request.action)
    expect(asked).not.toContain('failover')
    const order = ['alice', ...statements, '10.0.2.10', '_hotspare.writer.orders.example.com', '"adopt"']
    let from = body.indexOf('By hand')
    for (const each of order) {
      const at = body.indexOf(each, from)
      expect(at, `${each} after ${from} in ${body}`).toBeGreaterThanOrEqual(from)
      from = at
    }
  })

  test('X17: without a witness it is the same', () => {
    const story = set(watched(), 'bob', { receiver: 'off' }).turn().and({ do: 'crash', server: 'alice' })
    const { body } = messageOf(story, 'failover-refused')
    expect(requestsIn(body).map(({ request }) => request.action)).not.toContain('failover')
  })
})

/** A failover of w1 got this far before w1 died and the mode was set to observe. */
function leftBehind(code: string): Story {
  const story = new Story().start('w1')
  for (let second = 0; second < 4; second++) story.turn('w1', 1000).commit('alice').wait(10)
  story.and({ do: 'crash', server: 'alice' }).until(code).and({ do: 'kill', who: 'w1' })
  return story.change('the mode is set to observe', (state) => {
    state.policy = { ...state.policy, ...OBSERVE }
  })
}

describe('X17: a claim that stands when the mode is set to observe', () => {
  test('X17: the writer is open, the target closed: once it has expired it is taken out of the ledger', () => {
    const story = leftBehind('detaching').and({ do: 'restart', server: 'alice' })
    set(story, 'alice', { closed: false }).start('w2')
    for (let turn = 0; turn < 60; turn++) story.turn('w2', 1000)
    expect(story.ledger, story.trace()).toMatchObject({ writer: 'alice', epoch: 3, claim: null })
    expect(story.openServers).toEqual(['alice'])
    expect(story.state.servers.bob).toMatchObject({ closed: true })
  })

  test('X17: the writer is gone: nothing is done, and a person is told what to do', () => {
    const story = leftBehind('detaching').start('w2')
    const { subject, body } = messageOf(story.wait(20_000), 'claim-stands', 'w2')
    expect(subject).toMatch(/a claim stands/)
    expect(body).toMatch(/failover\.mode/)
    for (let turn = 0; turn < 60; turn++) story.turn('w2', 1000)
    expect(story.ledger.claim).not.toBeNull()
    expect(story.openServers).toEqual([])
  })
})

/** A step that is fine where acting is off: the heartbeat, or a ledger that names nobody else, claims nothing and moves no record. */
function harmless(step: Step | null): boolean {
  if (step === null || step.kind === 'beat') return true
  if (step.kind !== 'swap') return false
  const after = parseLedger(step.to.ledger)
  const before = step.from.ledger === null ? null : parseLedger(step.from.ledger)
  if (typeof after === 'string' || typeof before === 'string') return false
  const sameRecord =
    step.from.record === null || step.from.record.values.join() === step.to.record.values.join()
  if (before === null) return after.claim === null && sameRecord
  const sameClaim = JSON.stringify(after.claim) === JSON.stringify(before.claim)
  const kept =
    after.writer === before.writer &&
    after.epoch === before.epoch &&
    after.holds.every((name) => before.holds.includes(name))
  return kept && sameRecord && (after.claim === null || sameClaim)
}

interface Reached {
  readonly memory: Memory
  readonly world: World
  readonly now: number
}

/** The same world, where acting is off. */
const off = ({ memory, world, now }: Reached): Reached[] => [
  { memory, now, world: { ...world, policy: { ...world.policy, ...OBSERVE } } },
  ...(world.request === null || world.request.action !== 'switchover'
    ? []
    : [{ memory, now, world: { ...world, request: { ...world.request, dryRun: true } } }]),
]

/** Rows for which no claim of ours has to stand. */
const UNCLAIMED: readonly (keyof Tables)[] = ['adopting', 'watching', 'requested', 'ledgerRequests']

describe('X17: no step where acting is off', () => {
  test.each(Object.keys(BEGINNINGS))(
    'X17: of every row, in what is reached from: %s',
    { timeout: 60_000 },
    (name) => {
      const wrong = new Set<string>()
      const codes = new Set<string>()
      const judge = (reached: Reached) => {
        const { memory, world, now } = reached
        const { step, situation } = decide(memory, world, now)
        codes.add(situation.code)
        if (!harmless(step)) wrong.add(`${situation.code} decides ${step?.kind}`)
        const a = assess(learn(memory, world, now), world, now)
        if (acts(a)) throw new Error('acting is off here')
        if (a.claim.kind === 'mine' || a.ledger === null) return
        for (const table of UNCLAIMED)
          for (const row of TABLES[table] as readonly Row[]) {
            const rowStep = matches(row, a) ? (row.step?.(a) ?? null) : null
            if (world.policy.failover.mode === 'observe' && !harmless(rowStep))
              wrong.add(`${table} ${row.code} has ${rowStep?.kind}`)
          }
      }
      const deciding: Decide = (memory, world, now, tables) => {
        for (const each of off({ memory, world, now })) judge(each)
        return decide(memory, world, now, tables)
      }
      const seeds = Array.from({ length: 20 }, (_, index) => index + 1)
      const limits = { faults: 3, commits: 3, untilMs: 100_000, statesMax: 1e9, secondsMax: 5, events: 200 }
      wander(BEGINNINGS[name] as () => SimState, { ...limits, seeds }, deciding)
      expect([...wrong]).toEqual([])
      expect(codes.size).toBeGreaterThan(5)
    },
  )

  test('X17: a row that forgets to ask is stopped all the same', () => {
    const story = watched()
    set(story, 'bob', { closed: false })
    const forgetful = TABLES.watching.map(
      (row): Row =>
        row.code === 'unnamed-open-observed'
          ? {
              ...row,
              step: ({ spare }) => ({
                kind: 'close',
                server: spare.name,
                session: 1,
                deadlineMs: 1,
                lockWaitSeconds: 1,
                killFirst: true,
              }),
            }
          : row,
    )
    const { memory, offsetMs } = invocationOf(story.state, 'w1')
    let decision: Decision | null = null
    happen(story.state, { do: 'look', who: 'w1' }, (_memory, world) => {
      decision = decide(memory, world, story.state.now + offsetMs, { ...TABLES, watching: forgetful })
      return decision
    })
    expect(decision).toMatchObject({ situation: { code: 'unnamed-open-observed' }, step: null })
  })
})

/** A row that stands behind others may take for granted what those have ruled out. */
function matches(row: Row, a: ReturnType<typeof assess>): boolean {
  try {
    return row.when(a)
  } catch {
    return false
  }
}
