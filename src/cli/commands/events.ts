/** `vnet events`: one line an event, also of vnets that start in the meantime, until Ctrl-C. */
import { ECONNREFUSED, VnetError } from '../../base/errno.ts'
import {
  aboutVnet,
  directoriesOf,
  type Found,
  isHere,
  isOfLab,
  labNames,
} from '../../control/client/find.ts'
import type { ControlClient, DeviceEvent, DeviceInfo, Subscription } from '../../control/index.ts'
import {
  type Entry,
  isSameNamespace,
  readDirectories,
  watchDirectories,
} from '../../control/sockets/directory.ts'
import type { RunDirectory } from '../../control/sockets/run-directory.ts'
import { directionText } from '../../netdev/device-wire.ts'
import { IFF_UP } from '../../netdev/if.ts'
import { askVnets, fail, failEnded, type QueryOptions } from '../ask.ts'
import { isAmong, isNamed, isOwnerName, label, type NamedDevice, sideOf } from '../device-text.ts'
import { EXIT_FAILURE, EXIT_OK, endOf, type Io } from '../process/io.ts'

interface EventsOptions extends QueryOptions {
  /** Dropped frames of an interface between two `drops` events. */
  readonly drops: number | undefined
}

/** Prints the events of the interfaces `names`, or of all if `names` is empty. */
export function printEvents(
  names: readonly string[],
  options: EventsOptions,
  io: Io,
): Promise<number> {
  const { user } = options
  const follow = async (client: ControlClient, { devices }: Found) => {
    using end = endOf(io)
    // An event names its interface, and no container.
    const own = names.flatMap(name =>
      isOwnerName(name) ? devices.filter(each => isNamed(each, name)).map(label) : name,
    )
    const followed = new FollowedVnets(own, options, io, client)
    using _ = watchDirectories(() => followed.listenToAll(true), followed.directories)
    followed.listenToAll(false)
    const asked = await Promise.race([end.asked.then(() => true), followed.allEnded]).finally(
      () => {
        followed.isOver = true
      },
    )
    if (!asked) return followed.complained ? EXIT_FAILURE : failEnded(io)
    await followed.close()
    return EXIT_OK
  }
  return askVnets(names, io, follow, { user })
}

class FollowedVnets {
  readonly directories: readonly RunDirectory[]
  /** Settles when no vnet is left. */
  readonly allEnded: Promise<false>
  complained = false
  isOver = false
  readonly #names: readonly string[]
  readonly #options: EventsOptions
  readonly #io: Io
  readonly #client: ControlClient
  /** The subscription to each vnet; undefined while the vnet has not replied yet. */
  readonly #subscriptions = new Map<string, Subscription | undefined>()
  /** For each vnet of another namespace: its interfaces that were seen in this one. */
  readonly #guests = new Map<string, Set<string>>()
  #namesOf = labNames([])
  #noneIsLeft = () => {}

  constructor(names: readonly string[], options: EventsOptions, io: Io, client: ControlClient) {
    this.directories = directoriesOf({ user: options.user, ...io.find })
    this.#names = names
    this.#options = options
    this.#io = io
    this.#client = client
    this.allEnded = new Promise(resolve => {
      this.#noneIsLeft = () => resolve(false)
    })
  }

  listenToAll(areNew: boolean): void {
    // A change of the directory while the command ends must not subscribe again.
    if (this.isOver) return
    const here = this.#client.namespace
    const entries = readDirectories(this.directories)
    this.#namesOf = labNames(entries)
    for (const entry of entries) {
      if (!isHere(entry, here)) continue
      const { vnet, interfaces } = entry
      const seen = this.#guests.get(vnet) ?? new Set()
      this.#guests.set(vnet, seen)
      for (const device of interfaces) {
        if (isSameNamespace(device, here)) {
          seen.add(keyOf(device))
        }
      }
      if (!this.#subscriptions.has(vnet)) {
        void this.#listen(entry, areNew)
      }
    }
  }

  async close(): Promise<void> {
    for (const subscription of this.#subscriptions.values()) {
      await subscription?.close()
    }
  }

