/**
 * A server's disk as it was some time ago: what comes back from a snapshot, or from a machine that lied about what it had written.
 *
 * The one thing to understand: with it the server has the same identity and lacks its own newest transactions (T31).
 */
import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Stage } from '../../../lab/stage.ts'
import { eventually } from '../on-stage.ts'
import { replicationOf, type Server } from '../words.ts'

export class OldDisk {
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
  }

  /** Keeps the disk of alice, the writer, as it is now; she is open and replicates again when this is done. */
  static async ofWriter({ pair }: Stage): Promise<OldDisk> {
    const { alice, bob } = pair
    const disk = new OldDisk(alice)
    await alice.stop()
    cpSync(disk.#data, disk.#copy, { recursive: true })
    await alice.start()
    await alice.open()
    await alice.query('START REPLICA')
    for (const server of [alice, bob])
      await eventually(
        `${server.name} receives again`,
        async () => (await replicationOf(server)).receiver === 'on',
      )
    await pair.waitUntilCaughtUp(bob)
    return disk
  }

  /** While the server is down. */
  putBack(): void {
    if (this.#server.running) throw new Error(`${this.#server.name} runs`)
    rmSync(this.#data, { recursive: true })
    cpSync(this.#copy, this.#data, { recursive: true })
  }

  get #data(): string {
    return join(this.#server.folder, 'data')
  }

  get #copy(): string {
    return join(this.#server.folder, 'old-disk')
  }
}
