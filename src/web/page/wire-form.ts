/** The words of the wire: what they are, a field for others, and the presets. */
import type { FeedMessage } from '../feed-types.ts'
import type { App } from './app.ts'
import type { Change } from './command-line.ts'
import { Control } from './controls-change.ts'
import type { ControlsLog } from './controls-log.ts'
import { fill, h, setText } from './dom.ts'

type Direction = 'ab' | 'ba'
type Wire = Extract<FeedMessage, { type: 'wire' }>['wire']

/** How long nothing is typed before the words are checked. */
const CHECK_MS = 250

export class WireForm {
  readonly element: HTMLElement
  readonly #app: App
  readonly #none = h('p', { class: 'muted' })
  readonly #body: HTMLElement
  readonly #now: Readonly<Record<Direction, HTMLElement>> = { ab: h('code', {}), ba: h('code', {}) }
  readonly #direction = h(
    'select',
    { id: 'wire-direction', attrs: { 'aria-label': 'Direction' } },
    h('option', { value: '' }, 'both'),
    h('option', { value: 'ab' }, 'ab'),
    h('option', { value: 'ba' }, 'ba'),
  )
  readonly #words = h('input', {
    id: 'wire-words',
    class: 'mono words',
    spellcheck: false,
    autocomplete: 'off',
    placeholder: 'delay 20ms loss 1%',
    attrs: { 'aria-label': 'Words of the wire', autocapitalize: 'off' },
  })
  readonly #set: Control
  readonly #off: Control
  readonly #presets = h('table', { class: 'presets' })
  #listed: App['presets'] = []
  #timer: ReturnType<typeof setTimeout> | undefined
  #checked = ''

  constructor(app: App, log: ControlsLog) {
    this.#app = app
    const direction = () => (this.#direction.value === '' ? {} : { direction: this.#direction.value as Direction })
    this.#set = new Control({
      app,
      log,
      button: 'Set',
      before: [this.#direction, this.#words],
      change: () => this.#change(direction()),
    })
    this.#off = new Control({
      app,
      log,
      button: 'Off',
      before: [h('span', { class: 'muted' }, 'Take all stages out')],
      change: () => ({ do: 'wire', words: undefined, ...direction() }),
    })
    this.#words.addEventListener('input', () => this.#typed())
    this.#direction.addEventListener('input', () => this.#off.update())
    const rows = (['ab', 'ba'] as const).map(direction => {
      const click = () => this.#edit(this.#now[direction].dataset.words ?? '', direction)
      const edit = h(
        'button',
        { type: 'button', attrs: { 'aria-label': `Edit the words of ${direction}` }, on: { click } },
        'Edit',
      )
      return h('tr', {}, h('th', {}, direction), h('td', {}, this.#now[direction]), h('td', { class: 'fit' }, edit))
    })
    const about =
      'ab leads from the first interface to the second, in a lan from the interface to the segment; ba back.'
    const presets = h('details', {}, h('summary', {}, 'Presets'), h('div', { class: 'scroll' }, this.#presets))
    this.#body = h(
      'div',
      { class: 'wire-form' },
      h('table', { class: 'words-now' }, ...rows),
      this.#set.element,
      this.#off.element,
      presets,
      h('p', { class: 'muted' }, about),
    )
    this.element = h('section', { class: 'panel' }, h('h2', {}, 'Wire'), this.#none, this.#body)
    this.forget()
  }

  /** Forgets what was typed and said of another device. */
  forget(): void {
    clearTimeout(this.#timer)
    this.#words.value = ''
    this.#direction.value = ''
    this.#checked = ''
    for (const control of [this.#set, this.#off]) control.clear()
    this.#body.hidden = true
    this.#none.hidden = false
    setText(this.#none, 'Waiting for the words of the wire.')
  }

  update(): void {
    this.#set.update()
    this.#off.update()
    if (this.#listed !== this.#app.presets) this.#listPresets()
    for (const button of this.#body.querySelectorAll<HTMLButtonElement>('table button')) {
      button.disabled = !this.#app.mayChange
    }
  }

  #listPresets(): void {
    this.#listed = this.#app.presets
    const head = h('tr', {}, ...['Name', 'ab', 'ba', ''].map(text => h('th', {}, text)))
    const rows = this.#listed.map(({ name, up, down }) => {
      const click = () => this.#edit(`preset ${name}`)
      const use = h('button', { type: 'button', attrs: { 'aria-label': `Use ${name}` }, on: { click } }, 'Use')
      const cells = [h('code', {}, up), h('code', {}, down), use]
      return h('tr', {}, h('th', { scope: 'row', class: 'mono' }, name), ...cells.map(cell => h('td', {}, cell)))
    })
    fill(this.#presets, head, ...rows)
  }

  take(wire: Wire): void {
    this.#none.hidden = wire !== undefined
    setText(this.#none, 'This interface has no wire.')
    this.#body.hidden = wire === undefined
    if (wire !== undefined)
      for (const direction of ['ab', 'ba'] as const) this.takeWords(direction, wire.words[direction])
  }

  /** Takes the words of one direction, as an event of their change has them. */
  takeWords(direction: Direction, words: string): void {
    setText(this.#now[direction], words === '' ? 'off' : words)
    this.#now[direction].dataset.words = words
  }

  /** Puts words into the field, for one direction or for both. */
  #edit(words: string, direction: Direction | '' = ''): void {
    this.#words.value = words
    this.#direction.value = direction
    this.#typed()
    this.#set.update()
    this.#off.update()
    this.#words.focus()
  }

  #change(direction: { readonly direction?: Direction }): Change | undefined {
    const words = this.#words.value.trim()
    if (words === '') return undefined
    return { do: 'wire', words: words === 'off' ? undefined : words, ...direction }
  }

  /** Checks the words when nothing was typed for a moment. */
  #typed(): void {
    clearTimeout(this.#timer)
    this.#set.clear()
    this.#words.removeAttribute('aria-invalid')
    const words = this.#words.value.trim()
    this.#checked = words
    if (words === '' || words === 'off' || !this.#app.mayChange) return
    this.#timer = setTimeout(() => this.#check(words), CHECK_MS)
  }

  async #check(words: string): Promise<void> {
    const result = await this.#app.command({ do: 'check-wire', words })
    // Something else may have been typed since.
    if (words !== this.#checked || result.ok) return
    this.#words.setAttribute('aria-invalid', 'true')
    this.#set.show(result)
  }
}
