/** The parameters of the driver: changeable ones as fields, the others as text. */
import type { FeedMessage } from '../feed-types.ts'
import type { App } from './app.ts'
import { Control } from './controls-change.ts'
import type { ControlsLog } from './controls-log.ts'
import { fill, h, setText } from './dom.ts'

type Param = Extract<FeedMessage, { type: 'params' }>['params'][number]

interface Field {
  readonly control: Control
  take(param: Param): void
}

export class ControlsParams {
  readonly element: HTMLElement
  /** Parameters that cannot change, in a separate panel. */
  readonly fixedElement: HTMLElement
  readonly #app: App
  readonly #log: ControlsLog
  readonly #live = h('div', { class: 'params' })
  readonly #fixed = h('dl', { class: 'fixed' })
  readonly #none = h('p', { class: 'muted' })
  #fields = new Map<string, Field>()
  #shown = ''

  constructor(app: App, log: ControlsLog) {
    this.#app = app
    this.#log = log
    const head = h('h2', {}, 'Parameters of the driver')
    this.element = h('section', { class: 'panel' }, head, this.#none, this.#live)
    this.fixedElement = h('section', { class: 'panel' }, h('h2', {}, 'Parameters set at the start'), this.#fixed)
    this.forget()
  }

  /** Shows nothing until the parameters of another device arrive. */
  forget(): void {
    this.#shown = ''
    this.#fields = new Map()
    fill(this.#live)
    fill(this.#fixed)
    this.fixedElement.hidden = true
    this.#none.hidden = false
    setText(this.#none, 'Waiting for the parameters.')
  }

  update(): void {
    for (const { control } of this.#fields.values()) control.update()
  }

  take(params: readonly Param[]): void {
    const live = params.filter(param => param.live)
    const fixed = params.filter(param => !param.live)
    // A field in which someone types is kept.
    const names = JSON.stringify(live.map(({ name, type }) => [name, type]))
    if (names !== this.#shown) {
      this.#shown = names
      this.#fields = new Map(live.map(param => [param.name, this.#field(param)]))
      fill(this.#live, ...[...this.#fields.values()].map(({ control }) => control.element))
    }
    for (const param of live) this.#fields.get(param.name)?.take(param)
    fill(this.#fixed, ...fixed.flatMap(fixedParam))
    this.fixedElement.hidden = fixed.length === 0
    this.#none.hidden = live.length > 0
    setText(this.#none, fixed.length > 0 ? 'None can change while the driver runs.' : 'The driver has none.')
  }

  #field({ name, type }: Param): Field {
    const id = `param-${name}`
    const value =
      type === 'bool'
        ? h('select', { id }, h('option', { value: '1' }, 'on'), h('option', { value: '0' }, 'off'))
        : h('input', { id, spellcheck: false, autocomplete: 'off', inputMode: type === 'int' ? 'numeric' : 'text' })
    value.setAttribute('aria-describedby', `${id}-about`)
    const label = h('label', { htmlFor: id, class: 'mono' }, name)
    const now = h('span', { class: 'muted' })
    const about = h('p', { class: 'muted about-control', id: `${id}-about` })
    const control = new Control({
      app: this.#app,
      log: this.#log,
      button: 'Set',
      before: [label, now, about, value],
      change: () => ({ do: 'param', name, value: value.value }),
    })
    let known: string | undefined
    const take = (param: Param) => {
      if (known === undefined || value.value === known) value.value = param.value
      known = param.value
      setText(now, type === 'bool' ? (param.value === '1' ? 'is on' : 'is off') : `is ${param.value || 'empty'}`)
      setText(about, aboutParam(param))
      control.update()
    }
    return { control, take }
  }
}

function fixedParam(param: Param): HTMLElement[] {
  const name = h('dt', { class: 'mono' }, param.value === '' ? param.name : `${param.name}=${param.value}`)
  return [name, h('dd', { class: 'muted' }, `${param.value === '' ? 'not given: ' : ''}${aboutParam(param)}`)]
}

/** Returns `transmit buffers per queue (int, 1 to 65536)`. */
function aboutParam({ description, type, range }: Param): string {
  return `${description} (${[type, range].filter(Boolean).join(', ')})`
}
