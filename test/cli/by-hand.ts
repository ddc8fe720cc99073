/**
 * A day with the command line, on real servers of a family: adopt, watch, pause, a death, a failover by force, a held server. Every
 * command is the program itself, with `--local`; the watch is one too.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { DONE, REFUSED } from '../../cli/exit-codes.ts'
import { looksIn } from '../../cli/logged-looks.ts'
import { removeFolder, temporaryFolder } from '../../lab/cleanup.ts'
import { type Family, flavours } from '../../lab/database/family.ts'
import { openStage, PAIR, type Stage, WRITER_NAME } from '../../lab/stage.ts'
import { parseLedger } from '../../lambda/core/ledger.ts'
import type { Overview } from '../../lambda/core/overview.ts'
import { strayCommit } from '../servers/words.ts'
import { failed, startFakeLambda } from './fake-lambda.ts'
import { type Ran, type Running, run, start } from './program.ts'

const WAIT_MS = 40_000

interface Day {
  readonly stage: Stage
  /** Runs `hotspare <line> --local`. */
  hotspare(line: string): Promise<Ran>
  /** `hotspare status`, as data. */
  status(): Promise<Overview>
  startWatch(): Running
  /** All that any command has printed. */
  printed(): string
}

async function day(family: Family, live: (day: Day) => Promise<void>): Promise<void> {
  const stage = await openStage({ family })
  const folder = temporaryFolder('by-hand')
  const watches: Running[] = []
  const texts: string[] = []
  try {
    const file = join(folder, 'hotspare.json')
    writeFileSync(file, JSON.stringify(configurationFor(stage, family)))
    const environment = { ...stage.aws.environment, HOTSPARE_CONFIG: file }
    const hotspare = async (line: string) => {
      const ran = await run(`${line} --local`, environment)
      texts.push(ran.stdout, ran.stderr)
      return ran
    }
    await live({
      stage,
      hotspare,
      status: async () => JSON.parse((await hotspare('status --json')).stdout),
      startWatch: () => {
        const watch = start('watch --local --json', environment)
        watches.push(watch)
        return watch
      },
      printed: () => [...texts, ...watches.flatMap(({ written }) => Object.values(written))].join('\n'),
    })
  } finally {
    for (const { child } of watches) child.kill('SIGKILL')
    await Promise.all(watches.map(({ ended }) => ended))
    removeFolder(folder)
    await stage.close()
  }
}

function configurationFor({ pair, aws }: Stage, family: Family): unknown {
  const { user, password } = pair.hotspare
  aws.secrets.put('hotspare/by-hand', { username: user, password })
  const server = ({ host }: { host: string }) => ({ host, port: pair.port })
  return {
    pairs: {
      [PAIR]: {
        ...flavours[family].configuration,
        servers: { alice: server(pair.alice), bob: server(pair.bob) },
        credentials: { secretId: 'hotspare/by-hand' },
        tls: { mode: 'verify-ca', caFile: pair.caFile },
        directory: { kind: 'route53', hostedZoneId: 'Z0EXAMPLE', writerName: WRITER_NAME, ttlSeconds: 5 },
      },
    },
  }
}

function ledgerOf({ aws }: Stage) {
  const text = aws.zone.get(`_hotspare.${WRITER_NAME}`, 'TXT')?.values[0] ?? ''
  const ledger = parseLedger(text.replaceAll('"', ''))
  if (typeof ledger === 'string') throw new Error(`${ledger}: ${text}`)
  return ledger
}

const situations = ({ written }: Running) => looksIn(written.stdout).map(({ situation }) => situation)

async function until(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  await expect.poll(holds, { timeout: WAIT_MS, interval: 100, message: what }).toBe(true)
}

const seenBy = (watch: Running, code: string) =>
  until(`the watch sees ${code}`, () => situations(watch).includes(code))

/** From a pair that nobody knows to one that is watched. */
async function adoptAndWatch({ stage, hotspare, status, startWatch }: Day): Promise<Running> {
  const { alice } = stage.pair
  await alice.close()
  const lost = await hotspare('status')
  expect([lost.code, lost.stdout]).toEqual([REFUSED, expect.stringContaining('orders: no-ledger-none-open')])
  expect(lost.stdout).toMatch(/^ +hotspare adopt \w+ --pair orders --local$/m)
  const adopted = await hotspare('adopt alice')
  expect([adopted.code, adopted.stdout]).toEqual([
    DONE,
    expect.stringContaining('alice is the writer of epoch 1'),
  ])
  expect(await alice.isOpen()).toBe(true)
  expect(ledgerOf(stage)).toMatchObject({ writer: 'alice', how: 'adopted', claim: null })
  expect((await status()).warnings.join()).toContain('Nobody watches')

  const watch = startWatch()
  await seenBy(watch, 'healthy')
  await until('all is well', async () => (await hotspare('status')).code === DONE)
  expect(await status()).toMatchObject({
    ok: true,
    servers: { alice: { state: 'open' }, bob: { state: 'closed' } },
  })
  return watch
}

