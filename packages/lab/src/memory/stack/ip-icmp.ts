/** ICMP (RFC 792, 1122) and ICMPv6 (RFC 4443) of a host in memory: echo, and errors in and out. */
import { EACCES, ECONNREFUSED, EHOSTUNREACH, EMSGSIZE, ENETUNREACH, ENOPROTOOPT } from 'vnet/internal/base/errno'
import * as icmp from 'vnet/internal/packet/icmp'
import * as icmpv6 from 'vnet/internal/packet/icmpv6'
import * as ipv4 from 'vnet/internal/packet/ipv4'
import * as ipv6 from 'vnet/internal/packet/ipv6'
import { get16, get32, put16, put32 } from 'vnet/internal/packet/octets'
import { UpperHeader } from 'vnet/internal/packet/upper-header'
import type { Packet } from './contract.ts'
import type { StackInterface } from './ip-interface.ts'
import type { IpStack } from './ip-stack.ts'
import { IP4, IP6, type IpVersion, isGroup, isLoopback } from './ip-version.ts'

/** ICMP_HOST_UNREACH, ICMPV6_ADDR_UNREACH */
const [HOST_UNREACH, ADDR_UNREACH] = [1, 3]

interface Ping {
  readonly id: number
  onReply(sequence: number, data: Uint8Array): void
}

export class Icmp {
  readonly #stack: IpStack
  readonly #upper = new UpperHeader()
  readonly #pings = new Map<number, Ping>()

  constructor(stack: IpStack) {
    this.#stack = stack
  }

  /** Sends echo requests. `onReply` is called with the number and data of each reply. */
  ping(id: number, onReply: Ping['onReply']) {
    this.#pings.set(id, { id, onReply })
    return {
      /** Returns 0 or a negative errno. */
      send: (to: Uint8Array, sequence: number, data: Uint8Array): number => {
        const from = this.#stack.sourceFor(to)
        if (from === undefined) return -ENETUNREACH
        const message = new Uint8Array(icmp.ICMP_HLEN + data.length)
        message[0] = to.length === 4 ? icmp.ICMP_ECHO : icmpv6.ICMPV6_ECHO_REQUEST
        put16(message, 4, id)
        put16(message, 6, sequence)
        message.set(data, icmp.ICMP_HLEN)
        return this.#stack.send(to.length === 4 ? IP4.icmp : ipv6.NEXTHDR_ICMP, from, to, message)
      },
      close: () => void this.#pings.delete(id),
    }
  }

  /** Takes a message whose checksum is right. */
  receive(version: IpVersion, dev: StackInterface | undefined, packet: Packet, nh: number): void {
    const { bytes, at, length, source, destination } = packet
    if (length < icmp.ICMP_HLEN) return
    const isV4 = version === IP4
    const type = bytes[at] as number
    if (type === (isV4 ? icmp.ICMP_ECHO : icmpv6.ICMPV6_ECHO_REQUEST)) {
      const reply = bytes.slice(at, at + length)
      reply[0] = isV4 ? icmp.ICMP_ECHOREPLY : icmpv6.ICMPV6_ECHO_REPLY
      const isToGroup = isGroup(destination, 0, destination.length)
      // Linux ignores broadcast pings of IPv4 (icmp_echo_ignore_broadcasts).
      if (isToGroup && isV4) return
      const own = isToGroup ? this.#stack.sourceFor(source) : destination
      if (own !== undefined) this.#stack.send(version.icmp, own, source, reply)
    } else if (type === (isV4 ? icmp.ICMP_ECHOREPLY : icmpv6.ICMPV6_ECHO_REPLY)) {
      const data = bytes.slice(at + icmp.ICMP_HLEN, at + length)
      this.#pings.get(get16(bytes, at + 4))?.onReply(get16(bytes, at + 6), data)
    } else if (isV4 ? icmp.isError(type) : icmpv6.isError(type)) this.#receiveError(version, packet)
    else if (!isV4 && icmpv6.isNeighbourDiscovery(type)) dev?.receiveDiscovery(bytes, nh, at, length)
  }

  /** Replies to a packet for a closed port. `at` is its TCP or UDP header. */
  refuse(version: IpVersion, bytes: Uint8Array, at: number, length: number, from: Uint8Array, to: Uint8Array): void {
    const header = new Uint8Array(version.header + length)
    version.create(header, 0, ipv4.IPPROTO_UDP, length, 64, 0, false)
    header.set(from, version.sourceAt(0))
    header.set(to, version.destinationAt(0))
    version.finish(header, 0)
    header.set(bytes.subarray(at, at + length), version.header)
    this.#send(version, version.unreachable, version.portUnreachable, 0, header, 0, header.length)
  }

  /** Reports a packet that this host or another sent, and whose next hop does not answer. */
  unreachable(frame: Uint8Array, nh: number): void {
    const isV4 = (frame[nh] as number) >>> 4 === 4
    const version = this.#versionAt(frame, nh)
    const code = isV4 ? HOST_UNREACH : ADDR_UNREACH
    this.#send(version, version.unreachable, code, 0, frame, nh, frame.length - nh)
  }

  timeExceeded(version: IpVersion, bytes: Uint8Array, nh: number, length: number): void {
    this.#send(version, version.timeExceeded, 0, 0, bytes, nh, length)
  }

