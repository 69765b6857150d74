/** ICMP (RFC 792, 1122) and ICMPv6 (RFC 4443) of a host in memory: echo replies, and errors. */
import { EMSGSIZE } from 'vnet/internal/base/errno'
import * as icmp from 'vnet/internal/packet/icmp'
import * as icmpv6 from 'vnet/internal/packet/icmpv6'
import * as ipv4 from 'vnet/internal/packet/ipv4'
import { put32 } from 'vnet/internal/packet/octets'
import { UpperHeader } from 'vnet/internal/packet/upper-header'
import type { Packet } from '../contract.ts'
import { receiveDiscovery } from './discovery.ts'
import { type HeaderProblem, nextHeaderAt } from './extensions.ts'
import { counterOf, errorOf } from './icmp-errors.ts'
import type { StackInterface } from './interface.ts'
import type { IpStack } from './stack.ts'
import { IP4, IP6, type IpVersion, isGroup, isLoopback, versionAt, versionOf } from './version.ts'

/** ICMP_HOST_UNREACH, ICMPV6_ADDR_UNREACH, and the code of a late fragment in both versions. */
const [HOST_UNREACH, ADDR_UNREACH, FRAGMENT_TIME] = [1, 3, 1]
const ECHO6 = icmpv6.ICMPV6_ECHO_REQUEST

export class Icmp {
  readonly #stack: IpStack
  readonly #upper = new UpperHeader()
  /** Set while a packet is handled whose frame was for all: no error is sent about it. */
  isMuted = false

  constructor(stack: IpStack) {
    this.#stack = stack
  }

  /** Handles a message with a correct checksum. `nh` is the position of its IP header. */
  receive(version: IpVersion, dev: StackInterface | undefined, packet: Packet, nh: number): void {
    const { bytes, at, length } = packet
    const isV4 = version === IP4
    this.#stack.count(isV4 ? 'IcmpInMsgs' : 'Icmp6InMsgs')
    if (length < icmp.ICMP_HLEN) {
      this.#stack.count(isV4 ? 'IcmpInErrors' : 'Icmp6InErrors')
      return
    }
    const type = bytes[at] as number
    if (!isV4 && icmpv6.isNeighbourDiscovery(type)) {
      if (dev !== undefined) receiveDiscovery(this.#stack, dev, packet, nh)
      return
    }
    const counter = counterOf(version, 'In', type)
    if (counter !== undefined) this.#stack.count(counter)
    if (type === (isV4 ? icmp.ICMP_ECHO : ECHO6)) this.#reply(version, packet)
    else if (type === (isV4 ? icmp.ICMP_ECHOREPLY : icmpv6.ICMPV6_ECHO_REPLY)) this.#stack.onEchoReply?.(packet)
    else if (isV4 ? icmp.isError(type) : icmpv6.isError(type)) this.#receiveError(version, packet)
  }

  /** Replies to a packet without a socket. `nh` is the position of its IP header, or -1. */
  refuse({ bytes, at, length, source, destination }: Packet, nh: number): void {
    const version = versionOf(source)
    if (nh >= 0) {
      this.#send(version, version.unreachable, version.portUnreachable, 0, bytes, nh, at + length - nh)
      return
    }
    const quoted = new Uint8Array(version.header + length)
    version.create(quoted, 0, ipv4.IPPROTO_UDP, length, 64, 0, false)
    quoted.set(source, version.sourceAt(0))
    quoted.set(destination, version.destinationAt(0))
    version.finish(quoted, 0)
    quoted.set(bytes.subarray(at, at + length), version.header)
    this.#send(version, version.unreachable, version.portUnreachable, 0, quoted, 0, quoted.length)
  }

  /** Reports a packet of a protocol that this host does not have. */
  refuseProtocol(version: IpVersion, bytes: Uint8Array, nh: number, length: number): void {
    if (version === IP4) this.#send(version, version.unreachable, icmp.ICMP_PROT_UNREACH, 0, bytes, nh, length)
    else {
      const pointer = nextHeaderAt(bytes, nh, nh + length) - nh
      this.#send(version, icmpv6.ICMPV6_PARAMPROB, icmpv6.ICMPV6_UNK_NEXTHDR, pointer, bytes, nh, length)
    }
  }

  /** Reports a problem of the headers of an IPv6 packet. Without a code, does nothing. */
  parameterProblem(bytes: Uint8Array, nh: number, length: number, { code, pointer }: HeaderProblem): void {
    if (code !== undefined) this.#send(IP6, icmpv6.ICMPV6_PARAMPROB, code, pointer, bytes, nh, length)
  }

  /** Reports a packet, sent or forwarded by this host, after its next hop did not reply. */
  unreachable(frame: Uint8Array, nh: number): void {
    const version = versionAt(frame, nh)
    const code = version === IP4 ? HOST_UNREACH : ADDR_UNREACH
    this.#send(version, version.unreachable, code, 0, frame, nh, frame.length - nh)
  }

  timeExceeded(version: IpVersion, bytes: Uint8Array, nh: number, length: number): void {
    this.#send(version, version.timeExceeded, 0, 0, bytes, nh, length)
  }

  reassemblyTimeExceeded(version: IpVersion, bytes: Uint8Array, nh: number, length: number): void {
    this.#send(version, version.timeExceeded, FRAGMENT_TIME, 0, bytes, nh, length)
  }

  noRoute(version: IpVersion, bytes: Uint8Array, nh: number, length: number): void {
    this.#send(version, version.unreachable, 0, 0, bytes, nh, length)
  }

  tooBig(version: IpVersion, bytes: Uint8Array, nh: number, length: number, mtu: number): void {
    if (version === IP4) this.#send(version, version.unreachable, icmp.ICMP_FRAG_NEEDED, mtu, bytes, nh, length)
    else this.#send(version, icmpv6.ICMPV6_PKT_TOOBIG, 0, mtu, bytes, nh, length)
  }

  #reply(version: IpVersion, { bytes, at, length, source, destination }: Packet): void {
    const isV4 = version === IP4
    const isToAll = this.#stack.isToAll(destination)
    // Linux does not reply to broadcast pings of IPv4 (icmp_echo_ignore_broadcasts).
    if (isToAll && isV4) return
    const own = isToAll ? this.#stack.sourceFor(source) : destination
    const reply = bytes.slice(at, at + length)
    if (own !== undefined)
      this.#transmit(version, own, source, reply, isV4 ? icmp.ICMP_ECHOREPLY : icmpv6.ICMPV6_ECHO_REPLY, 0)
  }

