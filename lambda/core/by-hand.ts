/** What a person sends to go on where Hotspare stops: the exact request, with the one reason that it waives. */
import type { Assessment, Side } from './assessment.ts'
import { toTakeOver } from './server-words.ts'

const ASK = 'invoke the request function with '
/** No value in a request has braces. */
const REQUEST = new RegExp(`${ASK}(\\{[^{}]*\\})`, 'g')

/** How a request is asked for, in texts. The command line shows it as a command instead. */
export function requestText(a: Assessment, request: Readonly<Record<string, unknown>>): string {
  const { action, ...more } = request
  return `${ASK}${JSON.stringify({ action, pair: a.policy.pair, ...more })}`
}

export function byHand(a: Assessment, code: string): string {
  if (a.policy.failover.mode === 'observe') return insteadOfActing(a)
  return `If you are sure that ${a.named.name} stays down, ${requestText(a, { action: 'failover', force: [code] })}`
}

/** In observe mode nothing is opened, whoever asks: what makes Hotspare do it, and how it is done without. */
export function insteadOfActing(a: Assessment): string {
  const { named, spare } = a
  return `In observe mode Hotspare opens nothing, whoever asks. So that it does: set failover.mode to alert or automatic, deploy, and ask again. By hand, in this order: power ${named.name} off, so that it takes no writes when it comes back; on ${spare.name}: ${toTakeOver(spare)}; then ${toName(a, spare)}`
}

/** Makes an open server the one that name and ledger mean, by hand. */
export function toName(a: Assessment, side: Side): string {
  const { record, servers } = a.policy
  const adopting = requestText(a, { action: 'adopt', writer: side.name, force: ['adopt-other-unseen'] })
  return `point ${record.type} ${record.name} at ${servers[side.name]?.address}, delete the TXT record _hotspare.${record.name}, and ${adopting}`
}

/** The requests that a text tells to send, each with the words before it in its sentence. */
export function requestsIn(text: string): { when: string; request: Record<string, unknown> }[] {
  return [...text.matchAll(REQUEST)].map((match) => {
    const before = text.slice(0, match.index)
    return {
      when: before
        .slice(before.lastIndexOf('. ') + 1)
        .replace(/[,: ]*$/, '')
        .trim(),
      request: JSON.parse(match[1] ?? '{}') as Record<string, unknown>,
    }
  })
}

/** The same text with each request put as `put` says it. */
export function withRequests(text: string, put: (request: Record<string, unknown>) => string): string {
  return text.replaceAll(REQUEST, (_, request: string) => put(JSON.parse(request)))
}
