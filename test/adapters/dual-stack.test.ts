/** With `network.reach: "ipv6"` the functions' environment makes every client call its service by a name that has IPv6 addresses. */
import { GetChangeCommand, Route53Client } from '@aws-sdk/client-route-53'
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { PublishCommand, SNSClient } from '@aws-sdk/client-sns'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { awsClientSettings } from '../../lambda/adapters/aws-call.ts'

beforeEach(() => {
  vi.stubEnv('AWS_REGION', 'eu-west-1')
  // Whatever goes wrong, nobody looks for credentials elsewhere.
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'lab')
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'lab')
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true')
})
afterEach(() => vi.unstubAllEnvs())

interface Caller {
  readonly middlewareStack: {
    add(step: unknown, options: { step: 'finalizeRequest'; priority: 'high' }): void
  }
}

/** The name that a call goes to; it is stopped before it is signed or sent. */
async function hostOf(client: Caller, send: () => Promise<unknown>): Promise<string> {
  let host = ''
  client.middlewareStack.add(
    () => (call: { request: { hostname: string } }) => {
      host = call.request.hostname
      throw new Error('far enough')
    },
    { step: 'finalizeRequest', priority: 'high' },
  )
  await expect(send()).rejects.toThrow('far enough')
  return host
}

async function hosts(): Promise<string[]> {
  const route53 = new Route53Client(awsClientSettings())
  const secrets = new SecretsManagerClient(awsClientSettings('eu-west-1'))
  const sns = new SNSClient(awsClientSettings('eu-west-1'))
  return [
    await hostOf(route53 as unknown as Caller, () => route53.send(new GetChangeCommand({ Id: 'C1' }))),
    await hostOf(secrets as unknown as Caller, () =>
      secrets.send(new GetSecretValueCommand({ SecretId: 's' })),
    ),
    await hostOf(sns as unknown as Caller, () =>
      sns.send(new PublishCommand({ TopicArn: 't', Message: 'm' })),
    ),
  ]
}

test('by default, the names that have IPv4 addresses', async () => {
  expect(await hosts()).toEqual([
    'route53.amazonaws.com',
    'secretsmanager.eu-west-1.amazonaws.com',
    'sns.eu-west-1.amazonaws.com',
  ])
})

test('with AWS_USE_DUALSTACK_ENDPOINT, those that have both', async () => {
  vi.stubEnv('AWS_USE_DUALSTACK_ENDPOINT', 'true')
  expect(await hosts()).toEqual([
    'route53.global.api.aws',
    // By the SDK's rules this service's usual name is its dual-stack one too.
    'secretsmanager.eu-west-1.amazonaws.com',
    'sns.eu-west-1.api.aws',
  ])
})
