/** The figures of one look, by the names of their metrics: worked out from the state, so that they agree with messages and status. */
import { assess, onHold, unfit } from './core/assessment.ts'
import { heartbeatLagMs } from './core/freshness.ts'
import { writable } from './core/three-questions.ts'
import { writability } from './core/writability.ts'
import type { Noted } from './report.ts'

export type Figure =
  | 'WriterUnreachable'
  | 'SpareUnreachable'
  | 'Unprotected'
  | 'NotWritable'
  | 'WriterStalled'
  | 'OnHold'
  | 'DirectoryUnreachable'
  | 'Critical'

/** The counts, and how far the spare's newest heartbeat is behind the writer's, ms; null if that can't be told. */
export function figuresOf({ world, now, decision }: Pick<Noted, 'world' | 'now' | 'decision'>): {
  readonly counts: Readonly<Record<Figure, boolean>>
  readonly lagMs: number | null
} {
  const a = assess(decision.memory, world, now)
  return {
    counts: {
      WriterUnreachable: a.named.answer === null,
      SpareUnreachable: a.spare.answer === null,
      Unprotected: unfit(a) !== null,
      NotWritable: writable(a).answer === 'no',
      WriterStalled: writability(a, a.named) === 'stalled',
      OnHold: onHold(a),
      DirectoryUnreachable: a.memory.ledger.failure !== null,
      Critical: decision.situation.severity === 'critical',
    },
    lagMs: heartbeatLagMs(a.named.answer, a.spare.answer),
  }
}