/** A pause keeps a failover from happening; a person goes on without it. */
async function pauseAndForce({ stage, hotspare, status }: Day, watch: Running): Promise<void> {
  expect((await hotspare('pause --for 1h')).code).toBe(DONE)
  expect((await hotspare('status')).stdout).toContain('The pair is paused until')
  expect((await hotspare('resume')).code).toBe(DONE)
  expect(ledgerOf(stage).pause).toBeNull()
  expect((await hotspare('pause --until resumed')).code).toBe(DONE)
  await until('the watch knows', () => situations(watch).length > 0 && ledgerOf(stage).pause !== null)

  await stage.pair.alice.kill()
  const dead = await status()
  expect(dead).toMatchObject({
    ok: false,
    writable: { answer: 'no' },
    servers: { alice: { state: 'silent' } },
  })
  const refused = await hotspare('failover')
  expect([refused.code, refused.stdout]).toEqual([REFUSED, expect.stringContaining('Not done  paused')])
  expect(refused.stdout).toMatch(/^ +hotspare failover --pair orders --force paused --local$/m)
  expect(await stage.pair.bob.isOpen()).toBe(false)
  const forced = await hotspare('failover --force paused')
  expect([forced.code, forced.stdout]).toEqual([DONE, expect.stringContaining('bob is the writer now.')])
  expect(forced.stdout).toContain('It was told to go without: paused.')
  expect(forced.stdout).toContain('FENCE UNCONFIRMED')
  expect(forced.stdout).toMatch(/^ +opened +\d+$/m)
  expect(await stage.pair.bob.isOpen()).toBe(true)
  expect(ledgerOf(stage)).toMatchObject({ writer: 'bob', epoch: 2, pause: { untilClockMs: 0 } })
  expect((await hotspare('resume')).code).toBe(DONE)
}

/** What returns with something of its own is held, and stays held while it differs. */
async function holdAndRelease({ stage, hotspare }: Day, watch: Running): Promise<void> {
  const { alice } = stage.pair
  await alice.start()
  await strayCommit(alice, "INSERT INTO shop.orders (token) VALUES ('stray')")
  await seenBy(watch, 'spare-on-hold')
  const held = await hotspare('status')
  expect(held.stdout).toMatch(/\| HELD/)
  expect(held.stdout).toMatch(/^ +hotspare release alice --pair orders --local$/m)
  const differs = await hotspare('release alice')
  expect([differs.code, differs.stdout]).toEqual([
    REFUSED,
    expect.stringContaining('Not done  release-differs'),
  ])
  expect(ledgerOf(stage).holds).toEqual(['alice'])
}

export function byHand(family: Family): void {
  test(`a day by hand, ${family}`, async () => {
    await day(family, async (today) => {
      const watch = await adoptAndWatch(today)
      await pauseAndForce(today, watch)
      await holdAndRelease(today, watch)

      watch.child.kill('SIGINT')
      const { code, stderr } = await watch.ended
      expect([code, stderr]).toEqual([
        DONE,
        expect.stringContaining('ending as soon as nothing is half done'),
      ])
      const { pair } = today.stage
      for (const server of pair.servers) {
        const sql = 'SELECT COUNT(*) AS count FROM information_schema.PROCESSLIST WHERE USER = ?'
        await until(`no session of ours is left on ${server.name}`, async () => {
          const [row] = await server.query<{ count: number }>(sql, [pair.hotspare.user])
          return Number(row?.count) === 0
        })
      }
      expect(today.printed()).not.toContain(pair.hotspare.password)
      expect(today.printed()).not.toContain(pair.replication.password)
    })
  })

  test(`the deployed function is asked, ${family}`, async () => {
    await day(family, async ({ stage, startWatch }) => {
      const watch = startWatch()
      await seenBy(watch, 'healthy')
      const request = stage.watcher({ handler: 'request', name: 'hotspare-request' })
      const lambda = await startFakeLambda({
        'hotspare-request': async (event) => {
          const { result, error } = await request.invoke(event)
          return error === undefined
            ? { body: JSON.stringify(result) }
            : failed(error.errorType, error.errorMessage)
        },
      })
      try {
        const environment = { ...stage.aws.environment, AWS_ENDPOINT_URL_LAMBDA: lambda.endpoint }
        const ask = (line: string) => run(`${line} --function hotspare-request`, environment)
        await until('all is well', async () => (await ask('status')).code === DONE)
        expect((await ask('status')).stdout).toMatch(/\| alice +OPEN \| .* \| bob +closed \|/)
        expect(await ask('failover')).toMatchObject({
          code: REFUSED,
          stdout: expect.stringContaining('there is nothing to fail over from'),
        })
        expect((await ask('pause --for 1h')).stdout).toContain('--function hotspare-request')
        expect(await ask('resume')).toMatchObject({ code: DONE, stderr: '' })
      } finally {
        await lambda.close()
      }
    })
  })

  test(`a held server that is whole again is released, ${family}`, async () => {
    await day(family, async ({ stage, hotspare, startWatch }) => {
      const watch = startWatch()
      await seenBy(watch, 'healthy')
      const name = `_hotspare.${WRITER_NAME}`
      const record = stage.aws.zone.get(name, 'TXT')
      if (record === undefined) throw new Error('there is no ledger')
      const { revision } = ledgerOf(stage)
      const text = (record.values[0] ?? '').replace(`revision=${revision} `, `revision=${revision + 1} `)
      stage.aws.zone.set({ ...record, values: [text.replace(/"$/, ' holds=bob"')] })
      const released = await hotspare('release bob')
      expect([released.code, released.stdout]).toEqual([DONE, expect.stringContaining('bob is not held.')])
      expect(ledgerOf(stage).holds).toEqual([])
    })
  })
}
