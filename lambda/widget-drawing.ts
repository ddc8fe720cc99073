/**
 * Draws pictures of pairs as HTML with SVG, for a CloudWatch dashboard: no script, nothing loaded, every text escaped.
 *
 * The one thing to understand: the dashboard does not say its colours, only whether it is light or dark. So each theme has its own
 * set here, with enough contrast in both, and no state is told by colour alone: each has its word.
 */
import type { PairPicture, Receiving, ServerPicture } from './widget-picture.ts'

export type Theme = 'light' | 'dark'

interface Colours {
  readonly text: string
  readonly faint: string
  readonly line: string
  readonly card: string
  readonly box: string
  readonly good: string
  readonly fair: string
  readonly bad: string
}

const themes: Readonly<Record<Theme, Colours>> = {
  light: {
    text: '#0f141a',
    faint: '#4c5663',
    line: '#b4bbc4',
    card: '#ffffff',
    box: '#f4f6f8',
    good: '#0a6b2f',
    fair: '#8a5300',
    bad: '#b3140f',
  },
  dark: {
    text: '#ebebf0',
    faint: '#a4abb5',
    line: '#4a5462',
    card: '#161d26',
    box: '#202a36',
    good: '#4ccf7a',
    fair: '#f2b155',
    bad: '#ff7a70',
  },
}

/** In a word and a colour how it stands: while a claim stands nobody may be able to write, so that is not well. */
function standing({ situation, ledger }: PairPicture, colours: Colours): { word: string; colour: string } {
  if (situation.severity === 'critical') return { word: 'critical', colour: colours.bad }
  if (situation.severity === 'warning') return { word: 'warning', colour: colours.fair }
  const isMoving = ledger === null || ledger.claim !== null
  return isMoving ? { word: 'at work', colour: colours.fair } : { word: 'well', colour: colours.good }
}

/** One card a pair; `failures` are pairs that could not be looked at, with the reason. */
export function drawing(
  pictures: readonly PairPicture[],
  failures: Readonly<Record<string, string>>,
  theme: Theme,
): string {
  const colours = themes[theme]
  const cards = [
    ...pictures.map((picture) => card(picture, colours)),
    ...Object.entries(failures).map(([pair, reason]) => failureCard(pair, reason, colours)),
  ]
  return `<div class="cwdb-no-default-styles"></div><style>${styles(colours)}</style><div class="hs">${cards.join('')}</div>`
}

function styles({ text, faint, line, card }: Colours): string {
  return [
    `.hs{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(400px,100%),1fr));gap:12px;color:${text};font:13px/1.4 "Amazon Ember","Helvetica Neue",Arial,sans-serif}`,
    `.hs section{border:1px solid ${line};border-radius:8px;padding:12px 14px;background:${card};overflow-wrap:anywhere;min-width:0}`,
    '.hs header{display:flex;flex-wrap:wrap;justify-content:space-between;align-items:baseline;gap:4px 8px}',
    '.hs h3{margin:0;font-size:16px}',
    '.hs svg{display:block;width:100%;height:auto;margin:6px 0}',
    '.hs p{margin:4px 0}',
    `.hs .faint{color:${faint};font-size:12px;display:flex;flex-wrap:wrap;gap:0 16px}`,
    '.hs .pill{border:1px solid;border-radius:10px;padding:0 9px;font-weight:700;font-size:12px;white-space:nowrap}',
  ].join('')
}

function card(picture: PairPicture, colours: Colours): string {
  const { situation } = picture
  const { word, colour } = standing(picture, colours)
  const advice = situation.advice === '' ? '' : `<p><b>Do:</b> ${sentence(situation.advice, 320)}</p>`
  return [
    '<section>',
    `<header><h3>${escaped(picture.pair)}</h3>`,
    `<span class="pill" style="color:${colour}">${word}: ${escaped(situation.code)}</span></header>`,
    diagram(picture, colours),
    `<p>${sentence(situation.because, 320)}</p>${advice}`,
    `<p class="faint">${changes(picture)
      .map((each) => `<span>${escaped(each)}</span>`)
      .join(' ')}</p>`,
    '</section>',
  ].join('')
}

function failureCard(pair: string, reason: string, colours: Colours): string {
  return [
    `<section><header><h3>${escaped(pair)}</h3>`,
    `<span class="pill" style="color:${colours.bad}">not looked at</span></header>`,
    `<p>${sentence(reason, 400)}</p></section>`,
  ].join('')
}

