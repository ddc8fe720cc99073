/**
 * The dashboard's widget: looks at the pairs that it is asked for, as `status` does, and answers with a drawing. It acts on nothing,
 * and its role could not.
 */
import { type Configuration, loadConfiguration } from './config.ts'
import { onlooking } from './onlooking.ts'
import { runOf } from './pair.ts'
import { drawing, type Theme } from './widget-drawing.ts'
import { type PairPicture, pictureOf } from './widget-picture.ts'

/** What CloudWatch sends: the widget's own parameters, and where it is shown. */
export interface WidgetEvent {
  /** True where the editor asks what the widget is. */
  readonly describe?: boolean
  readonly pairs?: readonly string[]
  readonly widgetContext?: { readonly theme?: string }
}

interface Context {
  getRemainingTimeInMillis(): number
}

const description = {
  markdown:
    '### Hotspare\nDraws pairs of MySQL servers: who is open, who follows whom, what changed last.\n\nParameter | Description\n---|---\n**pairs** | Names of pairs; all if left out, at most 12',
}
const pairsMax = 12
/** A comparison counts only once a second look agrees (R12). */
const looks = 3
/** Left for drawing and the way back. */
const closingMs = 2000

export async function widget(event: WidgetEvent, context: Context): Promise<unknown> {
  if (event.describe === true) return description
  const configuration = loadConfiguration()
  const theme: Theme = event.widgetContext?.theme === 'dark' ? 'dark' : 'light'
  const known = Object.keys(configuration.pairs)
  const asked = (event.pairs ?? known).slice(0, pairsMax)
  const remainingMs = () => context.getRemainingTimeInMillis() - closingMs
  const seen = await Promise.allSettled(asked.map((pair) => look(configuration, pair, remainingMs)))
  const pictures = seen.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
  const failures = seen.flatMap((each, at) =>
    each.status === 'rejected' ? [[asked[at] ?? '', reasonOf(each.reason)] as const] : [],
  )
  return drawing(pictures, Object.fromEntries(failures), theme)
}

async function look(
  configuration: Configuration,
  pair: string,
  remainingMs: () => number,
): Promise<PairPicture> {
  let count = 0
  for await (const { world, decision, now } of onlooking(runOf(configuration, pair, remainingMs))) {
    count += 1
    if (count === looks || remainingMs() <= 0) return pictureOf(world, decision, now)
  }
  throw new Error('Looking ended by itself. Report this as a bug.')
}

function reasonOf(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason)
}
