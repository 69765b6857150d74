/** Input: checks the IP packets that a host in memory receives, and delivers or forwards them. */
import { checksum, ETH_HLEN, ETH_P_IP, ipv4, ipv6, udp } from 'vnet'
import { get32, UpperHeader } from 'vnet/kit/packet'
import type { Packet, Protocol } from '../contract.ts'
import { isChecksumRight } from './checksum.ts'
import { type HeaderProblem, headerProblem, hopByHopProblem, isPiece } from './extensions.ts'
import { MUTED, USUAL } from './icmp.ts'
import type { StackInterface } from './interface.ts'
import { type OptionsHost, readOptions } from './options.ts'
import { type Fragment, Reassembly } from './reassembly.ts'
import type { Hop, StackRoute } from './routes.ts'
import type { IpStack } from './stack.ts'
import { IP4, IP6, type IpVersion, isGroup, isLoopback } from './version.ts'

/** 224.0.0.0/24, the groups that routers do not forward, without its last byte. */
const LOCAL_GROUPS = 0xe000_00
/** Multicast routing (RFC 7761). */
const IPPROTO_PIM = 103

/**
 * The receiving half of one stack. Frames are lent to it: it copies the packets that it keeps or
 * forwards.
 */
export class Input {
  readonly #stack: IpStack
  readonly protocols = new Map<number, Protocol>()
  readonly #upper = new UpperHeader()
  readonly #reassembly: Reassembly
  /** The packet that a protocol handles now, and the position of its IP header. */
  #current: Packet | undefined
  #currentHeader = 0

  constructor(stack: IpStack) {
    this.#stack = stack
    this.#reassembly = new Reassembly(stack, (frame, first) => this.#receiveJoined(frame, first))
  }

  /** The position of the IP header of a packet, if a protocol handles it now; otherwise -1. */
  headerOf(packet: Packet): number {
    return packet === this.#current ? this.#currentHeader : -1
  }

  /** Takes a packet from an interface, with padding. `isForUs` is false for frames to groups. */
  receive(
    dev: StackInterface,
    type: number,
    bytes: Uint8Array,
    at: number,
    length: number,
    isForUs: boolean,
  ): void {
    const version = type === ETH_P_IP ? IP4 : IP6
    const { counters } = version
    this.#stack.count(counters.inReceives)
    if (!isHeaderRight(version, bytes, at, length)) {
      this.#stack.count(counters.inHdrErrors)
      return
    }
    const total = version.total(bytes, at)
    if (this.#isMartian(version, dev, bytes, at)) {
      this.#stack.count('MartianSource')
      return
    }
    if (version === IP6 && bytes[at + 6] === ipv6.NEXTHDR_HOP) {
      // A jumbogram has a length of 0 in its header (RFC 2675).
      const end = ipv6.payloadLength(bytes, at) === 0 ? length : total
      if (this.#hasHopProblem(bytes, at, end, isForUs)) return
    }
    const { divert, filter } = this.#stack
    const diverted = divert?.({ bytes, at, length: total, from: dev, to: undefined })
    if (diverted !== undefined) {
      this.#forward(dev, version, bytes, at, total, diverted)
    } else if (this.#isLocal(version, dev, bytes, version.destinationAt(at))) {
      if (filter === undefined || filter({ bytes, at, length: total, from: dev, to: undefined })) {
        this.#receiveLocal(version, dev, bytes, at, total, isForUs)
      } else {
        this.#stack.count('FilterDropped')
      }
    } else if (isForUs && this.#stack.forwarding) {
      this.#forward(dev, version, bytes, at, total, undefined)
    } else if (isForUs) {
      this.#stack.count(counters.inAddrErrors)
      // Linux reads options before it knows that the packet is for another host.
      if (hasOptions(version, bytes, at) && mayBeOther(bytes, ipv4.destinationAt(at))) {
        this.#readOptions(bytes, at, total)
      }
      this.#stack.icmp.replying = USUAL
    }
  }

  #receiveLocal(
    version: IpVersion,
    dev: StackInterface,
    bytes: Uint8Array,
    at: number,
    length: number,
    isForUs: boolean,
  ): void {
    const { icmp } = this.#stack
    icmp.replying = isForUs ? USUAL : MUTED
    if (!hasOptions(version, bytes, at)) {
      this.deliver(dev, bytes, at, at + length)
    } else {
      const filled = this.#readOptions(bytes, at, length)
      if (filled !== undefined) {
        this.deliver(dev, filled, 0, length)
      }
    }
    icmp.replying = USUAL
  }

