/**
 * Runs the real CDK CLI as cdk.json sets it up, against an account on loopback.
 *
 * The one thing to understand: the emulator knows no change sets, so templates go the direct way; everything else is as people
 * do it. The process gets an environment of its own, so nothing of this machine's reaches AWS.
 */
import { spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { atEnd } from '../../lab/cleanup.ts'
import { projectDir } from '../source-tree.ts'

export interface CdkRun {
  readonly code: number | null
  /** Both streams, in the order that they came. */
  readonly output: string
}

export interface Cdk {
  /** `cdk <words>` to its end. */
  run(...words: string[]): Promise<CdkRun>
  /** The same, and `said` resolves as soon as the output has `pattern`; it rejects if the run ends without. */
  runUntil(
    pattern: RegExp,
    ...words: string[]
  ): { readonly said: Promise<void>; readonly done: Promise<CdkRun> }
  /** Where the last synthesis went. */
  readonly outDir: string
}

export interface CdkOptions {
  readonly folder: string
  readonly configurationFile: string
  readonly environment: Readonly<Record<string, string>>
  /** Another app's folder and command. @default this repository's */
  readonly app?: { readonly folder: string; readonly command: string }
}

export function createCdk({ folder, configurationFile, environment, app }: CdkOptions): Cdk {
  const home = join(folder, 'home')
  const outDir = join(folder, 'cdk.out')
  mkdirSync(home, { recursive: true })
  const command = app === undefined ? [] : ['--app', app.command]
  const start = (words: readonly string[], listen: (output: string) => void): Promise<CdkRun> =>
    new Promise((done, fail) => {
      const child = spawn(
        process.execPath,
        [join(projectDir, 'node_modules/aws-cdk/bin/cdk'), ...words, ...command, '--output', outDir],
        {
          cwd: app?.folder ?? projectDir,
          stdio: ['ignore', 'pipe', 'pipe'],
          env: {
            ...environment,
            PATH: process.env.PATH,
            HOME: home,
            TMPDIR: home,
            HOTSPARE_CONFIG: configurationFile,
            CDK_DISABLE_CLI_TELEMETRY: 'true',
            CI: 'true',
            NO_COLOR: '1',
          },
        },
      )
      const forget = atEnd(() => child.kill('SIGKILL'))
      let output = ''
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding('utf8').on('data', (text: string) => {
          output += text
          listen(output)
        })
      }
      child.once('error', fail)
      child.once('close', (code) => {
        forget()
        done({ code, output })
      })
    })
  return {
    outDir,
    run: (...words) => start(words, () => undefined),
    runUntil(pattern, ...words) {
      const said = Promise.withResolvers<void>()
      const done = start(words, (output) => {
        if (pattern.test(output)) said.resolve()
      })
      void done.then(({ output }) => said.reject(new Error(`It ended without saying ${pattern}:\n${output}`)))
      return { said: said.promise, done }
    },
  }
}
