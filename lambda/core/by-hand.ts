/** What a person sends to go on where Hotspare stops: the exact request, with the one reason that it waives. */
import type { Assessment } from './assessment.ts'

const ASK = 'invoke the request function with '
/** No value in a request has braces. */
const REQUEST = new RegExp(`${ASK}(\\{[^{}]*\\})`, 'g')

/** How a request is asked for, in texts. The command line shows it as a command instead. */
export function requestText(a: Assessment, request: Readonly<Record<string, unknown>>): string {
  const { action, ...more } = request
  return `${ASK}${JSON.stringify({ action, pair: a.policy.pair, ...more })}`
}

export function byHand(a: Assessment, code: string): string {
  return `If you are sure that ${a.named.name} stays down, ${requestText(a, { action: 'failover', force: [code] })}`
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
