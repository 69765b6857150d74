/**
 * Events: changes of the devices, sent to each subscriber immediately. Drops are polled, only while
 * a subscriber has a threshold for them, in the time that Turns grants. A subscriber that does not
 * read loses the events that do not fit its queue. NLMSG_OVERRUN replaces them: it is sent before
 * the next event that fits, or once everything has been read.
 */
import { type Alarm, NSEC_PER_MSEC, type Work } from '../../base/index.ts'
import { Drops } from '../../netdev/counters.ts'
import {
  NETDEV_CHANGE,
  NETDEV_DOWN,
  NETDEV_REGISTER,
  NETDEV_STEP,
  NETDEV_TX_TIMEOUT,
  NETDEV_UNREGISTER,
  NETDEV_UP,
  NETDEV_WIRE,
} from '../../netdev/if.ts'
import type { DeviceWire, Net, NetDevice } from '../../netdev/index.ts'
import { encodeAttributes, genlmsghdr, MessageBuilder, NLMSG_OVERRUN } from '../../netlink/index.ts'
import {
  commands,
  eventNumbers,
  VNET_EVENTS_ALL,
  VNET_GENL_ID,
  VNET_GENL_VERSION,
} from '../protocol/family.ts'
import { deviceCounters } from '../protocol/queue-counters.ts'
import type { Caller } from './operation.ts'
import { stepDetails } from './step.ts'
import { identify, isMeant, type Subject, type SubscriptionSpec, type Which } from './subject.ts'
import { wireText } from './wire.ts'

/** Milliseconds from one poll of the drops to the next. */
const DROPS_MS = 100
/** Subscribers that one step of a poll sends to; such a step takes about 50 us. */
const DROPS_STEP = 16
/** The result of each call of dropsOf, so that a poll allocates none. */
const DROPS = new Drops()

type EventName = keyof typeof eventNumbers

const eventOf: ReadonlyMap<number, EventName> = new Map([
  [NETDEV_REGISTER, 'registered'],
  [NETDEV_UNREGISTER, 'unregistered'],
  [NETDEV_UP, 'up'],
  [NETDEV_DOWN, 'down'],
  [NETDEV_TX_TIMEOUT, 'timeout'],
  [NETDEV_STEP, 'step'],
])

const overrun = new MessageBuilder().message(NLMSG_OVERRUN, 0, 0).bytes

interface Subscriber {
  readonly caller: Caller
  readonly events: number
  readonly dropThreshold: number
  readonly which: Which
  /** The drops of each device at the last event. */
  readonly notified: WeakMap<NetDevice, number>
  lost: boolean
}

export class Events {
  readonly #net: Net
  readonly #netnsOf: Subject['netnsOf']
  readonly #now: () => number
  /** True if all devices are attachments. Events of wires say so. */
  readonly #attached: true | undefined
  readonly #subscribers = new Map<Caller, Subscriber>()
  /** The carrier and cable of each device, as last reported. */
  readonly #reported = new WeakMap<
    NetDevice,
    { readonly carrier: boolean; readonly cut: boolean }
  >()
  /** The text of the wires of each device, as last reported. */
  readonly #wires = new WeakMap<NetDevice, readonly string[]>()
  /** A poll for subscribers with rights and one for all others: Turns counts their time apart. */
  readonly #polls = [true, false].map(privileged => this.#dropPoll(privileged))
  readonly #alarm: Alarm
  readonly #stop: () => void
  #polling = false

