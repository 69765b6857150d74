/** Output: makes the IP packets that a host in memory sends, cuts them, and loops them back. */
import { type Alarm, EMSGSIZE, ETH_HLEN, ipv4, ipv6 } from 'vnet'
import { put16, put32 } from 'vnet/kit/packet'
import type { Ip, SendOptions } from '../contract.ts'
import { fillChecksum } from './checksum.ts'
import type { StackInterface } from './interface.ts'
import { keepCopied } from './options.ts'
import type { Hop, PathMtu } from './routes.ts'
import { IP4, IP6, type IpVersion, isGroup, versionAt } from './version.ts'

const DEFAULT_TTL = 64
export const LOOPBACK_MTU = 65_536

/** SendOptions, and more for sockets that send to groups or with options of IPv4. */
export interface StackSendOptions extends SendOptions {
  /** The interface for packets to groups; undefined for the usual one. */
  readonly dev?: StackInterface | undefined
  /** Whether packets to groups that this host has joined come back to it. Default true. */
  readonly isLooped?: boolean
  /** Options of IPv4, a multiple of 4 bytes. */
  readonly options?: Uint8Array
}

/** A packet that a router forwards, or one from or for the host itself. */
export interface ForwardedPacket {
  readonly bytes: Uint8Array
  /** Position and length with the IP header. */
  readonly at: number
  readonly length: number
  /** Undefined for the host itself. */
  readonly from: StackInterface | undefined
  readonly to: StackInterface | undefined
}

/** The parts of a stack that Output uses. */
interface Owner extends Pick<Ip, 'clock' | 'count' | 'random'> {
  readonly filter: ((packet: ForwardedPacket) => boolean) | undefined
  readonly pathMtu: Pick<PathMtu, 'isLocked' | 'to'>
  readonly input: {
    deliver(dev: StackInterface | undefined, bytes: Uint8Array, nh: number, end: number): void
  }
}

/**
 * The sending half of one stack. A packet for the host itself is delivered by an alarm, never
 * inside the call that sends it.
 */
export class Output {
  readonly #stack: Owner
  /** Frames for this host, and the interfaces by which groups among them left. */
  #looped: (readonly [frame: Uint8Array, dev: StackInterface | undefined])[] = []
  readonly #loop: Alarm
  #lastId: number

  constructor(stack: Owner) {
    this.#stack = stack
    this.#loop = stack.clock.alarm(() => this.#deliverLooped())
    this.#lastId = stack.random.below(0x1_0000)
  }

  /** Sends a segment to a hop, or to this host without one. Returns 0 or -EMSGSIZE. */
  send(
    version: IpVersion,
    protocol: number,
    from: Uint8Array,
    to: Uint8Array,
    segment: Uint8Array,
    sendOptions: StackSendOptions,
    hop: Hop | undefined,
  ): number {
    const mtu = hop === undefined ? LOOPBACK_MTU : this.#stack.pathMtu.to(to, hop.route.dev.mtu)
    const {
      ttl = DEFAULT_TTL,
      dontFragment = false,
      isLooped = true,
      trafficClass = 0,
      options,
    } = sendOptions
    const header = version.header + (options?.length ?? 0)
    const length = header + segment.length
    if (dontFragment && length > mtu) return -EMSGSIZE
    const df = dontFragment && !this.#stack.pathMtu.isLocked(to)
    if (!df) {
      this.#lastId = (this.#lastId + 1) & 0xffff
    }
    const frame = new Uint8Array(ETH_HLEN + length)
    frame.set(segment, ETH_HLEN + header)
    version.create(frame, ETH_HLEN, protocol, segment.length, ttl, df ? 0 : this.#lastId, df)
    if (options !== undefined && options.length > 0) {
      ipv4.setOptions(frame, ETH_HLEN, options)
    }
    if (trafficClass !== 0) {
      version.setTrafficClass(frame, ETH_HLEN, trafficClass)
    }
    frame.set(from, version.sourceAt(ETH_HLEN))
    frame.set(to, version.destinationAt(ETH_HLEN))
    version.finish(frame, ETH_HLEN)
    const part = { bytes: frame, at: ETH_HLEN + header, length: segment.length }
    fillChecksum(version, protocol, ETH_HLEN, part)
    this.#stack.count(version.counters.outRequests)
    const { filter } = this.#stack
    if (hop === undefined) {
      this.#loopBack(frame, undefined)
    } else if (
      filter !== undefined &&
      !filter({ bytes: frame, at: ETH_HLEN, length, from: undefined, to: hop.route.dev })
    ) {
      this.#stack.count('FilterDropped')
    } else {
      if (hop.isToAll && isLooped) {
        this.#loopGroup(frame, hop.route.dev, to)
      }
      // Packets to groups with a TTL of 0 do not leave the host.
      if (ttl > 0) {
        this.transmit(frame, version, hop, from, mtu)
      }
    }
    return 0
  }

  /** Takes over a frame with a packet, and cuts packets larger than `mtu`. */
  transmit(
    frame: Uint8Array,
    version: IpVersion,
    { route, neighbour }: Hop,
    from: Uint8Array,
    mtu: number,
  ): void {
    if (frame.length - ETH_HLEN <= mtu) {
      route.dev.output(frame, neighbour, from)
      return
    }
    const pieces = fragmentsOf(version, frame, mtu, this.#lastId)
    this.#stack.count(version.counters.fragOks)
    this.#stack.count(version.counters.fragCreates, pieces.length)
    for (const piece of pieces) {
      route.dev.output(piece, neighbour, from)
    }
  }

  /**
   * Sends a message of neighbour discovery on an interface, and fills in its checksum. Copies it.
   */
  sendDiscovery(dev: StackInterface, from: Uint8Array, to: Uint8Array, message: Uint8Array): void {
    const frame = new Uint8Array(ETH_HLEN + ipv6.IPV6_HLEN + message.length)
    frame.set(message, ETH_HLEN + ipv6.IPV6_HLEN)
    ipv6.create(frame, ETH_HLEN, IP6.icmp, message.length, 255)
    frame.set(from, ipv6.sourceAt(ETH_HLEN))
    frame.set(to, ipv6.destinationAt(ETH_HLEN))
    const part = { bytes: frame, at: ETH_HLEN + ipv6.IPV6_HLEN, length: message.length }
    fillChecksum(IP6, IP6.icmp, ETH_HLEN, part)
    this.#stack.count('Ip6OutRequests')
    this.#stack.count('Icmp6OutMsgs')
    dev.output(frame, dev.neighbours.of(to), from)
  }

  close(): void {
    this.#loop.cancel()
  }

  /** Delivers a broadcast to this host too, and a packet for a group if this host has joined it. */
  #loopGroup(frame: Uint8Array, dev: StackInterface, to: Uint8Array): void {
    const isBroadcast = to.length === 4 && (to[0] === 0xff || !isGroup(to, 0, 4))
    if (isBroadcast || dev.isMember(to, 0, to.length)) {
      this.#loopBack(frame.slice(), dev)
    }
  }

  #loopBack(frame: Uint8Array, dev: StackInterface | undefined): void {
    this.#looped.push([frame, dev])
    if (this.#looped.length === 1) {
      this.#loop.at(this.#stack.clock.now())
    }
  }

