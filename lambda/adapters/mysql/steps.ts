/**
 * Carries out single steps on a server, each verified by reading back.
 *
 * The one thing to understand: nothing is decided here. A step does what it says or tells why not; deadlines are the caller's, who
 * destroys the connections when one passes.
 */
import type {
  BeatStep,
  CloseStep,
  OpenStep,
  QueueCloseStep,
  RecordTakeoverStep,
  ServerStep,
  StartThreadsStep,
} from '../../core/step.ts'
import { flagOf, numberOf, textOf } from './columns.ts'
import { settledWithin } from './deadline.ts'
import { detach } from './detach.ts'
import { channelParameters } from './dialect.ts'
import { startEvents, stopEvents } from './events.ts'
import { killClients, killOthers, killSessions, unacknowledgedBeats } from './kill.ts'
import { applierOf, receiverOf } from './look.ts'
import type { Session } from './session.ts'
import { openStatement, recordTakeover } from './statements.ts'
import { aidOrNone, replicationStatus, type StepContext, type StepEnd } from './step-context.ts'

/** Steps that go over the standing connection and are awaited. */
export type AwaitedStep = Exclude<ServerStep, BeatStep | QueueCloseStep>

const done: StepEnd = { outcome: 'done', message: '' }
const pollEveryMs = 25
/** Lock waits of the standing connection outside a close. */
const usualLockWaitSeconds = 1

/** Rejects with the error of server or connection. */
export function carryOut(context: StepContext, step: AwaitedStep): Promise<StepEnd> {
  switch (step.kind) {
    case 'close':
      return closeServer(context, step)
    case 'open':
      return openServer(context, step)
    case 'kill-others':
      return killOthers(context, step.ids)
    case 'detach':
      return detach(context)
    case 'stop-applier':
      return stopApplier(context)
    case 'start-threads':
      return startThreads(context, step)
    case 'reconnect':
      return reconnect(context)
    case 'stop-waiting':
      return stopWaiting(context)
    case 'record-takeover':
      return keepTakeover(context, step)
    case 'start-events':
      return startEvents(context, step)
    case 'stop-events':
      return stopEvents(context)
    case 'end-blockers':
      return killOthers(context, step.ids)
  }
}

/** Closed first, then killed: sessions that connect again in between can write no more (T16). */
async function closeServer(context: StepContext, step: CloseStep): Promise<StepEnd> {
  const { control, dialect } = context
  await control.query(`SET SESSION lock_wait_timeout = ${step.lockWaitSeconds}`)
  // A session that is told to end gives its locks back, so this may be what lets the close through; it changes no state.
  if (step.killFirst) await killClients(context)
  await killSessions(control, await unacknowledgedBeats(control, dialect))
  if (step.killFirst) await letWaitingCommitsGo(context)
  context.changes()
  try {
    await control.query(dialect.close)
  } catch (error) {
    // The statement has ended with an error, so it can't land later (T12); but half of it may have been done.
    if (await isTouched(context)) context.changed()
    throw error
  }
  context.changed()
  await control.query(`SET SESSION lock_wait_timeout = ${usualLockWaitSeconds}`)
  const refused = await killClients(context)
  if (!(await isClosed(context)))
    return { outcome: 'unknown', message: 'the server was closed, but reads as open again' }
  const reasons = [...refused].map(([id, message]) => `${id}: ${message}`).join('; ')
  return {
    outcome: 'done',
    message: reasons === '' ? '' : `closed; sessions that it would not end: ${reasons}`,
  }
}

/**
 * On MySQL a commit that waits for an acknowledgement outlives its session's KILL, and a close waits with it. Nobody is told OK any more
 * where the sessions were ended first, so nothing false is promised. A planned switchover never does this: it refuses such a moment.
 */
async function letWaitingCommitsGo({ control, dialect }: StepContext): Promise<void> {
  if (dialect.waitingSwitch === null) return
  const { rows } = await control.query(
    `SELECT id FROM ${dialect.sessions.table} WHERE state LIKE '%semi-sync ACK%' AND command <> 'Daemon'`,
  )
  if (rows.length > 0) await control.query(`SET GLOBAL ${dialect.waitingSwitch} = 0`)
}

async function isClosed(context: StepContext): Promise<boolean> {
  const { rows } = await context.control.query(`SELECT ${context.dialect.closedExpression} AS closed`)
  return rows.some((row) => flagOf(row, 'closed'))
}

/** MySQL sets read_only first: a close that gives up may leave it on by itself. */
async function isTouched(context: StepContext): Promise<boolean> {
  const { rows } = await context.control.query('SELECT @@global.read_only AS touched')
  return rows.some((row) => flagOf(row, 'touched'))
}

