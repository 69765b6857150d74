/** The log of a playground. */
import { element } from '../element.ts'

const LINES_MAX = 100

/**
 * The last lines of a log. Lines that come together appear together, when the browser next draws
 * the page: whether a reader looks at the end is known only after a layout of the page, which takes
 * longer than to receive a hundred lines.
 */
export class LogLines {
  readonly element = element('div', { className: 'log', role: 'log', tabIndex: 0 })
  /** At most LINES_MAX: nothing draws a hidden page. */
  readonly #waiting: string[] = []

  constructor() {
    this.element.setAttribute('aria-label', 'Log')
  }

  add(line: string): void {
    if (this.#waiting.length === 0) {
      requestAnimationFrame(() => this.#show())
    }
    this.#waiting.push(line)
    if (this.#waiting.length > LINES_MAX) {
      this.#waiting.shift()
    }
  }

  #show(): void {
    const list = this.element
    const isAtEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 8
    list.append(...this.#waiting.splice(0).map(line => element('p', {}, line)))
    while (list.childElementCount > LINES_MAX) {
      list.firstElementChild?.remove()
    }
    if (isAtEnd) {
      list.scrollTop = list.scrollHeight
    }
  }
}
