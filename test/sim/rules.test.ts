/**
 * Every rule of the claim protocol is needed: with the rule taken out of the core, a story or a few thousand random events find the
 * violation again; with the rule in place, the same story ends well.
 */
import { describe, expect, test } from 'vitest'
import type { Assessment } from '../../lambda/core/assessment.ts'
import { type Decision, decide, TABLES, type Tables } from '../../lambda/core/decide.ts'
import { formatLedger } from '../../lambda/core/ledger.ts'
import type { Memory } from '../../lambda/core/memory.ts'
import * as steps from '../../lambda/core/steps.ts'
import type { World } from '../../lambda/core/world.ts'
import { explore, settledIn, type Wandered, wander } from './explore.ts'
import { beginning } from './exploring.ts'
import { firstLedger } from './healthy.ts'
import { commit, type Decide } from './pair.ts'
import { invocationOf, UUIDS } from './state.ts'
import { Story, set, withDecision, withRow } from './story.ts'

/** `decide` that is shown another world or memory than there is. */
function misled(change: (memory: Memory, world: World) => [Memory, World]): Decide {
  return (memory, world, now) => decide(...change(memory, world), now)
}

const takenForReceived: Decide = (memory, world, now, tables) =>
  decide({ ...memory, coveredAtMs: now }, world, now, tables)

/** Walks on until a must is broken, at most this long. */
function walks(
  deciding: Decide,
  beginning = () => settledIn(new Story({ tolerant: true }), ['w1', 'w2']),
): Wandered {
  const seeds = Array.from({ length: 5000 }, (_, index) => index + 1)
  const limits = {
    faults: 3,
    faultKinds: ['lost', 'late', 'kill', 'crash', 'freeze', 'cut'],
    commits: 3,
    untilMs: 100_000,
    statesMax: 1e9,
    secondsMax: 55,
    seeds,
    events: 200,
  }
  return wander(beginning, limits, deciding)
}

const complaintOf = ({ violations }: Wandered) => violations[0]?.complaint ?? 'no violation'

function watched(deciding?: Decide, tolerant = true): Story {
  const story = new Story(deciding === undefined ? { tolerant } : { deciding, tolerant }).start('w1')
  for (let second = 0; second < 5; second++) story.turn('w1', 1000).commit('alice').wait(10)
  return story.turn('w1', 0)
}

/** The same story twice: whole, it breaks nothing; without the rule, it breaks that rule. */
function shows(rule: RegExp, tell: (story: Story) => unknown, without: Decide): void {
  const whole = watched()
  tell(whole)
  expect(whole.violations, whole.trace()).toEqual([])
  const broken = watched(without)
  try {
    tell(broken)
  } catch (error) {
    // Without its rule the story may also never come to rest: the violation is what counts.
    if (broken.violations.length === 0) throw error
  }
  expect(broken.violations.join('\n'), broken.trace()).toMatch(rule)
}

describe('found by random walks', { timeout: 60_000 }, () => {
  test('R1: reopening the named server under the claim to open the spare', () => {
    const without = withRow('failover', 'old-writer-whole', { step: (a) => steps.open(a, a.named) })
    expect(complaintOf(walks(without))).toMatch(/R1/)
  })

  test('R2: a revision that does not grow lets texts recur', () => {
    const without = withDecision((decision) => {
      const { step } = decision
      if (step?.kind !== 'swap') return decision
      const ledger = step.to.ledger.replace(/revision=\d+/, 'revision=7')
      return { ...decision, step: { ...step, to: { ...step.to, ledger } } }
    })
    expect(complaintOf(walks(without))).toMatch(/R2/)
  })

  test('R5: releasing the claim although the named server is not open', () => {
    const without = withRow('failover', 'target-silent', {
      step: (a) => steps.swap(a, 'release', { claim: null }),
    })
    expect(complaintOf(walks(without))).toMatch(/R5/)
  })

  test('R7: going forward although the old writer answers and alone has something', () => {
    expect(complaintOf(walks(withRow('failover', 'target-lacks', null)))).toMatch(/R7/)
  })

  test('R10: who takes a claim over believes the proof of the one before', () => {
    const without = misled((memory, world) => [
      memory.ours === null ? memory : { ...memory, ours: { ...memory.ours, proven: true } },
      world,
    ])
    expect(complaintOf(walks(without))).toMatch(/R10/)
  })

  test('X59: what was not seen to be received is taken for received', () => {
    const late = beginning('a spare that receives late, and watches that have just begun')
    expect(complaintOf(walks(takenForReceived, late))).toMatch(/M2 T1/)
  })
})