  async #listen(entry: Entry, isNew: boolean): Promise<void> {
    const { vnet } = entry
    this.#subscriptions.set(vnet, undefined)
    try {
      const subscription = await this.#subscribe(entry, isNew)
      await subscription.ended
      this.#subscriptions.delete(vnet)
    } catch (error) {
      if (!(error instanceof VnetError)) throw error
      this.#subscriptions.delete(vnet)
      if (error.errno !== ECONNREFUSED && !this.isOver) {
        fail(this.#io, aboutVnet(error, entry))
        this.complained = true
      }
    }
    if (this.#subscriptions.size === 0) {
      this.#noneIsLeft()
    }
  }

  /** Prints a vnet's events until it ends; for a new vnet, first its events up to now. */
  async #subscribe({ vnet, netns, pid }: Entry, isNew: boolean): Promise<Subscription> {
    const { json, drops } = this.#options
    const line = (text: string) => this.#io.out(`${text}\n`)
    let held: DeviceEvent[] | undefined = isNew ? [] : undefined
    const named = (event: DeviceEvent) => ({ ...event, ...this.#namesOf(event.netns, pid) })
    const print = (event: DeviceEvent) =>
      line(json ? JSON.stringify(fields(event)) : eventLine(named(event)))
    const isShown = (event: DeviceEvent) =>
      isAmong(named(event), this.#names) &&
      (netns === this.#client.namespace.inode ||
        isOfLab(event) ||
        this.#guests.get(vnet)?.has(keyOf(event)))
    const onEvent = (event: DeviceEvent) => {
      if (!isShown(event)) return
      if (held === undefined) {
        print(event)
      } else {
        held.push(event)
      }
    }
    const onLost = () => line(json ? '{"event":"lost"}' : 'some events were lost')
    const subscription = await this.#client.subscribe(vnet, onEvent, {
      dropThreshold: drops,
      onLost,
    })
    this.#subscriptions.set(vnet, subscription)
    if (held !== undefined) {
      // A vnet that has ended by now has sent all its events.
      const devices = await this.#client.devices(vnet).catch(() => [])
      const before = devices
        .flatMap(begun)
        .filter(event => isShown(event) && !held?.some(isSameAs(event)))
      for (const event of [...before, ...held]) {
        print(event)
      }
      held = undefined
    }
    return subscription
  }
}

function keyOf({
  ifindex,
  netns,
}: {
  readonly ifindex: number
  readonly netns?: string | undefined
}): string {
  return `${ifindex} ${netns}`
}

const isSameAs = (event: DeviceEvent) => (other: DeviceEvent) =>
  other.event === event.event && keyOf(other) === keyOf(event)

/** Returns the events that have led to the present state of a device. */
function begun({ ifindex, name, netns, flags }: DeviceInfo): DeviceEvent[] {
  const events: DeviceEvent['event'][] =
    (flags & IFF_UP) === 0 ? ['registered'] : ['registered', 'up']
  const rest = { queue: undefined, txTimeouts: undefined, dropped: undefined, attached: false }
  return events.map(event => ({ event, time: undefined, ifindex, name, netns, ...rest }))
}

function fields({ event, time, name, ifindex, netns, attached, ...rest }: DeviceEvent) {
  const { direction } = rest
  const side = direction && sideOf(direction, attached)
  return { event, time: time ?? null, name, ifindex, netns: netns ?? null, ...rest, side }
}

/** Returns `2026-11-21T02:00:00.125Z sn0: up`; without the time if it was before the command. */
export function eventLine(event: DeviceEvent & NamedDevice): string {
  const { time, queue, txTimeouts, dropped, direction, text, mode, step } = event
  const at = time === undefined ? '' : `${new Date(time).toISOString()} `
  const total = txTimeouts ?? dropped
  if (direction !== undefined) {
    const shown = directionText({ direction, side: sideOf(direction, event.attached) })
    return `${at}${label(event)}: wire ${shown}: ${text === '' ? 'off' : text}`
  }
  if (step !== undefined) return `${at}${label(event)}: step ${step.number}, ${step.next}`
  if (mode !== undefined) return `${at}${label(event)}: step ${mode}`
  const notes = [
    queue === undefined ? [] : `queue ${queue}`,
    total === undefined ? [] : `${total} so far`,
  ]
  return `${at}${label(event)}: ${[event.event, ...notes.flat()].join(', ')}`
}
