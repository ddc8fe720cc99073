/** When what happened in a failover or a switchover, for the report. */
import type { Ledger } from '../ledger.ts'
import type { Mark, Memory } from '../memory.ts'
import type { SwapStep } from '../step.ts'
import type { World } from '../world.ts'

export function learnTimeline(
  memory: Memory,
  ledger: Ledger,
  landed: SwapStep['purpose'] | null,
  world: World,
  now: number,
): readonly Mark[] {
  let marks = memory.timeline
  const mark = (what: Mark['what'], atMs: number) => {
    if (!marks.some((each) => each.what === what)) marks = [...marks, { what, atMs }]
  }
  const named = memory.servers[ledger.writer]
  if (named?.failingSinceMs != null && memory.moved === null) {
    if (named.lastAnswerAtMs !== null) mark('lastAnswer', named.lastAnswerAtMs)
    mark('detected', named.failingSinceMs)
  } else if (memory.moved === null && memory.ours === null && world.request === null) marks = []
  // A new attempt, after one that was given up before anything was closed.
  if (landed === 'claim-switchover') marks = []
  const { last } = world
  if (last?.outcome === 'done') {
    if (last.step.kind === 'detach' || last.step.kind === 'stop-applier') mark('caughtUp', last.startedAtMs)
    if (last.step.kind === 'open')
      mark(last.step.server === ledger.writer ? 'reopened' : 'opened', last.endedAtMs)
  }
  markSwitchover(memory, ledger, landed, world, mark)
  if (landed === 'claim' || landed === 'prove' || landed === 'claim-short') {
    mark('confirmed', memory.ledger.sent?.startedAtMs ?? now)
    mark('claimed', last?.endedAtMs ?? now)
  }
  if (landed === 'move') mark('moved', last?.endedAtMs ?? now)
  if (memory.moved !== null) {
    const beat = world.servers[memory.moved.to]?.beat
    if (beat?.state === 'committed' && beat.endedAtMs !== null) mark('writable', beat.endedAtMs)
    if (
      world.visibility?.insync === true &&
      world.visibility.resolved?.includes(addressOf(world, memory.moved.to))
    )
      mark('visible', world.servers[memory.moved.to]?.answer?.readAtMs ?? now)
  }
  return marks
}

function markSwitchover(
  memory: Memory,
  ledger: Ledger,
  landed: SwapStep['purpose'] | null,
  { last, servers }: World,
  mark: (what: Mark['what'], atMs: number) => void,
): void {
  if (landed === 'claim-switchover') mark('claimed', last?.endedAtMs ?? memory.ledger.unchangedSinceMs)
  if (ledger.claim?.intent === 'switchover' && last?.step.kind === 'close') {
    mark('closing', last.startedAtMs)
    if (last.outcome === 'done') mark('closed', last.endedAtMs)
  }
  // The first thing that was written in the new epoch has come back to the old writer.
  const old = servers[memory.moved?.from ?? '']?.answer
  if (ledger.how === 'switchover' && old?.takeover?.epoch === ledger.epoch) mark('following', old.readAtMs)
}

function addressOf(world: World, server: string): string {
  return world.policy.servers[server]?.address ?? ''
}
