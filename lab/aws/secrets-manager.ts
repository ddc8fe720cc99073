/** A Secrets Manager for the lab: GetSecretValue in the JSON protocol. A secret is text under a name; tests put and take it. */
import { createHash, randomUUID } from 'node:crypto'
import { ServiceFaults } from './faults.ts'
import { labAccountId, labRegion, notAuthorizedMessage } from './lab-account.ts'
import { type Call, type LoopbackService, type Reply, startLoopbackService } from './loopback-service.ts'

const contentType = 'application/x-amz-json-1.1'
const target = 'secretsmanager.GetSecretValue'

interface Secret {
  readonly text: string
  readonly versionId: string
  readonly createdAt: Date
}

export class SecretsFaults extends ServiceFaults {
  /** Answers every read with HTTP 400 `AccessDeniedException`, or HTTP 500 `InternalServiceError`. */
  rejection: 'none' | 'access-denied' | 'internal-error' = 'none'

  override clear(): void {
    super.clear()
    this.rejection = 'none'
  }
}

export class LabSecretsManager {
  readonly faults = new SecretsFaults()
  /** Reads that arrived, whatever became of them; the SDK's retries count too. */
  readCount = 0
  readonly #secrets = new Map<string, Secret>()

  /** Puts a new version of a secret; anything but text is stored as JSON. */
  put(id: string, value: string | Readonly<Record<string, unknown>>): void {
    const text = typeof value === 'string' ? value : JSON.stringify(value)
    this.#secrets.set(id, { text, versionId: randomUUID(), createdAt: new Date() })
  }

  /** Removes a secret; true if there was one. */
  delete(id: string): boolean {
    return this.#secrets.delete(id)
  }

  /** The ARN under which a secret can be read too. */
  arn(id: string): string {
    const suffix = createHash('sha256').update(id).digest('base64url').replace(/[-_]/g, 'x').slice(0, 6)
    return `arn:aws:secretsmanager:${labRegion}:${labAccountId}:secret:${id}-${suffix}`
  }

  /** Starts to listen on an ephemeral loopback port. */
  listen(): Promise<LoopbackService> {
    return startLoopbackService({
      faults: this.faults,
      arrived: () => {
        this.readCount += 1
      },
      answer: async (call) => this.#answer(call),
    })
  }

  #answer(call: Call): Reply {
    if (call.headers['x-amz-target'] !== target) {
      return jsonError(400, 'UnknownOperationException', `The lab's Secrets Manager knows ${target} only`)
    }
    const { SecretId: asked = '' } = JSON.parse(call.body) as { readonly SecretId?: string }
    if (this.faults.rejection === 'internal-error') {
      return jsonError(500, 'InternalServiceError', 'An error occurred on the server side.')
    }
    if (this.faults.rejection === 'access-denied') {
      return jsonError(
        400,
        'AccessDeniedException',
        notAuthorizedMessage('secretsmanager:GetSecretValue', asked),
      )
    }
    const found = [...this.#secrets].find(([id]) => id === asked || this.arn(id) === asked)
    if (found === undefined) {
      return jsonError(400, 'ResourceNotFoundException', "Secrets Manager can't find the specified secret.")
    }
    const [id, { text, versionId, createdAt }] = found
    const body = JSON.stringify({
      ARN: this.arn(id),
      Name: id,
      VersionId: versionId,
      SecretString: text,
      VersionStages: ['AWSCURRENT'],
      CreatedDate: createdAt.getTime() / 1000,
    })
    return { status: 200, contentType, body }
  }
}

function jsonError(status: number, type: string, message: string): Reply {
  return { status, contentType, body: JSON.stringify({ __type: type, Message: message }) }
}
