/** Alerts over an SNS topic. SNS refuses subjects that aren't short plain ASCII, so a subject is brought into that form first. */
import { PublishCommand, SNSClient } from '@aws-sdk/client-sns'
import type { Alert, Alerts } from './alerts.ts'
import { type AwsFailure, awsClientSettings, callAws } from './aws-call.ts'

export interface SnsAlertsOptions {
  /** The topic; its region is taken from the ARN. */
  readonly topicArn: string
}

const longestSubject = 100
/** SNS takes 262,144 bytes for body and attributes together. */
const longestBodyBytes = 250_000

/**
 * Alerts through one topic.
 *
 * A message whose answer was lost is sent again: two messages are better than none.
 */
export function createSnsAlerts(options: SnsAlertsOptions): Alerts {
  const region = options.topicArn.split(':')[3] || undefined
  const client = new SNSClient(awsClientSettings(region))

  async function publish(alert: Alert, timeoutMs: number): Promise<true | string> {
    const command = new PublishCommand({
      TopicArn: options.topicArn,
      Subject: subjectOf(alert.subject),
      Message: bodyOf(alert.body),
      MessageAttributes: Object.fromEntries(
        Object.entries(alert.attributes)
          // SNS refuses a message with an empty attribute.
          .filter(([, value]) => value !== '')
          .map(([name, value]) => [name, { DataType: 'String', StringValue: value }]),
      ),
    })
    const outcome = await callAws({ timeoutMs, repeatWhenLost: true }, (abortSignal) =>
      client.send(command, { abortSignal }),
    )
    return outcome.ok ? true : explain(options.topicArn, outcome.failure, timeoutMs)
  }

  return { publish, close: () => client.destroy() }
}

/**
 * A subject that SNS takes: at most 100 printable ASCII characters in one line, starting with a letter, number or punctuation.
 * Accents are dropped, other characters outside ASCII become `?`; what is too long ends in `...`.
 */
export function subjectOf(text: string): string {
  const plain = text
    .normalize('NFKD')
    .replace(/\p{Mark}/gu, '')
    .replace(/[\s\p{Control}]+/gu, ' ')
    .replace(/[–—]/g, '-')
    .replace(/[^\x20-\x7e]/gu, '?')
    .trim()
  if (plain === '') return 'Hotspare'
  return plain.length <= longestSubject ? plain : `${plain.slice(0, longestSubject - 3).trimEnd()}...`
}

function bodyOf(text: string): string {
  if (text === '') return '(no details)'
  if (Buffer.byteLength(text) <= longestBodyBytes) return text
  // Four bytes hold any character, so this many characters always fit.
  return `${text.slice(0, longestBodyBytes / 4)}\n... (cut: the message was too long; the log has all of it)`
}

function explain(topicArn: string, failure: AwsFailure, timeoutMs: number): string {
  const said = `${failure.name}: ${failure.message}`
  switch (failure.kind) {
    case 'timeout':
      return `SNS did not answer within ${Math.round(timeoutMs)} ms. A function in a VPC needs a NAT gateway or the SNS endpoint.`
    case 'lost':
      return `The connection to SNS failed (${said}). The message may have been lost.`
    case 'throttled':
      return `SNS put the message off until the deadline (${said}).`
    case 'denied':
      return `SNS denied the message (${said}). Grant sns:Publish on ${topicArn} to the function's role.`
    case 'rejected':
      return `SNS rejected the message (${said}). Check that the topic ${topicArn} exists.`
  }
}
