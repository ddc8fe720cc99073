/** Who lost what, who has something of his own, and what a failover may cost. */
import { describe, expect, test } from 'vitest'
import {
  beforeEpoch,
  compareSpare,
  lostByNamed,
  takeoverAgain,
  takeoverSet,
  withoutOurs,
} from '../../lambda/core/compare.ts'
import { digest } from '../../lambda/core/digest.ts'
import type { Evidence } from '../../lambda/core/freshness.ts'
import { canonical } from '../../lambda/core/gtid-set.ts'
import { type Inspection, inspectionOf, uninspected } from '../../lambda/core/inspection.ts'
import { type Memory, newMemory, type ServerMemory } from '../../lambda/core/memory.ts'
import { assessRisk } from '../../lambda/core/risk.ts'
import type { Answer } from '../../lambda/core/world.ts'
import { BEGINNING, firstLedger, healthy, POLICY } from '../sim/healthy.ts'
import { observe } from '../sim/observe.ts'
import { happen } from '../sim/pair.ts'
import { UUIDS } from '../sim/state.ts'

const A = UUIDS.alice
const B = UUIDS.bob
const ledger = firstLedger()

const inspected = (tables: Inspection['tables']): Inspection => ({
  ...inspectionOf({}, 'bob'),
  tables,
})

function answers(alice: string, bob: string, bobReceived = bob): { named: Answer; spare: Answer } {
  const story = healthy()
  story.servers.alice.executed = alice
  Object.assign(story.servers.bob, { executed: bob, received: bobReceived })
  const { state } = happen(story, { do: 'start', who: 'w1' })
  const { servers } = observe({ ...state }, 'w1')
  if (servers.alice?.answer == null || servers.bob?.answer == null) throw new Error('both should answer')
  const channel = servers.bob.answer.channel && { ...servers.bob.answer.channel, received: bobReceived }
  return {
    named: { ...servers.alice.answer, executed: alice },
    spare: { ...servers.bob.answer, executed: bob, channel },
  }
}

describe('comparing', () => {
  test('T17: what only the spare has, and T31: what it lacks of its own', () => {
    const { named, spare } = answers(`${A}:1-12,${B}:1-5`, `${A}:1-11,${B}:1-3:7`)
    expect(compareSpare(spare, named)).toEqual({ alone: `${B}:7`, lacks: `${B}:4-5` })
  })

  test('R8: of its own origin: the named server lost it', () => {
    const { named, spare } = answers(`${A}:1-11,${B}:1-5`, `${A}:1-13,${B}:1-5`)
    expect(lostByNamed(named, spare, ledger)).toBe(`${A}:12-13`)
  })

  test('R8: received and not yet applied counts as had', () => {
    const { named, spare } = answers(`${A}:1-11,${B}:1-5`, `${A}:1-11,${B}:1-5`, `${A}:1-13,${B}:1-5`)
    expect(lostByNamed(named, spare, ledger)).toBe(`${A}:12-13`)
  })

  test('R8: part of what it took over: the named server lost it', () => {
    const { named, spare } = answers(`${A}:1-11,${B}:1-4`, BEGINNING)
    expect(lostByNamed(named, spare, ledger)).toBe(`${B}:5`)
  })

  test('R8: anything else that only the spare has is errant there', () => {
    const { named, spare } = answers(`${A}:1-12,${B}:1-5`, `${A}:1-12,${B}:1-9`)
    expect(lostByNamed(named, spare, ledger)).toBe('')
  })

  test('the takeover position is believed only if the ledger’s digest agrees', () => {
    const { named } = answers(BEGINNING, BEGINNING)
    expect(takeoverSet(ledger, named)).toBe(BEGINNING)
    expect(takeoverSet({ ...ledger, position: digest('something else') }, named)).toBeNull()
    expect(takeoverSet({ ...ledger, epoch: 4 }, named)).toBeNull()
  })

  test('and is worked out again from what the writer has now', () => {
    const { named } = answers(`${A}:1-99,${B}:1-5`, BEGINNING)
    expect(beforeEpoch(named.executed, A, 10)).toBe(canonical(BEGINNING))
    expect(takeoverAgain(ledger, named)).toBe(canonical(BEGINNING))
    expect(takeoverAgain({ ...ledger, range: 9 }, named)).toBeNull()
  })

  test('T35: what touched only our own schema is taken out; what is unknown or mixed stays', () => {
    const inspection = inspected({
      [`${A}:1`]: ['hotspare.heartbeat'],
      [`${A}:2`]: ['hotspare.heartbeat', 'shop.orders'],
      [`${A}:3`]: [],
    })
    expect(withoutOurs(`${A}:1-4`, inspection)).toBe(`${A}:2-4`)
    expect(uninspected(`${A}:1-4`, inspection)).toBe(`${A}:4`)
  })

  test('X56: a schema or table whose name only begins like ours is not ours', () => {
    for (const table of ['hotspare2.t', 'hotspare.heartbeats', 'hotspare.other', 'hotspare.heartbeat)'])
      expect(withoutOurs(`${A}:1`, inspected({ [`${A}:1`]: [table] }))).toBe(`${A}:1`)
  })
})

