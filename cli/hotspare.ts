#!/usr/bin/env node
/** The program `hotspare`: this process as a terminal for the commands. */
import { main } from './main.ts'
import type { Terminal } from './terminal.ts'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
/** One Ctrl-C may come twice, from the terminal and from the program that started this one. */
const SAME_SIGNAL_MS = 500

const terminal: Terminal = {
  stdout: process.stdout,
  stderr: process.stderr,
  stdin: process.stdin,
  environment: process.env,
  onInterrupt(listener) {
    let heardAtMs: number | null = null
    const hear = (_: string, number: number) => {
      const now = performance.now()
      // Somebody who asks twice means it; whatever is half done is finished or undone by the next watch.
      if (heardAtMs !== null && now - heardAtMs > SAME_SIGNAL_MS) process.exit(128 + number)
      if (heardAtMs !== null) return
      heardAtMs = now
      listener()
    }
    for (const signal of SIGNALS) process.on(signal, hear)
    return () => {
      for (const signal of SIGNALS) process.removeListener(signal, hear)
    }
  },
}

process.exitCode = await main(process.argv.slice(2), terminal)
