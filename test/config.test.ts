/** hotspare.json: what is taken, what is refused, and with which words. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import {
  ConfigurationError,
  loadConfiguration,
  type Problem,
  parseConfiguration,
  policyOf,
} from '../lambda/config.ts'
import { schemaFile, schemaText } from '../tools/schema.ts'

const exampleFile = new URL('../hotspare.example.json', import.meta.url)

/** Loosely typed on purpose: tests write mistakes into it. */
// biome-ignore lint/suspicious/noExplicitAny: the content of a file that may hold anything
type Content = any

/** A self-signed certificate without a purpose, valid for a hundred years; its key was thrown away. */
const certificate = `-----BEGIN CERTIFICATE-----
MIIBijCCAS+gAwIBAgIUPY6z8w6iSyoaC3vrvn9Inwz3oLQwCgYIKoZIzj0EAwIw
GTEXMBUGA1UEAwwOdGVzdCBhdXRob3JpdHkwIBcNMjYxMTIwMTMzMTIwWhgPMjEy
NjEwMjcxMzMxMjBaMBkxFzAVBgNVBAMMDnRlc3QgYXV0aG9yaXR5MFkwEwYHKoZI
zj0CAQYIKoZIzj0DAQcDQgAE8ztNywnAGzTXZfbEK1nRyjwlel5oaq5hwLrEGc3n
GL6U2yNxanAFpp4rqPH8GtCZb9aoh65+2+9Ugrtc6E7A0aNTMFEwHQYDVR0OBBYE
FDry8gDYiKb2EkNDR/zvU+EA2/IhMB8GA1UdIwQYMBaAFDry8gDYiKb2EkNDR/zv
U+EA2/IhMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSQAwRgIhAILTzTfM
mP/QKE9b7Xg84LpH8UpKzJsWhMxa1HIOH/HPAiEAyol0GS1RRKIqQ44y+Fo9zcZ7
pPgzRU1gYwAvI6rVvZ0=
-----END CERTIFICATE-----`

function minimal(): Content {
  return {
    pairs: {
      orders: {
        servers: { alice: { host: '10.0.1.10' }, bob: { host: '10.0.2.10' } },
        credentials: { secretId: 'hotspare/orders' },
        tls: { caFile: 'ca.pem' },
        directory: { kind: 'route53', hostedZoneId: 'Z0EXAMPLE', writerName: 'writer.orders.example.com' },
      },
    },
  }
}

function problemsOf(content: Content): readonly Problem[] {
  return problemsOfText(JSON.stringify(content))
}

function problemsOfText(text: string): readonly Problem[] {
  try {
    parseConfiguration(text, 'hotspare.json')
    return []
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems
    throw error
  }
}

