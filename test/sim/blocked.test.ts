/** X68, X38: what keeps the spare from taking over is said while the writer lives, and dealt with when it has died. */
import { describe, expect, test } from 'vitest'
import type { Policy } from '../../lambda/core/policy.ts'
import type { Obstacle } from '../../lambda/core/world.ts'
import { POLICY } from './healthy.ts'
import { BACKUP, Watched } from './refusing.ts'
import type { Name, SimServer } from './state.ts'
import { withRow } from './story.ts'

const crash = { do: 'crash', server: 'alice' } as const
const READ_LOCK: Obstacle = { ...BACKUP, session: 42, kind: 'lock', doing: 'global read lock' }

function set(watched: Watched, name: Name, change: Partial<SimServer>): Watched {
  watched.story.change(`${name}: ${JSON.stringify(change)}`, (state) =>
    Object.assign(state.servers[name], change),
  )
  return watched
}

function policy(watched: Watched, failover: Partial<Policy['failover']>): Watched {
  watched.story.change('configured', (state) => {
    state.policy = { ...state.policy, failover: { ...POLICY.failover, ...failover } }
  })
  return watched
}

describe('X68: a lock on the spare', () => {
  test('is said while the writer lives, and no longer than it is held', () => {
    const watched = set(new Watched(), 'bob', { blockers: [BACKUP] }).run(8000)
    expect(watched.story.code()).toBe('spare-blocked')
    expect(watched.story.state.messages).toEqual([])
    expect(set(watched, 'bob', { blockers: [] }).run(8000).story.code()).toBe('healthy')
  })

  test.each([BACKUP, READ_LOCK])(
    'is named, waited for, ended, and the spare takes over: $doing',
    (blocker) => {
      const watched = set(new Watched(), 'bob', { blockers: [blocker] })
      const { story } = watched
      const diedMs = story.commit('alice').and(crash).state.now
      watched.run(9000)
      expect(story.code()).toBe('blocked')
      expect(story.state.messages).toContain('failover-blocked')
      expect(story.state.servers.bob.blockers).toEqual([blocker])
      watched.run(20_000, () => story.ledger.writer === 'bob')
      expect(story.state.now - diedMs).toBeLessThan(16_000)
      expect(story.state.messages).toContain('blockers-ended')
      expect(story.openServers).toEqual(['bob'])
    },
  )

  test('is ended though the grace is longer than a watch: who takes the claim over goes on counting', () => {
    const watched = policy(new Watched(), { endBlockersAfterMs: 240_000 })
    set(watched, 'bob', { blockers: [{ ...BACKUP, ageMs: 3_600_000 }] })
    const { story } = watched
    const diedMs = story.commit('alice').and(crash).state.now
    watched.run(230_000)
    expect(story.state.servers.bob.blockers).toHaveLength(1)
    watched.run(120_000, () => story.ledger.writer === 'bob')
    expect(story.openServers).toEqual(['bob'])
    expect(story.state.now - diedMs).toBeLessThan(330_000)
  })

  test('that ends by itself is ended by nobody', () => {
    const watched = set(new Watched(), 'bob', { blockers: [BACKUP] })
    watched.story.and(crash)
    set(watched.run(6000), 'bob', { blockers: [] }).run(10_000, () => watched.story.ledger.writer === 'bob')
    expect(watched.story.openServers).toEqual(['bob'])
    expect(watched.story.state.messages).not.toContain('blockers-ended')
  })

  test('that only a person may end is named; the claim is given back, and begun anew once it is gone', () => {
    const watched = policy(new Watched(), { endBlockersAfterMs: null })
    set(watched, 'bob', { blockers: [BACKUP] }).story.and(crash)
    watched.run(24_000)
    const { story } = watched
    expect([...story.codes]).toEqual(expect.arrayContaining(['blocked', 'giving-back', 'spare-refuses']))
    expect(story.ledger.claim).toBeNull()
    expect(story.state.servers.bob.blockers).toEqual([BACKUP])
    set(watched, 'bob', { blockers: [] }).run(60_000, () => story.ledger.writer === 'bob')
    expect(story.openServers).toEqual(['bob'])
  })

  test('that only a person may end is told on and on under a claim that can not be given back (R5)', () => {
    const watched = policy(new Watched(), { endBlockersAfterMs: null })
    set(watched, 'bob', { blockers: [BACKUP] })
    const { story } = watched
    story.and(crash).until('blocked').and({ do: 'kill', who: 'w1' })
    watched.run(120_000, () => story.codes.has('blocked-for-good'))
    expect([...story.codes]).toContain('blocked-for-good')
    set(watched, 'bob', { blockers: [] }).run(60_000, () => story.ledger.writer === 'bob')
    expect(story.openServers).toEqual(['bob'])
  })

  test('X68: without the row that ends it, nobody ever takes over', () => {
    const watched = set(new Watched(undefined, withRow('failover', 'ending-blockers', null)), 'bob', {
      blockers: [BACKUP],
    })
    watched.story.and(crash)
    watched.run(50_000)
    expect(watched.story.openServers).toEqual([])
  })
})

describe('X38: a right that our account lacks', () => {
  const needed = { grant: "GRANT CONNECTION_ADMIN ON *.* TO 'h'@'%'", needed: true }

  test('on the spare: said while the writer lives, refused by name when it has died, at once', () => {
    const watched = set(new Watched(), 'bob', { missingRights: [needed] }).run(62_000)
    const { story } = watched
    expect(story.code('w2')).toBe('rights-missing')
    story.and(crash)
    watched.run(3000)
    expect(story.code('w2')).toBe('spare-rights-missing')
    expect(story.state.messages).toContain('failover-refused')
    expect(story.ledger.claim).toBeNull()
  })

  test('granted later, it arms automatic failover again within a minute', () => {
    const watched = set(new Watched(), 'bob', { missingRights: [needed] }).run(62_000)
    set(watched, 'bob', { missingRights: [] }).run(62_000)
    watched.story.and(crash)
    watched.run(10_000, () => watched.story.ledger.writer === 'bob')
    expect(watched.story.openServers).toEqual(['bob'])
  })

  test('a failover that a person asks for is refused by the same name, which may be waived', () => {
    const watched = set(new Watched(), 'bob', { missingRights: [needed] })
    const { story } = watched
    const asked = (who: string, ...force: string[]) =>
      story.and({ do: 'start', who, asked: { action: 'failover', force } })
    story.and(crash).and({ do: 'kill', who: 'w1' })
    asked('r1').until('spare-rights-missing', 'r1')
    expect(story.state.invocations.r1?.finished).toBe(true)
    asked('r2', 'spare-rights-missing', 'spare-freshness-unproven').until('opening', 'r2')
  })

  test('that no failover needs keeps nobody back', () => {
    const watched = set(new Watched(), 'bob', { missingRights: [{ ...needed, needed: false }] }).run(62_000)
    watched.story.and(crash)
    watched.run(10_000, () => watched.story.ledger.writer === 'bob')
    expect(watched.story.openServers).toEqual(['bob'])
  })
})
