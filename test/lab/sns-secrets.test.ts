/** The lab's SNS and Secrets Manager, asked by the real SDK clients. */
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { PublishCommand, type PublishCommandInput, SNSClient } from '@aws-sdk/client-sns'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type LabAws, startLabAws } from '../../lab/aws/lab-aws.ts'

const TopicArn = 'arn:aws:sns:us-east-1:123456789012:hotspare'

let lab: LabAws
let sns: SNSClient
let secretsManager: SecretsManagerClient

beforeEach(async () => {
  lab = await startLabAws()
  for (const [name, value] of Object.entries(lab.environment)) vi.stubEnv(name, value)
  sns = new SNSClient({ maxAttempts: 1 })
  secretsManager = new SecretsManagerClient({ maxAttempts: 1 })
})

afterEach(async () => {
  sns.destroy()
  secretsManager.destroy()
  vi.unstubAllEnvs()
  await lab.close()
})

function publish(input: Partial<PublishCommandInput> = {}, abortSignal?: AbortSignal) {
  const command = new PublishCommand({ TopicArn, Subject: 'hotspare: orders', Message: 'text', ...input })
  return sns.send(command, abortSignal === undefined ? {} : { abortSignal })
}

function read(SecretId: string, abortSignal?: AbortSignal) {
  return secretsManager.send(
    new GetSecretValueCommand({ SecretId }),
    abortSignal === undefined ? {} : { abortSignal },
  )
}

describe('SNS', () => {
  test('keeps what was published', async () => {
    const answer = await publish({
      Subject: 'hotspare: orders moved to bob',
      Message: 'line one\nline & two <ä> 100 % + more',
      MessageAttributes: {
        pair: { DataType: 'String', StringValue: 'orders' },
        severity: { DataType: 'String', StringValue: 'critical' },
      },
    })
    expect(lab.sns.messages).toMatchObject([
      {
        id: answer.MessageId,
        topicArn: TopicArn,
        subject: 'hotspare: orders moved to bob',
        message: 'line one\nline & two <ä> 100 % + more',
        attributes: { pair: 'orders', severity: 'critical' },
      },
    ])
  })

  test('a message can be waited for, whether it is there or yet to come', async () => {
    const coming = lab.sns.waitForMessage(({ attributes }) => attributes.event === 'moved', 5000)
    await publish({ Subject: 'other' })
    await publish({ MessageAttributes: { event: { DataType: 'String', StringValue: 'moved' } } })
    expect((await coming).attributes).toEqual({ event: 'moved' })
    expect((await lab.sns.waitForMessage(({ subject }) => subject === 'other', 0)).subject).toBe('other')
    const never = lab.sns.waitForMessage(({ subject }) => subject === 'never', 20)
    await expect(never).rejects.toThrow('No such message within 20 ms. Arrived: other; hotspare: orders')
  })

  test.each([
    ['a subject of 101 characters', { Subject: 'x'.repeat(101) }, 'Subject'],
    ['a subject with a line break', { Subject: 'a\nb' }, 'Subject'],
    ['a subject that begins with a space', { Subject: ' a' }, 'Subject'],
    ['a subject that is not ASCII', { Subject: 'ä' }, 'Subject'],
    ['an empty message', { Message: '' }, 'Empty message'],
    ['a message over 256 KiB', { Message: 'x'.repeat(262_145) }, 'Message too long'],
    ['a message over 256 KiB in bytes', { Message: 'ä'.repeat(131_073) }, 'Message too long'],
    ['something else than a topic', { TopicArn: 'arn:aws:sqs:us-east-1:123456789012:queue' }, 'TopicArn'],
  ])('refuses %s', async (_, wrong, message) => {
    await expect(publish(wrong)).rejects.toMatchObject({
      name: 'InvalidParameterException',
      message: expect.stringContaining(`Invalid parameter: ${message}`),
    })
    expect(lab.sns.messages).toEqual([])
  })

  test('takes what is just within the limits', async () => {
    await publish({ Subject: 'x'.repeat(100), Message: 'x'.repeat(262_144) })
    expect(lab.sns.messages).toHaveLength(1)
  })

  test('can fail, refuse, hang and be slow', async () => {
    lab.sns.faults.rejection = 'internal-error'
    await expect(publish()).rejects.toMatchObject({ $metadata: { httpStatusCode: 500 } })
    lab.sns.faults.rejection = 'authorization-error'
    await expect(publish()).rejects.toMatchObject({
      name: 'AuthorizationErrorException',
      $metadata: { httpStatusCode: 403 },
      message: expect.stringContaining(`SNS:Publish on resource: ${TopicArn}`),
    })
    lab.sns.faults.clear()
    lab.sns.faults.outage = 'refuse'
    await expect(publish()).rejects.toMatchObject({ code: 'ECONNRESET' })
    lab.sns.faults.outage = 'hang'
    await expect(publish({}, AbortSignal.timeout(100))).rejects.toMatchObject({ name: 'AbortError' })
    expect(lab.sns.messages).toEqual([])
    lab.sns.faults.clear()
    lab.sns.faults.latencyMs = 100
    const startedAtMs = performance.now()
    await publish()
    expect(performance.now() - startedAtMs).toBeGreaterThanOrEqual(99)
    // The refused connection carried no call.
    expect(lab.sns.publishCalls).toBe(4)
  })
})

describe('Secrets Manager', () => {
  test('gives the newest value, by name or ARN, and counts the reads', async () => {
    lab.secrets.put('hotspare/orders', { username: 'hotspare', password: 'first' })
    const first = await read('hotspare/orders')
    lab.secrets.put('hotspare/orders', '{"username":"hotspare","password":"second"}')
    const second = await read(lab.secrets.arn('hotspare/orders'))
    expect(first).toMatchObject({ Name: 'hotspare/orders', VersionStages: ['AWSCURRENT'] })
    expect(JSON.parse(first.SecretString ?? '')).toEqual({ username: 'hotspare', password: 'first' })
    expect(JSON.parse(second.SecretString ?? '')).toEqual({ username: 'hotspare', password: 'second' })
    expect(second.CreatedDate).toBeInstanceOf(Date)
    expect(second.VersionId).not.toBe(first.VersionId)
    expect(lab.secrets.readCount).toBe(2)
  })

  test('what is not there, or no longer, is ResourceNotFoundException', async () => {
    await expect(read('none')).rejects.toMatchObject({ name: 'ResourceNotFoundException' })
    lab.secrets.put('gone', 'x')
    expect(lab.secrets.delete('gone')).toBe(true)
    await expect(read('gone')).rejects.toThrow("Secrets Manager can't find the specified secret.")
  })

  test('can refuse, fail and hang', async () => {
    lab.secrets.put('hotspare/orders', 'x')
    lab.secrets.faults.rejection = 'access-denied'
    await expect(read('hotspare/orders')).rejects.toMatchObject({
      name: 'AccessDeniedException',
      message: expect.stringContaining('secretsmanager:GetSecretValue on resource: hotspare/orders'),
    })
    lab.secrets.faults.rejection = 'internal-error'
    await expect(read('hotspare/orders')).rejects.toMatchObject({ $metadata: { httpStatusCode: 500 } })
    lab.secrets.faults.clear()
    lab.secrets.faults.outage = 'hang'
    await expect(read('hotspare/orders', AbortSignal.timeout(100))).rejects.toMatchObject({
      name: 'AbortError',
    })
    lab.secrets.faults.clear()
    expect((await read('hotspare/orders')).SecretString).toBe('x')
    expect(lab.secrets.readCount).toBe(4)
  })
})