describe('a right configuration', () => {
  test('the example is right, and spells out every default', () => {
    const example = JSON.parse(readFileSync(exampleFile, 'utf8'))
    const short = { ...minimal(), alerts: example.alerts }
    const parsed = parseConfiguration(JSON.stringify(example), 'example')
    expect(parsed).toEqual(parseConfiguration(JSON.stringify(short), 'short'))
    expect(parsed.pairs.orders).toEqual({
      servers: {
        alice: { host: '10.0.1.10', port: 3306, address: '10.0.1.10' },
        bob: { host: '10.0.2.10', port: 3306, address: '10.0.2.10' },
      },
      credentials: { secretId: 'hotspare/orders' },
      tls: { mode: 'verify-ca', caFile: 'ca.pem', ca: null },
      directory: {
        kind: 'route53',
        hostedZoneId: 'Z0EXAMPLE',
        writerName: 'writer.orders.example.com',
        recordType: 'A',
        ttlSeconds: 5,
      },
      detection: {
        probeIntervalMs: 1000,
        probeTimeoutMs: 1000,
        refusedProbes: 3,
        silentProbes: 3,
        freshnessMs: 15_000,
      },
      failover: {
        mode: 'automatic',
        catchUpTimeoutMs: 60_000,
        cooldownMs: 3_600_000,
        onStall: 'alert',
        onBlockers: 'end',
        endBlockersAfterMs: 10_000,
        acceptMissing: [],
      },
      switchover: { writeBlockMs: 5000, longTransactionMs: 2000, keepSessionsOf: [] },
    })
    expect(parsed.alerts).toEqual({ topicArn: 'arn:aws:sns:eu-west-1:123456789012:hotspare' })
  })

  test('alerts may be left out, and a byte order mark is no mistake', () => {
    expect(parseConfiguration(`\uFEFF${JSON.stringify(minimal())}`, 'f').alerts).toBeNull()
  })

  test('credentials from environment variables', () => {
    const content = minimal()
    const credentials = { usernameEnv: 'HOTSPARE_USER', passwordEnv: 'HOTSPARE_PASSWORD' }
    content.pairs.orders.credentials = credentials
    expect(parseConfiguration(JSON.stringify(content), 'f').pairs.orders?.credentials).toEqual(credentials)
  })

  test('a host may be a name when the record holds an address, or names', () => {
    const content = minimal()
    const { servers, directory } = content.pairs.orders
    servers.alice = { host: 'db1.internal', address: '10.0.1.10' }
    expect(problemsOf(content)).toEqual([])
    directory.recordType = 'CNAME'
    servers.alice = { host: 'db1.example.com' }
    servers.bob = { host: '10.0.2.10', address: 'db2.example.com' }
    expect(problemsOf(content)).toEqual([])
    directory.recordType = 'AAAA'
    servers.alice = { host: '2001:db8::1' }
    servers.bob = { host: 'db2.internal', address: '2001:db8::2' }
    expect(problemsOf(content)).toEqual([])
  })

  test('two pairs may share a topic and a zone', () => {
    const content = minimal()
    content.pairs.billing = structuredClone(content.pairs.orders)
    content.pairs.billing.servers = { alice: { host: '10.0.3.10' }, bob: { host: '10.0.4.10' } }
    content.pairs.billing.directory.writerName = 'writer.billing.example.com'
    expect(problemsOf(content)).toEqual([])
  })

  test('the policy is what decisions need, without hosts or credentials', () => {
    const content = minimal()
    content.pairs.orders.servers.bob = { host: 'db2.internal', address: '10.0.2.10' }
    content.pairs.orders.failover = { mode: 'observe', acceptMissing: ['skip-replica-start'] }
    const policy = policyOf(parseConfiguration(JSON.stringify(content), 'f'), 'orders')
    expect(policy).toEqual({
      pair: 'orders',
      servers: { alice: { address: '10.0.1.10' }, bob: { address: '10.0.2.10' } },
      record: { name: 'writer.orders.example.com', type: 'A', ttlSeconds: 5 },
      detection: {
        probeIntervalMs: 1000,
        probeTimeoutMs: 1000,
        refusedProbes: 3,
        silentProbes: 3,
        freshnessMs: 15_000,
      },
      failover: {
        mode: 'observe',
        catchUpTimeoutMs: 60_000,
        cooldownMs: 3_600_000,
        endBlockersAfterMs: 10_000,
        acceptMissing: ['skip-replica-start'],
      },
      switchover: { writeBlockMs: 5000, longTransactionMs: 2000 },
      claimMs: 15_000,
    })
  })

  test('a pair that is not there is named, with those that are', () => {
    const configuration = parseConfiguration(JSON.stringify(minimal()), 'f')
    expect(() => policyOf(configuration, 'toString')).toThrow('no pair "toString"')
    expect(() => policyOf(configuration, 'order')).toThrow('Name one of: orders')
  })
})

type Mistake = readonly [change: (pair: Content, content: Content) => void, problem: Problem]

function expected(path: string, value: string, mend: string): Problem {
  return { path, value, mend: expect.stringContaining(mend) }
}

