/**
 * The dashboard's drawing in a real browser: four states of a pair, light and dark, wide and narrow. The pictures are kept in
 * dist/screenshots for whoever wants to look.
 *
 * The one thing to understand: what is judged is what the browser laid out, and the colours that it computed, not what the drawing
 * meant. CloudWatch itself is not here: a plain page of its two colours stands for it.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { drawing, type Theme } from '../../lambda/widget-drawing.ts'
import type { PairPicture, ServerPicture } from '../../lambda/widget-picture.ts'
import { projectDir } from '../source-tree.ts'
import { pictures } from '../widget-stories.ts'
import { type Browser, startBrowser } from './chromium.ts'
import type { Page } from './devtools.ts'
import { type Layout, measuring, problemsOf } from './layout.ts'

const pages: Readonly<Record<Theme, string>> = { light: '#ffffff', dark: '#0f1b2a' }
const themes = ['light', 'dark'] as const
/** Half of a dashboard, a full one with two cards beside each other, and the least that a card takes. */
const widths = { half: 588, full: 1200, narrow: 420 }
const folder = join(projectDir, 'dist/screenshots')

let browser: Browser
let page: Page

beforeAll(async () => {
  const say = (text: string) => void process.stdout.write(`${text}\n`)
  browser = await startBrowser(say)
  say(`Chromium ${browser.version}`)
  page = await browser.devTools.page()
  mkdirSync(folder, { recursive: true })
})
afterAll(() => browser?.close())

interface Shown {
  readonly pictures: readonly PairPicture[]
  readonly failures?: Readonly<Record<string, string>>
  readonly theme: Theme
  readonly width: number
}

/** Shows it in a window as high as it needs, keeps a picture under this name, and gives the layout. */
async function show(name: string, { pictures: shown, failures = {}, theme, width }: Shown): Promise<Layout> {
  const style = `body{margin:0;background:${pages[theme]}}#widget{padding:10px}`
  const html = `<!doctype html><meta charset="utf-8"><style>${style}</style><div id="widget">${drawing(shown, failures, theme)}</div>`
  await page.show(html, { width, height: 100 })
  const height = await page.ask<number>('document.documentElement.scrollHeight')
  await page.show(html, { width, height })
  writeFileSync(join(folder, `${name}.png`), await page.picture())
  return page.ask<Layout>(measuring)
}

/** Every server's name, and its state in a word, stands in its box. */
function expectServers({ texts }: Layout, { servers }: PairPicture, card = 0): void {
  const inBoxes = texts.filter((each) => each.card === card && each.inside !== null)
  for (const { name, role, state } of servers) {
    const box = inBoxes.find((each) => each.text === name)?.inside
    const beside = inBoxes.filter((each) => each.inside?.left === box?.left).map((each) => each.text)
    expect(box, name).toBeDefined()
    expect(beside, name).toContain(role === 'unknown' ? state : `${role}: ${state}`)
  }
}

/** The longest names that a configuration may have, and a host that is longer than any box. */
function withLongNames(picture: PairPicture): PairPicture {
  const long = (name: string) => `${name}-in-the-second-machine-room-of-x`.slice(0, 32)
  const server = (each: ServerPicture): ServerPicture => ({
    ...each,
    name: long(each.name),
    address: `${each.name}.database.internal.of.a.company.example.com`,
    version: '10.11.14-MariaDB-log',
  })
  const [writer, spare] = picture.servers
  const { ledger } = picture
  return {
    ...picture,
    pair: long('orders'),
    writerName: 'writer.orders-of-everything.eu-west-1.production.company.example.com',
    servers: [server(writer), server(spare)],
    ledger: ledger && { ...ledger, writer: long(ledger.writer), holds: ledger.holds.map(long) },
  }
}

describe.each(themes)('%s', (theme) => {
  test.each(Object.entries(pictures))(
    '%s: everything is seen, and nothing lies over anything',
    async (state, make) => {
      const picture = make()
      const layout = await show(`${state}-${theme}`, { pictures: [picture], theme, width: widths.half })
      expect(problemsOf(layout)).toEqual([])
      expectServers(layout, picture)
      expect(layout.texts.length).toBeGreaterThan(10)
    },
  )

  test.each(Object.entries(widths))(
    'all of them beside a pair that could not be looked at: %s',
    async (name, width) => {
      const shown = Object.values(pictures).map((make) => make())
      const failures = { billing: 'The secret hotspare/billing can’t be read: AccessDeniedException.' }
      const layout = await show(`all-${name}-${theme}`, { pictures: shown, failures, theme, width })
      expect(problemsOf(layout)).toEqual([])
      expect(layout.cards).toHaveLength(5)
      expect(new Set(layout.cards.map(({ left }) => left)).size).toBe(name === 'full' ? 2 : 1)
    },
  )

  test.each(Object.entries(widths))('the longest names have their room: %s', async (name, width) => {
    const shown = [pictures.healthy(), pictures.held()].map(withLongNames)
    const layout = await show(`long-names-${name}-${theme}`, { pictures: shown, theme, width })
    expect(problemsOf(layout)).toEqual([])
    for (const [card, picture] of shown.entries()) expectServers(layout, picture, card)
  })
})
