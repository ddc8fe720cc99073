/**
 * What people can ask for: one row an action. The request function answers with it, and the command line with `--local`.
 *
 * An action reads its own event, and answers; it throws only for defects. A request that can't be understood changes nothing.
 */

import { nearest } from './config/nearest.ts'
import type { Configuration } from './config.ts'
import { failover } from './failover-request.ts'
import { adopt, pause, release, resume } from './ledger-requests.ts'
import { LAMBDA_OUTPUT, type Output, runOf } from './pair.ts'
import { type Answer, eventSchema, readEvent, wrongRequest } from './request-event.ts'
import { status } from './status.ts'
import { switchover } from './switchover-request.ts'

export type Action = (
  configuration: Configuration,
  pair: string,
  event: unknown,
  remainingMs: () => number,
  output?: Output,
) => Answer | Promise<Answer>

export const ACTIONS: Readonly<Record<string, Action>> = {
  status: askStatus,
  failover,
  switchover,
  adopt,
  pause,
  resume,
  release,
}

/** Answers one request. `event` is whatever was sent. */
export async function answer(
  configuration: Configuration,
  event: unknown,
  remainingMs: () => number,
  output: Output = LAMBDA_OUTPUT,
): Promise<Answer> {
  const { action, pair } = (typeof event === 'object' && event !== null ? event : {}) as Record<
    string,
    unknown
  >
  const act = typeof action === 'string' && Object.hasOwn(ACTIONS, action) ? ACTIONS[action] : undefined
  if (act === undefined) return wrongWord('action', action, Object.keys(ACTIONS))
  const pairs = Object.keys(configuration.pairs)
  const name = pair ?? (pairs.length === 1 ? pairs[0] : undefined)
  if (typeof name !== 'string' || !pairs.includes(name)) return wrongWord('pair', pair, pairs)
  return act(configuration, name, event, remainingMs, output)
}

function wrongWord(path: string, word: unknown, known: readonly string[]): Answer {
  const meant = typeof word === 'string' ? nearest(word, known) : null
  const suggestion = meant === null ? '' : `did you mean "${meant}"? `
  const value = word === undefined ? '(missing)' : JSON.stringify(word).slice(0, 80)
  return wrongRequest([{ path, value, mend: `${suggestion}It is one of: ${known.join(', ')}` }])
}

async function askStatus(
  ...[configuration, pair, event, remainingMs, output]: Parameters<Action>
): Promise<Answer> {
  const read = readEvent(eventSchema({}), event)
  if ('wrong' in read) return read.wrong
  return status(runOf(configuration, pair, remainingMs, null, output))
}
