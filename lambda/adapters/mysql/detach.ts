/**
 * Stops receiving without waiting in line for a receiver that is busy connecting.
 *
 * The one thing to understand: MySQL takes 2.0 s to stop a receiver that is connecting to a silent source; KILL makes it no faster.
 * But the receiver is marked to end at once, and looks at the mark between connecting and asking for anything: tried on
 * 9.7.4, a source that woke during the wait was never read from, and the statement takes effect even if its client has left. So
 * "told to stop, and not connected" is as good as off.
 */
import { numberOf, textOf } from './columns.ts'
import { settledWithin } from './deadline.ts'
import { receiverOf } from './look.ts'
import type { Session } from './session.ts'
import { aidOrNone, replicationStatus, type StepContext, type StepEnd } from './step-context.ts'

/** A stop that takes no longer than this is simply awaited. */
const patienceMs = 50
/** Between the two looks that have to agree that the receiver is marked and unconnected. */
const pauseMs = 25

/** Knows of a stop that the server is still at work on. */
export class Detachment {
  #pending: Promise<unknown> | null = null

  /** True while a receiver that shows as connecting has been told to stop. */
  get isPending(): boolean {
    return this.#pending !== null
  }

  /** Resolves when the server has finished the stop, or its connection broke. */
  async settled(): Promise<void> {
    await this.#pending?.catch(() => undefined)
  }

  /** Leaves a stop to itself; its session is ended when it is done. */
  leave(stop: Promise<unknown>, aid: Session): void {
    this.#pending = stop
    const done = () => {
      this.#pending = null
      aid.quit(pauseMs)
    }
    stop.then(done, done)
  }
}

export async function detach(context: StepContext): Promise<StepEnd> {
  if ((await receiver(context)) === 'off') return { outcome: 'done', message: 'it was not receiving' }
  if (context.detachment.isPending) return { outcome: 'done', message: 'it has been told to stop receiving' }
  const aid = await aidOrNone(context)
  if (aid === null) return detachAlone(context)
  // The aid was opened later than the look. Whoever killed our sessions before that has ended the standing one, and this
  // fails; whoever does it from now on ends the aid too (R4).
  await receiver(context)
  context.changes()
  const stop = aid.query(context.dialect.stopReceiver, [context.channelName])
  stop.catch(() => undefined)
  if (!(await settledWithin(stop, patienceMs)) && (await isMarked(context, aid, stop))) {
    context.keepAid(aid)
    context.detachment.leave(stop, aid)
    return { outcome: 'done', message: 'told to stop while connecting: nothing can be received any more' }
  }
  await stop
  const state = await receiver(context)
  if (state === 'off') return { outcome: 'done', message: '' }
  return { outcome: 'refused', message: `the receiver is still ${state} after STOP` }
}

/** A server without a free connection: its stop is waited for, however long it takes. */
async function detachAlone(context: StepContext): Promise<StepEnd> {
  context.changes()
  await context.control.query(context.dialect.stopReceiver, [context.channelName])
  const state = await receiver(context)
  if (state === 'off') return { outcome: 'done', message: '' }
  return { outcome: 'refused', message: `the receiver is still ${state} after STOP` }
}

/** Waits until the stop has ended (false), or the receiver was twice seen unconnected with the stop at work on it (true). */
async function isMarked(context: StepContext, aid: Session, stop: Promise<unknown>): Promise<boolean> {
  let agreed = 0
  while (agreed < 2) {
    const working = await isWorking(context, aid)
    agreed = working && (await receiver(context)) === 'connecting' ? agreed + 1 : 0
    if (await settledWithin(stop, pauseMs)) return false
  }
  return true
}

async function isWorking(context: StepContext, aid: Session): Promise<boolean> {
  const { rows } = await context.control.query(
    `SELECT id, command FROM ${context.dialect.sessions.table} WHERE id = ?`,
    [aid.id],
  )
  return rows.some((row) => numberOf(row, 'id') === aid.id && textOf(row, 'command') === 'Query')
}

async function receiver(context: StepContext) {
  const status = await replicationStatus(context)
  return status === null ? 'off' : receiverOf(status)
}
