/** The list of all devices, by vnet, with a search. */

import { formatNumber } from '../../base/quantity.ts'
import type { DeviceId, DeviceRow, VnetRow } from '../feed-types.ts'
import { h, setText } from './dom.ts'
import { stateOf } from './driver-text.ts'
import { isFound } from './place.ts'
import type { Rates } from './rates.ts'

interface Row {
  readonly item: HTMLLIElement
  readonly link: HTMLAnchorElement
  readonly lamp: HTMLElement
  readonly name: HTMLElement
  readonly rate: HTMLElement
  device: DeviceRow
}

export class DeviceList {
  readonly element: HTMLElement
  readonly search: HTMLInputElement
  readonly #list = h('div', { class: 'list' })
  readonly #count = h('p', { class: 'muted', attrs: { role: 'status' } })
  readonly #rows = new Map<DeviceId, Row>()
  readonly #rates: Rates
  #marked: DeviceId | undefined
  readonly #address: (id: DeviceId) => string
  #groups: readonly { readonly element: HTMLElement; readonly rows: readonly Row[] }[] = []

  constructor(rates: Rates, address: (id: DeviceId) => string) {
    this.#rates = rates
    this.#address = address
    this.search = h('input', {
      type: 'search',
      placeholder: 'Search interfaces',
      attrs: { 'aria-label': 'Search interfaces', 'aria-keyshortcuts': '/' },
      on: { input: () => this.#filter(), keydown: event => this.#keyInSearch(event) },
    })
    this.element = h(
      'nav',
      { class: 'devices', attrs: { 'aria-label': 'Interfaces' }, on: { keydown: event => this.#key(event) } },
      h('div', { class: 'search' }, this.search, this.#count),
      this.#list,
    )
  }

  /**
   * Shows the devices of a `hello`. Rows of devices that still exist are kept, with their focus.
   */
  update(vnets: readonly VnetRow[]): void {
    // Before the items move into new lists, which takes the focus from them.
    const focused = document.activeElement
    const ids = new Set(vnets.flatMap(vnet => vnet.devices.map(({ id }) => id)))
    for (const id of [...this.#rows.keys()]) if (!ids.has(id)) this.#rows.delete(id)
    this.#groups = vnets.map(({ pid, driver, devices }) => {
      const rows = devices.map(device => this.#row(device))
      const heading = h('h2', {}, `${driver}, pid ${pid}`)
      return { element: h('section', {}, heading, h('ul', {}, ...rows.map(({ item }) => item))), rows }
    })
    this.#list.replaceChildren(...this.#groups.map(({ element }) => element))
    if (focused instanceof HTMLElement && this.#list.contains(focused)) focused.focus({ preventScroll: true })
    this.#filter()
  }

  /** Marks the device that is looked at, and shows it in the list. */
  mark(id: DeviceId | undefined): void {
    const isOther = id !== this.#marked
    this.#marked = id
    for (const [rowId, { link }] of this.#rows) {
      if (rowId === id) link.setAttribute('aria-current', 'true')
      else link.removeAttribute('aria-current')
      link.href = this.#address(rowId)
    }
    if (isOther) this.#showMarked()
  }

  /** Scrolls as little as possible. After scrollIntoView, Tab would start from the link. */
  #showMarked(): void {
    const link = this.#rows.get(this.#marked ?? '')?.link.getBoundingClientRect()
    if (link === undefined) return
    const list = this.#list.getBoundingClientRect()
    this.#list.scrollTop += Math.min(0, link.top - list.top) + Math.max(0, link.bottom - list.bottom)
  }

  /** Shows the rates of the last message with statistics. */
  updateRates(): void {
    for (const [id, { rate }] of this.#rows) {
      const { txPackets = 0, rxPackets = 0 } = this.#rates.of(id) ?? {}
      const frames = formatNumber(txPackets + rxPackets)
      setText(rate, frames === '0' ? '' : `${frames}/s`)
    }
  }

  #row(device: DeviceRow): Row {
    const row = this.#rows.get(device.id) ?? this.#newRow(device)
    row.device = device
    const { text, tone } = stateOf(device)
    row.lamp.className = `lamp ${tone}`
    row.lamp.title = text
    row.lamp.setAttribute('aria-label', text)
    setText(row.name, device.label)
    row.name.title = device.label
    return row
  }

  #newRow(device: DeviceRow): Row {
    const lamp = h('span', { attrs: { role: 'img' } })
    const name = h('span', { class: 'name' })
    const rate = h('span', { class: 'rate', title: 'frames per second, both ways' })
    const link = h('a', { href: this.#address(device.id) }, lamp, name, rate)
    const row = { item: h('li', {}, link), link, lamp, name, rate, device }
    this.#rows.set(device.id, row)
    return row
  }

  #filter(): void {
    let found = 0
    for (const { element, rows } of this.#groups) {
      let inGroup = 0
      for (const { item, device } of rows) {
        item.hidden = !isFound(device, this.search.value)
        if (!item.hidden) inGroup++
      }
      element.hidden = inGroup === 0
      found += inGroup
    }
    const all = this.#rows.size
    const text = all === 1 ? '1 interface' : `${all} interfaces`
    setText(this.#count, found === all ? text : found === 0 ? `None of ${text}` : `${found} of ${text}`)
  }

  get #links(): HTMLAnchorElement[] {
    const shown = this.#groups.flatMap(({ rows }) => rows.filter(({ item }) => !item.hidden))
    return shown.map(({ link }) => link)
  }

  /** Up and down move through the list. */
  #key(event: KeyboardEvent): void {
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0
    if (step === 0) return
    const links = this.#links
    const to = links.indexOf(document.activeElement as HTMLAnchorElement) + step
    event.preventDefault()
    const target = to < 0 ? this.search : links[to]
    target?.focus()
  }

  /** Enter chooses the first device that was found. */
  #keyInSearch(event: KeyboardEvent): void {
    if (event.key === 'Enter') this.#links[0]?.click()
    else if (event.key === 'Escape') {
      this.search.value = ''
      this.#filter()
      this.#showMarked()
    }
  }
}
