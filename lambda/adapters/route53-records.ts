/**
 * What Route 53's record sets mean to Hotspare: which one is the ledger, which one the writer record, and what is foreign.
 *
 * Foreign is everything that one batch "delete the old, create the new" would break or that would send clients elsewhere: such a
 * record is shown as it stands and never touched.
 */
import type { ResourceRecordSet } from '@aws-sdk/client-route-53'
import type { WriterRecord } from '../core/world.ts'
import { plainName } from './txt-strings.ts'

/** Types that decide where a client goes; a second one of them beside the configured type splits the clients. */
const addressTypes = new Set(['A', 'AAAA', 'CNAME'])

/** The name that holds a pair's ledger. */
export function ledgerNameOf(writerName: string): string {
  return `_hotspare.${plainName(writerName)}`
}

/** True if `name` is `parent` or lies below it. Both as `plainName` gives them. */
export function isWithin(name: string, parent: string): boolean {
  return name === parent || name.endsWith(`.${parent}`)
}

/**
 * The writer record among all sets of the writer's name; null if no set says where clients go.
 *
 * If there are several, the one of the configured type is shown, marked as foreign.
 */
export function writerRecordOf(
  sets: readonly ResourceRecordSet[],
  configuredType: string,
): WriterRecord | null {
  const isApex = sets.some((set) => set.Type === 'SOA')
  // NS below the zone's apex delegates the name away: nothing else here is ever answered.
  const relevant = sets.filter((set) => addressTypes.has(set.Type ?? '') || (set.Type === 'NS' && !isApex))
  const shown = relevant.find((set) => set.Type === configuredType) ?? relevant[0]
  if (shown === undefined) return null
  const alias = shown.AliasTarget?.DNSName
  return {
    type: shown.Type ?? '',
    ttlSeconds: shown.TTL ?? 0,
    values: alias === undefined ? valuesOf(shown) : [alias],
    foreign: relevant.length > 1 || shown.Type !== configuredType || isSpecial(shown),
  }
}

/** The set that holds the ledger, null if there is none, or in words why it can't be a ledger of ours. */
export function ledgerSetOf(sets: readonly ResourceRecordSet[]): ResourceRecordSet | null | string {
  const texts = sets.filter((set) => set.Type === 'TXT')
  const [first, second] = texts
  if (first === undefined) return null
  if (second !== undefined || isSpecial(first)) return 'it has a routing policy or a health check'
  if (valuesOf(first).length !== 1) return `it has ${valuesOf(first).length} values where Hotspare writes one`
  return first
}

export function valuesOf(set: ResourceRecordSet): string[] {
  return (set.ResourceRecords ?? []).map((record) => record.Value ?? '')
}

function isSpecial(set: ResourceRecordSet): boolean {
  return (
    set.AliasTarget !== undefined ||
    set.SetIdentifier !== undefined ||
    set.TrafficPolicyInstanceId !== undefined ||
    set.HealthCheckId !== undefined
  )
}
