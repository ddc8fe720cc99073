/**
 * The adapters' interfaces over the simulated pair, so that the production driver runs on it with a fake clock. What it sees and does is
 * what `observe` and `perform` give; only the waiting is added, and its lengths come from the caller.
 */
import type { Directory } from '../../lambda/adapters/directory.ts'
import type { ServerLink } from '../../lambda/adapters/server.ts'
import type { ActResult, ServerLookRequest, ServerStep, Step, SwapStep } from '../../lambda/core/step.ts'
import type { DirectoryView, WriterRecord } from '../../lambda/core/world.ts'
import type { Links } from '../../lambda/observe.ts'
import { readDirectory, viewOf } from './observe.ts'
import { perform } from './pair.ts'
import { type Effect, settle } from './server.ts'
import { clone, invocationOf, isCut, type Name, type SimState } from './state.ts'

/** The state that everybody in a story shares, replaced by each act. */
export interface Stage {
  state: SimState
  /** How long the next call takes, ms of the story's time. */
  readonly delayMs: () => number
  /** Lets that much of the story's time pass. */
  readonly pass: (ms: number) => Promise<void>
  /** What an act did, for the checkers. */
  readonly acted?: (before: SimState, effects: readonly Effect[]) => void
  /** What goes wrong with the directory next. */
  readonly trouble: { loseNext: boolean; denied: 'read' | 'swap' | null }
}

export interface SimLinks extends Links {
  /** A socket closed or a probe ended: everybody who waits looks again. */
  readonly ring: () => void
}

export function linksOf(stage: Stage, who: string): SimLinks {
  const listeners: (() => void)[] = []
  const server = (name: Name) => createServerLink(stage, who, name, listeners)
  return {
    servers: { alice: server('alice'), bob: server('bob') },
    directory: createDirectory(stage, who),
    ring: () => {
      for (const listener of listeners) listener()
    },
  }
}

function createServerLink(stage: Stage, who: string, name: Name, listeners: (() => void)[]): ServerLink {
  return {
    async look(request: ServerLookRequest) {
      await stage.pass(Math.min(stage.delayMs(), request.waitMs + 5))
      const invocation = invocationOf(stage.state, who)
      const servers = { ...invocation.request.servers, [name]: request }
      invocation.request = { ...invocation.request, servers }
      settle(stage.state)
      return viewOf(stage.state, invocation, name)
    },
    async reread(session, timeoutMs) {
      await stage.pass(Math.min(stage.delayMs(), timeoutMs))
      const { status, sessions, executed } = stage.state.servers[name]
      const stands = sessions.some(({ id }) => id === session)
      if (status !== 'up' || !stands || isCut(stage.state, who, name)) return null
      return { executed, readAtMs: stage.state.now + invocationOf(stage.state, who).offsetMs }
    },
    perform: (step: ServerStep) => performOn(stage, who, step),
    onChange: (listener) => void listeners.push(listener),
    close: async () => {
      const server = stage.state.servers[name]
      if (server.status === 'up') server.sessions = server.sessions.filter((each) => each.who !== who)
    },
  }
}

async function performOn(stage: Stage, who: string, step: Step): Promise<ActResult> {
  await stage.pass(Math.min(stage.delayMs(), step.deadlineMs))
  const before = stage.state
  const state = clone(before)
  const lost = step.kind === 'swap' && stage.trouble.loseNext
  if (lost) stage.trouble.loseNext = false
  const effects = perform(state, who, step, lost ? 'lost' : 'well')
  settle(state)
  stage.state = state
  stage.acted?.(before, effects)
  const { last } = invocationOf(state, who)
  if (last === null) throw new Error('an act always has an outcome')
  return last
}

function createDirectory(stage: Stage, who: string): Directory {
  const reachable = () => !stage.state.directory.outage && !isCut(stage.state, who, 'directory')
  return {
    async read(timeoutMs): Promise<DirectoryView> {
      await stage.pass(Math.min(stage.delayMs(), timeoutMs))
      const view = readDirectory(stage.state, invocationOf(stage.state, who))
      if (stage.trouble.denied === 'read')
        return { ...view, state: 'unreadable', kind: 'denied', message: 'not authorized' }
      if (view.state === 'unreadable' || view.record === null) return view
      const elsewhere = view.record.type !== stage.state.policy.record.type
      return elsewhere ? { ...view, record: { ...view.record, foreign: true } } : view
    },
    async swap(step): Promise<ActResult> {
      const refusal = refusalOf(stage, step)
      if (refusal === null) return performOn(stage, who, step)
      const atMs = stage.state.now + invocationOf(stage.state, who).offsetMs
      return {
        step,
        outcome: 'refused',
        message: refusal,
        errno: null,
        startedAtMs: atMs,
        endedAtMs: atMs,
        changeId: null,
      }
    },
    async insync(_changeId, timeoutMs) {
      await stage.pass(Math.min(stage.delayMs(), timeoutMs))
      return reachable() ? true : null
    },
    async resolve(timeoutMs) {
      await stage.pass(Math.min(stage.delayMs(), timeoutMs))
      return stage.state.directory.record?.values ?? null
    },
    close: () => {},
  }
}

function refusalOf(stage: Stage, step: SwapStep): string | null {
  if (stage.trouble.denied === 'swap') return 'access denied: route53:ChangeResourceRecordSets'
  if (step.to.ledger.length > 1000) return `the ledger has ${step.to.ledger.length} bytes, at most 1000 fit`
  return null
}

/** Puts both records as they are, unasked. */
export function put(stage: Stage, content: { ledger: string | null; record: WriterRecord | null }): void {
  const { directory } = stage.state
  Object.assign(directory, content)
  if (content.ledger !== null) directory.history = [...directory.history, content.ledger]
}