  noRoute(version: IpVersion, bytes: Uint8Array, nh: number, length: number): void {
    this.#send(version, version.unreachable, 0, 0, bytes, nh, length)
  }

  tooBig(version: IpVersion, bytes: Uint8Array, nh: number, length: number, mtu: number): void {
    if (version === IP4) this.#send(version, version.unreachable, icmp.ICMP_FRAG_NEEDED, mtu, bytes, nh, length)
    else this.#send(version, icmpv6.ICMPV6_PKT_TOOBIG, 0, mtu, bytes, nh, length)
  }

  #versionAt(bytes: Uint8Array, nh: number): IpVersion {
    return (bytes[nh] as number) >>> 4 === 4 ? IP4 : IP6
  }

  /** Sends an error about a packet, unless none may be sent (RFC 1122 3.2.2, RFC 4443 2.4 (e)). */
  #send(version: IpVersion, type: number, code: number, info: number, bytes: Uint8Array, nh: number, length: number) {
    this.#upper.find(bytes, nh, nh + length)
    const { h, protocol } = this.#upper
    if (h < 0 || (protocol === version.icmp && !isQuestion(version, bytes[h] as number))) return
    const source = bytes.slice(version.sourceAt(nh), version.sourceAt(nh) + version.address)
    const destination = bytes.subarray(version.destinationAt(nh), version.destinationAt(nh) + version.address)
    if (isGroup(source, 0, source.length) || source.every(byte => byte === 0)) return
    if (isGroup(destination, 0, destination.length)) return
    const own = this.#stack.isOwn(destination) ? destination.slice() : this.#stack.sourceFor(source)
    if (own === undefined || (isLoopback(source) && !isLoopback(own))) return
    const quote = Math.min(length, version.errorMax - version.header - icmp.ICMP_HLEN)
    const message = new Uint8Array(icmp.ICMP_HLEN + quote)
    message[0] = type
    message[1] = code
    put32(message, 4, info)
    message.set(bytes.subarray(nh, nh + quote), icmp.ICMP_HLEN)
    if (type === version.unreachable) this.#stack.count(`${version === IP4 ? 'Icmp' : 'Icmp6'}OutDestUnreachs`)
    this.#stack.send(version.icmp, own, source, message)
  }

  #receiveError(version: IpVersion, { bytes, at, length }: Packet): void {
    const quote = at + icmp.ICMP_HLEN
    if (length < icmp.ICMP_HLEN + version.header) return
    this.#upper.find(bytes, quote, at + length)
    const { h, protocol } = this.#upper
    // At least the ports and the sequence number (RFC 1122 section 3.2.2).
    if (h < 0 || h + 8 > at + length) return
    const own = bytes.slice(version.sourceAt(quote), version.sourceAt(quote) + version.address)
    if (!this.#stack.isOwn(own)) return
    const [type, code] = [bytes[at] as number, bytes[at + 1] as number]
    const [errno, isFatal, mtu] =
      version === IP4 ? errorOf4(type, code, icmp.nextHopMtu(bytes, at)) : errorOf6(type, code, get32(bytes, at + 4))
    if (errno === 0) return
    const destination = bytes.slice(version.destinationAt(quote), version.destinationAt(quote) + version.address)
    const packet = { bytes, at: h, length: at + length - h, source: own, destination }
    this.#stack.error(protocol, { errno, isFatal, mtu, packet })
  }
}

function isQuestion(version: IpVersion, type: number): boolean {
  return version === IP4 ? !icmp.isError(type) : type >= 128 && !icmpv6.isNeighbourDiscovery(type)
}

/** icmp_err_convert of Linux: errno, whether it is fatal, and the MTU. */
function errorOf4(type: number, code: number, mtu: number): readonly [number, boolean, number] {
  if (type === icmp.ICMP_TIME_EXCEEDED) return [EHOSTUNREACH, false, 0]
  if (type !== icmp.ICMP_DEST_UNREACH) return [0, false, 0]
  if (code === icmp.ICMP_NET_UNREACH) return [ENETUNREACH, false, 0]
  if (code === icmp.ICMP_PROT_UNREACH) return [ENOPROTOOPT, true, 0]
  if (code === icmp.ICMP_PORT_UNREACH) return [ECONNREFUSED, true, 0]
  if (code === icmp.ICMP_FRAG_NEEDED) return [EMSGSIZE, false, mtu]
  const isFatal = [6, 7, 8, 9, 10, 13, 14, 15].includes(code)
  return [code === 6 || code === 9 || code === 11 ? ENETUNREACH : EHOSTUNREACH, isFatal, 0]
}

/** tab_unreach of net/ipv6/icmp.c */
function errorOf6(type: number, code: number, mtu: number): readonly [number, boolean, number] {
  if (type === icmpv6.ICMPV6_PKT_TOOBIG) return [EMSGSIZE, false, mtu]
  if (type === icmpv6.ICMPV6_TIME_EXCEED) return [EHOSTUNREACH, false, 0]
  if (type !== icmpv6.ICMPV6_DEST_UNREACH) return [0, false, 0]
  if (code === 0) return [ENETUNREACH, false, 0]
  if (code === icmpv6.ICMPV6_PORT_UNREACH) return [ECONNREFUSED, true, 0]
  return [code === 1 || code === 5 || code === 6 ? EACCES : EHOSTUNREACH, code !== 3 && code !== 2, 0]
}
