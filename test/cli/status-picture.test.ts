/** The picture that `hotspare status` draws, character by character, from plain data. */
import { Ansis } from 'ansis'
import { expect, test } from 'vitest'
import { statusForPeople } from '../../cli/render/status.ts'
import type { Where } from '../../cli/where.ts'
import type { Overview, ServerOverview } from '../../lambda/core/overview.ts'

const HERE: Where = { kind: 'local', configurationFile: null }
const THERE: Where = { kind: 'function', name: 'hotspare-Request' }

const ALICE: ServerOverview = {
  state: 'open',
  role: 'writer',
  held: false,
  address: '10.0.1.10',
  version: 'MySQL 9.7.4',
  startedAt: '2026-11-20T09:00:00.000Z',
  upMs: 14_700_000,
  clients: 42,
  follows: {
    server: 'bob',
    receiver: 'on',
    applier: 'on',
    error: null,
    unappliedTransactions: 0,
    lastReceivedAgoMs: 300,
  },
  complaint: null,
}
const BOB: ServerOverview = {
  ...ALICE,
  state: 'closed',
  role: 'spare',
  address: '10.0.2.10',
  clients: 1,
  follows: { ...(ALICE.follows as NonNullable<ServerOverview['follows']>), server: 'alice' },
}
const SILENT: Partial<ServerOverview> = {
  state: 'silent',
  startedAt: null,
  upMs: null,
  clients: null,
  follows: null,
  complaint: 'refuses connections: its host answers, and nobody listens there',
}
const LEDGER = {
  text: 'hotspare=1 ...',
  problem: null,
  writer: 'alice',
  epoch: 3,
  revision: 7,
  since: '2026-11-20T10:05:00.000Z',
  how: 'failover',
  claim: null,
  pause: null,
  holds: [],
} as const
const WELL: Overview = {
  ok: true,
  pair: 'orders',
  at: '2026-11-20T13:05:00.250Z',
  situation: 'healthy',
  severity: 'info',
  because: 'alice takes writes, bob follows.',
  advice: '',
  mode: 'automatic',
  record: { name: 'writer.orders.example.com', type: 'A', values: ['10.0.1.10'], pointsAt: 'alice' },
  servers: { alice: ALICE, bob: BOB },
  ledger: LEDGER,
  lagMs: 3,
  watch: { who: '3f9a0c12be77', beatAgoMs: 412 },
  writable: { answer: 'yes', because: 'On alice.' },
  atRisk: { answer: 'no', because: 'If alice died now, about its last 3 ms would be lost.' },
  whatToDo: { because: 'Nothing.', next: [] },
  warnings: [],
}

function drawn(seen: Partial<Overview>, where: Where = HERE): string {
  return `\n${statusForPeople({ ...WELL, ok: false, ...seen }, where, { paint: new Ansis(0), width: 100 })}`
}

test('healthy: the picture and the facts, and no questions', () => {
  expect(drawn({ ok: true })).toBe(`
orders: healthy
  alice takes writes, bob follows.

  writer.orders.example.com  A  10.0.1.10
       |
       v
  +---------------------+                     +---------------------+
  | alice          OPEN |  lag 3 ms           | bob          closed |
  | MySQL 9.7.4         | ----------------->  | MySQL 9.7.4         |
  | up 4 h 5 min        | <-----------------  | up 4 h 5 min        |
  | 42 clients          |                     | 1 client            |
  +---------------------+                     +---------------------+

  Writer    alice since 2026-11-20 10:05:00 UTC (3 h), epoch 3, after a failover
  Watch     3f9a0c12be77, last heartbeat 412 ms ago
  Failover  automatic
`)
})