  /** `now` is the wall clock, in ms since 1970. `attached`: all devices are attachments. */
  constructor(net: Net, netnsOf: Subject['netnsOf'], now: () => number, attached?: true) {
    this.#attached = attached
    this.#net = net
    this.#netnsOf = netnsOf
    this.#now = now
    this.#alarm = net.clock.alarm(() => this.#pollDrops())
    for (const dev of net.devices) {
      this.#reported.set(dev, { carrier: dev.carrier, cut: dev.cut })
      this.#wires.set(dev, textsOf(dev))
    }
    this.#stop = net.registerNetdeviceNotifier((happened, dev) => {
      const event = eventOf.get(happened)
      if (event !== undefined) {
        this.#notify(dev, event)
      }
      if (happened === NETDEV_REGISTER || happened === NETDEV_CHANGE) {
        this.#reportCarrier(dev)
      }
      if (happened === NETDEV_REGISTER || happened === NETDEV_WIRE) {
        this.#reportWires(dev)
      }
    })
  }

  get subscribers(): readonly Caller[] {
    return [...this.#subscribers.keys()]
  }

  /** Replaces the caller's former subscription. A mask of 0 ends it. */
  subscribe(
    caller: Caller,
    { events = VNET_EVENTS_ALL, dropThreshold = 0, which = {} }: SubscriptionSpec = {},
  ): void {
    this.unsubscribe(caller)
    if (events === 0) return
    // Frames that were dropped earlier do not count.
    const notified = new WeakMap(this.#net.devices.map(dev => [dev, dropsOf(dev)]))
    const subscriber = { caller, events, dropThreshold, which, notified, lost: false }
    this.#subscribers.set(caller, subscriber)
    caller.onDrained = () => {
      if (subscriber.lost) {
        subscriber.lost = !caller.notify(overrun)
      }
    }
    this.#subscribersChanged()
  }

  unsubscribe(caller: Caller): void {
    if (!this.#subscribers.delete(caller)) return
    caller.onDrained = undefined
    this.#subscribersChanged()
  }

  [Symbol.dispose](): void {
    this.#stop()
    this.#alarm.cancel()
    for (const poll of this.#polls) {
      this.#net.turns.delete(poll)
    }
  }

  /** Compares with the last report: NETDEV_CHANGE does not carry the change itself. */
  #reportCarrier(dev: NetDevice): void {
    const { carrier, cut } = dev
    const before = this.#reported.get(dev) ?? dev
    this.#reported.set(dev, { carrier, cut })
    if (cut !== before.cut) {
      this.#notify(dev, cut ? 'cut' : 'plugged')
    }
    if (carrier !== before.carrier) {
      this.#notify(dev, carrier ? 'carrier-on' : 'carrier-off')
    }
  }

  /** Compares with the last report. Each direction with a changed text is an event. */
  #reportWires(dev: NetDevice): void {
    const before = this.#wires.get(dev)
    this.#wires.set(dev, textsOf(dev))
    if (before === undefined) return
    for (const [i, { direction, text }] of wiresOf(dev).entries()) {
      if (text === before[i]) continue
      this.#notify(dev, 'wire', {
        wireDirection: direction,
        wireText: wireText(text),
        attached: this.#attached,
      })
    }
  }

  #notify(dev: NetDevice, event: EventName, details?: object): void {
    let bytes: Uint8Array | undefined
    for (const subscriber of this.#wanting(event, dev)) {
      bytes ??= this.#message(dev, event, details ?? detailsOf(dev, event, this.#netnsOf))
      send(subscriber, bytes)
    }
  }

  #wanting(event: EventName, dev: NetDevice): Subscriber[] {
    return [...this.#subscribers.values()].filter(
      ({ events, which }) =>
        (events & (1 << eventNumbers[event])) !== 0 && isMeant(dev, which, this.#netnsOf),
    )
  }

  #message(dev: NetDevice, event: EventName, details: object): Uint8Array {
    const builder = new MessageBuilder()
    builder.message(VNET_GENL_ID, 0, 0).payload(genlmsghdr(commands.event.cmd, VNET_GENL_VERSION))
    const device = identify({ netnsOf: this.#netnsOf }, dev)
    encodeAttributes(builder, commands.event.reply, {
      ...device,
      event,
      time: this.#now(),
      ...details,
    })
    return builder.bytes
  }

  #subscribersChanged(): void {
    const wanted = [...this.#subscribers.values()].some(wantsDrops)
    if (wanted && !this.#polling) {
      this.#pollLater()
    } else if (!wanted) {
      this.#alarm.cancel()
    }
    this.#polling = wanted
  }

  #pollLater(): void {
    this.#alarm.at(this.#net.clock.now() + DROPS_MS * NSEC_PER_MSEC)
  }

  #pollDrops(): void {
    const wanting = [...this.#subscribers.values()].filter(wantsDrops)
    for (const poll of this.#polls) {
      if (wanting.some(({ caller }) => caller.privileged === poll.privileged)) {
        this.#net.turns.add(poll)
      }
    }
    if (this.#polling) {
      this.#pollLater()
    }
  }

  /**
   * Returns the work of a poll of all devices, for the subscribers with rights or for all others. A
   * poll that outlasts the time until the next one continues.
   */
  #dropPoll(privileged: boolean): Work {
    let steps: Iterator<undefined> | undefined
    const step = () => {
      steps ??= this.#dropsFor(privileged)
      if (steps.next().done !== true) return true
      steps = undefined
      return false
    }
    return { share: 'drops', privileged, step, wait() {} }
  }

  /** The steps of such a poll: a `yield` follows each device, and DROPS_STEP subscribers. */
  *#dropsFor(privileged: boolean): Generator<undefined, void> {
    for (const dev of [...this.#net.devices]) {
      if (!this.#net.devices.includes(dev)) continue
      const dropped = dropsOf(dev)
      let bytes: Uint8Array | undefined
      let left = DROPS_STEP
      for (const subscriber of this.#wanting('drops', dev).filter(wantsDrops)) {
        const { caller, notified, dropThreshold } = subscriber
        // The other poll serves it, or its subscription has ended since the last step.
        if (caller.privileged !== privileged || this.#subscribers.get(caller) !== subscriber) {
          continue
        }
        const before = notified.get(dev) ?? 0
        // Fewer than before: the statistics were reset.
        const last = dropped < before ? 0 : before
        const isDue = dropped - last >= dropThreshold
        notified.set(dev, isDue ? dropped : last)
        if (isDue) {
          bytes ??= this.#message(dev, 'drops', { dropped })
          send(subscriber, bytes)
        }
        if (--left > 0) continue
        yield
        left = DROPS_STEP
      }
      yield
    }
  }
}

function detailsOf(dev: NetDevice, event: EventName, netnsOf: Subject['netnsOf']): object {
  if (event === 'step') return stepDetails(dev, netnsOf)
  if (event !== 'timeout') return {}
  return { queue: dev.watchdog.lastQueue, txTimeouts: deviceCounters(dev).txTimeouts }
}

const wiresOf = (dev: NetDevice): readonly DeviceWire[] => dev.netdevOps.ndoGetWires?.(dev) ?? []

const textsOf = (dev: NetDevice): string[] => wiresOf(dev).map(({ text }) => text)

function send(subscriber: Subscriber, bytes: Uint8Array): void {
  // Both or neither: the overrun alone would take the room of an event.
  subscriber.lost = !subscriber.caller.notify(
    subscriber.lost ? Uint8Array.of(...overrun, ...bytes) : bytes,
  )
}

function wantsDrops({ events, dropThreshold }: Subscriber): boolean {
  return dropThreshold > 0 && (events & (1 << eventNumbers.drops)) !== 0
}

/** Frames that a device dropped since it was registered or reset. */
function dropsOf({ counters }: NetDevice): number {
  const { tx, rx } = counters.drops(DROPS)
  let sum = 0
  for (const n of tx) {
    sum += n
  }
  for (const n of rx) {
    sum += n
  }
  return sum
}
