/** Lambda's Invoke on loopback, as its API reference describes it: a function is whatever answers in this test. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Reply {
  readonly status?: number
  readonly headers?: Record<string, string>
  readonly body: string
}

/** `null` drops the connection without an answer. */
export type FakeFunction = (event: unknown) => Reply | null | Promise<Reply | null>

export interface FakeLambda {
  readonly endpoint: string
  /** How often Invoke was called, refused calls included. */
  readonly calls: () => number
  close(): Promise<void>
}

export async function startFakeLambda(
  functions: Readonly<Record<string, FakeFunction>>,
): Promise<FakeLambda> {
  let calls = 0
  const server = createServer(async (request, response) => {
    calls += 1
    const name = /^\/2015-03-31\/functions\/([^/]+)\/invocations$/.exec(request.url ?? '')?.[1] ?? ''
    const made = Object.hasOwn(functions, name) ? functions[name] : undefined
    const reply = made === undefined ? notFound(name) : await made(JSON.parse(await bodyOf(request)))
    if (reply === null) request.socket.destroy()
    else send(response, reply)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls: () => calls,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

export function refusal(status: number, name: string, message: string): Reply {
  return {
    status,
    headers: { 'x-amzn-errortype': name },
    body: JSON.stringify({ Type: 'User', Message: message }),
  }
}

const notFound = (name: string) =>
  refusal(404, 'ResourceNotFoundException', `Function not found: arn:aws:lambda:eu-west-1:1:function:${name}`)

/** What Lambda answers when the function itself threw. */
export function failed(errorType: string, errorMessage: string): Reply {
  return {
    headers: { 'x-amz-function-error': 'Unhandled' },
    body: JSON.stringify({ errorType, errorMessage, trace: [] }),
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

function send(response: ServerResponse, { status = 200, headers = {}, body }: Reply): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(body)
}
