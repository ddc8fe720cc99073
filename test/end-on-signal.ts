/**
 * Lets a test process that is told to end clean up first; vitest runs this before each test file.
 *
 * The one thing to understand: vitest replaces process.exit by a function that throws, so what cleans up on a signal by calling it
 * (as lab/cleanup.ts rightly does) would be stopped half way. So the clean-up is run here, and the process ends itself.
 */
for (const [signal, number] of [
  ['SIGINT', 2],
  ['SIGTERM', 15],
  ['SIGHUP', 1],
] as const) {
  process.prependListener(signal, () => {
    process.emit('exit', 128 + number)
    process.kill(process.pid, 'SIGKILL')
  })
}