describe('found by a story', () => {
  test('R3: our own late opening meets the undo', () => {
    const unsettled = (world: World) => world.last?.step.kind === 'open' && world.last.outcome === 'unknown'
    const without: Decide = (memory, world, now, tables) =>
      decide(
        memory.ours?.opening == null ? memory : { ...memory, ours: { ...memory.ours, opening: null } },
        unsettled(world) ? { ...withoutOthers(world), last: null } : withoutOthers(world),
        now,
        tables,
      )
    shows(
      /M1: bob was opened by a late statement|R1|M2/,
      (story) => {
        story.and({ do: 'crash', server: 'alice' }).until('opening').act('w1', 'late')
        story.and({ do: 'restart', server: 'alice' })
        for (let turn = 0; turn < 12; turn++) story.turn('w1', 50)
        story.and({ do: 'land', server: 'bob' }).calm()
      },
      without,
    )
  })

  test('R4: a stale close of the first holder lands after the second has gone back', () => {
    shows(
      /R4: .* closed alice, the named server/,
      (story) => {
        story.and({ do: 'freeze', server: 'alice' }).until('moving')
        story.and({ do: 'wake', server: 'alice' }).look()
        expect(story.code()).toBe('old-writer-closing')
        story.start('w2')
        for (let turn = 0; turn < 60; turn++) story.turn('w2', 500)
        expect(story.openServers).toEqual(['alice'])
        story.act('w1')
      },
      misled((memory, world) => [memory, withoutOthers(world)]),
    )
  })

  test('R6: a release that nobody knows of lands while the failover goes on', () => {
    shows(
      /M2: w1 opened bob without holding the claim/,
      (story) => {
        story.and({ do: 'freeze', server: 'alice' }).until('detaching').act()
        story.and({ do: 'wake', server: 'alice' }).until('abandoning').act('w1', 'late')
        story.and({ do: 'crash', server: 'alice' }).until('opening')
        story.and({ do: 'land-swap' }).act()
      },
      misled((memory, world) => [
        memory,
        world.last?.step.kind === 'swap' && world.last.outcome === 'unknown'
          ? { ...world, last: { ...world.last, outcome: 'refused' as const } }
          : world,
      ]),
    )
  })

  test('R8: what is errant on the spare is taken for lost by the writer', () => {
    const without: Decide = (memory, world, now, tables) => {
      const { alice } = world.servers
      const uuid = world.servers.bob?.answer?.uuid ?? ''
      if (alice?.answer == null || !alice.answer.closed) return decide(memory, world, now, tables)
      // The origin of a transaction is not asked: bob's own look like alice's.
      const servers = { ...world.servers, alice: { ...alice, answer: { ...alice.answer, uuid } } }
      return decide(memory, { ...world, servers }, now, tables)
    }
    shows(
      /errant/,
      (story) => {
        set(story, 'alice', { receiver: 'off' }).and({ do: 'crash', server: 'alice' })
        set(story, 'bob', { executed: `${UUIDS.alice}:1-15,${UUIDS.bob}:1-6` })
        story.and({ do: 'restart', server: 'alice' })
        for (let turn = 0; turn < 60; turn++) story.turn('w1', 200)
      },
      without,
    )
  })

  test('R9: a spare that restarted is taken for whole', () => {
    shows(
      /R9/,
      (story) => {
        set(story, 'bob', { slow: true }).commit('alice').wait(100)
        story.and({ do: 'crash', server: 'bob' }).and({ do: 'restart', server: 'bob' })
        story.and({ do: 'cut', a: 'alice', b: 'bob' })
        set(story, 'bob', { slow: false, receiver: 'connecting', receiverErrno: 2003, applier: 'on' })
        story.and({ do: 'crash', server: 'alice' })
        for (let turn = 0; turn < 40; turn++) story.turn('w1', 200)
      },
      misled((memory, world) => {
        const { bob } = world.servers
        if (bob?.answer == null) return [memory, world]
        const answer = { ...bob.answer, startedClockMs: bob.answer.startedClockMs - 3_600_000 }
        return [memory, { ...world, servers: { ...world.servers, bob: { ...bob, answer } } }]
      }),
    )
  })

  test('X3: the spare is opened beside an old writer that is back short, and closed only by half', () => {
    const tell = (story: Story) => {
      set(story, 'alice', { bootsHalfClosed: true }).commit('alice').wait(100)
      story.and({ do: 'crash', server: 'alice', lose: 1 }).and({ do: 'restart', server: 'alice' }).calm()
    }
    shows(/M1: bob was opened/, tell, withRow('failover', 'old-writer-half-closed', null))
  })

  test('X3: a half closed writer is taken for an open one: nobody can write, for good', () => {
    const tell = (story: Story) => {
      set(story, 'alice', { bootsHalfClosed: true }).and({ do: 'crash', server: 'alice' })
      story.and({ do: 'restart', server: 'alice' }).calm()
    }
    const whole = watched()
    tell(whole)
    expect(whole.openServers).toEqual(['alice'])
    const without: Decide = (memory, world, now, tables) => {
      const { alice } = world.servers
      if (alice?.answer == null) return decide(memory, world, now, tables)
      const servers = {
        ...world.servers,
        alice: { ...alice, answer: { ...alice.answer, halfClosed: false } },
      }
      return decide(memory, { ...world, servers }, now, tables)
    }
    expect(() => tell(watched(without))).toThrow(/no rest .* 0 servers are open/)
  })

  test.each([
    ['failover', 'abandoning-threads', { closed: false }],
    ['undo', 'undo-following', {}],
  ] as const)('X62: %s without %s leaves the spare stopped', (table, row, change) => {
    const tell = (story: Story) => {
      story
        .and({ do: 'crash', server: 'alice' })
        .until('detaching')
        .act()
        .and({ do: 'restart', server: 'alice' })
      return set(story, 'alice', change).calm().state.servers.bob.receiver
    }
    expect(tell(watched())).toBe('on')
    expect(tell(watched(withRow(table, row, null)))).toBe('off')
  })

  test('R12: commits between the two reads of a look are taken for errant', () => {
    const between = (state: Parameters<typeof commit>[0]) => commit(state, 'alice')
    const tell = (story: Story) => {
      for (let turn = 0; turn < 6; turn++) {
        story.and({ do: 'look', who: 'w1', between })
        if (invocationOf(story.state, 'w1').pending !== null) story.act()
        story.wait(300)
      }
      return story.ledger.holds
    }
    const wrongOrder = (decision: Decision) => ({ ...decision, look: { ...decision.look, rereadLast: null } })
    const atFirstSight: Tables = {
      ...TABLES,
      watching: TABLES.watching
        .filter(({ code }) => code !== 'comparing')
        .map((row) =>
          row.code === 'spare-diverged'
            ? { ...row, when: ({ memory }: Assessment) => (memory.comparison?.alone ?? '') !== '' }
            : row,
        ),
    }
    // Each of the two guards makes up for the other's absence.
    expect(tell(watched())).toEqual([])
    expect(tell(watched(withDecision(wrongOrder)))).toEqual([])
    expect(tell(watched((memory, world, now) => decide(memory, world, now, atFirstSight)))).toEqual([])
    const neither: Decide = (memory, world, now) => wrongOrder(decide(memory, world, now, atFirstSight))
    expect(tell(watched(neither))).toEqual(['bob'])
  })
})

