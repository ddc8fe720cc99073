/**
 * What runs in the child process of a LocalFunction: loads the bundle once, then handles one invocation at a time.
 *
 * The one thing to understand: the answer goes over the process channel, the log over stdout, and a mark at the end of
 * each invocation's log lets the parent wait until it has read all of it. Plain JavaScript, because in the cloud nothing
 * strips types either and the time to start is measured.
 */
import { performance } from 'node:perf_hooks'
import { pathToFileURL } from 'node:url'

const { bundleFile, handlerName, endOfLog } = JSON.parse(process.argv[2])

process.on('disconnect', () => process.exit(1))
process.on('uncaughtException', (error) => endFatally(describe(error)))
process.on('unhandledRejection', (reason) => {
  endFatally({ ...describe(reason), errorType: 'Runtime.UnhandledPromiseRejection' })
})

let handler
try {
  handler = (await import(pathToFileURL(bundleFile).href))[handlerName]
  if (typeof handler !== 'function') {
    throw Object.assign(new Error(`index.${handlerName} is undefined or not exported`), {
      name: 'Runtime.HandlerNotFound',
    })
  }
  process.on('message', handle)
  process.send({ kind: 'ready', initMs: performance.now() })
} catch (error) {
  endFatally(describe(error))
}

async function handle({ requestId, event, deadlineEpochMs, functionName, functionArn, memoryMb }) {
  const startedMs = performance.now()
  const context = {
    awsRequestId: requestId,
    callbackWaitsForEmptyEventLoop: true,
    functionName,
    functionVersion: '$LATEST',
    invokedFunctionArn: functionArn,
    memoryLimitInMB: String(memoryMb),
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    getRemainingTimeInMillis: () => deadlineEpochMs - Date.now(),
  }
  let outcome
  try {
    const result = await handler(JSON.parse(event), context)
    outcome = { result: JSON.stringify(result) ?? 'null' }
  } catch (error) {
    outcome = { error: describe(error) }
  }
  const durationMs = performance.now() - startedMs
  // Writes to a pipe are synchronous on Linux and macOS: everything logged so far comes before this mark.
  process.stdout.write(`${endOfLog}\n`)
  process.stderr.write(`${endOfLog}\n`)
  process.send({ kind: 'done', durationMs, maxRssMb: process.resourceUsage().maxRSS / 1024, ...outcome })
}

/** An error as Lambda reports it to the one who invoked. */
function describe(error) {
  if (!(error instanceof Error)) {
    return { errorType: typeof error, errorMessage: String(error), trace: [] }
  }
  return { errorType: error.name, errorMessage: error.message, trace: (error.stack ?? '').split('\n') }
}

function endFatally(error) {
  process.send({ kind: 'fatal', error }, () => process.exit(1))
}
