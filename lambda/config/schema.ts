/**
 * The shape of hotspare.json: keys, units, limits, defaults. The published JSON Schema is made from this file.
 *
 * Each check's message is its mend: what to write instead. What concerns several keys at once is in relations.ts. Descriptions
 * end up in the JSON Schema, where editors show them, and in the mend for a key that is missing.
 */
import * as v from 'valibot'
import { alerts, deployment, keyArn, network } from './deployment-schema.ts'
import { matching, name, objectMend, oneOf, text, whole } from './value-checks.ts'

const hostPattern = /^[A-Za-z0-9]([A-Za-z0-9.:-]*[A-Za-z0-9])?$|^::[0-9a-f]*$/
const hostMend = 'give one IP address or host name, without port, blanks or a trailing dot'

const server = v.pipe(
  v.strictObject(
    {
      host: matching(hostPattern, hostMend, "The server's IP address or name, as the function reaches it"),
      port: v.optional(whole('port', 1, 65_535, "The server's port for MySQL connections"), 3306),
      address: v.exactOptional(
        matching(
          hostPattern,
          hostMend,
          'What the writer record holds when this server is the writer, where it differs from host',
        ),
      ),
    },
    objectMend,
  ),
  v.description('One server of the pair'),
)

const variablePattern = /^[A-Za-z_][A-Za-z0-9_]*$/
const variableMend = 'give the name of an environment variable: letters, digits and underscores'

const credentials = v.pipe(
  v.strictObject(
    {
      secretId: v.exactOptional(text('Name or ARN of a secret with the JSON text {"username", "password"}')),
      usernameEnv: v.exactOptional(
        matching(variablePattern, variableMend, 'Environment variable that holds the user name'),
      ),
      passwordEnv: v.exactOptional(
        matching(variablePattern, variableMend, 'Environment variable that holds the password'),
      ),
      kmsKeyArn: v.exactOptional(
        keyArn(
          "ARN of the KMS key that the secret is encrypted with, where it is not the account's default key",
        ),
      ),
    },
    objectMend,
  ),
  v.description('Where the account on the servers comes from: a secret, or two environment variables'),
)

const tls = v.pipe(
  v.strictObject(
    {
      mode: v.optional(
        oneOf(['verify-ca', 'disabled'], 'How connections to the servers are encrypted'),
        'verify-ca',
      ),
      caFile: v.exactOptional(
        text(
          "PEM file with the certificate authority of the servers' certificates, relative to this configuration",
        ),
      ),
    },
    objectMend,
  ),
  v.description(
    'How connections to the servers are protected: { "caFile": "ca.pem" }, or { "mode": "disabled" } where the network is trusted',
  ),
)

const directory = v.pipe(
  v.strictObject(
    {
      kind: v.pipe(v.literal('route53', 'use "route53"'), v.description('The kind of directory: "route53"')),
      hostedZoneId: matching(
        /^Z[A-Z0-9]{1,31}$/,
        'give the zone\'s id as Route 53 shows it, like "Z0123456789ABC", without "/hostedzone/"',
        'Id of the hosted zone that holds the writer record',
      ),
      writerName: matching(
        /^(?=.{1,243}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)+$/,
        'give a full domain name in lower case, without a trailing dot, like "writer.orders.example.com"',
        'The name that applications connect to',
      ),
      recordType: v.optional(oneOf(['A', 'AAAA', 'CNAME'], 'Type of the writer record'), 'A'),
      ttlSeconds: v.optional(whole('seconds', 1, 300, 'TTL of the writer record, in seconds'), 5),
    },
    objectMend,
  ),
  v.description('Where the writer record and the ledger are kept'),
)

const detection = v.pipe(
  v.strictObject(
    {
      probeIntervalMs: v.optional(
        whole('milliseconds', 100, 10_000, 'Time from one probe to the next, in milliseconds'),
        1000,
      ),
      probeTimeoutMs: v.optional(
        whole('milliseconds', 100, 10_000, 'How long a probe may take, in milliseconds'),
        1000,
      ),
      refusedProbes: v.optional(whole('probes', 1, 20, 'Refused probes in a row that confirm a death'), 3),
      silentProbes: v.optional(
        whole('probes', 2, 60, 'Failed probes in a row, of any kind, that confirm a death'),
        3,
      ),
      freshnessMs: v.optional(
        whole(
          'milliseconds',
          1000,
          600_000,
          "For how long before the writer's first failure the spare may lack what it committed, in milliseconds",
        ),
        15_000,
      ),
    },
    objectMend,
  ),
  v.description("How a writer's death is confirmed"),
)

