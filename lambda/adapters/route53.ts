/**
 * The directory in Route 53.
 *
 * A change batch is atomic, and a DELETE in it succeeds only with the exact current values. One batch that deletes what we read
 * and creates what we want is therefore a compare-and-swap over ledger and writer record together. Never UPSERT: it compares
 * nothing.
 */
import {
  type Change,
  ChangeResourceRecordSetsCommand,
  GetChangeCommand,
  ListResourceRecordSetsCommand,
  type ListResourceRecordSetsCommandInput,
  type ResourceRecordSet,
  Route53Client,
} from '@aws-sdk/client-route-53'
import type { ActResult, SwapStep } from '../core/step.ts'
import type { DirectoryUnreadable, DirectoryView, WriterRecord } from '../core/world.ts'
import { type AwsFailure, type AwsOutcome, awsClientSettings, callAws } from './aws-call.ts'
import type { Directory } from './directory.ts'
import { isWithin, ledgerNameOf, ledgerSetOf, valuesOf, writerRecordOf } from './route53-records.ts'
import { plainName, quoteText, unquoteText } from './txt-strings.ts'
import { resolveWriterName } from './writer-name.ts'

export interface Route53DirectoryOptions {
  /** Like `Z0123456789ABCDEFGHIJ`. */
  readonly hostedZoneId: string
  /** The name that applications connect to. The ledger stands beside it, at `_hotspare.<writerName>`. */
  readonly writerName: string
  readonly recordType: 'A' | 'AAAA' | 'CNAME'
  /** Clock for the times in results; milliseconds that never run backwards. */
  readonly monotonicNow: () => number
  /** `ip:port` of the name server that `resolve` asks. @default HOTSPARE_NAME_SERVER, else the system's */
  readonly nameServer?: string
}

/** The ledger is read over the API, never through a resolver, so its TTL means nothing; it is only fixed. */
const ledgerTtlSeconds = 60
const longestLedgerBytes = 1_000
/** Enough for all sets of the writer's name and the ledger behind them, in all but strange zones. */
const listedAtOnce = 20

/** What a ledger's text looked like in the API when it was read: a DELETE needs exactly that, split and escaped as it stands. */
interface RawLedger {
  readonly text: string
  readonly set: ResourceRecordSet
}

type Verdict = Pick<ActResult, 'outcome' | 'message' | 'changeId'>

interface BothNames {
  readonly writer: readonly ResourceRecordSet[]
  readonly ledger: readonly ResourceRecordSet[]
}

/**
 * A directory in one hosted zone, for one pair. Keep it over invocations where possible: its sockets stay open, and the first
 * call of a new one pays for credentials and a TLS handshake.
 */
