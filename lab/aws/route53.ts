/**
 * A Route 53 for the lab: the calls that Hotspare and a set-up need, in the real service's XML, over HTTP on loopback. What
 * matters is that a change batch is a compare-and-swap, all or nothing, with a DELETE that needs the exact current values;
 * public emulators accept stale DELETEs, so a test against them proves nothing.
 */
import { randomUUID } from 'node:crypto'
import {
  type ChangeBatch,
  InvalidInput,
  isRecordType,
  parseChangeBatch,
  parseRequest,
} from './change-batch.ts'
import { canonicalName, compareNames } from './domain-name.ts'
import { type Call, type LoopbackService, type Reply, startLoopbackService } from './loopback-service.ts'
import { changeInfo, delegation, namespace, recordElement, zoneElement } from './route53-answer.ts'
import { type Route53Action, type Route53Call, Route53Faults } from './route53-faults.ts'
import { element, parent, xmlError, xmlReply } from './xml.ts'
import { BatchRefused, type Change, compareRecords, type Propagation, type RecordSet, Zone } from './zone.ts'

const defaultMaximumItems = 300

/** A batch that was applied, for a test that asks what was done and when. */
export interface AcceptedBatch {
  /** The change's id as GetChange takes it, without `/change/`. */
  readonly id: string
  readonly zoneId: string
  readonly comment: string | undefined
  readonly changes: readonly Change[]
  /** When it was applied, on `performance.now()`'s clock. */
  readonly appliedAtMs: number
  readonly appliedAt: Date
}

/** Calls by kind since the start or the last reset, counted on arrival, so that faults don't hide them. */
export interface Route53Counts {
  listCalls: number
  changeCalls: number
  getChangeCalls: number
  batchesAccepted: number
  /** Judged and refused as InvalidChangeBatch or InvalidInput; throttled and denied ones are in `changeCalls` only. */
  batchesRefused: number
  /** UPSERTs in any batch that was read, accepted or not. Hotspare must never send one. */
  upserts: number
}

/** An error answer on its way out. */
class Route53Error extends Error {
  readonly status: number
  readonly code: string
  constructor(status: number, code: string, message: string) {
    super(message)
    this.name = 'Route53Error'
    this.status = status
    this.code = code
  }
}

interface RoutedCall {
  readonly action: Route53Action
  /** The hosted zone's or the change's id; empty where the path names none. */
  readonly id: string
}

const routes: readonly { method: string; path: RegExp; action: Route53Action }[] = [
  {
    method: 'POST',
    path: /^\/2013-04-01\/hostedzone\/([^/]+)\/rrset\/?$/,
    action: 'ChangeResourceRecordSets',
  },
  { method: 'GET', path: /^\/2013-04-01\/hostedzone\/([^/]+)\/rrset\/?$/, action: 'ListResourceRecordSets' },
  { method: 'GET', path: /^\/2013-04-01\/change\/([^/]+)$/, action: 'GetChange' },
  { method: 'GET', path: /^\/2013-04-01\/hostedzone\/([^/]+)$/, action: 'GetHostedZone' },
  { method: 'POST', path: /^\/2013-04-01\/hostedzone\/?$/, action: 'CreateHostedZone' },
  { method: 'GET', path: /^\/2013-04-01\/hostedzonesbyname\/?$/, action: 'ListHostedZonesByName' },
]

export class LabRoute53 {
  readonly faults = new Route53Faults()
  /** Applied batches, oldest first. */
  readonly batches: AcceptedBatch[] = []
  counts: Route53Counts = noCounts()
  /** How long a change takes to reach the name servers. Read when a batch is applied; Infinity until `zone.publishNow()`. */
  insyncAfterMs = 0
  readonly #zones = new Map<string, Zone>()
  readonly #propagations = new Map<
    string,
    { zone: Zone | null; propagation: Propagation | null; submittedAt: Date }
  >()

  /** Adds a hosted zone without a call. `id` as in the API, e.g. `Z0EXAMPLE`. */
  addZone(id: string, name: string): Zone {
    const zone = new Zone(id, name)
    this.#zones.set(id, zone)
    return zone
  }

