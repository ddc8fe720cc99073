/** Reads the XML of a ChangeResourceRecordSets call into plain changes, or says what Route 53 would say is wrong with it. */
import { XMLParser } from 'fast-xml-parser'
import { type RecordType, recordTypes } from './record-value.ts'
import type { Change } from './zone.ts'

export interface ChangeBatch {
  readonly comment: string | undefined
  readonly changes: readonly Change[]
}

/** The call is malformed: Route 53 answers `InvalidInput`. */
export class InvalidInput extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'InvalidInput'
  }
}

interface ChangeElement {
  readonly Action?: string
  readonly ResourceRecordSet?: {
    readonly Name?: string
    readonly Type?: string
    readonly TTL?: string
    readonly SetIdentifier?: string
    readonly ResourceRecords?: { readonly ResourceRecord?: readonly { readonly Value?: string }[] }
  }
}

const repeatedElements = new Set(['Change', 'ResourceRecord'])
const parser = new XMLParser({
  // Values stay text: "5" must not become a number, and a TXT value's inner space must stay as it is.
  parseTagValue: false,
  trimValues: false,
  isArray: (name) => repeatedElements.has(name),
})

/** The root element of a request, e.g. `CreateHostedZoneRequest`, as nested objects of strings. */
export function parseRequest(xml: string, root: string): unknown {
  const document: unknown = parser.parse(xml)
  const content = (document as Record<string, unknown>)[root]
  if (typeof content !== 'object' || content === null) {
    throw new InvalidInput(`Invalid XML ; cvc-elt.1: Cannot find the declaration of element '${root}'.`)
  }
  return content
}

/** Throws InvalidInput where the shape is wrong; whether the changes are possible is the zone's to say. */
export function parseChangeBatch(xml: string): ChangeBatch {
  const content = parseRequest(xml, 'ChangeResourceRecordSetsRequest') as {
    readonly ChangeBatch?: {
      readonly Comment?: string
      readonly Changes?: { readonly Change?: readonly ChangeElement[] }
    }
  }
  const elements = content.ChangeBatch?.Changes?.Change ?? []
  if (elements.length === 0) {
    throw new InvalidInput(
      "1 validation error detected: Value '[]' at 'changeBatch.changes' must have length at least 1",
    )
  }
  return { comment: content.ChangeBatch?.Comment, changes: elements.map(parseChange) }
}

function parseChange(element: ChangeElement): Change {
  const { Action: action = '', ResourceRecordSet: record = {} } = element
  const { Name: name = '', Type: type = '', TTL: ttl } = record
  const where = `Change with [Action=${action}, Name=${name}, Type=${type}, SetIdentifier=${record.SetIdentifier ?? 'null'}]`
  if (action !== 'CREATE' && action !== 'DELETE' && action !== 'UPSERT') {
    throw new InvalidInput(`Invalid request: Unknown action in ${where}`)
  }
  if (!isRecordType(type) || record.SetIdentifier !== undefined) {
    throw new InvalidInput(
      `Invalid request: the lab's Route 53 holds simple ${recordTypes.join(', ')} records only: ${where}`,
    )
  }
  const values = (record.ResourceRecords?.ResourceRecord ?? []).map(({ Value: value = '' }) => value)
  if (name === '') throw new InvalidInput(`Invalid request: Missing field 'Name' in ${where}`)
  if (ttl === undefined) throw new InvalidInput(`Invalid request: Missing field 'TTL' in ${where}`)
  if (values.length === 0)
    throw new InvalidInput(`Invalid request: Missing field 'ResourceRecords' in ${where}`)
  if (!/^\d+$/.test(ttl) || Number(ttl) > 2_147_483_647) {
    throw new InvalidInput(`Invalid request: TTL must be from 0 to 2147483647 in ${where}`)
  }
  return { action, name, type, ttlSeconds: Number(ttl), values }
}

/** True for the types that the lab's zone can hold. */
export function isRecordType(type: string): type is RecordType {
  return (recordTypes as readonly string[]).includes(type)
}
