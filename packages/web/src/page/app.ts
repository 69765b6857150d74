/** The state of a page, which its views read, and functions that they share. */
import { computed, effect, type Signal, signal } from '@preact/signals'
import { type ComponentChildren, options as preactOptions } from 'preact'
import type {
  CommandRequest,
  CommandResult,
  DeviceId,
  DeviceRow,
  FeedMessage,
  Message,
  PageCommand,
  VnetRow,
  Want,
} from '../feed-types.ts'
import { changeText, eventOf, type PageEvent } from './events.tsx'
import { Rates } from './rates.ts'
import { History, named } from './traffic-history.ts'

/** Messages of which only the last one about the selected device matters. */
export const LAST_TYPES = ['wire', 'late', 'params', 'segment', 'scenario', 'step'] as const
/** A type of these messages. */
export type LastType = (typeof LAST_TYPES)[number]

/** One view of the device looked at. Views are made once, by `xView(app)`, and are kept. */
export interface View {
  /** In the address of the page, as in `#driver`. */
  readonly name: string
  /** In the bar that chooses the view: `Driver`. */
  readonly title: string
  /** Whether it shows more than the device looked at. */
  readonly isGeneral?: boolean
  /** Returns false while there is nothing that it could show: the bar then leaves it out. */
  isOffered?(): boolean
  /** The messages that the feed must send while the view is shown. */
  readonly wants: readonly Want[]
  /** Whether it also takes the `parts` of the device at the other end of a pair. */
  readonly wantsPeer?: boolean
  /** The component that is in the page while the view is shown. */
  readonly Body: () => ComponentChildren
  /** Takes a message of the feed, also while the view is hidden. */
  receive?(message: FeedMessage): void
  /** The app has looked at another device, or the row of the device has changed. */
  deviceChanged?(): void
}

const EVENTS_MAX = 500

// Components are drawn at most once a frame of the screen, and never while the page is hidden.
preactOptions.debounceRendering = draw => requestAnimationFrame(() => draw())

/** The functions of a page for its views. */
export interface AppOptions {
  /**
   * Returns the path of a request that needs the token: `/capture?...&token=...`. Undefined without
   * a server.
   */
  readonly path?: (name: string, query: Readonly<Record<string, string>>) => string
  select(id: DeviceId): void
  /** Sends a command to the vnet. Never rejects. */
  readonly send: (request: CommandRequest) => Promise<CommandResult>
  /** Shows the text of a `problem`. */
  readonly notify: (text: string) => void
}

/**
 * The vnets, the device that the page shows, and the last messages. A component or an effect that
 * reads a property runs again when the property changes.
 */
export class App {
  /** The rates between the last two messages with statistics. */
  readonly rates = new Rates()
  /** The last ten minutes of all devices. */
  readonly history = new History()
  readonly views: readonly View[]
  readonly path: AppOptions['path']
  readonly select: AppOptions['select']
  readonly #options: AppOptions
  readonly #hello = signal<Message<'hello'> | undefined>(undefined)
  readonly #wanted = signal<DeviceId>('')
  readonly #device = computed(() => findDevice(this.vnets, this.#wanted.value))
  readonly #last = signal<Readonly<Partial<Record<LastType, FeedMessage>>>>({})
  readonly #events = signal<readonly PageEvent[]>([])
  readonly #time = signal(Date.now())
  readonly #isPaused = signal(false)

