/**
 * What a browser made of the widget: every text with its place, size and colours, and everything that is wrong with it.
 *
 * The one thing to understand: the page only says what is there (layout-in-page.js); what is right and wrong is judged here.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Colour, contrast } from '../contrast.ts'

export interface Box {
  readonly left: number
  readonly top: number
  readonly right: number
  readonly bottom: number
}

export interface Text {
  readonly text: string
  /** One for each line. */
  readonly lines: readonly Box[]
  /** In CSS pixels, as it is seen. */
  readonly size: number
  readonly colour: string
  readonly background: string
  /** Nothing lies over its middle. */
  readonly seen: boolean
  /** A server's box that it stands in. */
  readonly inside: Box | null
  readonly card: number
}

export interface Layout {
  readonly widget: Box
  readonly cards: readonly Box[]
  readonly texts: readonly Text[]
  /** Lines and heads of arrows. */
  readonly strokes: readonly (Box & { readonly card: number })[]
  readonly servers: readonly (Box & { readonly card: number })[]
  /** Elements whose content is larger than they are. */
  readonly overfull: readonly string[]
}

/** Lines have a width that their boxes do not show, and edges are rounded. */
const roundingPx = 0.6
const strokePx = 1
const smallestPx = 9
const contrastMin = 4.5

/** What to run in the page; it answers with a Layout. */
export const measuring = readFileSync(join(import.meta.dirname, 'layout-in-page.js'), 'utf8')

/** Everything that a person would see to be wrong, as sentences; none if all is well. */
export function problemsOf(layout: Layout): string[] {
  const { widget, cards, texts, overfull } = layout
  return [
    ...overfull.map((each) => `holds more than it can show: ${each}`),
    ...cards.filter((card) => !isWithin(card, widget)).map(() => 'a card leaves the widget'),
    ...texts.flatMap((text) => problemsOfText(text, layout)),
    ...texts.flatMap((one, at) =>
      texts
        .slice(at + 1)
        .filter((other) => one.lines.some((line) => other.lines.some((each) => meet(line, each))))
        .map((other) => `"${one.text}" lies over "${other.text}"`),
    ),
  ]
}

function problemsOfText(text: Text, { cards, strokes, servers }: Layout): string[] {
  const { lines, size, seen, inside, card, colour, background } = text
  const room = inside ?? cards[card]
  const crossing = [...strokes, ...servers.filter((each) => inside === null || !sameBox(each, inside))]
  const light = contrast(colourOf(colour), colourOf(background))
  const wrong = {
    [`is not within its ${inside === null ? 'card' : 'box'}`]: lines.some(
      (line) => room === undefined || !isWithin(line, inset(room, inside === null ? 0 : 2)),
    ),
    'touches a line or a box': lines.some((line) =>
      crossing.some((each) => meet(line, inset(each, -strokePx))),
    ),
    'is hidden': !seen || lines.length === 0 || lines.some(({ left, right }) => right - left < 1),
    [`is ${size.toFixed(1)} px small`]: size < smallestPx,
    [`has a contrast of ${light.toFixed(2)} (${colour} on ${background})`]: light < contrastMin,
  }
  return Object.entries(wrong).flatMap(([what, isSo]) => (isSo ? [`"${text.text}" ${what}`] : []))
}

function inset({ left, top, right, bottom }: Box, by: number): Box {
  return { left: left + by, top: top + by, right: right - by, bottom: bottom - by }
}

function sameBox(one: Box, other: Box): boolean {
  return one.left === other.left && one.top === other.top
}

function isWithin(inner: Box, outer: Box): boolean {
  const { left, top, right, bottom } = inset(outer, -roundingPx)
  return inner.left >= left && inner.top >= top && inner.right <= right && inner.bottom <= bottom
}

function meet(one: Box, other: Box): boolean {
  const { left, top, right, bottom } = inset(other, roundingPx)
  return one.left < right && left < one.right && one.top < bottom && top < one.bottom
}

/** Of a colour as a browser gives it: `rgb(15, 20, 26)`. */
function colourOf(text: string): Colour {
  const found = /^rgb\((\d+), (\d+), (\d+)\)$/.exec(text)
  if (found === null) throw new Error(`"${text}" is no plain colour.`)
  return [Number(found[1]), Number(found[2]), Number(found[3])]
}
