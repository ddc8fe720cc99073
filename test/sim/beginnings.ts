/** Where explorations begin: two watches at work on a healthy pair, and pairs on which more can go wrong. */
import { NO_PROOF } from '../../lambda/core/freshness.ts'
import { formatLedger } from '../../lambda/core/ledger.ts'
import { beatByTime, settledIn } from './explore.ts'
import { firstLedger } from './healthy.ts'
import { NAMES, type SimState } from './state.ts'
import { Story } from './story.ts'

export const BEGINNINGS: Readonly<Record<string, () => SimState>> = {
  healthy: () => settledIn(new Story({ tolerant: true }), ['w1', 'w2']),

  'a writer that may lose its last commit in a crash': () =>
    begin((state) => {
      state.servers.alice.durable = false
    }),

  'servers that boot half closed, and a writer that may lose its last commit': () =>
    begin((state) => {
      state.servers.alice.durable = false
      for (const name of NAMES) state.servers[name].bootsHalfClosed = true
    }),

  'a spare that applies slowly': () =>
    begin((state) => {
      state.servers.bob.slow = true
    }),

  'a slow spare and a writer that may lose its last commit': () =>
    begin((state) => {
      state.servers.alice.durable = false
      state.servers.bob.slow = true
    }),

  'a writer that nobody watches yet': () => {
    const story = new Story({ tolerant: true }).start('w0')
    for (let turn = 0; turn < 3; turn++) story.turn('w0', 1000)
    return story.and({ do: 'kill', who: 'w0' }).start('w1').start('w2').state
  },

  'a spare that receives late, and watches that have just begun': () => {
    const story = new Story({ tolerant: true }).start('w0')
    story.change('the way is narrow', (state) => {
      state.servers.bob.receivesLateMs = 9000
    })
    for (let second = 0; second < 12; second++)
      story.turn('w0', 0).commit('alice').change('a heartbeat', beatByTime).wait(1000)
    return settledIn(story.and({ do: 'kill', who: 'w0' }), ['w1', 'w2'], 1)
  },

  'a failover that still catches up, by an invocation that is gone': () => {
    const story = new Story({ tolerant: true }).start('w0')
    for (let turn = 0; turn < 3; turn++) story.turn('w0', 1000)
    story.change('the applier is busy', (state) => {
      state.servers.bob.slow = true
    })
    story.commit('alice').turn('w0', 100)
    story.and({ do: 'freeze', server: 'alice' }).until('catching-up', 'w0')
    story.start('w1').turn('w1').start('w2').turn('w2')
    return story.and({ do: 'kill', who: 'w0' }).wait(14_000).state
  },

  'clocks that are a second apart': () =>
    begin((state) => {
      state.servers.alice.skewMs = -400
      state.servers.bob.skewMs = 600
    }),

  'a switchover that was just asked for': () =>
    askedFor(['r1'], ['w1'], (state) => {
      // Some pools still know bob from an earlier epoch.
      state.known = ['alice', 'bob']
    }),

  'the same switchover asked for twice': () => askedFor(['r1', 'r2'], []),

  'a switchover to a spare that applies slowly': () =>
    askedFor(['r1'], ['w1'], (state) => {
      state.servers.bob.slow = true
    }),

  'a switchover from a writer that may lose its last commit': () =>
    askedFor(['r1'], ['w1'], (state) => {
      state.servers.alice.durable = false
    }),

  'a switchover half done by an invocation that is gone': () => {
    const story = new Story({ tolerant: true }).start('w1').turn('w1').start('w2').turn('w2')
    return story.change('the writer is closed for a switchover to bob', (state) => {
      const claim = {
        who: 'w0',
        intent: 'switchover',
        target: 'bob',
        lengthMs: 15_000,
        touched: false,
      } as const
      state.directory.ledger = formatLedger(
        firstLedger({ revision: 8, claim: { ...claim, ...NO_PROOF, sinceClockMs: 0 } }),
      )
      state.directory.history = [...state.directory.history, state.directory.ledger]
      state.servers.alice.closed = true
    }).state
  },

  'a failover half done by an invocation that is gone': () => {
    const story = new Story({ tolerant: true }).start('w0')
    for (let turn = 0; turn < 3; turn++) story.turn('w0', 1000)
    story.and({ do: 'freeze', server: 'alice' }).until('stopping-applier', 'w0').act('w0')
    story.start('w1').turn('w1').start('w2').turn('w2')
    return story.and({ do: 'kill', who: 'w0' }).wait(14_000).state
  },

  'a failover while another watch reads its first ledger': () => {
    const story = new Story({ tolerant: true }).start('w1')
    for (let turn = 0; turn < 3; turn++) story.turn('w1', 1000)
    story.start('w2').and({ do: 'begin-look', who: 'w2', part: 'directory' })
    return story.and({ do: 'crash', server: 'alice' }).until('opening', 'w1').state
  },

  'a failover some time ago, and the old writer is back': () => failedOver(true),

  'a failover some time ago, and the old writer is gone': () => failedOver(false),

  'a spare just opened by an invocation that is gone': () => {
    const story = new Story({ tolerant: true }).start('w0')
    for (let turn = 0; turn < 3; turn++) story.turn('w0', 1000)
    story.and({ do: 'freeze', server: 'alice' }).until('moving', 'w0')
    story.start('w1').turn('w1').start('w2').turn('w2')
    return story.wait(14_000).state
  },
}

/** Two watches that were not there: one at work, one that has not looked yet. */
function failedOver(back: boolean): SimState {
  const story = new Story({ tolerant: true }).start('w0')
  for (let turn = 0; turn < 3; turn++) story.turn('w0', 1000)
  story.and({ do: 'crash', server: 'alice' }).until('recording-takeover', 'w0').act('w0')
  for (let turn = 0; turn < 3; turn++) story.turn('w0', 1000)
  if (back) story.and({ do: 'restart', server: 'alice' })
  story.change('replication is started again', ({ servers }) => {
    if (back)
      for (const name of NAMES)
        Object.assign(servers[name], { receiver: 'connecting', receiverErrno: 0, applier: 'on' })
  })
  story.and({ do: 'kill', who: 'w0' })
  settledIn(story, ['w1'])
  return story.start('w2').state
}

function askedFor(
  requests: readonly string[],
  watches: readonly string[],
  prepare: (state: SimState) => void = () => {},
): SimState {
  const story = new Story({ tolerant: true }).change('prepared', prepare)
  settledIn(story, watches)
  for (const who of requests) story.ask(who)
  return story.state
}

function begin(prepare: (state: SimState) => void): SimState {
  return settledIn(new Story({ tolerant: true }).change('prepared', prepare), ['w1', 'w2'])
}
