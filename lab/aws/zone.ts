/**
 * One hosted zone. It exists twice: as the control plane holds it (what lists and changes see at once) and as the name servers
 * serve it, which follows only when a change is in sync. Tests may edit it directly; such edits are served at once.
 */
import { canonicalName, compareNames, isWithin, nameProblem } from './domain-name.ts'
import { checkValue, type RecordType, RecordValueError } from './record-value.ts'

export interface RecordSet {
  /** Any case, with or without the trailing dot, when given; canonical when read. */
  readonly name: string
  readonly type: RecordType
  readonly ttlSeconds: number
  /** As Route 53 writes them; TXT values with their quotation marks. */
  readonly values: readonly string[]
}

export interface Change extends RecordSet {
  readonly action: 'CREATE' | 'DELETE' | 'UPSERT'
}

/** A batch on its way to the name servers; opaque, for `isInsync`. */
export interface Propagation {
  readonly insyncAtMs: number
  /** The record sets that the batch left behind; null where it removed one. */
  readonly results: Map<string, RecordSet | null>
}

/** Why a batch was refused: one message for each change that can't be made. Nothing of the batch was applied. */
export class BatchRefused extends Error {
  constructor(messages: readonly string[]) {
    super(`[${messages.join(', ')}]`)
    this.name = 'BatchRefused'
  }
}

const hostName = 'ns-1.lab.invalid.'
const maximumRecordsPerBatch = 1000
const maximumCharactersPerBatch = 32_000

export class Zone {
  readonly id: string
  /** Canonical: lower case with a trailing dot. */
  readonly name: string
  #records = new Map<string, RecordSet>()
  readonly #served = new Map<string, RecordSet>()
  #propagations: Propagation[] = []

  constructor(id: string, name: string) {
    this.id = id
    this.name = canonicalName(name)
    const authority = `${hostName} hostmaster.lab.invalid. 1 7200 900 1209600 5`
    this.set({ name: this.name, type: 'NS', ttlSeconds: 172_800, values: [hostName] })
    this.set({ name: this.name, type: 'SOA', ttlSeconds: 900, values: [authority] })
  }

  /** The record set as the control plane holds it. */
  get(name: string, type: RecordType): RecordSet | undefined {
    return this.#records.get(recordKey(name, type))
  }

