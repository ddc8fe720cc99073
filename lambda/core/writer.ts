/**
 * Is a server alive, by our own probes alone?
 *
 * Evidence is weighed: a refused connection is strong (its host answers, nobody listens), silence is weak and takes longer, and a
 * server that answers with an error lives, however sick. One answer wipes all of it out.
 */
import type { ServerMemory } from './memory.ts'
import type { Policy } from './policy.ts'
import type { ServerView } from './world.ts'

export type Health = 'answers' | 'sick' | 'suspect' | 'dead' | 'unknown'

export function health(view: ServerView, memory: ServerMemory, policy: Policy): Health {
  if (view.answer !== null) return 'answers'
  if (memory.ailment !== null) return 'sick'
  if (memory.refused >= policy.detection.refusedProbes) return 'dead'
  if (memory.refused + memory.silent >= policy.detection.silentProbes && memory.silent > 0) return 'dead'
  return memory.failingSinceMs === null ? 'unknown' : 'suspect'
}
