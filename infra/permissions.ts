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
import { PolicyStatement } from 'aws-cdk-lib/aws-iam'
import type { Construct } from 'constructs'
import { ledgerNameOf } from '../lambda/adapters/route53-records.ts'
import type { Configuration, PairConfiguration } from '../lambda/config.ts'

/** What looking takes: the records of the zones, and the account on the servers. */
export function lookingStatements(scope: Construct, { pairs }: Configuration): PolicyStatement[] {
  const all = Object.values(pairs)
  return [
    new PolicyStatement({
      sid: 'ReadRecords',
      actions: ['route53:ListResourceRecordSets'],
      resources: unique(all.map(({ directory }) => zoneArn(scope, directory.hostedZoneId))),
    }),
    new PolicyStatement({
      sid: 'ReadAccount',
      actions: ['secretsmanager:GetSecretValue'],
      resources: unique(all.flatMap(({ credentials }) => secretArns(scope, credentials))),
    }),
  ]
}

/** What acting takes besides: to swap the records of each pair, to follow the change, and to tell people. */
export function actingStatements(scope: Construct, { pairs, alerts }: Configuration): PolicyStatement[] {
  const topic = alerts === null ? [] : [alerts.topicArn]
  return [
    ...Object.values(pairs).map((pair, index) => swapStatement(scope, `SwapRecords${index + 1}`, pair)),
    new PolicyStatement({
      sid: 'FollowChange',
      actions: ['route53:GetChange'],
      // A change's id is not known before it is made, and a change id is all that this action tells of.
      resources: [globalArn(scope, 'route53', 'change/*')],
    }),
    ...topic.map(
      (arn) => new PolicyStatement({ sid: 'TellPeople', actions: ['sns:Publish'], resources: [arn] }),
    ),
  ]
}

/** Delete and create, never upsert; the writer record and the ledger beside it, and nothing else in the zone. */
function swapStatement(scope: Construct, sid: string, { directory }: PairConfiguration): PolicyStatement {
  const { hostedZoneId, writerName, recordType } = directory
  const allowed = {
    'route53:ChangeResourceRecordSetsNormalizedRecordNames': [writerName, ledgerNameOf(writerName)],
    'route53:ChangeResourceRecordSetsRecordTypes': [recordType, 'TXT'],
    'route53:ChangeResourceRecordSetsActions': ['CREATE', 'DELETE'],
  }
  return new PolicyStatement({
    sid,
    actions: ['route53:ChangeResourceRecordSets'],
    resources: [zoneArn(scope, hostedZoneId)],
    conditions: {
      'ForAllValues:StringEquals': allowed,
      Null: Object.fromEntries(Object.keys(allowed).map((key) => [key, 'false'])),
    },
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
