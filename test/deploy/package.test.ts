/**
 * The package as people install it: packed, installed into an empty CDK app outside of this repository, compiled against,
 * synthesised.
 *
 * The one thing to understand: the app has nothing but what the package declares, so an import of something undeclared, a file that
 * was not packed or a type that cannot be resolved fails here and nowhere else. The packages come from npm as ever; nothing
 * else leaves this machine.
 */
import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { removeFolder, temporaryFolder } from '../../lab/cleanup.ts'
import { createAuthority } from '../../lab/database/certificates.ts'
import { projectDir } from '../source-tree.ts'
import { createCdk } from './cdk.ts'
import type { Tree } from './moto.ts'

const stepMs = 300_000
const run = promisify(execFile)

let app: string
let packed: Tree

/** The oldest Node that the package is for, whatever runs the tests themselves. */
const oldestNode = '20.11.0'
let userNode: string

beforeAll(async () => {
  app = temporaryFolder('app')
  userNode = await findOldestNode()
  await run(process.execPath, ['tools/package.ts'], { cwd: projectDir })
  const words = ['pack', './dist/package', '--json', '--pack-destination', app]
  const { stdout } = await run('npm', words, { cwd: projectDir, maxBuffer: 2 ** 26 })
  packed = firstOf(JSON.parse(stdout.slice(stdout.search(/^[[{]/m))))
  const { devDependencies } = JSON.parse(readFileSync(join(projectDir, 'package.json'), 'utf8'))
  const dependencies = {
    hotspare: `file:./${packed.filename}`,
    'aws-cdk-lib': devDependencies['aws-cdk-lib'],
    constructs: devDependencies.constructs,
  }
  writeFileSync(join(app, 'package.json'), JSON.stringify({ private: true, type: 'module', dependencies }))
  await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund'], {
    cwd: app,
    maxBuffer: 2 ** 26,
  })
  createAuthority(app)
  const example = JSON.parse(readFileSync(join(projectDir, 'hotspare.example.json'), 'utf8'))
  writeFileSync(join(app, 'hotspare.json'), JSON.stringify(example))
  writeFileSync(
    join(app, 'app.ts'),
    [
      "import { App, Stack } from 'aws-cdk-lib'",
      "import { HotSpare } from 'hotspare'",
      'const app = new App()',
      "const stack = new Stack(app, 'Own')",
      "const orders = new HotSpare(stack, 'Orders', { configurationFile: 'hotspare.json' })",
      'export const names: readonly string[] = orders.watchFunctions.map(({ functionName }) => functionName)',
      'app.synth()',
    ].join('\n'),
  )
}, stepMs)

// A whole CDK is too much to leave to the end of the process.
afterAll(() => removeFolder(app), stepMs)

/** The Node that npm runs on, if it is one of those; else one from npm. */
async function findOldestNode(): Promise<string> {
  const path = process.env.npm_node_execpath
  const major = /^v20\./
  if (path !== undefined && major.test((await run(path, ['--version'])).stdout)) return path
  const folder = temporaryFolder('node')
  const name = `node-${process.platform}-${process.arch}`
  const words = ['install', '--prefix', folder, '--prefer-offline', '--no-audit', '--no-fund']
  await run('npm', [...words, `${name}@${oldestNode}`], { cwd: folder })
  return join(folder, 'node_modules', name, 'bin/node')
}

/** What the installed command says of a pair whose servers and directory all refuse: on port 9 nothing listens. */
async function statusOfNothing(): Promise<{ code: number; stdout: string; stderr: string }> {
  const server = (host: string) => ({ host, port: 9 })
  const pair = {
    servers: { alice: server('127.0.1.1'), bob: server('127.0.1.2') },
    credentials: { usernameEnv: 'DB_USER', passwordEnv: 'DB_PASSWORD' },
    tls: { mode: 'disabled' },
    directory: { kind: 'route53', hostedZoneId: 'Z0EXAMPLE', writerName: 'writer.orders.example.com' },
  }
  writeFileSync(join(app, 'nothing.json'), JSON.stringify({ pairs: { orders: pair } }))
  const env = {
    HOTSPARE_CONFIG: join(app, 'nothing.json'),
    DB_USER: 'someone',
    DB_PASSWORD: 'something',
    AWS_ENDPOINT_URL: 'http://127.0.0.1:9',
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'none',
    AWS_SECRET_ACCESS_KEY: 'none',
    AWS_EC2_METADATA_DISABLED: 'true',
  }
  const words = [join(app, 'node_modules/.bin/hotspare'), 'status', '--local']
  return run(userNode, words, { cwd: app, env }).then(
    (ended) => ({ code: 0, ...ended }),
    ({ code, stdout, stderr }) => ({ code, stdout, stderr }),
  )
}

/** npm answers with a list, or with an object by name. */
function firstOf(answer: Tree): Tree {
  return Object.values(answer)[0]
}

