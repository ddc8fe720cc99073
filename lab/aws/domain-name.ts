/**
 * Domain names as Route 53 writes them: lower case, with a trailing dot, and every character other than a-z 0-9 - _ as a
 * backslash and three octal digits. All names inside the lab's zone are in this form, so that they can be compared as text.
 */

/** `_Hotspare.Example.com` becomes `_hotspare.example.com.`; `*.a.b` becomes `\052.a.b.`. Escapes already there are kept. */
export function canonicalName(name: string): string {
  const escaped = name
    .toLowerCase()
    .replace(/\\[0-7]{3}|[^a-z0-9._-]/g, (part) =>
      part.length === 4 ? part : `\\${part.charCodeAt(0).toString(8).padStart(3, '0')}`,
    )
  return escaped.endsWith('.') ? escaped : `${escaped}.`
}

/** True if `name` is the zone's own name or lies below it. Both canonical. */
export function isWithin(name: string, zoneName: string): boolean {
  return name === zoneName || name.endsWith(`.${zoneName}`)
}

/** Order of Route 53's lists: as text, with the labels reversed (`com.example.www.`). */
export function compareNames(left: string, right: string): number {
  const [leftKey, rightKey] = [reversedLabels(left), reversedLabels(right)]
  return leftKey < rightKey ? -1 : leftKey > rightKey ? 1 : 0
}

function reversedLabels(name: string): string {
  return `${name.slice(0, -1).split('.').reverse().join('.')}.`
}

/** Why Route 53 would not take this name, or null. */
export function nameProblem(name: string): string | null {
  const labels = name.slice(0, -1).split('.')
  if (labels.some((label) => label === '')) return 'DomainLabelEmpty (Domain label is empty)'
  if (labels.some((label) => label.length > 63)) return 'DomainLabelTooLong (Domain label is too long)'
  return name.length > 255 ? 'DomainNameTooLong (Domain name is too long)' : null
}
