/**
 * The dashboard's drawing: what it says of each story, and that nothing in it can do harm.
 *
 * The one thing to understand: the pictures come from simulated pairs that lived through the story, so a drawing of a situation that
 * cannot happen is not tested, and one that can is.
 */

import { XMLValidator } from 'fast-xml-parser'
import { describe, expect, test } from 'vitest'
import { drawing } from '../lambda/widget-drawing.ts'
import type { PairPicture } from '../lambda/widget-picture.ts'
import { type Colour, contrast } from './contrast.ts'
import { pictures } from './widget-stories.ts'

const textOf = (html: string) =>
  html
    .replaceAll(/<style>.*?<\/style>/gs, '')
    .replaceAll(/<[^>]+>/g, ' ')
    .replaceAll(/\s+/g, ' ')
const draw = (picture: PairPicture) => drawing([picture], {}, 'light')

describe('what it says', () => {
  test('healthy: who is open, who follows, how far behind, the last change', () => {
    const text = textOf(draw(pictures.healthy()))
    expect(text).toContain('well: healthy')
    expect(text).toMatch(/writer\.orders\.example\.com 10\.0\.1\.10/)
    expect(text).toMatch(/alice writer: open/)
    expect(text).toMatch(/bob spare: closed/)
    expect(text).toMatch(/follows, \d+ (ms|s) behind/)
    expect(text).toMatch(/Last change: switchover to alice, 5 h ago \(epoch 3\)/)
  })

  test('failing over: the writer is gone, a claim stands, and nobody is said to be open', () => {
    const text = textOf(draw(pictures['failing-over']()))
    expect(text).toContain('at work: claim-standing')
    expect(text).toMatch(/alice writer: refused/)
    expect(text).toContain('A claim stands: failover, to open bob')
    expect(text).not.toContain(': open')
  })

  test('held: the server that is held says so, and the ledger too', () => {
    const text = textOf(draw(pictures.held()))
    expect(text).toContain('ON HOLD')
    expect(text).toMatch(/On hold: alice/)
    expect(text).toMatch(/bob writer: open/)
  })

  test('blind: nothing is guessed', () => {
    const text = textOf(draw(pictures.blind()))
    expect(text).toContain('critical: ')
    expect(text).toMatch(/alice silent/)
    expect(text).toMatch(/bob silent/)
    expect(text).not.toMatch(/writer:|spare:/)
    expect(text).toContain('The ledger is not known')
    expect(text).toContain('record not known')
    expect(text).not.toMatch(/: (open|closed)|behind/)
  })

  test('a pair that could not be looked at says why', () => {
    expect(textOf(drawing([], { orders: 'There is no pair "orders".' }, 'dark'))).toContain(
      'orders not looked at There is no pair &quot;orders&quot;.',
    )
  })
})

describe('what it is', () => {
  test.each(Object.entries(pictures))(
    '%s: well-formed, without script, without anything to load',
    (_, make) => {
      for (const theme of ['light', 'dark'] as const) {
        const html = drawing([make()], {}, theme)
        expect(XMLValidator.validate(`<html>${html}</html>`)).toBe(true)
        expect(html).not.toMatch(/<script|javascript:|\son\w+=|<a |https?:|url\(|@import/i)
      }
    },
  )

  test('text from outside is text', () => {
    const situation = {
      code: 'x',
      severity: 'critical',
      because: '<script>alert(1)</script>',
      advice: '"&\'',
    } as const
    const html = draw({ ...pictures.healthy(), pair: '<b>', situation })
    expect(html).not.toContain('<script>')
    expect(html).toContain('&lt;script&gt;alert(1)')
    expect(html).toContain('&quot;&amp;&#39;')
    expect(html).toContain('&lt;b&gt;')
  })

  test('both themes have enough contrast for text (WCAG 2.2, 4.5 : 1)', () => {
    for (const theme of ['light', 'dark'] as const) {
      const html = drawing(
        Object.values(pictures).map((make) => make()),
        {},
        theme,
      )
      const background = /background:(#[0-9a-f]{6})/.exec(html)?.[1] ?? ''
      const box = /<rect[^>]*fill="(#[0-9a-f]{6})"/.exec(html)?.[1] ?? ''
      const colours = [...html.matchAll(/(?:color:|<text[^>]*fill=")(#[0-9a-f]{6})/g)].map(
        (match) => match[1] ?? '',
      )
      expect(new Set(colours).size).toBeGreaterThan(3)
      for (const colour of new Set(colours)) {
        expect(
          contrast(colourOf(colour), colourOf(background)),
          `${theme} ${colour} on ${background}`,
        ).toBeGreaterThan(4.5)
        expect(contrast(colourOf(colour), colourOf(box)), `${theme} ${colour} on ${box}`).toBeGreaterThan(4.5)
      }
    }
  })
})

function colourOf(hexadecimal: string): Colour {
  const at = (index: number) => Number.parseInt(hexadecimal.slice(index, index + 2), 16)
  return [at(1), at(3), at(5)]
}
