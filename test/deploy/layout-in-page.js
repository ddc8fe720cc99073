// Runs inside of the page that shows the widget, and gives a Layout as layout.ts declares it. It can use nothing but the page.
;(() => {
  const plain = ({ left, top, right, bottom }) => ({ left, top, right, bottom })
  const all = (selector) => [...document.querySelectorAll(selector)]
  const sections = all('.hs section')
  const cardOf = (element) => sections.indexOf(element.closest('section'))
  const holds = (outer, x, y) => outer.left <= x && x <= outer.right && outer.top <= y && y <= outer.bottom
  const textOf = (node) => {
    const element = node.parentElement
    const range = document.createRange()
    range.selectNodeContents(node)
    const drawing = element.closest('svg')
    // A range in a drawing does not know that its text is pressed together.
    const rectangles = drawing === null ? [...range.getClientRects()] : [element.getBoundingClientRect()]
    const [first] = rectangles
    const middle = [(first.left + first.right) / 2, (first.top + first.bottom) / 2]
    const boxes = drawing === null ? [] : [...drawing.querySelectorAll('rect')]
    const box = boxes.find((each) => holds(each.getBoundingClientRect(), ...middle))
    let behind = element
    while (behind !== null && getComputedStyle(behind).backgroundColor === 'rgba(0, 0, 0, 0)')
      behind = behind.parentElement
    const style = getComputedStyle(element)
    const scale = drawing === null ? 1 : drawing.getBoundingClientRect().width / drawing.viewBox.baseVal.width
    return {
      text: node.textContent ?? '',
      lines: rectangles.map(plain),
      size: Number.parseFloat(style.fontSize) * scale,
      colour: drawing === null ? style.color : style.fill,
      background:
        box === undefined ? getComputedStyle(behind ?? element).backgroundColor : getComputedStyle(box).fill,
      seen: document.elementFromPoint(...middle) === element,
      inside: box === undefined ? null : plain(box.getBoundingClientRect()),
      card: cardOf(element),
    }
  }
  const texts = []
  const walker = document.createTreeWalker(document.querySelector('.hs'), NodeFilter.SHOW_TEXT)
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode())
    if (node.textContent?.trim() !== '') texts.push(textOf(node))
  const shapes = (selector) =>
    all(selector).map((each) => ({ ...plain(each.getBoundingClientRect()), card: cardOf(each) }))
  return {
    widget: plain(document.querySelector('#widget').getBoundingClientRect()),
    cards: sections.map((each) => plain(each.getBoundingClientRect())),
    texts,
    strokes: shapes('.hs path'),
    servers: shapes('.hs rect'),
    overfull: [document.documentElement, ...all('.hs, .hs *:not(svg):not(svg *)')]
      .filter(
        (each) => getComputedStyle(each).display !== 'inline' && each.scrollWidth > each.clientWidth + 1,
      )
      .map(
        (each) =>
          `${each.tagName} ${each.scrollWidth} in ${each.clientWidth}: ${each.textContent?.slice(0, 60)}`,
      ),
  }
})()
