/**
 * What a logged statement is on, as far as its beginning says; none of its values.
 *
 * The one thing to understand: the text is whatever somebody sent, of any length and with any comments in front. It is read once from its
 * beginning, and only a short piece of it is matched, so that no text makes this slow.
 */

/** Verb, table and whatever stands between them. */
const BEGINNING_CHARACTERS = 600

const TABLE =
  /^(?:(?:insert|replace)(?:\s+ignore)?(?:\s+into)?|update(?:\s+ignore)?|delete(?:\s+ignore)?\s+from|(?:create|alter|drop|truncate|rename)(?:\s+or\s+replace)?\s+table(?:\s+if(?:\s+not)?\s+exists)?)\s+([`\w$]+(?:\.[`\w$]+)?)/i

/** Null if nothing can be said. */
export function statementOn(info: string): string | null {
  const home = /^use `([^`]*)`; /.exec(info)
  const begins = pastComments(info, home === null ? 0 : home[0].length)
  const table = TABLE.exec(info.slice(begins, begins + BEGINNING_CHARACTERS))?.[1]?.replaceAll('`', '')
  const schema = home?.[1]
  if (table === undefined) return schema === undefined ? null : `statement in ${schema}`
  return `statement on ${table.includes('.') || schema === undefined ? table : `${schema}.${table}`}`
}

/** Where the text goes on after blanks and comments; a comment without an end goes to the end of the text. */
function pastComments(text: string, from: number): number {
  let at = from
  for (;;) {
    while (/\s/.test(text.charAt(at))) at += 1
    if (!text.startsWith('/*', at)) return at
    const end = text.indexOf('*/', at + 2)
    if (end === -1) return text.length
    at = end + 2
  }
}