  /** Returns a copy of a packet with filled options, or reports a wrong one. */
  #readOptions(bytes: Uint8Array, at: number, length: number): Uint8Array | undefined {
    const { icmp } = this.#stack
    const copy = bytes.slice(at, at + length)
    const end = ipv4.headerLength(copy, 0)
    const { problem, hasSourceRoute, replied } = readOptions(copy, 0, end, this.#optionsHost(copy))
    icmp.replying = { ...icmp.replying, options: replied }
    if (problem === 0 && !hasSourceRoute) return copy
    this.#stack.count(IP4.counters.inHdrErrors)
    if (problem > 0) {
      icmp.optionProblem(copy, 0, length, problem)
    }
    return undefined
  }

  #optionsHost(packet: Uint8Array): OptionsHost {
    const { clock } = this.#stack
    const [source, destination] = [packet.slice(12, 16), packet.slice(16, 20)]
    const own = this.#stack.isOwn(destination)
      ? destination
      : (this.#stack.sourceFor(source) ?? destination)
    const isOther = (address: Uint8Array) =>
      address[0] !== 0 && !this.#stack.isOwn(address) && !this.#stack.isToAll(address)
    return { own, now: clock.now(), isOther }
  }

  /** Delivers a packet for this host. `dev` is undefined for packets from itself. */
  deliver(dev: StackInterface | undefined, bytes: Uint8Array, nh: number, end: number): void {
    const { icmp } = this.#stack
    const isV6 = this.#upper.find(bytes, nh, end) === 6
    const problem = isV6 ? headerProblem(bytes, nh, end, !icmp.replying.isMuted) : undefined
    if (problem !== undefined) {
      this.#hasProblem(bytes, nh, end, problem)
    } else if (this.#upper.isFragment && (!isV6 || isPiece(bytes, nh, end))) {
      this.#reassembly.add(bytes, nh, end, icmp.replying)
    } else {
      // A fragment that is a whole packet has nothing to wait for (RFC 6946).
      if (this.#upper.isFragment) {
        this.#stack.count(IP6.counters.reasmReqds)
      }
      if (this.#upper.isFragment) {
        this.#stack.count(IP6.counters.reasmOks)
      }
      this.#receiveWhole(dev, bytes, nh, end)
    }
  }

  close(): void {
    this.#reassembly.close()
  }

