/**
 * Takes one look into memory: pure bookkeeping, no judgement. What is judged from it stands in the tables of situations.
 */

import type { Evidence } from './freshness.ts'
import { learnInspections, learnWaiting } from './inspection.ts'
import { learnClaim, learnMove, learnOpenUnderClaim, learnReadSinceClosed } from './learning/claim.ts'
import { learnRan } from './learning/events.ts'
import { currentLedger, landedSwap, learnLedger } from './learning/ledger.ts'
import { learnPair } from './learning/pair.ts'
import { learnServer } from './learning/server.ts'
import { learnGaveBack, learnStuck } from './learning/stuck.ts'
import { learnTimeline } from './learning/timeline.ts'
import { type Ledger, parseLedger } from './ledger.ts'
import type { Memory, ServerMemory } from './memory.ts'
import { alongOneLine } from './one-line.ts'
import type { Policy } from './policy.ts'
import { assessRisk } from './risk.ts'
import { held } from './spare.ts'
import type { ActResult } from './step.ts'
import type { Answer, ServerName, World } from './world.ts'
import { closednessOf } from './writability.ts'

export function learn(before: Memory, observed: World, now: number): Memory {
  const world = alongOneLine(observed, before)
  const ledger = learnLedger(before.ledger, world, now)
  const landed = landedSwap(before.ledger, ledger)
  const servers = Object.fromEntries(
    Object.entries(world.servers).map(([name, view]) => [
      name,
      learnServer(before.servers[name] as ServerMemory, view, lastOn(name, world), now),
    ]),
  )
  const learned: Memory = {
    ...before,
    ledger,
    servers,
    ours: learnClaim(before, ledger, landed, world, now),
    openUnderClaim: learnOpenUnderClaim(before, ledger, world),
    readSinceClosed: learnReadSinceClosed(before, ledger, world),
    moved: learnMove(before, ledger, landed, world),
    stuck: learnStuck(before.stuck, landed, world, now),
    gaveBack: learnGaveBack(before, landed, writerOpen(ledger.text, world), now),
    tookOverAtMs: landed === 'take-over' ? now : before.tookOverAtMs,
    inspections: learnInspections(before.inspections, world.servers),
    givenUp: landed === 'claim-switchover' ? null : before.givenUp,
  }
  const parsed = currentLedger(learned)
  if (parsed === null) return learned
  const target = world.servers[parsed.claim?.target ?? '']?.answer ?? null
  const stood = currentLedger(before)?.claim != null
  const measurable = learned.ours !== null && parsed.claim?.intent === 'failover' && target?.closed === true
  const pair = learnPair(before, learned, parsed, world, now)
  const paired: Memory = {
    ...learned,
    ...pair,
    servers: wholeAgain(before, learned, pair, parsed.writer, world),
  }
  return {
    ...paired,
    servers: learnRan(paired.servers, parsed.writer, { stood, stands: parsed.claim !== null }, world.last),
    inspections: learnWaiting(learned.inspections, pair.comparison, now),
    risk: measurable ? assessRisk(evidence(paired, parsed, target, world.policy, now)) : learned.risk,
    timeline: learnTimeline(learned, parsed, landed, world, now),
  }
}

/**
 * A spare that has all of an open writer lacks nothing that anybody needs, whatever it held before: it may have been made anew
 * from it (X6).
 */
function wholeAgain(
  before: Memory,
  { servers }: Memory,
  { coveredAtMs }: Pick<Memory, 'coveredAtMs'>,
  writer: ServerName,
  world: World,
): Memory['servers'] {
  const name = Object.keys(servers).find((each) => each !== writer) ?? ''
  const spare = world.servers[name]?.answer ?? null
  const open = isOpen(world.servers[writer]?.answer ?? null)
  const memory = servers[name]
  if (spare === null || memory === undefined || !open || coveredAtMs === before.coveredAtMs) return servers
  return { ...servers, [name]: { ...memory, held: held(spare) } }
}

/** On what it is judged what a failover to the claim's target would lose. */
function evidence(
  memory: Memory,
  { writer, claim }: Ledger,
  spare: Answer,
  policy: Policy,
  now: number,
): Evidence {
  const serverMemory = (name: ServerName) => memory.servers[name] as ServerMemory
  const spareMemory = serverMemory(claim?.target ?? '')
  return { spare, spareMemory, named: serverMemory(writer), memory, policy, claim, now }
}

function writerOpen(text: string | null, world: World): boolean {
  const parsed = text === null ? null : parseLedger(text)
  if (parsed === null || typeof parsed === 'string') return false
  return isOpen(world.servers[parsed.writer]?.answer ?? null)
}

/** Applications may write there: a writer that is closed by half is not back. */
const isOpen = (answer: Answer | null) => answer !== null && closednessOf(answer) === 'open'

function lastOn(name: ServerName, { last }: World): ActResult | null {
  return last !== null && last.step.kind !== 'swap' && last.step.server === name ? last : null
}
