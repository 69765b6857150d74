/** The running vnets as all pages see them: not read after ten minutes without a page. */
import { setTimeout as sleep } from 'node:timers/promises'
import { explain, objectOf, VnetError } from 'vnet'
import {
  type ControlClient,
  type DeviceEvent,
  type DeviceStats,
  type FindOptions,
  type FoundDevice,
  findVnets,
  type Subscription,
} from 'vnet/control'
import { addressesOf, directoriesOf, watchDirectories } from 'vnet/kit/control'
import { loadNative } from 'vnet/kit/linux'
import { AddressCache } from './address-cache.ts'
import type { DeviceCounters, DeviceId } from './feed-types.ts'
import { sharedReading } from './http/shared-reading.ts'
import { orNothing } from './metrics/snapshot.ts'
import { deviceId, isPeer, presets, rowCounters, vnetRows } from './rows.ts'
import { type Feed, type Packed, Poll, pack, RECENT_MS, Recent } from './source.ts'

/** Milliseconds until the devices are read again, for changes without an event. */
const DEVICES_MS = 5000
const STATS_MS = 1000
/** Milliseconds from one search for devices to the next, however many pages want an unknown one. */
const FIND_MS = 100
/** Milliseconds after which a stuck vnet no longer delays the numbers of the others. */
const STUCK_MS = 500

/** Events that change nothing in `hello`. */
const PASSING: ReadonlySet<DeviceEvent['event']> = new Set(['timeout', 'drops', 'wire', 'step'])

/** The vnets that a server shows, and the client that reads them. */
export interface VnetsOptions {
  readonly client: ControlClient
  readonly version: string
  /** True for the vnets of all network namespaces. */
  readonly everywhere?: boolean | undefined
  /** The vnets of this user, instead of root's and the caller's own. For root. */
  readonly user?: number | undefined
  /** The devices that are shown; all by default. */
  readonly isWanted?: ((device: FoundDevice) => boolean) | undefined
  /** Where vnets are found, instead of the usual directories. */
  readonly directory?: string | undefined
}

