/** The function's log lines, as the lab reads them back. */
import type { Memory } from '../lambda/core/memory.ts'
import type { Risk } from '../lambda/core/risk.ts'
import type { World } from '../lambda/core/world.ts'
import type { LogLine } from './lambda/invocation.ts'

export interface LookLine {
  readonly kind: 'look'
  readonly who: string
  readonly severity: string
  readonly situation: string
  readonly because: string
  readonly advice: string
  readonly step: string | null
  readonly purpose?: string
  readonly last: { readonly step: string; readonly outcome: string; readonly message: string } | null
  readonly timeline: Memory['timeline']
  readonly risk: Risk | null
  readonly now: number
  readonly memory: Memory
  readonly world: World
}

export interface MessageLine {
  readonly kind: 'message'
  readonly event: string
  readonly severity: string
  readonly subject: string
  readonly body: string
  /** True, or why it could not be sent. */
  readonly sent: true | string
}

export function lookOf(line: LogLine): LookLine | null {
  return kindOf(line) === 'look' ? (line.json as unknown as LookLine) : null
}

export function messageOf(line: LogLine): MessageLine | null {
  return kindOf(line) === 'message' ? (line.json as unknown as MessageLine) : null
}

function kindOf(line: LogLine): unknown {
  return typeof line.json === 'object' && line.json !== null && 'kind' in line.json ? line.json.kind : null
}
