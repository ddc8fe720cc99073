/** What the spare has received and applied. Whether that is enough to take over stands in freshness.ts. */
import { contains, union } from './gtid-set.ts'
import type { Answer } from './world.ts'

/** Every complete transaction that it received is applied. Half of one doesn't count: the writer never had it acknowledged here. */
export function caughtUp(spare: Answer): boolean {
  return spare.channel === null || contains(spare.executed, spare.channel.received)
}

/** Everything that the spare has, applied or not. */
export function held(spare: Answer): string {
  return spare.channel === null ? spare.executed : union(spare.executed, spare.channel.received)
}

/**
 * MariaDB with GTID throws the relay log away when a thread is started while both are stopped, applied or not (T30). As long as nobody
 * starts one, what was received is still there.
 */
export function losesRelayLog(server: Answer): boolean {
  const { channel } = server
  if (server.family !== 'mariadb' || channel === null) return false
  return channel.receiver === 'off' && channel.applier === 'off' && !caughtUp(server)
}
