/** The interfaces between the parts of the page: the app, and the views that it shows. */
import { effect, type Signal, signal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import type * as feed from '../feed-types.ts'
import type { DeviceId, DeviceRow, VnetRow } from '../feed-types.ts'
import type { PageEvent } from './events.tsx'
import type { Rates } from './rates.ts'
import type { History } from './traffic-history.ts'

/** Messages of which only the last one about the selected device matters. */
export const LAST_TYPES = ['wire', 'late', 'params', 'segment', 'scenario', 'step'] as const
export type LastType = (typeof LAST_TYPES)[number]

/** A component or an effect that reads a property runs again when the property changes. */
export interface App {
  /** All vnets, of the last `hello`. */
  readonly vnets: readonly feed.VnetRow[]
  /** The device that the page shows; undefined if none is selected or it was deleted. */
  readonly device: feed.DeviceRow | undefined
  /** Whether the page has the token: without it controls are shown, but are disabled. */
  readonly mayChange: boolean
  readonly presets: readonly { readonly name: string; readonly up: string; readonly down: string }[]
  /** The rates between the last two messages with statistics. */
  readonly rates: Pick<Rates, 'of' | 'counters'>
  /** The last ten minutes of all devices. */
  readonly history: History
  /** The last events of all devices, oldest first. */
  readonly events: readonly PageEvent[]
  /** The server's time of the last statistics, in milliseconds since 1970. */
  readonly time: number
  /** Whether frames in motion are frozen. */
  readonly isPaused: boolean
  /** The last message of this type about the selected device; undefined before it arrives. */
  last<T extends LastType>(type: T): feed.Message<T> | undefined
  /** Returns the path of a request with the token: `/capture?...`; undefined without a server. */
  readonly path?: ((name: string, query: Readonly<Record<string, string>>) => string) | undefined
  select(id: feed.DeviceId): void
  /** Does it to the device looked at. Never rejects: without a server the result is an error. */
  command(command: feed.PageCommand): Promise<feed.CommandResult>
}

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
  readonly wants: readonly feed.Want[]
  /** Whether it also takes the `parts` of the device at the other end of a pair. */
  readonly wantsPeer?: boolean
  /** The component that is in the page while the view is shown. */
  readonly Body: () => ComponentChildren
  /** Takes a message of the feed, also while the view is hidden. */
  receive?(message: feed.FeedMessage): void
  /** The app has looked at another device, or the row of the device has changed. */
  deviceChanged?(): void
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
  command: feed.PageCommand,
  take: (result: feed.CommandResult) => void,
): () => void {
  let isCurrent = true
  const timer = setTimeout(async () => {
    const result = await app.command(command)
    if (isCurrent) take(result)
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
  return devices.find(device => device.id === id) ?? devices.find(device => lasting(device.id) === lasting(id))
}

/** Whether every word of a search is in the name, driver or hardware address of a device. */
export function isFound({ label, driver, mac }: DeviceRow, search: string): boolean {
  const text = `${label} ${driver} ${mac}`.toLowerCase()
  const words = search.toLowerCase().split(/\s+/)
  return words.every(word => text.includes(word))
}