describe('of freshness, found by a story', () => {
  const commits = (story: Story, seconds: number, who = 'w1') => {
    for (let second = 0; second < seconds; second++) story.commit('alice').turn(who, 1000)
  }
  const goesOn = (story: Story, who = 'w1') => {
    for (let turn = 0; turn < 100; turn++) story.turn(who, 500)
  }

  test('X59: what was not seen to be received is taken for received', () => {
    shows(
      /M2 T1: bob was opened \d+ old commits short/,
      (story) => {
        set(story, 'bob', { receivesLateMs: 30_000 })
        commits(story, 40)
        goesOn(story.and({ do: 'crash', server: 'alice' }))
      },
      takenForReceived,
    )
  })

  test('X6: what was received and thrown away is forgotten', () => {
    shows(
      /R9: bob was opened without what it once received/,
      (story) => {
        set(story, 'bob', { slow: true })
        commits(story, 3)
        story.and({ do: 'cut', a: 'alice', b: 'bob' })
        story.change('RESET REPLICA on bob', ({ servers: { bob } }) =>
          Object.assign(bob, { received: bob.executed, relayHeartbeat: null, slow: false }),
        )
        goesOn(story.and({ do: 'crash', server: 'alice' }))
      },
      misled((memory, world) => {
        const { bob } = memory.servers
        if (bob === undefined) return [memory, world]
        return [{ ...memory, servers: { ...memory.servers, bob: { ...bob, held: '' } } }, world]
      }),
    )
  })

  test('R15: the proof in a claim is believed though the writer was seen open since', () => {
    shows(
      /M2 T1: bob was opened \d+ old commits short/,
      (story) => {
        story.and({ do: 'freeze', server: 'alice' }).until('detaching').start('w2').turn('w2')
        story.and({ do: 'kill', who: 'w1' }).and({ do: 'cut', a: 'alice', b: 'bob' })
        commits(story.and({ do: 'wake', server: 'alice' }), 12, 'w2')
        goesOn(story.and({ do: 'crash', server: 'alice' }).and({ do: 'heal', a: 'alice', b: 'bob' }), 'w2')
      },
      misled((memory, world) => [{ ...memory, openUnderClaim: false }, world]),
    )
  })

  test('R15: the proof in a claim is believed though the spare holds less than it did', () => {
    shows(
      /R9: bob was opened without what it once received/,
      (story) => {
        set(story, 'bob', { slow: true })
        commits(story, 3)
        story.and({ do: 'crash', server: 'alice' }).until('catching-up').and({ do: 'kill', who: 'w1' })
        story.change('RESET REPLICA on bob', ({ servers: { bob } }) =>
          Object.assign(bob, { received: bob.executed, relayHeartbeat: null, slow: false }),
        )
        goesOn(story.start('w2'), 'w2')
      },
      withoutHeldCount,
    )
  })
})

