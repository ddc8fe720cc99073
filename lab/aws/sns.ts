/**
 * An SNS for the lab: Publish in the Query protocol, with the real service's limits, because a message that SNS would refuse
 * must fail here too. Every accepted message is kept for the tests.
 */
import { randomUUID } from 'node:crypto'
import { ServiceFaults } from './faults.ts'
import { notAuthorizedMessage } from './lab-account.ts'
import { type Call, type LoopbackService, type Reply, startLoopbackService } from './loopback-service.ts'
import { element, parent, xmlError, xmlReply } from './xml.ts'

const namespace = 'http://sns.amazonaws.com/doc/2010-03-31/'
const maximumMessageBytes = 262_144
const topicArnForm = /^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?$/
// Printable ASCII, at most 100 characters, the first of which is not a space.
const subjectForm = /^[\x21-\x7e][\x20-\x7e]{0,99}$/

export interface PublishedMessage {
  readonly id: string
  readonly topicArn: string
  readonly subject: string | undefined
  readonly message: string
  /** Attribute values by name; a binary one as base64. */
  readonly attributes: Readonly<Record<string, string>>
  readonly publishedAt: Date
  /** On `performance.now()`'s clock. */
  readonly publishedAtMs: number
}

export class SnsFaults extends ServiceFaults {
  /** Answers every Publish with HTTP 500 `InternalError`, or HTTP 403 `AuthorizationError`. */
  rejection: 'none' | 'internal-error' | 'authorization-error' = 'none'

  override clear(): void {
    super.clear()
    this.rejection = 'none'
  }
}

interface Waiter {
  readonly predicate: (message: PublishedMessage) => boolean
  resolve(message: PublishedMessage): void
}

export class LabSns {
  readonly faults = new SnsFaults()
  /** Accepted messages, oldest first. */
  readonly messages: PublishedMessage[] = []
  /** Publish calls that arrived, whatever became of them; the SDK's retries count too. */
  publishCalls = 0
  readonly #waiters = new Set<Waiter>()

  /**
   * The first message, kept already or yet to come, for which `predicate` is true.
   * Rejects after `timeoutMs` with the subjects that did arrive.
   */
  waitForMessage(
    predicate: (message: PublishedMessage) => boolean,
    timeoutMs: number,
  ): Promise<PublishedMessage> {
    const kept = this.messages.find(predicate)
    if (kept !== undefined) return Promise.resolve(kept)
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiters.delete(waiter)
        const subjects = this.messages.map(({ subject }) => subject ?? '(no subject)').join('; ')
        reject(new Error(`No such message within ${timeoutMs} ms. Arrived: ${subjects || 'nothing'}`))
      }, timeoutMs)
      const waiter: Waiter = {
        predicate,
        resolve: (message) => {
          clearTimeout(timer)
          resolve(message)
        },
      }
      this.#waiters.add(waiter)
    })
  }

  /** Starts to listen on an ephemeral loopback port. */
  listen(): Promise<LoopbackService> {
    return startLoopbackService({
      faults: this.faults,
      arrived: () => {
        this.publishCalls += 1
      },
      answer: async (call) => this.#answer(call),
    })
  }

  #answer(call: Call): Reply {
    const form = new URLSearchParams(call.body)
    if (form.get('Action') !== 'Publish') {
      return xmlError(
        400,
        namespace,
        'InvalidAction',
        `The lab's SNS knows Publish only, not ${form.get('Action')}`,
      )
    }
    const message = readMessage(form)
    if (this.faults.rejection === 'internal-error')
      return xmlError(500, namespace, 'InternalError', 'Internal failure')
    if (this.faults.rejection === 'authorization-error') {
      const text = notAuthorizedMessage('SNS:Publish', message.topicArn)
      return xmlError(403, namespace, 'AuthorizationError', text)
    }
    const problem = messageProblem(message)
    if (problem !== null) return xmlError(400, namespace, 'InvalidParameter', `Invalid parameter: ${problem}`)
    this.#keep(message)
    const result = parent('PublishResult', element('MessageId', message.id))
    const metadata = parent('ResponseMetadata', element('RequestId', randomUUID()))
    return { ...xmlReply(200, 'PublishResponse', namespace, result, metadata), changedSomething: true }
  }

  #keep(message: PublishedMessage): void {
    this.messages.push(message)
    for (const waiter of this.#waiters) {
      if (!waiter.predicate(message)) continue
      this.#waiters.delete(waiter)
      waiter.resolve(message)
    }
  }
}

function readMessage(form: URLSearchParams): PublishedMessage {
  const attributes: Record<string, string> = {}
  for (let index = 1; form.has(`MessageAttributes.entry.${index}.Name`); index += 1) {
    const entry = `MessageAttributes.entry.${index}`
    const value = form.get(`${entry}.Value.StringValue`) ?? form.get(`${entry}.Value.BinaryValue`) ?? ''
    attributes[form.get(`${entry}.Name`) ?? ''] = value
  }
  return {
    id: randomUUID(),
    topicArn: form.get('TopicArn') ?? '',
    subject: form.get('Subject') ?? undefined,
    message: form.get('Message') ?? '',
    attributes,
    publishedAt: new Date(),
    publishedAtMs: performance.now(),
  }
}

function messageProblem({ topicArn, subject, message, attributes }: PublishedMessage): string | null {
  if (!topicArnForm.test(topicArn))
    return `TopicArn Reason: ${topicArn} does not look like the ARN of a topic`
  if (subject !== undefined && !subjectForm.test(subject)) return 'Subject'
  if (message === '') return 'Empty message'
  // Attributes count towards the limit, names and values.
  const parts = [message, ...Object.entries(attributes).flat()]
  const bytes = parts.reduce((sum, part) => sum + Buffer.byteLength(part), 0)
  return bytes > maximumMessageBytes ? 'Message too long' : null
}
