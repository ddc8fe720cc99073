/**
 * Sets of global transaction identifiers, as text in and text out.
 *
 * MySQL: `uuid:1-5:7,uuid:tag:1-3` (tags since 8.3). MariaDB has no such text for a set, so it gets the like of it here:
 * `domain-server:1-5`, and a single transaction as it writes it itself, `domain-server-5`. The text that comes out is canonical:
 * origins sorted, intervals merged.
 * https://dev.mysql.com/doc/refman/8.4/en/replication-gtids-concepts.html#replication-gtids-concepts-gtid-sets
 * https://mariadb.com/kb/en/gtid/#the-global-transaction-id
 *
 * On MariaDB all servers of a domain draw from one sequence, so not every number below a server's last is one of its own: `count` minds
 * that. And a server tells of each other one only as far back as its own binary log goes: what is compared was filled up before, along
 * the one line that the history of a domain is (one-line.ts). The arithmetic here knows nothing of that.
 */

type Interval = readonly [first: number, last: number]
/** Origin (`uuid`, `uuid:tag` or `domain-server`) to its intervals, ascending and disjoint. */
type Parsed = ReadonlyMap<string, readonly Interval[]>

const MARIADB_ORIGIN = /^(\d+)-(\d+)$/
const MARIADB_GTID = /^(\d+-\d+)-(\d+)$/

/** @throws {TypeError} if the text is not a GTID set. */
function parse(text: string): Parsed {
  const origins = new Map<string, Interval[]>()
  for (const member of text.split(',')) {
    const parts = member.trim().toLowerCase().split(':')
    const uuid = parts.shift()
    if (uuid === undefined || uuid === '') continue
    const single = parts.length === 0 ? MARIADB_GTID.exec(uuid) : null
    if (single !== null) {
      const number = Number(single[2])
      add(origins, single[1] ?? '', [number, number])
      continue
    }
    let origin = uuid
    for (const part of parts.map((each) => each.trim())) {
      const match = /^(\d+)(?:-(\d+))?$/.exec(part)
      if (match === null) {
        if (!/^[a-z_][a-z0-9_]*$/.test(part)) throw new TypeError(`not a GTID set: ${member.trim()}`)
        origin = `${uuid}:${part}`
        continue
      }
      const first = Number(match[1])
      add(origins, origin, [first, Number(match[2] ?? first)])
    }
  }
  return new Map([...origins].map(([origin, intervals]) => [origin, merge(intervals)]))
}

function add(origins: Map<string, Interval[]>, origin: string, interval: Interval): void {
  const intervals = origins.get(origin)
  if (intervals === undefined) origins.set(origin, [interval])
  else intervals.push(interval)
}

function merge(intervals: readonly Interval[]): Interval[] {
  const merged: Interval[] = []
  for (const [first, last] of [...intervals].sort((a, b) => a[0] - b[0])) {
    const previous = merged.at(-1)
    if (previous !== undefined && first <= previous[1] + 1)
      merged[merged.length - 1] = [previous[0], Math.max(previous[1], last)]
    else if (first <= last) merged.push([first, last])
  }
  return merged
}

function format(set: Parsed): string {
  return [...set]
    .filter(([, intervals]) => intervals.length > 0)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([origin, intervals]) =>
      [origin, ...intervals.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`))].join(
        ':',
      ),
    )
    .join(',')
}

function without(intervals: readonly Interval[], removed: readonly Interval[]): Interval[] {
  let left: Interval[] = [...intervals]
  for (const [first, last] of removed) {
    left = left.flatMap(([from, to]): Interval[] => {
      if (last < from || first > to) return [[from, to]]
      const pieces: Interval[] = []
      if (from < first) pieces.push([from, first - 1])
      if (to > last) pieces.push([last + 1, to])
      return pieces
    })
  }
  return left
}

/** Everything in `a` that is not in `b`. */
export function subtract(a: string, b: string): string {
  if (a === b) return ''
  const removed = parse(b)
  return format(
    new Map([...parse(a)].map(([origin, kept]) => [origin, without(kept, removed.get(origin) ?? [])])),
  )
}

export function union(a: string, b: string): string {
  return format(parse(`${a},${b}`))
}

/** Everything that is in both. */
export function intersect(a: string, b: string): string {
  return subtract(a, subtract(a, b))
}

/** Whether `a` has everything in `b`. */
export function contains(a: string, b: string): boolean {
  return subtract(b, a) === ''
}

/** The part of a set that began on one server (MySQL: its server_uuid, tagged or not; MariaDB: its server_id, in any domain). */
export function ofOrigin(set: string, server: string): string {
  const wanted = server.toLowerCase()
  return format(new Map([...parse(set)].filter(([origin]) => serverOf(origin) === wanted)))
}

function serverOf(origin: string): string {
  return MARIADB_ORIGIN.exec(origin)?.[2] ?? origin.split(':')[0] ?? ''
}

/** Tagged transactions are numbered apart, so they don't count here. */
function isUntaggedOf(origin: string, server: string): boolean {
  return serverOf(origin) === server.toLowerCase() && !origin.includes(':')
}

/** How many transactions. */
export function count(set: string): number {
  const sequences = new Map<string, Interval[]>()
  for (const [origin, intervals] of parse(set)) {
    const sequence = MARIADB_ORIGIN.exec(origin)?.[1] ?? origin
    for (const interval of intervals) add(sequences, sequence, interval)
  }
  let total = 0
  for (const intervals of sequences.values())
    for (const [first, last] of merge(intervals)) total += last - first + 1
  return total
}

/** The highest untagged number of one server's own transactions; 0 if there is none. */
export function lastOfOrigin(set: string, server: string): number {
  const lasts = [...parse(set)].map(([origin, intervals]) =>
    isUntaggedOf(origin, server) ? (intervals.at(-1)?.[1] ?? 0) : 0,
  )
  return Math.max(0, ...lasts)
}

/** The set without one server's own untagged transactions after number `last`. */
export function upTo(set: string, server: string, last: number): string {
  const kept = [...parse(set)].map(([origin, intervals]) => {
    const cut: Interval = [last + 1, Number.MAX_SAFE_INTEGER]
    return [origin, isUntaggedOf(origin, server) ? without(intervals, [cut]) : intervals] as const
  })
  return format(new Map(kept))
}

/** Each transaction by itself, in its server's own words, at most `limit` of them. */
export function members(set: string, limit: number): string[] {
  const listed: string[] = []
  for (const [origin, intervals] of parse(set)) {
    const separator = MARIADB_ORIGIN.test(origin) ? '-' : ':'
    for (const [first, last] of intervals)
      for (let number = first; number <= last; number++) {
        if (listed.length === limit) return listed
        listed.push(`${origin}${separator}${number}`)
      }
  }
  return listed
}

/** Each stretch of one origin's transactions, in canonical order. */
export function intervals(set: string): { origin: string; first: number; last: number }[] {
  return [...parse(canonical(set))].flatMap(([origin, stretches]) =>
    stretches.map(([first, last]) => ({ origin, first, last })),
  )
}

/** The same set in canonical form. */
export function canonical(set: string): string {
  return format(parse(set))
}
