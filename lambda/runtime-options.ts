/**
 * The Node options that the deployed function and the local one both run with.
 *
 * The one thing to understand: V8 sizes its heap for throughput and lets a process that makes garbage once a second grow
 * past 250 MB. A watch lives for minutes in a small environment, so the heap is kept small and collected often instead.
 */

/** The memory a function gets, in megabytes, where nothing else is said. */
export const defaultMemoryMb = 256

/** What V8 itself does not count as heap: the binary, the bundle's code, buffers, sockets, stacks. In megabytes. */
const outsideHeapMb = 128

/**
 * The value of NODE_OPTIONS for a function with `memoryMb` megabytes.
 *
 * @throws RangeError if so little memory leaves no useful heap.
 */
export function nodeOptions(memoryMb: number = defaultMemoryMb): string {
  const oldSpaceMb = Math.floor(memoryMb) - outsideHeapMb
  if (!(oldSpaceMb >= 64)) {
    throw new RangeError(`A function with ${memoryMb} MB of memory is too small; give it 192 MB or more.`)
  }
  return `--max-semi-space-size=1 --max-old-space-size=${oldSpaceMb}`
}