  constructor(views: readonly ((app: App) => View)[], options: AppOptions) {
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

  /** All vnets, of the last `hello`. */
  get vnets() {
    return this.#hello.value?.vnets ?? []
  }

  /** The device that the page shows; undefined if none is selected or it was deleted. */
  get device() {
    return this.#device.value
  }

  /** Whether the page has the token: without it controls are shown, but are disabled. */
  get mayChange() {
    return this.#hello.value?.mayChange ?? false
  }

  get presets() {
    return this.#hello.value?.presets ?? []
  }

  /** The last events of all devices, oldest first. */
  get events() {
    return this.#events.value
  }

  /** The server's time of the last statistics, in milliseconds since 1970. */
  get time() {
    return this.#time.value
  }

  /** Whether frames in motion are frozen. */
  get isPaused() {
    return this.#isPaused.value
  }

  pause(isPaused: boolean): void {
    this.#isPaused.value = isPaused
  }

  /** The last message of this type about the selected device; undefined before it arrives. */
  last<T extends LastType>(type: T): Message<T> | undefined {
    return this.#last.value[type] as Message<T> | undefined
  }

  /** Does it to the device looked at. Never rejects: without a server the result is an error. */
  async command(command: PageCommand): Promise<CommandResult> {
    const { device } = this
    if (device === undefined) return { ok: false, message: 'There is no interface.' }
    const result = await this.#options.send({ id: device.id, command })
    // The server reports other changes as events.
    const text = result.ok ? changeText(command) : undefined
    if (text !== undefined) {
      this.#note({ id: device.id, time: this.time, text, tone: 'warn' })
    }
    return result
  }

  /** Shows another device. */
  look(id: DeviceId): void {
    const before = this.device?.id
    this.#wanted.value = id
    this.#choose(before)
    if (before !== this.device?.id) {
      this.#deviceChanged()
    }
  }

  receive(unnamed: FeedMessage): void {
    const message = named(unnamed)
    this.history.receive(message)
    if (message.type === 'hello') {
      const before = this.device?.id
      this.#hello.value = message
      this.#choose(before)
      this.#deviceChanged()
    } else if (message.type === 'problem') {
      this.#options.notify(message.text)
    } else if (message.type === 'stats') {
      this.rates.receive(message)
      this.#time.value = message.time
    } else {
      if (message.type === 'event') {
        this.#note(eventOf(message))
      }
      if (message.id === this.device?.id) {
        this.#keep(message)
      }
    }
    for (const view of this.views) {
      view.receive?.(message)
    }
  }

  #deviceChanged(): void {
    for (const view of this.views) {
      view.deviceChanged?.()
    }
  }

  #note(event: PageEvent | undefined): void {
    if (event !== undefined) {
      this.#events.value = [...this.#events.value, event].slice(-EVENTS_MAX)
    }
  }

  #keep(message: Extract<FeedMessage, { id: DeviceId }>): void {
    const last = this.#last.value
    if (LAST_TYPES.some(type => type === message.type)) {
      this.#last.value = { ...last, [message.type]: message }
    }
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
    if (device?.id !== before) {
      this.#last.value = {}
    }
    if (device !== undefined) {
      this.#wanted.value = device.id
    }
  }
}

/** A signal for input, kept while other views are shown, and reset for another device. */
export function draftOf<T>(app: App, first: T): Signal<T> {
  const draft = signal(first)
  let id = ''
  effect(() => {
    const { device } = app
    if (device === undefined || device.id === id) return
    id = device.id
    draft.value = first
  })
  return draft
}

/** How long nothing is typed before the server is asked, in milliseconds. */
const TYPING_MS = 250

/** Asks the server when nothing is typed for a while. Returns a function that ends that. */
export function askAfterTyping(
  app: Pick<App, 'command'>,
  command: PageCommand,
  take: (result: CommandResult) => void,
): () => void {
  let isCurrent = true
  const timer = setTimeout(async () => {
    const result = await app.command(command)
    if (isCurrent) {
      take(result)
    }
  }, TYPING_MS)
  return () => {
    isCurrent = false
    clearTimeout(timer)
  }
}

/** `device` is empty if none was chosen. */
export function parsePlace(hash: string): { readonly view: string; readonly device: DeviceId } {
  const [, view, device] = /^#?([^/]*)\/?(.*)$/s.exec(hash)!
  return { view, device: decoded(device) }
}

/** Returns the fragment of an address, which parsePlace reads. */
export const placeHash = ({ view, device }: ReturnType<typeof parsePlace>): string =>
  `#${view}${device === '' ? '' : `/${encodeURIComponent(device).replaceAll('%2F', '/')}`}`

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** The part of an id that remains the same when the vnet restarts as another process. */
const lasting = (id: DeviceId): string => id.slice(id.indexOf('/'))

/** The device with this id, or of the same name after a restart; the first if none was chosen. */
export function findDevice(vnets: readonly VnetRow[], id: DeviceId): DeviceRow | undefined {
  const devices = vnets.flatMap(vnet => vnet.devices)
  if (id === '') return devices[0]
  return (
    devices.find(device => device.id === id) ??
    devices.find(device => lasting(device.id) === lasting(id))
  )
}

/** Whether every word of a search is in the name, driver or hardware address of a device. */
export function isFound({ label, driver, mac }: DeviceRow, search: string): boolean {
  const text = `${label} ${driver} ${mac}`.toLowerCase()
  const words = search.toLowerCase().split(/\s+/)
  return words.every(word => text.includes(word))
}
