/** The page around the views: the selection, the feed, and the frame around the view. */
import { batch, effect, type Signal, signal } from '@preact/signals'
import { render } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'
import type { CommandRequest, CommandResult, DeviceId, Want } from '../feed-types.ts'
import type { App, View } from './app.ts'
import { DeviceList } from './devices.tsx'
import { peerOf } from './driver-model.ts'
import { stateOf, type Tone } from './driver-text.ts'
import { FeedReader, type FeedState } from './feed.ts'
import { isCommandKey, useNow } from './hooks.ts'
import { parsePlace, placeHash } from './place.ts'
import { PageSession } from './session.ts'
import { PageState } from './state.ts'
import { clockText } from './traffic-units.ts'

/** Messages about the present moment, which repeat: not requested while the page is hidden. */
const MOMENTARY: readonly Want[] = ['parts', 'wire', 'late', 'segment']
const NOTICES_MAX = 3

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

export class Page {
  readonly #session = new PageSession()
  readonly #feed = new FeedReader({
    open: (address, listener) => this.#session.open(address, listener),
    receive: message => batch(() => this.#state.receive(message)),
    changed: state => batch(() => this.#connected(state)),
  })
  readonly #state: PageState
  readonly #view: Signal<View>
  readonly #connection = signal<FeedState>('connecting')
  /** The sentence about a failure remains until messages arrive again. */
  readonly #trouble = signal<string | undefined>(undefined)
  readonly #notices = signal<readonly Notice[]>([])
  readonly #isListOpen = signal(false)
  readonly #isHelpOpen = signal(false)
  readonly #isHidden = signal(document.hidden)

  constructor(views: readonly ((app: App) => View)[]) {
    this.#state = new PageState(views, {
      path: (name, query) => this.#path(name, query),
      select: id => this.#select(id),
      send: request => this.#send(request),
      notify: text => this.#tell(text),
    })
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

  get #views() {
    return this.#state.views
  }

  #select(id: DeviceId): void {
    const { name, isGeneral } = this.#view.value
    location.hash = placeHash({ view: isGeneral ? 'driver' : name, device: id })
  }

  #path(name: string, query: Readonly<Record<string, string>>): string {
    return this.#session.withKey(pathOf(name, query))
  }

  async #send(request: CommandRequest): Promise<CommandResult> {
    try {
      const response = await fetch(this.#path('command', {}), {
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

  #tell(text: string): void {
    const others = this.#notices.value.filter(notice => notice.text !== text)
    this.#notices.value = [...others, { text, time: Date.now() }].slice(-NOTICES_MAX)
  }

  #connected(state: FeedState): void {
    this.#connection.value = state
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
    const view = this.#views.find(view => view.name === name)
    this.#view.value = view ?? this.#views[0]
    if (view === undefined && name !== '') this.#tell(`There is no view ${name}. This is ${this.#view.value.title}.`)
    this.#state.look(device)
    this.#isListOpen.value = false
  }

  /** Requests the messages that the view wants for the device. */
  #look(): void {
    const { device, vnets } = this.#state
    const { wants, wantsPeer = false } = this.#view.value
    // Each view reports that frames halt, which looks like a fault otherwise.
    const all = [...new Set<Want>([...wants, 'step'])]
    const asked = this.#isHidden.value ? all.filter(want => !MOMENTARY.includes(want)) : all
    const peer = device && wantsPeer && asked.includes('parts') ? peerOf(device, vnets) : undefined
    const query = device && { device: device.id, want: asked.join(','), ...(peer !== undefined && { peer: peer.id }) }
    this.#feed.look(pathOf('events', query ?? {}))
  }

  #showTitle(): void {
    const { device } = this.#state
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
        <DeviceList app={this.#state} view={view} isOpen={this.#isListOpen.value} />
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
    const state = this.#connection.value
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
    const isHalted = this.#state.last('step')?.mode === 'on' && view.name !== 'step'
    return (
      <section class="notices" aria-label="Notices">
        <div class="notice" hidden={trouble === undefined}>
          <p role="status">{trouble}</p>
          {trouble !== undefined && <Retry state={this.#connection.value} feed={this.#feed} />}
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
    const { version = '', mayChange = true } = this.#state.hello ?? {}
    return mayChange ? version : `${version}, read-only: open the address that vnet printed`
  }

  #about() {
    const { device } = this.#state
    const { isGeneral, title } = this.#view.value
    if (isGeneral && this.#state.vnets.length > 0) return <h1>{title === 'All' ? 'All interfaces' : title}</h1>
    if (device !== undefined) {
      const pid = this.#state.vnets.find(({ devices }) => devices.includes(device))?.pid
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
    if (this.#state.hello === undefined) return <h1>vnet</h1>
    const wanted = this.#state.wanted
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
    return placeHash({ view, device: this.#state.wanted })
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
