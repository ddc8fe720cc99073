/** The real `cdk synth`, as cdk.json starts it: it works with a right configuration and stops at a wrong one. */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createExampleFolder, type ExampleFolder, projectDir, type Spoil } from './example.ts'

let example: ExampleFolder
let runCount = 0
beforeAll(() => {
  example = createExampleFolder()
})
afterAll(() => example.remove())

interface Synth {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  readonly output: string
}

/** Runs the CDK's command line with a home of its own and no way to AWS. */
function synth(configurationFile: string): Promise<Synth> {
  runCount += 1
  const home = join(example.folder, `home-${runCount}`)
  const output = join(example.folder, `cdk-${runCount}`)
  mkdirSync(home)
  const child = spawn(
    process.execPath,
    ['node_modules/aws-cdk/bin/cdk', 'synth', '--quiet', '--output', output],
    {
      cwd: projectDir,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env.PATH,
        HOME: home,
        TMPDIR: home,
        HOTSPARE_CONFIG: configurationFile,
        AWS_EC2_METADATA_DISABLED: 'true',
        CDK_DISABLE_CLI_TELEMETRY: 'true',
        CI: 'true',
      },
    },
  )
  const text = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text.stdout += chunk
  })
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    text.stderr += chunk
  })
  return new Promise((done, fail) => {
    child.once('error', fail)
    child.once('close', (code) => done({ code, output, ...text }))
  })
}

test('a right configuration gives a template, the functions’ asset, and the one of the CDK’s own provider', async () => {
  const { code, stderr, output } = await synth(example.write())
  expect(stderr).not.toMatch(/error/i)
  expect(code).toBe(0)
  const files = readdirSync(output)
  expect(files).toContain('Hotspare.template.json')
  const assets = files.filter((name) => name.startsWith('asset.'))
  expect(assets).toHaveLength(2)
  const contents = assets.map((name) => readdirSync(join(output, name)).sort().join(' '))
  expect(contents).toContain('hotspare.json index.mjs orders.ca.pem')
})

const wrong: readonly [what: string, spoil: Spoil, path: string, value: string, mend: string][] = [
  [
    'a key that does not exist',
    (content) => {
      content.pairs.orders.detection.probeTimoutMs = 5
    },
    'pairs.orders.detection.probeTimoutMs',
    'unknown key "probeTimoutMs"',
    'did you mean "probeTimeoutMs"?',
  ],
  [
    'subnets in a single zone',
    (content) => {
      content.network = {
        reach: 'nat',
        vpcId: 'vpc-0123456789abcdef0',
        subnets: { 'subnet-0aaaaaaaaaaaaaaaa': 'eu-west-1a', 'subnet-0bbbbbbbbbbbbbbbb': 'eu-west-1a' },
        securityGroupIds: ['sg-0123456789abcdef0'],
      }
    },
    'network.subnets',
    '"eu-west-1a"',
    'give subnets in at least two zones',
  ],
  [
    'credentials that only a host has',
    (content) => {
      content.pairs.orders.credentials = { usernameEnv: 'HOTSPARE_USER', passwordEnv: 'HOTSPARE_PASSWORD' }
    },
    'pairs.orders.credentials',
    '(not shown)',
    'put the account into Secrets Manager',
  ],
]

test.each(wrong)('%s stops it with path, value and mend', async (_, spoil, path, value, mend) => {
  const { code, stderr, output } = await synth(example.write(spoil))
  expect(code).not.toBe(0)
  expect(stderr).toContain(`  ${path}: ${value}: `)
  expect(stderr).toContain(mend)
  expect(stderr).not.toContain('    at ')
  expect(existsSync(join(output, 'Hotspare.template.json'))).toBe(false)
})

test('no configuration at all says what to copy', async () => {
  const file = join(example.folder, 'nowhere.json')
  const { code, stderr } = await synth(file)
  expect(code).not.toBe(0)
  expect(stderr).toContain(`${file} has a problem`)
  expect(stderr).toContain('copy hotspare.example.json to hotspare.json')
})
