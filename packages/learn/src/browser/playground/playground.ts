/**
 * The playground: a driver that runs in a worker of the page, its picture, buttons that send frames
 * through it, and a log of the programs at its ends.
 */
import type {
  DeviceId,
  FeedMessage,
  PageCommand,
  Picture,
  PictureOptions,
  PictureView,
} from '@vnet/web/kit'
import {
  button,
  element,
  type MakeEditor,
  messageOf,
  plainEditor,
  replaceEditor,
  save,
} from '../element.ts'
import { KeptDriver } from '../kept-driver.ts'
import { LogLines } from './log-lines.ts'
import type { PlaygroundDriver } from './messages.ts'
import { CarriedLink } from './worker-link.ts'

/** `mountPicture` of @vnet/web, with the site's style. */
export type MountPicture = (element: Element, options: Omit<PictureOptions, 'style'>) => Picture

/** The parts of the site that a playground loads, and its driver. */
export interface PlaygroundOptions {
  /** The bundle's playground-worker.js. */
  readonly worker: string
  readonly loadPicture: () => Promise<MountPicture>
  /** Loads a better editor than a text area for a driver of the visitor's own. */
  readonly loadEditor?: () => Promise<MakeEditor>
  /** The text of sample.js, from which a visitor's own driver starts. */
  readonly sample?: string
  /** The only driver; without it the visitor chooses one. */
  readonly driver?: PlaygroundDriver
}

/** A mounted playground. */
export interface Playground {
  /** Ends the current driver and runs another one, in a new worker. */
  run(driver: PlaygroundDriver): void
  /** Ends the worker and the picture. The elements remain in the page. */
  close(): void
}

const DRIVERS = [
  ['cable', 'cable: two interfaces and a wire'],
  ['snull', 'snull: the card of Linux Device Drivers'],
  ['loop', 'loop: every frame comes back'],
  ['own', 'a driver of your own'],
] as const

/** A wire on which each frame is seen, and that loses some. */
const WIRE = 'delay 400ms 100ms | loss 10%'
/** Frames per second, of which jitter doubles some: up to ten, each one is a dot in the picture. */
const FLOW = 5
const WIRES = [WIRE, 'delay 2s', 'loss 50%', 'off']

/**
 * Fills the element and starts the driver, once the picture has loaded. The caller calls close()
 * when the page is left.
 */
export function mountPlayground(parent: HTMLElement, options: PlaygroundOptions): Playground {
  const mounted = new MountedPlayground(parent, options)
  return { run: driver => mounted.run(driver), close: () => mounted.close() }
}

class MountedPlayground {
  readonly #parent: HTMLElement
  readonly #hasChoice: boolean
  readonly #link: CarriedLink
  readonly #log = new LogLines()
  readonly #place = element('div', { className: 'picture-place' })
  readonly #flow = toggleButton('Flow', true, () => this.#sendFlow())
  readonly #pause = toggleButton('Pause', false, () => this.#sendPause())
  readonly #stepping = toggleButton('Step by step', false, () => this.#step())
  readonly #wires = buttons('Wire', ...WIRES.map(text => this.#wireButton(text)))
  readonly #own: OwnDriver
  /** Ends what listens to the page. */
  readonly #ended = new AbortController()
  #mount: MountPicture | undefined
  #picture: Picture | undefined
  #driver: PlaygroundDriver
  #device: DeviceId | undefined
  #runs = 0

