/**
 * MemoryPort: a Port with a test as its kernel. The device reads the frames given to `transmit`,
 * and `received` contains the frames that the device gives the kernel. MemoryPlatform makes these
 * ports, so that drivers are tested without root.
 */
import {
  EBADFD,
  ECANCELED,
  EEXIST,
  EINVAL,
  ENETDOWN,
  ENOBUFS,
  inNextTurn,
  VnetError,
} from '../base/index.ts'
import { IFF_BROADCAST, IFF_MULTICAST, IFF_NOARP, IFF_POINTOPOINT, IFF_UP } from '../netdev/if.ts'
import type {
  LinkChange,
  LinkKsettings,
  LinkRequest,
  LinkState,
  Platform,
  Port,
  PortQueue,
  PortSpec,
} from '../netdev/port.ts'
import { LINK_STATS64_LENGTH, RX_BYTES, RX_PACKETS, TX_BYTES, TX_PACKETS } from '../netdev/stats.ts'
import { formatAddress, formatPrefix, toPrefix } from '../packet/address.ts'
import type { Ring, SkBuff, SlotAccount } from '../skb/index.ts'
import { FRAME_MAX, SKB_DROP_REASON_DEV_READY, SKB_DROP_REASON_HDR_TRUNC } from '../skb/index.ts'

/** Metadata of a frame. Positions count from the frame's first byte. */
export interface FrameInfo {
  readonly ipSummed?: number
  readonly csumStart?: number
  readonly csumOffset?: number
  readonly gsoSize?: number
  readonly gsoType?: number
}

/** A frame that the kernel received from a device: a copy, which the test may keep and change. */
export interface Frame extends Required<FrameInfo> {
  readonly bytes: Uint8Array
  readonly queue: number
}

/** The shortest frame that a TAP takes, and the shortest packet that a TUN takes. */
const MIN_FRAME = 14
const MIN_PACKET = 20

/**
 * The interfaces of a test, in one object in place of the kernel. A name is free again when its
 * port is closed. It knows no network namespaces.
 */
export class MemoryPlatform implements Platform {
  /** Every open port, in the order of opening. */
  readonly ports: MemoryPort[] = []
  #ifindex = 1

  allocName(pattern: string): string {
    let number = 0
    while (pattern.includes('%d') && this.#has(pattern.replace('%d', String(number)))) {
      number++
    }
    return pattern.replace('%d', String(number))
  }

  async open(spec: PortSpec): Promise<MemoryPort> {
    const name = this.allocName(spec.name)
    if (this.#has(name)) throw new VnetError(EEXIST, ['open', name])
    const port = new MemoryPort(name, ++this.#ifindex, spec, () =>
      this.ports.splice(this.ports.indexOf(port), 1),
    )
    this.ports.push(port)
    return port
  }

  #has(name: string): boolean {
    return this.ports.some(port => port.link.name === name)
  }

  /** Returns the port of an interface; throws if the interface does not exist. */
  port(name: string): MemoryPort {
    const port = this.ports.find(candidate => candidate.link.name === name)
    if (port === undefined) throw new VnetError(EINVAL, name, 'no such interface')
    return port
  }
}

/**
 * One interface, seen from both sides: a device uses it as its Port, and a test uses the members
 * beyond Port, which stand for the kernel. The device closes it when it is unregistered.
 */
export class MemoryPort implements Port {
  features: number
  readonly announced: boolean = true
  readonly created: boolean = true
  readonly queues: readonly MemoryQueue[]
  /** Frames that the kernel received, oldest first, unless `onFrame` is set. */
  readonly received: Frame[] = []
  /** Called with each frame and its queue, in place of `received`; the skb is only lent. */
  onFrame: ((skb: SkBuff, queue: number) => void) | undefined
  carrier: boolean
  /** 'tap' for Ethernet frames, 'tun' for IP packets. */
  readonly layer: 'tap' | 'tun'
  /** Frames that the kernel still takes before it has no room (EAGAIN). */
  room = Number.POSITIVE_INFINITY
  /** Every address that was requested. */
  readonly addresses: string[] = []
  /** The last settings that were requested. */
  linkKsettings: LinkKsettings | undefined
  /** The routes that were requested since the link is up, as `192.0.2.0/24 via 198.18.0.1`. */
  routes: readonly string[] = []
  /** The router of the default route, if there is one. */
  defaultRoute: Uint8Array | undefined
  #link: LinkState
  #listener: (change: LinkChange) => void = () => {}
  #gone = false
  #closed = false
  /** Runs a function that polls a queue, by default in the next turn of the event loop. */
  readonly soon: (fn: () => void) => void
  readonly #stats = new Float64Array(LINK_STATS64_LENGTH)
  readonly #onClose: () => void