  /** Takes a packet that was in pieces. Errors about it depend on the frame of the first one. */
  #receiveJoined(frame: Uint8Array, { replying, nextAt, head }: Fragment): void {
    const { icmp } = this.#stack
    const before = icmp.replying
    icmp.replying = replying
    const isV6 = this.#upper.find(frame, ETH_HLEN, frame.length) === 6
    const start = { nextAt, h: ETH_HLEN + head.length }
    const problem = isV6
      ? headerProblem(frame, ETH_HLEN, frame.length, !replying.isMuted, start)
      : undefined
    if (problem !== undefined) {
      this.#hasProblem(frame, ETH_HLEN, frame.length, problem)
    } else {
      this.#receiveWhole(undefined, frame, ETH_HLEN, frame.length)
    }
    icmp.replying = before
  }

  /** Reads the options for each hop, which are for other hosts' packets, too. */
  #hasHopProblem(bytes: Uint8Array, at: number, length: number, isForUs: boolean): boolean {
    const problem = hopByHopProblem(bytes, at, at + length)
    if (problem === undefined) return false
    this.#stack.icmp.replying = isForUs ? USUAL : MUTED
    this.#hasProblem(bytes, at, at + length, problem)
    this.#stack.icmp.replying = USUAL
    return true
  }

  #hasProblem(bytes: Uint8Array, nh: number, end: number, problem: HeaderProblem): void {
    this.#stack.count(IP6.counters.inHdrErrors)
    this.#stack.icmp.parameterProblem(bytes, nh, end - nh, problem)
  }

  #receiveWhole(
    dev: StackInterface | undefined,
    bytes: Uint8Array,
    nh: number,
    packetEnd: number,
  ): void {
    const version = this.#upper.find(bytes, nh, packetEnd) === 4 ? IP4 : IP6
    const { h, protocol, end } = this.#upper
    if (h < 0) return
    let length = end - h
    if (protocol === ipv4.IPPROTO_UDP) {
      // The checksum covers the length that the UDP header states.
      // The length of IPv6's jumbograms is 0 (RFC 2675 sec. 4).
      const isJumbo = version === IP6 && length >= udp.UDP_HLEN && udp.length(bytes, h) === 0
      if (!isJumbo && udp.parse(bytes, h, length) < 0) {
        this.#stack.count(version.counters.udpInErrors)
        return
      }
      if (!isJumbo) {
        length = udp.length(bytes, h)
      }
    }
    if (!isChecksumRight(version, protocol, nh, { bytes, at: h, length })) {
      this.#countChecksumError(version, protocol)
      return
    }
    const [sourceAt, destinationAt] = [version.sourceAt(nh), version.destinationAt(nh)]
    const source = bytes.slice(sourceAt, sourceAt + version.address)
    const destination = bytes.slice(destinationAt, destinationAt + version.address)
    const trafficClass = version.trafficClass(bytes, nh)
    const packet: Packet = { bytes, at: h, length, source, destination, trafficClass }
    if (protocol === version.icmp) {
      this.#stack.count(version.counters.inDelivers)
      this.#stack.icmp.receive(version, dev, packet, nh)
      return
    }
    // Frames for all have no connections, and neither has a group or a broadcast address.
    if (protocol === ipv4.IPPROTO_TCP && this.#stack.icmp.replying.isMuted) return
    if (
      protocol === ipv4.IPPROTO_TCP &&
      !this.#stack.routes.isOwn(bytes, destinationAt, version.address)
    ) {
      return
    }
    const receiver = this.protocols.get(protocol)
    if (receiver === undefined) {
      this.#refuseProtocol(version, protocol, bytes, nh, packetEnd)
      return
    }
    this.#stack.count(version.counters.inDelivers)
    this.#current = packet
    this.#currentHeader = nh
    receiver.receive(packet)
    this.#current = undefined
  }

  #refuseProtocol(
    version: IpVersion,
    protocol: number,
    bytes: Uint8Array,
    nh: number,
    end: number,
  ): void {
    // Linux knows IGMP and PIM, and no next header is an empty packet.
    if (protocol === (version === IP4 ? ipv4.IPPROTO_IGMP : ipv6.NEXTHDR_NONE)) return
    if (protocol === IPPROTO_PIM) return
    this.#stack.count(version.counters.inUnknownProtos)
    this.#stack.icmp.refuseProtocol(version, bytes, nh, end - nh)
  }

  #countChecksumError(version: IpVersion, protocol: number): void {
    if (protocol === ipv4.IPPROTO_TCP) {
      this.#stack.count('TcpInErrs')
      this.#stack.count('TcpInCsumErrors')
    } else if (protocol === ipv4.IPPROTO_UDP) {
      this.#stack.count(version.counters.udpInErrors)
      this.#stack.count(version.counters.udpInCsumErrors)
    } else {
      this.#stack.count(version === IP4 ? 'IcmpInCsumErrors' : 'Icmp6InCsumErrors')
    }
  }

  #isLocal(version: IpVersion, dev: StackInterface, bytes: Uint8Array, to: number): boolean {
    const { address } = version
    if (isGroup(bytes, to, address)) {
      return dev.isMember(bytes, to, address) || (bytes[to] === 0xff && address === 4)
    }
    if (this.#stack.routes.isOwn(bytes, to, address)) {
      // Packets for loopback addresses never arrive from outside.
      return version === IP4 ? bytes[to] !== 127 : bytes[to] !== 0
    }
    return version === IP4 && dev.isBroadcast(bytes.subarray(to, to + address))
  }

  /** Whether a source address cannot be on the wire: a group, a loopback address, or an own one. */
  #isMartian(version: IpVersion, dev: StackInterface, bytes: Uint8Array, at: number): boolean {
    const source = version.sourceAt(at)
    if (isGroup(bytes, source, version.address)) return true
    if (version === IP6) {
      const from = bytes.subarray(source, source + version.address)
      return (bytes[source] === 0 && isLoopback(from)) || isOfHost(bytes, ipv6.destinationAt(at))
    }
    if (bytes[source] === 127) return true
    if (ipv4.source(bytes, at) === 0) return !isFromNowhere(bytes, at)
    return (
      dev.name !== this.#stack.acceptsOwnFrom &&
      this.#stack.routes.isOwn(bytes, source, version.address)
    )
  }

  #forward(
    from: StackInterface,
    version: IpVersion,
    bytes: Uint8Array,
    at: number,
    length: number,
    diverted: StackRoute | undefined,
  ): void {
    if (isOfLink(version, bytes, version.sourceAt(at))) {
      this.#stack.count(version.counters.inAddrErrors)
      return
    }
    const to = bytes.slice(version.destinationAt(at), version.destinationAt(at) + version.address)
    if (
      isGroup(to, 0, to.length) ||
      isLoopback(to) ||
      (version === IP6 && ipv6.isLinkLocal(to, 0))
    ) {
      return
    }
    const { routes, icmp, filter } = this.#stack
    const hop: Hop | undefined =
      diverted === undefined ? routes.find(to) : routes.over(diverted, to)
    if (hop === undefined) {
      this.#stack.count(version.counters.inNoRoutes)
      icmp.noRoute(version, bytes, at, length)
      return
    }
    const { dev } = hop.route
    const life = bytes[version.lifeAt(at)] as number
    if (life <= 1) {
      this.#stack.count(version.counters.inHdrErrors)
      icmp.timeExceeded(version, bytes, at, length)
      return
    }
    if (length > dev.mtu && (version === IP6 || (ipv4.flags(bytes, at) & ipv4.IP_DF) !== 0)) {
      this.#stack.count(version.counters.fragFails)
      icmp.tooBig(version, bytes, at, length, dev.mtu)
      return
    }
    if (filter !== undefined && !filter({ bytes, at, length, from, to: dev })) {
      this.#stack.count('FilterDropped')
      return
    }
    // A filter may lead packets to this host (NAT).
    if (filter !== undefined && this.#isLocal(version, from, bytes, version.destinationAt(at))) {
      this.deliver(from, bytes, at, at + length)
      return
    }
    // Networks have no broadcasts from outside (bc_forwarding of 0).
    if (hop.isToAll) return
    const frame = new Uint8Array(ETH_HLEN + length)
    frame.set(bytes.subarray(at, at + length), ETH_HLEN)
    frame[version.lifeAt(ETH_HLEN)] = life - 1
    version.finish(frame, ETH_HLEN)
    this.#stack.count(version.counters.forwarded)
    this.#stack.output.transmit(
      frame,
      version,
      hop,
      frame.subarray(version.sourceAt(ETH_HLEN), version.destinationAt(ETH_HLEN)),
      dev.mtu,
    )
  }
}

