/**
 * Events: what happens to the devices, told to the subscribers as it happens. Drops are looked at now and then, as long as a
 * subscriber has a threshold for them: a frame that is dropped pays nothing for it.
 */
import { type Alarm, NSEC_PER_MSEC } from '../core/clock.ts'
import { NETDEV_DOWN, NETDEV_REGISTER, NETDEV_TX_TIMEOUT, NETDEV_UNREGISTER, NETDEV_UP } from '../core/if.ts'
import type { Net } from '../core/net.ts'
import type { NetDevice } from '../core/net-device.ts'
import { genlmsghdr, MessageBuilder } from '../netlink/index.ts'
import {
  VNET_ATTR_DROPPED,
  VNET_ATTR_EVENT,
  VNET_ATTR_QUEUE,
  VNET_ATTR_TX_TIMEOUTS,
  VNET_CMD_EVENT,
  VNET_EVENT_DOWN,
  VNET_EVENT_DROPS,
  VNET_EVENT_REGISTERED,
  VNET_EVENT_TIMEOUT,
  VNET_EVENT_UNREGISTERED,
  VNET_EVENT_UP,
  VNET_GENL_ID,
  VNET_GENL_VERSION,
} from './family.ts'
import type { Write } from './operation.ts'
import { queueEvents, sumOfEvents } from './queue-events.ts'
import { identify, type Subject } from './subject.ts'
import { Subscribers } from './subscribers.ts'

/** How often drops are looked at. */
const DROPS_MS = 100

const eventOf: ReadonlyMap<number, number> = new Map([
  [NETDEV_REGISTER, VNET_EVENT_REGISTERED],
  [NETDEV_UNREGISTER, VNET_EVENT_UNREGISTERED],
  [NETDEV_UP, VNET_EVENT_UP],
  [NETDEV_DOWN, VNET_EVENT_DOWN],
  [NETDEV_TX_TIMEOUT, VNET_EVENT_TIMEOUT],
])

export class Events {
  readonly subscribers: Subscribers
  readonly #net: Net
  readonly #netnsOf: Subject['netnsOf']
  readonly #alarm: Alarm
  readonly #stop: () => void
  #watching = false

  constructor(net: Net, netnsOf: Subject['netnsOf']) {
    this.#net = net
    this.#netnsOf = netnsOf
    this.#alarm = net.clock.alarm(() => this.#lookAtDrops())
    this.subscribers = new Subscribers(
      () => this.#subscribersChanged(),
      () => new WeakMap(net.devices.map(dev => [dev, dropsOf(dev)])),
    )
    this.#stop = net.registerNetdeviceNotifier((happened, dev) => {
      const event = eventOf.get(happened)
      if (event !== undefined) this.#tell(dev, event)
    })
  }

  [Symbol.dispose](): void {
    this.#stop()
    this.#alarm.cancel()
  }

  #tell(dev: NetDevice, event: number): void {
    const octets = this.#message(dev, event, builder => {
      if (event !== VNET_EVENT_TIMEOUT) return
      builder.u32(VNET_ATTR_QUEUE, dev.watchdog.lastQueue)
      builder.u64(VNET_ATTR_TX_TIMEOUTS, BigInt(sumOfEvents(queueEvents(dev)).txTimeouts))
    })
    for (const subscriber of this.subscribers.all) {
      if ((subscriber.events & (1 << event)) !== 0) this.subscribers.send(subscriber, octets)
    }
  }

  #message(dev: NetDevice, event: number, write: Write): Uint8Array {
    const builder = new MessageBuilder()
    builder.message(VNET_GENL_ID, 0, 0).payload(genlmsghdr(VNET_CMD_EVENT, VNET_GENL_VERSION))
    identify(builder, { netnsOf: this.#netnsOf }, dev)
    write(builder.u32(VNET_ATTR_EVENT, event))
    return builder.bytes
  }

  #subscribersChanged(): void {
    const wanted = this.subscribers.all.some(wantsDrops)
    if (wanted && !this.#watching) this.#alarm.at(this.#net.clock.now() + DROPS_MS * NSEC_PER_MSEC)
    else if (!wanted) this.#alarm.cancel()
    this.#watching = wanted
  }

  #lookAtDrops(): void {
    for (const dev of this.#net.devices) {
      const dropped = dropsOf(dev)
      let octets: Uint8Array | undefined
      for (const subscriber of this.subscribers.all.filter(wantsDrops)) {
        const { told, dropThreshold } = subscriber
        // Fewer than it was told of: its statistics were reset.
        const before = told.get(dev) ?? 0
        const last = dropped < before ? 0 : before
        told.set(dev, dropped - last >= dropThreshold ? dropped : last)
        if (dropped - last < dropThreshold) continue
        octets ??= this.#message(dev, VNET_EVENT_DROPS, b => void b.u64(VNET_ATTR_DROPPED, BigInt(dropped)))
        this.subscribers.send(subscriber, octets)
      }
    }
    if (this.#watching) this.#alarm.at(this.#net.clock.now() + DROPS_MS * NSEC_PER_MSEC)
  }
}

function wantsDrops({ events, dropThreshold }: { events: number; dropThreshold: number }): boolean {
  return dropThreshold > 0 && (events & (1 << VNET_EVENT_DROPS)) !== 0
}

/** Frames that a device dropped since it was registered or reset. */
function dropsOf({ counters }: NetDevice): number {
  const { tx, rx } = counters.drops()
  let sum = 0
  for (const n of tx) sum += n
  for (const n of rx) sum += n
  return sum
}
