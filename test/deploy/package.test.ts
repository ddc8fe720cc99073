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

/** The Node that started the tests: the package is for 20 and newer, whatever runs the tests themselves. */
const userNode = process.env.npm_node_execpath ?? process.execPath

beforeAll(async () => {
  app = temporaryFolder('app')
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

  test('every command of the package starts', { timeout: stepMs }, async () => {
    const { bin = {} } = JSON.parse(readFileSync(join(app, 'node_modules/hotspare/package.json'), 'utf8'))
    for (const name of Object.keys(bin)) {
      const { stdout } = await run(userNode, [join(app, 'node_modules/.bin', name), '--help'], { cwd: app })
      expect(stdout).toContain(name)
    }
  })
})
