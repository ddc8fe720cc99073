/** Looks a few times and tells what it sees, as a watch would; acts on nothing. */
import { decide } from './core/decide.ts'
import { newMemory } from './core/memory.ts'
import { firstLook, observe } from './observe.ts'
import type { Run } from './watch.ts'

export interface Status {
  readonly ok: boolean
  readonly situation: string
  readonly because: string
  readonly advice: string
  readonly servers: Readonly<Record<string, 'open' | 'closed' | 'silent'>>
  readonly ledger: string | null
}

/** A comparison counts only once a second look agrees (R12). */
const LOOKS = 3

export async function status({ policy, who, links, clock, remainingMs }: Run): Promise<Status> {
  let memory = newMemory(policy, clock.monotonicNow(), clock.wallNow())
  let request = firstLook(policy)
  try {
    for (let look = 1; ; look++) {
      const context = { policy, who, request: null, remainingMs: remainingMs(), last: null, visibility: null }
      const world = await observe(links, clock, request, context)
      const { situation, ...decision } = decide(memory, world, clock.monotonicNow())
      memory = decision.memory
      request = decision.look
      if (look < LOOKS) continue
      const servers = Object.entries(world.servers).map(([name, { answer }]) => {
        return [name, answer === null ? 'silent' : answer.closed ? 'closed' : 'open'] as const
      })
      return {
        ok: situation.severity === 'info',
        situation: situation.code,
        because: situation.because,
        advice: situation.advice,
        servers: Object.fromEntries(servers),
        ledger: memory.ledger.text,
      }
    }
  } finally {
    await Promise.all(Object.values(links.servers).map((link) => link.close()))
  }
}
