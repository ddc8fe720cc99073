/** The simulated adapters keep the adapters' contracts, and the production driver runs a whole failover on them. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { contains } from '../../lambda/core/gtid-set.ts'
import type { ManualRequest } from '../../lambda/core/world.ts'
import type { Noted } from '../../lambda/report.ts'
import { watch } from '../../lambda/watch.ts'
import { directoryContract } from '../adapters/directory-contract.ts'
import { randomFrom } from './explore.ts'
import { healthy, POLICY } from './healthy.ts'
import { linksOf, put, type SimLinks, type Stage } from './links.ts'
import { broken, ledgerOf, unrest } from './musts.ts'
import { commit, type Event, happen } from './pair.ts'
import { EPOCH_MS, invocationOf, type SimState } from './state.ts'
import { SWITCHOVER } from './story.ts'

directoryContract('simulated', async () => {
  let state = healthy()
  Object.assign(state.directory, { ledger: null, record: null, history: [] })
  state = happen(state, { do: 'start', who: 'w1' }).state
  state = happen(state, { do: 'start', who: 'w2' }).state
  const trouble: Stage['trouble'] = { loseNext: false, denied: null }
  const stage: Stage = { state, delayMs: () => 0, pass: async () => {}, trouble }
  return {
    directory: linksOf(stage, 'w1').directory,
    rival: linksOf(stage, 'w2').directory,
    current: () => ({ ledger: stage.state.directory.ledger, record: stage.state.directory.record }),
    put: (content) => put(stage, content),
    loseNextResponse: () => {
      trouble.loseNext = true
    },
    cutOff: () => {
      stage.state.directory.outage = true
    },
    deny: (what) => {
      trouble.denied = what
    },
    recover: () => {
      stage.state.directory.outage = false
      trouble.denied = null
    },
    close: async () => {},
  }
})

/** A stage whose time is moved by hand, one watch of the production driver on it, and the musts asserted at each act. */
function production(seed: number, request: ManualRequest | null = null) {
  const random = randomFrom(seed)
  const complaints: string[] = []
  const codes: string[] = []
  const stage: Stage = {
    state: happen(healthy(), { do: 'start', who: 'w1' }).state,
    delayMs: () => Math.floor(random() * 12),
    pass: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    acted: (before, effects) => {
      const happened = { state: stage.state, effects, decision: null }
      complaints.push(...broken(before, { do: 'act', who: 'w1' }, happened))
    },
    trouble: { loseNext: false, denied: null },
  }
  const links: SimLinks = linksOf(stage, 'w1')
  const { offsetMs } = invocationOf(stage.state, 'w1')
  const note = ({ world, decision }: Noted) => {
    codes.push(decision.situation.code)
    noteSeen(stage.state, world)
  }
  const running = watch({
    policy: POLICY,
    who: 'w1',
    links,
    clock: { monotonicNow: () => stage.state.now + offsetMs, wallNow: () => EPOCH_MS + stage.state.now },
    reporter: { note, settled: async () => {} },
    request,
    remainingMs: () => invocationOf(stage.state, 'w1').endsMs - stage.state.now,
  })
  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 5) {
      stage.state.now += 5
      await vi.advanceTimersByTimeAsync(5)
    }
  }
  const happens = (event: Event) => {
    stage.state = happen(stage.state, event).state
    links.ring()
  }
  return { stage, pass, happens, running, codes, complaints }
}

/** The checkers ask what the sender of a statement had seen. */
function noteSeen(state: SimState, world: Noted['world']): void {
  const invocation = invocationOf(state, 'w1')
  const seen = (name: 'alice' | 'bob') => {
    const answer = world.servers[name]?.answer ?? null
    return { answered: answer !== null, open: answer?.closed === false, sick: false, heard: false }
  }
  invocation.seen = { alice: seen('alice'), bob: seen('bob') }
  invocation.lookedMs = state.now
  if (world.directory?.state === 'read') invocation.directoryRead = true
}

