/**
 * Metrics in CloudWatch's embedded format: log lines that cost no call. Emitted every ten seconds, so that a minute's statistics
 * have something to be computed from, and at once when the writer moves.
 */
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics'
import { assess } from './core/assessment.ts'
import { figuresOf } from './figures.ts'
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
      const { counts, lagMs } = figuresOf({ world, now, decision })
      for (const [name, stands] of Object.entries(counts))
        metrics.addMetric(name, MetricUnit.Count, stands ? 1 : 0)
      metrics.addMetric('Failover', MetricUnit.Count, changed && a.ledger?.how === 'failover' ? 1 : 0)
      metrics.addMetric('Switchover', MetricUnit.Count, changed && a.ledger?.how === 'switchover' ? 1 : 0)
      if (lagMs !== null) metrics.addMetric('ReplicationLag', MetricUnit.Milliseconds, lagMs)
      metrics.publishStoredMetrics()
    },
  }
}
