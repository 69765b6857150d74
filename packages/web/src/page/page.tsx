/** The page around the views: the selection, and the routing of feed messages to the views. */
import { batch, computed, effect, type Signal, signal } from '@preact/signals'
import { options, render } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'
import type { CommandRequest, CommandResult, DeviceId, FeedMessage, Message, PageCommand, Want } from '../feed-types.ts'
import { type App, LAST_TYPES, type LastType, type View } from './app.ts'
import { DeviceList } from './devices.tsx'
import { peerOf } from './driver-model.ts'
import { stateOf, type Tone } from './driver-text.ts'
import { changeText, eventOf, type PageEvent } from './events.tsx'
import { FeedReader, type FeedState } from './feed.ts'
import { isCommandKey, useNow } from './hooks.ts'
import { findDevice, parsePlace, placeHash } from './place.ts'
import { Rates } from './rates.ts'
import { PageSession } from './session.ts'
import { History, named } from './traffic-history.ts'
import { clockText } from './traffic-units.ts'

/** Messages about the present moment, which repeat: not requested while the page is hidden. */
const MOMENTARY: readonly Want[] = ['parts', 'wire', 'late', 'segment']
const NOTICES_MAX = 3
const EVENTS_MAX = 500

const WORDS: Readonly<Record<FeedState, readonly [text: string, tone: Tone]>> = {
  connecting: ['connecting', 'warn'],
  live: ['live', 'ok'],
  lost: ['not connected', 'drop'],
  refused: ['refused', 'drop'],
  foreign: ['not trusted', 'drop'],
}
const SENTENCES: Readonly<Partial<Record<FeedState, string>>> = {
  lost: 'The server does not answer. What is shown is not up to date.',
  refused:
    'The server refuses this page: it needs the token, or too many pages are open. ' +
    'Open the address that vnet printed, or close other pages.',
  foreign:
    'The server at this address does not have the token of this page, so the page sends it nothing secret. ' +
    'Open the address that vnet printed.',
}

/** The keys of every view; Frames and Traffic list keys of their own. */
const KEYS = [
  ['?', 'these keys'],
  ['/', 'search interfaces'],
  ['1 to 8', 'the views'],
  ['p', 'pause, in Traffic and Frames'],
  ['s n', 'halt frames, and run a step, in Step'],
] as const

type Notice = Readonly<{ text: string; time: number }>

// Components are drawn at most once a frame of the screen, and never while the page is hidden.
options.debounceRendering = draw => requestAnimationFrame(() => draw())

export class Page implements App {
  readonly #session = new PageSession()
  readonly rates = new Rates()
  readonly history = new History()
  readonly #feed = new FeedReader({
    open: (address, listener) => this.#session.open(address, listener),
    receive: message => batch(() => this.#receive(named(message))),
    changed: state => batch(() => this.#connected(state)),
  })
  readonly #views: readonly View[]
  readonly #view: Signal<View>
  readonly #hello = signal<Message<'hello'> | undefined>(undefined)
  /** The device of the page's address, even while it does not exist. */
  readonly #wanted = signal<DeviceId>('')
  readonly #device = computed(() => findDevice(this.vnets, this.#wanted.value))
  readonly #last = signal<Readonly<Partial<Record<LastType, FeedMessage>>>>({})
  readonly #events = signal<readonly PageEvent[]>([])
  readonly #time = signal(Date.now())
  readonly #state = signal<FeedState>('connecting')
  /** The sentence about a failure remains until messages arrive again. */
  readonly #trouble = signal<string | undefined>(undefined)
  readonly #notices = signal<readonly Notice[]>([])
  readonly #isListOpen = signal(false)
  readonly #isHelpOpen = signal(false)
  readonly #isHidden = signal(document.hidden)

