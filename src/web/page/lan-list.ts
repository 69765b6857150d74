/** A long list. Only the rows in sight are elements of the page. */
import { h, setText } from './dom.ts'
import { type Cells, rowsInSight, type TableColumn } from './lan-tables.ts'

export class LongList {
  readonly element: HTMLElement
  readonly #head = h('div', { class: 'long-head', attrs: { role: 'row' } })
  readonly #rows = h('div', { class: 'long-rows', attrs: { role: 'rowgroup' } })
  readonly #scroll = h('div', { class: 'long-scroll', tabIndex: 0 }, this.#rows)
  #columns: readonly TableColumn[] = []
  #count = 0
  #cells: (row: number) => Cells = () => []

  constructor() {
    this.element = h('div', { class: 'long-list', attrs: { role: 'table' } }, this.#head, this.#scroll)
    this.#scroll.addEventListener('scroll', () => this.#draw(), { passive: true })
    new ResizeObserver(() => this.#draw()).observe(this.#scroll)
  }

  /** Shows other columns, from the first row on. */
  setColumns(label: string, columns: readonly TableColumn[]): void {
    this.#columns = columns
    this.element.setAttribute('aria-label', label)
    this.#scroll.setAttribute('aria-label', label)
    this.element.dataset.columns = `${columns.length}`
    this.#head.replaceChildren(...columns.map(({ title }) => h('span', { attrs: { role: 'columnheader' } }, title)))
    this.#rows.replaceChildren()
    this.#scroll.scrollTop = 0
  }

  /** Shows this number of rows; `cells` returns one row. Keeps the scroll position. */
  setRows(count: number, cells: (row: number) => Cells): void {
    this.#count = count
    this.#cells = cells
    this.element.setAttribute('aria-rowcount', `${count}`)
    this.#draw()
  }

  #draw(): void {
    if (this.#count > 0 && this.#rows.firstElementChild === null) this.#rows.append(this.#row())
    const rowHeight = (this.#rows.firstElementChild as HTMLElement | null)?.offsetHeight || 32
    const height = `${this.#count * rowHeight}px`
    if (this.#rows.style.height !== height) this.#rows.style.height = height
    const { scrollTop, clientHeight } = this.#scroll
    const { first, end } = rowsInSight(scrollTop, clientHeight, rowHeight, this.#count)
    const elements = this.#rows.children as HTMLCollectionOf<HTMLElement>
    while (elements.length < end - first) this.#rows.append(this.#row())
    while (elements.length > end - first) elements[elements.length - 1]?.remove()
    for (let row = first; row < end; row++) {
      const element = elements[row - first]
      element.style.transform = `translateY(${row * rowHeight}px)`
      element.setAttribute('aria-rowindex', `${row + 1}`)
      const cells = this.#cells(row)
      for (const [i, cell] of [...element.children].entries()) {
        const text = cells[i] ?? ''
        setText(cell, text)
        cell.setAttribute('title', text)
      }
    }
  }

  #row(): HTMLElement {
    const cells = this.#columns.map(() => h('span', { attrs: { role: 'cell' } }))
    return h('div', { class: 'long-row', attrs: { role: 'row' } }, ...cells)
  }
}
