/** ICMP (RFC 792, 1122) and ICMPv6 (RFC 4443) of a host in memory: echo replies, and errors. */
import { EMSGSIZE, icmp, icmpv6, ipv4 } from 'vnet'
import { put32, UpperHeader } from 'vnet/kit/packet'
import type { Ip, Packet, Protocol } from '../contract.ts'
import { type DiscoveryOwner, receiveDiscovery } from './discovery.ts'
import { type HeaderProblem, isErrorMessage, isForAllSenders, nextHeaderAt } from './extensions.ts'
import { counterOf, errorOf } from './icmp-errors.ts'
import type { StackInterface } from './interface.ts'
import { timeOfDay } from './options.ts'
import type { StackSendOptions } from './output.ts'
import type { PathMtu } from './routes.ts'
import { IP4, IP6, type IpVersion, isGroup, isLoopback, versionAt, versionOf } from './version.ts'

// ICMP_HOST_UNREACH, ICMPV6_ADDR_UNREACH, and the code of a late fragment in both versions.
const HOST_UNREACH = 1
const ADDR_UNREACH = 3
const FRAGMENT_TIME = 1

// Precedence of internetwork control, and the bits of the type of service (RFC 1349).
const CONTROL = 0xc0
const TOS = 0x1e

/** Messages that are not errors: packets with others are not reported. */
const QUESTIONS: ReadonlySet<number> = new Set([0, 8, 13, 14, 15, 16, 17, 18])

// A timestamp reply has the time of the request, and of its arrival and departure.
const ICMP_TIMESTAMP = 13
const ICMP_TIMESTAMPREPLY = 14
const TIMESTAMP_LENGTH = 20

const ECHO6 = icmpv6.ICMPV6_ECHO_REQUEST

/** How the host replies to a packet while it handles it. */
export interface Replying {
  /** Whether its frame was for all: no error is sent about it. */
  readonly isMuted: boolean
  /** Options of IPv4 for the reply; undefined if there can be none. */
  readonly options: Uint8Array | undefined
}

const NO_OPTIONS = new Uint8Array(0)
export const USUAL: Replying = { isMuted: false, options: NO_OPTIONS }
export const MUTED: Replying = { isMuted: true, options: NO_OPTIONS }

/** The parts of a stack that ICMP uses. */
interface IcmpOwner
  extends DiscoveryOwner<StackInterface>,
    Pick<Ip, 'clock' | 'isToAll' | 'mtuTo' | 'sourceFor'> {
  readonly interfaces: readonly StackInterface[]
  readonly input: { readonly protocols: ReadonlyMap<number, Protocol> }
  readonly pathMtu: Pick<PathMtu, 'report'>
  /** Undefined if no user of the stack sends echo requests. */
  readonly onEchoReply: ((packet: Packet) => void) | undefined
  send(
    protocol: number,
    from: Uint8Array,
    to: Uint8Array,
    message: Uint8Array,
    options?: StackSendOptions,
  ): number
}

/**
 * ICMP and ICMPv6 of one stack: handles received messages, and reports packets that others could
 * not deliver. Packets are lent to it.
 */
export class Icmp {
  readonly #stack: IcmpOwner
  readonly #upper = new UpperHeader()
  replying = USUAL

  constructor(stack: IcmpOwner) {
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
      if (dev !== undefined) {
        receiveDiscovery(this.#stack, dev, packet, nh)
      }
      return
    }
    const counter = counterOf(version, 'In', type)
    if (counter !== undefined) {
      this.#stack.count(counter)
    }
    if (type === (isV4 ? icmp.ICMP_ECHO : ECHO6)) {
      this.#reply(version, packet, nh)
    } else if (isV4 && type === ICMP_TIMESTAMP) {
      this.#replyWithTime(packet, nh)
    } else if (type === (isV4 ? icmp.ICMP_ECHOREPLY : icmpv6.ICMPV6_ECHO_REPLY)) {
      this.#stack.onEchoReply?.(packet)
    } else if (isV4 ? icmp.isError(type) : icmpv6.isError(type)) {
      this.#receiveError(version, packet)
    }
  }

