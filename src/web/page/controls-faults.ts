/** The faults that the driver can cause now, a button each. */
import type { App } from './app.ts'
import type { Change } from './command-line.ts'
import { Control } from './controls-change.ts'
import type { ControlsLog } from './controls-log.ts'
import { fill, h, setText } from './dom.ts'

export class ControlsFaults {
  readonly element: HTMLElement
  readonly #app: App
  readonly #log: ControlsLog
  readonly #queue = h('select', { id: 'fault-queue' })
  readonly #queues = h('div', { class: 'row' }, h('label', { htmlFor: 'fault-queue' }, 'Queue'), this.#queue)
  readonly #none = h('p', { class: 'muted' })
  readonly #list = h('div', {})
  #controls: readonly Control[] = []
  #shown = ''

  constructor(app: App, log: ControlsLog) {
    this.#app = app
    this.#log = log
    this.#queue.addEventListener('input', () => this.#updateAll())
    const head = h('h2', {}, 'Faults')
    this.element = h('section', { class: 'panel' }, head, this.#none, this.#queues, this.#list)
  }

  forget(): void {
    this.#shown = ''
  }

  update(): void {
    const { device, mayChange } = this.#app
    const { faults, faultTexts, txQueues = 0 } = device ?? {}
    const shown = JSON.stringify([faults, faultTexts, txQueues])
    if (shown !== this.#shown) {
      this.#shown = shown
      this.#controls = (faults ?? []).map((fault, i) => this.#control(fault, faultTexts?.[i]))
      fill(this.#list, ...this.#controls.map(({ element }) => element))
      const numbers = Array.from({ length: txQueues }, (_, i) => h('option', { value: `${i}` }, i))
      fill(this.#queue, h('option', { value: '' }, 'any'), ...numbers)
      this.#queues.hidden = txQueues < 2 || this.#controls.length === 0
      this.#none.hidden = this.#controls.length > 0
      setText(this.#none, `The driver ${faults === undefined ? 'does not list its faults' : 'has none to trigger'}.`)
    }
    this.#queue.disabled = !mayChange
    this.#updateAll()
  }

  #control(fault: string, text: string | undefined): Control {
    const change = (): Change => {
      const { value } = this.#queue
      return { do: 'trigger', fault, ...(value !== '' && { queue: Number(value) }) }
    }
    const name = h('span', { class: 'mono what' }, fault)
    const about = text !== undefined && h('p', { class: 'muted about-control' }, text)
    return new Control({ app: this.#app, log: this.#log, button: 'Trigger', before: [name, about], change })
  }

  #updateAll(): void {
    for (const control of this.#controls) control.update()
  }
}
