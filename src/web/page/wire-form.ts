/** The text of the wire: the present one, a field for another, and the presets. */
import type { FeedMessage } from '../feed-types.ts'
import type { App } from './app.ts'
import type { Change } from './command-line.ts'
import { Control } from './controls-change.ts'
import type { ControlsLog } from './controls-log.ts'
import { fill, h, setText } from './dom.ts'

type Direction = 'ab' | 'ba'
type Wire = Extract<FeedMessage, { type: 'wire' }>['wire']

/** How long nothing is typed before the text is checked. */
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
  readonly #text = h('input', {
    id: 'wire-text',
    class: 'mono wire-text',
    spellcheck: false,
    autocomplete: 'off',
    placeholder: 'delay 20ms loss 1%',
    attrs: { 'aria-label': 'Text of the wire', autocapitalize: 'off' },
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
      before: [this.#direction, this.#text],
      change: () => this.#change(direction()),
    })
    this.#off = new Control({
      app,
      log,
      button: 'Off',
      before: [h('span', { class: 'muted' }, 'Take all stages out')],
      change: () => ({ do: 'wire', text: undefined, ...direction() }),
    })
    this.#text.addEventListener('input', () => this.#typed())
    this.#direction.addEventListener('input', () => this.#off.update())
    const rows = (['ab', 'ba'] as const).map(direction => {
      const click = () => this.#edit(this.#now[direction].dataset.text ?? '', direction)
      const edit = h(
        'button',
        { type: 'button', attrs: { 'aria-label': `Edit the text of ${direction}` }, on: { click } },
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
      h('table', { class: 'text-now' }, ...rows),
      this.#set.element,
      this.#off.element,
      presets,
      h('p', { class: 'muted' }, about),
    )
    this.element = h('section', { class: 'panel' }, h('h2', {}, 'Wire'), this.#none, this.#body)
    this.forget()
  }

  /** Forgets the text and messages of another device. */
  forget(): void {
    clearTimeout(this.#timer)
    this.#text.value = ''
    this.#direction.value = ''
    this.#checked = ''
    for (const control of [this.#set, this.#off]) control.clear()
    this.#body.hidden = true
    this.#none.hidden = false
    setText(this.#none, 'Waiting for the text of the wire.')
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
      for (const direction of ['ab', 'ba'] as const) this.takeText(direction, wire.text[direction])
  }

  /** Takes the text of one direction from a change event. */
  takeText(direction: Direction, text: string): void {
    setText(this.#now[direction], text === '' ? 'off' : text)
    this.#now[direction].dataset.text = text
  }

  /** Puts a text into the field, for one direction or for both. */
  #edit(text: string, direction: Direction | '' = ''): void {
    this.#text.value = text
    this.#direction.value = direction
    this.#typed()
    this.#set.update()
    this.#off.update()
    this.#text.focus()
  }

  #change(direction: { readonly direction?: Direction }): Change | undefined {
    const text = this.#text.value.trim()
    if (text === '') return undefined
    return { do: 'wire', text: text === 'off' ? undefined : text, ...direction }
  }

  /** Checks the text when nothing was typed for a moment. */
  #typed(): void {
    clearTimeout(this.#timer)
    this.#set.clear()
    this.#text.removeAttribute('aria-invalid')
    const text = this.#text.value.trim()
    this.#checked = text
    if (text === '' || text === 'off' || !this.#app.mayChange) return
    this.#timer = setTimeout(() => this.#check(text), CHECK_MS)
  }

  async #check(text: string): Promise<void> {
    const result = await this.#app.command({ do: 'check-wire', text })
    // Something else may have been typed since.
    if (text !== this.#checked || result.ok) return
    this.#text.setAttribute('aria-invalid', 'true')
    this.#set.show(result)
  }
}
