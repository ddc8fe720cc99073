/**
 * How Hotspare tells people. An alert never delays or stops a failover (must 9): publishing never rejects, ends at its deadline,
 * and its failure is a value that goes into the log.
 */

export interface Alert {
  /** Any text; it is brought into the form that the channel takes. */
  readonly subject: string
  /** Plain text that a person can act on at 3 a.m. */
  readonly body: string
  /** For subscription filter policies. */
  readonly attributes: {
    readonly pair: string
    /** Code of the event or situation. */
    readonly event: string
    readonly severity: string
  }
}

export interface Alerts {
  /** Publish one alert. True if the service took it; otherwise the reason in words. Never rejects. */
  publish(alert: Alert, timeoutMs: number): Promise<true | string>
  close(): void
}

/** For configurations without a topic: nobody is told, and nothing is wrong about that. */
export function createNoAlerts(): Alerts {
  return { publish: () => Promise.resolve(true), close: () => {} }
}
