/**
 * The table of frames. It may be long, so only the rows that can be seen are in the page, and they
 * are used again as it scrolls. All rows are of one height.
 */
import type { FrameRow } from '../feed-types.ts'
import { h, setText } from './dom.ts'
import { timeText } from './frames-text.ts'

export interface TableEvents {
  /** The user has scrolled away from the newest frame. */
  scrolledUp(): void
  /** The user has moved to a frame, or has clicked on one. */
  selected(frame: FrameRow): void
  opened(frame: FrameRow): void
}

interface Row {
  readonly element: HTMLElement
  readonly cells: readonly HTMLElement[]
  frame: FrameRow | undefined
  index: number
}

const TITLES = ['time', 'direction', 'queue', 'length', 'frame', 'verdict'] as const
/** Rows above and below the visible rows. */
const SPARE = 4

export class FrameTable {
  readonly element: HTMLElement
  readonly #events: TableEvents
  readonly #note = h('p', { class: 'muted note' })
  readonly #body = h('div', { class: 'frames-body', attrs: { role: 'rowgroup' } })
  readonly #rows: Row[] = []
  #frames: readonly FrameRow[] = []
  #selected: FrameRow | undefined
  #isFollowing = true

  constructor(events: TableEvents) {
    this.#events = events
    const titles = TITLES.map(title => h('span', { class: title, attrs: { role: 'columnheader' } }, title))
    const head = h('div', { class: 'frames-head', attrs: { role: 'row', 'aria-rowindex': '1' } }, ...titles)
    const attrs = { role: 'grid', 'aria-label': 'Frames', 'aria-readonly': 'true' }
    const on = { scroll: () => this.#scrolled(), click: (event: MouseEvent) => this.#clicked(event) }
    this.element = h('div', { class: 'frames-table', tabIndex: 0, attrs, on }, head, this.#body, this.#note)
  }

  /** The text that an empty table shows. */
  set note(text: string) {
    setText(this.#note, text)
  }

  /** Shows these frames, and the newest of them if it follows. */
  show(frames: readonly FrameRow[], isFollowing: boolean): void {
    this.#frames = frames
    this.#isFollowing = isFollowing
    this.#note.hidden = frames.length > 0
    this.element.setAttribute('aria-rowcount', `${frames.length + 1}`)
    this.draw()
  }

  draw(): void {
    const { element } = this
    const height = this.#rowHeight
    this.#body.style.height = `${this.#frames.length * height}px`
    if (this.#isFollowing) element.scrollTop = element.scrollHeight
    const first = Math.max(Math.floor(element.scrollTop / height) - SPARE, 0)
    const count = Math.min(Math.ceil(element.clientHeight / height) + 2 * SPARE, this.#frames.length)
    const start = Math.max(Math.min(first, this.#frames.length - count), 0)
    this.#setRows(count)
    // A row keeps its place in the list, so scrolling by one line changes one row.
    for (let i = start; i < start + count; i++) this.#fill(this.#rows[i % count], i, height)
    this.#mark()
  }

  select(frame: FrameRow | undefined): void {
    this.#selected = frame
    this.#mark()
  }

  /**
   * Call it after a size change, such as opening the details. Keeps the selected frame in sight.
   */
  resized(): void {
    const at = this.#isFollowing || this.#selected === undefined ? -1 : this.#frames.indexOf(this.#selected)
    if (at === -1) this.draw()
    else this.#reveal(at)
  }

  /** Moves the selection by a number of rows, to the first row for -Infinity, and scrolls to it. */
  move(by: number): void {
    if (this.#frames.length === 0) return
    const at = this.#selected === undefined ? -1 : this.#frames.indexOf(this.#selected)
    const last = this.#frames.length - 1
    const isFromNowhere = at === -1 && Number.isFinite(by)
    const next = isFromNowhere ? this.#firstSeen : Math.min(Math.max(at + by, 0), last)
    this.#isFollowing = false
    this.#reveal(next)
    this.#events.selected(this.#frames[next])
  }

  /** How many rows PageDown passes. */
  get page(): number {
    return Math.max(Math.floor(this.element.clientHeight / this.#rowHeight) - 2, 1)
  }

  /** The first row that can be seen; the last one while it follows. */
  get #firstSeen(): number {
    const last = this.#frames.length - 1
    return this.#isFollowing ? last : Math.min(Math.ceil(this.element.scrollTop / this.#rowHeight), last)
  }

  get #rowHeight(): number {
    return Number.parseFloat(getComputedStyle(this.element).getPropertyValue('--row-height')) || 24
  }

  #reveal(index: number): void {
    const { element } = this
    const height = this.#rowHeight
    const seen = element.clientHeight - this.#body.offsetTop
    const top = index * height
    if (top < element.scrollTop) element.scrollTop = top
    else if (top + height > element.scrollTop + seen) element.scrollTop = top + height - seen
    this.draw()
  }

  #setRows(count: number): void {
    if (this.#rows.length === count) return
    while (this.#rows.length > count) this.#rows.pop()?.element.remove()
    while (this.#rows.length < count) {
      const row = newRow(this.#rows.length)
      this.#rows.push(row)
      this.#body.append(row.element)
    }
    // Another count puts rows elsewhere.
    for (const row of this.#rows) row.index = -1
  }

  #fill(row: Row, index: number, height: number): void {
    const frame = this.#frames[index]
    if (row.index !== index) {
      row.element.style.transform = `translateY(${index * height}px)`
      row.element.setAttribute('aria-rowindex', `${index + 2}`)
      row.index = index
    }
    if (row.frame === frame) return
    row.frame = frame
    const texts = [
      timeText(frame.time),
      frame.direction,
      `${frame.queue}`,
      `${frame.length}`,
      frame.text,
      frame.dropped ?? 'passed',
    ]
    texts.forEach((text, i) => {
      setText(row.cells[i], text)
    })
    row.cells[1].className = `direction ${frame.direction}`
    row.element.classList.toggle('dropped', frame.dropped !== undefined)
  }

  #mark(): void {
    let active = ''
    for (const { element, frame } of this.#rows) {
      const isSelected = frame !== undefined && frame === this.#selected
      if (isSelected) active = element.id
      element.setAttribute('aria-selected', `${isSelected}`)
    }
    if (active === '') this.element.removeAttribute('aria-activedescendant')
    else this.element.setAttribute('aria-activedescendant', active)
  }

  #scrolled(): void {
    const { scrollTop, scrollHeight, clientHeight } = this.element
    const isAtEnd = scrollHeight - clientHeight - scrollTop < this.#rowHeight
    if (this.#isFollowing && !isAtEnd) {
      this.#isFollowing = false
      this.#events.scrolledUp()
    }
    this.draw()
  }

  #clicked({ target }: MouseEvent): void {
    const row = this.#rows.find(({ element }) => target instanceof Node && element.contains(target))
    if (row?.frame !== undefined) this.#events.opened(row.frame)
  }
}

function newRow(number: number): Row {
  const cells = TITLES.map(title => h('span', { class: title, attrs: { role: 'gridcell' } }))
  const element = h('div', { class: 'frames-row', id: `frame-row-${number}`, attrs: { role: 'row' } }, ...cells)
  return { element, cells, frame: undefined, index: -1 }
}
