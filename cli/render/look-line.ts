/** One line of progress for each log line that the function writes: what it sees, what it does about it, whom it told. */
import type { Paint } from '../terminal.ts'

const COLOURS = { info: 'green', warning: 'yellow', critical: 'red' } as const

/** Null for lines that say nothing to people. */
export function lookLine(logLine: string, paint: Paint): string | null {
  const line = parsed(logLine)
  if (line?.kind === 'message')
    return `${paint.dim('message')}  ${line.subject} (${line.sent === true ? 'sent' : line.sent})`
  if (line?.kind !== 'look') return null
  const colour = COLOURS[line.severity as keyof typeof COLOURS] ?? 'green'
  const clock = String(line.at).slice(11, 23)
  const step =
    line.step === null || line.step === 'beat' ? '' : paint.cyan(`  -> ${line.purpose ?? line.step}`)
  const failed =
    line.last?.outcome === undefined || line.last.outcome === 'done'
      ? ''
      : paint.yellow(`  (${line.last.step} ${line.last.outcome}: ${line.last.message})`)
  return `${paint.dim(clock)}  ${paint[colour](line.situation)}  ${line.because}${step}${failed}`
}

interface LogLine {
  readonly kind?: unknown
  readonly severity?: unknown
  readonly at?: unknown
  readonly situation: string
  readonly because: string
  readonly step: string | null
  readonly purpose?: string
  readonly last: { readonly step: string; readonly outcome: string; readonly message: string } | null
  readonly subject: string
  readonly sent: unknown
}

function parsed(text: string): LogLine | null {
  try {
    return JSON.parse(text) as LogLine
  } catch {
    return null
  }
}
