/**
 * Asks the deployed function. A call is sent once: one whose answer was lost may have been carried out, and asking for a failover
 * again must be a person's decision.
 */
import { span } from '../lambda/core/span.ts'
import type { Answer } from '../lambda/request-event.ts'
import { NoAnswer } from './wrong-usage.ts'

/** What we need of Lambda. */
export interface FunctionCaller {
  /** Where it asks, for people. */
  region(): Promise<string>
  /** @throws whatever the service or the network says. */
  call(functionName: string, event: string): Promise<Called>
}

export interface Called {
  /** The answer's text, JSON. */
  readonly payload: string
  /** Set if the function failed; the payload then holds its error. */
  readonly failed: boolean
}

const SAY_AFTER_MS = 1000
const SAY_EVERY_MS = 5000

/** `say` gets a line now and then while nothing is heard. @throws {NoAnswer} */
export async function askFunction(
  caller: FunctionCaller,
  functionName: string,
  event: unknown,
  say: (line: string) => void,
): Promise<Answer> {
  const stop = sayWhileWaiting(functionName, say)
  let called: Called
  try {
    called = await caller.call(functionName, JSON.stringify(event))
  } catch (error) {
    throw await whyNoAnswer(caller, functionName, error)
  } finally {
    stop()
  }
  if (called.failed) throw functionFailed(functionName, called.payload)
  const answer = parsed(called.payload)
  if (answer === null)
    throw new NoAnswer({
      situation: 'not-hotspare',
      because: `${functionName} answered something that is no answer of Hotspare's: ${called.payload.slice(0, 200)}`,
      atRisk: 'No, as far as Hotspare goes.',
      next: "Give the request function's name: RequestFunctionName among the stack's outputs.",
    })
  return answer
}

function sayWhileWaiting(functionName: string, say: (line: string) => void): () => void {
  const startedAtMs = performance.now()
  const tell = () => {
    const waited = span(Math.round((performance.now() - startedAtMs) / 1000) * 1000)
    say(`waiting for ${functionName} (${waited}); its log has each look`)
  }
  let every: NodeJS.Timeout | undefined
  const first = setTimeout(() => {
    tell()
    every = setInterval(tell, SAY_EVERY_MS)
  }, SAY_AFTER_MS)
  return () => {
    clearTimeout(first)
    clearInterval(every)
  }
}

function parsed(payload: string): Answer | null {
  try {
    const value: unknown = JSON.parse(payload)
    return typeof value === 'object' && value !== null && 'ok' in value ? (value as Answer) : null
  } catch {
    return null
  }
}

const NOTHING_CHANGED = 'No: the request did not reach the function, nothing was changed.'

interface Failure {
  readonly situation: string
  readonly names: RegExp
  readonly because: (functionName: string, region: string, said: string) => string
  readonly next: (functionName: string) => string
}

const FAILURES: readonly Failure[] = [
  {
    situation: 'function-not-found',
    names: /^ResourceNotFoundException$/,
    because: (name, region) => `There is no function ${name} in ${region}.`,
    next: () =>
      "Its name is RequestFunctionName among the stack's outputs (aws cloudformation describe-stacks). If the region is wrong, set AWS_REGION.",
  },
  {
    situation: 'credentials-missing',
    names: /^(CredentialsProviderError|TokenProviderError)$/,
    because: (_, _region, said) => `There are no AWS credentials to ask with (${said}).`,
    next: () => 'Set AWS_PROFILE or log in (aws sso login), then type the same again.',
  },
  {
    situation: 'denied',
    names:
      /^(AccessDenied|AccessDeniedException|UnrecognizedClientException|ExpiredToken|ExpiredTokenException|InvalidSignatureException)$/,
    because: (name, region, said) => `AWS denied calling ${name} in ${region} (${said}).`,
    next: (name) =>
      `Ask for lambda:InvokeFunction on ${name}, or log in with an account that has it; credentials may also have run out.`,
  },
  {
    situation: 'function-busy',
    names: /^(TooManyRequestsException|ThrottlingException|Throttling)$/,
    because: (name) => `${name} is being called too often, or the account has no concurrency left.`,
    next: () => 'Type the same again in a few seconds.',
  },
  {
    situation: 'lambda-unreachable',
    names: /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)$/,
    because: (_, region, said) => `Lambda in ${region} can't be reached from here (${said}).`,
    next: () =>
      'Check the network, AWS_REGION and AWS_ENDPOINT_URL_LAMBDA. With a path to the servers themselves, --local does the same from here.',
  },
]

async function whyNoAnswer(caller: FunctionCaller, functionName: string, error: unknown): Promise<NoAnswer> {
  const { name, message } = nameOf(error)
  const region = await caller.region().catch(() => 'this region')
  const failure = FAILURES.find(({ names }) => names.test(name))
  if (failure !== undefined)
    return new NoAnswer({
      situation: failure.situation,
      because: failure.because(functionName, region, message),
      atRisk: NOTHING_CHANGED,
      next: failure.next(functionName),
    })
  return new NoAnswer({
    situation: 'answer-lost',
    because: `The answer of ${functionName} did not arrive (${name}: ${message}).`,
    atRisk:
      'Not by this: what was begun is finished or undone by the next watch. It may have been carried out.',
    next: `See what is the case before asking again: hotspare status --function ${functionName}`,
  })
}

/** The SDK names its own errors; those of the network have a code. */
function nameOf(error: unknown): { name: string; message: string } {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) }
  const { code } = error as Error & { code?: unknown }
  const name = typeof code === 'string' && error.name !== code && /^E[A-Z_]+$/.test(code) ? code : error.name
  return { name, message: error.message || name }
}

function functionFailed(functionName: string, payload: string): NoAnswer {
  const { errorType, errorMessage } = errorIn(payload)
  const late = /timed out/i.test(errorMessage)
  return new NoAnswer({
    situation: errorType === 'ConfigurationError' ? 'deployed-configuration-invalid' : 'function-failed',
    because: `${functionName} failed (${errorType}): ${errorMessage}`,
    atRisk: 'Not by this: what was begun is finished or undone by the next watch.',
    next:
      errorType === 'ConfigurationError'
        ? 'Mend hotspare.json and deploy again.'
        : `${late ? 'It ran out of time. ' : ''}See what is the case: hotspare status --function ${functionName}; its log says more.`,
  })
}

function errorIn(payload: string): { errorType: string; errorMessage: string } {
  try {
    const { errorType, errorMessage } = JSON.parse(payload) as Record<string, unknown>
    return { errorType: String(errorType ?? 'Error'), errorMessage: String(errorMessage ?? payload) }
  } catch {
    return { errorType: 'Error', errorMessage: payload.slice(0, 500) }
  }
}