  /** Replies to a packet without a socket. `nh` is the position of its IP header, or -1. */
  refuse({ bytes, at, length, source, destination }: Packet, nh: number): void {
    const version = versionOf(source)
    if (nh >= 0) {
      this.#send(
        version,
        version.unreachable,
        version.portUnreachable,
        0,
        bytes,
        nh,
        at + length - nh,
      )
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
    if (version === IP4) {
      this.#send(version, version.unreachable, icmp.ICMP_PROT_UNREACH, 0, bytes, nh, length)
    } else {
      const pointer = nextHeaderAt(bytes, nh, nh + length, true) - nh
      this.#send(
        version,
        icmpv6.ICMPV6_PARAMPROB,
        icmpv6.ICMPV6_UNK_NEXTHDR,
        pointer,
        bytes,
        nh,
        length,
      )
    }
  }

  /** Reports a problem of the headers of an IPv6 packet. Without a code, does nothing. */
  parameterProblem(bytes: Uint8Array, nh: number, length: number, problem: HeaderProblem): void {
    const { code, pointer } = problem
    const isForAll = isForAllSenders(bytes, nh, problem)
    if (code !== undefined) {
      this.#send(IP6, icmpv6.ICMPV6_PARAMPROB, code, pointer, bytes, nh, length, isForAll)
    }
  }

  /** Reports the option of an IPv4 packet at an offset. */
  optionProblem(bytes: Uint8Array, nh: number, length: number, offset: number): void {
    this.#send(IP4, icmp.ICMP_PARAMETERPROB, 0, offset * 2 ** 24, bytes, nh, length)
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
    if (version === IP4) {
      this.#send(version, version.unreachable, icmp.ICMP_FRAG_NEEDED, mtu, bytes, nh, length)
    } else {
      this.#send(version, icmpv6.ICMPV6_PKT_TOOBIG, 0, mtu, bytes, nh, length)
    }
  }

  #reply(version: IpVersion, { bytes, at, length, source, destination }: Packet, nh: number): void {
    const isV4 = version === IP4
    const isToAll = this.#stack.isToAll(destination)
    // Linux does not reply to broadcast pings of IPv4 (icmp_echo_ignore_broadcasts).
    if (isToAll && isV4) return
    const own = isToAll ? this.#stack.sourceFor(source) : destination
    const reply = bytes.slice(at, at + length)
    if (own === undefined) return
    reply[0] = isV4 ? icmp.ICMP_ECHOREPLY : icmpv6.ICMPV6_ECHO_REPLY
    this.#transmit(version, own, source, reply, version.trafficClass(bytes, nh))
  }

  #replyWithTime({ bytes, at, length, source, destination }: Packet, nh: number): void {
    if (length < icmp.ICMP_HLEN + 4 || this.#stack.isToAll(destination)) return
    const reply = new Uint8Array(TIMESTAMP_LENGTH)
    reply.set(bytes.subarray(at, at + icmp.ICMP_HLEN + 4))
    reply[0] = ICMP_TIMESTAMPREPLY
    reply[1] = 0
    const now = timeOfDay(this.#stack.clock.now())
    put32(reply, 12, now)
    put32(reply, 16, now)
    this.#transmit(IP4, destination, source, reply, ipv4.typeOfService(bytes, nh))
  }

  /** Takes over a message without its checksum. */
  #transmit(
    version: IpVersion,
    from: Uint8Array,
    to: Uint8Array,
    message: Uint8Array,
    trafficClass: number,
  ): void {
    const options = version === IP4 ? this.replying.options : NO_OPTIONS
    if (options === undefined) return
    this.#stack.count(version === IP4 ? 'IcmpOutMsgs' : 'Icmp6OutMsgs')
    const counter = counterOf(version, 'Out', message[0] as number)
    if (counter !== undefined) {
      this.#stack.count(counter)
    }
    this.#stack.send(version.icmp, from, to, message, { trafficClass, options })
  }

  /** Sends an error about a packet, unless none may be sent (RFC 1122 3.2.2, RFC 4443 2.4 (e)). */
  #send(
    version: IpVersion,
    type: number,
    code: number,
    info: number,
    bytes: Uint8Array,
    nh: number,
    length: number,
    isForAll = false,
  ): void {
    if (
      version === IP4
        ? !this.#mayReport4(bytes, nh, nh + length)
        : isErrorMessage(bytes, nh, nh + length)
    ) {
      return
    }
    const source = bytes.slice(version.sourceAt(nh), version.sourceAt(nh) + version.address)
    const destination = bytes.slice(
      version.destinationAt(nh),
      version.destinationAt(nh) + version.address,
    )
    if (isGroup(source, 0, source.length) || source.every(byte => byte === 0)) return
    if (this.#stack.interfaces.some(dev => dev.isAnycast(source))) return
    if ((this.#stack.isToAll(destination) || this.replying.isMuted) && !isForAll) return
    // Linux replies to a frame for all from the address of the route to its source.
    const isAddressed = this.#stack.isOwn(destination) && !this.replying.isMuted
    const own = isAddressed ? destination : this.#stack.sourceFor(source)
    if (own === undefined || (isLoopback(source) && !isLoopback(own))) return
    const options = version === IP4 ? (this.replying.options?.length ?? 0) : 0
    const most = Math.min(version.errorMax, this.#stack.mtuTo(source))
    const quote = Math.min(length, most - version.header - options - icmp.ICMP_HLEN)
    const message = new Uint8Array(icmp.ICMP_HLEN + quote)
    message[0] = type
    message[1] = code
    put32(message, 4, info)
    message.set(bytes.subarray(nh, nh + quote), icmp.ICMP_HLEN)
    // Linux keeps the former type of service of the packet (RFC 1122 sec. 3.2.2).
    const trafficClass = version === IP4 ? CONTROL | (ipv4.typeOfService(bytes, nh) & TOS) : 0
    this.#transmit(version, own, source, message, trafficClass)
  }

  /** Whether a message of ICMP is a reply of this host, or a ping of its. */
  #hasSent(version: IpVersion, { bytes, at }: Packet, protocol: number): boolean {
    if (protocol !== version.icmp) return false
    return (
      version === IP6 || bytes[at] === icmp.ICMP_ECHOREPLY || this.#stack.onEchoReply !== undefined
    )
  }

  /** Whether a packet is neither a later fragment nor an ICMP message that gets no error. */
  #mayReport4(bytes: Uint8Array, nh: number, packetEnd: number): boolean {
    this.#upper.find(bytes, nh, packetEnd)
    const { h, protocol, end } = this.#upper
    return h >= 0 && (protocol !== IP4.icmp || (h < end && QUESTIONS.has(bytes[h] as number)))
  }

  #receiveError(version: IpVersion, { bytes, at, length }: Packet): void {
    if (length < icmp.ICMP_HLEN + version.header) return
    const quoted = bytes.slice(at + icmp.ICMP_HLEN, at + length)
    // Linux does not look at the version in the quoted packet.
    quoted[0] = ((version === IP4 ? 4 : 6) << 4) | ((quoted[0] as number) & 15)
    this.#upper.find(quoted, 0, quoted.length)
    // Nor does it look whether the quoted packet of IPv4 is a later fragment.
    const isV4 = version === IP4 && ipv4.headerLength(quoted, 0) >= ipv4.IPV4_HLEN
    const h = isV4 ? ipv4.headerLength(quoted, 0) : this.#upper.h
    const protocol = isV4 ? ipv4.protocol(quoted, 0) : this.#upper.protocol
    // At least the ports and the sequence number (RFC 1122 section 3.2.2).
    if (h < 0 || h + 8 > quoted.length) return
    const own = quoted.slice(version.sourceAt(0), version.sourceAt(0) + version.address)
    // Linux finds the sockets of IPv6 without a look at the quoted source.
    if (version === IP4 && !this.#stack.isOwn(own)) return
    const [errno, isFatal] = errorOf(version, bytes[at] as number, bytes[at + 1] as number) ?? []
    if (errno === undefined || isFatal === undefined) return
    const destination = quoted.slice(
      version.destinationAt(0),
      version.destinationAt(0) + version.address,
    )
    const packet = { bytes: quoted, at: h, length: quoted.length - h, source: own, destination }
    const sender = this.#stack.input.protocols.get(protocol)
    if (
      sender === undefined ? !this.#hasSent(version, packet, protocol) : !sender.hasSent(packet)
    ) {
      return
    }
    let mtu = 0
    if (errno === EMSGSIZE) {
      mtu = version === IP4 ? icmp.nextHopMtu(bytes, at) : icmpv6.mtu(bytes, at)
      const known = this.#stack.mtuTo(destination)
      if (!this.#stack.pathMtu.report(destination, mtu, known)) return
      mtu = this.#stack.mtuTo(destination)
    }
    const isNoPath =
      bytes[at] === version.unreachable && (bytes[at + 1] as number) <= version.noPathMax
    sender?.error({ errno, isFatal, mtu, isNoPath, packet })
  }
}