// Whether a server that is open now would boot closed, it doesn't say; that essential can't be checked, so it can't be waived.
const essentials = ['skip-replica-start'] as const

const failover = v.pipe(
  v.strictObject(
    {
      mode: v.optional(
        oneOf(
          ['automatic', 'alert', 'observe'],
          'automatic: fail over. alert: a person decides. observe: decide and report, never act',
        ),
        'automatic',
      ),
      catchUpTimeoutMs: v.optional(
        whole(
          'milliseconds',
          1000,
          3_600_000,
          'After how long, in milliseconds, people are told that the spare still applies what it received; it is waited for all the same',
        ),
        60_000,
      ),
      cooldownMs: v.optional(
        whole(
          'milliseconds',
          0,
          604_800_000,
          'Time after a completed failover without another automatic one, in milliseconds',
        ),
        3_600_000,
      ),
      onBlockers: v.optional(
        oneOf(
          ['end', 'alert'],
          'end: a backup or lock that keeps the spare from taking over is ended after endBlockersAfterMs. alert: a person ends it',
        ),
        'end',
      ),
      endBlockersAfterMs: v.optional(
        whole(
          'milliseconds',
          0,
          600_000,
          'How long a backup or lock on the spare is waited for in a failover before its session is ended, in milliseconds',
        ),
        10_000,
      ),
      onStall: v.optional(
        oneOf(['alert'], 'What to do about a writer that answers but cannot commit'),
        'alert',
      ),
      acceptMissing: v.optional(
        v.pipe(
          v.array(
            oneOf(essentials, 'An essential setting that may be missing'),
            `give a list, like ["${essentials[0]}"]`,
          ),
          v.description('Essentials that automatic failover goes without'),
        ),
        [],
      ),
    },
    objectMend,
  ),
  v.description('Unplanned failover'),
)

const switchover = v.pipe(
  v.strictObject(
    {
      writeBlockMs: v.optional(
        whole(
          'milliseconds',
          1000,
          60_000,
          'How long nobody may be able to write in a switchover, in milliseconds; past it, it is undone',
        ),
        5000,
      ),
      longTransactionMs: v.optional(
        whole(
          'milliseconds',
          100,
          3_600_000,
          'A transaction open for longer than this makes a switchover refuse, in milliseconds',
        ),
        2000,
      ),
      keepSessionsOf: v.optional(
        v.pipe(
          v.array(text('User name of an account that writes nothing'), 'give a list, like ["monitor"]'),
          v.description('Accounts whose sessions are not ended when a server is closed, such as monitoring'),
        ),
        [],
      ),
    },
    objectMend,
  ),
  v.description('Planned switchover'),
)

const pair = v.pipe(
  v.strictObject(
    {
      servers: v.pipe(
        v.record(name('Name of the server'), server, objectMend),
        v.minEntries(2, 'give exactly two servers'),
        v.maxEntries(2, 'give exactly two servers'),
        v.description('The two servers, by name'),
      ),
      credentials,
      tls,
      directory,
      detection: v.optional(detection, {}),
      failover: v.optional(failover, {}),
      switchover: v.optional(switchover, {}),
    },
    objectMend,
  ),
  v.description('One pair of servers that replicate from each other'),
)

export const configurationSchema = v.pipe(
  v.strictObject(
    {
      $schema: v.exactOptional(text('Where editors find the JSON Schema of this file')),
      pairs: v.pipe(
        v.record(name('Name of the pair'), pair, objectMend),
        v.minEntries(1, 'give at least one pair'),
        v.description('The pairs to watch, by name'),
      ),
      alerts: v.exactOptional(alerts),
      network: v.exactOptional(network),
      deployment: v.optional(deployment, {}),
    },
    objectMend,
  ),
  v.title('Hotspare configuration'),
  v.description('Which pairs of MySQL servers Hotspare watches, and how'),
)

/** Schemas whose keys depend on each other, for the generator of the JSON Schema. */
export const dependentSchemas = { credentials, tls, alerts }

/** The file's content with all defaults filled in. */
export type ConfigurationContent = v.InferOutput<typeof configurationSchema>
export type PairContent = v.InferOutput<typeof pair>
