/**
 * Capture: records the frames of devices as pcapng (draft-ietf-opsawg-pcapng) in a bounded buffer,
 * which the capture's owner empties. Frames never wait for it: frames that do not fit the buffer
 * are counted.
 *
 * Each device is two interfaces of the file, its transmit side and its receive side. A frame has
 * the same packet id on both ends of its wire: the number of the interface on which it was sent,
 * times 2^40, plus its number on the wire. The id of a frame that the wire made, or that was
 * dropped before it, has bit 39 set. A dropped frame is recorded again, with a verdict, a
 * comment with the reason, and the same as fields (FrameDrop).
 */
import { type Alarm, describeException, NSEC_PER_MSEC, NSEC_PER_SEC } from '../base/index.ts'
import type { FrameDrop, Net, NetDevice } from '../netdev/index.ts'
import { NETDEV_CHANGENAME, NETDEV_REGISTER, NETDEV_UNREGISTER, peerOf } from '../netdev/index.ts'
import type { PacketFilter } from '../packet/bpf.ts'
import type { SkBuff } from '../skb/sk-buff.ts'
import { type CapturedDevice, DeviceProbe } from './device-probe.ts'
import { BlockRing, FrameBlocks, type Side } from './frame-blocks.ts'
import { FLAG_INBOUND, FLAG_OUTBOUND, type Moment, PACKET_IDS } from './packet.ts'
import {
  type CaptureInterface,
  writeInterface,
  writeSection,
  writeStatistics,
} from './pcapng-writer.ts'

/** Bytes of a frame that are kept by default: all, as tcpdump does. */
export const SNAPLEN = 262_144
const BUFFER_BYTES = 16 * 1024 * 1024
/** The most bytes of a section header, and of the statistics of an interface. */
const SECTION_MAX = 1024
const STATISTICS_MAX = 128
/** `onData` is called when this many bytes wait, or this long after the first. */
const CHUNK = 256 * 1024
const PATIENCE = 50 * NSEC_PER_MSEC

/**
 * The options of a Capture, for its whole life. They name all that the system provides, so that a
 * capture also works in a browser.
 */
export interface CaptureSetup {
  readonly net: Net
  readonly wallTime: () => Moment
  /** Called when blocks wait, never for every frame. It must not throw. */
  readonly onData: () => void
  readonly snaplen?: number | undefined
  /** Frames that do not match are left out; frames for which it throws are kept. */
  readonly filter?: PacketFilter | undefined
  readonly dropsOnly?: boolean | undefined
  /** Bytes that may wait, 16 MiB by default. */
  readonly bufferBytes?: number | undefined
  /** The `buffer` of a closed capture, which is reused: zeroing a new one takes milliseconds. */
  readonly buffer?: Uint8Array | undefined
  /** The operating system and the program, for the head of the file. */
  readonly os?: string | undefined
  readonly program?: string | undefined
  readonly driver?: string | undefined
  /** Returns the namespace of a device, undefined if it is the program's own. */
  readonly netnsOf?: ((dev: NetDevice) => string | undefined) | undefined
}

type Watched = CapturedDevice & { readonly dev: NetDevice; readonly removeProbe: () => void }

export class Capture {
  readonly #options: CaptureSetup
  readonly #ring: BlockRing
  readonly #blocks: FrameBlocks
  readonly #start: Moment
  readonly #origin: Moment
  readonly #alarm: Alarm
  readonly #devices = new Map<NetDevice, Watched>()
  /** All sides that were ever captured, by the number of their interface. */
  readonly #sides: Side[] = []
  /** Devices with interfaces that did not fit the buffer yet. */
  readonly #waiting = new Set<NetDevice>()
  #unfollow: (() => void) | undefined
  /** The alarm will notify the owner. */
  #isArmed = false
  #isNotified = false
  #isClosed = false
  #hasFilterFailed = false

