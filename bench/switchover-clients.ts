/** The cells of `npm run bench:switchover -- --clients`: what two real clients see of a planned switchover through the name. */
import { type ClientsVerdict, playClients } from '../lab/clients/clients-story.ts'
import type { Family } from '../lab/database/family.ts'
import { type Spread, spread } from '../lab/figures.ts'
import { openStage, type Stage } from '../lab/stage.ts'

export interface ClientsCell {
  readonly server: string
  readonly ttlSeconds: number
  readonly lowerTtl: boolean
  readonly askAfterMs: number
  /** Of each client, ms from its last row on the old writer to its first on the new one. */
  readonly outages: Readonly<Record<string, Spread>>
  readonly ackedRows: number
  readonly failures: readonly string[]
}

export interface ClientsBench {
  readonly families: readonly Family[]
  readonly ttlSeconds: number
  readonly lowerTtl: readonly boolean[]
  readonly swaps: number
  readonly note: (text: string) => void
  readonly onCell: (cell: ClientsCell) => void
}

/** At once, as most do, and long enough for the move to be through. */
const ASK_AFTER_MS = [0, 1000]

export async function measureClients(bench: ClientsBench): Promise<ClientsCell[]> {
  const cells: ClientsCell[] = []
  let bundle: Stage['bundle'] | undefined
  for (const family of bench.families)
    for (const lowerTtl of bench.lowerTtl)
      for (const askAfterMs of ASK_AFTER_MS) {
        const { ttlSeconds, swaps } = bench
        bench.note(`${family}, clients${lowerTtl ? ', TTL lowered first' : ''}, ask after ${askAfterMs} ms`)
        const stage = await openStage({ family, ttlSeconds, ...(bundle === undefined ? {} : { bundle }) })
        bundle = stage.bundle
        const conditions = { ttlSeconds, lowerTtl, askAfterMs }
        try {
          const restMs = ttlSeconds * 1000 + 1000
          const verdict = await playClients(stage, { swaps, lowerTtl, askAfterMs, restMs })
          cells.push({ ...conditions, ...figuresOf(verdict) })
        } catch (error) {
          const nothing = { server: family, outages: {}, ackedRows: 0 }
          cells.push({ ...conditions, ...nothing, failures: [String(error)] })
        } finally {
          await stage.close()
        }
        bench.onCell(cells[cells.length - 1] as ClientsCell)
      }
  return cells
}

function figuresOf({ server, outagesMs, ackedRows, failures }: ClientsVerdict) {
  const outages = Object.fromEntries(
    Object.entries(outagesMs).map(([client, figures]) => [client, spread(figures)]),
  )
  return { server, outages, ackedRows, failures }
}

export function clientsInWords(cell: ClientsCell): string {
  const { server, ttlSeconds, lowerTtl, askAfterMs, ackedRows } = cell
  return [
    `\n${server}, TTL ${ttlSeconds} s${lowerTtl ? ', lowered first' : ''}, clients ask again after ${askAfterMs} ms (min / median / max, ms)\n`,
    ...Object.entries(cell.outages).map(
      ([client, { min, median, max, runs }]) =>
        `  ${client.padEnd(14)} ${min} / ${median} / ${max} of ${runs}\n`,
    ),
    ...(cell.failures.length === 0 ? [`  ${ackedRows} rows acknowledged, none lost\n`] : []),
    ...cell.failures.map((failure) => `  FAILED: ${failure}\n`),
  ].join('')
}
