/**
 * What a command has of the world: two streams, the environment, and Ctrl-C. Tests give their own.
 *
 * Answers go to stdout, progress and mistakes to stderr, so that `hotspare ... --json | jq` always works.
 */
import { Ansis } from 'ansis'

export interface Stream {
  write(text: string): unknown
  readonly isTTY?: boolean
  readonly columns?: number
}

export interface Terminal {
  readonly stdout: Stream
  readonly stderr: Stream
  readonly stdin: AsyncIterable<string | Buffer>
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Calls back at each Ctrl-C or termination until the returned function is called. */
  onInterrupt(listener: () => void): () => void
}

export type Paint = Ansis

/** Colours on a terminal, unless NO_COLOR says otherwise (https://no-color.org). */
export function paintFor(stream: Stream, environment: Terminal['environment']): Paint {
  const refused = (environment.NO_COLOR ?? '') !== '' || environment.TERM === 'dumb'
  return new Ansis(stream.isTTY === true && !refused ? 1 : 0)
}

const NARROWEST = 60
const WIDEST = 100

/** How many characters fit on a line: the terminal's, within reason. */
export function widthOf(stream: Stream): number {
  return Math.max(NARROWEST, Math.min(stream.columns ?? WIDEST, WIDEST))
}
