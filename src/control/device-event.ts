/** What happens to devices, as a subscriber hears of it. */
import type { Decoded } from '../netlink/index.ts'
import type { Device } from './device-stats.ts'
import { eventNumbers, type eventPolicy, VNET_EVENTS_ALL } from './family.ts'

export type DeviceEventName = keyof typeof eventNumbers

export interface DeviceEvent extends Device {
  /** A newer vnet may have events that are not known here: `event 9`. */
  readonly event: DeviceEventName | `event ${number}`
  /** With `timeout`: the transmit queue, and the device's timeouts so far. */
  readonly queue: number | undefined
  readonly txTimeouts: number | undefined
  /** With `drops`: the frames that the device dropped since it was registered or reset. */
  readonly dropped: number | undefined
}

export interface SubscribeOptions {
  /** All when absent. */
  readonly events?: readonly DeviceEventName[] | undefined
  /** A device's drops between one `drops` event and the next; there is none when it is 0 or absent. */
  readonly dropThreshold?: number | undefined
  /** Called before an event when some were lost before it: the client had not read for too long. */
  readonly onLost?: (() => void) | undefined
}

export interface Subscription extends AsyncDisposable {
  /** Settles when no event comes any more: the subscription or the client is closed, or the vnet has ended. */
  readonly ended: Promise<void>
  /** Ends it. Idempotent; never rejects. */
  close(): Promise<void>
}

export function deviceEvent(answer: Decoded<typeof eventPolicy.fields>): DeviceEvent {
  const { event, ifindex, ifname, netns, queue, txTimeouts, dropped } = answer
  const names = Object.keys(eventNumbers) as DeviceEventName[]
  return {
    event: names.find(name => eventNumbers[name] === event) ?? `event ${event}`,
    ifindex,
    name: ifname,
    netns,
    queue,
    txTimeouts: txTimeouts === undefined ? undefined : Number(txTimeouts),
    dropped: dropped === undefined ? undefined : Number(dropped),
  }
}

/** Bit 1 << VNET_EVENT_* of each. */
export function eventMask(events: readonly DeviceEventName[] | undefined): number {
  return events?.reduce((mask, name) => mask | (1 << eventNumbers[name]), 0) ?? VNET_EVENTS_ALL
}