  constructor(views: readonly ((app: App) => View)[]) {
    this.#views = views.map(make => make(this))
    this.#view = signal(this.#views[0])
    addEventListener('hashchange', () => batch(() => this.#follow()))
    addEventListener('keydown', event => this.#key(event))
    document.addEventListener('visibilitychange', () => (this.#isHidden.value = document.hidden))
    this.#follow()
    effect(() => this.#look())
    effect(() => this.#showTitle())
    const Frame = () => this.#frame()
    render(<Frame />, document.body)
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

  last<T extends LastType>(type: T): Message<T> | undefined {
    return this.#last.value[type] as Message<T> | undefined
  }

  path(name: string, query: Readonly<Record<string, string>>): string {
    return this.#session.withKey(pathOf(name, query))
  }

  select(id: DeviceId): void {
    const { name, isGeneral } = this.#view.value
    location.hash = placeHash({ view: isGeneral ? 'driver' : name, device: id })
  }

  async command(command: PageCommand): Promise<CommandResult> {
    const { device } = this
    if (device === undefined) return { ok: false, message: 'There is no interface.' }
    const result = await this.#send({ id: device.id, command })
    // The server reports other changes as events.
    const text = result.ok ? changeText(command) : undefined
    if (text !== undefined) this.#note({ id: device.id, time: this.time, text, tone: 'warn' })
    return result
  }

  async #send(request: CommandRequest): Promise<CommandResult> {
    try {
      const response = await fetch(this.path('command', {}), {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(request),
      })
      const text = await response.text()
      if (response.headers.get('content-type')?.includes('json')) return JSON.parse(text) as CommandResult
      return { ok: false, message: text.trim() || `${response.status} ${response.statusText}` }
    } catch {
      return { ok: false, message: 'The server does not answer.' }
    }
  }

  #receive(message: FeedMessage): void {
    this.history.receive(message)
    if (message.type === 'hello') {
      const before = this.device?.id
      this.#hello.value = message
      this.#choose(before)
      for (const view of this.#views) view.deviceChanged?.()
    } else if (message.type === 'problem') this.#tell(message.text)
    else if (message.type === 'stats') {
      this.rates.receive(message)
      this.#time.value = message.time
    } else {
      if (message.type === 'event') this.#note(eventOf(message))
      if (message.id === this.device?.id) this.#keep(message)
    }
    for (const view of this.#views) view.receive?.(message)
  }

  #tell(text: string): void {
    const others = this.#notices.value.filter(notice => notice.text !== text)
    this.#notices.value = [...others, { text, time: Date.now() }].slice(-NOTICES_MAX)
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

  #connected(state: FeedState): void {
    this.#state.value = state
    if (state !== 'connecting') this.#trouble.value = SENTENCES[state]
  }

  /** Goes where the address of the page leads. */
  #follow(): void {
    const rest = this.#session.takeToken(location.hash)
    if (rest !== undefined) {
      history.replaceState(null, '', rest || location.pathname)
      this.#feed.again()
    }
    const { view: name, device } = parsePlace(location.hash)
    const before = this.device?.id
    const view = this.#views.find(view => view.name === name)
    this.#view.value = view ?? this.#views[0]
    if (view === undefined && name !== '') this.#tell(`There is no view ${name}. This is ${this.#view.value.title}.`)
    this.#wanted.value = device
    this.#choose(before)
    if (before !== this.device?.id) for (const view of this.#views) view.deviceChanged?.()
    this.#isListOpen.value = false
  }

  /** Finds the requested device, which may have the id of a vnet that has restarted. */
  #choose(before: DeviceId | undefined): void {
    const { device } = this
    if (device?.id !== before) this.#last.value = {}
    if (device !== undefined) this.#wanted.value = device.id
  }

  /** Requests the messages that the view wants for the device. */
  #look(): void {
    const { device, vnets } = this
    const { wants, wantsPeer = false } = this.#view.value
    // Each view reports that frames halt, which looks like a fault otherwise.
    const all = [...new Set<Want>([...wants, 'step'])]
    const asked = this.#isHidden.value ? all.filter(want => !MOMENTARY.includes(want)) : all
    const peer = device && wantsPeer && asked.includes('parts') ? peerOf(device, vnets) : undefined
    const query = device && { device: device.id, want: asked.join(','), ...(peer !== undefined && { peer: peer.id }) }
    this.#feed.look(pathOf('events', query ?? {}))
  }

  #showTitle(): void {
    const { device } = this
    const isLit = device === undefined || (device.carrier && device.isUp)
    document.title = device === undefined ? 'vnet' : `${device.label}${isLit ? '' : ` (${stateOf(device).text})`}: vnet`
    const icon = document.querySelector<HTMLLinkElement>('link[rel=icon]')
    const file = isLit ? 'icon.svg' : 'icon-off.svg'
    if (icon !== null && icon.getAttribute('href') !== file) icon.href = file
  }

  #frame() {
    const view = this.#view.value
    const place = useRef<HTMLDivElement>(null)
    useLayoutEffect(() => place.current?.scrollTo(0, 0), [view])
    return (
      <div class={this.#trouble.value === undefined ? 'page' : 'page stale'}>
        <button type="button" class="skip" onClick={() => document.getElementById('view')?.focus()}>
          Skip to the view
        </button>
        {this.#header()}
        {this.#noticesOf(view)}
        <DeviceList app={this} view={view} isOpen={this.#isListOpen.value} />
        <main>
          <div class="about">
            {this.#about()}
            <nav class="views" aria-label="Views">
              {this.#views.map((each, i) => (
                <a
                  key={each.name}
                  href={this.#hashOf(each.name)}
                  title={`Key ${i + 1}`}
                  aria-keyshortcuts={`${i + 1}`}
                  aria-current={each === view ? 'page' : undefined}
                  hidden={each !== view && each.isOffered?.() === false}
                >
                  {each.title}
                </a>
              ))}
            </nav>
          </div>
          <div class="view" id="view" tabIndex={-1} ref={place}>
            <view.Body key={view.name} />
          </div>
        </main>
      </div>
    )
  }

  #header() {
    const state = this.#state.value
    const [text, tone] = WORDS[state]
    const isOpen = this.#isListOpen.value
    return (
      <header>
        <button
          type="button"
          class="open-devices"
          aria-expanded={isOpen}
          onClick={() => (this.#isListOpen.value = !isOpen)}
        >
          Interfaces
        </button>
        <strong>vnet</strong>
        <span class="muted">{this.#version}</span>
        <button
          type="button"
          class="help"
          aria-label="Keys"
          aria-keyshortcuts="?"
          aria-expanded={this.#isHelpOpen.value}
          onClick={() => (this.#isHelpOpen.value = !this.#isHelpOpen.value)}
        >
          ?
        </button>
        <span class="connection row" role="status" data-state={state}>
          <span class={`lamp ${tone}`} /> {text}
        </span>
      </header>
    )
  }

  #noticesOf(view: View) {
    const trouble = this.#trouble.value
    const isHalted = this.last('step')?.mode === 'on' && view.name !== 'step'
    return (
      <section class="notices" aria-label="Notices">
        <div class="notice" hidden={trouble === undefined}>
          <p role="status">{trouble}</p>
          {trouble !== undefined && <Retry state={this.#state.value} feed={this.#feed} />}
        </div>
        <p class="notice" role="status" hidden={!isHalted}>
          The frames of this vnet halt before each step. <a href={this.#hashOf('step')}>See where</a>
        </p>
        {this.#isHelpOpen.value && (
          <dl class="notice keys-help" aria-label="Keys">
            {KEYS.map(([key, meaning]) => (
              <div key={key} class="row">
                <dt>
                  <kbd>{key}</kbd>
                </dt>
                <dd>{meaning}</dd>
              </div>
            ))}
          </dl>
        )}
        <div aria-live="polite">{this.#notices.value.map(notice => this.#notice(notice))}</div>
      </section>
    )
  }

  get #version(): string {
    const { version = '', mayChange = true } = this.#hello.value ?? {}
    return mayChange ? version : `${version}, read-only: open the address that vnet printed`
  }

  #about() {
    const { device } = this
    const { isGeneral, title } = this.#view.value
    if (isGeneral && this.vnets.length > 0) return <h1>{title === 'All' ? 'All interfaces' : title}</h1>
    if (device !== undefined) {
      const pid = this.vnets.find(({ devices }) => devices.includes(device))?.pid
      const { addresses = [] } = device
      const about = [
        ...addresses,
        `${device.driver}, pid ${pid}`,
        device.mac,
        `mtu ${device.mtu}`,
        stateOf(device).text,
      ]
      return [<h1>{device.label}</h1>, <span class="muted">{about.join(', ')}</span>]
    }
    if (this.#hello.value === undefined) return <h1>vnet</h1>
    const wanted = this.#wanted.value
    const hint = wanted === '' ? '“vnet snull” in a terminal makes two.' : 'It is shown again when it is back.'
    const missing = wanted === '' ? 'No interface' : `${wanted.replace(/^.*\//, '')} is gone`
    return [<h1>{missing}</h1>, <span class="muted">{hint}</span>]
  }

  #notice(notice: Notice) {
    const close = () => (this.#notices.value = this.#notices.value.filter(other => other !== notice))
    return (
      <div class="notice" key={notice.text}>
        <span class="muted number">{clockText(notice.time / 1000)}</span>
        <p>{notice.text}</p>
        <button type="button" aria-label="Close" onClick={close}>
          ×
        </button>
      </div>
    )
  }

  #hashOf(view: string): string {
    return placeHash({ view, device: this.#wanted.value })
  }

  /** `/` leads to the search, digits to the views, `?` to the list of keys. */
  #key(event: KeyboardEvent): void {
    if (!isCommandKey(event)) return
    if (event.key === '/') {
      event.preventDefault()
      this.#isListOpen.value = true
      const search = document.querySelector<HTMLInputElement>('.devices input')
      search?.focus()
      // A narrow page has the field only after it is drawn.
      if (search !== document.activeElement) requestAnimationFrame(() => search?.focus())
    }
    if (event.key === '?') this.#isHelpOpen.value = !this.#isHelpOpen.value
    if (event.key === 'Escape') this.#isHelpOpen.value = false
    const view = this.#views[Number(event.key) - 1]
    if (view !== undefined) location.hash = this.#hashOf(view.name)
  }
}

function Retry({ state, feed }: { readonly state: FeedState; readonly feed: FeedReader }) {
  const now = useNow(500)
  const seconds = Math.max(0, Math.ceil((feed.retryAt - now) / 1000))
  return (
    <>
      <span class="muted number">
        {state === 'connecting' ? 'Trying again.' : `The next attempt is in ${seconds} s.`}
      </span>
      <button type="button" onClick={() => feed.again()}>
        Try now
      </button>
    </>
  )
}

const pathOf = (name: string, query: Readonly<Record<string, string>>): string =>
  `/${name}?${new URLSearchParams(query)}`