const pairPath = 'pairs.orders'
const mistakes: Readonly<Record<string, Mistake>> = {
  'a misspelt key': [
    (pair) => {
      pair.detection = { probeIntervallMs: 500 }
    },
    expected(
      `${pairPath}.detection.probeIntervallMs`,
      'unknown key "probeIntervallMs"',
      'did you mean "probeIntervalMs"?',
    ),
  ],
  'an unknown key that is like no other': [
    (_, content) => {
      content.zebra = 1
    },
    expected('zebra', 'unknown key "zebra"', 'remove this unknown key; known here: $schema, pairs, alerts'),
  ],
  'a missing key': [
    (pair) => {
      delete pair.servers.alice.host
    },
    expected(`${pairPath}.servers.alice.host`, '(missing)', 'add "host": The server\'s IP address or name'),
  ],
  'a missing block': [
    (pair) => {
      delete pair.directory
    },
    expected(`${pairPath}.directory`, '(missing)', 'add "directory": Where the writer record'),
  ],
  'no pairs': [
    (_, content) => {
      content.pairs = {}
    },
    expected('pairs', '{}', 'give at least one pair'),
  ],
  'a bad pair name': [
    (pair, content) => {
      content.pairs = { 'Orders EU': pair }
    },
    expected('pairs.Orders EU', '"Orders EU"', '1 to 32 lower-case letters'),
  ],
  'a bad server name': [
    (pair) => {
      pair.servers = { alice_1: { host: '10.0.1.10' }, bob: { host: '10.0.2.10' } }
    },
    expected(`${pairPath}.servers.alice_1`, '"alice_1"', '1 to 32 lower-case letters'),
  ],
  'a name that the validator would drop': [
    (pair, content) => {
      content.pairs.constructor = structuredClone(pair)
      content.pairs.constructor.servers = { alice: { host: '10.0.3.10' }, bob: { host: '10.0.4.10' } }
      content.pairs.constructor.directory.writerName = 'writer.billing.example.com'
    },
    expected('pairs.constructor', '"constructor"', 'choose another name'),
  ],
  'one server': [
    (pair) => {
      delete pair.servers.bob
    },
    expected(`${pairPath}.servers`, '{...} (alice)', 'give exactly two servers'),
  ],
  'three servers': [
    (pair) => {
      pair.servers.carol = { host: '10.0.3.10' }
    },
    expected(`${pairPath}.servers`, '{...} (alice, bob, carol)', 'give exactly two servers'),
  ],
  'a host with its port': [
    (pair) => {
      pair.servers.alice = { host: 'http://10.0.1.10', address: '10.0.1.10' }
    },
    expected(`${pairPath}.servers.alice.host`, '"http://10.0.1.10"', 'without port'),
  ],
  'a port that is text': [
    (pair) => {
      pair.servers.alice.port = '3306'
    },
    expected(`${pairPath}.servers.alice.port`, '"3306"', 'give a whole number from 1 to 65535 (port)'),
  ],
  'a port out of range': [
    (pair) => {
      pair.servers.alice.port = 65_536
    },
    expected(`${pairPath}.servers.alice.port`, '65536', 'from 1 to 65535'),
  ],
  'an address that both servers have': [
    (pair) => {
      pair.servers.bob = { host: 'db2.internal', address: '10.0.1.10' }
    },
    expected(`${pairPath}.servers.bob.address`, '"10.0.1.10"', '"alice" has the same'),
  ],
  'names that are too long for a row together': [
    (pair, content) => {
      const { bob } = pair.servers
      pair.servers = { ['a'.repeat(32)]: pair.servers.alice, bob }
      content.pairs = { ['o'.repeat(32)]: pair }
    },
    expected(
      `pairs.${'o'.repeat(32)}.servers.${'a'.repeat(32)}`,
      `"${'a'.repeat(32)}"`,
      'both together have at most 63 characters',
    ),
  ],
  'a name where the record holds an IPv4 address': [
    (pair) => {
      pair.servers.alice.host = 'db1.example.com'
    },
    expected(`${pairPath}.servers.alice.host`, '"db1.example.com"', 'give an IPv4 address'),
  ],
  'an IPv6 address that is written unusually': [
    (pair) => {
      pair.directory.recordType = 'AAAA'
      pair.servers = { alice: { host: '2001:DB8:0::1' }, bob: { host: '2001:db8::2' } }
    },
    expected(`${pairPath}.servers.alice.host`, '"2001:DB8:0::1"', 'in its usual form, 2001:db8::1'),
  ],
  'an IP address where the record holds a name': [
    (pair) => {
      pair.directory.recordType = 'CNAME'
      pair.servers = { alice: { host: '10.0.1.10' }, bob: { host: 'db2.example.com' } }
    },
    expected(`${pairPath}.servers.alice.host`, '"10.0.1.10"', 'give a host name'),
  ],
  'a writer name that points at itself': [
    (pair) => {
      pair.directory.recordType = 'CNAME'
      pair.servers = { alice: { host: 'writer.orders.example.com' }, bob: { host: 'db2.example.com' } }
    },
    expected(`${pairPath}.servers.alice.host`, '"writer.orders.example.com"', "can't point at itself"),
  ],
  'a password in the file': [
    (pair) => {
      pair.credentials.password = 'hunter2'
    },
    expected(
      `${pairPath}.credentials.password`,
      '(not shown)',
      'passwords do not belong in this file. Put the account into Secrets Manager',
    ),
  ],
  'a password beside a server': [
    (pair) => {
      pair.servers.alice.Password = 'hunter2'
    },
    expected(`${pairPath}.servers.alice.Password`, '(not shown)', 'change this password'),
  ],
  'a password instead of a variable': [
    (pair) => {
      pair.credentials = { usernameEnv: 'HOTSPARE_USER', passwordEnv: 'hunter2!' }
    },
    expected(`${pairPath}.credentials.passwordEnv`, '(not shown)', 'name of an environment variable'),
  ],
  'a password as the credentials': [
    (pair) => {
      pair.credentials = 'hunter2'
    },
    expected(`${pairPath}.credentials`, '(not shown)', 'give an object in braces'),
  ],
  'two sources of credentials': [
    (pair) => {
      pair.credentials = { secretId: 's', usernameEnv: 'U', passwordEnv: 'P' }
    },
    expected(`${pairPath}.credentials`, '(not shown)', 'give either'),
  ],
  'half a source of credentials': [
    (pair) => {
      pair.credentials = { usernameEnv: 'U' }
    },
    expected(`${pairPath}.credentials`, '(not shown)', 'or both { "usernameEnv"'),
  ],
  'no word about TLS': [
    (pair) => {
      delete pair.tls
    },
    expected(`${pairPath}.tls`, '(missing)', 'add "tls": How connections to the servers are protected'),
  ],
  'TLS without an authority': [
    (pair) => {
      pair.tls = {}
    },
    expected(`${pairPath}.tls.caFile`, '(missing)', 'certificate authority that signed'),
  ],
  'an authority for nothing': [
    (pair) => {
      pair.tls.mode = 'disabled'
    },
    expected(`${pairPath}.tls.caFile`, '"ca.pem"', 'remove caFile'),
  ],
  'a TLS mode that does not verify': [
    (pair) => {
      pair.tls.mode = 'required'
    },
    expected(`${pairPath}.tls.mode`, '"required"', 'use "verify-ca" or "disabled"'),
  ],
  'another kind of directory': [
    (pair) => {
      pair.directory.kind = 'etcd'
    },
    expected(`${pairPath}.directory.kind`, '"etcd"', 'use "route53"'),
  ],
  "a zone's path instead of its id": [
    (pair) => {
      pair.directory.hostedZoneId = '/hostedzone/Z0EXAMPLE'
    },
    expected(`${pairPath}.directory.hostedZoneId`, '"/hostedzone/Z0EXAMPLE"', 'without "/hostedzone/"'),
  ],
  'a writer name with a trailing dot': [
    (pair) => {
      pair.directory.writerName = 'writer.orders.example.com.'
    },
    expected(
      `${pairPath}.directory.writerName`,
      '"writer.orders.example.com."',
      'in lower case, without a trailing dot',
    ),
  ],
  'a record type that can not be swapped': [
    (pair) => {
      pair.directory.recordType = 'SRV'
    },
    expected(`${pairPath}.directory.recordType`, '"SRV"', 'use "A" or "AAAA" or "CNAME"'),
  ],
  'a TTL of an hour': [
    (pair) => {
      pair.directory.ttlSeconds = 3600
    },
    expected(`${pairPath}.directory.ttlSeconds`, '3600', 'from 1 to 300 (seconds)'),
  ],
  'a fraction, below the limit too': [
    (pair) => {
      pair.detection = { probeTimeoutMs: 0.5 }
    },
    expected(`${pairPath}.detection.probeTimeoutMs`, '0.5', 'from 100 to 10000 (milliseconds)'),
  ],
  'a freshness that nothing can meet': [
    (pair) => {
      pair.detection = { probeIntervalMs: 10_000, probeTimeoutMs: 10_000 }
    },
    expected(`${pairPath}.detection.freshnessMs`, '15000', 'give at least 20000'),
  ],
  'an unknown failover mode': [
    (pair) => {
      pair.failover = { mode: 'auto' }
    },
    expected(`${pairPath}.failover.mode`, '"auto"', 'use "automatic" or "alert" or "observe"'),
  ],
  'an essential that is none': [
    (pair) => {
      pair.failover = { acceptMissing: ['everything'] }
    },
    expected(`${pairPath}.failover.acceptMissing.0`, '"everything"', '"skip-replica-start"'),
  ],
  'a list instead of an object': [
    (pair) => {
      pair.switchover = [5000]
    },
    expected(`${pairPath}.switchover`, '[...] (1 entries)', 'give an object in braces'),
  ],
  'an empty list instead of an object': [
    (pair) => {
      pair.failover = []
    },
    expected(`${pairPath}.failover`, '[]', 'give an object in braces'),
  ],
  null: [
    (pair) => {
      pair.detection = null
    },
    expected(`${pairPath}.detection`, 'null', 'give an object in braces'),
  ],
  'a topic that is none': [
    (_, content) => {
      content.alerts = { topicArn: 'hotspare' }
    },
    expected('alerts.topicArn', '"hotspare"', 'give the ARN of a standard SNS topic'),
  ],
  'two pairs with one writer name': [
    (pair, content) => {
      content.pairs.billing = structuredClone(pair)
      content.pairs.billing.servers = { alice: { host: '10.0.3.10' }, bob: { host: '10.0.4.10' } }
    },
    expected(
      'pairs.billing.directory.writerName',
      '"writer.orders.example.com"',
      'pair "orders" has the same',
    ),
  ],
  'one server in two pairs': [
    (pair, content) => {
      content.pairs.billing = structuredClone(pair)
      content.pairs.billing.directory.writerName = 'writer.billing.example.com'
      content.pairs.billing.servers = { carol: { host: '10.0.3.10' }, dave: { host: '10.0.2.10' } }
    },
    expected(
      'pairs.billing.servers.dave.host',
      '"10.0.2.10"',
      'pairs.orders.servers.bob is the same host and port',
    ),
  ],
}

