/**
 * Who asked for events, and what of them. A subscriber who does not read loses those that there is no room for; NLMSG_OVERRUN
 * stands in their place, sent with the next event that there is room for, or when all has been read.
 */
import type { NetDevice } from '../core/net-device.ts'
import { MessageBuilder, NLMSG_OVERRUN } from '../netlink/index.ts'
import { VNET_EVENTS_ALL } from './family.ts'
import type { Caller } from './operation.ts'

export interface Subscriber {
  readonly caller: Caller
  /** 1 << VNET_EVENT_* */
  readonly events: number
  /** Drops between one VNET_EVENT_DROPS of a device and the next; 0 is none. */
  readonly dropThreshold: number
  /** Drops of each device that it was last told of. */
  readonly told: WeakMap<NetDevice, number>
  /** There was no room for an event. */
  lost: boolean
}

const overrun = new MessageBuilder().message(NLMSG_OVERRUN, 0, 0).bytes

export class Subscribers {
  readonly #byCaller = new Map<Caller, Subscriber>()
  readonly #onChange: () => void
  readonly #drops: () => Subscriber['told']

  /**
   * `onChange` is called when the set is another. `drops` returns those of each device so far: what was dropped before is no
   * news.
   */
  constructor(onChange: () => void, drops: () => Subscriber['told']) {
    this.#onChange = onChange
    this.#drops = drops
  }

  /** In place of what this caller asked for before; no events end it. */
  set(caller: Caller, events = VNET_EVENTS_ALL, dropThreshold = 0): void {
    this.delete(caller)
    if (events === 0) return
    const subscriber = { caller, events, dropThreshold, told: this.#drops(), lost: false }
    this.#byCaller.set(caller, subscriber)
    caller.onDrained = () => this.#tellOfLoss(subscriber)
    this.#onChange()
  }

  delete(caller: Caller): void {
    if (!this.#byCaller.delete(caller)) return
    caller.onDrained = undefined
    this.#onChange()
  }

  /** Those there are now; the list stays as it is. */
  get all(): readonly Subscriber[] {
    return [...this.#byCaller.values()]
  }

  send(subscriber: Subscriber, octets: Uint8Array): void {
    // Both or none: marks alone would take the room.
    subscriber.lost = !subscriber.caller.tell(subscriber.lost ? Buffer.concat([overrun, octets]) : octets)
  }

  #tellOfLoss(subscriber: Subscriber): void {
    if (subscriber.lost) subscriber.lost = !subscriber.caller.tell(overrun)
  }
}
