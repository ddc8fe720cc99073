/** A failover that a person asks for: the same rows decide, and it ends as soon as they have done it or refused it. */
import type { Configuration } from './config.ts'
import { FORCEABLE } from './core/situations/refusals.ts'
import { runOf } from './pair.ts'
import { watch } from './watch.ts'

export interface FailoverAnswer {
  readonly ok: boolean
  readonly situation: string
  readonly because: string
  readonly advice: string
}

/** `force` names the refusals to go without; anything else in it is refused before anything is done. */
export async function failover(
  configuration: Configuration,
  pair: string,
  force: unknown,
  remainingMs: () => number,
): Promise<FailoverAnswer> {
  const names = Array.isArray(force) ? force : [force]
  const strange = names.find((name) => typeof name !== 'string' || !FORCEABLE.includes(name))
  if (strange !== undefined)
    return {
      ok: false,
      situation: 'wrong-request',
      because: `force holds ${JSON.stringify(strange)}, which is no refusal that can be waived. Nothing was done.`,
      advice: `It is a list of these: ${FORCEABLE.join(', ')}.`,
    }
  const { situation, moved } = await watch(
    runOf(configuration, pair, remainingMs, { action: 'failover', force: names }),
  )
  if (moved !== null)
    return {
      ok: true,
      situation: 'failed-over',
      because: `${moved.to} is the writer now.`,
      advice: situation.advice,
    }
  return { ok: false, situation: situation.code, because: situation.because, advice: situation.advice }
}
