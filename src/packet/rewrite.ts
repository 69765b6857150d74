/**
 * AddressMap: replaces addresses in Ethernet frames, and keeps their checksums right. It adjusts
 * the checksums of IPv4, TCP, UDP, UDP-Lite, DCCP, ICMP and ICMPv6 by increments (RFC 1624), so
 * that a wrong checksum remains wrong and a fragment needs none of the others.
 *
 * MAC addresses are replaced in the link header, in ARP and in neighbour discovery; IP addresses in
 * ARP, in the IP header, in neighbour discovery, in redirects, and in packets that ICMP errors
 * quote. Payloads, extension headers and other options are not changed; nor is the transport
 * checksum after an IPv6 routing header.
 */
import * as arp from './arp.ts'
import { checksumGrow, growthOf, onesComplementSum } from './checksum.ts'
import { ETH_ALEN, ETH_P_ARP, ETH_P_IP, ETH_P_IPV6 } from './ethernet.ts'
import * as icmp from './icmp.ts'
import * as icmpv6 from './icmpv6.ts'
import * as ipv4 from './ipv4.ts'
import { IPPROTO_ICMP, IPPROTO_UDP, IPPROTO_UDPLITE, IPV4_ALEN } from './ipv4.ts'
import * as ipv6 from './ipv6.ts'
import { IPV6_ALEN, NEXTHDR_ICMP } from './ipv6.ts'
import { get16, put16 } from './octets.ts'
import { UpperHeader } from './upper-header.ts'
import { networkOffset } from './vlan.ts'

/**
 * Replaces the first `bits` bits of an address, if they equal the bits of `from`, by the bits of
 * `to`.
 */
export interface AddressMapping {
  /** Both of 4, 6 or 16 bytes. */
  readonly from: Uint8Array
  readonly to: Uint8Array
  readonly bits: number
}

/** Offsets of the options of neighbour discovery, by type of message. */
const ND_OPTIONS: ReadonlyMap<number, number> = new Map([
  [icmpv6.NDISC_ROUTER_SOLICITATION, 8],
  [icmpv6.NDISC_ROUTER_ADVERTISEMENT, 16],
  [icmpv6.NDISC_NEIGHBOUR_SOLICITATION, icmpv6.NDISC_HLEN],
  [icmpv6.NDISC_NEIGHBOUR_ADVERTISEMENT, icmpv6.NDISC_HLEN],
  [icmpv6.NDISC_REDIRECT, icmpv6.NDISC_HLEN + IPV6_ALEN],
])

export class AddressMap {
  readonly #macs: readonly AddressMapping[]
  readonly #ipv4: readonly AddressMapping[]
  readonly #ipv6: readonly AddressMapping[]
  readonly #upper = new UpperHeader()
  readonly #quoted = new UpperHeader()

  /** The first mapping that matches an address replaces it. */
  constructor(mappings: readonly AddressMapping[]) {
    const ofLength = (length: number) => mappings.filter(({ from }) => from.length === length)
    this.#macs = ofLength(ETH_ALEN)
    this.#ipv4 = ofLength(IPV4_ALEN)
    this.#ipv6 = ofLength(IPV6_ALEN)
  }

