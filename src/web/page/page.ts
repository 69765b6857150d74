/** The page around the views: the selection, and the routing of feed messages to the views. */
import type { CommandResult, DeviceId, DeviceRow, FeedMessage, PageCommand, VnetRow, Want } from '../feed-types.ts'
import type { App, View } from './app.ts'
import { DeviceList } from './devices.tsx'
import { h, isCommandKey, setText } from './dom.ts'
import { peerOf } from './driver-model.ts'
import { stateOf } from './driver-text.ts'
import { FeedReader, type FeedState } from './feed.ts'
import { findDevice, type PagePlace, parsePlace, placeHash } from './place.ts'
import { Rates } from './rates.ts'
import { PageSession } from './session.ts'
import { clockText } from './traffic-units.ts'

/** Messages about the present moment, which repeat: not requested while the page is hidden. */
const MOMENTARY: readonly Want[] = ['parts', 'wire', 'segment']

const WORDS: Readonly<Record<FeedState, string>> = {
  connecting: 'connecting',
  live: 'live',
  lost: 'not connected',
  refused: 'refused',
  foreign: 'not trusted',
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

export class Page implements App {
  readonly element: HTMLElement
  vnets: readonly VnetRow[] = []
  device: DeviceRow | undefined
  mayChange = false
  presets: App['presets'] = []
  readonly #session = new PageSession()
  readonly #rates = new Rates()
  readonly #feed = new FeedReader({
    open: (address, listener) => this.#session.open(address, listener),
    receive: message => this.#receive(message),
    changed: state => this.#showConnection(state),
  })
  readonly #list = new DeviceList()
  readonly #views: readonly View[]
  #view: View
  /** The device of the page's address, even while it does not exist. */
  #wanted: DeviceId = ''
  #said = false
  readonly #version = h('span', { class: 'muted' })
  readonly #connection = h('span', { class: 'connection', attrs: { role: 'status' } })
  readonly #trouble = h('p', { class: 'notice', hidden: true, attrs: { role: 'status' } })
  readonly #halted = h(
    'p',
    { class: 'notice', hidden: true, attrs: { role: 'status' } },
    'The frames of this vnet halt before each step. ',
    h('a', { href: '#step', on: { click: event => this.#showStep(event) } }, 'See where'),
  )
  /** Whether the vnet of the device steps. */
  #isStepping = false
  readonly #notices = h('div', { attrs: { 'aria-live': 'polite' } })
  readonly #name = h('h1', {})
  readonly #about = h('span', { class: 'muted' })
  readonly #bar = h('nav', { class: 'views', attrs: { 'aria-label': 'Views' } })
  readonly #place = h('div', { class: 'view', id: 'view', tabIndex: -1 })
  readonly #open = h('button', { class: 'open-devices', on: { click: () => this.#toggleList() } }, 'Interfaces')

  constructor(views: readonly ((app: App) => View)[]) {
    this.#views = views.map(make => make(this))
    this.#view = this.#views[0]
    this.#open.setAttribute('aria-expanded', 'false')
    this.element = h(
      'div',
      { class: 'page' },
      h('a', { class: 'skip', href: '#view', on: { click: event => this.#skip(event) } }, 'Skip to the view'),
      h('header', {}, this.#open, h('strong', {}, 'vnet'), this.#version, this.#connection),
      h('div', { class: 'notices' }, this.#trouble, this.#halted, this.#notices),
      this.#list.element,
      h('main', {}, h('div', { class: 'about' }, this.#name, this.#about, this.#bar), this.#place),
    )
    addEventListener('hashchange', () => this.#follow())
    addEventListener('keydown', event => this.#key(event))
    document.addEventListener('visibilitychange', () => this.#look())
    this.#view.shown?.()
    this.#follow()
    this.#look()
  }

  path(name: string, query: Readonly<Record<string, string>>): string {
    return this.#session.withKey(pathOf(name, query))
  }

  select(id: DeviceId): void {
    location.hash = placeHash({ view: this.#view.name, device: id })
  }

  show(view: string): void {
    location.hash = placeHash({ view, device: this.#wanted })
  }

  async command(command: PageCommand): Promise<CommandResult> {
    if (this.device === undefined) return { ok: false, message: 'There is no interface.' }
    try {
      const response = await fetch(this.path('command', {}), {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ id: this.device.id, command }),
      })
      const text = await response.text()
      if (response.headers.get('content-type')?.includes('json')) return JSON.parse(text) as CommandResult
      return { ok: false, message: text.trim() || `${response.status} ${response.statusText}` }
    } catch {
      return { ok: false, message: 'The server does not answer.' }
    }
  }

  #receive(message: FeedMessage): void {
    if (message.type === 'hello') this.#hello(message)
    else if (message.type === 'problem') this.#notify(message.text)
    else if (message.type === 'stats') {
      this.#rates.receive(message)
      if (!document.hidden) this.#list.updateRates(this.#rates)
    }
    if (message.type === 'step' && message.id === this.device?.id) {
      this.#isStepping = message.mode === 'on'
      this.#showHalted()
    }
    for (const view of this.#views) view.receive(message)
  }

  #hello({ version, vnets, mayChange, presets }: Extract<FeedMessage, { type: 'hello' }>): void {
    this.vnets = vnets
    this.mayChange = mayChange
    this.presets = presets
    this.#said = true
    setText(this.#version, mayChange ? version : `${version}, read-only: open the address that vnet printed`)
    this.#list.update(vnets)
    this.#choose()
    for (const view of this.#views) view.deviceChanged()
  }

  /** Goes where the address of the page leads. */
  #follow(): void {
    const rest = this.#session.takeToken(location.hash)
    if (rest !== undefined) {
      history.replaceState(null, '', rest || location.pathname)
      this.#feed.again()
    }
    const { view: name, device } = parsePlace(location.hash) as PagePlace
    const view = this.#views.find(view => view.name === name) ?? this.#views[0]
    if (view !== this.#view) {
      this.#view.hidden?.()
      this.#view = view
      view.shown?.()
    }
    if (this.#place.firstChild !== view.element) this.#place.replaceChildren(view.element)
    this.#wanted = device
    const before = this.device
    this.#choose()
    if (before?.id !== this.device?.id) for (const view of this.#views) view.deviceChanged()
    this.#showHalted()
    this.#list.element.classList.remove('open')
    this.#open.setAttribute('aria-expanded', 'false')
  }

  /** Finds the requested device, and shows which one it is. */
  #choose(): void {
    const before = this.device
    this.device = findDevice(this.vnets, this.#wanted)
    if (before?.id !== this.device?.id) this.#isStepping = false
    if (this.device !== undefined) this.#wanted = this.device.id
    this.#list.mark(this.device?.id, this.#view.name)
    this.#showAbout()
    this.#showBar()
    this.#look()
  }

  /** Requests the messages that the view wants for the device. */
  #look(): void {
    const { device, vnets } = this
    const { wants, wantsPeer = false } = this.#view
    // Each view reports that frames halt, which looks like a fault otherwise.
    const all = [...new Set<Want>([...wants, 'step'])]
    const asked = document.hidden ? all.filter(want => !MOMENTARY.includes(want)) : all
    const peer = device && wantsPeer && asked.includes('parts') ? peerOf(device, vnets) : undefined
    const query = device && { device: device.id, want: asked.join(','), ...(peer !== undefined && { peer: peer.id }) }
    this.#feed.look(pathOf('events', query ?? {}))
  }

  #showAbout(): void {
    const { device } = this
    const isGone = this.#wanted !== ''
    const missing = isGone ? `${this.#wanted.replace(/^.*\//, '')} is gone` : 'No interface'
    setText(this.#name, device?.label ?? (this.#said ? missing : 'vnet'))
    const state = device && stateOf(device).text
    const pid = device && this.vnets.find(({ devices }) => devices.includes(device))?.pid
    const about = device && [`${device.driver}, pid ${pid}`, device.mac, `mtu ${device.mtu}`, state]
    const hint = isGone ? 'It is shown again when it is back.' : '“vnet snull” in a terminal makes two.'
    setText(this.#about, about?.join(', ') ?? (this.#said ? hint : ''))
    const isLit = device?.carrier === true && device.isUp
    document.title = device === undefined ? 'vnet' : `${device.label}${isLit ? '' : ` (${state})`}: vnet`
    const icon = document.querySelector<HTMLLinkElement>('link[rel=icon]')
    const file = device === undefined || isLit ? 'icon.svg' : 'icon-off.svg'
    if (icon !== null && icon.getAttribute('href') !== file) icon.href = file
  }

  #showBar(): void {
    const device = this.#wanted
    const links = this.#views.map((view, i) => {
      const attrs = { 'aria-keyshortcuts': `${i + 1}` }
      const link = h('a', { href: placeHash({ view: view.name, device }), title: `Key ${i + 1}`, attrs }, view.title)
      if (view === this.#view) link.setAttribute('aria-current', 'page')
      return link
    })
    const texts = links.map(link => link.outerHTML).join('')
    if (texts === this.#bar.innerHTML) return
    const focused = [...this.#bar.children].indexOf(document.activeElement as Element)
    this.#bar.replaceChildren(...links)
    links[focused]?.focus()
  }

  /** The sentence about a failure remains until messages arrive again. */
  #showConnection(state: FeedState): void {
    if (this.#connection.dataset.state === state) return
    this.#connection.dataset.state = state
    setText(this.#connection, WORDS[state])
    const sentence = SENTENCES[state]
    if (sentence !== undefined) setText(this.#trouble, sentence)
    if (state !== 'connecting') this.#trouble.hidden = sentence === undefined
    this.element.classList.toggle('stale', !this.#trouble.hidden)
  }

  /** The last problem of each text and its time, until it is closed. */
  #notify(text: string): void {
    for (const other of [...this.#notices.children]) if (other.querySelector('p')?.textContent === text) other.remove()
    const close = h('button', { attrs: { 'aria-label': 'Close' }, on: { click: () => notice.remove() } }, '×')
    const time = h('span', { class: 'muted number' }, clockText(Date.now() / 1000))
    const notice = h('div', { class: 'notice' }, time, h('p', {}, text), close)
    this.#notices.append(notice)
    while (this.#notices.children.length > 3) this.#notices.firstElementChild?.remove()
  }

  #showHalted(): void {
    this.#halted.hidden = !this.#isStepping || this.#view.name === 'step'
  }

  #showStep(event: Event): void {
    event.preventDefault()
    this.show('step')
  }

  #toggleList(): void {
    const isOpen = this.#list.element.classList.toggle('open')
    this.#open.setAttribute('aria-expanded', `${isOpen}`)
  }

  #skip(event: Event): void {
    event.preventDefault()
    this.#place.focus()
  }

  /** `/` leads to the search, digits to the views. */
  #key(event: KeyboardEvent): void {
    if (!isCommandKey(event)) return
    if (event.key === '/') {
      event.preventDefault()
      this.#list.element.classList.add('open')
      this.#list.search.focus()
    }
    const view = this.#views[Number(event.key) - 1]
    if (view !== undefined) this.show(view.name)
  }
}

function pathOf(name: string, query: Readonly<Record<string, string>>): string {
  return `/${name}?${new URLSearchParams(query)}`
}
