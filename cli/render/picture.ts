/**
 * A small picture of the pair: two boxes, what flows between them, and where the name points.
 *
 *     writer.orders.example.com  A  10.0.1.10
 *          |
 *          v
 *     +---------------------+                   +---------------------+
 *     | alice          OPEN |  lag 3 ms         | bob          closed |
 *     | MySQL 9.7.4         | ----------------> | MySQL 9.7.4         |
 *     ...
 */
import type { FollowsOverview, Overview, ServerOverview } from '../../lambda/core/overview.ts'
import { span } from '../../lambda/core/span.ts'
import type { Paint } from '../terminal.ts'

const BOX_WIDTH_MIN = 19
const FLOW_WIDTH = 21

type Named = readonly [name: string, server: ServerOverview]

export function picture(seen: Overview, paint: Paint): string[] {
  const [left, right] = Object.entries(seen.servers)
  if (left === undefined || right === undefined) return []
  const rows = Math.max(boxRows(left).length, boxRows(right).length, 3)
  const leftBox = box(left, rows, paint)
  const rightBox = box(right, rows, paint)
  const middle = ['', ...flow(seen, left, right), ...Array<string>(rows).fill('')]
  return [
    ...pointer(seen, [left, right], leftBox.width),
    ...leftBox.lines.map((line, at) =>
      `  ${line}${(middle[at] ?? '').padEnd(FLOW_WIDTH)}${rightBox.lines[at] ?? ''}`.trimEnd(),
    ),
  ]
}

/** The name and the arrow to the box that it points at. */
function pointer({ record }: Overview, [left, right]: readonly [Named, Named], leftWidth: number): string[] {
  const { name, type, values, pointsAt } = record
  if (values === null) return [`  ${name} does not exist, or was not read`, '']
  const text = `${name}  ${type}  ${values.join(', ')}`
  if (pointsAt === null) return [`  ${text}  (neither of the two)`, '']
  const column = pointsAt === left[0] ? 7 : 2 + leftWidth + FLOW_WIDTH + 5
  const shift = pointsAt === right[0] ? Math.max(0, column - 5) : 2
  return [`${' '.repeat(shift)}${text}`, `${' '.repeat(column)}|`, `${' '.repeat(column)}v`]
}

const STATES = {
  open: 'OPEN',
  'half-closed': 'HALF CLOSED',
  closed: 'closed',
  sick: 'SICK',
  silent: 'SILENT',
} as const

function boxRows([, server]: Named): string[] {
  const rows = [server.version ?? '(version unknown)']
  if (server.upMs !== null) rows.push(`up ${span(server.upMs)}`)
  if (server.clients !== null) rows.push(server.clients === 1 ? '1 client' : `${server.clients} clients`)
  if (server.held) rows.push('HELD')
  return rows
}

function box(named: Named, rows: number, paint: Paint): { lines: string[]; width: number } {
  const [name, { state }] = named
  const texts = boxRows(named)
  const head = name.length + 2 + STATES[state].length
  const inner = Math.max(BOX_WIDTH_MIN, head, ...texts.map((text) => text.length))
  const edge = `+${'-'.repeat(inner + 2)}+`
  const gap = ' '.repeat(inner - name.length - STATES[state].length)
  const body = Array.from({ length: rows }, (_, at) => texts[at] ?? '')
  const lines = [
    edge,
    `| ${name}${gap}${stateInColour(state, paint)} |`,
    ...body.map((text) => `| ${paintHeld(text, inner, paint)} |`),
    edge,
  ]
  return { lines, width: inner + 4 }
}

function stateInColour(state: ServerOverview['state'], paint: Paint): string {
  const text = STATES[state]
  if (state === 'open') return paint.green.bold(text)
  return state === 'closed' ? text : paint.red.bold(text)
}

function paintHeld(text: string, width: number, paint: Paint): string {
  return text === 'HELD' ? `${paint.yellow.bold(text)}${' '.repeat(width - text.length)}` : text.padEnd(width)
}

/** What the right one receives from the left one, and the other way round; a label and an arrow each. */
function flow(seen: Overview, [leftName, left]: Named, [rightName, right]: Named): string[] {
  return [
    `  ${labelOf(right, leftName, seen.lagMs)}`,
    ` ${isFlowing(right.follows, leftName) ? '----------------->' : '- - - - x - - - ->'}`,
    ` ${isFlowing(left.follows, rightName) ? '<-----------------' : '<- - - - x - - - -'}`,
    `  ${labelOf(left, rightName, null)}`,
  ]
}

function isFlowing(follows: FollowsOverview | null, source: string): boolean {
  return follows?.server === source && follows.receiver === 'on' && follows.applier === 'on'
}

/** In at most as many characters as there are between the boxes. */
function labelOf({ state, follows }: ServerOverview, source: string, lagMs: number | null): string {
  if (state === 'silent' || state === 'sick') return 'not known'
  if (follows === null) return 'not set up'
  if (follows.receiver === 'off' && follows.applier === 'off') return 'stopped'
  if (follows.receiver === 'off') return 'not receiving'
  if (follows.applier === 'off') return 'not applying'
  if (follows.receiver === 'connecting') return 'connecting'
  if (follows.server !== source) return 'from elsewhere'
  if (follows.unappliedTransactions > 0) return `${follows.unappliedTransactions} unapplied`.slice(0, 18)
  return lagMs === null ? '' : `lag ${span(lagMs)}`
}
