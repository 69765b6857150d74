/** The page around the views: the selection, the feed, and the keys. */
import { batch, effect, type Signal, signal } from '@preact/signals'
import { render } from 'preact'
import type { CommandRequest, CommandResult, DeviceId, Want } from '../feed-types.ts'
import { App, parsePlace, placeHash, type View } from './app.ts'
import { peerOf } from './driver-model.ts'
import { stateOf } from './driver-text.ts'
import { FeedReader, type FeedState, PageSession } from './feed.ts'
import { Frame, type Notice, type Shown } from './page-frame.tsx'
import { isCommandKey } from './table.tsx'

/** Messages about the present moment, which repeat: not requested while the page is hidden. */
const MOMENTARY: readonly Want[] = ['parts', 'wire', 'late', 'segment']
const NOTICES_MAX = 3

const SENTENCES: Readonly<Partial<Record<FeedState, string>>> = {
  lost: 'The server does not answer. What is shown is not up to date. The page tries again every few seconds.',
  refused:
    'The server refuses this page: it needs the token, or too many pages are open. ' +
    'Open the address that vnet printed, or close other pages.',
  foreign:
    'The server at this address does not have the token of this page, so the page sends it nothing secret. ' +
    'Open the address that vnet printed.',
}

/** The page of one server. It is made once, and ends with the document. */
export class Page implements Shown {
  readonly #session = new PageSession()
  readonly #feed = new FeedReader({
    open: (address, listener) => this.#session.open(address, listener),
    receive: message => batch(() => this.state.receive(message)),
    changed: state => batch(() => this.#connected(state)),
  })
  readonly state: App
  readonly view: Signal<View>
  readonly connection = signal<FeedState>('connecting')
  readonly trouble = signal<string | undefined>(undefined)
  readonly notices = signal<readonly Notice[]>([])
  readonly isListOpen = signal(false)
  readonly isHelpOpen = signal(false)
  readonly #isHidden = signal(document.hidden)

  constructor(views: readonly ((app: App) => View)[]) {
    this.state = new App(views, {
      path: (name, query) => this.#path(name, query),
      select: id => this.#select(id),
      send: request => this.#send(request),
      notify: text => this.#tell(text),
    })
    this.view = signal(this.#views[0])
    addEventListener('hashchange', () => batch(() => this.#follow()))
    addEventListener('keydown', event => this.#key(event))
    document.addEventListener('visibilitychange', () => {
      this.#isHidden.value = document.hidden
    })
    this.#follow()
    effect(() => this.#look())
    effect(() => this.#showTitle())
    render(<Frame shown={this} />, document.body)
  }

  get #views() {
    return this.state.views
  }

  #select(id: DeviceId): void {
    const { name, isGeneral } = this.view.value
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
      if (response.headers.get('content-type')?.includes('json')) {
        return JSON.parse(text) as CommandResult
      }
      return { ok: false, message: text.trim() || `${response.status} ${response.statusText}` }
    } catch {
      return { ok: false, message: 'The server does not answer.' }
    }
  }

  #tell(text: string): void {
    const others = this.notices.value.filter(notice => notice.text !== text)
    this.notices.value = [...others, { text, time: Date.now() }].slice(-NOTICES_MAX)
  }

  #connected(state: FeedState): void {
    this.connection.value = state
    if (state !== 'connecting') {
      this.trouble.value = SENTENCES[state]
    }
  }

  /** Goes where the address of the page leads. */
  #follow(): void {
    const rest = this.#session.takeToken(location.hash)
    if (rest !== undefined) {
      history.replaceState(null, '', rest || location.pathname)
      this.#feed.again()
    }
    const { view: name, device } = parsePlace(location.hash)
    const view = this.#views.find(each => each.name === name)
    this.view.value = view ?? this.#views[0]
    if (view === undefined && name !== '') {
      this.#tell(`There is no view ${name}. This is ${this.view.value.title}.`)
    }
    this.state.look(device)
    this.isListOpen.value = false
  }

  /** Requests the messages that the view wants for the device. */
  #look(): void {
    const { device, vnets } = this.state
    const { wants, wantsPeer = false } = this.view.value
    // Each view reports that frames halt, which looks like a fault otherwise.
    const all = [...new Set<Want>([...wants, 'step'])]
    const asked = this.#isHidden.value ? all.filter(want => !MOMENTARY.includes(want)) : all
    const peer = device && wantsPeer && asked.includes('parts') ? peerOf(device, vnets) : undefined
    const query = device && {
      device: device.id,
      want: asked.join(','),
      ...(peer !== undefined && { peer: peer.id }),
    }
    this.#feed.look(pathOf('events', query ?? {}))
  }

  #showTitle(): void {
    const { device } = this.state
    const isLit = device === undefined || (device.carrier && device.isUp)
    document.title =
      device === undefined
        ? 'vnet'
        : `${device.label}${isLit ? '' : ` (${stateOf(device).text})`}: vnet`
    const icon = document.querySelector<HTMLLinkElement>('link[rel=icon]')
    const file = isLit ? 'icon.svg' : 'icon-off.svg'
    if (icon !== null && icon.getAttribute('href') !== file) {
      icon.href = file
    }
  }

  readonly hashOf = (view: string): string => placeHash({ view, device: this.state.wanted })

  /** `/` leads to the search, digits to the views, `?` to the list of keys. */
  #key(event: KeyboardEvent): void {
    if (!isCommandKey(event)) return
    if (event.key === '/') {
      event.preventDefault()
      this.isListOpen.value = true
      const search = document.querySelector<HTMLInputElement>('.devices input')
      search?.focus()
      // A narrow page has the field only after it is drawn.
      if (search !== document.activeElement) {
        requestAnimationFrame(() => search?.focus())
      }
    }
    if (event.key === '?') {
      this.isHelpOpen.value = !this.isHelpOpen.value
    }
    if (event.key === 'Escape') {
      this.isHelpOpen.value = false
    }
    const view = this.#views[Number(event.key) - 1]
    if (view !== undefined) {
      location.hash = this.hashOf(view.name)
    }
  }
}

const pathOf = (name: string, query: Readonly<Record<string, string>>): string =>
  `/${name}?${new URLSearchParams(query)}`
