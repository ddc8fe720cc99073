/**
 * Rules between keys, checked on the file's content as it stands, so that they are reported together with all other mistakes.
 *
 * Every rule looks only at values of the right kind and keeps silent about the others: those have problems of their own already.
 */
import { isIP, isIPv4, isIPv6 } from 'node:net'
import { type Problem, showValue } from './problem.ts'

type Content = Record<string, unknown>

/** All mistakes that show only when several keys are seen together. `content` may be anything that JSON can hold. */
export function relationProblems(content: unknown): Problem[] {
  const pairs = Object.entries(objectAt(content, 'pairs'))
  return [
    ...pairs.flatMap(([pairName, pair]) => {
      const path = `pairs.${pairName}`
      return [
        ...credentialProblems(pair, path),
        ...tlsProblems(pair, path),
        ...addressProblems(pair, path),
        ...detectionProblems(pair, path),
        ...nameProblems(pairName, pair, path),
      ]
    }),
    ...sharingProblems(pairs),
  ]
}

function credentialProblems(pair: unknown, path: string): Problem[] {
  const given = objectOrUndefined(pair, 'credentials')
  if (!isObject(given)) return []
  const mend =
    'give either { "secretId": "..." } or both { "usernameEnv": "...", "passwordEnv": "..." }, and nothing else'
  const named = 'secretId' in given
  const fromEnvironment = Number('usernameEnv' in given) + Number('passwordEnv' in given)
  const right = (named && fromEnvironment === 0) || (!named && fromEnvironment === 2)
  return right ? [] : [{ path: `${path}.credentials`, value: '(not shown)', mend }]
}

function tlsProblems(pair: unknown, path: string): Problem[] {
  const tls = objectOrUndefined(pair, 'tls')
  if (!isObject(tls)) return []
  const mode = tls.mode ?? 'verify-ca'
  if (mode === 'verify-ca' && !('caFile' in tls)) {
    const mend =
      "name the PEM file of the certificate authority that signed the servers' certificates (on MySQL the ca.pem in the data " +
      'directory); only where the network itself is trusted, say "tls": { "mode": "disabled" }'
    return [{ path: `${path}.tls.caFile`, value: '(missing)', mend }]
  }
  if (mode === 'disabled' && 'caFile' in tls) {
    const mend = 'remove caFile, or remove "mode": "disabled" so that connections are verified with it'
    return [{ path: `${path}.tls.caFile`, value: showValue(['caFile'], tls.caFile), mend }]
  }
  return []
}

function addressProblems(pair: unknown, path: string): Problem[] {
  const directory = objectAt(pair, 'directory')
  const type = directory.recordType ?? 'A'
  const problems: Problem[] = []
  const seen = new Map<string, string>()
  for (const [serverName, server] of Object.entries(objectAt(pair, 'servers'))) {
    const given = objectAt({ server }, 'server')
    const key = 'address' in given ? 'address' : 'host'
    const address = given[key]
    if (typeof address !== 'string') continue
    const here = { path: `${path}.servers.${serverName}.${key}`, value: showValue([key], address) }
    const mend = addressMend(type, address, key)
    if (mend !== null) problems.push({ ...here, mend })
    else if (type === 'CNAME' && address.toLowerCase() === directory.writerName) {
      problems.push({ ...here, mend: "give the server's own name; the writer name can't point at itself" })
    }
    const twin = seen.get(address.toLowerCase())
    if (twin !== undefined) {
      problems.push({ ...here, mend: `give each server its own address; "${twin}" has the same` })
    }
    seen.set(address.toLowerCase(), serverName)
  }
  return problems
}

/** What to write instead of an address that a record of this type can't hold; null if it can. */
function addressMend(type: unknown, address: string, key: 'address' | 'host'): string | null {
  const instead = key === 'host' ? ', or add "address" for what the record is to hold' : ''
  if (type === 'A' && !isIPv4(address)) return `give an IPv4 address, since the record's type is A${instead}`
  if (type === 'AAAA') {
    if (!isIPv6(address)) return `give an IPv6 address, since the record's type is AAAA${instead}`
    const usual = new URL(`http://[${address}]`).hostname.slice(1, -1)
    if (usual !== address) return `write the address in its usual form, ${usual}${instead}`
  }
  if (type === 'CNAME' && isIP(address) !== 0) {
    return `give a host name, since the record's type is CNAME${instead}; or use recordType A or AAAA`
  }
  return null
}

function detectionProblems(pair: unknown, path: string): Problem[] {
  const detection = objectAt(pair, 'detection')
  const freshnessMs = detection.freshnessMs ?? 15_000
  const probeIntervalMs = detection.probeIntervalMs ?? 1000
  const probeTimeoutMs = detection.probeTimeoutMs ?? 1000
  if ([freshnessMs, probeIntervalMs, probeTimeoutMs].some((value) => typeof value !== 'number')) return []
  const leastMs = Number(probeIntervalMs) + Number(probeTimeoutMs)
  if (Number(freshnessMs) >= leastMs) return []
  const mend = `give at least ${leastMs} (probeIntervalMs + probeTimeoutMs), or a healthy spare never counts as fresh`
  return [{ path: `${path}.detection.freshnessMs`, value: String(freshnessMs), mend }]
}

/** The key of a server's heartbeat row is `pair/server`, in a column of 64 characters. */
const NAMES_TOGETHER_MAX = 63

function nameProblems(pairName: string, pair: unknown, path: string): Problem[] {
  const tooLong = Object.keys(objectAt(pair, 'servers')).filter(
    // One that is too long by itself has been told so.
    (name) =>
      name.length <= 32 && pairName.length <= 32 && pairName.length + name.length > NAMES_TOGETHER_MAX,
  )
  const mend = `give the pair or the server a shorter name: both together have at most ${NAMES_TOGETHER_MAX} characters`
  return tooLong.map((name) => ({ path: `${path}.servers.${name}`, value: showValue([], name), mend }))
}

/** Two pairs that share a writer name or a server would close each other's writers. */
function sharingProblems(pairs: readonly (readonly [string, unknown])[]): Problem[] {
  const problems: Problem[] = []
  const writerNames = new Map<string, string>()
  const endpoints = new Map<string, string>()
  for (const [pairName, pair] of pairs) {
    const { writerName } = objectAt(pair, 'directory')
    if (typeof writerName === 'string') {
      const other = writerNames.get(writerName)
      if (other !== undefined) {
        const mend = `give each pair its own writer name; pair "${other}" has the same`
        problems.push({
          path: `pairs.${pairName}.directory.writerName`,
          value: showValue([], writerName),
          mend,
        })
      }
      writerNames.set(writerName, pairName)
    }
    for (const [serverName, server] of Object.entries(objectAt(pair, 'servers'))) {
      const { host, port } = objectAt({ server }, 'server')
      if (typeof host !== 'string') continue
      const endpoint = `${host.toLowerCase()} port ${String(port ?? 3306)}`
      const here = `pairs.${pairName}.servers.${serverName}`
      const other = endpoints.get(endpoint)
      if (other !== undefined) {
        const mend = `name each server once; ${other} is the same host and port`
        problems.push({ path: `${here}.host`, value: showValue([], host), mend })
      }
      endpoints.set(endpoint, here)
    }
  }
  return problems
}

function isObject(value: unknown): value is Content {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function objectOrUndefined(container: unknown, key: string): unknown {
  return isObject(container) ? container[key] : undefined
}

/** The object at a key; an empty one if there is none. */
function objectAt(container: unknown, key: string): Content {
  const value = objectOrUndefined(container, key)
  return isObject(value) ? value : {}
}
