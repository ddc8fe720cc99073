/**
 * What people and machines get to know: one JSON log line for each look that changed something, with everything in it that replays
 * the decision; metrics; messages. Nothing here is waited for while a watch runs (must 9).
 */
import type { Alerts } from './adapters/alerts.ts'
import type { Decision } from './core/decide.ts'
import type { Memory } from './core/memory.ts'
import type { Message } from './core/message.ts'
import type { World } from './core/world.ts'
import type { PairMetrics } from './metrics.ts'

export interface Noted {
  /** Memory as it was before the look. */
  readonly memory: Memory
  readonly world: World
  readonly now: number
  readonly decision: Decision
}

export interface Reporter {
  note(noted: Noted): void
  /** Ends when every message is out, or given up at its deadline. Until then what did not get out is tried again. */
  settled(): Promise<void>
}

export interface ReporterOptions {
  readonly alerts: Alerts
  readonly metrics: PairMetrics | null
  /** Takes one line without its end. */
  readonly log: (line: string) => void
}

const PUBLISH_TIMEOUT_MS = 5000
const RETRY_EVERY_MS = 5000
/** The function's time is nearly over by then. */
const LAST_TRY_TIMEOUT_MS = 1000

export function createReporter({ alerts, metrics, log }: ReporterOptions): Reporter {
  const sending = new Set<Promise<void>>()
  let unsent: Message[] = []
  let triedAtMs = Number.NEGATIVE_INFINITY
  let before = ''

  async function send(message: Message, timeoutMs = PUBLISH_TIMEOUT_MS): Promise<void> {
    const { pair, event, severity, subject, body } = message
    const outcome = await alerts.publish({ subject, body, attributes: { pair, event, severity } }, timeoutMs)
    log(JSON.stringify({ kind: 'message', pair, event, severity, subject, body, sent: outcome }))
    if (outcome !== true) unsent.push(message)
  }

  function start(messages: readonly Message[], timeoutMs?: number): void {
    for (const message of messages) {
      const sent = send(message, timeoutMs).finally(() => sending.delete(sent))
      sending.add(sent)
    }
  }

  /** Sends once more what did not get out. */
  function retry(timeoutMs?: number): void {
    const again = unsent
    unsent = []
    start(again, timeoutMs)
  }

  return {
    note(noted) {
      const { world, decision } = noted
      metrics?.note(noted)
      const { step, situation, messages } = decision
      const acted =
        (step !== null && step.kind !== 'beat') || (world.last !== null && world.last.step.kind !== 'beat')
      if (situation.code !== before || acted || messages.length > 0) log(line(noted))
      before = situation.code
      if (unsent.length > 0 && noted.now - triedAtMs >= RETRY_EVERY_MS) {
        triedAtMs = noted.now
        retry()
      }
      start(messages)
    },
    settled: async () => {
      await Promise.all(sending)
      retry(LAST_TRY_TIMEOUT_MS)
      await Promise.all(sending)
    },
  }
}

/** The readable part first; memory, world and now behind it are what `decide` had, so that the line replays. */
function line({ memory, world, now, decision }: Noted): string {
  const { situation, step } = decision
  const outcome =
    world.last === null
      ? null
      : { step: world.last.step.kind, outcome: world.last.outcome, message: world.last.message }
  return JSON.stringify({
    kind: 'look',
    pair: world.policy.pair,
    who: world.who,
    at: new Date(world.wallClockMs).toISOString(),
    severity: situation.severity,
    situation: situation.code,
    because: situation.because,
    advice: situation.advice,
    step: step?.kind ?? null,
    purpose: step?.kind === 'swap' ? step.purpose : undefined,
    last: outcome,
    timeline: decision.memory.timeline,
    risk: decision.memory.risk,
    now,
    memory,
    world,
  })
}
