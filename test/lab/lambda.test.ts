/**
 * The local Lambda, with real child processes.
 *
 * The one thing to understand: the function under test is a few lines of plain JavaScript, because what is tested here is
 * how it is run, not what it does.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import type { LocalFunctionOptions } from '../../lab/lambda/function.ts'
import { LocalFunction } from '../../lab/lambda/function.ts'
import type { Invocation } from '../../lab/lambda/invocation.ts'
import { startScheduler } from '../../lab/lambda/scheduler.ts'

const bundleText = `
let count = 0
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
export async function watch(event, context) {
  count += 1
  console.log(JSON.stringify({ count, remainingMs: context.getRemainingTimeInMillis() }))
  if (event.say) process.stdout.write(event.say)
  if (event.fail) throw new TypeError('no such pair')
  if (event.failLater) setTimeout(() => { throw new RangeError('too late') }, 1)
  if (event.exit) process.exit(3)
  if (event.spin) for (;;);
  if (event.allocateMb) globalThis.kept = Buffer.alloc(event.allocateMb * 1024 * 1024, 1)
  if (event.ticks) setInterval(() => console.log(JSON.stringify({ tick: Date.now() })), 5)
  if (event.sleepMs) await sleep(event.sleepMs)
  return { pid: process.pid, count, context, environment: process.env, options: process.execArgv, nothing: undefined }
}
`

let folder: string
const functions: LocalFunction[] = []

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hotspare-lambda-test-'))
  writeFileSync(join(folder, 'index.mjs'), bundleText)
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

afterEach(async () => {
  vi.useRealTimers()
  await Promise.all(functions.splice(0).map((one) => one.close()))
})

function localFunction(options: Partial<LocalFunctionOptions> = {}): LocalFunction {
  const one = new LocalFunction({
    bundleFile: join(folder, 'index.mjs'),
    handler: 'watch',
    environment: { HOTSPARE_CONFIG: '/etc/hotspare.json' },
    timeoutMs: 20_000,
    ...options,
  })
  functions.push(one)
  return one
}

test('an answer comes back as JSON, with the figures of a REPORT line', async () => {
  const answer = await localFunction().invoke({})
  expect(answer.error).toBeUndefined()
  expect(answer.result).toMatchObject({
    count: 1,
    context: { functionName: 'hotspare-watch', memoryLimitInMB: '256' },
  })
  expect(answer.result).not.toHaveProperty('nothing')
  expect(answer.initMs).toBeGreaterThan(1)
  expect(answer.durationMs).toBeLessThan(answer.initMs ?? 0)
})

test("the function has Lambda's variables and its own, and none of ours", async () => {
  vi.stubEnv('SECRET_OF_THE_PARENT', 'must not leak')
  const { result } = await localFunction({ name: 'orders-watch' }).invoke({})
  vi.unstubAllEnvs()
  const { environment } = result as { environment: Record<string, string> }
  expect(environment).toMatchObject({
    _HANDLER: 'index.watch',
    AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
    AWS_LAMBDA_FUNCTION_NAME: 'orders-watch',
    HOTSPARE_CONFIG: '/etc/hotspare.json',
    NODE_OPTIONS: '--max-semi-space-size=1 --max-old-space-size=128',
    TZ: ':UTC',
  })
  expect(environment).not.toHaveProperty('SECRET_OF_THE_PARENT')
  expect(environment).not.toHaveProperty('HOME')
})

test('a thrown error is answered with its type, message and trace, and the environment lives on', async () => {
  const one = localFunction()
  const failed = await one.invoke({ fail: true })
  expect(failed.result).toBeUndefined()
  expect(failed.error).toMatchObject({ errorType: 'TypeError', errorMessage: 'no such pair' })
  expect(failed.error?.trace[1]).toContain('index.mjs')
  expect(await one.invoke({})).toMatchObject({ result: { count: 2 }, initMs: undefined })
})

test('an error outside of the handler ends the environment and is told', async () => {
  const one = localFunction()
  const failed = await one.invoke({ failLater: true, sleepMs: 15_000 })
  expect(failed.error).toMatchObject({ errorType: 'RangeError', errorMessage: 'too late' })
  expect(await one.invoke({})).toMatchObject({ result: { count: 1 } })
})

test('a function that exits is answered as Lambda does', async () => {
  const { error } = await localFunction().invoke({ exit: true })
  expect(error?.errorType).toBe('Runtime.ExitError')
  expect(error?.errorMessage).toMatch(/^RequestId: .* Error: Runtime exited with error: exit status 3$/)
})

test('a bundle without the handler is an error that names it', async () => {
  const { error } = await localFunction({ handler: 'request' }).invoke({})
  expect(error).toMatchObject({ errorType: 'Runtime.HandlerNotFound' })
  expect(error?.errorMessage).toContain('index.request')
})

test('a function that spins past its timeout is killed, and its memory is known', async () => {
  const invocation = localFunction({ timeoutMs: 300 }).start({ spin: true })
  const { error, durationMs, maxRssMb } = await invocation.finished
  expect(error?.errorType).toBe('Sandbox.Timedout')
  expect(error?.errorMessage).toContain('Task timed out after 0.30 seconds')
  expect(durationMs).toBeGreaterThanOrEqual(299)
  expect(maxRssMb).toBeGreaterThan(20)
  expect(isRunning(invocation.pid)).toBe(false)
})

test('the time that remains counts from the timeout', async () => {
  const invocation = localFunction({ timeoutMs: 5_000 }).start({})
  const line = await invocation.waitForLog((one) => one.json?.count === 1, 5_000)
  expect(line.json?.remainingMs).toBeGreaterThan(3_000)
  expect(line.json?.remainingMs).toBeLessThanOrEqual(5_000)
})

test('two at once have an environment each; the next one finds a warm one', async () => {
  const one = localFunction()
  const first = one.start({ sleepMs: 15_000 })
  const second = one.start({})
  expect(second.pid).not.toBe(first.pid)
  await second.finished
  const third = one.start({})
  expect(third).toMatchObject({ pid: second.pid, cold: false })
  expect(await third.finished).toMatchObject({ result: { count: 2 } })
  await one.retireIdle()
  expect(isRunning(second.pid)).toBe(false)
  expect(isRunning(first.pid)).toBe(true)
  expect(one.start({}).cold).toBe(true)
})

test('the whole log is there when the invocation has finished, the last unterminated line too', async () => {
  const long = `${JSON.stringify({ text: 'x'.repeat(300_000) })}\nnot JSON, and no line end`
  const invocation = localFunction().start({ say: long })
  await invocation.finished
  expect(invocation.logs).toHaveLength(3)
  expect(invocation.logs[1]?.json?.text).toHaveLength(300_000)
  expect(invocation.logs[2]).toMatchObject({ text: 'not JSON, and no line end', json: undefined })
})

test('waiting for a line that never comes fails at its deadline or at the end, with the last lines', async () => {
  const one = localFunction()
  const busy = one.start({ sleepMs: 15_000 })
  await busy.waitForLog((line) => line.json?.count === 1, 5_000)
  await expect(busy.waitForLog(() => false, 20)).rejects.toThrow(/20 ms passed.*\n.*"count":1/)
  const brief = one.start({})
  await expect(brief.waitForLog(() => false, 15_000)).rejects.toThrow('the invocation ended')
})

test('a killed invocation is answered as a lost host', async () => {
  const invocation = localFunction().start({ sleepMs: 15_000 })
  await invocation.waitForLog((line) => line.json?.count === 1, 5_000)
  invocation.kill()
  const { error } = await invocation.finished
  expect(error?.errorMessage).toContain('signal: killed')
  expect(isRunning(invocation.pid)).toBe(false)
})

test('a frozen invocation stands still until it is thawed', async () => {
  const invocation = localFunction().start({ ticks: true, sleepMs: 15_000 })
  await invocation.waitForLog((line) => line.json?.tick !== undefined, 5_000)
  invocation.freeze()
  await vi.waitFor(() => expect(stateOf(invocation.pid)).toBe('T'))
  invocation.thaw()
  const thawedAtEpochMs = Date.now()
  await invocation.waitForLog((line) => Number(line.json?.tick) >= thawedAtEpochMs, 5_000)
})

test.each([
  [true, 'T'],
  [false, 'S'],
])('between invocations (freezeBetween %s) the process is in state %s', async (freezeBetween, state) => {
  const one = localFunction({ freezeBetween })
  const invocation = one.start({})
  await invocation.finished
  await vi.waitFor(() => expect(stateOf(invocation.pid)).toBe(state))
  expect(await one.invoke({})).toMatchObject({ result: { count: 2, pid: invocation.pid } })
})

test('the memory figure is what the function itself held', async () => {
  // getrusage would count this process's memory as the child's.
  const ours = Buffer.alloc(250 * 1024 * 1024, 1)
  const one = localFunction()
  const small = await one.invoke({})
  const large = await one.invoke({ allocateMb: 100 })
  expect(small.maxRssMb).toBeGreaterThan(20)
  expect(small.maxRssMb).toBeLessThan(ours.length / 1024 / 1024)
  expect((large.maxRssMb ?? 0) - (small.maxRssMb ?? 0)).toBeGreaterThan(90)
})

test('closing ends busy and resting environments, and refuses further starts', async () => {
  const one = localFunction()
  const busy = one.start({ spin: true })
  const resting = one.start({})
  await resting.finished
  await one.close()
  expect([isRunning(busy.pid), isRunning(resting.pid)]).toEqual([false, false])
  expect((await busy.finished).error?.errorType).toBe('Runtime.ExitError')
  expect(() => one.start({})).toThrow('is closed')
})

test('a parent killed with SIGKILL takes a spinning, a stopped and a sleeping child along', async () => {
  const parentFile = join(folder, 'parent.ts')
  writeFileSync(
    parentFile,
    `import { LocalFunction } from ${JSON.stringify(join(import.meta.dirname, '../../lab/lambda/function.ts'))}
const one = new LocalFunction({ bundleFile: ${JSON.stringify(join(folder, 'index.mjs'))}, handler: 'watch', environment: {}, timeoutMs: 60000 })
const started = [{ spin: true }, {}, { sleepMs: 50000 }].map((event) => one.start(event))
await Promise.all(started.map((each) => each.waitForLog(() => true, 10000)))
await started[1].finished
console.log(JSON.stringify(started.map((each) => each.pid)))
`,
  )
  const parent = spawn(process.execPath, [parentFile], { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    const pids = await new Promise<number[]>((resolve, reject) => {
      createInterface({ input: parent.stdout }).once('line', (line) => resolve(JSON.parse(line)))
      parent.once('exit', (code) => reject(new Error(`the parent ended early with ${code}`)))
    })
    expect(pids.map(isRunning)).toEqual([true, true, true])
    parent.kill('SIGKILL')
    await vi.waitFor(() => expect(pids.map(isRunning)).toEqual([false, false, false]), { timeout: 5_000 })
  } finally {
    parent.kill('SIGKILL')
  }
})

/** A target that only notes its starts. */
function countingTarget(): { start(event: unknown): Invocation; startedAtMs: number[] } {
  const startedAtMs: number[] = []
  const start = (): Invocation => {
    startedAtMs.push(performance.now())
    return {} as Invocation
  }
  return { start, startedAtMs }
}