/** Whether an address of IPv4 may be another host's. */
const mayBeOther = (bytes: Uint8Array, at: number): boolean =>
  bytes[at] !== 127 && !isGroup(bytes, at, ipv4.IPV4_ALEN) && get32(bytes, at) !== 0

const hasOptions = (version: IpVersion, bytes: Uint8Array, at: number): boolean =>
  version === IP4 && ipv4.headerLength(bytes, at) > ipv4.IPV4_HLEN

/** Whether an address of IPv6 is loopback, or a group of one host or of no scope (RFC 4291 2.7). */
const isOfHost = (bytes: Uint8Array, at: number): boolean =>
  bytes[at] === 0xff
    ? ((bytes[at + 1] as number) & 15) <= 1
    : bytes[at] === 0 && isLoopback(bytes.subarray(at, at + ipv6.IPV6_ALEN))

/** Whether a packet from 0.0.0.0 is one of a host that does not know its address yet. */
function isFromNowhere(bytes: Uint8Array, at: number): boolean {
  const to = ipv4.destination(bytes, at)
  const isLocalGroup = to >>> 8 === LOCAL_GROUPS || ipv4.protocol(bytes, at) === ipv4.IPPROTO_IGMP
  return to === 0xffff_ffff || to === 0 || (to >>> 28 === 14 && isLocalGroup)
}

/** Whether no router forwards from an address: RFC 1122 3.2.1.3, RFC 4291 2.5.2 and 2.5.6. */
function isOfLink(version: IpVersion, bytes: Uint8Array, source: number): boolean {
  if (version === IP4) return bytes[source] === 0
  return ipv6.isLinkLocal(bytes, source) || ipv6.isUnspecified(bytes, source)
}

function isHeaderRight(version: IpVersion, bytes: Uint8Array, at: number, length: number): boolean {
  if (version === IP6) return ipv6.parse(bytes, at, length) >= 0
  const header = ipv4.parse(bytes, at, length)
  return header >= 0 && checksum.finish(checksum.onesComplementSum(bytes, at, header)) === 0
}
