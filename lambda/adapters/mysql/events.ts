/**
 * The event scheduler and what it runs.
 *
 * The one thing to understand: an event is enabled with its definer named again, or it would become ours, and out of the binary log,
 * or the other server would take it for one of its source's (T18).
 */
import type { StartEventsStep } from '../../core/step.ts'
import type { EventName, EventsView, ServerEvent } from '../../core/world.ts'
import { textOf } from './columns.ts'
import { serverErrno } from './errors.ts'
import type { Row, Statement } from './session.ts'
import type { StepContext, StepEnd } from './step-context.ts'

const eventsMax = 1000

/** Two statements whose answers `eventsOf` takes; the server may refuse either. */
export const eventsQueries: readonly Statement[] = [
  { sql: 'SELECT @@global.event_scheduler AS scheduler' },
  {
    sql: `SELECT EVENT_SCHEMA AS home, EVENT_NAME AS name, DEFINER AS definer, STATUS AS status
      FROM information_schema.EVENTS ORDER BY 1, 2 LIMIT ${eventsMax}`,
  },
]

/** What the scheduler runs; null for an answer that the server refused. */
export function eventsOf(scheduler: readonly Row[] | null, list: readonly Row[] | null): EventsView {
  if (scheduler === null || list === null) return { scheduler: 'unknown', list: [] }
  const [state] = scheduler
  return {
    scheduler: schedulerOf(state === undefined ? '' : textOf(state, 'scheduler')),
    list: list.map((row) => ({
      schema: textOf(row, 'home'),
      name: textOf(row, 'name'),
      definer: textOf(row, 'definer'),
      state: stateOf(textOf(row, 'status')),
    })),
  }
}

function schedulerOf(text: string): EventsView['scheduler'] {
  if (/^(ON|1)$/i.test(text)) return 'on'
  return /^(OFF|0)$/i.test(text) ? 'off' : 'disabled'
}

function stateOf(status: string): ServerEvent['state'] {
  if (/^ENABLED$/i.test(status)) return 'enabled'
  return /SIDE_DISABLED$/i.test(status) ? 'replica-side' : 'disabled'
}

/** One event that can't be enabled keeps none of the others back; it is told. */
export async function startEvents(context: StepContext, { enable }: StartEventsStep): Promise<StepEnd> {
  const refused: string[] = []
  let errno: number | null = null
  if (enable.length > 0) {
    const aid = await context.openAid()
    // This setting ends with the aid.
    await aid.query('SET SESSION sql_log_bin = 0')
    context.changes()
    for (const event of enable) {
      try {
        await aid.query(enableStatement(event))
        context.changed()
      } catch (error) {
        if (serverErrno(error) === null) throw error
        errno ??= serverErrno(error)
        refused.push(
          `${event.schema}.${event.name}: ${error instanceof Error ? error.message : String(error)}`,
        )
      }
    }
  }
  context.changes()
  await context.control.query('SET GLOBAL event_scheduler = ON')
  return refused.length === 0
    ? { outcome: 'done', message: '' }
    : { outcome: 'refused', message: `the scheduler runs; not enabled: ${refused.join('; ')}`, errno }
}

export async function stopEvents(context: StepContext): Promise<StepEnd> {
  context.changes()
  await context.control.query('SET GLOBAL event_scheduler = OFF')
  return { outcome: 'done', message: '' }
}

/** A definer's host may hold anything but an @ sign; its user may. */
function enableStatement({ schema, name, definer }: EventName): string {
  const at = definer.lastIndexOf('@')
  const account = `${quoted(definer.slice(0, at))}@${quoted(definer.slice(at + 1))}`
  return `ALTER DEFINER = ${account} EVENT ${quoted(schema)}.${quoted(name)} ENABLE`
}

function quoted(identifier: string): string {
  return `\`${identifier.replaceAll('`', '``')}\``
}
