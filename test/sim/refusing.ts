/** Stories for a server that refuses a step: what calls for each step, and watches that are started and relieved as in earnest. */

import { decide } from '../../lambda/core/decide.ts'
import type { ServerStep } from '../../lambda/core/step.ts'
import type { Obstacle } from '../../lambda/core/world.ts'
import { ledgerOf } from './musts.ts'
import type { Decide } from './pair.ts'
import { clockMs } from './server.ts'
import { NAMES, type Name, type Refusing, takesWrites } from './state.ts'
import { Story } from './story.ts'

const TURN_MS = 500
/** A watch is started once a minute, and relieved by the next. */
const WATCH_EVERY_MS = 60_000
const WATCH_LASTS_MS = 150_000
/** Detecting, claiming, and 15 s under a claim; the rest is room for two watches in turn. */
const CLAIM_FOR_NOTHING_MS_MAX = 35_000
const BEAT_AGE_MS_MAX = 4000

/** A pair that has been watched for a while, and what the watches did since. */
export class Watched {
  readonly story: Story
  readonly complaints = new Set<string>()
  refusals = 0
  #watches = 0
  #nothingSinceMs: number | null = null

  constructor(prepare: (story: Story) => void = () => undefined, deciding: Decide = decide) {
    this.story = new Story({ tolerant: true, deciding })
    prepare(this.story)
    this.run(8000)
  }

  /** One server does so from now on, whatever it is asked of this kind. */
  refuse(server: Name, kind: ServerStep['kind'], how: Refusing): this {
    this.story.change(`${server}: ${kind} ${how.outcome} ${how.errno}`, (state) => {
      state.servers[server].refuses = { [kind]: how }
    })
    return this
  }

  /** Lets that much time pass; each watch looks and acts twice a second. */
  run(forMs: number, until: () => boolean = () => false): this {
    const { story } = this
    const endsMs = story.state.now + forMs
    while (story.state.now < endsMs && !until()) {
      if (story.state.now >= this.#watches * WATCH_EVERY_MS) {
        this.#watches += 1
        story.start(`w${this.#watches}`, WATCH_LASTS_MS)
      }
      for (const [who, { finished, endsMs }] of Object.entries(story.state.invocations)) {
        if (finished || endsMs <= story.state.now) story.and({ do: 'kill', who })
        else this.#turn(who)
      }
      story.wait(TURN_MS)
      this.#check()
    }
    return this
  }

  #turn(who: string): void {
    this.story.turn(who, 0)
    const last = this.story.state.invocations[who]?.last
    if (last != null && last.step.kind !== 'swap' && last.outcome !== 'done') this.refusals += 1
  }

  #check(): void {
    const { state } = this.story
    const ledger = ledgerOf(state)
    if (ledger === null) return
    const named = state.servers[ledger.writer as Name]
    const closed = NAMES.every((name) => state.servers[name].status !== 'up' || state.servers[name].closed)
    const forNothing = ledger.claim?.intent === 'failover' && !ledger.claim.touched && closed
    this.#nothingSinceMs = forNothing ? (this.#nothingSinceMs ?? state.now) : null
    if (this.#nothingSinceMs !== null && state.now - this.#nothingSinceMs > CLAIM_FOR_NOTHING_MS_MAX)
      this.complaints.add('a claim stands for nothing')
    const beating = takesWrites(named) && ledger.claim === null && state.now > 20_000
    const ageMs = clockMs(state, named) - (named.heartbeat?.writtenClockMs ?? 0)
    if (beating && named.openedAtMs < state.now - BEAT_AGE_MS_MAX && ageMs > BEAT_AGE_MS_MAX)
      this.complaints.add(`no heartbeat on ${named.name}`)
  }
}

export const KINDS: readonly ServerStep['kind'][] = [
  'close',
  'open',
  'kill-others',
  'detach',
  'stop-applier',
  'start-threads',
  'reconnect',
  'stop-waiting',
  'record-takeover',
  'start-events',
  'stop-events',
  'end-blockers',
]
export const HOW: Readonly<Record<string, Refusing>> = {
  'refused for now (1205)': { outcome: 'refused', errno: 1205 },
  'refused for good (1227)': { outcome: 'refused', errno: 1227 },
  'never answered': { outcome: 'unknown', errno: null },
}