  constructor(options: CaptureSetup) {
    const { net, snaplen = SNAPLEN, bufferBytes = BUFFER_BYTES, buffer } = options
    this.#options = options
    this.#ring = new BlockRing(buffer ?? new Uint8Array(bufferBytes))
    this.#start = options.wallTime()
    this.#origin = plus(this.#start, -net.clock.now())
    this.#blocks = new FrameBlocks(this.#ring, net.pool, snaplen, this.#origin)
    this.#alarm = net.clock.alarm(() => this.#notify())
    const { os, program: userAppl } = options
    const section = { ...(os !== undefined && { os }), ...(userAppl !== undefined && { userAppl }) }
    this.#append(SECTION_MAX, at => writeSection(this.#ring.bytes, at, section))
  }

  get buffer(): Uint8Array {
    return this.#ring.bytes
  }

  get lost(): number {
    return this.#sides.reduce((n, { lost }) => n + lost, 0)
  }

  get frames(): number {
    return this.#sides.reduce((n, { written }) => n + written, 0)
  }

  /** Captures the present and future devices for which `wants` returns true. */
  follow(wants: (dev: NetDevice) => boolean = () => true): void {
    const { net } = this.#options
    for (const dev of net.devices) {
      if (wants(dev)) {
        this.add(dev)
      }
    }
    this.#unfollow = net.registerNetdeviceNotifier((event, dev) => {
      if (event === NETDEV_REGISTER && wants(dev)) {
        this.add(dev)
      } else if (event === NETDEV_UNREGISTER) {
        this.remove(dev)
      } else if (event === NETDEV_CHANGENAME) {
        this.#rename(dev)
      }
    })
  }

  /**
   * Captures a registered device, once. If the buffer has no room for its interfaces now, it does
   * so later.
   */
  add(dev: NetDevice): void {
    if (!this.#isClosed && !this.#devices.has(dev)) {
      this.#add(dev, this.#sides.length * PACKET_IDS)
    }
  }

  /** Ends the capture of a device. Its statistics are written at the end. */
  remove(dev: NetDevice): void {
    this.#devices.get(dev)?.removeProbe()
    this.#devices.delete(dev)
    this.#waiting.delete(dev)
  }

  /** Returns blocks that wait, oldest first, a view of the buffer; empty if none wait. */
  peek(): Uint8Array {
    return this.#ring.peek()
  }

  consume(n: number): void {
    this.#ring.consume(n)
    for (const dev of this.#waiting) {
      this.add(dev)
    }
    this.#isNotified = false
    if (this.#ring.used > 0) {
      this.#schedule()
    }
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#unfollow?.()
    this.#waiting.clear()
    for (const dev of [...this.#devices.keys()]) {
      this.remove(dev)
    }
    const end = plus(this.#origin, this.#options.net.clock.now())
    for (const [interfaceIndex, { passed, lost, written }] of this.#sides.entries()) {
      const counts = { received: passed, dropped: lost, delivered: written }
      const statistics = { interfaceIndex, start: this.#start, end, ...counts }
      this.#append(STATISTICS_MAX, at => writeStatistics(this.#ring.bytes, at, statistics))
    }
    this.#notify()
  }

  #record(skb: SkBuff, to: Side, time: number, drop: FrameDrop | undefined): void {
    to.passed++
    if (this.#options.dropsOnly === true && drop === undefined) return
    if (!this.#matches(skb)) return
    if (this.#blocks.write(skb, to, time, drop)) {
      this.#schedule()
    }
  }

  #matches(skb: SkBuff): boolean {
    const { filter, net } = this.#options
    if (filter === undefined) return true
    try {
      return filter(skb.bytes, skb.data, skb.len)
    } catch (error) {
      if (!this.#hasFilterFailed) {
        net.log.err(`capture: the filter '${filter.text}': ${describeException(error)}`)
      }
      this.#hasFilterFailed = true
      return true
    }
  }

  /** Captures a device with packet ids from `idBase`. */
  #add(dev: NetDevice, idBase: number): void {
    const first = this.#sides.length
    const transmit = newSide(first, FLAG_OUTBOUND, idBase)
    const receive = newSide(first + 1, FLAG_INBOUND, (first + 1) * PACKET_IDS)
    const interfaces = [transmit, receive].map(({ flags }) =>
      interfaceOf(dev, flags, this.#options),
    )
    const room = interfaces.reduce((sum, each) => sum + roomOf(each), 0)
    const { bytes } = this.#ring
    const write = (at: number) =>
      interfaces.reduce((end, each) => writeInterface(bytes, end, each), at)
    if (!this.#append(room, write)) {
      this.#waiting.add(dev)
      return
    }
    this.#waiting.delete(dev)
    this.#sides.push(transmit, receive)
    this.#blocks.kept = room + this.#sides.length * STATISTICS_MAX
    const captured: CapturedDevice = {
      transmit,
      receive,
      record: (skb, to, time, drop) => this.#record(skb, to, time, drop),
    }
    this.#devices.set(dev, { ...captured, dev, removeProbe: DeviceProbe.add(dev, captured) })
    this.#joinPeers()
  }

  /** Writes interfaces with the new name of a device. Its packet ids continue. */
  #rename(dev: NetDevice): void {
    const before = this.#devices.get(dev)
    if (before === undefined) return
    this.#devices.delete(dev)
    this.#add(dev, before.transmit.idBase)
    // Last, so that the probe, which numbers frames, remains the same.
    before.removeProbe()
  }

  /** Schedules a notification of the owner, immediately if much is waiting. */
  #schedule(): void {
    if (this.#isNotified) return
    const { used } = this.#ring
    if (used >= CHUNK) {
      this.#notify()
    } else if (!this.#isArmed) {
      this.#isArmed = true
      this.#alarm.at(this.#options.net.clock.now() + PATIENCE)
    }
  }

  #notify(): void {
    this.#alarm.cancel()
    this.#isArmed = false
    if (this.#isNotified || this.#ring.used === 0) return
    this.#isNotified = true
    this.#options.onData()
  }

  /** Sets the packet ids of arriving frames to the ids of the device that sent them. */
  #joinPeers(): void {
    for (const { dev, transmit, receive } of this.#devices.values()) {
      const peer = this.#devices.get(peerOf(dev) as NetDevice)
      // Without a peer a wire leads to something other than a device, and back.
      const sender = peer?.transmit ?? (dev.wires.length === 0 ? transmit : undefined)
      receive.idBase = sender?.idBase ?? receive.number * PACKET_IDS
    }
  }

  /** Writes a block of at most `size` bytes. Returns false if it does not fit. */
  #append(size: number, write: (at: number) => number): boolean {
    const at = this.#ring.reserve(size)
    if (at < 0) return false
    this.#ring.commit(write(at))
    this.#schedule()
    return true
  }
}

