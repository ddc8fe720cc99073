/** What is typed: help that teaches, mistakes that are answered with what was meant, and the exit codes. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readArguments } from '../../cli/arguments.ts'
import { COMMANDS } from '../../cli/commands.ts'
import { DONE, WRONG_USAGE } from '../../cli/exit-codes.ts'
import { readLength } from '../../cli/moments.ts'
import { type } from './fake-terminal.ts'

describe('help', () => {
  test('it lists each command, says who is asked, and how it ends', async () => {
    for (const line of ['--help', '-h', 'help']) {
      const { code, stdout, stderr } = await type(line)
      expect([code, stderr]).toEqual([DONE, ''])
      for (const { name } of COMMANDS) expect(stdout).toMatch(new RegExp(`^  ${name} `, 'm'))
      expect(stdout).toMatch(/--local[\s\S]*--function|--function[\s\S]*--local/)
      expect(stdout).toContain('refused, or the pair is not well')
    }
  })

  test.each(COMMANDS.map(({ name }) => name))('%s: usage, options, an example to copy', async (name) => {
    const { code, stdout } = await type(`help ${name}`)
    expect(code).toBe(DONE)
    expect(stdout).toContain(`hotspare ${name}`)
    const command = COMMANDS.find((each) => each.name === name)
    for (const option of command?.options ?? []) expect(stdout).toContain(`--${option.name}`)
    for (const [line] of command?.examples ?? []) expect(stdout).toContain(line)
    expect(command?.examples.length).toBeGreaterThan(0)
    expect((await type(`${name} --help`)).stdout).toBe(stdout)
    for (const line of stdout.split('\n').filter((each) => !each.includes('aws logs')))
      expect(line.length).toBeLessThanOrEqual(100)
  })

  test('the examples are lines that it understands', () => {
    for (const command of COMMANDS)
      for (const [line] of command.examples) {
        const [program, name, ...words] = (line.split('|').at(-1) ?? '').trim().split(' ')
        expect([program, name]).toEqual(['hotspare', command.name])
        expect(() => readArguments(command, words)).not.toThrow()
      }
  })

  test('nothing typed: the help, as a mistake', async () => {
    const { code, stdout, stderr } = await type('')
    expect([code, stdout]).toEqual([WRONG_USAGE, ''])
    expect(stderr).toContain('Commands')
  })

  test('its version', async () => {
    expect(await type('--version')).toMatchObject({
      code: DONE,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    })
  })
})

describe('mistakes are found before anything is done, and exit with 2', () => {
  test.each([
    ['staus', 'Did you mean "status"?'],
    ['frobnicate', 'There are: status, switchover'],
    ['help failovr', 'Did you mean "failover"?'],
    ['--pair orders status', 'The command comes first'],
    ['status --pari orders --local', 'Did you mean --pair?'],
    ['status -j --local', 'There is no option -j here'],
    ['status', '--function NAME'],
    ['status --local --function f', 'the one or the other'],
    ['status --function f --config c.json', '--config is for --local'],
    ['status --local --pair', '--pair needs a value'],
    ['status --pair --local', '--pair needs a value'],
    ['status --local --local=yes', '--local takes no value'],
    ['status --local --pair a --pair b', '--pair is given twice'],
    ['status orders --local', '"orders" is one word too many'],
    ['failover --force --local', '--force needs a value'],
    ['adopt --local', 'SERVER is missing'],
    ['release --local', 'SERVER is missing'],
    ['pause --local', '--for 2h'],
    ['pause --for 2h --until resumed --local', '--for 2h'],
    ['pause --for soon --local', 'is no length of time'],
    ['pause --for 10x --local', 'is no length of time'],
    ['switchover --to bob --wait-for-quiet 10 --local', 'is no length of time'],
    ['switchover --dry-run --local', 'Give --to SERVER'],
    ['watch', 'add --local'],
    ['watch --function f', 'There is no option --function here'],
    ['explain', 'FILE is missing'],
    ['explain no-such-file.json', 'there is no such file'],
  ])('hotspare %s', async (line, said) => {
    const { code, stdout, stderr } = await type(line)
    expect([code, stdout]).toEqual([WRONG_USAGE, ''])
    expect(stderr.replaceAll('\n', ' ')).toContain(said)
    expect(stderr).toMatch(/See: hotspare (help|--help)/)
  })

  test('in JSON too', async () => {
    const { code, stdout, stderr } = await type('status --json')
    expect([code, stderr]).toEqual([WRONG_USAGE, ''])
    expect(JSON.parse(stdout)).toMatchObject({ ok: false, situation: 'wrong-usage' })
  })

  test('HOTSPARE_FUNCTION names the function as well; --local overrules it', async () => {
    const environment = { HOTSPARE_FUNCTION: 'f' }
    const { stderr } = await type('status --config c.json', { environment })
    expect(stderr).toContain('--config is for --local')
    const here = await type('status --local --config /nowhere/hotspare.json', { environment })
    expect(here.stderr).toContain('no such file')
  })
})

describe('a configuration that cannot be used', () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'hotspare-typing-test-'))
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  test('what is wrong, that nothing is at risk, what to do; and it exits with 2', async () => {
    const file = join(folder, 'hotspare.json')
    writeFileSync(file, '{ "pairs": { "orders": { "servers": {}, "password": "hunter2" } } }')
    for (const line of ['status --local', 'watch --local', 'failover --local']) {
      const { code, stdout, stderr } = await type(`${line} --config ${file}`)
      expect([code, stdout]).toEqual([WRONG_USAGE, ''])
      expect(stderr).toContain('pairs.orders.servers')
      expect(stderr).toContain('Is data at risk?   No')
      expect(stderr).toContain('What do I do?')
      expect(stderr).not.toContain('hunter2')
    }
    const { stdout } = await type(`status --local --json --config ${file}`)
    expect(JSON.parse(stdout)).toMatchObject({ ok: false, situation: 'configuration-invalid' })
  })
})

test('lengths of time', () => {
  const read = (text: string) => readLength(text, 'for', 'pause')
  expect(read('90s')).toBe(90_000)
  expect(read('10m')).toBe(600_000)
  expect(read('1h30m')).toBe(5_400_000)
  expect(read('1.5h')).toBe(5_400_000)
  expect(read('2 d')).toBe(172_800_000)
  for (const text of ['', '5', 'm', '5m5', '-5m', '0s', '5 fortnights']) expect(() => read(text)).toThrow()
})
