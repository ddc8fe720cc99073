/** One step, one adapter call. Never rejects: a step that went wrong is an outcome for the next decision. */
import type { ActResult, Step } from './core/step.ts'
import type { Links } from './observe.ts'

export function act(links: Links, step: Step): Promise<ActResult> {
  if (step.kind === 'swap') return links.directory.swap(step)
  const link = links.servers[step.server]
  if (link === undefined) throw new Error(`a step for ${step.server}, which is not in the configuration`)
  return link.perform(step)
}