describe('a wrong configuration', () => {
  test.each(Object.entries(mistakes))(
    '%s: path, value and mend, and nothing else',
    (_, [change, problem]) => {
      const content = minimal()
      change(content.pairs.orders, content)
      expect(problemsOf(content)).toEqual([problem])
    },
  )

  test('all mistakes are reported at once, several unknown keys included', () => {
    const content = minimal()
    const pair = content.pairs.orders
    pair.servers.alice.port = 0
    pair.servers.bob.hots = 'x'
    pair.servers.bob.adress = 'x'
    pair.credentials = { password: 'hunter2' }
    pair.directory.ttlSeconds = '5'
    delete pair.directory.kind
    content.alert = {}
    const paths = problemsOf(content).map(({ path }) => path)
    expect(paths.sort()).toEqual(
      [
        'alert',
        'pairs.orders.credentials',
        'pairs.orders.credentials.password',
        'pairs.orders.directory.kind',
        'pairs.orders.directory.ttlSeconds',
        'pairs.orders.servers.alice.port',
        'pairs.orders.servers.bob.adress',
        'pairs.orders.servers.bob.hots',
      ].sort(),
    )
  })

  test('no message holds a secret, wherever it was written', () => {
    const content = minimal()
    const pair = content.pairs.orders
    pair.credentials = { user: 'hunter2', passwordEnv: 'hunter2!', secretId: ['hunter2'] }
    pair.servers.alice = { host: '10.0.1.10', pwd: 'hunter2' }
    pair.tls = { caFile: { password: 'hunter2' } }
    content.secretAccessKey = 'hunter2'
    expect(() => parseConfiguration(JSON.stringify(content), 'f')).toThrow(ConfigurationError)
    expect(JSON.stringify(problemsOf(content))).not.toContain('hunter2')
  })

  test('the message reads as a list', () => {
    const content = minimal()
    content.pairs.orders.directory.ttlSeconds = 0
    content.alerts = {}
    expect(() => parseConfiguration(JSON.stringify(content), '/etc/hotspare.json')).toThrow(
      [
        '/etc/hotspare.json has 2 problems:',
        '  pairs.orders.directory.ttlSeconds: 0: give a whole number from 1 to 300 (seconds)',
        '  alerts: {}: add "email": ["dba@example.com"], or "topicArn" for a topic of your own, or remove alerts altogether',
      ].join('\n'),
    )
  })

  test.each([
    ['a list', '[]'],
    ['a text', '"hotspare"'],
    ['null', 'null'],
  ])('%s is no configuration', (_, text) => {
    expect(problemsOfText(text)).toMatchObject([
      { path: '', mend: 'give an object in braces, { "key": ... }' },
    ])
  })

  test.each([
    ['nothing', '', 'line 1, column 1', 'a value is expected'],
    ['a bare word', '{\n  "pairs": orders\n}', 'line 2, column 12', 'a value is expected'],
    ['a comma too many', '{\n  "a": 1,\n}', 'line 2, column 9', 'no "," may stand before "}"'],
    ['a comma too few', '{\n  "a": 1\n  "b": 2 }', 'line 3, column 3', '"," or "}" is expected'],
    ['no colon', '{ "a" 1 }', 'line 1, column 7', '":" is expected'],
    ['a key without quotes', '{\n\ta: 1 }', 'line 2, column 2', 'a key in double quotes'],
    ['a comment', '{ // pairs\n}', 'line 1, column 3', 'a key in double quotes'],
    ['an open text', '{ "a": "b\n}', 'line 1, column 8', 'no closing quote'],
    ['a wrong escape', '{ "a": "C:\\dir" }', 'line 1, column 8', 'wrong escape'],
    ['an end too soon', '{ "a": [1, 2', 'line 1, column 13', '"," or "]" is expected'],
    ['something behind the end', '{} {}', 'line 1, column 4', 'nothing more may follow'],
    [
      'a key that stands twice',
      '{ "a": { "b": 1,\n  "b": 2 } }',
      'line 2, column 3',
      'the key "b" stands twice',
    ],
  ])('no JSON: %s', (_, text, value, mend) => {
    expect(problemsOfText(text)).toEqual([{ path: '', value, mend: expect.stringContaining(mend) }])
  })

  test('broken JSON is never quoted, since it may hold a secret', () => {
    const text = '{ "credentials": { "password": hunter2 } }'
    expect(() => parseConfiguration(text, 'f')).toThrow(ConfigurationError)
    expect(JSON.stringify(problemsOfText(text))).not.toContain('hunter2')
  })

  test('what the runtime takes as JSON is taken, and nothing else', () => {
    const texts = [
      '-0.5e+3',
      '01',
      '1.',
      '"\\u00e4"',
      '"\\u00g4"',
      '[1,]',
      '[]',
      ' {} ',
      '"\t"',
      'nul',
      '+1',
      '"\u007f"',
    ]
    for (const text of texts) {
      const ours = !problemsOfText(text).some(({ value }) => value.startsWith('line '))
      let theirs = true
      try {
        JSON.parse(text)
      } catch {
        theirs = false
      }
      expect(`${text}: ${ours}`).toBe(`${text}: ${theirs}`)
    }
  })
})

