/** What a person sends to go on where Hotspare stops: the exact request, with the one reason that it waives. */
import type { Assessment } from './assessment.ts'

export function byHand(a: Assessment, code: string): string {
  const request = { action: 'failover', pair: a.policy.pair, force: [code] }
  return `If you are sure that ${a.named.name} stays down, invoke the request function with ${JSON.stringify(request)}`
}
