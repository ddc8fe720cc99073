/** cdk-nag's AwsSolutions finds nothing but what is acknowledged, and every acknowledgement is of something that it finds. */
import { type App, Validations } from 'aws-cdk-lib'
import { AwsSolutionsChecks } from 'cdk-nag'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { createExampleFolder, type ExampleFolder } from './example.ts'
import { network, stackOf } from './synthesised.ts'

let example: ExampleFolder
beforeAll(() => {
  example = createExampleFolder()
})
afterAll(() => example.remove())
afterEach(() => vi.restoreAllMocks())

const reaches = ['nat', 'endpoints', 'ipv6'] as const

/** Synthesises everything there is with the rule pack. Throws if that finds anything. */
function check(reach: (typeof reaches)[number]): void {
  const stack = stackOf(example, (content) => {
    content.network = { ...network, reach }
    content.alerts = { email: ['dba@example.com'] }
    content.pairs.other = structuredClone(content.pairs.orders)
    content.pairs.other.servers = { carol: { host: '10.0.3.10' }, dave: { host: '10.0.4.10' } }
    content.pairs.other.directory.writerName = 'writer.other.example.com'
    content.pairs.other.credentials.secretId = 'hotspare/other'
  })
  const app = stack.node.root as App
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app))
  app.synth()
}

test.each(reaches)('%s: nothing is found', (reach) => {
  expect(() => check(reach)).not.toThrow()
})

test('without the acknowledgements it finds exactly what they acknowledge', () => {
  const acknowledged = new Set<string>()
  vi.spyOn(Validations.prototype, 'acknowledge').mockImplementation((...all) => {
    for (const { id, reason } of all) {
      expect(reason.length).toBeGreaterThan(40)
      if (id.startsWith('AwsSolutions')) acknowledged.add(id)
    }
  })
  let found: string[] = []
  try {
    check('endpoints')
  } catch (error) {
    const text = error instanceof Error ? error.message : ''
    found = [...text.matchAll(/Acknowledge with 'AwsSolutions::(AwsSolutions-[^']+)'/g)].map(
      (match) => match[1] ?? '',
    )
  }
  expect([...new Set(found)].sort()).toEqual([...acknowledged].sort())
  expect(found.length).toBeGreaterThan(2)
})
