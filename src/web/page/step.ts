/** Step by step: a frame halts before each step of its path. A click or a key runs the step. */
import type { FeedMessage, PageCommand, StepInfo } from '../feed-types.ts'
import type { App, View } from './app.ts'
import { CommandBox } from './command-box.ts'
import { commandLine } from './command-line.ts'
import { NO_TOKEN } from './controls-change.ts'
import { fill, h, isCommandKey, setText } from './dom.ts'
import { hexDump } from './frames-text.ts'
import { changes, noCodeWords, noFrameWords, numbered, STEPS, stateWords, TIMES, timeWords } from './step-model.ts'

type StepMessage = Extract<FeedMessage, { type: 'step' }>
type StepCommand = Extract<PageCommand, { do: 'step' }>

export function stepView(app: App): View {
  return new StepView(app)
}

class StepView implements View {
  readonly name = 'step'
  readonly title = 'Step'
  readonly wants = ['step'] as const
  readonly element: HTMLElement
  readonly #app: App
  readonly #on = this.#button('Halt frames', 's', () => this.#toggle())
  readonly #next = this.#button('Next step', 'n', () => this.#do({ do: 'step', mode: 'next' }))
  readonly #every = h('select', { on: { change: () => this.#changeTime() } }, ...TIMES.map(timeOption))
  readonly #box = new CommandBox()
  readonly #error = h('p', { class: 'drop', hidden: true, attrs: { role: 'alert' } })
  readonly #noToken = h('p', { class: 'warn', hidden: true }, NO_TOKEN)
  readonly #state = h('p', { class: 'step-state', attrs: { role: 'status' } })
  readonly #path = h(
    'ol',
    { class: 'step-path', attrs: { 'aria-label': 'The path of a frame' } },
    ...STEPS.map(pathItem),
  )
  readonly #frame = h('section', { class: 'panel step-frame' })
  readonly #code = h('section', { class: 'panel step-code' })
  readonly #panels = h('div', { class: 'step-panels' }, this.#code, this.#frame)
  readonly #key = (event: KeyboardEvent) => this.#pressed(event)
  #message: StepMessage | undefined
  /** The frame that waited before, to show the changes of a step. */
  #before: StepInfo | undefined

  constructor(app: App) {
    this.#app = app
    const time = h('label', { class: 'row' }, 'Goes on by itself', this.#every)
    const controls = h('div', { class: 'row' }, this.#next, this.#on, time)
    this.element = h(
      'div',
      { class: 'step stack' },
      this.#noToken,
      h('section', { class: 'panel stack' }, controls, this.#box.element, this.#error, this.#state, this.#path),
      this.#panels,
    )
    this.#show()
  }

  receive(message: FeedMessage): void {
    if (message.type === 'hello') this.#show()
    if (message.type !== 'step' || message.id !== this.#app.device?.id) return
    this.#before = message.mode === 'off' ? undefined : (this.#message?.step ?? this.#before)
    this.#message = message
    this.#show()
  }

  deviceChanged(): void {
    if (this.#message?.id !== this.#app.device?.id) {
      this.#message = undefined
      this.#before = undefined
      this.#error.hidden = true
    }
    this.#show()
  }

  shown(): void {
    document.addEventListener('keydown', this.#key)
  }

  hidden(): void {
    document.removeEventListener('keydown', this.#key)
  }

  get #isOn(): boolean {
    return this.#message?.mode === 'on'
  }

  #button(text: string, key: string, click: () => void): HTMLButtonElement {
    const hint = h('kbd', { class: 'muted' }, key)
    const attrs = { 'aria-keyshortcuts': key }
    return h('button', { type: 'button', attrs, on: { click } }, h('span', {}, text), ' ', hint)
  }

  #pressed(event: KeyboardEvent): void {
    if (event.repeat || !isCommandKey(event)) return
    if (event.key === 's' && !this.#on.disabled) this.#toggle()
    else if (event.key === 'n' && !this.#next.disabled) void this.#do({ do: 'step', mode: 'next' })
  }

  #toggle(): void {
    void this.#do(this.#isOn ? { do: 'step', mode: 'off' } : this.#turnOn())
  }

  #turnOn(): StepCommand {
    const every = Number(this.#every.value)
    return { do: 'step', mode: 'on', ...(every > 0 && { every }) }
  }

  #changeTime(): void {
    if (this.#isOn) void this.#do(this.#turnOn())
    else this.#showCommand()
  }

  async #do(command: StepCommand): Promise<void> {
    const { device } = this.#app
    if (device === undefined) return
    const result = await this.#app.command(command)
    if (this.#app.device?.id !== device.id) return
    this.#error.hidden = result.ok
    setText(this.#error, result.ok ? '' : result.message)
  }

  #show(): void {
    const { device, mayChange, vnets } = this.#app
    const { mode = 'off', every, step } = this.#message ?? {}
    this.#noToken.hidden = mayChange
    for (const control of [this.#on, this.#every]) control.disabled = !mayChange || device === undefined
    this.#next.disabled = !mayChange || step === undefined
    this.#next.className = step === undefined ? '' : 'primary'
    setText(this.#on.firstElementChild as Element, this.#isOn ? 'Let frames pass' : 'Halt frames')
    this.#on.className = this.#isOn ? '' : 'primary'
    if (every !== undefined && this.#isOn) this.#chooseTime(every)
    setText(
      this.#state,
      device === undefined ? 'There is no interface to step.' : stateWords(mode, step, vnets, this.#before),
    )
    for (const [i, item] of [...this.#path.children].entries()) {
      if (step?.step === i + 1) item.setAttribute('aria-current', 'step')
      else item.removeAttribute('aria-current')
    }
    this.#showCommand()
    this.#panels.hidden = step === undefined
    if (step === undefined) return
    fill(this.#frame, ...frameElements(step, changes(this.#before, step), mayChange))
    fill(this.#code, ...codeElements(step, mayChange))
  }

  /** The command line for `Next step`, or for the other button while nothing waits. */
  #showCommand(): void {
    const { device } = this.#app
    const command = this.#isOn ? ({ do: 'step', mode: 'next' } as const) : this.#turnOn()
    this.#box.set(device && commandLine(device.label, command))
  }

  /** Another program may have chosen a time that is not in the list. */
  #chooseTime(ms: number): void {
    if (![...this.#every.options].some(({ value }) => value === `${ms}`)) this.#every.append(timeOption(ms))
    this.#every.value = `${ms}`
  }
}

function timeOption(ms: number): HTMLOptionElement {
  return h('option', { value: `${ms}` }, timeWords(ms))
}

function pathItem({ title, text }: (typeof STEPS)[number]): HTMLElement {
  return h('li', {}, h('strong', {}, title), h('span', { class: 'muted' }, text))
}

function frameElements(step: StepInfo, changed: ReadonlyMap<string, string>, hasToken: boolean): HTMLElement[] {
  const title = h('h2', {}, 'The frame')
  const { frame } = step
  if (frame === undefined) return [title, h('p', { class: 'muted' }, noFrameWords(step, hasToken))]
  const { text, headers, bytes, length } = frame
  const shown = bytes.length / 2
  const size = length > shown ? `The first ${shown} of ${length} bytes` : `${length} bytes`
  const sections = headers.map(({ name, fields }) => {
    const rows = fields.map(field => fieldRow(field.name, field.value, changed.get(`${name}/${field.name}`)))
    return h('section', {}, h('h3', {}, name), h('dl', {}, ...rows))
  })
  const dump = h('pre', { tabIndex: 0, attrs: { 'aria-label': 'Bytes' } }, hexDump(bytes).join('\n'))
  return [
    title,
    h('p', { class: 'mono' }, text),
    h('div', { class: 'frame-headers' }, ...sections),
    h('h3', {}, size),
    dump,
  ]
}

/** A field, and its value before the last step if that changed it. */
function fieldRow(name: string, value: string, was: string | undefined): HTMLElement {
  const old = was === undefined ? undefined : h('span', { class: 'muted' }, ` was ${was}`)
  return h('div', { class: was === undefined ? '' : 'changed' }, h('dt', {}, name), h('dd', {}, value, old))
}

function codeElements(step: StepInfo, hasToken: boolean): HTMLElement[] {
  const title = h('h2', {}, 'The driver')
  const { source } = step
  if (source === undefined) return [title, h('p', { class: 'muted' }, noCodeWords(step, hasToken))]
  const lines = numbered(source).map(({ text, isNext }) => h('span', { class: isNext ? 'next' : '' }, `${text}\n`))
  const place = h('p', { class: 'mono muted' }, `${source.file}:${source.line}`)
  const code = h('pre', { tabIndex: 0, attrs: { 'aria-label': `Line ${source.line} is next` } }, ...lines)
  return [title, place, code]
}
