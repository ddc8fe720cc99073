/** What can go wrong at Route 53 in particular: limits, refusals by IAM, and a zone that changes between a read and a change. */
import { ServiceFaults } from './faults.ts'
import { notAuthorizedMessage } from './lab-account.ts'
import type { Change, Zone } from './zone.ts'

export type Route53Action =
  | 'ChangeResourceRecordSets'
  | 'CreateHostedZone'
  | 'GetChange'
  | 'GetHostedZone'
  | 'ListHostedZonesByName'
  | 'ListResourceRecordSets'

/** A call as an IAM policy would see it. */
export interface Route53Call {
  readonly action: Route53Action
  /** The ARN that IAM checks. */
  readonly resource: string
  /** Empty but for ChangeResourceRecordSets. */
  readonly changes: readonly Change[]
}

/** A batch that has arrived and is about to be judged. */
export interface ArrivedBatch {
  readonly zone: Zone
  readonly comment: string | undefined
  readonly changes: readonly Change[]
}

export class Route53Faults extends ServiceFaults {
  /**
   * Called for every batch that got past the other faults, before the zone judges it: a test can alter the zone between a
   * client's read and its change. While the returned promise is pending the batch is under way and not applied; it is applied
   * afterwards even if its client gave up.
   */
  beforeChange: ((batch: ArrivedBatch) => void | Promise<void>) | null = null
  #throttledCalls = 0
  #collidingBatches = 0
  #denials: ((call: Route53Call) => boolean)[] = []

  /** The next `count` calls of any kind answer HTTP 400 `Throttling`. The SDK retries these. */
  throttleNext(count: number): void {
    this.#throttledCalls = count
  }

  /** The next `count` batches answer HTTP 400 `PriorRequestNotComplete`. The SDK retries these. */
  priorRequestNotCompleteNext(count: number): void {
    this.#collidingBatches = count
  }

  /** Refuses an action, or the calls that the predicate picks, with HTTP 403 `AccessDenied` until `clear`. */
  deny(rule: Route53Action | ((call: Route53Call) => boolean)): void {
    this.#denials.push(typeof rule === 'string' ? (call) => call.action === rule : rule)
  }

  /** Counts a throttled call off; true if this is one. */
  takeThrottled(): boolean {
    if (this.#throttledCalls === 0) return false
    this.#throttledCalls -= 1
    return true
  }

  /** Counts a colliding batch off; true if this is one. */
  takeCollision(): boolean {
    if (this.#collidingBatches === 0) return false
    this.#collidingBatches -= 1
    return true
  }

  /** IAM's message if the call is denied, else null. */
  denialOf(call: Route53Call): string | null {
    const denied = this.#denials.some((matches) => matches(call))
    return denied ? notAuthorizedMessage(`route53:${call.action}`, call.resource) : null
  }

  override clear(): void {
    super.clear()
    this.beforeChange = null
    this.#throttledCalls = 0
    this.#collidingBatches = 0
    this.#denials = []
  }
}
