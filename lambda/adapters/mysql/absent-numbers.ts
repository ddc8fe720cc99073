/**
 * Which numbers of a MariaDB domain no transaction of an origin has, as far as its binary logs prove it.
 *
 * The one thing to understand: the servers of a domain share its numbers, so most of the numbers below a server's last are not its own. That
 * one of them is nobody's is proven only between two transactions that the logs show, by files that were read to their ends without a
 * gap from the newest one on, in a domain whose numbers only ever grow. What a log does not hold may still have been applied: restored
 * from a copy, or received while that was not logged.
 */
import type { intervals } from '../../core/gtid-set.ts'

export type Stretch = ReturnType<typeof intervals>[number]

/** Stretches that are told one by one; those beyond stay unknown. */
const STRETCHES_MAX = 1000

export class AbsentNumbers {
  /** What had been logged before the oldest file that counts; null if none counts, or it doesn't say (MySQL). */
  #before: ReadonlyMap<string, number> | null = null
  /** The first number of each domain in the files that count. */
  readonly #firsts = new Map<string, number>()
  readonly #lasts = new Map<string, number>()
  readonly #met = new Map<string, number[]>()
  /** Domains in which a number came after a higher one. */
  readonly #crooked = new Set<string>()
  #gap = false
  #file = newFile()

  /** `list`: the last transaction of each origin before this file, `[0-1-100,0-2-150]`. */
  beginFile(list: string): void {
    const gtids = [...list.matchAll(/(\d+-\d+)-(\d+)/g)]
    this.#file.before = new Map(gtids.map(([, origin = '', last]) => [origin, Number(last)]))
    for (const [origin, last] of this.#file.before) this.#file.reached(domainOf(origin), last)
  }

  meet(gtid: string, wanted: boolean): void {
    const match = /^(\d+-\d+)-(\d+)$/.exec(gtid)
    if (match === null) return
    const [, origin = ''] = match
    const number = Number(match[2])
    const domain = domainOf(origin)
    if (!this.#file.firsts.has(domain)) this.#file.firsts.set(domain, number)
    if (!this.#file.reached(domain, number)) this.#crooked.add(domain)
    this.#lasts.set(origin, Math.max(this.#lasts.get(origin) ?? 0, number))
    if (!wanted) return
    const met = this.#met.get(origin)
    if (met === undefined) this.#met.set(origin, [number])
    else met.push(number)
  }

  /** Files come newest first. After one that was not read to its end, no older one proves anything. */
  endFile(whole: boolean): void {
    this.#gap ||= !whole
    if (!this.#gap) {
      this.#before = this.#file.before
      for (const [domain, first] of this.#file.firsts) this.#firsts.set(domain, first)
    }
    this.#file = newFile()
  }

  /** As a GTID set. */
  among(wanted: readonly Stretch[]): string {
    const found: string[] = []
    for (const { origin, first, last } of wanted) {
      const numbers = new Set(this.#met.get(origin))
      const above = this.#provenAbove(origin)
      const below = Math.min(last + 1, this.#lasts.get(origin) ?? 0)
      let next = Math.max(first, above + 1)
      for (const number of [...[...numbers].sort((a, b) => a - b), below]) {
        if (number < next) continue
        const end = Math.min(number, below) - 1
        if (next <= end) found.push(`${origin}:${next}-${end}`)
        if (found.length === STRETCHES_MAX) return found.join(',')
        next = number + 1
      }
    }
    return found.join(',')
  }

  #provenAbove(origin: string): number {
    const domain = domainOf(origin)
    const before = this.#before
    if (before === null || this.#crooked.has(domain)) return Number.POSITIVE_INFINITY
    const floor = before.get(origin)
    if (floor !== undefined) return floor
    const isKnown = [...before.keys()].some((each) => domainOf(each) === domain)
    return isKnown ? 0 : (this.#firsts.get(domain) ?? Number.POSITIVE_INFINITY)
  }
}

function newFile() {
  const lasts = new Map<string, number>()
  return {
    before: null as ReadonlyMap<string, number> | null,
    firsts: new Map<string, number>(),
    /** False if the domain was there already. */
    reached(domain: string, number: number): boolean {
      const last = lasts.get(domain) ?? 0
      lasts.set(domain, Math.max(last, number))
      return number > last
    },
  }
}

function domainOf(origin: string): string {
  return origin.split('-')[0] ?? ''
}