function newSide(number: number, flags: number, idBase: number): Side {
  return { number, flags, idBase, passed: 0, written: 0, lost: 0, lostSince: 0 }
}

function plus({ seconds, nanoseconds }: Moment, ns: number): Moment {
  const sum = nanoseconds + (ns % NSEC_PER_SEC)
  const carry = Math.floor(sum / NSEC_PER_SEC)
  const rest = Math.floor(sum - carry * NSEC_PER_SEC)
  return { seconds: seconds + Math.trunc(ns / NSEC_PER_SEC) + carry, nanoseconds: rest }
}

/** The most bytes of an interface without its texts, and of a character. */
const INTERFACE_MAX = 128
const UTF8_MAX = 3

/** Returns the interface of the transmit side (FLAG_OUTBOUND) or receive side of a device. */
function interfaceOf(dev: NetDevice, flags: number, options: CaptureSetup): CaptureInterface {
  const { snaplen = SNAPLEN, driver, netnsOf, filter } = options
  const netns = netnsOf?.(dev)
  const peer = peerOf(dev)
  const place = netns === undefined ? '' : ` in ${netns}`
  const isSent = flags === FLAG_OUTBOUND
  const other = peer === undefined ? '' : `, ${isSent ? 'to' : 'from'} ${peer.name}`
  const speed = dev.linkKsettings?.speed
  return {
    name: dev.logPrefix + dev.name,
    snaplen,
    mac: dev.devAddr,
    description: `${driver ?? 'vnet'}: ${isSent ? 'sent' : 'received'} by the kernel${place}${other}`,
    ...(speed !== undefined && speed > 0 && { speed: speed * 1_000_000 }),
    ...(filter !== undefined && { filter: filter.text }),
  }
}

function roomOf({ name = '', description = '', filter = '' }: CaptureInterface): number {
  return INTERFACE_MAX + UTF8_MAX * (name.length + description.length + filter.length)
}
