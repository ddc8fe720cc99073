/** The stack as the emulator holds it: its resources, its functions and the code that they were deployed with. */
import { join } from 'node:path'
import { temporaryFolder } from '../../lab/cleanup.ts'
import { LocalFunction, type LocalFunctionOptions } from '../../lab/lambda/function.ts'
import type { Moto, Tree } from './moto.ts'
import { unzip } from './zip.ts'

const cloudFormation = '2010-05-15'

export interface DeployedFunction {
  readonly options: LocalFunctionOptions
  readonly s3Key: string
  readonly files: readonly string[]
}

export class DeployedStack {
  readonly #moto: Moto
  readonly #name: string
  constructor(moto: Moto, name: string) {
    this.#moto = moto
    this.#name = name
  }

  /**
   * Logical id and physical id of what the emulator made, by type. Only once it has made everything: it makes what it is asked
   * about, and would make it twice.
   */
  async resources(): Promise<Map<string, { logical: string; physical: string }[]>> {
    const answer = await this.#call('ListStackResources')
    const members = listOf(answer.ListStackResourcesResult.StackResourceSummaries)
    const made = members.filter(({ ResourceType }) => ResourceType !== '')
    const grouped = Map.groupBy(made, ({ ResourceType }) => String(ResourceType))
    const shorten = (each: Tree) => ({ logical: each.LogicalResourceId, physical: each.PhysicalResourceId })
    return new Map([...grouped].map(([type, all]) => [type, all.map(shorten)]))
  }

  async status(): Promise<{ id: string; status: string; outputs: Record<string, string> } | null> {
    const answer = await this.#call('DescribeStacks').catch(() => null)
    const stack = answer?.DescribeStacksResult.Stacks.member
    if (stack === undefined) return null
    const outputs = listOf(stack.Outputs).map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue])
    return { id: stack.StackId, status: stack.StackStatus, outputs: Object.fromEntries(outputs) }
  }

  /** What the self-test's provider sends to CloudFormation. */
  async answer(stackId: string, logical: string, data: Readonly<Record<string, string>>): Promise<void> {
    const body = JSON.stringify({
      StackId: stackId,
      Status: 'SUCCESS',
      LogicalResourceId: logical,
      Data: data,
    })
    const path = `/cloudformation_us-east-1/cfnresponse?stack=${encodeURIComponent(stackId)}`
    await this.#moto.fetch('cloudformation', path, { method: 'PUT', body })
  }

  /** A function as it was deployed, with its code downloaded from the bucket into an empty folder. */
  async download(functionName: string, more: Readonly<Record<string, string>>): Promise<DeployedFunction> {
    const path = `/2015-03-31/functions/${functionName}`
    const { Configuration, Code } = JSON.parse(
      (await this.#moto.fetch('lambda', path)).toString('utf8'),
    ) as Tree
    const template = await this.template()
    const resource = Object.values(template.Resources as Record<string, Tree>).find(
      ({ Properties }) => Properties?.FunctionName === functionName,
    )
    const s3Key = String(resource?.Properties.Code.S3Key)
    if (Code.RepositoryType !== 'S3') throw new Error(`${functionName} is not deployed from a bucket.`)
    const bucket = 'cdk-hnb659fds-assets-123456789012-us-east-1'
    const folder = temporaryFolder('asset')
    const files = unzip(await this.#moto.fetch('s3', `/${bucket}/${s3Key}`), folder)
    const handler = String(Configuration.Handler).split('.')[1] as LocalFunctionOptions['handler']
    return {
      s3Key,
      files,
      options: {
        bundleFile: join(folder, 'index.mjs'),
        handler,
        name: functionName,
        timeoutMs: Configuration.Timeout * 1000,
        memoryMb: Configuration.MemorySize,
        environment: { ...Configuration.Environment.Variables, ...more },
      },
    }
  }

  async template(): Promise<Tree> {
    const answer = await this.#call('GetTemplate')
    return JSON.parse(answer.GetTemplateResult.TemplateBody)
  }

  #call(Action: string): Promise<Tree> {
    return this.#moto.query('cloudformation', cloudFormation, { Action, StackName: this.#name })
  }
}

/** Runs one event in a deployed function, as Lambda would, and ends it. */
export async function invoke(deployed: DeployedFunction, event: unknown): Promise<Tree> {
  const made = new LocalFunction(deployed.options)
  try {
    const { result, error } = await made.invoke(event)
    if (error !== undefined) throw new Error(error.errorMessage)
    return result
  } finally {
    await made.close()
  }
}

/** An XML list: nothing, one or several. */
function listOf(container: Tree): Tree[] {
  const member = container?.member
  if (member === undefined) return []
  return Array.isArray(member) ? member : [member]
}
