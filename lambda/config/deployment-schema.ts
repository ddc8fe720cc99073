/**
 * What hotspare.json says about the deployment: the network, who is told, and the functions themselves.
 *
 * The one thing to understand: the function reads the same file and heeds none of this. It is here, and not in the construct's
 * properties, so that one file says all there is to say about an installation, and synthesising needs no account.
 */
import * as v from 'valibot'
import { matching, objectMend, oneOf, whole } from './value-checks.ts'

export const keyArn = (description: string) =>
  matching(
    /^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key\/[A-Za-z0-9-]+$/,
    'give the ARN of a KMS key, like "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"',
    description,
  )

/** One of a few numbers. */
const oneOfNumbers = <const T extends readonly number[]>(values: T, description: string) =>
  v.pipe(v.picklist(values, `use ${values.join(' or ')}`), v.description(description))

const listOf = (pattern: RegExp, mend: string, description: string) =>
  v.pipe(
    v.array(v.pipe(v.string(mend), v.regex(pattern, mend)), `give a list of texts: ${mend}`),
    v.minLength(1, `give at least one, or leave the key out; ${mend}`),
    v.description(description),
  )

const topicArn = matching(
  /^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}$/,
  'give the ARN of a standard SNS topic, like "arn:aws:sns:eu-west-1:123456789012:hotspare"',
  'ARN of an SNS topic of your own that alerts go to',
)

export const alerts = v.pipe(
  v.strictObject(
    {
      topicArn: v.exactOptional(topicArn),
      kmsKeyArn: v.exactOptional(
        keyArn('ARN of the KMS key that your own topic is encrypted with, if it has one of yours'),
      ),
      email: v.exactOptional(
        listOf(
          /^[^\s@]+@[^\s@]+\.[^\s@]+$/,
          'give an e-mail address, like "dba@example.com"',
          'E-mail addresses that the topic which the stack makes sends to; each has to confirm once',
        ),
      ),
      sms: v.exactOptional(
        listOf(
          /^\+[0-9]{7,15}$/,
          'give a telephone number in international form, like "+4930123456"',
          'Telephone numbers that the topic which the stack makes sends text messages to',
        ),
      ),
      https: v.exactOptional(
        listOf(
          /^https:\/\/[^\s]+$/,
          'give an address that starts with https://',
          'Addresses that the topic which the stack makes posts to. They stand in the template: one with a key in it belongs to a topic of your own',
        ),
      ),
      sqs: v.exactOptional(
        listOf(
          /^arn:aws[a-z-]*:sqs:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,80}$/,
          'give the ARN of an SQS queue, like "arn:aws:sqs:eu-west-1:123456789012:alerts"',
          'Queues that the topic which the stack makes sends to; their policies have to allow it',
        ),
      ),
    },
    objectMend,
  ),
  v.description(
    'Who is told: { "email": ["..."] } has the stack make a topic, { "topicArn": "..." } names yours',
  ),
)

const endpointNames = ['route53', 'secretsmanager', 'sns'] as const

export const network = v.pipe(
  v.strictObject(
    {
      reach: oneOf(
        ['nat', 'endpoints', 'ipv6'],
        'How the functions reach Route 53, Secrets Manager and SNS. nat: the subnets have a way out. endpoints: the stack makes interface endpoints. ipv6: the subnets are dual-stack with an egress-only gateway',
      ),
      vpcId: matching(
        /^vpc-[0-9a-f]{8,17}$/,
        'give the VPC\'s id, like "vpc-0123456789abcdef0"',
        'Id of the VPC that the functions run in',
      ),
      subnets: v.pipe(
        v.record(
          matching(
            /^subnet-[0-9a-f]{8,17}$/,
            'give each subnet by its id, like "subnet-0123456789abcdef0"',
            'Id of a subnet',
          ),
          matching(
            /^[a-z]{2}(-[a-z]+)+-[0-9][a-z]$/,
            'give the name of the zone that the subnet is in, like "eu-west-1a"',
            'The availability zone of the subnet',
          ),
          objectMend,
        ),
        v.minEntries(2, 'give at least two subnets in two zones, { "subnet-...": "eu-west-1a", ... }'),
        v.description('Subnets that the functions run in, each with its availability zone'),
      ),
      securityGroupIds: listOf(
        /^sg-[0-9a-f]{8,17}$/,
        'give the id of a security group, like "sg-0123456789abcdef0"',
        "Security groups of the functions; the servers' own have to let them in",
      ),
      createEndpoints: v.exactOptional(
        v.pipe(
          v.array(
            oneOf(endpointNames, 'A service'),
            `give a list of the services to make an endpoint for: ${endpointNames.join(', ')}`,
          ),
          v.description(
            'Which interface endpoints the stack makes, where the VPC has some already; all three if left out',
          ),
        ),
      ),
    },
    objectMend,
  ),
  v.description('Where the functions run in your network'),
)

/** Some of what CloudWatch Logs accepts. */
const retentionDays = [7, 14, 30, 60, 90, 180, 365, 731, 1827, 3653] as const

export const deployment = v.pipe(
  v.strictObject(
    {
      name: v.optional(
        matching(
          /^[a-z][a-z0-9-]{0,31}$/,
          'use 1 to 32 lower-case letters, digits and hyphens, a letter first',
          'What the names of the functions begin with: <name>-watch and <name>-request',
        ),
        'hotspare',
      ),
      watchers: v.optional(
        oneOfNumbers([1, 2], 'How many functions watch; with 2 each has the subnets of one zone'),
        1,
      ),
      pairsPerShard: v.optional(
        whole('pairs', 1, 25, 'How many pairs one invocation watches at the same time'),
        5,
      ),
      reservedConcurrency: v.exactOptional(
        whole(
          'invocations',
          2,
          1000,
          'Concurrent invocations set aside for each watch function; none if left out',
        ),
      ),
      memoryMb: v.optional(whole('megabytes', 192, 3008, 'Memory of each function, in megabytes'), 256),
      logRetentionDays: v.optional(oneOfNumbers(retentionDays, 'How long logs are kept, in days'), 90),
      lagAlarmMs: v.optional(
        whole(
          'milliseconds',
          1000,
          3_600_000,
          'Replication lag that raises an alarm after five minutes, in milliseconds',
        ),
        10_000,
      ),
      selfTest: v.optional(
        oneOf(
          ['required', 'report', 'off'],
          'What a deployment does about the self-test. required: fails with it. report: only tells. off: has none',
        ),
        'required',
      ),
    },
    objectMend,
  ),
  v.description('How the functions are deployed'),
)

export type NetworkContent = v.InferOutput<typeof network>
export type DeploymentContent = v.InferOutput<typeof deployment>
export type AlertsContent = v.InferOutput<typeof alerts>