describe('loading a file', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'hotspare-config-'))
  })
  afterEach(() => {
    vi.unstubAllEnvs()
    rmSync(folder, { recursive: true })
  })

  function write(name: string, text: string): string {
    const file = join(folder, name)
    writeFileSync(file, text)
    return file
  }

  function loadProblems(file: string): readonly Problem[] {
    try {
      loadConfiguration(file)
      return []
    } catch (error) {
      if (error instanceof ConfigurationError) return error.problems
      throw error
    }
  }

  test('the authority is read from beside the file, all its certificates', () => {
    const pem = `# ours\n${certificate}\n${certificate}\n`
    write('ca.pem', pem)
    const file = write('hotspare.json', JSON.stringify(minimal()))
    expect(loadConfiguration(file).pairs.orders?.tls).toEqual({
      mode: 'verify-ca',
      caFile: 'ca.pem',
      ca: pem,
    })
  })

  test('HOTSPARE_CONFIG names the file', () => {
    const content = minimal()
    content.pairs.orders.tls = { mode: 'disabled' }
    vi.stubEnv('HOTSPARE_CONFIG', write('other.json', JSON.stringify(content)))
    expect(loadConfiguration().pairs.orders?.tls).toEqual({ mode: 'disabled' })
  })

  test('a file that is not there', () => {
    const file = join(folder, 'none.json')
    expect(loadProblems(file)).toEqual([
      { path: '', value: 'no such file', mend: expect.stringContaining('HOTSPARE_CONFIG') },
    ])
    expect(() => loadConfiguration(file)).toThrow(file)
  })

  test.each([
    ['missing', null, 'no such file'],
    ['no PEM', 'hello', 'holds no PEM certificate'],
    [
      'a certificate that is damaged',
      '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
      'holds a damaged certificate',
    ],
    [
      'a certificate request',
      '-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n',
      'holds no PEM certificate',
    ],
    [
      'a private key',
      '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n',
      'holds a private key',
    ],
  ])('an authority that can not be used: %s', (_, text, reason) => {
    if (text !== null) write('ca.pem', text)
    const problems = loadProblems(write('hotspare.json', JSON.stringify(minimal())))
    expect(problems).toMatchObject([{ path: 'pairs.orders.tls.caFile', value: `"ca.pem" (${reason})` }])
  })
})

describe('the JSON Schema', () => {
  test('the committed file is current; if this fails, run tools/schema.ts', () => {
    expect(readFileSync(schemaFile, 'utf8')).toBe(schemaText())
  })

  test('it has descriptions, defaults and limits', () => {
    const schema: Content = JSON.parse(schemaText())
    const { properties } = schema.properties.pairs.additionalProperties
    expect(properties.detection.properties.probeTimeoutMs).toEqual({
      type: 'integer',
      minimum: 100,
      maximum: 10_000,
      default: 1000,
      description: 'How long a probe may take, in milliseconds',
    })
    expect(properties.credentials.oneOf).toHaveLength(2)
    expect(properties.tls.anyOf).toHaveLength(2)
    expect(schema.additionalProperties).toBe(false)
  })
})
