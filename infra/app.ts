/**
 * The CDK app: `npm run synth`, and what the CDK's own commands run (cdk.json).
 *
 * The one thing to understand: a configuration that is not right stops it before anything is built, with path, value and mend
 * on stderr and exit code 1.
 */
import { join } from 'node:path'
import { App } from 'aws-cdk-lib'
import { buildBundle } from '../lambda/bundle.ts'
import { ConfigurationError } from '../lambda/config.ts'
import { readDeployment } from './deployment.ts'
import { HotspareStack } from './hotspare-stack.ts'

const projectDir = join(import.meta.dirname, '..')

async function synthesise(): Promise<void> {
  const { file } = readDeployment(projectDir)
  const bundle = await buildBundle({ projectDir })
  const app = new App()
  new HotspareStack(app, 'Hotspare', {
    description: 'Keeps one DNS name pointing at the one MySQL server that may be written to',
    hotSpare: { configurationFile: file, bundleFile: bundle.file },
  })
  app.synth()
}

try {
  await synthesise()
} catch (error) {
  if (!(error instanceof ConfigurationError)) throw error
  process.stderr.write(`\nNothing was synthesised. ${error.message}\n`)
  process.exitCode = 1
}
