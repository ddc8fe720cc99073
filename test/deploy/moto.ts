/**
 * An AWS account on loopback that the real CDK can deploy into: moto, from Debian's packages, unpacked beside the lab's servers.
 *
 * The one thing to understand: it speaks the services' own protocols and checks no signature, and what it does not know it leaves
 * out without a word. So whoever deploys into it has to look at what was really made (see template-types.ts).
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { XMLParser } from 'fast-xml-parser'
import { atEnd } from '../../lab/cleanup.ts'
import { launchFromTree } from '../../lab/database/debian.ts'
import { reservePort } from '../../lab/database/free-port.ts'
import { unpackedTree } from '../../lab/database/unpacked.ts'

export const accountId = '123456789012'
export const region = 'us-east-1'

export interface Moto {
  /** With the name localhost: the CDK's own client takes buckets for parts of other host names. */
  readonly endpoint: string
  readonly version: string
  /** What a process needs so that every AWS client in it talks to this account. */
  readonly environment: Readonly<Record<string, string>>
  /** Calls a service that takes forms and answers with XML. Rejects with the service's own error. */
  query(service: string, version: string, parameters: Readonly<Record<string, string>>): Promise<Tree>
  /** Calls a service that takes and gives JSON, by its target, like `secretsmanager.CreateSecret`. */
  json(service: string, target: string, content: unknown): Promise<Tree>
  /** GET or PUT of a path, signed for a service; the answer's bytes. */
  fetch(service: string, path: string, init?: RequestInit): Promise<Buffer>
  close(): Promise<void>
}

// biome-ignore lint/suspicious/noExplicitAny: answers of many services, and each caller knows what it asked for.
export type Tree = any

const startTimeoutMs = 60_000

export async function startMoto(onProgress: (text: string) => void = () => undefined): Promise<Moto> {
  const tree = await unpackedMoto(onProgress)
  const { port, release } = await reservePort(['127.0.0.1'])
  const packages = join(tree, 'usr/lib/python3/dist-packages')
  const script = `import sys; sys.path.insert(0, ${JSON.stringify(packages)}); from moto.server import main; main()`
  const [program = '', ...prefix] = launchFromTree(tree, pythonOf(tree))
  const child = spawn(
    program,
    [...prefix, '-I', '-B', '-W', 'ignore', '-c', script, '-H', '127.0.0.1', '-p', String(port)],
    {
      env: { PYTHONHOME: join(tree, 'usr'), PATH: '/usr/bin:/bin', LANG: 'C.UTF-8', HOME: '/nonexistent' },
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  )
  const forget = atEnd(() => child.kill('SIGKILL'))
  const said: string[] = []
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said.push(text)
    if (said.length > 50) said.shift()
  })
  const endpoint = `http://localhost:${port}`
  await answering(child, endpoint, said)
  const version = /moto-(.+)$/.exec(tree)?.[1] ?? 'unknown'
  return {
    endpoint,
    version,
    environment: environmentFor(endpoint),
    ...callsTo(endpoint),
    async close() {
      const ended = new Promise((done) => child.once('exit', done))
      child.kill('SIGKILL')
      await ended
      forget()
      release()
    },
  }
}

function environmentFor(endpoint: string): Record<string, string> {
  return {
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    AWS_ACCESS_KEY_ID: 'lab',
    AWS_SECRET_ACCESS_KEY: 'lab',
    AWS_EC2_METADATA_DISABLED: 'true',
  }
}

function callsTo(endpoint: string): Pick<Moto, 'query' | 'json' | 'fetch'> {
  const parser = new XMLParser({ parseTagValue: false })
  async function send(service: string, path: string, init: RequestInit): Promise<Buffer> {
    const credential = `Credential=lab/20260101/${region}/${service}/aws4_request`
    const headers = {
      ...init.headers,
      authorization: `AWS4-HMAC-SHA256 ${credential}, SignedHeaders=host, Signature=none`,
    }
    const response = await fetch(`${endpoint}${path}`, { ...init, headers })
    const body = Buffer.from(await response.arrayBuffer())
    if (!response.ok)
      throw new Error(`${service} ${path}: ${response.status} ${body.toString('utf8').slice(0, 500)}`)
    return body
  }
  return {
    fetch: (service, path, init = {}) => send(service, path, init),
    async query(service, version, parameters) {
      const body = new URLSearchParams({ Version: version, ...parameters })
      const answer = parser.parse(await send(service, '/', { method: 'POST', body })) as Record<string, Tree>
      return answer[`${parameters.Action}Response`]
    },
    async json(service, target, content) {
      const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': target }
      const answer = await send(service, '/', { method: 'POST', headers, body: JSON.stringify(content) })
      return JSON.parse(answer.toString('utf8'))
    },
  }
}

async function answering(child: ChildProcess, endpoint: string, said: readonly string[]): Promise<void> {
  const endsAt = performance.now() + startTimeoutMs
  for (;;) {
    if (child.exitCode !== null || performance.now() > endsAt) {
      child.kill('SIGKILL')
      throw new Error(`moto did not start:\n${said.join('').slice(-2000)}`)
    }
    const answer = await fetch(`${endpoint}/moto-api/`).catch(() => null)
    if (answer?.ok === true) return
    await pause(50)
  }
}

function unpackedMoto(onProgress: (text: string) => void): Promise<string> {
  return unpackedTree({
    name: 'moto',
    title: 'moto',
    packageName: 'python3-moto',
    alongside: ['python3-flask-cors', 'python3-docker', 'python3-openapi-spec-validator'],
    suite: 'unstable',
    leaveOut: /^(lib)?perl|^libc-gconv|^debconf/,
    otherwise: 'Without it only npm run test:deploy cannot run.',
    onProgress,
  })
}

function pythonOf(tree: string): string {
  const name = readdirSync(join(tree, 'usr/bin')).find((each) => /^python3\.\d+$/.test(each))
  if (name === undefined || !existsSync(join(tree, 'usr/bin', name))) {
    throw new Error(`${tree} holds no Python; delete that folder to have it made again.`)
  }
  return `usr/bin/${name}`
}
