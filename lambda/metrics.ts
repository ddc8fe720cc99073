/**
 * Metrics in CloudWatch's embedded format: log lines that cost no call. Emitted every ten seconds, so that a minute's statistics
 * have something to be computed from, and at once when the writer moves.
 */
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics'
import { assess, onHold, unfit } from './core/assessment.ts'
import type { Noted } from './report.ts'

export interface PairMetrics {
  note(noted: Noted): void
}

const EMIT_EVERY_MS = 10_000

export function createPairMetrics(pair: string): PairMetrics {
  let emittedAtMs = Number.NEGATIVE_INFINITY
  return {
    note({ world, now, decision }) {
      const changed =
        decision.memory.moved !== null &&
        world.last?.step.kind === 'swap' &&
        world.last.step.purpose === 'move'
      if (now - emittedAtMs < EMIT_EVERY_MS && !changed) return
      emittedAtMs = now
      const a = assess(decision.memory, world, now)
      const metrics = new Metrics({
        namespace: 'Hotspare',
        // Two deployments in one account may each have a pair of the same name.
        serviceName: process.env.HOTSPARE_DEPLOYMENT ?? 'hotspare',
        defaultDimensions: { pair },
      })
      metrics.addMetric('WriterUnreachable', MetricUnit.Count, a.named.answer === null ? 1 : 0)
      metrics.addMetric('SpareUnreachable', MetricUnit.Count, a.spare.answer === null ? 1 : 0)
      metrics.addMetric('Unprotected', MetricUnit.Count, unfit(a) === null ? 0 : 1)
      metrics.addMetric(
        'WriterStalled',
        MetricUnit.Count,
        decision.situation.code === 'writer-stalled' ? 1 : 0,
      )
      metrics.addMetric('OnHold', MetricUnit.Count, onHold(a) ? 1 : 0)
      metrics.addMetric('DirectoryUnreachable', MetricUnit.Count, a.memory.ledger.failure === null ? 0 : 1)
      metrics.addMetric('Critical', MetricUnit.Count, decision.situation.severity === 'critical' ? 1 : 0)
      metrics.addMetric('Failover', MetricUnit.Count, changed && a.ledger?.how === 'failover' ? 1 : 0)
      metrics.addMetric('Switchover', MetricUnit.Count, changed && a.ledger?.how === 'switchover' ? 1 : 0)
      const lagMs = heartbeatLagMs(
        world.servers[a.spare.name]?.answer?.heartbeat,
        world.servers[a.named.name]?.answer?.heartbeat,
      )
      if (lagMs !== null) metrics.addMetric('ReplicationLag', MetricUnit.Milliseconds, lagMs)
      metrics.publishStoredMetrics()
    },
  }
}

type Row = NonNullable<Noted['world']['servers'][string]['answer']>['heartbeat'] | undefined

/** How far the spare's newest heartbeat is behind the writer's: both were written by the writer's clock. */
function heartbeatLagMs(spare: Row, named: Row): number | null {
  if (spare === undefined || named === undefined || typeof spare === 'string' || typeof named === 'string')
    return null
  return Math.max(0, named.writtenClockMs - spare.writtenClockMs)
}