  #deliverLooped(): void {
    const looped = this.#looped
    this.#looped = []
    for (const [frame, dev] of looped) {
      this.#stack.count(versionAt(frame, ETH_HLEN).counters.inReceives)
      this.#stack.input.deliver(dev, frame, ETH_HLEN, frame.length)
    }
  }
}

/** Length of the fragment header of IPv6, and its flag for all fragments but the last. */
export const FRAGMENT_HLEN = 8
export const IP6_MF = 1

/**
 * Cuts the packet of a frame into fragments of at most `mtu` bytes, each in a frame. IPv6 packets
 * must have no extension headers: only their sender cuts them. `id` is for IPv6.
 */
export function fragmentsOf(
  version: IpVersion,
  frame: Uint8Array,
  mtu: number,
  id: number,
): Uint8Array[] {
  const isV4 = version === IP4
  const nh = ETH_HLEN
  const header = isV4 ? ipv4.headerLength(frame, nh) : version.header
  const extra = isV4 ? 0 : FRAGMENT_HLEN
  const payload = frame.subarray(nh + header)
  const room = Math.max(8, (mtu - header - extra) & ~7)
  // A forwarded packet of IPv4 may be a fragment itself.
  const first = isV4 ? ipv4.fragmentOffset(frame, nh) : 0
  const hasMore = isV4 && (ipv4.flags(frame, nh) & ipv4.IP_MF) !== 0
  const pieces: Uint8Array[] = []
  for (let at = 0; at < payload.length; at += room) {
    const data = payload.subarray(at, at + room)
    const piece = new Uint8Array(nh + header + extra + data.length)
    piece.set(frame.subarray(0, nh + header))
    piece.set(data, nh + header + extra)
    const isLast = at + room >= payload.length && !hasMore
    if (isV4) {
      if (at > 0) {
        keepCopied(piece, nh, nh + header)
      }
      ipv4.setTotalLength(piece, nh, header + data.length)
      put16(piece, nh + 6, ((first + at) >>> 3) | (isLast ? 0 : ipv4.IP_MF))
      version.finish(piece, nh)
    } else {
      const h = nh + header
      piece[h] = ipv6.nextHeader(frame, nh)
      put16(piece, h + 2, at | (isLast ? 0 : IP6_MF))
      put32(piece, h + 4, id)
      piece[nh + 6] = ipv6.NEXTHDR_FRAGMENT
      ipv6.setPayloadLength(piece, nh, FRAGMENT_HLEN + data.length)
    }
    pieces.push(piece)
  }
  return pieces
}