export function createRoute53Directory(options: Route53DirectoryOptions): Directory {
  const client = new Route53Client(awsClientSettings())
  const writerName = plainName(options.writerName)
  const names = { writer: writerName, ledger: ledgerNameOf(writerName) }
  const { monotonicNow } = options
  let rawLedger: RawLedger | null = null

  async function read(timeoutMs: number): Promise<DirectoryView> {
    const startedAtMs = monotonicNow()
    const outcome = await readBothNames(client, options, names, timeoutMs)
    const times = { startedAtMs, readAtMs: monotonicNow() }
    if (!outcome.ok) {
      const message = explain('ListResourceRecordSets', options.hostedZoneId, outcome.failure, timeoutMs)
      return { state: 'unreadable', ...times, kind: unreadableKind(outcome.failure), message }
    }
    const set = ledgerSetOf(outcome.value.ledger)
    if (typeof set === 'string') {
      const message = `The TXT record ${names.ledger} is not a ledger of Hotspare's: ${set}. Mend or delete it by hand.`
      return { state: 'unreadable', ...times, kind: 'error', message }
    }
    rawLedger = set === null ? null : { text: unquoteText(valuesOf(set).join(' ')), set }
    const record = writerRecordOf(outcome.value.writer, options.recordType)
    return { state: 'read', ...times, ledger: rawLedger?.text ?? null, record }
  }

  async function swap(step: SwapStep): Promise<ActResult> {
    const startedAtMs = monotonicNow()
    const verdict = objectionTo(step) ?? (await change(step))
    return { step, ...verdict, errno: null, startedAtMs, endedAtMs: monotonicNow() }
  }

  async function change(step: SwapStep): Promise<Verdict> {
    const command = new ChangeResourceRecordSetsCommand({
      HostedZoneId: options.hostedZoneId,
      ChangeBatch: { Comment: `hotspare ${step.purpose}`, Changes: changesOf(step, names, rawLedger) },
    })
    const outcome = await callAws(
      { timeoutMs: step.deadlineMs, repeatWhenLost: false, monotonicNow },
      (abortSignal) => client.send(command, { abortSignal }),
    )
    if (outcome.ok) {
      const changeId = outcome.value.ChangeInfo?.Id?.replace(/^\/change\//, '') ?? null
      return {
        outcome: 'done',
        message: `Route 53 accepted the change ${changeId ?? '(it gave no id)'}.`,
        changeId,
      }
    }
    const { failure } = outcome
    const message = explain('ChangeResourceRecordSets', options.hostedZoneId, failure, step.deadlineMs)
    const mayHaveHappened = failure.kind === 'timeout' || failure.kind === 'lost'
    return { outcome: mayHaveHappened ? 'unknown' : 'refused', message, changeId: null }
  }

  async function insync(changeId: string, timeoutMs: number): Promise<boolean | null> {
    const outcome = await callAws({ timeoutMs, repeatWhenLost: true, monotonicNow }, (abortSignal) =>
      client.send(new GetChangeCommand({ Id: changeId }), { abortSignal }),
    )
    if (!outcome.ok) return null
    const status = outcome.value.ChangeInfo?.Status
    return status === undefined ? null : status === 'INSYNC'
  }

  const nameServer = options.nameServer ?? process.env.HOTSPARE_NAME_SERVER
  return {
    read,
    swap,
    insync,
    resolve: (timeoutMs) =>
      resolveWriterName({ writerName, recordType: options.recordType, nameServer }, timeoutMs),
    close: () => client.destroy(),
  }
}

/**
 * All record sets of the writer's and of the ledger's name, as a rule from one List.
 *
 * Route 53 lists by name with the labels reversed, so the ledger follows the writer as the writer's child. Only other children
 * can stand between; if a page ends among those, the ledger is asked for by name. Both are then read at different moments, which
 * is safe because a swap compares both again.
 */
async function readBothNames(
  client: Route53Client,
  options: Route53DirectoryOptions,
  names: { readonly writer: string; readonly ledger: string },
  timeoutMs: number,
): Promise<AwsOutcome<BothNames>> {
  const { monotonicNow } = options
  const endAtMs = monotonicNow() + timeoutMs
  const found = new Map<string, ResourceRecordSet[]>([
    [names.writer, []],
    [names.ledger, []],
  ])
  let start: Partial<ListResourceRecordSetsCommandInput> | null = { StartRecordName: names.writer }
  while (start !== null) {
    const input: ListResourceRecordSetsCommandInput = {
      HostedZoneId: options.hostedZoneId,
      MaxItems: listedAtOnce,
      ...start,
    }
    const outcome = await callAws(
      { timeoutMs: endAtMs - monotonicNow(), repeatWhenLost: true, monotonicNow },
      (abortSignal) => client.send(new ListResourceRecordSetsCommand(input), { abortSignal }),
    )
    if (!outcome.ok) return outcome
    const page = outcome.value
    for (const set of page.ResourceRecordSets ?? []) found.get(plainName(set.Name ?? ''))?.push(set)

    start = null
    if (page.IsTruncated && page.NextRecordName !== undefined) {
      const next = plainName(page.NextRecordName)
      if (next === names.writer || next === names.ledger) {
        start = {
          StartRecordName: page.NextRecordName,
          StartRecordType: page.NextRecordType,
          StartRecordIdentifier: page.NextRecordIdentifier,
        }
      } else if (isWithin(next, names.writer) && input.StartRecordName !== names.ledger) {
        const passed = (found.get(names.ledger) ?? []).length > 0
        start = passed ? null : { StartRecordName: names.ledger, StartRecordType: 'TXT' }
      }
    }
  }
  return { ok: true, value: { writer: found.get(names.writer) ?? [], ledger: found.get(names.ledger) ?? [] } }
}

/** The refusal of a swap that must not even be sent; null if nothing speaks against it. */
function objectionTo(step: SwapStep): Verdict | null {
  const refused = (message: string): Verdict => ({ outcome: 'refused', message, changeId: null })
  const bytes = Buffer.byteLength(step.to.ledger, 'utf8')
  if (bytes > longestLedgerBytes) {
    return refused(
      `The ledger would have ${bytes} bytes, and at most ${longestLedgerBytes} are allowed. ` +
        'Release holds or end pauses that are no longer needed, then try again.',
    )
  }
  if (step.from.record?.foreign || step.to.record.foreign) {
    return refused(
      'The writer record is an alias, has a routing policy or a health check, or stands beside another record of the same ' +
        'name. Hotspare does not touch such a record: replace it by one simple record.',
    )
  }
  return null
}

/** The batch. Also when the record stays as it is: its deletion proves that it is what we think, and that we may move it. */
function changesOf(
  step: SwapStep,
  names: { readonly writer: string; readonly ledger: string },
  raw: RawLedger | null,
): Change[] {
  const changes: Change[] = []
  if (step.from.ledger !== null) {
    const old = raw?.text === step.from.ledger ? raw.set : ledgerSet(names.ledger, step.from.ledger)
    changes.push({ Action: 'DELETE', ResourceRecordSet: old })
  }
  changes.push({ Action: 'CREATE', ResourceRecordSet: ledgerSet(names.ledger, step.to.ledger) })
  if (step.from.record !== null) {
    changes.push({ Action: 'DELETE', ResourceRecordSet: recordSet(names.writer, step.from.record) })
  }
  changes.push({ Action: 'CREATE', ResourceRecordSet: recordSet(names.writer, step.to.record) })
  return changes
}

function ledgerSet(name: string, text: string): ResourceRecordSet {
  return { Name: name, Type: 'TXT', TTL: ledgerTtlSeconds, ResourceRecords: [{ Value: quoteText(text) }] }
}

function recordSet(name: string, record: WriterRecord): ResourceRecordSet {
  return {
    Name: name,
    // The API takes any type; what we hold came from it or from the validated configuration.
    Type: record.type as NonNullable<ResourceRecordSet['Type']>,
    TTL: record.ttlSeconds,
    ResourceRecords: record.values.map((value) => ({ Value: value })),
  }
}

function unreadableKind({ kind }: AwsFailure): DirectoryUnreadable['kind'] {
  return kind === 'timeout' || kind === 'denied' || kind === 'throttled' ? kind : 'error'
}

/** A failure for people: what happened, and what to do about it. */
function explain(action: string, hostedZoneId: string, failure: AwsFailure, timeoutMs: number): string {
  const said = `${failure.name}: ${failure.message}`
  switch (failure.kind) {
    case 'timeout':
      return (
        `Route 53 did not answer ${action} within ${Math.round(timeoutMs)} ms. If this persists: a function in a VPC needs a ` +
        'NAT gateway, the com.amazonaws.route53 interface endpoint or the dual-stack endpoint to reach it.'
      )
    case 'lost':
      return `The connection to Route 53 failed during ${action} (${said}). Check the function's network and Route 53's status.`
    case 'throttled':
      return `Route 53 put ${action} off until the deadline (${said}). The account's request limit is shared; find who uses it up.`
    case 'denied':
      return (
        `Route 53 denied ${action} (${said}). Grant route53:${action} on hosted zone ${hostedZoneId} to the function's role, ` +
        'for the two record names and types that the stack grants.'
      )
    case 'rejected':
      return failure.name === 'InvalidChangeBatch'
        ? `Route 53 refused the swap, since a record is not as expected (${said}). Someone else changed it; it is read again.`
        : `Route 53 rejected ${action} for hosted zone ${hostedZoneId} (${said}).`
  }
}