/** The last change, and whatever stands in the ledger that a person should know of. */
function changes({ ledger, mode, atMs }: PairPicture): string[] {
  const now = `Looked at ${clock(atMs)} UTC`
  const modes = mode === 'automatic' ? [] : [`Mode: ${mode}`]
  if (ledger === null) return ['The ledger is not known', ...modes, now]
  const { claim, pause, holds } = ledger
  const how = { adopted: 'adopted', failover: 'failover', switchover: 'switchover' }[ledger.how]
  return [
    `Last change: ${how} to ${ledger.writer}, ${age(atMs - ledger.sinceClockMs)} ago (epoch ${ledger.epoch})`,
    ...(claim === null ? [] : [`A claim stands: ${claim.intent}, to open ${claim.target}`]),
    ...(pause === null
      ? []
      : [
          pause.untilClockMs === 0 ? 'Paused until resumed' : `Paused until ${clock(pause.untilClockMs)} UTC`,
        ]),
    ...(holds.length === 0 ? [] : [`On hold: ${holds.join(', ')}`]),
    ...modes,
    now,
  ]
}

const width = 462
const boxWidth = 152
const boxTop = 62
const boxHeight = 92
/** Left free beside what stands in a box. */
const boxMargin = 7

function diagram(picture: PairPicture, colours: Colours): string {
  const [writer, spare] = picture.servers
  // Half of a box's line is outside of it.
  const left = 1
  const right = width - 1 - boxWidth
  const alt = `${writer.name} is ${writer.state}, ${spare.name} is ${spare.state}`
  return [
    `<svg viewBox="0 0 ${width} ${boxTop + boxHeight + 4}" role="img" aria-label="${escaped(alt)}" font-size="12" fill="${colours.text}">`,
    name(picture, left + boxWidth / 2, colours),
    box(writer, left, colours),
    box(spare, right, colours),
    arrow(left + boxWidth, right, 92, spare.receiving, lagText(picture), colours),
    arrow(right, left + boxWidth, 126, writer.receiving, '', colours),
    '</svg>',
  ].join('')
}

/** The name that applications use, and the line to the server that it means. */
function name({ writerName, recordValues, servers }: PairPicture, x: number, colours: Colours): string {
  const [writer] = servers
  const values =
    recordValues === null
      ? 'record not known'
      : recordValues.length === 0
        ? 'no record'
        : recordValues.join(', ')
  const agrees = recordValues === null || writer.role === 'unknown' || recordValues.includes(writer.address)
  const colour = recordValues === null || !agrees ? colours.bad : colours.faint
  const lines = [
    label(writerName, { x: 0, y: 14, size: 12, most: width, bold: true }),
    label(agrees ? values : `${values} (not ${writer.name})`, { x: 0, y: 31, size: 12, most: width, colour }),
  ]
  // Without a ledger or a record there is nothing that the name could be said to mean.
  if (writer.role === 'unknown' || recordValues === null) return lines.join('')
  return [
    ...lines,
    `<path d="M${x} 38V${boxTop - 7}" stroke="${colour}" stroke-width="1.5" fill="none"${agrees ? '' : ' stroke-dasharray="3 4"'}/>`,
    `<path d="M${x - 5} ${boxTop - 9}l5 8 5-8z" fill="${colour}"/>`,
  ].join('')
}

const ANSWERS: ReadonlySet<string> = new Set(['open', 'half closed', 'closed'])

function box(server: ServerPicture, x: number, colours: Colours): string {
  const answers = ANSWERS.has(server.state)
  const rightful = { writer: 'open', spare: 'closed', unknown: server.state }[server.role]
  const usual = server.role === 'writer' ? colours.good : colours.faint
  const colour = answers && server.state === rightful ? usual : colours.bad
  const standing = server.role === 'unknown' ? server.state : `${server.role}: ${server.state}`
  const dash = answers ? '' : ' stroke-dasharray="6 4"'
  const middle = x + boxWidth / 2
  const details =
    server.version === null ? server.address : `${server.version.split('-')[0]}, ${server.address}`
  const line = (text: string, y: number, size: number, more: Partial<Label>) =>
    label(text, { x: middle, y, size, most: boxWidth - 2 * boxMargin, centred: true, ...more })
  const top = boxTop + (server.onHold ? 0 : 9)
  return [
    `<rect x="${x}" y="${boxTop}" width="${boxWidth}" height="${boxHeight}" rx="7" fill="${colours.box}" stroke="${colour}" stroke-width="2"${dash}/>`,
    line(server.name, top + 22, 15, { bold: true }),
    line(standing, top + 42, 12, { bold: true, colour }),
    line(details, top + 60, 12, { colour: colours.faint }),
    server.onHold ? line('ON HOLD', top + 79, 12, { bold: true, colour: colours.bad }) : '',
  ].join('')
}

