/** The list of all devices, by vnet, with a search. */
import { signal } from '@preact/signals'
import { render } from 'preact'
import { useLayoutEffect } from 'preact/hooks'
import { formatNumber } from '../../base/quantity.ts'
import type { DeviceId, DeviceRow, VnetRow } from '../feed-types.ts'
import { h } from './dom.ts'
import { stateOf } from './driver-text.ts'
import { isFound, placeHash } from './place.ts'
import type { Rates } from './rates.ts'

export class DeviceList {
  readonly element: HTMLElement
  readonly #vnets = signal<readonly VnetRow[]>([])
  /** The device that is looked at, and the view that links lead to. */
  readonly #marked = signal<{ readonly id: DeviceId | undefined; readonly view: string }>({ id: undefined, view: '' })
  readonly #rates = signal<Pick<Rates, 'of'>>({ of: () => undefined })
  readonly #text = signal('')

  constructor() {
    const keydown = (event: KeyboardEvent) => this.#key(event)
    this.element = h('nav', { class: 'devices', attrs: { 'aria-label': 'Interfaces' }, on: { keydown } })
    const List = () => this.#list()
    render(<List />, this.element)
  }

  get search(): HTMLInputElement {
    return this.element.querySelector('input')!
  }

  /** Shows the devices of a `hello`. */
  update(vnets: readonly VnetRow[]): void {
    this.#vnets.value = vnets
  }

  /** Marks the device that is looked at, and shows it in the list. */
  mark(id: DeviceId | undefined, view: string): void {
    const { value } = this.#marked
    if (id !== value.id || view !== value.view) this.#marked.value = { id, view }
  }

  /** Shows the rates of the last message with statistics. */
  updateRates(rates: Rates): void {
    this.#rates.value = { of: id => rates.of(id) }
  }

  #list() {
    const { id } = this.#marked.value
    const text = this.#text.value
    const vnets = this.#vnets.value.map(vnet => ({ ...vnet, found: vnet.devices.filter(row => isFound(row, text)) }))
    const all = vnets.reduce((sum, { devices }) => sum + devices.length, 0)
    const found = vnets.reduce((sum, { found }) => sum + found.length, 0)
    const many = all === 1 ? '1 interface' : `${all} interfaces`
    const isListed = vnets.some(({ found }) => found.some(device => device.id === id))
    useLayoutEffect(() => this.#showMarked(), [id, isListed, text === ''])
    return (
      <>
        <div class="search">
          <input
            type="search"
            placeholder="Search interfaces"
            aria-label="Search interfaces"
            aria-keyshortcuts="/"
            value={text}
            onInput={({ currentTarget }) => (this.#text.value = currentTarget.value)}
            onKeyDown={event => this.#keyInSearch(event)}
          />
          <p class="muted" role="status">
            {found === all ? many : found === 0 ? `None of ${many}` : `${found} of ${many}`}
          </p>
        </div>
        <div class="list">
          {vnets.map(
            ({ pid, driver, found }) =>
              found.length > 0 && (
                <section key={pid}>
                  <h2>{`${driver}, pid ${pid}`}</h2>
                  <ul>{found.map(device => this.#row(device))}</ul>
                </section>
              ),
          )}
        </div>
      </>
    )
  }

  #row({ id, label, ...device }: DeviceRow) {
    const { text, tone } = stateOf({ id, label, ...device })
    const { txPackets = 0, rxPackets = 0 } = this.#rates.value.of(id) ?? {}
    const frames = formatNumber(txPackets + rxPackets)
    const { id: marked, view } = this.#marked.value
    return (
      <li key={id}>
        <a href={placeHash({ view, device: id })} aria-current={id === marked ? 'true' : undefined}>
          <span class={`lamp ${tone}`} role="img" title={text} aria-label={text} />
          <span class="name" title={label}>
            {label}
          </span>
          <span class="rate" title="frames per second, both ways">
            {frames === '0' ? '' : `${frames}/s`}
          </span>
        </a>
      </li>
    )
  }

  /** Scrolls as little as possible. After scrollIntoView, Tab would start from the link. */
  #showMarked(): void {
    const list = this.element.querySelector('.list')!
    const link = list.querySelector('a[aria-current]')?.getBoundingClientRect()
    if (link === undefined) return
    const { top, bottom } = list.getBoundingClientRect()
    list.scrollTop += Math.min(0, link.top - top) + Math.max(0, link.bottom - bottom)
  }

  /** Up and down move through the list. */
  #key(event: KeyboardEvent): void {
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0
    if (step === 0) return
    const links = [...this.element.querySelectorAll('a')]
    const to = links.indexOf(document.activeElement as HTMLAnchorElement) + step
    event.preventDefault()
    const target = to < 0 ? this.search : links[to]
    target?.focus()
  }

  /** Enter chooses the first device that was found. */
  #keyInSearch({ key }: KeyboardEvent): void {
    if (key === 'Enter') this.element.querySelector('a')?.click()
    else if (key === 'Escape') this.#text.value = ''
  }
}
