/** What is in the account before anybody deploys: a VPC with two subnets, a security group, the secret, and a queue to listen with. */
import type { Moto } from './moto.ts'
import { accountId, region } from './moto.ts'

export interface Account {
  /** As hotspare.json names it. */
  readonly network: Readonly<Record<string, unknown>>
  /** Lets the queue hear what a topic says. */
  listen(topicArn: string): Promise<void>
  /** Subjects of the messages that came since the last call. */
  subjects(): Promise<string[]>
}

export async function furnish(moto: Moto, secret: { name: string; account: object }): Promise<Account> {
  const ec2 = (Action: string, more: Record<string, string>) =>
    moto.query('ec2', '2016-11-15', { Action, ...more })
  // No container is started for what is invoked inside the emulator: the functions are run by the lab.
  const settings = JSON.stringify({ lambda: { use_docker: false } })
  const headers = { 'content-type': 'application/json' }
  await moto.fetch('lambda', '/moto-api/config', { method: 'POST', headers, body: settings })
  const { vpcId } = (await ec2('CreateVpc', { CidrBlock: '10.0.0.0/16' })).vpc
  const zones = [`${region}a`, `${region}b`]
  const subnets = await Promise.all(
    zones.map(async (AvailabilityZone, index) => {
      const { subnet } = await ec2('CreateSubnet', {
        VpcId: vpcId,
        CidrBlock: `10.0.${index}.0/24`,
        AvailabilityZone,
      })
      return [subnet.subnetId, AvailabilityZone]
    }),
  )
  const group = { VpcId: vpcId, GroupName: 'functions', GroupDescription: 'functions' }
  const { groupId } = await ec2('CreateSecurityGroup', group)
  await moto.json('secretsmanager', 'secretsmanager.CreateSecret', {
    Name: secret.name,
    SecretString: JSON.stringify(secret.account),
  })
  const { QueueUrl } = await moto.json('sqs', 'AmazonSQS.CreateQueue', { QueueName: 'listener' })
  return {
    network: { reach: 'endpoints', vpcId, subnets: Object.fromEntries(subnets), securityGroupIds: [groupId] },
    async listen(TopicArn) {
      const Endpoint = `arn:aws:sqs:${region}:${accountId}:listener`
      await moto.query('sns', '2010-03-31', { Action: 'Subscribe', Protocol: 'sqs', TopicArn, Endpoint })
    },
    async subjects() {
      const { Messages = [] } = await moto.json('sqs', 'AmazonSQS.ReceiveMessage', {
        QueueUrl,
        MaxNumberOfMessages: 10,
      })
      // What is not deleted comes again half a minute later.
      for (const { ReceiptHandle } of Messages)
        await moto.json('sqs', 'AmazonSQS.DeleteMessage', { QueueUrl, ReceiptHandle })
      return Messages.map(({ Body }: { Body: string }) => String(JSON.parse(Body).Subject))
    },
  }
}
