/**
 * Tests of the pages at every width from a phone to a wide screen: nothing is cut, nothing covers
 * text or a button, and no large area is blank. They take three minutes.
 */
import { expect, test } from 'vitest'
import { editorIn, picture, type Visit } from './visit.ts'

const WIDTHS = Array.from({ length: 56 }, (_, i) => 360 + 40 * i)
const EXERCISES = ['01-drop', '03-ring', '05-napi', '09-offloads', '12-board']
/** A page of text, whose width is limited. */
const LIST = 'learn/exercises.html'
const WIDEST_LIST = 1440
const LIMIT_MS = 600_000

export function widthTests(visit: Visit): void {
  const exercises = EXERCISES.map(name => `learn/${name}.html`)
  const pages = ['', 'playground.html', LIST, ...exercises]
  test.each(pages)(
    'nothing of "%s" is cut or covered, and no third of a screen is blank, from 360 to 2560 px',
    async path => {
      // The menu of the site slides.
      const page = await visit.page(path, { reducedMotion: 'reduce' })
      if (path === 'playground.html') {
        await picture(page).waitFor()
      }
      if (exercises.includes(path)) {
        await editorIn(page)
        await page.evaluate(() => scrollTo(0, 0))
      }
      const found: string[] = []
      for (const width of WIDTHS.filter(each => path !== LIST || each <= WIDEST_LIST)) {
        const height = Math.min(1440, Math.max(800, Math.round((width * 9) / 16)))
        await page.setViewportSize({ width, height })
        const defects = await page.evaluate(defectsOfLayout)
        found.push(...defects.map(defect => `${width}: ${defect}`))
      }
      expect(found).toEqual([])
    },
    LIMIT_MS,
  )
}

/** Runs in the page, so it uses nothing of this file. */
async function defectsOfLayout(): Promise<string[]> {
  const found = new Set<string>()
  const roots: (Document | ShadowRoot)[] = [document]
  for (const { shadowRoot } of document.querySelectorAll('.picture-place *')) {
    if (shadowRoot) {
      roots.push(shadowRoot)
    }
  }
  const all = (selector: string) => roots.flatMap(root => [...root.querySelectorAll(selector)])
  const isShown = (element: Element) =>
    element.checkVisibility({ checkVisibilityCSS: true, checkOpacity: true })
  const nameOf = (element: Element) => {
    const text = element.textContent?.trim().replace(/\s+/g, ' ').slice(0, 40)
    return `${element.localName}.${element.getAttribute('class') ?? ''} "${text}"`
  }
  // Drawings are fitted by observers of sizes, which run before the frame is painted.
  for (let i = 0; i < 2; i++) {
    await new Promise(requestAnimationFrame)
  }
  scrollTo({ top: 0, behavior: 'instant' })

  if (document.documentElement.scrollWidth > innerWidth) {
    found.add('the page scrolls sideways')
  }
  for (const each of all('main :is(table, pre, figure, svg), .picture svg').filter(isShown)) {
    const { left, right } = each.getBoundingClientRect()
    if (left < -1 || right > innerWidth + 1) {
      found.add(`cut by the window: ${nameOf(each)}`)
    }
    const hasBar = getComputedStyle(each, '::-webkit-scrollbar').height !== 'auto'
    if (each.scrollWidth > each.clientWidth + 1 && each.localName !== 'svg' && !hasBar) {
      found.add(`cut by ${each.scrollWidth - each.clientWidth} px: ${nameOf(each)}`)
    }
  }

  const hit = (x: number, y: number) => {
    let top = document.elementFromPoint(x, y)
    while (top?.shadowRoot) {
      const inside = top.shadowRoot.elementFromPoint(x, y)
      if (inside === null || inside === top) break
      top = inside
    }
    return top
  }
  const scrolls = (element: Element) => getComputedStyle(element).overflowY !== 'visible'
  const isInView = (element: Element, x: number, y: number) => {
    for (
      let at = element.parentElement;
      at !== null && at !== document.body;
      at = at.parentElement
    ) {
      const { left, right, top, bottom } = at.getBoundingClientRect()
      if (scrolls(at) && (x < left || x > right || y < top || y > bottom)) return false
    }
    return true
  }
  const nav = document.querySelector('.VPNav')?.getBoundingClientRect().bottom ?? 0
  const local = document.querySelector('.VPLocalNav')?.getBoundingClientRect().height ?? 0
  // The bar with Check remains at the bottom of the window: what it covers scrolls above it.
  const bar = document.querySelector('.bar')
  const barHeight =
    bar === null || getComputedStyle(bar).position !== 'fixed'
      ? 0
      : bar.getBoundingClientRect().height
  const watched = all('main button, .picture button, main svg text, .picture svg text').filter(
    isShown,
  )
  const height = document.documentElement.scrollHeight
  for (let y = 0; y < height; y += innerHeight - nav - local - barHeight - 40) {
    scrollTo({ top: y, behavior: 'instant' })
    for (const each of watched) {
      const box = each.getBoundingClientRect()
      const [x, middle] = [box.left + box.width / 2, box.top + box.height / 2]
      const bottom = innerHeight - 8 - (bar?.contains(each) ? 0 : barHeight)
      if (
        middle < nav + local + 8 ||
        middle > bottom ||
        box.width === 0 ||
        !isInView(each, x, middle)
      ) {
        continue
      }
      const top = hit(x, middle)
      if (top !== null && !each.contains(top) && !top.contains(each)) {
        found.add(`${nameOf(top)} covers ${nameOf(each)}`)
      }
    }
  }
  scrollTo({ top: 0, behavior: 'instant' })

  // The largest blank rectangle of a grid of cells that text, drawings and controls fill.
  const [columns, rows] = [48, 27]
  const filled = Array.from({ length: rows }, () => new Array<boolean>(columns).fill(false))
  const fill = ({ left, right, top, bottom }: DOMRect) => {
    const at = (value: number, size: number, count: number) => Math.floor((value / size) * count)
    for (
      let row = Math.max(0, at(top, innerHeight, rows));
      row <= at(bottom - 1, innerHeight, rows) && row < rows;
      row++
    ) {
      for (
        let i = Math.max(0, at(left, innerWidth, columns));
        i <= at(right - 1, innerWidth, columns) && i < columns;
        i++
      ) {
        filled[row]![i] = true
      }
    }
  }
  for (const root of roots) {
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT)
    const range = document.createRange()
    for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
      if (node.parentElement?.closest('style, script') || !node.textContent?.trim()) continue
      range.selectNodeContents(node)
      for (const box of range.getClientRects()) {
        if (box.width > 1) {
          fill(box)
        }
      }
    }
  }
  for (const each of all('svg, pre, table, button, textarea, .cm-editor, .door, .log').filter(
    isShown,
  )) {
    fill(each.getBoundingClientRect())
  }
  let most = 0
  const heights = new Array<number>(columns).fill(0)
  for (const row of filled) {
    for (let i = 0; i < columns; i++) {
      heights[i] = row[i] ? 0 : heights[i]! + 1
    }
    for (let from = 0; from < columns; from++) {
      let least = heights[from]!
      for (let to = from; to < columns; to++) {
        least = Math.min(least, heights[to]!)
        most = Math.max(most, least * (to - from + 1))
      }
    }
  }
  const part = most / (columns * rows)
  if (part > 1 / 3) {
    found.add(`${Math.round(part * 100)} % of the first screen are blank`)
  }
  return [...found]
}