async function openServer(context: StepContext, step: OpenStep): Promise<StepEnd> {
  context.changes()
  await context.control.query(openStatement(step.untilClockMs))
  const { rows } = await context.control.query('SELECT @@global.read_only AS still')
  if (rows.some((row) => !flagOf(row, 'still'))) return done
  return {
    outcome: 'refused',
    message: 'the moment until which it was to be opened has passed on its own clock; it is still closed',
  }
}

/** STOP alone waits up to a minute for the rest of a transaction that will never come; its worker is killed instead (T34). */
async function stopApplier(context: StepContext): Promise<StepEnd> {
  const { control, dialect, channelName } = context
  const status = await replicationStatus(context)
  if (status === null || applierOf(status) === 'off') return done
  const aid = await aidOrNone(context)
  context.changes()
  // Without a second connection nobody could help the stop along: who would keep it waiting is ended first.
  if (aid === null && dialect.killAppliersAfterMs === 0) await killWaitingAppliers(context, control)
  const stop = control.query(dialect.stopApplier, [channelName])
  stop.catch(() => undefined)
  const killFromMs = context.monotonicNow() + dialect.killAppliersAfterMs
  let killed = 0
  while (!(await settledWithin(stop, pollEveryMs))) {
    if (aid === null || context.monotonicNow() < killFromMs) continue
    killed += await killWaitingAppliers(context, aid)
  }
  await stop
  const after = await replicationStatus(context)
  if (after !== null && applierOf(after) === 'on')
    return { outcome: 'refused', message: 'the applier still runs after STOP' }
  return {
    outcome: 'done',
    message: killed === 0 ? '' : 'a worker with an incomplete transaction was killed',
  }
}

/** Ends the workers that hold a transaction and wait for more of it; returns how many. */
async function killWaitingAppliers({ dialect, channelName }: StepContext, over: Session): Promise<number> {
  const { rows } = await over.query(
    dialect.waitingAppliers,
    channelParameters(dialect.waitingAppliers, channelName),
  )
  const ids = rows.map((row) => numberOf(row, 'id'))
  await killSessions(over, ids)
  return ids.length
}

async function startThreads(context: StepContext, step: StartThreadsStep): Promise<StepEnd> {
  const { control, dialect, channelName } = context
  // A start would do nothing while a stop is still at work, and the stop would then win.
  await context.detachment.settled()
  context.changes()
  if (step.applier) {
    await control.query(dialect.startApplier, [channelName])
    context.changed()
  }
  if (step.receiver) await control.query(dialect.startReceiver, [channelName])
  const status = await replicationStatus(context)
  if (status === null) return { outcome: 'refused', message: 'replication is not configured on it' }
  const missing = [
    ...(step.applier && applierOf(status) === 'off'
      ? [`the applier stopped: ${textOf(status, 'Last_SQL_Error')}`]
      : []),
    ...(step.receiver && receiverOf(status) === 'off'
      ? [`the receiver stopped: ${textOf(status, 'Last_IO_Error')}`]
      : []),
  ]
  return missing.length === 0 ? done : { outcome: 'refused', message: missing.join('; ') }
}

async function reconnect(context: StepContext): Promise<StepEnd> {
  const { control, dialect, channelName } = context
  await context.detachment.settled()
  const { rows } = await control.query(dialect.receiverStates)
  if (rows.some((row) => /^connecting to/i.test(textOf(row, 'state')))) {
    // Stopping it now would take 2.0 s, and it is doing already what it is to do.
    return { outcome: 'done', message: 'the receiver is connecting already' }
  }
  context.changes()
  await control.query(dialect.stopReceiver, [channelName])
  context.changed()
  await control.query(dialect.startReceiver, [channelName])
  const status = await replicationStatus(context)
  if (status !== null && receiverOf(status) !== 'off') return done
  return { outcome: 'refused', message: 'the receiver did not start again' }
}

async function stopWaiting(context: StepContext): Promise<StepEnd> {
  const { control, dialect } = context
  if (dialect.waitingSwitch === null)
    return { outcome: 'done', message: 'semi-synchronous replication is not loaded' }
  context.changes()
  await control.query(`SET GLOBAL ${dialect.waitingSwitch} = 0`)
  const { rows } = await control.query(`SELECT @@global.${dialect.waitingSwitch} AS waits`)
  if (rows.some((row) => !flagOf(row, 'waits'))) return done
  return { outcome: 'refused', message: 'it still waits for replicas' }
}

/** This one goes into the binary log on purpose: the other server gets it too. */
async function keepTakeover(context: StepContext, step: RecordTakeoverStep): Promise<StepEnd> {
  context.changes()
  await context.control.query(recordTakeover, [context.pair, step.epoch, step.writer, step.gtidSet])
  return done
}
