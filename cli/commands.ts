/** The commands, in the order in which help lists them. */
import type { Command } from './command.ts'
import { adopt } from './commands/adopt.ts'
import { explain } from './commands/explain.ts'
import { failover } from './commands/failover.ts'
import { pause } from './commands/pause.ts'
import { release } from './commands/release.ts'
import { resume } from './commands/resume.ts'
import { status } from './commands/status.ts'
import { switchover } from './commands/switchover.ts'
import { watch } from './commands/watch.ts'

export const COMMANDS: readonly Command[] = [
  status,
  switchover,
  failover,
  adopt,
  pause,
  resume,
  release,
  watch,
  explain,
]
