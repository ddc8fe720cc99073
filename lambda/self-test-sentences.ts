/**
 * What the self-test found, in sentences that a person can act on in the middle of a deployment.
 *
 * The one thing to understand: from a place that reaches nothing, everything looks broken. So the way out that the configuration
 * chose stands in the sentence, with what it needs.
 */
import type { NetworkContent } from './config/deployment-schema.ts'
import type { DirectoryView, ServerView } from './core/world.ts'

export interface Finding {
  /** What was called, like `pair orders, server alice`. */
  readonly what: string
  /** What is wrong and what to do; null if nothing is. */
  readonly wrong: string | null
}

type Network = NetworkContent | null

export function directoryFinding(
  pair: string,
  view: DirectoryView,
  writerName: string,
  network: Network,
): Finding {
  const what = `pair ${pair}, Route 53`
  if (view.state === 'unreadable') {
    const isUnreached = view.kind === 'timeout' || view.kind === 'error'
    return { what, wrong: isUnreached ? `${view.message} ${wayOut(network)}` : view.message }
  }
  if (view.record?.foreign) {
    const wrong = `${writerName} is an alias, has a routing policy, or stands beside another record of that name. Replace it by one simple record, or delete it: Hotspare makes its own.`
    return { what, wrong }
  }
  return { what, wrong: null }
}

export function accountFinding(pair: string, reason: string | null, network: Network): Finding {
  const isUnreached = reason !== null && /did not answer|connection .* failed/i.test(reason)
  return { what: `pair ${pair}, account`, wrong: isUnreached ? `${reason} ${wayOut(network)}` : reason }
}

export function serverFinding(
  pair: string,
  server: { readonly name: string; readonly host: string; readonly port: number },
  view: ServerView,
): Finding {
  const what = `pair ${pair}, server ${server.name}`
  if (view.answer !== null) {
    const lacks = (view.answer.rights?.missing ?? []).filter(({ needed }) => needed)
    const grants = lacks.map(({ grant }) => grant).join('; ')
    return {
      what,
      wrong:
        lacks.length === 0 ? null : `Hotspare's account lacks rights there. On ${server.name}: ${grants}.`,
    }
  }
  const endpoint = `${server.host} port ${server.port}`
  const probe = view.probes.at(-1)
  const said = probe === undefined || probe.message === '' ? '' : ` (${probe.message})`
  switch (probe?.outcome) {
    case 'refused':
      return {
        what,
        wrong: `${endpoint} refuses connections${said}. Start the server, or correct host and port.`,
      }
    case 'sick':
      return {
        what,
        wrong: `${endpoint} answers with an error${said}. Mend that; for an account that is denied, see docs/setup.md.`,
      }
    case 'untrusted':
      return {
        what,
        wrong: `${endpoint} answers, and its certificate could not be verified${said}. Give the authority that signed it as tls.caFile.`,
      }
    default:
      return {
        what,
        wrong: `${endpoint} does not answer${said}. Let the functions' security groups in on port ${server.port} in the server's security group, and see that the subnets have a route to it.`,
      }
  }
}

export function alertFinding(outcome: true | string, network: Network): Finding {
  const isUnreached = outcome !== true && /did not answer|connection .* failed/i.test(outcome)
  const wrong = outcome === true ? null : isUnreached ? `${outcome} ${wayOut(network)}` : outcome
  return { what: 'SNS', wrong }
}

function wayOut(network: Network): string {
  switch (network?.reach) {
    case 'nat':
      return 'network.reach is "nat": the subnets need a route to a NAT gateway, and the security groups must let port 443 out.'
    case 'endpoints':
      return 'network.reach is "endpoints": the VPC needs DNS names and DNS resolution switched on, and the security groups must let port 443 out.'
    case 'ipv6':
      return 'network.reach is "ipv6": the subnets need IPv6 addresses and a route for ::/0 to an egress-only internet gateway, and the security groups must let port 443 out over IPv6.'
    case undefined:
      return 'The configuration has no network, so the function runs outside of your VPC.'
  }
}

/** Records of pairs that are no longer watched: they are left alone, and somebody should know. */
export function goneSentences(
  before: Readonly<Record<string, string>>,
  now: Readonly<Record<string, string>>,
): string[] {
  return Object.entries(before)
    .filter(([pair]) => !Object.hasOwn(now, pair))
    .map(
      ([pair, writerName]) =>
        `The pair ${pair} is no longer watched. Its records ${writerName} and _hotspare.${writerName} were left as they are: applications go on with the writer that they name.`,
    )
}

/** CloudFormation takes 4,096 bytes for a whole answer. */
const longestBytes = 3000

/** All that is wrong, in one text that fits CloudFormation's answer. */
export function summary(findings: readonly Finding[], more: readonly string[]): string {
  const wrong = findings.flatMap(({ what, wrong }) => (wrong === null ? [] : [`${what}: ${wrong}`]))
  const right = `${findings.length - wrong.length} of ${findings.length} checks passed.`
  const text = [...wrong, right, ...more].join(' ')
  const bytes = Buffer.from(text)
  if (bytes.byteLength <= longestBytes) return text
  return `${bytes
    .subarray(0, longestBytes)
    .toString('utf8')
    .replace(/\uFFFD$/, '')}... (the log of the self-test function has all of it)`
}