test('failing over: a claim stands, the writer is silent, and the three questions are answered', () => {
  const seen = drawn({
    situation: 'claim-standing',
    severity: 'critical',
    because: 'w1 holds a claim (failover, to bob), unchanged for 400 ms of 15.0 s: hands off.',
    servers: {
      alice: { ...ALICE, ...SILENT, version: null },
      bob: { ...BOB, follows: { ...BOB.follows, receiver: 'off', unappliedTransactions: 0 } as never },
    },
    ledger: { ...LEDGER, claim: { who: 'w1', intent: 'failover', target: 'bob' } },
    lagMs: null,
    watch: null,
    writable: { answer: 'no', because: 'alice does not answer; a claim to open bob stands, by w1.' },
    atRisk: {
      answer: 'possibly',
      because:
        'bob has everything that alice committed until 2026-11-20T13:04:58.250Z (2.0 s ago). If alice is lost, so is what it committed later.',
    },
    whatToDo: { because: 'Nothing.', next: [] },
  })
  expect(seen).toBe(`
orders: claim-standing
  w1 holds a claim (failover, to bob), unchanged for 400 ms of 15.0 s: hands off.

  writer.orders.example.com  A  10.0.1.10
       |
       v
  +---------------------+                     +---------------------+
  | alice        SILENT |  not receiving      | bob          closed |
  | (version unknown)   | - - - - x - - - ->  | MySQL 9.7.4         |
  |                     | <- - - - x - - - -  | up 4 h 5 min        |
  |                     |  not known          | 1 client            |
  +---------------------+                     +---------------------+

  Writer    alice since 2026-11-20 10:05:00 UTC (3 h), epoch 3, after a failover
  Claim     failover, to bob, by w1
  alice     refuses connections: its host answers, and nobody listens there
  Failover  automatic

  Can anybody write?  NO. alice does not answer; a claim to open bob stands, by w1.
  Is data at risk?    POSSIBLY. bob has everything that alice committed until 2026-11-20 13:04:58
                      UTC (2.0 s ago). If alice is lost, so is what it committed later.
  What do I do?       Nothing.
`)
})

test('blind: nothing is known, and that is said', () => {
  const seen = drawn({
    situation: 'blind',
    severity: 'critical',
    because: 'Neither alice nor bob answers: whoever sees nothing changes nothing.',
    servers: {
      alice: { ...ALICE, ...SILENT, complaint: 'does not answer' },
      bob: { ...BOB, ...SILENT, state: 'sick', complaint: "Access denied for user '...'@'10.0.3.4'" },
    },
    lagMs: null,
    watch: null,
    writable: { answer: 'unknown', because: 'Neither alice nor bob answers us.' },
    atRisk: { answer: 'unknown', because: 'Nothing can be seen.' },
    whatToDo: { because: 'Look from another place.', next: [] },
  })
  expect(seen).toBe(`
orders: blind
  Neither alice nor bob answers: whoever sees nothing changes nothing.

  writer.orders.example.com  A  10.0.1.10
       |
       v
  +---------------------+                     +---------------------+
  | alice        SILENT |  not known          | bob            SICK |
  | MySQL 9.7.4         | - - - - x - - - ->  | MySQL 9.7.4         |
  |                     | <- - - - x - - - -  |                     |
  |                     |  not known          |                     |
  +---------------------+                     +---------------------+

  Writer    alice since 2026-11-20 10:05:00 UTC (3 h), epoch 3, after a failover
  alice     does not answer
  bob       Access denied for user '...'@'10.0.3.4'
  Failover  automatic

  Can anybody write?  UNKNOWN. Neither alice nor bob answers us.
  Is data at risk?    UNKNOWN. Nothing can be seen.
  What do I do?       Look from another place.
`)
})

test('held: which server, what flows, and the command that ends it', () => {
  const seen = drawn(
    {
      situation: 'spare-on-hold',
      severity: 'warning',
      because: 'alice takes writes; bob is held. The pair is unprotected.',
      servers: {
        alice: { ...ALICE, follows: { ...ALICE.follows, receiver: 'off' } as never },
        bob: { ...BOB, held: true, follows: { ...BOB.follows, unappliedTransactions: 12 } as never },
      },
      ledger: { ...LEDGER, holds: ['bob'] },
      atRisk: { answer: 'possibly', because: 'What only bob has is on no other server.' },
      whatToDo: {
        because: 'Extract what only it has, then reseed or release it.',
        next: [
          {
            when: 'When bob has been made anew from alice',
            request: { action: 'release', pair: 'orders', server: 'bob' },
          },
        ],
      },
    },
    THERE,
  )
  expect(seen).toBe(`
orders: spare-on-hold
  alice takes writes; bob is held. The pair is unprotected.

  writer.orders.example.com  A  10.0.1.10
       |
       v
  +---------------------+                     +---------------------+
  | alice          OPEN |  12 unapplied       | bob          closed |
  | MySQL 9.7.4         | ----------------->  | MySQL 9.7.4         |
  | up 4 h 5 min        | <- - - - x - - - -  | up 4 h 5 min        |
  | 42 clients          |  not receiving      | 1 client            |
  |                     |                     | HELD                |
  +---------------------+                     +---------------------+

  Writer    alice since 2026-11-20 10:05:00 UTC (3 h), epoch 3, after a failover
  Held      bob
  Watch     3f9a0c12be77, last heartbeat 412 ms ago
  Failover  automatic

  Can anybody write?  YES. On alice.
  Is data at risk?    POSSIBLY. What only bob has is on no other server.
  What do I do?       Extract what only it has, then reseed or release it.
                      When bob has been made anew from alice, run
                        hotspare release bob --pair orders --function hotspare-Request
`)
})