  constructor(
    name: string,
    ifindex: number,
    spec: PortSpec,
    onClose: () => void = () => {},
    soon: (fn: () => void) => void = inNextTurn,
  ) {
    this.soon = soon
    this.features = spec.features
    this.carrier = spec.carrier ?? true
    this.queues = Array.from(
      { length: spec.queues },
      (_, q) => new MemoryQueue(this, q, spec.slots),
    )
    this.layer = spec.layer ?? 'tap'
    const isTun = this.layer === 'tun'
    const address = isTun ? new Uint8Array() : Uint8Array.of(2, 0, 0, 0, 0, ifindex)
    const flags = isTun
      ? IFF_POINTOPOINT | IFF_NOARP | IFF_MULTICAST
      : IFF_BROADCAST | IFF_MULTICAST
    const host = { queues: spec.queues, qdisc: 'noop', multicast: [], addresses: [] }
    this.#link = { name, ifindex, flags, mtu: 1500, address, txQueueLen: 1000, ...host }
    this.#onClose = onClose
  }

  get link(): LinkState {
    return this.#link
  }

  get up(): boolean {
    return (this.#link.flags & IFF_UP) !== 0
  }

  setFeatures(features: number): number {
    this.features = features
    return features
  }

  refresh(): LinkState {
    if (this.#gone || this.#closed) throw new VnetError(EBADFD, this.#link.name)
    return this.#link
  }

  onChange(fn: (change: LinkChange) => void): void {
    this.#listener = fn
  }

  async apply(request: LinkRequest): Promise<void> {
    if (this.#gone || this.#closed) throw new VnetError(EBADFD, this.#link.name)
    const {
      up,
      carrier,
      mtu,
      address,
      noarp,
      txQueueLen,
      addresses = [],
      defaultRoute,
      routes = [],
    } = request
    if (carrier !== undefined) {
      this.carrier = carrier
    }
    if (mtu !== undefined) {
      this.change({ kind: 'mtu', mtu })
    }
    if (address !== undefined) {
      this.change({ kind: 'address', address: address.slice() })
    }
    if (txQueueLen !== undefined) {
      this.change({ kind: 'txqueuelen', txQueueLen })
    }
    if (noarp !== undefined) {
      this.change({ kind: 'flags', flags: bit(this.#link.flags, IFF_NOARP, noarp) })
    }
    if (request.linkKsettings !== undefined) {
      this.linkKsettings = request.linkKsettings
    }
    this.#addAddresses(addresses)
    if (up !== undefined) {
      this.change({ kind: up ? 'up' : 'down' })
    }
    if (!this.up && defaultRoute?.there) {
      throw new VnetError(ENETDOWN, `default route on ${this.#link.name}`)
    }
    if (!this.up && routes.length > 0) throw new VnetError(ENETDOWN, `routes on ${this.#link.name}`)
    if (defaultRoute !== undefined) {
      this.defaultRoute = defaultRoute.there ? defaultRoute.via : undefined
    }
    const written = routes.map(
      ({ to, via }) => formatPrefix(to) + (via ? ` via ${formatAddress(via)}` : ''),
    )
    this.routes = [...new Set([...this.routes, ...written])]
  }

  kernelStats(): Float64Array | undefined {
    return this.#gone || this.#closed ? undefined : this.#stats.slice()
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    for (const queue of this.queues) {
      queue.close()
    }
    this.#onClose()
  }

  /** The kernel sends a frame on a queue. It waits there until the device reads it. */
  transmit(bytes: Uint8Array, queue = 0, info: FrameInfo = {}): void {
    this.queues[queue].add(makeFrame(bytes, queue, info))
  }

  /** Gives the device, now, every waiting frame that it will read. Returns how many. */
  drain(): number {
    return this.queues.reduce((n, queue) => n + queue.drain(), 0)
  }

  /** Changes the interface, like a user, and notifies the driver if the value differs. */
  change(change: LinkChange): void {
    if (this.#gone || this.#closed || !this.#differs(change)) return
    const { kind, ...part } = change
    const flags = bit(this.#link.flags, IFF_UP, kind === 'up')
    if (kind === 'down') {
      this.defaultRoute = undefined
      this.routes = []
    }
    this.#link = { ...this.#link, ...(kind === 'up' || kind === 'down' ? { flags } : part) }
    if (kind === 'gone') {
      this.#gone = true
      for (const queue of this.queues) {
        queue.end()
      }
    }
    this.#listener(change)
  }

  /** Adds to two of the kernel's own counters. For its queues. */
  count(packets: number, n: number, bytes: number, length: number): void {
    this.#stats[packets] += n
    this.#stats[bytes] += length
  }

  #addAddresses(addresses: readonly string[]): void {
    const added = addresses.filter(address => !this.addresses.includes(address))
    if (added.length === 0) return
    this.addresses.push(...added)
    this.change({
      kind: 'addresses',
      addresses: this.addresses.map(address => toPrefix(address).bytes),
    })
  }

  #differs(change: LinkChange): boolean {
    const { flags, mtu, address, txQueueLen } = this.#link
    if (change.kind === 'up' || change.kind === 'down') return this.up !== (change.kind === 'up')
    if (change.kind === 'mtu') return change.mtu !== mtu
    if (change.kind === 'address') return change.address.some((byte, i) => byte !== address[i])
    if (change.kind === 'flags') return change.flags !== flags
    return change.kind !== 'txqueuelen' || change.txQueueLen !== txQueueLen
  }
}

/** One queue of a MemoryPort. */
export class MemoryQueue implements PortQueue {
  readonly #port: MemoryPort
  readonly #queue: number
  readonly #slots: SlotAccount
  readonly #offsets = new Int32Array(64)
  #waiting: Frame[] = []
  #framesRead = 0
  #paused = true
  #dead = false
  #notified = false
  #listener: ((status: number) => boolean | void) | undefined
  #scheduled = false
  /** Frames of `#endless` that are still to be read. */
  #left = 0
  #endless: Frame | undefined
  readonly #poll = (): void => {
    this.#scheduled = false
    this.#notify()
    this.#schedule()
  }

  constructor(port: MemoryPort, queue: number, slots: SlotAccount) {
    this.#port = port
    this.#queue = queue
    this.#slots = slots
  }

  /** True while the device does not read. */
  get paused(): boolean {
    return this.#paused
  }

  add(frame: Frame): void {
    if (frame.bytes.length > FRAME_MAX) {
      throw new VnetError(EINVAL, `a frame of ${frame.bytes.length} bytes`)
    }
    this.#waiting.push(frame)
    this.#schedule()
  }

  /** For load tests: the kernel sends one frame `times` times, which is in memory once. */
  repeat(bytes: Uint8Array, times: number): void {
    this.#endless = makeFrame(bytes, this.#queue)
    this.#left = times
    this.#schedule()
  }

  /** Makes the device read the waiting frames. Returns how many it read. */
  drain(): number {
    const start = this.#framesRead
    const end = start + this.#backlog()
    for (let before = -1; this.#ready() && before !== this.#framesRead; ) {
      before = this.#framesRead
      this.#notify()
      // Frames that were added meanwhile are for the next call: they may never end.
      if (this.#framesRead >= end) break
    }
    return this.#framesRead - start
  }

  read(into: SkBuff[], max: number): number {
    if (this.#dead) return -EBADFD
    const want = Math.min(max, this.#backlog())
    if (want === 0) return 0
    const { pool } = this.#slots
    const n = pool.peek(this.#slots, want, this.#offsets)
    if (n === 0) return -ENOBUFS
    let bytes = 0
    // (1) A batch of frames is copied into slots of the pool.
    for (let i = 0; i < n; i++) {
      const frame = this.#next()
      const skb = pool.take(this.#slots, frame.bytes.length)
      skb.bytes.set(frame.bytes, skb.data)
      if (frame.ipSummed !== 0) {
        skb.ipSummed = frame.ipSummed
        skb.csumStart = skb.data + frame.csumStart
        skb.csumOffset = frame.csumOffset
      }
      skb.gsoSize = frame.gsoSize
      skb.gsoType = frame.gsoType
      bytes += skb.len
      into[i] = skb
    }
    this.#framesRead += n
    this.#port.count(TX_PACKETS, n, TX_BYTES, bytes)
    return n
  }

  submit(from: Ring): number {
    const port = this.#port
    const n = from.length
    const up = port.up && !this.#dead
    // (5) The frames are copied out; their slots are free again.
    for (let i = 0; i < n; i++) {
      if (up && port.room <= 0) return i
      const skb = from.shift() as SkBuff
      if (!up) {
        skb.drop(SKB_DROP_REASON_DEV_READY)
      } else if (skb.len < (port.layer === 'tun' ? MIN_PACKET : MIN_FRAME)) {
        skb.drop(SKB_DROP_REASON_HDR_TRUNC)
      } else {
        if (port.room !== Number.POSITIVE_INFINITY) {
          port.room--
        }
        port.count(RX_PACKETS, 1, RX_BYTES, skb.len)
        if (port.onFrame === undefined) {
          port.received.push(frameOf(skb, this.#queue))
        } else {
          port.onFrame(skb, this.#queue)
        }
        skb.consume()
      }
    }
    return n
  }

  listen(fn: (status: number) => boolean | void): void {
    this.#listener = fn
    this.#schedule()
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    this.#schedule()
  }

  /** The interface was deleted: notifies the listener once, unless paused. */
  end(): void {
    this.#dead = true
    this.#waiting = []
    this.#left = 0
    this.#schedule()
  }

  /** Notifies the listener unless it knows that the queue is dead. */
  close(): void {
    const notified = this.#notified
    this.#notified = true
    this.end()
    if (!notified) {
      this.#listener?.(-ECANCELED)
    }
  }

  #backlog(): number {
    return this.#waiting.length + this.#left
  }

  #ready(): boolean {
    return !this.#paused && (this.#dead ? !this.#notified : this.#backlog() > 0)
  }

  #next(): Frame {
    if (this.#left === 0) return this.#waiting.shift() as Frame
    this.#left--
    return this.#endless as Frame
  }

  #notify(): void {
    if (!this.#ready()) return
    if (this.#dead) {
      this.#notified = true
    }
    this.#listener?.(this.#dead ? -EBADFD : 0)
  }

  /** Level-triggered, like a descriptor: polls again and again while frames wait. */
  #schedule(): void {
    if (this.#scheduled || !this.#ready() || this.#listener === undefined) return
    this.#scheduled = true
    this.#port.soon(this.#poll)
  }
}

/** Returns a copy of a frame that the kernel takes on a queue. */
export function frameOf(skb: SkBuff, queue: number): Frame {
  const { ipSummed, csumOffset, gsoSize, gsoType } = skb
  const bytes = skb.bytes.slice(skb.data, skb.data + skb.len)
  return {
    bytes,
    queue,
    ipSummed,
    csumStart: skb.csumStart - skb.data,
    csumOffset,
    gsoSize,
    gsoType,
  }
}

/** Written out: a spread would make objects of many shapes, with fields that are slow to read. */
function makeFrame(bytes: Uint8Array, queue: number, info: FrameInfo = {}): Frame {
  const { ipSummed = 0, csumStart = 0, csumOffset = 0, gsoSize = 0, gsoType = 0 } = info
  return { bytes, queue, ipSummed, csumStart, csumOffset, gsoSize, gsoType }
}

const bit = (flags: number, mask: number, on: boolean): number =>
  on ? flags | mask : flags & ~mask
