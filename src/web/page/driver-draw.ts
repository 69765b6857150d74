/** Draws the boxes of a driver as SVG, and updates them in place. */
import { setText, svg } from './dom.ts'
import { type Arrow, type DriverBox, FOLD_COLUMNS, isDense, isRing, LINE, PAD, RING, TITLE } from './driver-layout.ts'
import type { DrawnItem } from './driver-model.ts'
import {
  CHARACTER,
  clip,
  type Description,
  describeFold,
  describePart,
  describeStage,
  NOTHING_HELD,
  places,
  type Tone,
} from './driver-text.ts'

/** An element, and the function that shows another state in it. */
export interface Drawn<T> {
  readonly element: SVGElement
  update(value: T): void
}

export interface ItemState {
  readonly item: DrawnItem
  /** The rate of the part's counter. */
  readonly perSecond: number | undefined
}

type ItemBox = Extract<DriverBox, { kind: 'item' }>

/** Sets an attribute if it is another one. */
function set(element: Element, name: string, value: string): void {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value)
}

const text = (x: number, y: number, name: string, anchor: 'start' | 'middle' | 'end' = 'start') =>
  svg('text', { x, y, class: name, 'text-anchor': anchor })

export function drawItem(box: ItemBox): Drawn<ItemState> {
  if (box.item.kind === 'fold') return drawFold(box)
  if (isRing(box.item, box.group)) return drawRing(box)
  if (isDense(box.group)) return drawLine(box)
  return drawRow(box)
}

function describe({ item, perSecond }: ItemState): Description {
  if (item.kind === 'part') return describePart(item.part, perSecond)
  if (item.kind === 'stage') return describeStage(item.stage)
  return { name: 'no stage', title: 'no stage', value: '', note: '', tone: 'plain', cells: 0, filled: 0 }
}

/** Cells in a row; the first ones are filled. */
class Cells {
  readonly element = svg('g', { class: 'cells' })
  readonly #place: (cells: number, index: number) => SVGElement

  constructor(place: (cells: number, index: number) => SVGElement) {
    this.#place = place
  }

