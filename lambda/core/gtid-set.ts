/**
 * Sets of MySQL global transaction identifiers, as text in and text out.
 *
 * Form: `uuid:1-5:7,uuid:tag:1-3` (tags since MySQL 8.3). The text that comes out is canonical: origins sorted, intervals merged.
 * https://dev.mysql.com/doc/refman/8.4/en/replication-gtids-concepts.html#replication-gtids-concepts-gtid-sets
 */

type Interval = readonly [first: number, last: number]
/** Origin (`uuid` or `uuid:tag`) to its intervals, ascending and disjoint. */
type Parsed = ReadonlyMap<string, readonly Interval[]>

/** @throws {TypeError} if the text is not a GTID set. */
function parse(text: string): Parsed {
  const origins = new Map<string, Interval[]>()
  for (const member of text.split(',')) {
    const parts = member.trim().toLowerCase().split(':')
    const uuid = parts.shift()
    if (uuid === undefined || uuid === '') continue
    let origin = uuid
    for (const part of parts.map((each) => each.trim())) {
      const match = /^(\d+)(?:-(\d+))?$/.exec(part)
      if (match === null) {
        if (!/^[a-z_][a-z0-9_]*$/.test(part)) throw new TypeError(`not a GTID set: ${member.trim()}`)
        origin = `${uuid}:${part}`
        continue
      }
      const first = Number(match[1])
      const intervals = origins.get(origin) ?? []
      intervals.push([first, Number(match[2] ?? first)])
      origins.set(origin, intervals)
    }
  }
  return new Map([...origins].map(([origin, intervals]) => [origin, merge(intervals)]))
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

/** The part of a set that began on one server, tagged or not. */
export function ofOrigin(set: string, uuid: string): string {
  const wanted = uuid.toLowerCase()
  return format(new Map([...parse(set)].filter(([origin]) => origin.split(':')[0] === wanted)))
}

/** How many transactions. */
export function count(set: string): number {
  let total = 0
  for (const intervals of parse(set).values())
    for (const [first, last] of intervals) total += last - first + 1
  return total
}

/** The highest untagged number of one origin; 0 if there is none. */
export function lastOfOrigin(set: string, uuid: string): number {
  return parse(set).get(uuid.toLowerCase())?.at(-1)?.[1] ?? 0
}

/** Each transaction by itself, at most `limit` of them. */
export function members(set: string, limit: number): string[] {
  const listed: string[] = []
  for (const [origin, intervals] of parse(set))
    for (const [first, last] of intervals)
      for (let number = first; number <= last; number++) {
        if (listed.length === limit) return listed
        listed.push(`${origin}:${number}`)
      }
  return listed
}

/** The same set in canonical form. */
export function canonical(set: string): string {
  return format(parse(set))
}