  constructor(parent: HTMLElement, options: PlaygroundOptions) {
    this.#parent = parent
    this.#hasChoice = options.driver === undefined
    this.#driver = options.driver ?? 'cable'
    this.#link = new CarriedLink(options.worker, {
      receive: message => this.#receive(message),
      log: line => this.#log.add(line),
      ended: () => parent.classList.add('ended'),
    })
    this.#own = ownDriver(text => this.run({ name: 'driver.js', text }), options)
    this.#own.element.hidden = true
    parent.replaceChildren(...this.#controls(), this.#log.element, this.#place)
    const { signal } = this.#ended
    document.addEventListener('visibilitychange', () => this.#sendPause(), { signal })
    void options.loadPicture().then(
      loaded => {
        this.#mount = loaded
        if (!signal.aborted) {
          this.run(this.#driver)
        }
      },
      error => {
        const why = messageOf(error)
        this.#log.add(`The picture does not load: ${why}. Load the page again.`)
      },
    )
  }

  run(next: PlaygroundDriver): void {
    this.#driver = next
    this.#device = undefined
    this.#parent.classList.remove('ended')
    for (const toggle of [this.#pause, this.#stepping]) {
      toggle.setAttribute('aria-pressed', 'false')
    }
    this.#log.add(`run ${++this.#runs}: ${typeof next === 'string' ? next : next.name}`)
    void this.#link.start(next, WIRE)
  }

  close(): void {
    this.#ended.abort()
    this.#link.close()
    this.#picture?.close()
    this.#own.close()
  }

  #controls(): readonly HTMLElement[] {
    const send = (text: string, what: 'ping' | 'udp' | 'tcp') =>
      button(text, () => {
        this.#log.add(`${what}: started`)
        this.#link.send({ do: 'send', what })
      })
    const sending = [send('Ping', 'ping'), send('UDP burst', 'udp'), send('TCP transfer', 'tcp')]
    const again = button('Start again', () => this.run(this.#driver))
    const download = button('Download pcapng', () => void this.#download())
    return [
      ...(this.#hasChoice ? [this.#choice(), this.#own.element] : []),
      buttons('Send', ...sending, this.#flow, this.#pause, again),
      this.#wires,
      buttons('More', this.#stepping, download),
    ]
  }

  #choice(): HTMLElement {
    const options = DRIVERS.map(([value, text]) => element('option', { value }, text))
    const select = element('select', {}, ...options)
    select.addEventListener('change', () => {
      const chosen = select.value as (typeof DRIVERS)[number][0]
      this.#own.element.hidden = chosen !== 'own'
      if (chosen === 'own') {
        this.#own.start()
      } else {
        this.run(chosen)
      }
    })
    return element('p', { className: 'buttons' }, element('label', {}, 'Driver ', select))
  }

  #wireButton(text: string): HTMLButtonElement {
    const wanted = text === 'off' ? undefined : text
    return button(text, () => void this.#command({ do: 'wire', text: wanted }))
  }

  #receive(message: FeedMessage): void {
    if (message.type === 'hello') {
      const isStart = this.#device === undefined
      this.#device = message.vnets[0]?.devices[0]?.id
      if (isStart) {
        this.#started()
      }
    }
    if (message.type === 'wire' && message.id === this.#device) {
      this.#showWires(message.wire !== undefined)
    }
    if (message.type === 'step') {
      this.#stepping.setAttribute('aria-pressed', `${message.mode === 'on'}`)
    }
    this.#picture?.receive(message)
  }

  /** Some drivers have no wire. */
  #showWires(hasWire: boolean): void {
    this.#wires.title = hasWire ? '' : 'This driver has no wire.'
    for (const each of this.#wires.querySelectorAll('button')) {
      each.disabled = !hasWire
    }
  }

  /** Each driver has a picture of its own, without the frames of the one before. */
  #started(): void {
    this.#picture?.close()
    const below: PictureView[] = this.#hasChoice
      ? ['hands-on', 'frames', 'step']
      : ['frames', 'step', 'hands-on']
    const views = ['driver', ...below] as const
    this.#picture = this.#mount?.(this.#place, {
      views,
      command: request => this.#link.command(request),
    })
    this.#sendFlow()
    this.#sendPause()
  }

  async #command(wanted: PageCommand): Promise<void> {
    if (this.#device === undefined) return
    const result = await this.#link.command({ id: this.#device, command: wanted })
    if (!result.ok) {
      this.#log.add(result.message)
    }
  }

  async #download(): Promise<void> {
    const bytes = await this.#link.capture()
    if (bytes === undefined) return
    save(new Blob([bytes], { type: 'application/octet-stream' }), 'playground.pcapng')
  }

  /** Nobody sees the time of a hidden page. */
  #sendPause(): void {
    const on = isPressed(this.#pause) || document.hidden
    this.#link.send({ do: 'pause', on })
    this.#picture?.pause(on)
  }

  #sendFlow(): void {
    this.#link.send({ do: 'flow', perSecond: isPressed(this.#flow) ? FLOW : 0 })
  }

  #step(): void {
    this.#picture?.show('step')
    const isOn = isPressed(this.#stepping)
    // The view is below the picture.
    const nav = this.#place.firstElementChild?.shadowRoot?.querySelector('nav')
    if (isOn) {
      nav?.scrollIntoView({ block: 'center' })
    }
    void this.#command({ do: 'step', mode: isOn ? 'on' : 'off' })
  }
}

interface OwnDriver {
  readonly element: HTMLElement
  start(): void
  close(): void
}

function ownDriver(
  run: (text: string) => void,
  { sample = '', loadEditor }: PlaygroundOptions,
): OwnDriver {
  const start = () => run(editor.text)
  const label = 'The text of your driver'
  const kept = new KeptDriver('playground')
  const onChange = () => {
    kept.text = editor.text === sample ? undefined : editor.text
  }
  const options = {
    text: kept.text ?? sample,
    label,
    describedBy: 'own-keys',
    onChange,
    onCheck: start,
  }
  let editor = plainEditor(options)
  let load = loadEditor
  const ended = new AbortController()
  const keys = element('p', { id: 'own-keys', className: 'keys' }, 'Ctrl-Enter runs it.')
  let before = ''
  const replace = (text: string) => {
    before = editor.text
    editor.replace(text)
    undo.disabled = before === text
  }
  const reset = button('Reset', () => replace(sample))
  const undo = Object.assign(
    button('Undo', () => replace(before)),
    { disabled: true, title: 'Undo Reset' },
  )
  const row = buttons('Your driver', button('Run', start), reset, undo)
  return {
    element: element('div', { className: 'editor' }, editor.element, keys, row),
    start() {
      start()
      const exchange = (make: MakeEditor) =>
        replaceEditor(editor, ended.signal, previous => {
          editor = make({ ...options, text: previous.text })
          return editor
        })
      void load?.().then(exchange)
      load = undefined
    },
    close() {
      ended.abort()
      editor.close()
    },
  }
}

function buttons(label: string, ...all: readonly HTMLElement[]): HTMLElement {
  const group = element(
    'div',
    { className: 'buttons', role: 'group' },
    element('span', {}, label),
    ...all,
  )
  group.setAttribute('aria-label', label)
  return group
}

const isPressed = (toggle: HTMLElement): boolean => toggle.getAttribute('aria-pressed') === 'true'

function toggleButton(text: string, isOn: boolean, changed: () => void): HTMLButtonElement {
  const made = button(text, () => {
    made.setAttribute('aria-pressed', `${!isPressed(made)}`)
    changed()
  })
  made.setAttribute('aria-pressed', `${isOn}`)
  return made
}
