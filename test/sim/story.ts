/** Tells a story on the simulated pair, event by event, and asserts the musts after each. */
import { type Decision, decide, TABLES, type Tables } from '../../lambda/core/decide.ts'
import type { Policy } from '../../lambda/core/policy.ts'
import type { Row } from '../../lambda/core/situation.ts'
import type { PlannedSwitchover } from '../../lambda/core/world.ts'
import { healthy } from './healthy.ts'
import { broken, ledgerOf, unrest } from './musts.ts'
import { commit, type Decide, type Event, type How, happen } from './pair.ts'
import { invocationOf, NAMES, type Name, type SimServer, type SimState, takesWrites } from './state.ts'

export interface Told {
  readonly text: string
  readonly code: string
}

/** Every situation that any story of this process came to. */
export const situationsReached = new Set<string>()

/** To bob, as plainly as it can be asked for. */
export const SWITCHOVER: PlannedSwitchover = {
  action: 'switchover',
  to: 'bob',
  force: [],
  dryRun: false,
  lowerTtl: false,
  waitForQuietMs: 0,
}

export class Story {
  state: SimState
  readonly told: string[] = []
  readonly codes = new Set<string>()
  /** Broken musts; a story that expects none asserts after every event. */
  readonly violations: string[] = []
  readonly #deciding: Decide | undefined
  readonly #tolerant: boolean

  constructor(options: { policy?: Partial<Policy>; deciding?: Decide; tolerant?: boolean } = {}) {
    this.state = healthy(options.policy)
    this.#deciding = options.deciding
    this.#tolerant = options.tolerant ?? false
  }