  /** Puts a record set, unasked and uncounted, for tests that change the zone behind everyone's back. Served at once. */
  set(record: RecordSet): void {
    const canonical = canonicalRecord(record)
    const key = recordKey(record.name, record.type)
    for (const value of record.values) checkValue(record.type, value)
    this.#records.set(key, canonical)
    this.#served.set(key, canonical)
    for (const propagation of this.#propagations) propagation.results.delete(key)
  }

  /** Removes a record set, unasked and uncounted. True if there was one. */
  remove(name: string, type: RecordType): boolean {
    const key = recordKey(name, type)
    this.#served.delete(key)
    for (const propagation of this.#propagations) propagation.results.delete(key)
    return this.#records.delete(key)
  }

  /** All record sets of the control plane in Route 53's order: by reversed labels, then by type. */
  list(): readonly RecordSet[] {
    return [...this.#records.values()].sort(compareRecords)
  }

  /**
   * Applies the changes in order, all or none, and starts their way to the name servers.
   * @param insyncAfterMs how long they take; a batch never overtakes an earlier one.
   * @throws BatchRefused with one message per change that can't be made.
   */
  submit(changes: readonly Change[], insyncAfterMs: number): Propagation {
    const records = new Map(this.#records)
    const results = new Map<string, RecordSet | null>()
    const problems = batchSizeProblems(changes)
    for (const change of changes) {
      const record = canonicalRecord(change)
      const key = recordKey(record.name, record.type)
      const problem = this.#invalid(record) ?? refusal(records, change.action, record)
      if (problem !== null) {
        problems.push(problem)
        continue
      }
      if (change.action === 'DELETE') records.delete(key)
      else records.set(key, record)
      results.set(key, change.action === 'DELETE' ? null : record)
    }
    if (problems.length > 0) throw new BatchRefused(problems)
    this.#records = records
    const previousAtMs = this.#propagations.at(-1)?.insyncAtMs ?? 0
    const propagation = { insyncAtMs: Math.max(previousAtMs, performance.now() + insyncAfterMs), results }
    this.#propagations.push(propagation)
    return propagation
  }

  /** True once the name servers serve what the batch left behind. */
  isInsync(propagation: Propagation): boolean {
    this.#publish(performance.now())
    return !this.#propagations.includes(propagation)
  }

  /** Brings every pending batch to the name servers now, however long it should have taken. */
  publishNow(): void {
    this.#publish(Number.POSITIVE_INFINITY)
  }

  /** The record sets that the name servers serve now, in no particular order. */
  served(): readonly RecordSet[] {
    this.#publish(performance.now())
    return [...this.#served.values()]
  }

  #publish(untilMs: number): void {
    const due = this.#propagations.filter((propagation) => propagation.insyncAtMs <= untilMs)
    this.#propagations = this.#propagations.slice(due.length)
    for (const propagation of due) {
      for (const [key, record] of propagation.results) {
        if (record === null) this.#served.delete(key)
        else this.#served.set(key, record)
      }
    }
  }

  #invalid(record: RecordSet): string | null {
    if (record.name === this.name && record.type === 'SOA')
      return 'A HostedZone must contain exactly one SOA record.'
    const problem = nameProblem(record.name)
    if (problem !== null) return `FATAL problem: ${problem} encountered with '${record.name}'`
    if (!isWithin(record.name, this.name)) {
      return `RRSet with DNS name ${record.name} is not permitted in zone ${this.name}`
    }
    if (record.type === 'CNAME' && record.name === this.name) {
      return `RRSet of type CNAME with DNS name ${record.name} is not permitted at apex in zone ${this.name}`
    }
    const duplicate = record.values.find((value, index) => record.values.indexOf(value) !== index)
    if (duplicate !== undefined) return `Duplicate Resource Record: '${duplicate}'`
    try {
      for (const value of record.values) checkValue(record.type, value)
      return null
    } catch (failure) {
      if (failure instanceof RecordValueError) return `Invalid Resource Record: '${failure.message}'`
      throw failure
    }
  }
}

function refusal(
  records: ReadonlyMap<string, RecordSet>,
  action: Change['action'],
  record: RecordSet,
): string | null {
  const current = records.get(recordKey(record.name, record.type))
  const which = `resource record set [name='${record.name}', type='${record.type}']`
  if (action === 'DELETE') {
    if (current === undefined) return `Tried to delete ${which} but it was not found`
    if (sameContent(current, record)) return null
    return `Tried to delete ${which} but the values provided do not match the current values`
  }
  if (action === 'CREATE' && current !== undefined) return `Tried to create ${which} but it already exists`
  const rival = [...records.values()].find(
    (other) => other.name === record.name && (other.type === 'CNAME') !== (record.type === 'CNAME'),
  )
  if (rival === undefined) return null
  return (
    `RRSet of type ${record.type} with DNS name ${record.name} is not permitted because a conflicting RRSet ` +
    `of type ${rival.type} with the same DNS name already exists`
  )
}

function batchSizeProblems(changes: readonly Change[]): string[] {
  const values = changes.flatMap((change) => change.values)
  const characters = values.reduce((sum, value) => sum + value.length, 0)
  const problems: string[] = []
  if (values.length > maximumRecordsPerBatch) problems.push('Number of records limit of 1000 exceeded.')
  if (characters > maximumCharactersPerBatch) problems.push('Number of characters limit of 32000 exceeded.')
  return problems
}

function recordKey(name: string, type: RecordType): string {
  return `${canonicalName(name)} ${type}`
}

function canonicalRecord({ name, type, ttlSeconds, values }: RecordSet): RecordSet {
  return { name: canonicalName(name), type, ttlSeconds, values: [...values] }
}

function sameContent(left: RecordSet, right: RecordSet): boolean {
  const [leftValues, rightValues] = [[...left.values].sort(), [...right.values].sort()]
  return left.ttlSeconds === right.ttlSeconds && JSON.stringify(leftValues) === JSON.stringify(rightValues)
}

/** Order of Route 53's lists: names by reversed labels, then types. */
export function compareRecords(
  left: Pick<RecordSet, 'name' | 'type'>,
  right: Pick<RecordSet, 'name' | 'type'>,
): number {
  return compareNames(left.name, right.name) || (left.type < right.type ? -1 : left.type > right.type ? 1 : 0)
}