describe('what a failover may cost', () => {
  const known = (executed: string, count: number) => ({
    session: 1,
    uuid: A,
    executed,
    numbering: null,
    count,
    readAtMs: 9000,
    startedClockMs: 0,
    skipsReplicaStart: true,
    semiSync: null,
    closed: false,
    version: '9.7.4',
    heartbeat: null,
  })
  const memoryOf = (change: Partial<Memory>, alice: Partial<ServerMemory>): Memory => {
    const blank = newMemory(POLICY, 0, 0)
    return {
      ...blank,
      ...change,
      servers: { ...blank.servers, alice: { ...(blank.servers.alice as ServerMemory), ...alice } },
    }
  }

  /** On what a failover from alice to bob is judged. */
  const evidence = (memory: Memory, spare: Answer): Evidence => {
    const { alice, bob } = memory.servers as Record<'alice' | 'bob', ServerMemory>
    return { spare, spareMemory: bob, named: alice, memory, policy: POLICY, claim: null, now: 10_000 }
  }

  test('nobody watched: unknown, not nothing', () => {
    const { spare } = answers(BEGINNING, BEGINNING)
    expect(assessRisk(evidence(memoryOf({}, {}), spare))).toEqual({
      missing: '',
      missingCount: 0,
      windowMs: null,
      quietMs: null,
      lossless: false,
      transactionsAtMost: null,
    })
  })

  test('what was seen on the old writer and never arrived is named', () => {
    const { spare } = answers(BEGINNING, BEGINNING)
    const memory = memoryOf(
      { coveredAtMs: 8000 },
      { known: known(`${A}:1-12,${B}:1-5`, 17), failingSinceMs: 10_000 },
    )
    expect(assessRisk(evidence(memory, spare))).toMatchObject({
      missing: `${A}:11-12`,
      missingCount: 2,
      windowMs: 2000,
      transactionsAtMost: 2,
    })
  })

  test('an idle writer, everything arrived: nothing', () => {
    const { spare } = answers(BEGINNING, BEGINNING)
    const memory = memoryOf({ coveredAtMs: 9000 }, { known: known(BEGINNING, 15), failingSinceMs: 10_000 })
    expect(assessRisk(evidence(memory, spare))).toMatchObject({
      missingCount: 0,
      transactionsAtMost: 0,
    })
  })

  test('a busy one: at most its rate over the time that nobody saw, less what arrived since', () => {
    const { spare } = answers(BEGINNING, `${A}:1-40,${B}:1-5`)
    const memory = memoryOf(
      { coveredAtMs: 9000, commitsPerSecond: 100 },
      { known: known(BEGINNING, 15), failingSinceMs: 10_000 },
    )
    expect(assessRisk(evidence(memory, spare))).toMatchObject({
      missingCount: 0,
      transactionsAtMost: 120,
    })
  })
})