describe('R13: a step that only the ledger justifies, on a ledger read before another’s claim', () => {
  const failingOver = beginning('a failover while another watch reads its first ledger')
  const limits = { faults: 0, commits: 0, torn: 1, untilMs: 60_000, statesMax: 5000, secondsMax: 60 }
  /** At sight, on whatever this look read of the ledger. */
  const atSight = withRow('watching', 'unnamed-open-unconfirmed', {
    when: (a) => a.spare.answer?.closed === false && a.freshDirectory === null,
  })

  test('X2: the explorer finds it by itself: the new writer is closed by a watch that has just begun', () => {
    expect(explore(failingOver(), limits).violations).toEqual([])
    const [violation] = explore(failingOver(), limits, atSight).violations
    expect(violation?.complaint).toBe('R4: a close of w2 closed bob, the named server')
  })

  test('X61: a released server is not cut off again on an old reading', () => {
    shows(
      /R13: w1 stopped receiving from bob, which nobody holds/,
      (story) => {
        const holds = (names: readonly string[]) =>
          story.change(`held: ${names}`, ({ directory }) => {
            const revision = 1 + Number(/revision=(\d+)/.exec(directory.ledger ?? '')?.[1])
            directory.ledger = formatLedger(firstLedger({ revision, holds: names }))
            directory.history = [...directory.history, directory.ledger]
          })
        set(story, 'alice', { receiver: 'off' })
        holds(['bob']).and({ do: 'kill', who: 'w1' }).start('w1')
        for (let turn = 0; turn < 5; turn++) story.turn('w1', 1000)
        expect(story.code()).toBe('spare-on-hold')
        holds([])
        set(story, 'alice', { receiver: 'connecting' })
        for (let turn = 0; turn < 5; turn++) story.turn('w1', 400)
        expect(story.state.servers.alice.receiver, story.trace()).toBe('on')
      },
      withRow('watching', 'held-server-unconfirmed', { step: (a) => steps.detach(a.named) }),
    )
  })

  /** The writer's role goes to bob and back, while w1 looks once in between and does not read the ledger again. */
  const thereAndBack = (story: Story) => {
    story.and({ do: 'freeze', server: 'alice' }).until('moving').act().and({ do: 'wake', server: 'alice' })
    for (let turn = 0; turn < 10; turn++) story.turn('w1', 300)
    expect(story.openServers).toEqual(['bob'])
    for (const name of ['alice', 'bob'] as const)
      set(story, name, { receiver: 'connecting', receiverErrno: 0, applier: 'on' })
    for (let turn = 0; turn < 4; turn++) story.turn('w1', 1000)
    story.ask('r1', { to: 'alice', force: ['switchover-reverse-broken'] }).until('switchover-closing', 'r1')
    story.look('w1').act('r1').until('moving', 'r1', 50, 0).act('r1')
  }

  test('who moved the writer himself and can’t read the ledger closes no server by his own old move', () => {
    shows(
      /R4: a close of w1 closed alice, the named server/,
      (story) => {
        thereAndBack(story)
        story.and({ do: 'cut', a: 'w1', b: 'directory' })
        for (let turn = 0; turn < 4; turn++) story.turn('w1', 300)
        expect(story.code()).toBe('unnamed-open-unconfirmed')
      },
      withRow('watching', 'unnamed-open-unconfirmed', {
        when: (a) => a.spare.answer?.closed === false && a.world.directory === null,
      }),
    )
  })

  test('no close is left on the connection of a server that has been the writer again since', () => {
    shows(
      /R4: a late close of w1 closed alice, the named server/,
      (story) => {
        thereAndBack(story)
        story.and({ do: 'cut', a: 'w1', b: 'directory' }).and({ do: 'freeze', server: 'alice' })
        for (let turn = 0; turn < 5; turn++) story.look('w1').act('w1').wait(600)
        story.and({ do: 'wake', server: 'alice' })
      },
      withRow('watching', 'queueing-close', {
        when: (a) =>
          a.memory.moved?.from === a.spare.name &&
          !a.memory.moved.closeQueued &&
          a.spare.answer === null &&
          a.spare.memory.silent > 0 &&
          a.spare.view.guard === 'open',
      }),
    )
  })
})