/** The source of `hello`, `stats` and `event` of one server. Its owner calls stop() at the end. */
export class Vnets {
  readonly #options: VnetsOptions
  readonly #onEvent: (event: DeviceEvent) => void
  readonly #onFound: (id: DeviceId) => void
  readonly #hello: Poll
  readonly #stats: Poll
  readonly #found = sharedReading(() => this.#find(), FIND_MS)
  readonly #feeds = new Set<Feed>()
  /** Statistics and events, which are read on for a while without a page. */
  readonly recent = new Recent()
  readonly #reader = { send: () => true }
  #isReading = false
  #idle: NodeJS.Timeout | undefined
  #devices: ReadonlyMap<DeviceId, FoundDevice> = new Map()
  /** Loaded early: without root's capabilities, its file may be unreadable. */
  readonly #native = loadNative()
  readonly #addresses = new AddressCache(DEVICES_MS - STATS_MS)
  #counted: { readonly time: number; readonly frames: ReadonlyMap<DeviceId, number> } = {
    time: 0,
    frames: new Map(),
  }
  #rates: ReadonlyMap<DeviceId, number> = new Map()
  #hasFound = false
  /** Why vnets did not reply, which is said once. */
  #problems: ReadonlySet<string> = new Set()
  /** The subscription to each vnet; undefined until it has replied. */
  readonly #subscriptions = new Map<string, Subscription | undefined>()
  #watch: Disposable | undefined

  /** `onEvent` gets each event of a shown device, `onFound` each device that is new or replaced. */
  constructor(
    options: VnetsOptions,
    onEvent: (event: DeviceEvent) => void,
    onFound: (id: DeviceId) => void,
  ) {
    this.#options = options
    this.#onEvent = onEvent
    this.#onFound = onFound
    this.#hello = new Poll(() => this.#readDevices(), { interval: DEVICES_MS, isState: true })
    this.#stats = new Poll(() => this.#readStats(), { interval: STATS_MS, recent: this.recent })
  }

  /** Sends `hello`, `stats` and `event` to a page. */
  add(feed: Feed): void {
    this.#feeds.add(feed)
    clearTimeout(this.#idle)
    if (!this.#isReading) {
      this.#isReading = true
      this.#watch = watchDirectories(() => this.#hello.soon(), directoriesOf(this.findOptions))
      for (const poll of [this.#hello, this.#stats]) {
        poll.add(this.#reader)
      }
    }
    for (const poll of [this.#hello, this.#stats]) {
      poll.add(feed)
    }
  }

  delete(feed: Feed): void {
    this.#feeds.delete(feed)
    for (const poll of [this.#hello, this.#stats]) {
      poll.delete(feed)
    }
    if (this.#feeds.size === 0 && this.#isReading) {
      this.#idle = setTimeout(() => this.stop(), RECENT_MS)
    }
  }

  /** Stops reading: no page has been open for the time that messages are kept. */
  stop(): void {
    clearTimeout(this.#idle)
    for (const poll of [this.#hello, this.#stats]) {
      poll.delete(this.#reader)
    }
    this.#isReading = false
    this.recent.clear()
    this.#addresses.clear()
    this.#watch?.[Symbol.dispose]()
    this.#watch = undefined
    for (const subscription of this.#subscriptions.values()) {
      void subscription?.close()
    }
  }

  /** Something was changed: the devices are read immediately. */
  soon(): void {
    this.#hello.soon()
  }

  /** Returns a device that pages see; reads the devices if it is not known yet. */
  async device(id: DeviceId): Promise<FoundDevice | undefined> {
    if (!this.#devices.has(id)) {
      await this.#found()
    }
    return this.#devices.get(id)
  }

  /** The devices as they were read last. */
  get all(): ReadonlyMap<DeviceId, FoundDevice> {
    return this.#devices
  }

  /** Returns the device at the other end of the cable of a device. */
  peerOf(id: DeviceId): FoundDevice | undefined {
    const device = this.#devices.get(id)
    return (
      device &&
      [...this.#devices.values()].find(other => other.vnet === device.vnet && isPeer(other, device))
    )
  }

  /** Returns the frames that a device sent and received per second, by the last two readings. */
  framesPerSecond(id: DeviceId): number {
    return this.#rates.get(id) ?? 0
  }

  async #find(): Promise<readonly VnetError[]> {
    const { client, isWanted = () => true } = this.#options
    const { devices, failed } = await findVnets(client, this.findOptions)
    const before = this.#devices
    this.#hasFound = true
    this.#devices = new Map(devices.filter(isWanted).map(device => [deviceId(device), device]))
    this.#addresses.keepOnly(this.#devices)
    const found = [...this.#devices].filter(([id, device]) => !isSame(device, before.get(id)))
    // The page need not wait for a new device's numbers.
    if (found.length > 0) {
      this.#stats.soon()
    }
    for (const [id] of found) {
      this.#onFound(id)
    }
    return failed
  }

  get findOptions(): FindOptions {
    const { everywhere, user, directory } = this.#options
    return { everywhere, user, directory }
  }

  async #readDevices(): Promise<Packed> {
    const failed = await this.#found()
    const devices = [...this.#devices.values()]
    for (const { vnet } of devices) {
      if (this.#isReading && !this.#subscriptions.has(vnet)) {
        void this.#subscribe(vnet)
      }
    }
    const problems = new Set(failed.map(problemOf))
    for (const text of problems) {
      if (!this.#problems.has(text)) {
        this.#send(pack({ type: 'problem', text }))
      }
    }
    this.#problems = problems
    const { version } = this.#options
    const hello = {
      type: 'hello',
      version,
      vnets: vnetRows(devices),
      mayChange: false,
      presets,
    } as const
    const read = (device: FoundDevice) =>
      this.#addresses.of(deviceId(device), () => addressesOf(device, this.#native))
    const vnets = vnetRows(devices, read)
    return pack(hello, { ...hello, vnets, mayChange: true })
  }

  async #readStats(): Promise<Packed | undefined> {
    if (!this.#hasFound) return undefined
    const vnets = new Set([...this.#devices.values()].map(({ vnet }) => vnet))
    const time = Date.now()
    const found = new Map<string, DeviceStats>()
    const all = [...vnets].map(async vnet => {
      // The reading of the devices reports a vnet that does not reply.
      const replied = await orNothing(() => this.#options.client.allStats(vnet))
      for (const stats of replied ?? []) {
        found.set(keyOf(vnet, stats), stats)
      }
    })
    await unlessStuck(Promise.all(all))
    const devices = [...this.#devices].flatMap(([id, device]) => {
      const stats = found.get(keyOf(device.vnet, device))
      return stats === undefined ? [] : [rowCounters(id, stats)]
    })
    this.#count(time, devices)
    return pack({ type: 'stats', time, devices })
  }

  #count(time: number, devices: readonly DeviceCounters[]): void {
    const seconds = (time - this.#counted.time) / 1000
    const frames = new Map(
      devices.map(({ id, txPackets, rxPackets }) => [id, txPackets + rxPackets]),
    )
    const before = this.#counted.frames
    this.#rates = new Map(
      [...frames].map(([id, now]) => [id, Math.max(0, now - (before.get(id) ?? now)) / seconds]),
    )
    this.#counted = { time, frames }
  }

  /** Passes events to pages until the vnet ends, or stop() is called. */
  async #subscribe(vnet: string): Promise<void> {
    this.#subscriptions.set(vnet, undefined)
    try {
      const subscription = await this.#options.client.subscribe(vnet, event =>
        this.#happened(vnet, event),
      )
      this.#subscriptions.set(vnet, subscription)
      if (!this.#isReading) {
        await subscription.close()
      }
      await subscription.ended
      this.#hello.soon()
    } catch (error) {
      // The next reading of the devices reports the failure, and subscribes again.
      if (!(error instanceof VnetError)) throw error
    } finally {
      this.#subscriptions.delete(vnet)
    }
  }

  #happened(vnet: string, event: DeviceEvent): void {
    // For a device that no page has yet, `hello` follows.
    for (const [id, device] of this.#devices) {
      if (keyOf(vnet, event) !== keyOf(device.vnet, device)) continue
      this.#send(
        this.recent.add(pack({ type: 'event', id, time: event.time ?? Date.now(), event })),
      )
      this.#onEvent(event)
    }
    if (!PASSING.has(event.event)) {
      this.#hello.soon()
    }
  }

  #send(message: Packed): void {
    for (const feed of this.#feeds) {
      feed.send(message)
    }
  }
}

/** Returns the sentence about a vnet that could not list its devices. */
export function problemOf(error: VnetError): string {
  if (error.code !== 'ETIMEDOUT') return explain(error)
  return `${objectOf(error)} did not reply in time: it may be stopped, in a debugger, or in a driver that does not return`
}

/** Waits for replies, but not for the replies of a stuck vnet. */
export const unlessStuck = (replies: Promise<unknown>): Promise<unknown> =>
  Promise.race([replies, sleep(STUCK_MS, undefined, { ref: false })])

const isSame = (device: FoundDevice, before: FoundDevice | undefined): boolean =>
  device.vnet === before?.vnet && device.ifindex === before.ifindex

const keyOf = (vnet: string, { ifindex, netns }: Pick<FoundDevice, 'ifindex' | 'netns'>): string =>
  `${vnet} ${ifindex} ${netns}`
