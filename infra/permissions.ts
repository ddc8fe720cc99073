/**
 * What the functions may do in AWS, statement by statement.
 *
 * The one thing to understand: a condition with ForAllValues is true for a request that lacks the key, so each one is paired with
 * Null: "false", which says that the key has to be there. Record names are compared in Route 53's normal form: lower case,
 * without a trailing dot, which is the only form that hotspare.json accepts.
 *
 * Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon Route 53"; IAM User Guide,
 * "Set operators for multivalued context keys".
 */
import { Stack } from 'aws-cdk-lib'
import { Effect, PolicyStatement } from 'aws-cdk-lib/aws-iam'
import type { Construct } from 'constructs'
import { ledgerNameOf } from '../lambda/adapters/route53-records.ts'
import type { Configuration, PairConfiguration } from '../lambda/config.ts'

/** A policy document has a limit of its own, so what grows with the pairs is cut into statements of so many. */
const pairsPerStatement = 20

/** What looking takes: the records of the zones, and the account on the servers. */
export function lookingStatements(scope: Construct, { pairs, deployment }: Configuration): PolicyStatement[] {
  const all = Object.values(pairs)
  const secrets = unique(all.flatMap(({ credentials }) => secretArns(scope, credentials)))
  const keys = deployment.secretKeyArns
  return [
    new PolicyStatement({
      sid: 'ReadRecords',
      actions: ['route53:ListResourceRecordSets'],
      resources: unique(all.map(({ directory }) => zoneArn(scope, directory.hostedZoneId))),
    }),
    ...chunksOf(secrets).map(
      (resources, index) =>
        new PolicyStatement({
          sid: numbered('ReadAccount', index),
          actions: ['secretsmanager:GetSecretValue'],
          resources,
        }),
    ),
    ...(keys.length === 0 ? [] : [decryptStatement(scope, keys)]),
  ]
}

/** A key of one's own, and only for what Secrets Manager decrypts in the function's name. */
function decryptStatement(scope: Construct, keys: readonly string[]): PolicyStatement {
  const service = `secretsmanager.${Stack.of(scope).region}.${Stack.of(scope).urlSuffix}`
  return new PolicyStatement({
    sid: 'DecryptAccount',
    actions: ['kms:Decrypt'],
    resources: [...keys],
    conditions: { StringEquals: { 'kms:ViaService': service } },
  })
}

/** What acting takes besides: to swap the records of each pair, and to follow the change. */
export function actingStatements(scope: Construct, { pairs }: Configuration): PolicyStatement[] {
  return [
    ...swapStatements(scope, Object.values(pairs)),
    new PolicyStatement({
      sid: 'FollowChange',
      actions: ['route53:GetChange'],
      // A change's id is not known before it is made, and a change id is all that this action tells of.
      resources: [globalArn(scope, 'route53', 'change/*')],
    }),
  ]
}

/** To publish to one topic, and to use its key for that and nothing else. */
export function tellingStatements(
  scope: Construct,
  topicArn: string,
  keyArn: string | null,
): PolicyStatement[] {
  const publish = new PolicyStatement({ sid: 'TellPeople', actions: ['sns:Publish'], resources: [topicArn] })
  if (keyArn === null) return [publish]
  const { region, urlSuffix } = Stack.of(scope)
  const encrypt = new PolicyStatement({
    sid: 'EncryptMessages',
    actions: ['kms:Decrypt', 'kms:GenerateDataKey'],
    resources: [keyArn],
    conditions: { StringEquals: { 'kms:ViaService': `sns.${region}.${urlSuffix}` } },
  })
  return [publish, encrypt]
}

const interfaceActions = [
  'ec2:AssignPrivateIpAddresses',
  'ec2:CreateNetworkInterface',
  'ec2:DeleteNetworkInterface',
  'ec2:DescribeNetworkInterfaces',
  'ec2:DescribeSubnets',
  'ec2:UnassignPrivateIpAddresses',
]

/**
 * What Lambda itself does with the function's role to attach it to a VPC; the code is denied the same, as the manual advises.
 *
 * Source: Lambda Developer Guide, "Giving Lambda functions access to resources in an Amazon VPC", required IAM permissions.
 */
export function attachingStatements(functionArn: string): PolicyStatement[] {
  return [
    new PolicyStatement({ sid: 'AttachToNetwork', actions: interfaceActions, resources: ['*'] }),
    new PolicyStatement({
      sid: 'NotByTheCode',
      effect: Effect.DENY,
      actions: interfaceActions,
      resources: ['*'],
      conditions: { ArnEquals: { 'lambda:SourceFunctionArn': functionArn } },
    }),
  ]
}

/** Delete and create, never upsert; the writer records and the ledgers beside them, and nothing else in the zone. */
function swapStatements(scope: Construct, pairs: readonly PairConfiguration[]): PolicyStatement[] {
  const groups = new Map<string, PairConfiguration[]>()
  for (const pair of pairs) {
    const key = `${pair.directory.hostedZoneId} ${pair.directory.recordType}`
    groups.set(key, [...(groups.get(key) ?? []), pair])
  }
  const statements = [...groups.values()].flatMap((group) => chunksOf(group))
  return statements.map((chunk, index) => {
    const [first] = chunk
    if (first === undefined) throw new Error('A group of pairs has none. Report this as a bug.')
    const { hostedZoneId, recordType } = first.directory
    const allowed = {
      'route53:ChangeResourceRecordSetsNormalizedRecordNames': chunk.flatMap(({ directory }) => [
        directory.writerName,
        ledgerNameOf(directory.writerName),
      ]),
      'route53:ChangeResourceRecordSetsRecordTypes': [recordType, 'TXT'],
      'route53:ChangeResourceRecordSetsActions': ['CREATE', 'DELETE'],
    }
    return new PolicyStatement({
      sid: `SwapRecords${index + 1}`,
      actions: ['route53:ChangeResourceRecordSets'],
      resources: [zoneArn(scope, hostedZoneId)],
      conditions: {
        'ForAllValues:StringEquals': allowed,
        Null: Object.fromEntries(Object.keys(allowed).map((key) => [key, 'false'])),
      },
    })
  })
}

function zoneArn(scope: Construct, hostedZoneId: string): string {
  return globalArn(scope, 'route53', `hostedzone/${hostedZoneId}`)
}

function globalArn(scope: Construct, service: string, resource: string): string {
  return `arn:${Stack.of(scope).partition}:${service}:::${resource}`
}

/** A name's ARN ends in a hyphen and six characters that Secrets Manager chose; a whole ARN stands for itself. */
function secretArns(scope: Construct, credentials: PairConfiguration['credentials']): string[] {
  if (!('secretId' in credentials)) return []
  const { secretId } = credentials
  const isArn = secretId.startsWith('arn:')
  if (isArn && /-[A-Za-z0-9]{6}$/.test(secretId)) return [secretId]
  if (isArn) return [`${secretId}-??????`]
  const { partition, region, account } = Stack.of(scope)
  return [`arn:${partition}:secretsmanager:${region}:${account}:secret:${secretId}-??????`]
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)]
}

function chunksOf<Item>(items: readonly Item[]): Item[][] {
  const count = Math.ceil(items.length / pairsPerStatement)
  return Array.from({ length: count }, (_, index) =>
    items.slice(index * pairsPerStatement, (index + 1) * pairsPerStatement),
  )
}

function numbered(sid: string, index: number): string {
  return index === 0 ? sid : `${sid}${index + 1}`
}
