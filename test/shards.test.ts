/** What a watch makes of the pairs that its schedule names. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'

test('a pair that is no longer there is left out: schedules and code are replaced one after the other', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'hotspare-shards-test-'))
  const file = join(folder, 'hotspare.json')
  const servers = { alice: { host: '127.0.9.1', port: 9 }, bob: { host: '127.0.9.2', port: 9 } }
  const directory = { kind: 'route53', hostedZoneId: 'Z0EXAMPLE', writerName: 'writer.orders.example.com' }
  const pair = { servers, credentials: { secretId: 's' }, tls: { mode: 'disabled' }, directory }
  writeFileSync(file, JSON.stringify({ pairs: { orders: pair } }))
  vi.stubEnv('HOTSPARE_CONFIG', file)
  try {
    const { watch } = await import('../lambda/handler.ts')
    const event = { action: 'watch', pairs: ['billing'] }
    expect(await watch(event, { getRemainingTimeInMillis: () => 60_000 })).toEqual({ ok: true, pairs: {} })
  } finally {
    vi.unstubAllEnvs()
    rmSync(folder, { recursive: true, force: true })
  }
})