  /**
   * Replaces the addresses in the frame of `length` bytes at `at`. A frame that ends early, or is
   * malformed, is rewritten as far as its headers are complete. Checksums must not be partial.
   */
  rewrite(bytes: Uint8Array, at: number, length: number): void {
    const network = networkOffset(bytes, at, length)
    if (network < 0) return
    replace(this.#macs, bytes, at)
    replace(this.#macs, bytes, at + ETH_ALEN)
    const nh = at + network
    const type = get16(bytes, nh - 2)
    if (type === ETH_P_ARP && arp.parse(bytes, nh, length - network) >= 0) this.#arp(bytes, nh)
    else if (type === ETH_P_IP || type === ETH_P_IPV6) this.#ip(bytes, nh, at + length, this.#upper)
  }

  #arp(bytes: Uint8Array, nh: number): void {
    for (const at of [arp.shaAt(nh), arp.thaAt(nh)]) {
      replace(this.#macs, bytes, at)
      replace(this.#ipv4, bytes, at + ETH_ALEN)
    }
  }

  #ip(bytes: Uint8Array, nh: number, end: number, upper: UpperHeader): void {
    const version = upper.find(bytes, nh, end)
    if (version === 0) return
    const is4 = version === 4
    const [at, length, mappings] = is4
      ? [ipv4.sourceAt(nh), IPV4_ALEN, this.#ipv4]
      : [ipv6.sourceAt(nh), IPV6_ALEN, this.#ipv6]
    const before = wordSum(bytes, at, 2 * length)
    replace(mappings, bytes, at)
    replace(mappings, bytes, at + length)
    const growth = growthOf(wordSum(bytes, at, 2 * length) - before)
    const { h, check, protocol } = upper
    if (is4) ipv4.setHeaderChecksum(bytes, nh, checksumGrow(ipv4.headerChecksum(bytes, nh), growth))
    if (check >= 0) grow(bytes, check, growth, protocol === IPPROTO_UDP || protocol === IPPROTO_UDPLITE)
    if (h < 0 || upper === this.#quoted || h + icmp.ICMP_HLEN > upper.end) return
    if (protocol === (is4 ? IPPROTO_ICMP : NEXTHDR_ICMP)) this.#icmp(bytes, h, upper.end, is4)
  }

  #icmp(bytes: Uint8Array, h: number, end: number, is4: boolean): void {
    const type = icmp.type(bytes, h)
    const [rest, body] = [h + 4, h + icmp.ICMP_HLEN]
    const before = onesComplementSum(bytes, rest, end - rest)
    if (is4 && type === icmp.ICMP_REDIRECT) replace(this.#ipv4, bytes, rest)
    if (is4 ? icmp.isError(type) : icmpv6.isError(type)) this.#ip(bytes, body, end, this.#quoted)
    else if (!is4) this.#neighbour(bytes, h, end, type)
    grow(bytes, h + 2, growthOf(onesComplementSum(bytes, rest, end - rest) - before), false)
  }

  #neighbour(bytes: Uint8Array, h: number, end: number, type: number): void {
    const options = ND_OPTIONS.get(type)
    if (options === undefined || h + options > end) return
    for (let at = icmpv6.targetAt(h); at + IPV6_ALEN <= h + options && options >= icmpv6.NDISC_HLEN; at += IPV6_ALEN) {
      replace(this.#ipv6, bytes, at)
    }
    for (let at = h + options; at + icmpv6.ND_OPT_LL_ADDR_LEN <= end; ) {
      const size = bytes[at + 1] << 3
      if (size === 0) return
      const isLink = bytes[at] === icmpv6.ND_OPT_SOURCE_LL_ADDR || bytes[at] === icmpv6.ND_OPT_TARGET_LL_ADDR
      if (isLink && size === icmpv6.ND_OPT_LL_ADDR_LEN) replace(this.#macs, bytes, at + 2)
      at += size
    }
  }
}

/** Replaces the address at `at` by the first mapping that matches it. */
function replace(mappings: readonly AddressMapping[], bytes: Uint8Array, at: number): void {
  for (const { from, to, bits } of mappings) {
    if (!isMatch(from, bits, bytes, at)) continue
    const whole = bits >>> 3
    for (let i = 0; i < whole; i++) bytes[at + i] = to[i]
    const mask = 0xff >> (bits & 7)
    if (mask !== 0xff) bytes[at + whole] = (to[whole] & ~mask) | (bytes[at + whole] & mask)
    return
  }
}

function isMatch(from: Uint8Array, bits: number, bytes: Uint8Array, at: number): boolean {
  const whole = bits >>> 3
  for (let i = 0; i < whole; i++) if (bytes[at + i] !== from[i]) return false
  const mask = 0xff00 >> (bits & 7)
  return (bits & 7) === 0 || ((bytes[at + whole] ^ from[whole]) & mask & 0xff) === 0
}

/** The sum of 16-bit words, not folded. */
function wordSum(bytes: Uint8Array, at: number, length: number): number {
  let sum = 0
  for (let i = at; i < at + length; i += 2) sum += get16(bytes, i)
  return sum
}

/** Grows the checksum at `check`. With `isUdp` zero means that the packet has no checksum. */
function grow(bytes: Uint8Array, check: number, growth: number, isUdp: boolean): void {
  const checksum = get16(bytes, check)
  if (isUdp && checksum === 0) return
  const grown = checksumGrow(checksum, growth)
  put16(bytes, check, isUdp && grown === 0 ? 0xffff : grown)
}
