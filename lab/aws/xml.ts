/** Writes the XML in which Route 53 and SNS answer. Text is escaped by `element`, so content that is XML goes through `parent`. */
import { randomUUID } from 'node:crypto'
import type { Reply } from './loopback-service.ts'

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

function escapeText(text: string): string {
  return text.replace(/[&<>"]/g, (character) => escapes[character] ?? character)
}

/** An element that holds text; nothing at all if the text is undefined. */
export function element(name: string, text: string | number | boolean | undefined): string {
  return text === undefined ? '' : `<${name}>${escapeText(String(text))}</${name}>`
}

/** An element that holds other elements. */
export function parent(name: string, ...children: readonly string[]): string {
  return `<${name}>${children.join('')}</${name}>`
}

/** A whole answer whose root element carries the service's namespace. */
export function xmlReply(
  status: number,
  root: string,
  namespace: string,
  ...children: readonly string[]
): Reply {
  const body = `<?xml version="1.0"?>\n<${root} xmlns="${namespace}">${children.join('')}</${root}>`
  return { status, contentType: 'text/xml', body }
}

/** The error form that both services use today: `<ErrorResponse><Error>...</Error><RequestId>`. */
export function xmlError(status: number, namespace: string, code: string, message: string): Reply {
  const type = status >= 500 ? 'Receiver' : 'Sender'
  const error = parent('Error', element('Type', type), element('Code', code), element('Message', message))
  return xmlReply(status, 'ErrorResponse', namespace, error, element('RequestId', randomUUID()))
}
