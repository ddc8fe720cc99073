/** A sleep that a closing connection or a finished probe cuts short. */
export interface Wake {
  /** Call when something changed. */
  readonly ring: () => void
  /** Wait for this long, or until the bell rings; one that rang since the last sleep counts. */
  sleep(ms: number): Promise<void>
}

export function createWake(): Wake {
  let rung = false
  let wakeUp: (() => void) | null = null
  return {
    ring() {
      rung = true
      wakeUp?.()
    },
    async sleep(ms) {
      if (!rung && ms > 0)
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, ms)
          wakeUp = () => {
            clearTimeout(timer)
            resolve()
          }
        })
      wakeUp = null
      rung = false
    },
  }
}