  /** All hosted zones, for the name server. */
  zones(): readonly Zone[] {
    return [...this.#zones.values()]
  }

  /** The zone, or an error: a test that names a zone which isn't there is wrong. */
  zone(id: string): Zone {
    const zone = this.#zones.get(id)
    if (zone === undefined) throw new Error(`The lab has no hosted zone ${id}; add it with addZone.`)
    return zone
  }

  resetCounts(): void {
    this.counts = noCounts()
  }

  /** Starts to listen on an ephemeral loopback port. */
  listen(): Promise<LoopbackService> {
    return startLoopbackService({
      faults: this.faults,
      arrived: (call) => this.#count(call),
      answer: (call) => this.#answer(call),
    })
  }

  #count(call: Call): void {
    const action = route(call)?.action
    if (action === 'ListResourceRecordSets') this.counts.listCalls += 1
    if (action === 'ChangeResourceRecordSets') this.counts.changeCalls += 1
    if (action === 'GetChange') this.counts.getChangeCalls += 1
  }

  async #answer(call: Call): Promise<Reply> {
    try {
      if (this.faults.takeThrottled()) throw new Route53Error(400, 'Throttling', 'Rate exceeded')
      const routed = route(call)
      if (routed === null)
        throw new Route53Error(404, 'UnknownOperationException', `${call.method} ${call.url.pathname}`)
      const batch = routed.action === 'ChangeResourceRecordSets' ? this.#readBatch(call) : null
      this.#checkAccess(routed, batch)
      switch (routed.action) {
        case 'ChangeResourceRecordSets':
          return await this.#change(routed.id, batch ?? { comment: undefined, changes: [] })
        case 'ListResourceRecordSets':
          return this.#list(this.#existingZone(routed.id), call.url.searchParams)
        case 'GetChange':
          return this.#getChange(routed.id)
        case 'GetHostedZone':
          return this.#getZone(this.#existingZone(routed.id))
        case 'CreateHostedZone':
          return this.#createZone(call)
        case 'ListHostedZonesByName':
          return this.#listZones(call.url.searchParams)
      }
    } catch (failure) {
      if (failure instanceof Route53Error)
        return xmlError(failure.status, namespace, failure.code, failure.message)
      if (failure instanceof InvalidInput) return xmlError(400, namespace, 'InvalidInput', failure.message)
      throw failure
    }
  }

  #readBatch(call: Call): ChangeBatch {
    try {
      const batch = parseChangeBatch(call.body)
      this.counts.upserts += batch.changes.filter(({ action }) => action === 'UPSERT').length
      return batch
    } catch (failure) {
      this.counts.batchesRefused += 1
      throw failure
    }
  }

  #checkAccess({ action, id }: RoutedCall, batch: ChangeBatch | null): void {
    const kind = action === 'GetChange' ? 'change' : 'hostedzone'
    const resource = id === '' ? '*' : `arn:aws:route53:::${kind}/${id}`
    const call: Route53Call = { action, resource, changes: batch?.changes ?? [] }
    const denial = this.faults.denialOf(call)
    if (denial !== null) throw new Route53Error(403, 'AccessDenied', denial)
  }

  async #change(zoneId: string, { comment, changes }: ChangeBatch): Promise<Reply> {
    const zone = this.#existingZone(zoneId)
    if (this.faults.takeCollision()) {
      const message = 'The request was rejected because Route 53 was still processing a prior request.'
      throw new Route53Error(400, 'PriorRequestNotComplete', message)
    }
    await this.faults.beforeChange?.({ zone, comment, changes })
    const propagation = this.#submit(zone, changes)
    const id = newId('C')
    const appliedAt = new Date()
    this.batches.push({ id, zoneId, comment, changes, appliedAtMs: performance.now(), appliedAt })
    this.#propagations.set(id, { zone, propagation, submittedAt: appliedAt })
    const information = changeInfo(id, 'PENDING', appliedAt, comment)
    const reply = xmlReply(200, 'ChangeResourceRecordSetsResponse', namespace, information)
    return { ...reply, changedSomething: true }
  }

  #submit(zone: Zone, changes: readonly Change[]): Propagation {
    try {
      const propagation = zone.submit(changes, this.insyncAfterMs)
      this.counts.batchesAccepted += 1
      return propagation
    } catch (failure) {
      if (!(failure instanceof BatchRefused)) throw failure
      this.counts.batchesRefused += 1
      throw new Route53Error(400, 'InvalidChangeBatch', failure.message)
    }
  }

  #list(zone: Zone, parameters: URLSearchParams): Reply {
    const startName = parameters.get('name')
    const startType = parameters.get('type')
    const maximumItems = Math.min(
      Number(parameters.get('maxitems') ?? defaultMaximumItems),
      defaultMaximumItems,
    )
    if (!(maximumItems >= 1)) throw new InvalidInput('The maxitems parameter must be a number from 1 to 300')
    if (startType !== null && startName === null)
      throw new InvalidInput('The type parameter needs the name parameter')
    const records = zone.list()
    const from = startName === null ? 0 : firstFrom(records, canonicalName(startName), startType)
    const page = records.slice(from, from + maximumItems)
    const next = records[from + maximumItems]
    return xmlReply(
      200,
      'ListResourceRecordSetsResponse',
      namespace,
      parent('ResourceRecordSets', ...page.map(recordElement)),
      element('IsTruncated', next !== undefined),
      element('NextRecordName', next?.name),
      element('NextRecordType', next?.type),
      element('MaxItems', maximumItems),
    )
  }

  #getChange(id: string): Reply {
    const entry = this.#propagations.get(id)
    if (entry === undefined)
      throw new Route53Error(404, 'NoSuchChange', `Could not find resource with ID: ${id}`)
    const { zone, propagation, submittedAt } = entry
    const insync = zone === null || propagation === null || zone.isInsync(propagation)
    return xmlReply(
      200,
      'GetChangeResponse',
      namespace,
      changeInfo(id, insync ? 'INSYNC' : 'PENDING', submittedAt),
    )
  }

  #getZone(zone: Zone): Reply {
    return xmlReply(200, 'GetHostedZoneResponse', namespace, zoneElement(zone), delegation(zone))
  }

  #createZone(call: Call): Reply {
    const request = parseRequest(call.body, 'CreateHostedZoneRequest') as { readonly Name?: string }
    if (request.Name === undefined) throw new InvalidInput("Invalid request: Missing field 'Name'")
    const zone = this.addZone(newId('Z'), request.Name)
    const id = newId('C')
    const submittedAt = new Date()
    this.#propagations.set(id, { zone: null, propagation: null, submittedAt })
    const location = `https://route53.amazonaws.com/2013-04-01/hostedzone/${zone.id}`
    const information = changeInfo(id, 'PENDING', submittedAt)
    const reply = xmlReply(
      201,
      'CreateHostedZoneResponse',
      namespace,
      zoneElement(zone),
      information,
      delegation(zone),
    )
    return { ...reply, headers: { location }, changedSomething: true }
  }

  #listZones(parameters: URLSearchParams): Reply {
    const from = parameters.get('dnsname')
    const maximumItems = Number(parameters.get('maxitems') ?? 100)
    const zones = this.zones()
      .filter((zone) => from === null || compareNames(zone.name, canonicalName(from)) >= 0)
      .sort((left, right) => compareNames(left.name, right.name))
    return xmlReply(
      200,
      'ListHostedZonesByNameResponse',
      namespace,
      parent('HostedZones', ...zones.slice(0, maximumItems).map(zoneElement)),
      element('IsTruncated', zones.length > maximumItems),
      element('MaxItems', maximumItems),
    )
  }

  #existingZone(id: string): Zone {
    const zone = this.#zones.get(id)
    if (zone === undefined)
      throw new Route53Error(404, 'NoSuchHostedZone', `No hosted zone found with ID: ${id}`)
    return zone
  }
}

function noCounts(): Route53Counts {
  return {
    listCalls: 0,
    changeCalls: 0,
    getChangeCalls: 0,
    batchesAccepted: 0,
    batchesRefused: 0,
    upserts: 0,
  }
}

function route({ method, url }: Call): RoutedCall | null {
  for (const candidate of routes) {
    const match = candidate.method === method ? candidate.path.exec(url.pathname) : null
    if (match !== null) return { action: candidate.action, id: decodeURIComponent(match[1] ?? '') }
  }
  return null
}

function firstFrom(records: readonly RecordSet[], name: string, type: string | null): number {
  // Without a type the page begins at the name's first record: no type sorts before all of them.
  const startsAt = (record: RecordSet) =>
    type !== null && isRecordType(type)
      ? compareRecords(record, { name, type }) >= 0
      : compareNames(record.name, name) >= 0
  const index = records.findIndex(startsAt)
  return index < 0 ? records.length : index
}

function newId(prefix: string): string {
  return prefix + randomUUID().replaceAll('-', '').slice(0, 20).toUpperCase()
}
