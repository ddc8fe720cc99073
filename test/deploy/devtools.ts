/**
 * As much of the DevTools protocol as it takes to show HTML in a page, ask what the browser made of it, and take a picture.
 *
 * Source: the protocol's own description, chromedevtools.github.io/devtools-protocol (Target, Page, Emulation, Runtime).
 */
import type { Tree } from './moto.ts'

export interface Page {
  /** Shows this in a window of such a width and height, in CSS pixels. */
  show(html: string, size: { readonly width: number; readonly height: number }): Promise<void>
  /** Evaluates an expression in the page; its value comes through JSON. */
  ask<Answer>(expression: string): Promise<Answer>
  /** The window as PNG. */
  picture(): Promise<Buffer>
}

export interface DevTools {
  page(): Promise<Page>
  close(): void
}

const callTimeoutMs = 30_000

export async function openDevTools(address: string): Promise<DevTools> {
  const socket = new WebSocket(address)
  const waiting = new Map<number, (answer: Tree) => void>()
  socket.addEventListener('message', ({ data }) => {
    const answer = JSON.parse(String(data))
    waiting.get(answer.id)?.(answer)
  })
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve)
    socket.addEventListener('error', () => reject(new Error(`${address} does not answer.`)))
  })
  let calls = 0
  const call = (method: string, params: object, sessionId?: string): Promise<Tree> =>
    new Promise((resolve, reject) => {
      calls += 1
      const id = calls
      const late = () => reject(new Error(`${method}: no answer within ${callTimeoutMs} ms`))
      const timer = setTimeout(late, callTimeoutMs)
      waiting.set(id, ({ result, error }) => {
        waiting.delete(id)
        clearTimeout(timer)
        if (error === undefined) resolve(result)
        else reject(new Error(`${method}: ${error.message}`))
      })
      socket.send(JSON.stringify({ id, method, params, sessionId }))
    })
  return {
    async page() {
      const { targetId } = await call('Target.createTarget', { url: 'about:blank' })
      const { sessionId } = await call('Target.attachToTarget', { targetId, flatten: true })
      return pageOf((method, params = {}) => call(method, params, sessionId))
    },
    close: () => socket.close(),
  }
}

function pageOf(call: (method: string, params?: object) => Promise<Tree>): Page {
  return {
    async show(html, { width, height }) {
      const metrics = { width, height, deviceScaleFactor: 2, mobile: false }
      await call('Emulation.setDeviceMetricsOverride', metrics)
      const { frameTree } = await call('Page.getFrameTree')
      await call('Page.setDocumentContent', { frameId: frameTree.frame.id, html })
    },
    async ask(expression) {
      const { result, exceptionDetails } = await call('Runtime.evaluate', { expression, returnByValue: true })
      if (exceptionDetails !== undefined)
        throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text)
      return result.value
    },
    async picture() {
      const { data } = await call('Page.captureScreenshot', { format: 'png' })
      return Buffer.from(data, 'base64')
    },
  }
}
