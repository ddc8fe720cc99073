/**
 * One look at everything: both servers and, when asked, the directory, in parallel. Never rejects: what can't be seen is part of
 * what is seen.
 */
import type { Directory } from './adapters/directory.ts'
import type { ServerLink } from './adapters/server.ts'
import type { Policy } from './core/policy.ts'
import type { ActResult, LookRequest } from './core/step.ts'
import type { ManualRequest, ServerName, ServerView, Visibility, World } from './core/world.ts'

export interface Links {
  readonly servers: Readonly<Record<ServerName, ServerLink>>
  readonly directory: Directory
}

export interface Clock {
  /** Milliseconds that never run backwards. */
  readonly monotonicNow: () => number
  /** Unix milliseconds. */
  readonly wallNow: () => number
}

export interface LookContext {
  readonly policy: Policy
  readonly who: string
  readonly request: ManualRequest | null
  readonly remainingMs: number
  readonly last: ActResult | null
  readonly visibility: Visibility | null
}

const DIRECTORY_TIMEOUT_MS = 2000

const NOTHING_ASKED = {
  probeEveryMs: 1000,
  waitMs: 0,
  events: false,
  transactions: null,
  obstaclesFromMs: null,
  blockers: false,
  rights: false,
}

export async function observe(
  links: Links,
  clock: Clock,
  request: LookRequest,
  context: LookContext,
): Promise<World> {
  const factsFromMs = steppedAtMs(context.last)
  const looking = Object.entries(links.servers).map(async ([name, link]) => {
    const asked = request.servers[name] ?? NOTHING_ASKED
    return [name, await link.look(asked, factsFromMs)] as const
  })
  const [directory, ...views] = await Promise.all([
    request.directory ? links.directory.read(DIRECTORY_TIMEOUT_MS) : null,
    ...looking,
  ])
  const { probeTimeoutMs } = context.policy.detection
  const servers = await rereadLast(links, Object.fromEntries(views), request.rereadLast, probeTimeoutMs)
  return { ...context, wallClockMs: clock.wallNow(), servers, directory }
}

/** What was seen before a step says nothing about the world after it. A heartbeat changes nothing that is decided on. */
function steppedAtMs(last: ActResult | null): number {
  return last === null || last.step.kind === 'beat' ? Number.NEGATIVE_INFINITY : last.endedAtMs
}

/** R12: the named server's set is read after the spare's, or a commit between the two would look errant on the spare. */
async function rereadLast(
  links: Links,
  servers: Record<ServerName, ServerView>,
  named: ServerName | null,
  timeoutMs: number,
): Promise<Record<ServerName, ServerView>> {
  const view = named === null ? undefined : servers[named]
  if (named === null || view?.answer == null) return servers
  if (Object.values(servers).some(({ answer }) => answer === null)) return servers
  const { answer } = view
  const later = await links.servers[named]?.reread(answer.session, timeoutMs)
  if (later == null) return { ...servers, [named]: { ...view, answer: null } }
  const clockMs = answer.clockMs + Math.floor(later.readAtMs - answer.readAtMs)
  return { ...servers, [named]: { ...view, answer: { ...answer, ...later, clockMs } } }
}

/** What the first look of an invocation asks for, before anything is known. */
export function firstLook(policy: Policy): LookRequest {
  const server = { ...NOTHING_ASKED, probeEveryMs: 250, waitMs: policy.detection.probeTimeoutMs }
  const servers = Object.fromEntries(Object.keys(policy.servers).map((name) => [name, server]))
  return { afterMs: 0, directory: true, servers, rereadLast: null, followChange: null }
}
