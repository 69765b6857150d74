/** The last changes that were made from this page, with their command lines. */
import { copyButton } from './command-box.ts'
import { type DoneChange, script } from './command-line.ts'
import { fill, h } from './dom.ts'
import { clockText } from './traffic-units.ts'

const MOST = 50

export class ControlsLog {
  readonly element: HTMLElement
  /** In the order of their times. */
  #changes: readonly DoneChange[] = []
  readonly #list = h('ol', { class: 'changes', reversed: true })
  readonly #none = h('p', { class: 'muted' }, 'Nothing has been changed from this page yet.')
  readonly #copy = copyButton('Copy all as a script', () => script(this.#changes))

  constructor() {
    const head = h('div', { class: 'row spread' }, h('h2', {}, 'Changes'), this.#copy)
    this.element = h('section', { class: 'panel' }, head, this.#none, this.#list)
    this.#show()
  }

  add(change: DoneChange): void {
    this.#changes = [...this.#changes, change].slice(-MOST)
    this.#show()
  }

  #show(): void {
    const rows = this.#changes.toReversed().map(({ time, line, error }) => {
      const when = h('span', { class: 'muted number' }, clockText(time / 1000))
      const failed = error !== undefined && h('span', { class: 'drop' }, `failed: ${error.split('\n')[0]}`)
      return h('li', {}, when, h('code', {}, line), failed)
    })
    fill(this.#list, ...rows)
    this.#none.hidden = rows.length > 0
    this.#copy.disabled = this.#changes.every(({ error }) => error !== undefined)
  }
}