/** From source to replica, as the transactions go. */
function arrow(
  from: number,
  to: number,
  y: number,
  receiving: Receiving,
  note: string,
  colours: Colours,
): string {
  const direction = Math.sign(to - from)
  const [start, end] = [from + 8 * direction, to - 8 * direction]
  const colour =
    receiving === 'running' ? colours.good : receiving === 'unknown' ? colours.faint : colours.bad
  const dash = receiving === 'running' ? '' : ' stroke-dasharray="3 5"'
  const words = receiving === 'running' ? note || 'follows' : receiving
  return [
    `<path d="M${start} ${y}H${end - 7 * direction}" stroke="${colour}" stroke-width="2" fill="none"${dash}/>`,
    `<path d="M${end - 8 * direction} ${y - 5}l${8 * direction} 5l${-8 * direction} 5z" fill="${colour}"/>`,
    label(words, {
      x: (from + to) / 2,
      y: y - 7,
      size: 12,
      most: Math.abs(end - start),
      centred: true,
      colour,
    }),
  ].join('')
}

interface Label {
  /** Of its beginning, or of its middle where it is centred. */
  readonly x: number
  /** Of its base line. */
  readonly y: number
  readonly size: number
  /** It is never wider than this. */
  readonly most: number
  readonly centred?: boolean
  readonly bold?: boolean
  readonly colour?: string
}

/** No text is smaller than this, in the drawing's own units. */
const smallest = 12
/** A letter's share of the size that a text can be pressed down to; a server's longest name then has its room. */
const tightest = 0.34

/**
 * A line of text that stays within its room. Nobody knows the viewer's font, so a text that may be too long is first made smaller,
 * then pressed together, and only a very long one is cut.
 */
function label(text: string, { x, y, size, most, centred, bold, colour }: Label): string {
  const lengthMax = Math.floor(most / (smallest * tightest))
  const shown = text.length > lengthMax ? `${text.slice(0, lengthMax - 1)}…` : text
  const fitting = Math.max(smallest, Math.min(size, Math.floor((size * most) / widthOf(shown, size))))
  return [
    `<text x="${x}" y="${y}" font-size="${fitting}"`,
    centred === true ? ' text-anchor="middle"' : '',
    bold === true ? ' font-weight="700"' : '',
    colour === undefined ? '' : ` fill="${colour}"`,
    widthOf(shown, fitting) > most ? ` textLength="${most}" lengthAdjust="spacingAndGlyphs"` : '',
    `>${escaped(shown)}</text>`,
  ].join('')
}

/** What a text is wide at the most, in a bold font like Arial's. */
function widthOf(text: string, size: number): number {
  const shares = [...text].map((each) => {
    if (/[fijlt.,:;'() -]/.test(each)) return 0.34
    if (/[mwMW@%…]/.test(each)) return 0.95
    return /[A-Z]/.test(each) ? 0.78 : 0.62
  })
  return size * shares.reduce((sum, each) => sum + each, 0)
}

function lagText({ lagMs }: PairPicture): string {
  return lagMs === null ? 'follows' : `follows, ${age(lagMs)} behind`
}

/** A duration for people: `40 ms`, `3 s`, `5 min`, `7 h`, `12 days`. */
function age(ms: number): string {
  const steps: readonly [number, string][] = [
    [1000, 'ms'],
    [60, 's'],
    [60, 'min'],
    [48, 'h'],
  ]
  let value = Math.max(0, ms)
  for (const [most, unit] of steps) {
    if (value < most) return `${Math.floor(value)} ${unit}`
    value /= unit === 'h' ? 24 : most
  }
  return `${Math.floor(value)} days`
}

function clock(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace('T', ' ')
}

/** Text that breaks anywhere but between a number and its unit. */
function sentence(text: string, most: number): string {
  const shown = text.length <= most ? text : `${text.slice(0, most - 1)}…`
  return escaped(shown).replaceAll(/(\d) (ms|s|min|h|days)\b/g, '$1\u00a0$2')
}

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;')
}