describe('the package', () => {
  test('holds the bundle, JavaScript with declarations, the documents, and nothing else', () => {
    const paths: string[] = packed.files.map(({ path }: Tree) => path)
    const known =
      /^(dist\/js\/package\.json|dist\/js\/(infra|lambda|cli)\/.+\.(js|d\.ts)|dist\/lambda\/index\.mjs(\.map)?|docs\/.+\.md|hotspare\.(schema|example)\.json|package\.json|README\.md|CHANGELOG\.md|LICENSE)$/
    expect(paths.filter((path) => !known.test(path))).toEqual([])
    for (const path of [
      'dist/lambda/index.mjs',
      'dist/js/infra/index.js',
      'dist/js/infra/index.d.ts',
      'LICENSE',
    ]) {
      expect(paths).toContain(path)
    }
    process.stdout.write(
      `  | ${packed.filename}: ${paths.length} files, ${packed.size} bytes, ${packed.unpackedSize} unpacked\n`,
    )
  })

  test('has one CDK in the app, the app’s own, and brings no Node along', () => {
    expect(existsSync(join(app, 'node_modules/hotspare/node_modules/aws-cdk-lib'))).toBe(false)
    const installed = readdirSync(join(app, 'node_modules'))
    expect(installed.filter((name) => /^(node-|esbuild|typescript|vitest|aws-cdk$)/.test(name))).toEqual([])
  })
})

describe('an app with it', () => {
  test('compiles, with everything strict and the declarations checked too', { timeout: stepMs }, async () => {
    const compiler = join(projectDir, 'node_modules/typescript/bin/tsc')
    const options = {
      strict: true,
      module: 'nodenext',
      target: 'es2022',
      types: ['node'],
      skipLibCheck: false,
      outDir: 'built',
    }
    writeFileSync(join(app, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: ['app.ts'] }))
    await run(process.execPath, [compiler, '-p', '.'], { cwd: app }).catch(({ stdout, message }) => {
      throw new Error(stdout || message)
    })
    expect(readdirSync(join(app, 'built'))).toEqual(['app.js'])
    // A wrong property is an error, so the types are really there.
    writeFileSync(
      join(app, 'wrong.ts'),
      "import type { HotSpareProps } from 'hotspare'\nexport const props: HotSpareProps = { configurationFile: 5 }\n",
    )
    writeFileSync(
      join(app, 'tsconfig.json'),
      JSON.stringify({ compilerOptions: options, files: ['wrong.ts'] }),
    )
    await expect(run(process.execPath, [compiler, '-p', '.'], { cwd: app })).rejects.toMatchObject({
      stdout: expect.stringContaining("'number' is not assignable to type 'string"),
    })
  })

  test('synthesises with the CDK’s own command line', { timeout: stepMs }, async () => {
    const cdk = createCdk({
      folder: app,
      configurationFile: join(app, 'hotspare.json'),
      environment: { AWS_EC2_METADATA_DISABLED: 'true' },
      app: { folder: app, command: `${userNode} built/app.js` },
    })
    const { code, output } = await cdk.run('synth', '--quiet')
    expect(code, output).toBe(0)
    const { Resources } = JSON.parse(readFileSync(join(cdk.outDir, 'Own.template.json'), 'utf8')) as Tree
    const functions = Object.values(Resources as Record<string, Tree>).filter(
      ({ Type }) => Type === 'AWS::Lambda::Function',
    )
    expect(functions.map(({ Properties }) => Properties.FunctionName).toSorted()).toEqual([
      'hotspare-request',
      'hotspare-self-test',
      'hotspare-self-test-provider',
      'hotspare-watch',
      'hotspare-widget',
    ])
  })

  test('the command line looks at servers and the directory on Node 20', {
    timeout: stepMs,
  }, async () => {
    expect((await run(userNode, ['--version'])).stdout).toMatch(/^v20\./)
    const ran = await statusOfNothing()
    // Every sentence is one that only somebody who tried to connect can say.
    expect([ran.code, ran.stderr, ran.stdout]).toEqual([
      1,
      expect.stringContaining('looking; a server that does not answer takes some seconds\n'),
      expect.stringContaining('orders: directory-unreachable'),
    ])
    expect(ran.stdout.match(/refuses connections/g)).toHaveLength(2)
    expect(ran.stdout).toContain('connect ECONNREFUSED 127.0.0.1:9')
    expect(ran.stdout).toContain('Can anybody write?  UNKNOWN')
  })

  test('every command of the package starts', { timeout: stepMs }, async () => {
    const { bin = {} } = JSON.parse(readFileSync(join(app, 'node_modules/hotspare/package.json'), 'utf8'))
    for (const name of Object.keys(bin)) {
      const { stdout } = await run(userNode, [join(app, 'node_modules/.bin', name), '--help'], { cwd: app })
      expect(stdout).toContain(name)
    }
  })
})
