/**
 * MariaDB: what a server has of a history that is one line.
 *
 * A server tells, for each server that ever wrote in a domain, that one's last number; but only as far back as its own binary log
 * goes. One that was made from a copy knows where the copy ends and not who wrote what before, so it seems to lack
 * all of that, and a former server's transactions for ever (X32).
 *
 * The one thing to understand: in strict mode, what is logged later in a domain has the higher number, whoever wrote it. So whoever has
 * number n of such a line has everything of it before n. A server of which no entry is in the other's history is on no common line with
 * it; and nothing is filled up beyond the lowest number that it tells of, so what is missing after one of its entries is missing (T31).
 */
import { intervals, union } from './gtid-set.ts'
import type { Memory } from './memory.ts'
import type { Answer, Numbering, World } from './world.ts'

interface State {
  readonly executed: string
  readonly numbering: Numbering | null
}

/** Each server's last number, domain by domain. */
type Lasts = ReadonlyMap<string, ReadonlyMap<string, number>>

/** The world, with what each server has filled up along the line that it shares with the other; of one that is silent, as last known. */
export function alongOneLine(world: World, memory: Memory): World {
  const names = Object.keys(world.servers)
  if (!names.some((name) => isInOrder(world.servers[name]?.answer ?? null))) return world
  const stateOf = (name: string | undefined): State | null =>
    name === undefined ? null : (world.servers[name]?.answer ?? memory.servers[name]?.known ?? null)
  const servers = Object.fromEntries(
    Object.entries(world.servers).map(([name, view]) => {
      const other = stateOf(names.find((each) => each !== name))
      const { answer } = view
      if (answer === null || other === null) return [name, view]
      return [name, { ...view, answer: filledUp(answer, other) }]
    }),
  )
  return { ...world, servers }
}

function filledUp(answer: Answer, other: State): Answer {
  if (!isInOrder(answer) || !isInOrder(other)) return answer
  return { ...answer, executed: filled(answer.executed, other.executed) }
}

const isInOrder = (state: State | null) => state?.numbering?.inOrder === true

/** `state` with what it has for sure of those writers that only `other` tells of. */
export function filled(state: string, other: string): string {
  const theirs = lastsOf(other)
  const missing = [...lastsOf(state)].flatMap(([domain, own]) => {
    const writers = theirs.get(domain) ?? new Map<string, number>()
    const shared = [...own].some(([writer, last]) => (writers.get(writer) ?? 0) >= last)
    if (!shared) return []
    // Its log begins no later than that: a writer without an entry wrote nothing of its line since, and one with an entry gains nothing.
    const floor = Math.min(...own.values())
    return [...writers].map(([writer, last]) => `${domain}-${writer}:1-${Math.min(last, floor)}`)
  })
  return missing.length === 0 ? state : union(state, missing.join(','))
}

function lastsOf(set: string): Lasts {
  const domains = new Map<string, Map<string, number>>()
  for (const { origin, last } of intervals(set)) {
    const [, domain, writer] = /^(\d+)-(\d+)$/.exec(origin) ?? []
    if (domain === undefined || writer === undefined) continue
    const writers = domains.get(domain) ?? new Map<string, number>()
    domains.set(domain, writers.set(writer, Math.max(writers.get(writer) ?? 0, last)))
  }
  return domains
}
