/** A waiver waives one reason, and what somebody else opened is not ours to name. */
import { describe, expect, test } from 'vitest'
import { formatLedger } from '../../lambda/core/ledger.ts'
import { FORCEABLE } from '../../lambda/core/situations/refusals.ts'
import { firstLedger } from './healthy.ts'
import { invocationOf, UUIDS } from './state.ts'
import { type Story, set, watched } from './story.ts'

/** What a failover that waives these ends with. */
function forced(story: Story, ...force: string[]): string {
  const who = `r${force.length}`
  story.and({ do: 'start', who, asked: { action: 'failover', force } })
  for (let turn = 0; turn < 100 && !invocationOf(story.state, who).finished; turn++) story.turn(who)
  return story.code(who)
}

describe('X12: a spare that is no replica', () => {
  test('X12: going without a witness waives nothing else: held, not a replica, stale, errant are asked one by one', () => {
    const story = watched()
    set(story, 'bob', { hasChannel: false, executed: `${UUIDS.alice}:1-14,${UUIDS.bob}:1-6` })
    story.change('bob is held', (state) => {
      state.directory.ledger = formatLedger(firstLedger({ revision: 8, holds: ['bob'] }))
      state.directory.history = [state.directory.ledger]
    })
    story.and({ do: 'kill', who: 'w1' }).wait(20_000).and({ do: 'crash', server: 'alice' })
    const waived = ['no-witness']
    const reasons: string[] = []
    for (let asked = 0; asked < 4; asked++) {
      const reason = forced(story, ...waived)
      reasons.push(reason)
      waived.push(reason)
    }
    expect(reasons).toEqual(['spare-held', 'spare-not-a-replica', 'spare-freshness-unproven', 'spare-errant'])
    expect(FORCEABLE).toEqual(expect.arrayContaining(reasons))
    expect(story.openServers).toEqual([])
    expect(story.ledger).toMatchObject({ writer: 'alice', claim: null })
  })
})

describe('X14: somebody opens the spare while we hold a claim to fail over', () => {
  test('X14: the writer is dead: it is closed, not named, and what it took is refused by name', () => {
    const story = watched().commit('alice').and({ do: 'crash', server: 'alice' }).until('detaching')
    set(story, 'bob', { closed: false }).change('bob takes a write', (state) => {
      state.servers.bob.executed += `,${UUIDS.bob}:6`
    })
    story.until('spare-errant')
    expect(story.codes).toContain('target-opened-by-hand')
    expect(story.ledger).toMatchObject({ writer: 'alice', epoch: 3, claim: null })
    expect(story.state.servers.bob.closed).toBe(true)
    expect(story.state.messages).toContain('failover-refused')
  })

  test('X14: nothing was written there: it is closed, and the failover goes on', () => {
    const story = watched().and({ do: 'crash', server: 'alice' }).until('detaching')
    set(story, 'bob', { closed: false }).calm()
    expect(story.codes).toContain('target-opened-by-hand')
    expect(story.ledger).toMatchObject({ writer: 'bob', epoch: 4 })
  })

  test('X14: the writer lives: it is not closed, the spare is', () => {
    const story = watched().and({ do: 'freeze', server: 'alice' }).until('detaching')
    set(story, 'bob', { closed: false }).and({ do: 'wake', server: 'alice' }).calm()
    expect(story.openServers, story.trace()).toEqual(['alice'])
    expect(story.ledger).toMatchObject({ writer: 'alice', epoch: 3, claim: null })
    expect(story.codes).not.toContain('old-writer-closing')
  })
})

test('X3: a spare that restarts half closed under a claim that is taken over is closed, and not taken for opened', () => {
  const story = set(watched(), 'bob', { bootsHalfClosed: true }).and({ do: 'freeze', server: 'alice' })
  story.until('detaching').and({ do: 'kill', who: 'w1' })
  story.and({ do: 'crash', server: 'bob' }).and({ do: 'restart', server: 'bob' }).start('w2')
  for (let turn = 0; turn < 60; turn++) story.turn('w2', 1000)
  expect(story.codes).toContain('target-half-closed')
  expect(story.codes).not.toContain('moving')
  expect(story.ledger).toMatchObject({ writer: 'alice', epoch: 3 })
  expect(story.state.servers.bob.closed).toBe(true)
})
