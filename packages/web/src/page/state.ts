/** The state of a page with views: the vnets, the device that it shows, and the last messages. */
import { computed, signal } from '@preact/signals'
import { options } from 'preact'
import type { CommandRequest, CommandResult, DeviceId, FeedMessage, Message, PageCommand } from '../feed-types.ts'
import { type App, findDevice, LAST_TYPES, type LastType, type View } from './app.ts'
import { changeText, eventOf, type PageEvent } from './events.tsx'
import { Rates } from './rates.ts'
import { History, named } from './traffic-history.ts'

const EVENTS_MAX = 500

// Components are drawn at most once a frame of the screen, and never while the page is hidden.
options.debounceRendering = draw => requestAnimationFrame(() => draw())

/** The functions of a page for its views. */
export interface StateOptions extends Pick<App, 'path' | 'select'> {
  /** Sends a command to the vnet. Never rejects. */
  readonly send: (request: CommandRequest) => Promise<CommandResult>
  /** Shows the text of a `problem`. */
  readonly notify: (text: string) => void
}

export class PageState implements App {
  readonly rates = new Rates()
  readonly history = new History()
  readonly views: readonly View[]
  readonly path: App['path']
  readonly select: App['select']
  readonly #options: StateOptions
  readonly #hello = signal<Message<'hello'> | undefined>(undefined)
  readonly #wanted = signal<DeviceId>('')
  readonly #device = computed(() => findDevice(this.vnets, this.#wanted.value))
  readonly #last = signal<Readonly<Partial<Record<LastType, FeedMessage>>>>({})
  readonly #events = signal<readonly PageEvent[]>([])
  readonly #time = signal(Date.now())
  readonly #isPaused = signal(false)

  constructor(views: readonly ((app: App) => View)[], options: StateOptions) {
    this.#options = options
    this.path = options.path
    this.select = options.select
    this.views = views.map(make => make(this))
  }

  /** The last `hello`; undefined before the first one. */
  get hello(): Message<'hello'> | undefined {
    return this.#hello.value
  }

  /** The device that was asked for, even while it does not exist; empty for the first one. */
  get wanted(): DeviceId {
    return this.#wanted.value
  }

  get vnets() {
    return this.#hello.value?.vnets ?? []
  }

  get device() {
    return this.#device.value
  }

  get mayChange() {
    return this.#hello.value?.mayChange ?? false
  }

  get presets() {
    return this.#hello.value?.presets ?? []
  }

  get events() {
    return this.#events.value
  }

  get time() {
    return this.#time.value
  }

  get isPaused() {
    return this.#isPaused.value
  }

  pause(isPaused: boolean): void {
    this.#isPaused.value = isPaused
  }

  last<T extends LastType>(type: T): Message<T> | undefined {
    return this.#last.value[type] as Message<T> | undefined
  }

  async command(command: PageCommand): Promise<CommandResult> {
    const { device } = this
    if (device === undefined) return { ok: false, message: 'There is no interface.' }
    const result = await this.#options.send({ id: device.id, command })
    // The server reports other changes as events.
    const text = result.ok ? changeText(command) : undefined
    if (text !== undefined) this.#note({ id: device.id, time: this.time, text, tone: 'warn' })
    return result
  }

  /** Shows another device. */
  look(id: DeviceId): void {
    const before = this.device?.id
    this.#wanted.value = id
    this.#choose(before)
    if (before !== this.device?.id) this.#deviceChanged()
  }

  receive(unnamed: FeedMessage): void {
    const message = named(unnamed)
    this.history.receive(message)
    if (message.type === 'hello') {
      const before = this.device?.id
      this.#hello.value = message
      this.#choose(before)
      this.#deviceChanged()
    } else if (message.type === 'problem') this.#options.notify(message.text)
    else if (message.type === 'stats') {
      this.rates.receive(message)
      this.#time.value = message.time
    } else {
      if (message.type === 'event') this.#note(eventOf(message))
      if (message.id === this.device?.id) this.#keep(message)
    }
    for (const view of this.views) view.receive?.(message)
  }

  #deviceChanged(): void {
    for (const view of this.views) view.deviceChanged?.()
  }

  #note(event: PageEvent | undefined): void {
    if (event !== undefined) this.#events.value = [...this.#events.value, event].slice(-EVENTS_MAX)
  }

  #keep(message: Extract<FeedMessage, { id: DeviceId }>): void {
    const last = this.#last.value
    if (LAST_TYPES.some(type => type === message.type)) this.#last.value = { ...last, [message.type]: message }
    if (message.type !== 'event') return
    const { event, direction, text = '' } = message.event
    const wire = this.last('wire')
    if (event !== 'wire' || direction === undefined || wire?.wire === undefined) return
    const changed = { ...wire.wire, text: { ...wire.wire.text, [direction]: text } }
    this.#last.value = { ...last, wire: { ...wire, wire: changed } }
  }

  /** Finds the requested device, which may have the id of a vnet that has restarted. */
  #choose(before: DeviceId | undefined): void {
    const { device } = this
    if (device?.id !== before) this.#last.value = {}
    if (device !== undefined) this.#wanted.value = device.id
  }
}