describe('R14: a ledger that has gone back is believed', { timeout: 60_000 }, () => {
  /** Neither takeover rows nor what was read before tell anything. */
  const without = misled((memory, world) => {
    const blind = Object.entries(world.servers).map(([name, view]) => [
      name,
      { ...view, answer: view.answer && { ...view.answer, takeover: null } },
    ])
    const ledger = { ...memory.ledger, newest: null }
    return [
      { ...memory, ledger },
      { ...world, servers: Object.fromEntries(blind) },
    ]
  })
  const limits = { faults: 1, faultKinds: ['rewind'], commits: 0, untilMs: 60_000, secondsMax: 60 }

  test.each([
    'a failover some time ago, and the old writer is back',
    'a failover some time ago, and the old writer is gone',
  ])('X19: the explorer finds it by itself: the rightful writer is closed (%s)', (name) => {
    expect(explore(beginning(name)(), { ...limits, statesMax: 2500 }).violations).toEqual([])
    const [violation] = explore(beginning(name)(), { ...limits, statesMax: 20_000 }, without).violations
    expect(violation?.complaint).toBe('R14: w2 closed bob by a ledger that had gone back')
  })

  test('X19: one reading is not enough: a switchover by somebody else is no ledger that has gone back', () => {
    const atOnce = withRow('rewound', 'ledger-older', null)
    const limits = { faults: 0, commits: 0, torn: 0, untilMs: 60_000, statesMax: 20_000, secondsMax: 60 }
    const afterSwitchover = () => {
      const story = settledIn(new Story({ tolerant: true }), ['w1'])
      const asked = Object.assign(new Story({ tolerant: true }), { state: story })
      return asked.ask('r1').until('recording-takeover', 'r1', 200, 20).act('r1').state
    }
    expect(explore(afterSwitchover(), { ...limits, statesMax: 2000 }).violations).toEqual([])
    const [violation] = explore(afterSwitchover(), limits, atOnce).violations
    expect(violation?.complaint).toBe('R14: ledger-rewound was decided, and the ledger never went back')
  })
})

