/**
 * UpperHeader: finds the transport header of an IP packet and its checksum field. One object is
 * used for many packets, so that finding allocates nothing.
 */
import { finish, onesComplementSum, pseudoHeaderSum4, pseudoHeaderSum6 } from './checksum.ts'
import { ETH_P_IP, ETH_P_IPV6 } from './ethernet.ts'
import * as ipv4 from './ipv4.ts'
import * as ipv6 from './ipv6.ts'
import { get16, put16 } from './octets.ts'
import * as tcp from './tcp.ts'
import * as udp from './udp.ts'
import { networkOffset } from './vlan.ts'

const ICMP_CHECK = 2

const CHECK: ReadonlyMap<number, number> = new Map([
  [ipv4.IPPROTO_TCP, tcp.TCP_CHECK],
  [ipv4.IPPROTO_UDP, udp.UDP_CHECK],
  [ipv4.IPPROTO_UDPLITE, udp.UDP_CHECK],
  [ipv4.IPPROTO_DCCP, udp.UDP_CHECK],
  [ipv6.NEXTHDR_ICMP, ICMP_CHECK],
])

export class UpperHeader {
  /** Position of the transport header; -1 if it is not there: a later fragment, a truncated one. */
  h = -1
  protocol = 0
  /** Position of its checksum if that covers the pseudo-header; -1 if it does not. */
  check = -1
  /** True for a fragment: the checksum then covers bytes of other fragments. */
  isFragment = false
  /** The end of the packet, without padding after it. */
  end = 0

  /**
   * Finds the header of the packet at `nh`, of which the bytes up to `end` are present. Returns the
   * version, 4 or 6, or 0 if it is not an IP packet with a whole IP header. `h` and `check` are -1
   * if the packet has no transport header or checksum that is present.
   */
  find(bytes: Uint8Array, nh: number, end: number): number {
    const version = bytes[nh] >>> 4
    const length = end - nh
    this.h = -1
    this.check = -1
    this.isFragment = false
    if (version === 4 && length >= ipv4.IPV4_HLEN) {
      const header = ipv4.headerLength(bytes, nh)
      if (header < ipv4.IPV4_HLEN || header > length) return 0
      this.end = Math.min(end, nh + Math.max(header, ipv4.totalLength(bytes, nh)))
      this.isFragment = ipv4.isFragment(bytes, nh)
      if (ipv4.fragmentOffset(bytes, nh) === 0) {
        this.#found(nh + header, ipv4.protocol(bytes, nh), ipv6.NEXTHDR_ICMP)
      }
      return 4
    }
    if (version !== 6 || length < ipv6.IPV6_HLEN) return 0
    this.end = Math.min(end, nh + ipv6.IPV6_HLEN + ipv6.payloadLength(bytes, nh))
    this.#find6(bytes, nh)
    return 6
  }

  #find6(bytes: Uint8Array, nh: number): void {
    const length = this.end - nh
    const plain = ipv6.upperLayer(bytes, nh, length, false, true)
    this.isFragment = (plain & 0xff) === ipv6.NEXTHDR_FRAGMENT
    const upper = this.isFragment ? ipv6.upperLayer(bytes, nh, length, true, true) : plain
    // A later fragment has its data at 0.
    if (upper >>> 8 !== 0 && upper >= 0) {
      this.#found(nh + (upper >>> 8), upper & 0xff, ipv4.IPPROTO_ICMP)
    }
  }

  /** `other` is the number that ICMP has in the other version of IP. */
  #found(h: number, protocol: number, other: number): void {
    this.h = h
    this.protocol = protocol
    const offset = protocol === other ? undefined : CHECK.get(protocol)
    if (offset !== undefined && h + offset + 2 <= this.end) {
      this.check = h + offset
    }
  }
}

/** Returns the header of a frame's whole TCP or UDP packet; undefined for others, and fragments. */
export function wholeTransport(
  bytes: Uint8Array,
  at: number,
  length: number,
): UpperHeader | undefined {
  const network = networkOffset(bytes, at, length)
  const nh = at + network
  const type = network < 0 ? 0 : get16(bytes, nh - 2)
  if (!isIp(type, bytes, nh, length - network)) return undefined
  const upper = new UpperHeader()
  upper.find(bytes, nh, at + length)
  const { protocol, h, end, isFragment } = upper
  if (h < 0 || isFragment) return undefined
  if (protocol === ipv4.IPPROTO_TCP) return tcp.parse(bytes, h, end - h) < 0 ? undefined : upper
  if (protocol === ipv4.IPPROTO_UDP) return udp.parse(bytes, h, end - h) < 0 ? undefined : upper
  return undefined
}

/**
 * Finds the header of the IP packet in the Ethernet frame at `at`. Returns the version, 4 or 6, or
 * 0 like `UpperHeader.find`, and for frames of other protocols.
 */
export function findInFrame(
  upper: UpperHeader,
  bytes: Uint8Array,
  at: number,
  length: number,
): number {
  const network = networkOffset(bytes, at, length)
  const type = network < 0 ? 0 : get16(bytes, at + network - 2)
  if (type !== ETH_P_IP && type !== ETH_P_IPV6) return 0
  return upper.find(bytes, at + network, at + length)
}

/**
 * Returns how many bytes of TCP payload the Ethernet frame at `at` has, without padding. 0 also for
 * frames of other protocols, and for fragments after the first, whose header is elsewhere.
 */
export function tcpPayloadLength(
  bytes: Uint8Array,
  at: number,
  length: number,
  upper: UpperHeader,
): number {
  if (findInFrame(upper, bytes, at, length) === 0) return 0
  const { h, end, protocol } = upper
  if (h < 0 || protocol !== ipv4.IPPROTO_TCP) return 0
  const header = tcp.parse(bytes, h, end - h)
  return header < 0 ? 0 : end - h - header
}

/** Whether a packet of IP of the EtherType is at `nh`. */
function isIp(type: number, bytes: Uint8Array, nh: number, length: number): boolean {
  if (type === ETH_P_IP) return ipv4.parse(bytes, nh, length) >= 0
  return type === ETH_P_IPV6 && ipv6.parse(bytes, nh, length) >= 0
}

/**
 * Computes the TCP or UDP checksum of the Ethernet frame at `at` and writes it, whatever is in the
 * field. Returns false, with the frame untouched, for frames without such a checksum and for
 * fragments.
 */
export function completeChecksum(
  bytes: Uint8Array,
  at: number,
  length: number,
  upper = new UpperHeader(),
): boolean {
  const network = networkOffset(bytes, at, length)
  const type = network < 0 ? 0 : get16(bytes, at + network - 2)
  if (type !== ETH_P_IP && type !== ETH_P_IPV6) return false
  const nh = at + network
  const version = upper.find(bytes, nh, at + length)
  const { protocol, h, check, end } = upper
  if (version === 0 || check < 0 || upper.isFragment) return false
  if (protocol !== ipv4.IPPROTO_TCP && protocol !== ipv4.IPPROTO_UDP) return false
  const pseudoHeaderSum = version === 4 ? pseudoHeaderSum4 : pseudoHeaderSum6
  put16(bytes, check, 0)
  const sum = finish(
    onesComplementSum(bytes, h, end - h, pseudoHeaderSum(bytes, nh, protocol, end - h)),
  )
  put16(bytes, check, sum === 0 && protocol === ipv4.IPPROTO_UDP ? 0xffff : sum)
  return true
}
