/**
 * What an authoritative name server answers to one query, as a pure function of the zones it serves. The rules that clients
 * notice: a name that exists without the asked type is NODATA, one that doesn't exist is NXDOMAIN, both with the SOA; aliases
 * are followed inside the zone; names compare without regard to case.
 */
import {
  type Answer,
  AUTHORITATIVE_ANSWER,
  type DecodedPacket,
  type Packet,
  type Question,
  RECURSION_DESIRED,
} from 'dns-packet'
import { canonicalName, isWithin } from './domain-name.ts'
import { parseTextStrings } from './record-value.ts'
import type { RecordSet, Zone } from './zone.ts'

export const responseCodes = {
  noError: 0,
  formatError: 1,
  nameError: 3,
  notImplemented: 4,
  refused: 5,
} as const

/** How many aliases are followed before the name server gives up, so that a loop ends. */
const maximumAliases = 8
const operationCodeMask = 0x7800

/** The whole answer; `zones` are asked for the records that they serve at this moment. */
export function answerQuery(query: DecodedPacket, zones: readonly Zone[]): Packet {
  const [question, ...others] = query.questions ?? []
  if (((query.flags ?? 0) & operationCodeMask) !== 0) return response(query, responseCodes.notImplemented)
  if (question === undefined || others.length > 0) return response(query, responseCodes.formatError)
  const zone = zoneOf(zones, canonicalName(question.name))
  if (zone === undefined || (question.class ?? 'IN') !== 'IN') return response(query, responseCodes.refused)
  return authoritativeAnswer(query, question, zone)
}

function authoritativeAnswer(query: DecodedPacket, question: Question, zone: Zone): Packet {
  const served = zone.served()
  const answers: Answer[] = []
  let owner = question.name
  for (let aliases = 0; aliases <= maximumAliases; aliases += 1) {
    const name = canonicalName(owner)
    if (!isWithin(name, zone.name)) return response(query, responseCodes.noError, answers)
    const records = served.filter((record) => record.name === name)
    const matching = records.filter((record) => matches(question, record))
    const alias = records.find((record) => record.type === 'CNAME')
    if (matching.length === 0 && alias !== undefined) {
      answers.push(...answersOf(alias, owner))
      owner = alias.values[0] ?? ''
      continue
    }
    answers.push(...matching.flatMap((record) => answersOf(record, owner)))
    if (matching.length > 0) return response(query, responseCodes.noError, answers)
    // A name with only names below it exists too, with no records of its own.
    const exists = served.some((record) => isWithin(record.name, name))
    const code = exists ? responseCodes.noError : responseCodes.nameError
    return response(query, code, answers, authority(served, zone))
  }
  return response(query, responseCodes.noError, answers)
}

function zoneOf(zones: readonly Zone[], name: string): Zone | undefined {
  const candidates = zones.filter((zone) => isWithin(name, zone.name))
  return candidates.sort((left, right) => right.name.length - left.name.length)[0]
}

function matches(question: Question, record: RecordSet): boolean {
  // dns-packet names type 255 ANY, though its declared types leave it out.
  return record.type === question.type || (question.type as string) === 'ANY'
}

function authority(served: readonly RecordSet[], zone: Zone): Answer[] {
  const start = served.find((record) => record.type === 'SOA')
  return start === undefined ? [] : answersOf(start, zone.name)
}

function response(
  query: DecodedPacket,
  code: number,
  answers: Answer[] = [],
  authorities: Answer[] = [],
): Packet {
  const recursionDesired = (query.flags ?? 0) & RECURSION_DESIRED
  const authoritative =
    code === responseCodes.noError || code === responseCodes.nameError ? AUTHORITATIVE_ANSWER : 0
  return {
    type: 'response',
    id: query.id ?? 0,
    flags: authoritative | recursionDesired | code,
    questions: query.questions ?? [],
    answers,
    authorities,
  }
}

function answersOf(record: RecordSet, owner: string): Answer[] {
  return record.values.map((value) => answerOf(record, owner, value))
}

function answerOf({ type, ttlSeconds: ttl }: RecordSet, name: string, value: string): Answer {
  switch (type) {
    case 'A':
    case 'AAAA':
    case 'CNAME':
    case 'NS':
      return { type, name, ttl, class: 'IN', data: value }
    case 'TXT':
      return { type, name, ttl, class: 'IN', data: [...parseTextStrings(value)] }
    case 'SOA': {
      const [mname = '', rname = '', ...numbers] = value.split(/\s+/)
      const [serial, refresh, retry, expire, minimum] = numbers.map(Number)
      return { type, name, ttl, class: 'IN', data: { mname, rname, serial, refresh, retry, expire, minimum } }
    }
  }
}