function fakeTime(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'], now: 0 })
}

test('the scheduler delivers once in each minute, at the moment that was drawn for it', () => {
  fakeTime()
  const draws = [0.5, 0.999, 0]
  const target = countingTarget()
  const scheduler = startScheduler({
    target,
    event: {},
    firstDelayMs: 1_000,
    random: () => draws.shift() ?? 0.25,
  })
  const begin = performance.now()
  vi.advanceTimersByTime(250_000)
  scheduler.stop()
  vi.advanceTimersByTime(250_000)
  const offsets = target.startedAtMs.map((at) => Math.round(at - begin))
  expect(offsets).toEqual([1_000, 91_000, 180_940, 181_000])
  expect(scheduler.invocations()).toHaveLength(4)
})

test('a delivery can come twice, but not before it came once', () => {
  fakeTime()
  const target = countingTarget()
  const scheduler = startScheduler({ target, event: {}, firstDelayMs: 10, random: () => 0 })
  expect(() => scheduler.duplicate()).toThrow('Nothing was delivered yet')
  vi.advanceTimersByTime(10)
  expect(scheduler.duplicate()).toMatchObject({ duplicate: true, outcome: 'delivered' })
  expect(target.startedAtMs).toHaveLength(2)
  scheduler.stop()
})

test('what was held back for longer than its expiry is dropped, the rest is delivered late', () => {
  fakeTime()
  const target = countingTarget()
  const scheduler = startScheduler({ target, event: {}, random: () => 0 })
  scheduler.hold()
  vi.advanceTimersByTime(70_000)
  expect(target.startedAtMs).toHaveLength(0)
  scheduler.release()
  scheduler.stop()
  expect(scheduler.deliveries.map((delivery) => delivery.outcome)).toEqual(['expired', 'delivered'])
})

/** The kernel's letter for what a process does: R, S, T (stopped), Z (dead, not collected); undefined if there is none. */
function stateOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.[0]
  } catch {
    return undefined
  }
}

function isRunning(pid: number): boolean {
  const state = stateOf(pid)
  return state !== undefined && state !== 'Z'
}
