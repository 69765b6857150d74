/** The list of all devices, by vnet, with a search. */
import { useSignal } from '@preact/signals'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { formatNumber } from 'vnet/kit/base'
import type { DeviceRow } from '../feed-types.ts'
import { type App, isFound, placeHash, type View } from './app.ts'
import { stateOf } from './driver-text.ts'

interface ListProps {
  readonly app: App
  /** The view that links lead to. */
  readonly view: View
  /** Whether a narrow page shows the list. */
  readonly isOpen: boolean
}

/** The list, with links to each device in the current view. */
export function DeviceList({ app, view: { name: view, isGeneral }, isOpen }: ListProps) {
  const text = useSignal('')
  const nav = useRef<HTMLElement>(null)
  const { rates, device: { id } = {} } = app
  const rowView = isGeneral ? 'driver' : view
  const vnets = app.vnets.map(vnet => ({
    ...vnet,
    found: vnet.devices.filter(row => isFound(row, text.value)),
  }))
  const all = vnets.reduce((sum, { devices }) => sum + devices.length, 0)
  const foundCount = vnets.reduce((sum, { found }) => sum + found.length, 0)
  const many = all === 1 ? '1 interface' : `${all} interfaces`
  const isListed = vnets.some(({ found }) => found.some(device => device.id === id))
  useLayoutEffect(() => showMarked(nav.current!), [id, isListed, text.value === ''])
  /** Enter chooses the first device that is found, even before the list is drawn. */
  const keyInSearch = ({ key }: KeyboardEvent) => {
    const first = app.vnets.flatMap(({ devices }) => devices).find(row => isFound(row, text.value))
    if (key === 'Enter' && first !== undefined) {
      app.select(first.id)
    } else if (key === 'Escape') {
      text.value = ''
    }
  }
  return (
    <nav
      class={isOpen ? 'devices open' : 'devices'}
      aria-label="Interfaces"
      ref={nav}
      onKeyDown={event => moveFocus(nav.current!, event)}
    >
      <div class="search stack tight">
        <input
          type="search"
          placeholder="Search interfaces"
          aria-label="Search interfaces"
          aria-keyshortcuts="/"
          value={text.value}
          onInput={({ currentTarget }) => {
            text.value = currentTarget.value
          }}
          onKeyDown={keyInSearch}
        />
        <p class="muted" role="status">
          {foundCount === all ? many : `${foundCount === 0 ? 'None' : foundCount} of ${many}`}
        </p>
      </div>
      <div class="list scroll">
        {all > 0 && (
          <ul>
            <li>
              <a
                href={placeHash({ view: 'all', device: id ?? '' })}
                aria-current={view === 'all' ? 'page' : undefined}
              >
                All interfaces
              </a>
            </li>
          </ul>
        )}
        {vnets.map(
          ({ pid, driver, found }) =>
            found.length > 0 && (
              <details key={pid} open>
                <summary>{`${driver}, pid ${pid}`}</summary>
                <ul>
                  {found.map(device => (
                    <Row
                      key={device.id}
                      {...{
                        device,
                        rates,
                        view: rowView,
                        isMarked: !isGeneral && device.id === id,
                      }}
                    />
                  ))}
                </ul>
              </details>
            ),
        )}
      </div>
    </nav>
  )
}

type RowProps = Readonly<{
  rates: App['rates']
  device: DeviceRow
  view: string
  isMarked: boolean
}>

function Row({ rates, device, view, isMarked }: RowProps) {
  const { id, label } = device
  const { text, tone } = stateOf(device)
  const { txPackets = 0, rxPackets = 0, txDrops = 0, rxDrops = 0 } = rates.of(id) ?? {}
  const frames = formatNumber(txPackets + rxPackets)
  const drops = formatNumber(txDrops + rxDrops)
  return (
    <li>
      <a href={placeHash({ view, device: id })} aria-current={isMarked ? 'true' : undefined}>
        <span class={`lamp ${tone}`} role="img" title={text} aria-label={text} />
        <span class="name mono" title={label}>
          {label}
        </span>
        {drops !== '0' && (
          <span class="drops small drop number" title="frames dropped per second">
            {`−${drops}`}
          </span>
        )}
        <span class="rate small muted number" title="frames per second, both ways">
          {frames === '0' ? '' : `${frames}/s`}
        </span>
      </a>
    </li>
  )
}

/** Scrolls as little as possible. After scrollIntoView, Tab would start from the link. */
function showMarked(nav: HTMLElement): void {
  const list = nav.querySelector('.list')!
  const link = list.querySelector('details a[aria-current]')?.getBoundingClientRect()
  if (link === undefined || link.height === 0) return
  const { top, bottom } = list.getBoundingClientRect()
  list.scrollTop += Math.min(0, link.top - top) + Math.max(0, link.bottom - bottom)
}

/** Up and down move through the list. */
function moveFocus(nav: HTMLElement, event: KeyboardEvent): void {
  const step = Number(event.key === 'ArrowDown') - Number(event.key === 'ArrowUp')
  if (step === 0) return
  const links = [...nav.querySelectorAll<HTMLElement>('details[open] a')]
  const to = links.indexOf(document.activeElement as HTMLElement) + step
  event.preventDefault()
  const target = to < 0 ? nav.querySelector('input') : links[to]
  target?.focus()
}
