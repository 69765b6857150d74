/** A control: fields, a button, the command line that does the same, and the result. */
import type { CommandResult } from '../feed-types.ts'
import type { App } from './app.ts'
import { CommandBox } from './command-box.ts'
import { type Change, commandLine } from './command-line.ts'
import type { ControlsLog } from './controls-log.ts'
import { type Child, fill, h, setText } from './dom.ts'

export interface ControlOptions {
  readonly app: App
  readonly log: ControlsLog
  /** The button's label. */
  readonly button: string
  /** In front of the button: labels, fields, text. */
  readonly before?: readonly Child[]
  /** The change that it makes; undefined while the fields are incomplete. */
  readonly change: () => Change | undefined
  readonly done?: () => void
}

export class Control {
  readonly element: HTMLFormElement
  readonly #options: ControlOptions
  readonly #button: HTMLButtonElement
  readonly #box = new CommandBox()
  readonly #done = h('span', { class: 'done ok', attrs: { role: 'status' } })
  readonly #error = h('div', { class: 'error', hidden: true, attrs: { role: 'alert' } })
  #busy = false

  constructor(options: ControlOptions) {
    this.#options = options
    this.#button = h('button', { type: 'submit' }, options.button)
    const fields = h('div', { class: 'row' }, ...(options.before ?? []), this.#done, this.#button)
    const submit = (event: Event) => {
      event.preventDefault()
      void this.#do()
    }
    const input = () => this.update()
    this.element = h('form', { class: 'control', on: { submit, input } }, fields, this.#box.element, this.#error)
    this.update()
  }

  /** Sets the button's label. */
  set button(text: string) {
    setText(this.#button, text)
  }

  /** Shows the command line for the values of the fields, and whether the button can be used. */
  update(): void {
    const { app, change } = this.#options
    const made = change()
    this.#box.set(app.device && made && commandLine(app.device.label, made))
    const fields = this.element.querySelectorAll<HTMLInputElement | HTMLSelectElement>('input, select')
    for (const field of fields) field.disabled = !app.mayChange
    this.#button.disabled = made === undefined || !app.mayChange || app.device === undefined
    this.#button.title = app.mayChange ? '' : NO_TOKEN
  }

  /** Forgets the last result. */
  clear(): void {
    this.show(undefined)
  }

  /** Shows a result, also one that is not of its button; nothing for one that is good. */
  show(result: CommandResult | undefined): void {
    setText(this.#done, '')
    const message = result?.ok === false ? result.message : ''
    this.#error.hidden = message === ''
    // The lines after the first show the position in the text.
    const [first, ...lines] = message.split('\n')
    fill(this.#error, h('p', {}, first), lines.length > 0 && h('pre', {}, lines.join('\n')))
  }

  async #do(): Promise<void> {
    const { app, log, change, done } = this.#options
    const made = change()
    const { device } = app
    if (made === undefined || device === undefined || this.#busy || !app.mayChange) return
    this.clear()
    // A button that is disabled would lose the focus.
    this.#busy = true
    this.#button.setAttribute('aria-busy', 'true')
    const result = await app.command(made)
    this.#busy = false
    this.#button.removeAttribute('aria-busy')
    const time = Date.now()
    log.add({ time, line: commandLine(device.label, made), error: result.ok ? undefined : result.message })
    // The page may show another device by now, to which this control does not belong.
    if (app.device?.id === device.id) {
      this.show(result)
      if (result.ok) setText(this.#done, 'done')
    }
    this.update()
    if (result.ok) done?.()
  }
}

export const NO_TOKEN = 'The address of this page has no token: it can look, but change nothing.'