  /** Something happens. @throws {Error} with the whole story if a must is broken by it. */
  and(event: Event): this {
    const before = this.state
    const happened = happen(before, event, this.#deciding)
    this.state = happened.state
    this.told.push(tellEvent(before, event, happened.decision?.situation.code ?? ''))
    if (happened.decision !== null) {
      this.codes.add(happened.decision.situation.code)
      situationsReached.add(happened.decision.situation.code)
    }
    const complaints = broken(before, event, happened)
    this.violations.push(...complaints)
    if (complaints.length > 0 && !this.#tolerant) throw new Error(`${complaints.join('\n')}\n${this.trace()}`)
    return this
  }

  trace(): string {
    return this.told.slice(-80).join('\n')
  }

  change(what: string, how: (state: SimState) => void): this {
    return this.and({ do: 'change', what, how })
  }

  /** An invocation of the request function that a person has asked for a switchover. */
  ask(who: string, asked: Partial<PlannedSwitchover> = {}, lastsMs = 150_000): this {
    return this.and({ do: 'start', who, lastsMs, asked: { ...SWITCHOVER, ...asked } })
  }

  start(who: string, lastsMs?: number): this {
    return this.and(lastsMs === undefined ? { do: 'start', who } : { do: 'start', who, lastsMs })
  }

  look(who = 'w1'): this {
    return this.and({ do: 'look', who })
  }

  act(who = 'w1', how: How = 'well'): this {
    return this.and({ do: 'act', who, how })
  }

  wait(ms: number): this {
    return this.and({ do: 'tick', ms })
  }

  commit(server: Name, tables: readonly string[] | null = null): this {
    if (tables === null) return this.and({ do: 'commit', server })
    return this.change(`a commit on ${server}`, (state) => commit(state, server, tables))
  }

  /** One look and its step, then `ms` pass. */
  turn(who = 'w1', ms = 100): this {
    this.look(who)
    if (invocationOf(this.state, who).pending !== null) this.act(who)
    return this.wait(ms)
  }

  /** Turns until the situation is `code`. @throws {Error} if it isn't reached. */
  until(code: string, who = 'w1', turns = 200, ms = 100): this {
    for (let turn = 0; turn < turns; turn++) {
      this.look(who)
      if (this.code(who) === code) return this
      if (invocationOf(this.state, who).pending !== null) this.act(who)
      this.wait(ms)
    }
    throw new Error(`${code} was not reached in ${turns} turns\n${this.trace()}`)
  }

  /** Turns, all watches in turn, until the pair has come to rest; an applying spare applies. */
  calm(turns = 300, ms = 500): this {
    for (let turn = 0; turn < turns; turn++) {
      for (const who of Object.keys(this.state.invocations)) {
        if (invocationOf(this.state, who).finished) this.and({ do: 'kill', who })
        else this.turn(who, 0)
      }
      this.wait(ms)
      if (turn > 11 && unrest(this.state) === '' && this.resting()) return this
    }
    throw new Error(`no rest after ${turns} turns: ${unrest(this.state)}\n${this.trace()}`)
  }

  resting(): boolean {
    return Object.values(this.state.invocations).every(
      ({ pending, memory }) =>
        (pending === null || pending.kind === 'beat') && memory.ledger.state === 'known',
    )
  }

  code(who = 'w1'): string {
    return invocationOf(this.state, who).code
  }

  get ledger() {
    const ledger = ledgerOf(this.state)
    if (ledger === null) throw new Error(`no ledger\n${this.trace()}`)
    return ledger
  }

  get openServers(): Name[] {
    return NAMES.filter((name) => takesWrites(this.state.servers[name]))
  }
}

export function tellEvent(before: SimState, event: Event, code: string): string {
  const at = `${String(before.now).padStart(7)} ms `
  switch (event.do) {
    case 'look':
      return `${at} ${event.who} looks: ${code}${event.between ? ' (a commit between the reads)' : ''}`
    case 'act': {
      const step = before.invocations[event.who]?.pending
      const what = step?.kind === 'swap' ? `swap ${step.purpose}` : `${step?.kind} ${step?.server ?? ''}`
      return `${at} ${event.who} does ${what}${event.how && event.how !== 'well' ? ` (${event.how})` : ''}`
    }
    case 'tick':
      return `${at} ${event.ms} ms pass`
    case 'cut':
    case 'heal':
      return `${at} ${event.do} ${event.a}~${event.b}`
    case 'change':
      return `${at} ${event.what}`
    case 'rewind':
      return `${at} the zone goes back to: ${event.to}`
    case 'land-swap':
      return `${at} the late swap arrives`
    case 'begin-look':
      return `${at} ${event.who} reads ${event.part}, the rest of its look comes later`
    case 'start':
    case 'kill':
      return `${at} ${event.do} ${event.who}`
    default:
      return `${at} ${event.do} ${event.server}`
  }
}

/** A server is otherwise from now on. */
export function set(story: Story, server: Name, change: Partial<SimServer>): Story {
  return story.change(`${server}: ${JSON.stringify(change)}`, (state) =>
    Object.assign(state.servers[server], change),
  )
}

/** A writer that commits and a watch that has seen it for four seconds; everything has arrived. */
export function watched(): Story {
  const story = new Story().start('w1')
  for (let second = 0; second < 4; second++) story.turn('w1', 1000).commit('alice').wait(10)
  return story.wait(1).turn('w1', 0)
}

/** `decide` with a row changed, or gone if `change` is null: a rule is shown to be needed by breaking it. */
export function withRow(table: keyof Tables, code: string, change: Partial<Row> | null): Decide {
  const rows = TABLES[table]
  if (!rows.some((row) => row.code === code)) throw new Error(`there is no row ${code} in ${table}`)
  const changed =
    change === null
      ? rows.filter((row) => row.code !== code)
      : rows.map((row) => (row.code === code ? { ...row, ...change } : row))
  return (memory, world, now, tables = TABLES) => decide(memory, world, now, { ...tables, [table]: changed })
}

/** `decide` whose decision is changed afterwards. */
export function withDecision(change: (decision: Decision) => Decision): Decide {
  return (memory, world, now) => change(decide(memory, world, now))
}
