/** The elements of which Route 53's answers are made. Their order matters to nobody; their names are the API's. */
import { element, parent } from './xml.ts'
import type { RecordSet, Zone } from './zone.ts'

export const namespace = 'https://route53.amazonaws.com/doc/2013-04-01/'

/** A record set as lists show it. */
export function recordElement({ name, type, ttlSeconds, values }: RecordSet): string {
  const records = values.map((value) => parent('ResourceRecord', element('Value', value)))
  const fields = [element('Name', name), element('Type', type), element('TTL', ttlSeconds)]
  return parent('ResourceRecordSet', ...fields, parent('ResourceRecords', ...records))
}

/** Where a change stands; `id` without `/change/`. */
export function changeInfo(
  id: string,
  status: 'PENDING' | 'INSYNC',
  submittedAt: Date,
  comment?: string,
): string {
  const fields = [element('Id', `/change/${id}`), element('Status', status)]
  return parent(
    'ChangeInfo',
    ...fields,
    element('SubmittedAt', submittedAt.toISOString()),
    element('Comment', comment),
  )
}

/** A hosted zone as its calls show it. */
export function zoneElement(zone: Zone): string {
  const fields = [
    element('Id', `/hostedzone/${zone.id}`),
    element('Name', zone.name),
    element('CallerReference', zone.id),
  ]
  const settings = parent('Config', element('PrivateZone', false))
  return parent('HostedZone', ...fields, settings, element('ResourceRecordSetCount', zone.list().length))
}

/** The name servers of a zone. */
export function delegation(zone: Zone): string {
  const hosts = zone.get(zone.name, 'NS')?.values ?? []
  return parent('DelegationSet', parent('NameServers', ...hosts.map((host) => element('NameServer', host))))
}
