/**
 * A promise that whoever holds it resolves: Promise.withResolvers, which is younger than Node 20, where the command line has to run.
 */
export interface OpenPromise {
  readonly promise: Promise<void>
  readonly resolve: () => void
}

export function openPromise(): OpenPromise {
  let resolve: () => void = () => undefined
  const promise = new Promise<void>((fulfil) => {
    resolve = fulfil
  })
  return { promise, resolve }
}