  #transmit(
    version: IpVersion,
    from: Uint8Array,
    to: Uint8Array,
    message: Uint8Array,
    type: number,
    code: number,
  ): void {
    message[0] = type
    message[1] = code
    this.#stack.count(version === IP4 ? 'IcmpOutMsgs' : 'Icmp6OutMsgs')
    const counter = counterOf(version, 'Out', type)
    if (counter !== undefined) this.#stack.count(counter)
    this.#stack.send(version.icmp, from, to, message)
  }

  /** Sends an error about a packet, unless none may be sent (RFC 1122 3.2.2, RFC 4443 2.4 (e)). */
  #send(version: IpVersion, type: number, code: number, info: number, bytes: Uint8Array, nh: number, length: number) {
    this.#upper.find(bytes, nh, nh + length)
    const { h, protocol, end, isFragment } = this.#upper
    // About later fragments of IPv6, errors are sent.
    if (h < 0 && (version === IP4 || !isFragment)) return
    if (h >= 0 && protocol === version.icmp && (h >= end || !isQuestion(version, bytes[h] as number))) return
    const source = bytes.slice(version.sourceAt(nh), version.sourceAt(nh) + version.address)
    const destination = bytes.slice(version.destinationAt(nh), version.destinationAt(nh) + version.address)
    if (isGroup(source, 0, source.length) || source.every(byte => byte === 0)) return
    if (this.#stack.isToAll(destination) || this.isMuted) return
    const own = this.#stack.isOwn(destination) ? destination : this.#stack.sourceFor(source)
    if (own === undefined || (isLoopback(source) && !isLoopback(own))) return
    const quote = Math.min(length, version.errorMax - version.header - icmp.ICMP_HLEN)
    const message = new Uint8Array(icmp.ICMP_HLEN + quote)
    put32(message, 4, info)
    message.set(bytes.subarray(nh, nh + quote), icmp.ICMP_HLEN)
    this.#transmit(version, own, source, message, type, code)
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
    const [errno, isFatal] = errorOf(version, bytes[at] as number, bytes[at + 1] as number) ?? []
    if (errno === undefined || isFatal === undefined) return
    const destination = bytes.slice(version.destinationAt(quote), version.destinationAt(quote) + version.address)
    const packet = { bytes, at: h, length: at + length - h, source: own, destination }
    const sender = this.#stack.input.protocols.get(protocol)
    if (sender === undefined ? protocol !== version.icmp : !sender.hasSent(packet)) return
    let mtu = 0
    if (errno === EMSGSIZE) {
      mtu = version === IP4 ? icmp.nextHopMtu(bytes, at) : icmpv6.mtu(bytes, at)
      const known = this.#stack.mtuTo(destination)
      if (!this.#stack.pathMtu.report(destination, mtu, version.total(bytes, quote), known)) return
      mtu = this.#stack.mtuTo(destination)
    }
    const isNoPath = bytes[at] === version.unreachable && (bytes[at + 1] as number) <= version.noPathMax
    sender?.error({ errno, isFatal, mtu, isNoPath, packet })
  }
}

function isQuestion(version: IpVersion, type: number): boolean {
  return version === IP4 ? !icmp.isError(type) : type >= ECHO6
}
