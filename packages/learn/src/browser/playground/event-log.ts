/** The log of the playground: lines that readers of the screen speak as they arrive. */
import { element } from '../element.ts'

const LINES_MAX = 100

export class EventLog {
  readonly element = element('div', { className: 'log', role: 'log', tabIndex: 0 })

  constructor() {
    this.element.setAttribute('aria-label', 'Log')
  }

  add(line: string): void {
    const { element: list } = this
    const isAtEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 8
    list.append(element('p', {}, line))
    while (list.childElementCount > LINES_MAX) list.firstElementChild?.remove()
    if (isAtEnd) list.scrollTop = list.scrollHeight
  }
}
