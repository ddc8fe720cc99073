/** The stack of an example configuration, synthesised in this process, with a stand-in for the bundle. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { App, Validations } from 'aws-cdk-lib'
import { Template } from 'aws-cdk-lib/assertions'
import type { HotSpareProps } from '../../infra/hotspare.ts'
import { HotspareStack } from '../../infra/hotspare-stack.ts'
import { type ExampleFolder, projectDir, type Spoil } from './example.ts'

export const network = {
  reach: 'nat',
  vpcId: 'vpc-0123456789abcdef0',
  subnets: {
    'subnet-0aaaaaaaaaaaaaaaa': 'eu-west-1a',
    'subnet-0bbbbbbbbbbbbbbbb': 'eu-west-1b',
  },
  securityGroupIds: ['sg-0123456789abcdef0'],
}

export interface Resource {
  readonly Type: string
  // biome-ignore lint/suspicious/noExplicitAny: templates are plain JSON, and each test knows what it looks for.
  readonly Properties: any
  readonly DependsOn?: readonly string[]
}

let count = 0

/** An app as cdk.json sets it up, with an output folder of its own. */
export function appIn(example: ExampleFolder): App {
  count += 1
  const outdir = join(example.folder, `out-${count}`)
  mkdirSync(outdir)
  const { context } = JSON.parse(readFileSync(join(projectDir, 'cdk.json'), 'utf8')) as {
    context: Record<string, unknown>
  }
  return new App({ outdir, context })
}

export function stackOf(example: ExampleFolder, spoil?: Spoil, props: HotSpareProps = {}): HotspareStack {
  const bundleFile = join(example.folder, 'bundle.mjs')
  writeFileSync(bundleFile, 'export const watch = 1')
  const configurationFile = example.write(spoil)
  return new HotspareStack(appIn(example), 'Hotspare', {
    hotSpare: { configurationFile, bundleFile, ...props },
  })
}

export function templateOf(example: ExampleFolder, spoil?: Spoil): Template {
  const stack = stackOf(example, spoil)
  const id = 'Annotation::HotspareWithoutNetwork'
  Validations.of(stack).acknowledge({ id, reason: 'Most tests are not about the network.' })
  return Template.fromStack(stack)
}

export function resourcesOf(template: Template): Record<string, Resource> {
  return template.toJSON().Resources as Record<string, Resource>
}

/** The resources of one type, by what their ids begin with after the construct's own name. */
export function ofType(template: Template, type: string, start = ''): Resource[] {
  return Object.entries(resourcesOf(template))
    .filter(([id, { Type }]) => Type === type && id.startsWith(`HotSpare${start}`))
    .map(([, resource]) => resource)
}
