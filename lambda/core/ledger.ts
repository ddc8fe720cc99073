/**
 * The ledger: the one text that says who the writer is and who may change that. It stands in the directory as a TXT record and is
 * only ever replaced by compare-and-swap.
 *
 * Every swap raises the revision, so no text ever recurs (R2). Zones may be public: names of servers in the configuration and
 * numbers, no host names, no addresses, no free text.
 */
import type { ServerName } from './world.ts'

export interface Ledger {
  readonly revision: number
  /** Grows by one whenever the writer changes. */
  readonly epoch: number
  readonly writer: ServerName
  /** When this epoch began, Unix ms by the new writer's clock. */
  readonly sinceClockMs: number
  readonly how: 'adopted' | 'failover' | 'switchover'
  /** Digest of the GTID set that the writer took over. */
  readonly position: string
  /** The writer's own last transaction number before this epoch: what comes after it is of this epoch. */
  readonly range: number
  readonly claim: Claim | null
  readonly pause: Pause | null
  /** Servers that may not take part until an operator releases them. */
  readonly holds: readonly ServerName[]
}

export interface Claim {
  readonly who: string
  readonly intent: Intent
  /** The only server that may be opened under this claim (R1). */
  readonly target: ServerName
  readonly lengthMs: number
  /** True once it was taken over or its intent changed: then it is released only with the named server seen open (R5). */
  readonly touched: boolean
  /**
   * Who takes over inherits this proof of freshness: when a holder last saw the named server dead and the proof in hand, by the target's own
   * clock (0: there is none), and how many transactions the target held then.
   */
  readonly provenClockMs: number
  readonly heldCount: number
  /** When the death was first confirmed under it, by the target's own clock; 0 if it is for something else. */
  readonly sinceClockMs: number
}

export type Intent = 'failover' | 'switchover' | 'undo'

export interface Pause {
  /** Unix ms; 0 for until resumed. */
  readonly untilClockMs: number
}

export const LEDGER_BYTES_MAX = 1000
const VERSION = '1'

export function formatLedger(ledger: Ledger): string {
  const { claim, pause, holds } = ledger
  const fields = [
    `hotspare=${VERSION}`,
    `revision=${ledger.revision}`,
    `epoch=${ledger.epoch}`,
    `writer=${ledger.writer}`,
    `since=${ledger.sinceClockMs}`,
    `how=${ledger.how}`,
    `position=${ledger.position}`,
    `range=${ledger.range}`,
  ]
  if (claim !== null) {
    const { who, intent, target, lengthMs, provenClockMs, heldCount, sinceClockMs } = claim
    const touched = claim.touched ? 'touched' : 'first'
    const parts = [who, intent, target, lengthMs, touched, provenClockMs, heldCount, sinceClockMs]
    fields.push(`claim=${parts.join(',')}`)
  }
  if (pause !== null) fields.push(`pause=${pause.untilClockMs}`)
  if (holds.length > 0) fields.push(`holds=${[...holds].sort().join(',')}`)
  return fields.join(' ')
}

/** @returns the ledger, or in words why it can't be read. A version that we don't know is an unreadable ledger. */
export function parseLedger(text: string): Ledger | string {
  const fields = new Map<string, string>()
  for (const field of text.split(' ')) {
    const at = field.indexOf('=')
    if (at < 1) return `"${field.slice(0, 40)}" is not a name=value field`
    if (fields.has(field.slice(0, at))) return `field ${field.slice(0, at)} stands twice`
    fields.set(field.slice(0, at), field.slice(at + 1))
  }
  const version = fields.get('hotspare')
  if (version !== VERSION)
    return `version ${version ?? '(none)'} is not one that this Hotspare knows (it knows ${VERSION})`
  const unknown = [...fields.keys()].find((name) => !KNOWN_FIELDS.has(name))
  if (unknown !== undefined) return `field ${unknown} is unknown`
  const name = (field: string) => matching(fields, field, /^[a-z0-9-]{1,32}$/)
  const number = (field: string) => Number(matching(fields, field, /^\d{1,15}$/))
  try {
    const claim = fields.get('claim')
    const pause = fields.get('pause')
    return {
      revision: number('revision'),
      epoch: number('epoch'),
      writer: name('writer'),
      sinceClockMs: number('since'),
      how: matching(fields, 'how', /^(adopted|failover|switchover)$/) as Ledger['how'],
      position: matching(fields, 'position', /^[0-9a-f]{16}$/),
      range: number('range'),
      claim: claim === undefined ? null : parseClaim(claim),
      pause: pause === undefined ? null : { untilClockMs: number('pause') },
      holds: fields.has('holds')
        ? matching(fields, 'holds', /^[a-z0-9-]{1,32}(,[a-z0-9-]{1,32})*$/).split(',')
        : [],
    }
  } catch (error) {
    if (error instanceof RangeError) return error.message
    throw error
  }
}

const KNOWN_FIELDS = new Set([
  'hotspare',
  'revision',
  'epoch',
  'writer',
  'since',
  'how',
  'position',
  'range',
  'claim',
  'pause',
  'holds',
])

/**
 * A claim ends in three numbers. One that an earlier version wrote ends in one, the newest heartbeat at the death: a failover that began before an
 * update goes on after it.
 */
const CLAIM =
  /^([a-z0-9]{1,32}),(failover|switchover|undo),([a-z0-9-]{1,32}),(\d{1,9}),(first|touched),(\d{1,15})(?:,(\d{1,15}),(\d{1,15}))?$/

function parseClaim(text: string): Claim {
  const match = CLAIM.exec(text)
  if (match === null) throw new RangeError(`claim "${text.slice(0, 80)}" is not one that this Hotspare knows`)
  return {
    who: match[1] ?? '',
    intent: match[2] as Intent,
    target: match[3] ?? '',
    lengthMs: Number(match[4]),
    touched: match[5] === 'touched',
    provenClockMs: Number(match[6]),
    heldCount: Number(match[7] ?? 0),
    sinceClockMs: Number(match[8] ?? 0),
  }
}

function matching(fields: ReadonlyMap<string, string>, field: string, form: RegExp): string {
  const value = fields.get(field)
  if (value === undefined) throw new RangeError(`field ${field} is missing`)
  if (!form.test(value)) throw new RangeError(`field ${field} has the value "${value.slice(0, 40)}"`)
  return value
}