test('no ledger: both closed, and the request in the advice is a command to copy', () => {
  const seen = drawn({
    situation: 'no-ledger-none-open',
    severity: 'critical',
    because: 'There is no ledger yet, and neither alice nor bob is open.',
    servers: { alice: { ...ALICE, state: 'closed', role: null }, bob: { ...BOB, role: null } },
    record: { name: 'writer.orders.example.com', type: 'A', values: null, pointsAt: null },
    ledger: null,
    lagMs: null,
    watch: null,
    mode: 'alert',
    writable: { answer: 'no', because: 'Both alice and bob are closed.' },
    atRisk: { answer: 'unknown', because: 'Not by waiting.' },
    whatToDo: {
      because:
        'The newest data is on alice. To have it named and opened, invoke the request function with {"action":"adopt","pair":"orders","writer":"alice"}',
      next: [
        {
          when: 'To have it named and opened',
          request: { action: 'adopt', pair: 'orders', writer: 'alice' },
        },
      ],
    },
  })
  expect(seen).toBe(`
orders: no-ledger-none-open
  There is no ledger yet, and neither alice nor bob is open.

  writer.orders.example.com does not exist, or was not read

  +---------------------+                     +---------------------+
  | alice        closed |                     | bob          closed |
  | MySQL 9.7.4         | ----------------->  | MySQL 9.7.4         |
  | up 4 h 5 min        | <-----------------  | up 4 h 5 min        |
  | 42 clients          |                     | 1 client            |
  +---------------------+                     +---------------------+

  Ledger    none, or not read
  Failover  a person decides (mode alert)

  Can anybody write?  NO. Both alice and bob are closed.
  Is data at risk?    UNKNOWN. Not by waiting.
  What do I do?       The newest data is on alice. To have it named and opened, run
                        hotspare adopt alice --pair orders --local
`)
})

test('paused: well otherwise, and the command that ends it', () => {
  const seen = drawn({
    ledger: { ...LEDGER, pause: { until: '2026-11-20T15:00:00.000Z' } },
    warnings: ['The pair is paused until 2026-11-20T15:00:00.000Z: no failover or switchover begins.'],
    whatToDo: {
      because: 'See to what is said above.',
      next: [{ when: 'When the pause is no longer needed', request: { action: 'resume', pair: 'orders' } }],
    },
  })
  expect(seen).toContain(`
  Failover  automatic
  Note      The pair is paused until 2026-11-20 15:00:00 UTC: no failover or switchover begins.

  Can anybody write?  YES. On alice.
  Is data at risk?    NO. If alice died now, about its last 3 ms would be lost.
  What do I do?       See to what is said above.
                      When the pause is no longer needed, run
                        hotspare resume --pair orders --local
`)
})

test('the name points at the other server, or at neither: the arrow follows it', () => {
  const record = { name: 'db.example.com', type: 'A', values: ['10.0.2.10'], pointsAt: 'bob' }
  expect(drawn({ record })).toContain(`
                                              db.example.com  A  10.0.2.10
                                                   |
                                                   v
  +---------------------+                     +---------------------+
  | alice          OPEN |`)
  expect(drawn({ record: { ...record, values: ['10.9.9.9'], pointsAt: null } })).toContain(`
  db.example.com  A  10.9.9.9  (neither of the two)
`)
})

test('long names and versions widen their box', () => {
  const name = 'a-server-with-a-very-long-name'
  const servers = { [name]: { ...ALICE, version: 'MariaDB 11.8.9-MariaDB-log' }, bob: BOB }
  expect(drawn({ servers })).toContain(`
  +--------------------------------------+                     +---------------------+
  | a-server-with-a-very-long-name  OPEN |  from elsewhere `)
})

test('colours only where they are wanted', () => {
  const coloured = statusForPeople(WELL, HERE, { paint: new Ansis(1), width: 100 })
  expect(coloured).toContain('\u001b[')
  expect(new Ansis(0).strip(coloured)).toBe(drawn({ ok: true }).slice(1))
})
