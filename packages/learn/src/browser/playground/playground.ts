/**
 * The playground: a driver that runs in a worker of the page, its picture, buttons that send frames
 * through it, and a log of the programs at its ends.
 */
import type { DeviceId, FeedMessage, PageCommand } from '@vnet/web/internal/feed-types'
import type { Picture, PictureOptions, PictureView } from '@vnet/web/internal/picture-types'
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
import type { PlaygroundDriver } from './messages.ts'
import { CarriedLink } from './worker-link.ts'

const LINES_MAX = 100

function addLine(list: HTMLElement, line: string): void {
  const isAtEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 8
  list.append(element('p', {}, line))
  while (list.childElementCount > LINES_MAX) {
    list.firstElementChild?.remove()
  }
  if (isAtEnd) {
    list.scrollTop = list.scrollHeight
  }
}

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
  const { loadPicture } = options
  const hasChoice = options.driver === undefined
  let mount: MountPicture | undefined
  let picture: Picture | undefined
  let driver: PlaygroundDriver = options.driver ?? 'cable'
  let device: DeviceId | undefined
  let isClosed = false
  let runs = 0
  const log = element('div', { className: 'log', role: 'log', tabIndex: 0 })
  log.setAttribute('aria-label', 'Log')
  const place = element('div', { className: 'picture-place' })

  const link = new CarriedLink(options.worker, {
    receive,
    log: line => addLine(log, line),
    ended: () => parent.classList.add('ended'),
  })

  function receive(message: FeedMessage): void {
    if (message.type === 'hello') {
      const isStart = device === undefined
      device = message.vnets[0]?.devices[0]?.id
      if (isStart) {
        started()
      }
    }
    if (message.type === 'wire' && message.id === device) {
      showWires(message.wire !== undefined)
    }
    if (message.type === 'step') {
      stepping.setAttribute('aria-pressed', `${message.mode === 'on'}`)
    }
    picture?.receive(message)
  }

  /** Some drivers have no wire. */
  function showWires(hasWire: boolean): void {
    wires.title = hasWire ? '' : 'This driver has no wire.'
    for (const each of wires.querySelectorAll('button')) {
      each.disabled = !hasWire
    }
  }

  /** Each driver has a picture of its own, without the frames of the one before. */
  function started(): void {
    picture?.close()
    const below: PictureView[] = hasChoice
      ? ['hands-on', 'frames', 'step']
      : ['frames', 'step', 'hands-on']
    const views = ['driver', ...below] as const
    picture = mount?.(place, { views, command: request => link.command(request) })
    sendFlow()
    sendPause()
  }

  function run(next: PlaygroundDriver): void {
    driver = next
    device = undefined
    parent.classList.remove('ended')
    for (const toggle of [pause, stepping]) {
      toggle.setAttribute('aria-pressed', 'false')
    }
    addLine(log, `run ${++runs}: ${typeof driver === 'string' ? driver : driver.name}`)
    void link.start(driver, WIRE)
  }

  async function command(wanted: PageCommand): Promise<void> {
    if (device === undefined) return
    const result = await link.command({ id: device, command: wanted })
    if (!result.ok) {
      addLine(log, result.message)
    }
  }

  async function download(): Promise<void> {
    const bytes = await link.capture()
    if (bytes !== undefined) {
      save(new Blob([bytes], { type: 'application/octet-stream' }), 'playground.pcapng')
    }
  }

  /** Nobody sees the time of a hidden page. */
  function sendPause(): void {
    const on = isPressed(pause) || document.hidden
    link.send({ do: 'pause', on })
    picture?.pause(on)
  }

  const sendFlow = () => link.send({ do: 'flow', perSecond: isPressed(flow) ? FLOW : 0 })
  const flow = toggleButton('Flow', true, sendFlow)
  const pause = toggleButton('Pause', false, sendPause)
  const stepping = toggleButton('Step by step', false, () => {
    picture?.show('step')
    // The view is below the picture.
    if (isPressed(stepping)) {
      place.firstElementChild?.shadowRoot?.querySelector('nav')?.scrollIntoView({ block: 'center' })
    }
    void command({ do: 'step', mode: isPressed(stepping) ? 'on' : 'off' })
  })
  const send = (text: string, what: 'ping' | 'udp' | 'tcp') =>
    button(text, () => {
      addLine(log, `${what}: started`)
      link.send({ do: 'send', what })
    })
  const wire = (text: string) =>
    button(text, () => void command({ do: 'wire', text: text === 'off' ? undefined : text }))
  const own = ownDriver(text => run({ name: 'driver.js', text }), options)
  own.element.hidden = true
  const again = button('Start again', () => run(driver))
  const wires = buttons('Wire', ...WIRES.map(wire))
  const all = [
    ...(hasChoice ? [choice(), own.element] : []),
    buttons(
      'Send',
      send('Ping', 'ping'),
      send('UDP burst', 'udp'),
      send('TCP transfer', 'tcp'),
      flow,
      pause,
      again,
    ),
    wires,
  ]
  const more = buttons(
    'More',
    stepping,
    button('Download pcapng', () => void download()),
  )
  parent.replaceChildren(...all, more, log, place)
  document.addEventListener('visibilitychange', sendPause)
  void loadPicture().then(
    loaded => {
      mount = loaded
      if (!isClosed) {
        run(driver)
      }
    },
    error => addLine(log, `The picture does not load: ${messageOf(error)}. Load the page again.`),
  )

  function choice(): HTMLElement {
    const select = element(
      'select',
      {},
      ...DRIVERS.map(([value, text]) => element('option', { value }, text)),
    )
    select.addEventListener('change', () => {
      const chosen = select.value as (typeof DRIVERS)[number][0]
      own.element.hidden = chosen !== 'own'
      if (chosen === 'own') {
        own.start()
      } else {
        run(chosen)
      }
    })
    return element('p', { className: 'buttons' }, element('label', {}, 'Driver ', select))
  }

  return {
    run,
    close() {
      isClosed = true
      document.removeEventListener('visibilitychange', sendPause)
      link.close()
      picture?.close()
      own.close()
    },
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
