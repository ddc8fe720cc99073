/**
 * The topic that people are told through: one of yours, or one that the stack makes, encrypted with a key of its own.
 *
 * The one thing to understand: alarms publish as the CloudWatch service, which is not the account. Without its own lines in the
 * topic's policy and the key's, an alarm goes off and nobody hears it, without an error anywhere.
 *
 * Source: Amazon SNS Developer Guide, "Enable compatibility between event sources from AWS services and encrypted topics".
 */
import { RemovalPolicy, Stack } from 'aws-cdk-lib'
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { Key } from 'aws-cdk-lib/aws-kms'
import { type ITopic, Subscription, SubscriptionProtocol, Topic } from 'aws-cdk-lib/aws-sns'
import { Construct } from 'constructs'
import type { AlertsContent } from '../lambda/config/deployment-schema.ts'

export interface AlertTopic {
  readonly topic: ITopic
  /** The key to publish with; null if the topic has none of its own. */
  readonly keyArn: string | null
}

/** The topic that `alerts` names or describes; null if nobody is to be told. */
export function alertTopicOf(
  scope: Construct,
  alerts: AlertsContent | null,
  given: ITopic | undefined,
  displayName: string,
): AlertTopic | null {
  if (given !== undefined) return { topic: given, keyArn: given.masterKey?.keyArn ?? null }
  if (alerts === null) return null
  if (alerts.topicArn !== undefined) {
    const topic = Topic.fromTopicArn(scope, 'Topic', alerts.topicArn)
    return { topic, keyArn: alerts.kmsKeyArn ?? null }
  }
  const made = new MadeTopic(scope, 'Alerts', alerts, displayName)
  return { topic: made.topic, keyArn: made.key.keyArn }
}

const protocols = {
  email: SubscriptionProtocol.EMAIL,
  sms: SubscriptionProtocol.SMS,
  https: SubscriptionProtocol.HTTPS,
  sqs: SubscriptionProtocol.SQS,
} as const

class MadeTopic extends Construct {
  readonly topic: Topic
  readonly key: Key

  constructor(scope: Construct, id: string, alerts: AlertsContent, displayName: string) {
    super(scope, id)
    const { account, region, partition } = Stack.of(this)
    this.key = new Key(this, 'Key', {
      description: `Alerts of ${displayName}`,
      enableKeyRotation: true,
      // Nothing is kept that was encrypted with it: messages are delivered at once.
      removalPolicy: RemovalPolicy.DESTROY,
    })
    this.topic = new Topic(this, 'Topic', {
      // Also the name that text messages come from.
      displayName: displayName.slice(0, 100),
      masterKey: this.key,
      enforceSSL: true,
    })
    const alarms = {
      ArnLike: { 'aws:SourceArn': `arn:${partition}:cloudwatch:${region}:${account}:alarm:*` },
      StringEquals: { 'aws:SourceAccount': account },
    }
    const cloudWatch = new ServicePrincipal('cloudwatch.amazonaws.com')
    this.key.addToResourcePolicy(
      new PolicyStatement({
        sid: 'AlarmsEncrypt',
        principals: [cloudWatch],
        actions: ['kms:Decrypt', 'kms:GenerateDataKey*'],
        resources: ['*'],
        conditions: { StringEquals: { 'aws:SourceAccount': account } },
      }),
    )
    this.topic.addToResourcePolicy(
      new PolicyStatement({
        sid: 'AlarmsTellPeople',
        principals: [cloudWatch],
        actions: ['sns:Publish'],
        resources: [this.topic.topicArn],
        conditions: alarms,
      }),
    )
    for (const [key, protocol] of Object.entries(protocols)) {
      const endpoints = alerts[key as keyof typeof protocols] ?? []
      for (const endpoint of endpoints) {
        // The id holds the address, so that taking one out of the list removes that one and no other.
        new Subscription(this, `${key}:${endpoint}`.replaceAll('/', '|'), {
          topic: this.topic,
          protocol,
          endpoint,
        })
      }
    }
  }
}
