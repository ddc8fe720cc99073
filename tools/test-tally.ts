/**
 * Prints what the tests do and counts how they ended.
 *
 * The one thing to understand is what counts as failed: a test that failed, but also one that never ran (a hook before it failed,
 * or it was skipped), a file that could not be loaded, and an error that no test owned.
 */
import { relative } from 'node:path'
import type { Reporter, TestCase, TestModule } from 'vitest/node'

/** What can be shown of an error, as the runner hands it over from another process. */
interface ShownError {
  readonly name?: string
  readonly message: string
  readonly stack?: string
  readonly diff?: string
}

export class TestTally implements Reporter {
  passed = 0
  failed = 0
  /** Set once the runner said that the run has ended. */
  ended = false

  readonly #print: (text: string) => void
  readonly #projectDir: string

  constructor(projectDir: string, print: (text: string) => void) {
    this.#projectDir = projectDir
    this.#print = print
  }

  pass(name: string): void {
    this.passed += 1
    this.#print(`ok      ${name}\n`)
  }

  fail(name: string, why: string): void {
    this.failed += 1
    this.#print(`FAILED  ${name}\n${indent(why)}\n`)
  }

  onUserConsoleLog({ content }: { content: string }): void {
    this.#print(content)
  }

  onTestCaseResult(test: TestCase): void {
    const { state, errors } = test.result()
    if (state === 'passed') this.passed += 1
    if (state === 'failed') this.fail(this.#nameOf(test), this.#show(errors ?? []))
  }

  onTestModuleEnd(module: TestModule): void {
    const path = this.#pathOf(module)
    const errors = [
      ...module.errors(),
      ...[...module.children.allSuites()].flatMap((suite) => suite.errors()),
    ]
    for (const error of errors) this.fail(`${path} (outside of a test)`, this.#show([error]))
    const tests = [...module.children.allTests()]
    for (const test of tests) {
      const { state } = test.result()
      if (state !== 'passed' && state !== 'failed') this.fail(this.#nameOf(test), 'It was never run.')
    }
    const wrong = errors.length + tests.filter((test) => test.result().state !== 'passed').length
    const seconds = (module.diagnostic().duration / 1000).toFixed(1)
    this.#print(`${wrong === 0 ? 'ok    ' : 'FAILED'}  ${path}  ${tests.length} tests  ${seconds} s\n`)
  }

  onTestRunEnd(_: readonly TestModule[], unhandled: readonly ShownError[]): void {
    this.ended = true
    for (const error of unhandled) this.fail('an error that no test owned', this.#show([error]))
  }

  #nameOf(test: TestCase): string {
    return `${this.#pathOf(test.module)} > ${test.fullName}`
  }

  #pathOf(module: TestModule): string {
    return relative(this.#projectDir, module.moduleId)
  }

  #show(errors: readonly ShownError[]): string {
    return errors
      .map(({ name = 'Error', message, stack = '', diff }) => {
        const frames = stack
          .split('\n')
          .filter((line) => /^\s+at /.test(line) && !line.includes('node_modules'))
        return [`${name}: ${message}`, ...(diff === undefined ? [] : [diff]), ...frames].join('\n')
      })
      .join('\n')
  }
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, '        ')
}