  show(cells: number, filled: number): void {
    const { children } = this.element
    if (children.length !== cells)
      this.element.replaceChildren(...Array.from({ length: cells }, (_, i) => this.#place(cells, i)))
    for (let i = 0; i < cells; i++) set(children[i], 'class', i < filled ? 'cell filled' : 'cell')
  }
}

function drawRow({ x, y, width, lane, item }: ItemBox): Drawn<ItemState> {
  const capacity = item.kind === 'part' ? item.part.capacity : undefined
  const noteLength = capacity === undefined ? 'holds 1.23k'.length : 2 * Math.max(3, places(capacity).length) + 1
  const noteWidth = CHARACTER * noteLength + 4
  const name = text(x, y + 13, 'name')
  const value = text(x + width, y + 13, 'value', 'end')
  const note = text(x + width, y + LINE + 13, 'note', 'end')
  const title = svg('title')
  const bar = new Cells((cells, i) => {
    const step = Math.min(10, (width - noteWidth) / cells)
    return svg('rect', { x: x + i * step, y: y + LINE + 3, width: Math.max(1.5, step - 1), height: 10 })
  })
  const element = svg('g', { role: 'img' }, title, name, value, bar.element, note)
  return {
    element,
    update(state) {
      const shown = describe(state)
      set(element, 'class', `item ${item.kind} ${lane} ${shown.tone}`)
      set(element, 'aria-label', shown.title)
      setText(title, shown.title)
      const beside = clip(shown.value, width)
      setText(name, clip(shown.name, width - (beside === '' ? 0 : (beside.length + 1) * CHARACTER)))
      setText(value, beside)
      const cells = Math.min(shown.cells, Math.floor((width - noteWidth) / 4))
      bar.show(cells, shown.cells === 0 ? 0 : Math.ceil((shown.filled * cells) / shown.cells))
      const isLeft = shown.cells === 0
      setText(note, clip(shown.note, isLeft ? width : noteWidth))
      set(note, 'x', `${isLeft ? x : x + width}`)
      set(note, 'text-anchor', isLeft ? 'start' : 'end')
    },
  }
}

/** One line, and a thin bar below it. */
function drawLine({ x, y, width, lane, item }: ItemBox): Drawn<ItemState> {
  const name = text(x, y + 13, 'name')
  const value = text(x + width, y + 13, 'value', 'end')
  const title = svg('title')
  const bar = new Cells((cells, i) => {
    const step = Math.min(10, width / cells)
    return svg('rect', { x: x + i * step, y: y + LINE - 1, width: Math.max(1.5, step - 1), height: 4 })
  })
  const element = svg('g', { role: 'img' }, title, name, value, bar.element)
  return {
    element,
    update(state) {
      const shown = describe(state)
      set(element, 'class', `item ${item.kind} ${lane} ${shown.tone}`)
      set(element, 'aria-label', shown.title)
      setText(title, shown.title)
      const beside = [shown.value, shown.note].filter(words => words !== '' && words !== NOTHING_HELD).join(', ')
      setText(value, clip(beside, width - 8 * CHARACTER))
      setText(name, clip(shown.name, width - (value.textContent!.length + 1) * CHARACTER))
      bar.show(shown.cells, shown.filled)
    },
  }
}

function drawRing({ x, y, width, lane }: ItemBox): Drawn<ItemState> {
  const [cx, cy] = [x + width / 2, y + LINE + RING / 2]
  const name = text(x, y + 13, 'name')
  const title = svg('title')
  const note = text(cx, cy, 'note', 'middle')
  const limit = text(cx, cy + 16, 'unit', 'middle')
  const [outer, inner] = [RING / 2 - 2, RING / 2 - 11]
  const bar = new Cells((cells, i) => {
    const space = cells === 1 ? 0 : Math.min(0.06, 2 / cells)
    const turn = (part: number) => (2 * Math.PI * part) / cells - Math.PI / 2
    return svg('path', { d: arc(cx, cy, outer, inner, turn(i) + space / 2, turn(i + 1) - space / 2) })
  })
  const element = svg('g', { role: 'img' }, title, name, bar.element, note, limit)
  return {
    element,
    update(state) {
      const shown = describe(state)
      const [length, capacity] = shown.note.split('/')
      set(element, 'class', `item ${lane} ${shown.tone}`)
      set(element, 'aria-label', shown.title)
      setText(title, shown.title)
      setText(name, clip([shown.name, shown.value].filter(Boolean).join(', '), width))
      setText(note, length)
      setText(limit, capacity === undefined ? '' : `of ${capacity}`)
      bar.show(shown.cells, shown.filled)
    },
  }
}

/** A piece of a ring between two angles. */
function arc(cx: number, cy: number, outer: number, inner: number, from: number, to: number): string {
  const at = (radius: number, angle: number) =>
    `${(cx + radius * Math.cos(angle)).toFixed(2)} ${(cy + radius * Math.sin(angle)).toFixed(2)}`
  const end = Math.min(to, from + 2 * Math.PI - 0.001)
  const large = end - from > Math.PI ? 1 : 0
  const there = `M${at(outer, from)}A${outer} ${outer} 0 ${large} 1 ${at(outer, end)}`
  return `${there}L${at(inner, end)}A${inner} ${inner} 0 ${large} 0 ${at(inner, from)}Z`
}

function drawFold({ x, y, width, lane, item }: ItemBox): Drawn<ItemState> {
  const name = text(x, y + 13, 'name')
  const note = text(x, y + LINE + 13, 'note')
  const size = width / FOLD_COLUMNS
  const count = item.kind === 'fold' ? item.parts.length : 0
  const cells = Array.from({ length: count }, (_, i) => {
    const [column, row] = [i % FOLD_COLUMNS, Math.floor(i / FOLD_COLUMNS)]
    const at = { x: x + column * size, y: y + 2 * LINE + row * size, width: size - 1, height: size - 1 }
    return svg('rect', at, svg('title'))
  })
  const element = svg('g', { role: 'img' }, name, note, ...cells)
  return {
    element,
    update({ item }) {
      if (item.kind !== 'fold') return
      const shown = describeFold(item.parts)
      set(element, 'class', `item ${lane} ${shown.tone}`)
      set(element, 'aria-label', `${item.name}, ${shown.note}`)
      setText(name, clip(item.name, width))
      setText(note, clip(shown.note, width))
      for (const [i, { title, tone, isFilled }] of shown.cells.entries()) {
        set(cells[i], 'class', `cell ${tone}${isFilled ? ' filled' : ''}`)
        setText(cells[i].firstElementChild!, title)
      }
    },
  }
}

export interface ArrowState {
  readonly rate: number | undefined
  /** Above the arrow, or beside it; empty for no text. */
  readonly label: string
  /** Below it: frames dropped per second. */
  readonly drops: string
  readonly isCut: boolean
  readonly hasCarrier: boolean
}

export function drawArrow({ lane, x1, y1, x2, y2, touches }: Arrow, isVertical: boolean): Drawn<ArrowState> {
  const [dx, dy] = [Math.sign(x2 - x1), Math.sign(y2 - y1)]
  const line = svg('path', { d: `M${x1} ${y1}L${x2} ${y2}`, class: 'line' })
  const [hx, hy] = [x2 - 7 * dx, y2 - 7 * dy]
  const head = svg('path', {
    d: `M${x2} ${y2}L${hx + 4 * dy} ${hy + 4 * dx}L${hx - 4 * dy} ${hy - 4 * dx}Z`,
    class: 'head',
  })
  // At an end: the middle of the space that the frame beside it leaves free.
  const shift = touches === undefined ? 0 : touches === 'near' ? -PAD / 2 : PAD / 2
  const middle = touches === 'near' ? Math.min(y1, y2) + 20 : touches === 'far' ? Math.max(y1, y2) - 24 : (y1 + y2) / 2
  const [mx, my] = isVertical ? [x1, middle] : [(x1 + x2) / 2 + shift, y1]
  const label = isVertical ? text(mx + 10, my - 2, 'rate') : text(mx, my - 10, 'rate', 'middle')
  const drops = isVertical ? text(mx + 10, my + 14, 'drops') : text(mx, my + 20, 'drops', 'middle')
  const cut = svg('path', { d: `M${mx - 6} ${my - 6}l12 12m0 -12l-12 12`, class: 'cut' })
  const title = svg('title')
  const element = svg('g', {}, title, line, head, cut, label, drops)
  return {
    element,
    update({ rate, label: words, drops: dropped, isCut, hasCarrier }) {
      set(element, 'class', `arrow ${lane}${isCut ? ' is-cut' : ''}${hasCarrier ? '' : ' no-carrier'}`)
      setText(label, words)
      setText(drops, dropped)
      setText(title, rate === undefined ? '' : `${Number(rate.toPrecision(4))} frames per second`)
    },
  }
}

export interface EndState {
  readonly lines: readonly { readonly text: string; readonly tone?: Tone | 'name' | 'muted' }[]
  readonly label: string
}

/** An end of the path: a kernel, a segment, a driver. A link if it leads somewhere. */
export function drawEnd({ x, y, width, height }: DriverBox, lineCount: number, href?: string): Drawn<EndState> {
  const top = y + height / 2 - (lineCount * LINE) / 2 + 13
  const lines = Array.from({ length: lineCount }, (_, i) => text(x + width / 2, top + i * LINE, '', 'middle'))
  const title = svg('title')
  const inside = [title, svg('rect', { x, y, width, height, rx: 4 }), ...lines]
  const element =
    href === undefined
      ? svg('g', { class: 'end', role: 'img' }, ...inside)
      : svg('a', { class: 'end', href }, ...inside)
  return {
    element,
    update({ lines: shown, label }) {
      set(element, 'aria-label', label)
      setText(title, label)
      for (const [i, line] of lines.entries()) {
        setText(line, clip(shown[i]?.text ?? '', width - 4))
        set(line, 'class', shown[i]?.tone ?? 'plain')
      }
    },
  }
}

export function drawGroup({ x, y, width, height, group, lane }: Extract<DriverBox, { kind: 'group' }>): SVGElement {
  const title = text(x + PAD, y + 17, 'title')
  title.textContent = group.title
  return svg('g', { class: `group ${lane}` }, svg('rect', { x, y, width, height, rx: 4 }), title)
}

export function drawFrame({ x, y, width, height }: DriverBox, words: string): SVGElement {
  const title = text(x + PAD, y + TITLE - 7, 'title')
  title.textContent = words
  return svg('g', { class: 'outline' }, svg('rect', { x, y, width, height, rx: 4 }), title)
}
