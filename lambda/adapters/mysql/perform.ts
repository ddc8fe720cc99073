/**
 * Performs one awaited step under its deadline.
 *
 * The one thing to understand: a deadline is enforced by destroying the connections. The statement may still be at work on the server;
 * its session then shows among the others at the next look, to be killed before anything else is done (R3, R4).
 */
import type { ServerProfile } from './control.ts'
import { DeadlineError, withinDeadline } from './deadline.ts'
import type { Detachment } from './detach.ts'
import { failureOf, serverErrno } from './errors.ts'
import type { Session } from './session.ts'
import type { Sessions } from './sessions.ts'
import type { StepContext, StepEnd } from './step-context.ts'
import { type AwaitedStep, carryOut } from './steps.ts'

export interface StepTools {
  readonly control: Session
  readonly profile: ServerProfile
  readonly channelName: string
  readonly pair: string
  readonly keepSessionsOf: readonly string[]
  readonly sessions: Sessions
  readonly detachment: Detachment
  readonly monotonicNow: () => number
}

const quitTimeoutMs = 100

/** Never rejects. */
export async function performStep(step: AwaitedStep, tools: StepTools): Promise<StepEnd> {
  const { control, sessions, monotonicNow } = tools
  const aids = new Set<Session>()
  let state: 'unchanged' | 'sent' | 'changed' = 'unchanged'
  let expired = false
  const context: StepContext = {
    ...{
      control,
      pair: tools.pair,
      keepSessionsOf: tools.keepSessionsOf,
      channelName: tools.channelName,
      detachment: tools.detachment,
      monotonicNow,
    },
    dialect: tools.profile.dialect,
    endsAtMs: monotonicNow() + step.deadlineMs,
    isLive: (id) => sessions.isOurs('', id),
    openAid: async () => {
      const aid = await sessions.open('aid')
      aids.add(aid)
      if (expired) aid.destroy()
      return aid
    },
    keepAid: (aid) => {
      aids.delete(aid)
    },
    changes: () => {
      if (state === 'unchanged') state = 'sent'
    },
    changed: () => {
      state = 'changed'
    },
  }
  const giveUp = () => {
    expired = true
    control.destroy()
    for (const aid of aids) aid.destroy()
  }
  try {
    return await withinDeadline(carryOut(context, step), step.deadlineMs, step.kind, giveUp)
  } catch (error) {
    return endOf(error, state)
  } finally {
    for (const aid of aids) aid.quit(quitTimeoutMs)
  }
}

function endOf(error: unknown, state: 'unchanged' | 'sent' | 'changed'): StepEnd {
  const { message } = failureOf(error)
  const errno = serverErrno(error)
  if (state === 'unchanged') return { outcome: 'refused', message: `${message}; nothing was changed`, errno }
  if (errno !== null) return { outcome: state === 'sent' ? 'refused' : 'unknown', message, errno }
  return {
    outcome: 'unknown',
    message: error instanceof DeadlineError ? message : `the connection broke: ${message}`,
  }
}