export interface Tale {
  readonly prepare?: (story: Story) => void
  readonly happens: (story: Story) => void
  /** What ends the trouble itself, when the refusal has ended. */
  readonly ends?: (story: Story) => void
}

const set = (name: Name, change: object) => (story: Story) =>
  story.change(`${name}: ${JSON.stringify(change)}`, (state) => Object.assign(state.servers[name], change))
const together =
  (...parts: ((story: Story) => unknown)[]) =>
  (story: Story) => {
    for (const part of parts) part(story)
  }
/** On both in one moment, or replication would bring it back. */
export const noTakeover = (story: Story) =>
  story.change('no takeover row', ({ servers }) => {
    for (const name of NAMES) servers[name].takeover = null
  })
const SEMI_SYNC = {
  sourceWaits: true,
  working: true,
  acknowledges: true,
  replicasAcknowledging: 1,
  timeoutMs: 10_000,
}

export const BACKUP: Obstacle = {
  session: 41,
  account: 'backup',
  kind: 'backup',
  ageMs: 90_000,
  doing: 'backup lock',
}

const EVENT = { schema: 'shop', name: 'nightly', definer: 'root@localhost' }
/** The spare has received what the writer lost, and so can't receive from it (1236). */
const shortWriter = (story: Story) =>
  story
    .commit('alice')
    .wait(100)
    .turn('w1')
    .and({ do: 'crash', server: 'alice', lose: 1 })
    .and({ do: 'restart', server: 'alice' })
/** Events are read when a watch begins, and then once a minute. */
const anotherWatch = (story: Story) => story.start('e1', WATCH_LASTS_MS)

export const TALES: Readonly<Record<string, Tale>> = {
  'the writer dies': { happens: (story) => story.and({ do: 'crash', server: 'alice' }) },
  'the writer freezes, and the channel beats rarely': {
    prepare: set('bob', { heartbeatPeriodMs: 30_000 }),
    happens: (story) => story.and({ do: 'freeze', server: 'alice' }),
  },
  'the writer dies, and the spare waits for acknowledgements': {
    prepare: set('bob', { semiSync: SEMI_SYNC }),
    happens: (story) => story.and({ do: 'crash', server: 'alice' }),
  },
  'the writer dies while the applier of the spare is off': {
    happens: together(set('bob', { applier: 'off' }), (story) =>
      story.commit('alice').and({ do: 'crash', server: 'alice' }),
    ),
  },
  'the writer restarts': {
    happens: (story) => story.and({ do: 'crash', server: 'alice' }).and({ do: 'restart', server: 'alice' }),
  },
  'the writer restarts without its last commits': { happens: (story) => shortWriter(story) },
  'the writer restarts without its last commits, and closed by half': {
    prepare: set('alice', { bootsHalfClosed: true }),
    happens: (story) => shortWriter(story),
  },
  'the writer dies and comes back': {
    happens: (story) => story.and({ do: 'crash', server: 'alice' }).wait(9000),
    ends: (story) => story.and({ do: 'restart', server: 'alice' }),
  },
  'the writer dies while a backup locks the spare': {
    happens: together(set('bob', { blockers: [BACKUP] }), (story) =>
      story.and({ do: 'crash', server: 'alice' }),
    ),
  },
  'a person asks for a switchover': { happens: (story) => story.ask('r1') },
  'a person asks for a switchover, and the writer dies in it': {
    happens: (story) => {
      story.ask('r1')
      for (let turn = 0; turn < 30 && story.code('r1') !== 'switchover-closing'; turn++) story.turn('r1')
      story.and({ do: 'crash', server: 'alice' })
    },
  },
  'events run on the spare': {
    happens: together(set('bob', { events: { scheduler: 'on', list: [] } }), anotherWatch),
  },
  'an event is enabled on the spare, and not on the writer': {
    happens: together(
      set('alice', { events: { scheduler: 'on', list: [{ ...EVENT, state: 'replica-side' }] } }),
      set('bob', { events: { scheduler: 'off', list: [{ ...EVENT, state: 'enabled' }] } }),
      anotherWatch,
    ),
  },
  'the spare is opened by hand': { happens: set('bob', { closed: false }) },
  'the takeover is not written down yet': { happens: noTakeover },
}
