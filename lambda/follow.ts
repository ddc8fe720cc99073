/** Follows a change of the directory until applications can see it, in the background: nobody waits for it. */
import type { Directory } from './adapters/directory.ts'
import type { Visibility } from './core/world.ts'

export interface Follower {
  /** The newest findings about this change; asks again in the background. */
  poll(changeId: string | null): Visibility | null
  /** Ends when nothing is under way any more. */
  settled(): Promise<void>
}

const ASK_TIMEOUT_MS = 2000

export function follow(directory: Directory): Follower {
  let latest: Visibility | null = null
  let asking: Promise<void> | null = null

  async function ask(changeId: string): Promise<void> {
    const [insync, resolved] = await Promise.all([
      latest?.insync === true ? true : directory.insync(changeId, ASK_TIMEOUT_MS),
      directory.resolve(ASK_TIMEOUT_MS),
    ])
    latest = { changeId, insync: insync === true, resolved }
  }

  return {
    poll(changeId) {
      if (changeId !== null && asking === null)
        asking = ask(changeId).finally(() => {
          asking = null
        })
      return latest?.changeId === changeId ? latest : null
    },
    settled: async () => {
      await asking
    },
  }
}
