/**
 * Preloaded into a local function: it stops itself (SIGSTOP) just before the first statement that holds HOTSPARE_LAB_FREEZE_BEFORE
 * leaves for a server, and says so in a log line. As an environment that the platform freezes at the worst moment.
 */
import { writeSync } from 'node:fs'
import { Duplex } from 'node:stream'
import tls from 'node:tls'

const statement = process.env.HOTSPARE_LAB_FREEZE_BEFORE
const stillness = new Int32Array(new SharedArrayBuffer(4))
let isArmed = true

tls.TLSSocket.prototype.write = function write(chunk, ...rest) {
  if (isArmed && Buffer.isBuffer(chunk) && chunk.includes(statement)) {
    isArmed = false
    writeSync(1, '{"kind":"frozen"}\n')
    process.kill(process.pid, 'SIGSTOP')
    // Should the signal take a moment, nothing is sent meanwhile.
    Atomics.wait(stillness, 0, 0, 100)
  }
  return Duplex.prototype.write.call(this, chunk, ...rest)
}