describe('the production driver on the simulated pair', { timeout: 30_000 }, () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
  afterEach(() => void vi.useRealTimers())

  test.each([1, 2, 3, 4, 5])(
    'M2: a crash at a moment of its own (seed %i): moved within two seconds',
    async (seed) => {
      const { stage, pass, happens, running, codes, complaints } = production(seed)
      await pass(4000)
      commit(stage.state, 'alice')
      await pass(100 + seed * 173)
      happens({ do: 'crash', server: 'alice' })
      await pass(2000)
      expect(ledgerOf(stage.state), codes.join(' ')).toMatchObject({ writer: 'bob', epoch: 4, claim: null })
      expect(stage.state.servers.bob.closed).toBe(false)
      await pass(145_000)
      await running
      expect(complaints).toEqual([])
    },
  )

  test.each([1, 2, 3])(
    'M1 T35: a freeze and a wake (seed %i): moved within five seconds, one server open',
    async (seed) => {
      const { stage, pass, happens, running, codes, complaints } = production(seed)
      await pass(4000 + seed * 211)
      happens({ do: 'freeze', server: 'alice' })
      await pass(5000)
      expect(ledgerOf(stage.state), codes.join(' ')).toMatchObject({ writer: 'bob', epoch: 4 })
      happens({ do: 'wake', server: 'alice' })
      await pass(1500)
      expect(unrest(stage.state)).toBe('')
      await pass(145_000)
      await running
      expect(complaints).toEqual([])
    },
  )

  test.each([1, 2, 3, 4, 5])(
    'M7: a switchover while commits go on (seed %i): nothing is lost, nobody is kept waiting for long',
    async (seed) => {
      const { stage, pass, running, codes, complaints } = production(seed, SWITCHOVER)
      let closedMs = 0
      for (let step = 0; step < 400 && !codes.includes('switched-over'); step++) {
        await pass(5)
        const { alice, bob } = stage.state.servers
        if (alice.closed && bob.closed) closedMs += 5
        commit(stage.state, alice.closed ? 'bob' : 'alice')
      }
      const { situation } = await running
      expect(situation.code, codes.join(' ')).toBe('switched-over')
      expect(ledgerOf(stage.state)).toMatchObject({ writer: 'bob', how: 'switchover', claim: null })
      // Each look and each step takes up to 12 ms here, the swap too.
      expect(closedMs).toBeLessThanOrEqual(60)
      const lost = stage.state.acknowledged.filter(
        ({ gtid }) => !contains(stage.state.servers.bob.executed, gtid),
      )
      expect(lost).toEqual([])
      expect(complaints).toEqual([])
    },
  )

  test('the same seed tells the same story', async () => {
    const told: string[][] = []
    for (let run = 0; run < 2; run++) {
      const { pass, happens, running, codes } = production(7)
      await pass(3000)
      happens({ do: 'crash', server: 'alice' })
      await pass(150_000)
      await running
      told.push(codes)
    }
    expect(told[0]).toEqual(told[1])
  })

  const seeds = Array.from({ length: 12 }, (_, index) => 100 + index)
  test.each(seeds)(
    'faults at moments of their own (seed %i): no must is broken, and it comes to rest',
    async (seed) => {
      const random = randomFrom(seed)
      const pick = <T>(choices: readonly T[]) => choices[Math.floor(random() * choices.length)] as T
      const { stage, pass, happens, running, complaints, codes } = production(seed)
      await pass(3000 + Math.floor(random() * 1000))
      for (let fault = 0; fault < 3; fault++) {
        const server = pick(['alice', 'bob'] as const)
        const kind = pick(['crash', 'freeze', 'cut', 'part'] as const)
        commit(stage.state, 'alice')
        if (kind === 'cut') happens({ do: 'cut', a: 'w1', b: server })
        else if (kind === 'part') happens({ do: 'cut', a: 'alice', b: 'bob' })
        else if (stage.state.servers[server].status === 'up') happens({ do: kind, server })
        await pass(Math.floor(random() * 8000))
        for (const link of [...stage.state.cuts]) {
          const [a = '', b = ''] = link.split('~')
          happens({ do: 'heal', a, b })
        }
        for (const name of ['alice', 'bob'] as const) {
          const { status } = stage.state.servers[name]
          if (status !== 'up') happens({ do: status === 'down' ? 'restart' : 'wake', server: name })
        }
        await pass(Math.floor(random() * 4000))
      }
      await pass(20_000)
      const standing = /refused$|possibly-short|standing$|writer-alone|lapsed$/.test(codes.at(-1) ?? '')
      expect(standing ? '' : unrest(stage.state), codes.slice(-20).join(' ')).toBe('')
      await pass(120_000)
      await running
      expect(complaints).toEqual([])
    },
  )

  test('M6: nothing of it is left on the servers when it has ended', async () => {
    const { stage, pass, running } = production(8)
    await pass(152_000)
    await running
    expect(stage.state.servers.alice.sessions).toEqual([])
    expect(stage.state.servers.bob.sessions).toEqual([])
  })
})