describe('of a switchover, found by a story', () => {
  const slowSpare = (story: Story) => {
    story.ask('r1').until('switchover-closing', 'r1')
    set(story, 'bob', { slow: true }).commit('alice').act('r1')
    for (let turn = 0; turn < 300; turn++) {
      if (invocationOf(story.state, 'r1').finished) return
      story.turn('r1', 20)
    }
  }

  test('M7 R11: the spare is opened before it has the exact position', () => {
    shows(
      /R11: .*\nM7: bob was opened without 1 commits/,
      slowSpare,
      withRow('switchover', 'switchover-catching-up', null),
    )
  })

  test('R1: the old writer is reopened under the claim to open the spare', () => {
    const without = withRow('switchover', 'switchover-over-budget', { step: (a) => steps.open(a, a.named) })
    shows(/R1: r1 opened alice under a claim to open bob/, slowSpare, without)
  })

  test('R5: the claim is let go while the old writer is closed', () => {
    const without = withRow('switchover', 'switchover-over-budget', {
      step: (a) => steps.swap(a, 'release', { claim: null }),
    })
    shows(/R5: r1 released the claim and alice was not seen open/, slowSpare, without)
  })

  test('R3: the undo does not wait for the end of an opening that hangs in the spare', () => {
    const without: Decide = (memory, world, now, tables) =>
      decide(
        memory.ours === null ? memory : { ...memory, ours: { ...memory.ours, opening: null } },
        world.last?.step.kind === 'open' ? { ...world, last: null } : world,
        now,
        tables,
      )
    shows(
      /M1: bob was opened by a late statement while alice was open/,
      (story) => {
        story.ask('r1').until('switchover-opening', 'r1')
        story.and({ do: 'freeze', server: 'bob' }).act('r1')
        for (let turn = 0; turn < 10; turn++) story.turn('r1', 20)
        story.and({ do: 'wake', server: 'bob' })
        for (let turn = 0; turn < 100; turn++) story.turn('r1', 100)
      },
      without,
    )
  })

  test('R4 T12: a close that nobody knows of lands after the claim was released', () => {
    shows(
      /R4: a late close of r1 closed alice, the named server/,
      (story) => {
        story.ask('r1').until('switchover-closing', 'r1').act('r1', 'late')
        for (let turn = 0; turn < 100; turn++)
          if (!invocationOf(story.state, 'r1').finished) story.turn('r1', 50)
        story.and({ do: 'land', server: 'alice' })
      },
      misled((memory, world) => [memory, withoutOthers(world)]),
    )
  })

  test('R7: the spare is open and short of the closed writer, and it goes forward', () => {
    shows(
      /M7: the writer was switched away from alice/,
      (story) => {
        story.ask('r1').until('switchover-closing', 'r1')
        set(story, 'bob', { slow: true }).commit('alice').act('r1')
        set(story, 'bob', { closed: false })
        for (let turn = 0; turn < 100; turn++)
          if (!invocationOf(story.state, 'r1').finished) story.turn('r1', 50)
      },
      withRow('switchover', 'switchover-target-lacks', null),
    )
  })
})

function withoutOthers(world: World): World {
  const servers = Object.fromEntries(
    Object.entries(world.servers).map(([name, view]) => [
      name,
      { ...view, answer: view.answer && { ...view.answer, others: [] } },
    ]),
  )
  return { ...world, servers }
}

/** `decide` that does not see in a claim how much the target held. */
const withoutHeldCount: Decide = (memory, world, now, tables) => {
  const whole = new Map<string, string>()
  const hidden = (text: string | null) => {
    const shown = text?.replace(/(claim=\S+,\d+),\d+(,\d+)(?= |$)/, '$1,0$2') ?? null
    if (shown !== null && text !== null) whole.set(shown, text)
    return shown
  }
  const put = (text: string | null) => (text === null ? null : (whole.get(text) ?? text))
  const { directory } = world
  const seen = directory?.state === 'read' ? { ...directory, ledger: hidden(directory.ledger) } : directory
  const ledger = { ...memory.ledger, text: hidden(memory.ledger.text) }
  const decision = decide({ ...memory, ledger }, { ...world, directory: seen }, now, tables)
  const { step, memory: after } = decision
  return {
    ...decision,
    memory: { ...after, ledger: { ...after.ledger, text: put(after.ledger.text) } },
    step: step?.kind === 'swap' ? { ...step, from: { ...step.from, ledger: put(step.from.ledger) } } : step,
  }
}
