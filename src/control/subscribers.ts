/**
 * Who asked for events, and what of them. Nothing is kept for one that does not read; that something was lost he is told (NLMSG_OVERRUN) with
 * the next event that he has room for. Who is gone is no subscriber any more.
 */
import { EAGAIN, ECONNREFUSED } from '../core/errno.ts'
import type { NetDevice } from '../core/net-device.ts'
import { MessageBuilder, NLMSG_NOOP, NLMSG_OVERRUN } from '../netlink/index.ts'
import { VNET_EVENTS_ALL } from './family.ts'

const SUBSCRIBERS = 64
/** Of one user, so that nobody can take all. */
const SUBSCRIBERS_A_USER = 16

export interface Subscriber {
  readonly port: number
  readonly uid: number
  /** 1 << VNET_EVENT_* */
  readonly events: number
  /** Drops between one VNET_EVENT_DROPS of a device and the next; 0 is none. */
  readonly dropThreshold: number
  /** Drops of each device that it was last told of. */
  readonly told: WeakMap<NetDevice, number>
  /** There was no room for an event. */
  lost: boolean
}

const noop = new MessageBuilder().message(NLMSG_NOOP, 0, 0).bytes
const overrun = new MessageBuilder().message(NLMSG_OVERRUN, 0, 0).bytes

export class Subscribers {
  readonly #byPort = new Map<number, Subscriber>()
  readonly #send: (port: number, octets: Uint8Array) => number
  readonly #onChange: () => void
  readonly #drops: () => Subscriber['told']

  /**
   * `send` answers the octets sent, or -errno; it never waits. `onChange` is told when the set is another. `drops` are those of each
   * device so far: what was dropped before is nobody's news.
   */
  constructor(
    send: (port: number, octets: Uint8Array) => number,
    onChange: () => void,
    drops: () => Subscriber['told'],
  ) {
    this.#send = send
    this.#onChange = onChange
    this.#drops = drops
  }

  /** In place of what this port asked for before; no events end it. False when there are too many. */
  set(port: number, uid: number, events = VNET_EVENTS_ALL, dropThreshold = 0): boolean {
    this.#byPort.delete(port)
    if (events !== 0) {
      if (this.#isFull(uid)) this.#probe()
      if (this.#isFull(uid)) return false
      this.#byPort.set(port, { port, uid, events, dropThreshold, told: this.#drops(), lost: false })
    }
    this.#onChange()
    return true
  }

  /** Those there are now; the list stays as it is. */
  get all(): readonly Subscriber[] {
    return [...this.#byPort.values()]
  }

  send(subscriber: Subscriber, octets: Uint8Array): void {
    const { port, lost } = subscriber
    const sent = this.#send(port, lost ? Buffer.concat([overrun, octets]) : octets)
    if (sent < 0 && sent !== -EAGAIN) this.#forget(port)
    else subscriber.lost = sent < 0
  }

  #forget(port: number): void {
    this.#byPort.delete(port)
    this.#onChange()
  }

  #isFull(uid: number): boolean {
    const { all } = this
    return all.length >= SUBSCRIBERS || all.filter(each => each.uid === uid).length >= SUBSCRIBERS_A_USER
  }

  /** Finds out who is gone: a message that means nothing cannot be sent to him. */
  #probe(): void {
    for (const { port } of this.all) if (this.#send(port, noop) === -ECONNREFUSED) this.#forget(port)
  }
}
