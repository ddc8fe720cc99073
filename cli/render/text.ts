/** Lays out text for a terminal of a given width. Colours come last: whatever is measured here has none. */

import { momentsForPeople } from '../moments.ts'

/** Lines of at most `width` characters, broken at blanks; a longer word stays whole. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  for (const paragraph of text.split('\n')) {
    let line = ''
    for (const word of paragraph.split(' ')) {
      if (line !== '' && line.length + 1 + word.length > width) {
        lines.push(line)
        line = word
      } else line = line === '' ? word : `${line} ${word}`
    }
    lines.push(line)
  }
  return lines
}

/** A label and text beside it; the text's further lines stand under its first. */
export function beside(label: string, text: string, width: number, column: number): string[] {
  return wrap(momentsForPeople(text), width - column).map((line, at) =>
    `${(at === 0 ? label : '').padEnd(column)}${line}`.trimEnd(),
  )
}
