/**
 * Siit: translates frames between IPv6 and IPv4 in place (RFC 7915), for a NAT64 (RFC 6146). IPv4
 * hosts are in the prefix 64:ff9b::/96 (RFC 6052). IPv6 hosts have numbers: the IPv4 addresses
 * 0.0.0.1 and following ones, which are on no wire. A Nat shares the router's address between them,
 * as between IPv4 hosts. So it keeps the mappings, and this class keeps no connections.
 *
 * The hop limit is left alone, because the router's kernel decrements it. Checksums are updated by
 * increments, so that a wrong checksum remains wrong.
 */
import {
  checksum as checksumHeader,
  ETH_HLEN,
  ETH_P_IP,
  ETH_P_IPV6,
  icmp,
  icmpv6,
  ipv4,
  ipv6,
  type SkBuff,
  tcp,
  udp,
} from 'vnet'
import { get16, get32, put16, put32 } from 'vnet/kit/packet'
import { IPV6_MIN_MTU, isAt, NAT64_PREFIX } from '../model/subnet.ts'

/** A packet that the translator leaves alone, has translated, or cannot translate. */
export type SiitVerdict = 'alone' | 'translated' | 'untranslatable'

const MAX_HOSTS = 4096
/** 1.0.0.0: numbers of hosts are below. */
const FIRST_IPV4 = 0x0100_0000
const FRAGMENT_HLEN = 8
/** IPv4 packets up to this length may be fragmented (RFC 7915 section 5.1). */
const MAX_FRAGMENTABLE = 1260
/** The difference of the headers' lengths, and so of the MTUs of both sides. */
const GROWTH = ipv6.IPV6_HLEN - ipv4.IPV4_HLEN
/** The most bytes that a frame grows by: two headers, if an error quotes a fragment. */
const MAX_GROWTH = 2 * (GROWTH + FRAGMENT_HLEN)

// ICMP "fragmentation needed" and ICMPv6 "packet too big".
const FRAG_NEEDED_4 = 0x304
const TOO_BIG_6 = 0x200

// ICMPv6 "unrecognized next header", and where that field is in the packet.
const UNKNOWN_NEXT_HEADER_6 = 0x401
const NEXT_HEADER_AT = 6

/** Types and codes of errors, as type * 256 + code; those not listed are not translated. */
const ERRORS_4: ReadonlyMap<number, number> = new Map([
  ...[0, 1, 5, 6, 7, 8, 11, 12].map(code => [0x300 + code, 0x100] as const),
  ...[9, 10, 13, 15].map(code => [0x300 + code, 0x101] as const),
  [0x302, UNKNOWN_NEXT_HEADER_6],
  [0x303, 0x104],
  [FRAG_NEEDED_4, TOO_BIG_6],
  [0xb00, 0x300],
  [0xb01, 0x301],
])
const ERRORS_6: ReadonlyMap<number, number> = new Map([
  ...[0x100, 0x102, 0x103].map(from => [from, 0x301] as const),
  [0x101, 0x30a],
  [0x104, 0x303],
  [TOO_BIG_6, FRAG_NEEDED_4],
  [0x300, 0xb00],
  [0x301, 0xb01],
  [UNKNOWN_NEXT_HEADER_6, 0x302],
])

/** An IP header of either version, without options and extension headers. */
class Header {
  /** Position of the transport header, or of the data of a later fragment. */
  h = 0
  /** The end of the packet. */
  end = 0
  /** The number that the protocol has in IPv4. */
  protocol = 0
  /** The length of the data after the header, as the header states it: a quote may be cut. */
  length = 0
  tos = 0
  hops = 0
  isFragment = false
  /** In units of 8 bytes. */
  offset = 0
  more = false
  id = 0
  /** As unsigned numbers, with the numbers of IPv6 hosts. */
  source = 0
  destination = 0
  /** The sum of both addresses. */
  sum = 0

  /** Reads all but the addresses. Returns false if the header is cut or malformed. */
  read6(bytes: Uint8Array, nh: number, limit: number): boolean {
    if (limit - nh < ipv6.IPV6_HLEN || ipv6.version(bytes, nh) !== 6) return false
    this.end = Math.min(limit, nh + ipv6.IPV6_HLEN + ipv6.payloadLength(bytes, nh))
    const upper = ipv6.upperLayer(bytes, nh, this.end - nh, false)
    if (upper < 0) return false
    this.h = nh + (upper >>> 8)
    let next = upper & 0xff
    this.isFragment = next === ipv6.NEXTHDR_FRAGMENT
    this.offset = 0
    this.more = false
    if (this.isFragment) {
      if (this.h + FRAGMENT_HLEN > this.end) return false
      next = bytes[this.h] as number
      const field = get16(bytes, this.h + 2)
      this.offset = field >>> 3
      this.more = (field & 1) !== 0
      this.id = get16(bytes, this.h + 6)
      this.h += FRAGMENT_HLEN
    }
    this.protocol = next === ipv6.NEXTHDR_ICMP ? ipv4.IPPROTO_ICMP : next
    this.length = ipv6.payloadLength(bytes, nh) - (this.h - nh - ipv6.IPV6_HLEN)
    this.tos = ipv6.trafficClass(bytes, nh)
    this.hops = ipv6.hopLimit(bytes, nh)
    this.sum = checksumHeader.onesComplementSum(bytes, ipv6.sourceAt(nh), 2 * ipv6.IPV6_ALEN)
    return this.length >= 0
  }

  read4(bytes: Uint8Array, nh: number, limit: number): boolean {
    const header = ipv4.parseHeader(bytes, nh, limit - nh)
    if (header < 0) return false
    this.end = Math.min(limit, nh + ipv4.totalLength(bytes, nh))
    this.h = nh + header
    this.protocol = ipv4.protocol(bytes, nh)
    this.length = ipv4.totalLength(bytes, nh) - header
    this.tos = ipv4.typeOfService(bytes, nh)
    this.hops = ipv4.timeToLive(bytes, nh)
    this.isFragment = ipv4.isFragment(bytes, nh)
    this.offset = ipv4.fragmentOffset(bytes, nh) >>> 3
    this.more = (ipv4.flags(bytes, nh) & ipv4.IP_MF) !== 0
    this.id = ipv4.identification(bytes, nh)
    this.source = ipv4.source(bytes, nh)
    this.destination = ipv4.destination(bytes, nh)
    this.sum = checksumHeader.onesComplementSum(bytes, ipv4.sourceAt(nh), 2 * ipv4.IPV4_ALEN)
    return true
  }

  /**
   * Writes an IPv4 header before the data, and returns its position. `id` is for packets that may
   * be fragmented later; fragments keep their own.
   */
  write4(bytes: Uint8Array, id: number): number {
    const nh = this.h - ipv4.IPV4_HLEN
    ipv4.create(bytes, nh, this.protocol, this.length, this.hops)
    bytes[nh + 1] = this.tos
    if (this.isFragment || ipv4.IPV4_HLEN + this.length <= MAX_FRAGMENTABLE) {
      ipv4.setIdentification(bytes, nh, this.isFragment ? this.id : id)
      put16(bytes, nh + 6, (this.more ? ipv4.IP_MF : 0) | this.offset)
    }
    ipv4.setSource(bytes, nh, this.source)
    ipv4.setDestination(bytes, nh, this.destination)
    ipv4.fillHeaderChecksum(bytes, nh)
    return nh
  }

  /** Writes an IPv6 header without addresses before the data, for fragments with their header. */
  write6(bytes: Uint8Array): number {
    const more = this.isFragment ? FRAGMENT_HLEN : 0
    const nh = this.h - ipv6.IPV6_HLEN - more
    const next = this.protocol === ipv4.IPPROTO_ICMP ? ipv6.NEXTHDR_ICMP : this.protocol
    ipv6.create(
      bytes,
      nh,
      this.isFragment ? ipv6.NEXTHDR_FRAGMENT : next,
      this.length + more,
      this.hops,
    )
    put16(bytes, nh, 0x6000 | (this.tos << 4))
    if (!this.isFragment) return nh
    put16(bytes, nh + ipv6.IPV6_HLEN, next << 8)
    put16(bytes, nh + ipv6.IPV6_HLEN + 2, (this.offset << 3) | (this.more ? 1 : 0))
    put32(bytes, nh + ipv6.IPV6_HLEN + 4, this.id)
    return nh
  }
}

export class Siit {
  /** The addresses of hosts, by their numbers less 1. */
  readonly #hosts: Uint8Array[] = []
  /** The numbers of hosts by a key of their address, or by the next free one after it. */
  readonly #numbers = new Map<number, number>()
  readonly #header = new Header()
  readonly #quoted = new Header()
  /** The link header of the frame, which a longer packet overwrites. */
  readonly #link = new Uint8Array(ETH_HLEN)
  #id = 0

  to4(skb: SkBuff): SiitVerdict {
    const { bytes, data, len } = skb
    const nh = data + ETH_HLEN
    if (!isIp(skb, ETH_P_IPV6, ipv6.IPV6_HLEN) || !hasPrefix(bytes, ipv6.destinationAt(nh))) {
      return 'alone'
    }
    this.#link.set(bytes.subarray(data, nh))
    const at = this.#to4(bytes, nh, data + len, this.#header, false)
    if (at < 0) return 'untranslatable'
    this.#moveFrame(skb, at, ETH_P_IP)
    return 'translated'
  }

  /** Translates an IPv4 packet that is for the number of an IPv6 host. */
  to6(skb: SkBuff): SiitVerdict {
    const { bytes, data, len } = skb
    const nh = data + ETH_HLEN
    if (!isIp(skb, ETH_P_IP, ipv4.IPV4_HLEN) || ipv4.destination(bytes, nh) >= FIRST_IPV4) {
      return 'alone'
    }
    if (skb.headroom() < MAX_GROWTH) return 'untranslatable'
    this.#link.set(bytes.subarray(data, nh))
    const at = this.#to6(bytes, nh, data + len, this.#header, false)
    if (at < 0) return 'untranslatable'
    this.#moveFrame(skb, at, ETH_P_IPV6)
    return 'translated'
  }

  /** Whether a frame from outside claims to be translated. */
  isSpoofed(skb: SkBuff): boolean {
    return (
      isIp(skb, ETH_P_IPV6, ipv6.IPV6_HLEN) &&
      hasPrefix(skb.bytes, ipv6.sourceAt(skb.data + ETH_HLEN))
    )
  }

  /**
   * Translates the packet at `nh`, of which the bytes up to `limit` are present, or its quote. The
   * end of its data remains where it is. Returns the position of the new header, -1 without one.
   */
  #to4(bytes: Uint8Array, nh: number, limit: number, header: Header, isQuote: boolean): number {
    if (!header.read6(bytes, nh, limit)) return -1
    // A quoted packet passed in the other direction.
    const [host, peer] = [ipv6.sourceAt(nh), ipv6.destinationAt(nh)]
    const [inside, outside] = isQuote ? [peer, host] : [host, peer]
    if (hasPrefix(bytes, inside) || !hasPrefix(bytes, outside)) return -1
    const [number, address] = [
      this.#numberOf(bytes, inside),
      get32(bytes, outside + NAT64_PREFIX.length),
    ]
    if (number === 0 || address < FIRST_IPV4) return -1
    header.source = isQuote ? address : number
    header.destination = isQuote ? number : address
    if (header.protocol !== ipv4.IPPROTO_ICMP) {
      growUpper(bytes, header, wordsOf(number) + wordsOf(address) - header.sum)
    } else if (!this.#icmpTo4(bytes, nh, header, isQuote)) {
      return -1
    }
    this.#id = (this.#id % 0xffff) + 1
    return header.write4(bytes, this.#id)
  }

  #icmpTo4(bytes: Uint8Array, nh: number, header: Header, isQuote: boolean): boolean {
    const { h, end } = header
    if (header.isFragment || h + icmp.ICMP_HLEN > end) return false
    const before =
      checksumHeader.pseudoHeaderSum6(bytes, nh, ipv6.NEXTHDR_ICMP, header.length) +
      checksumHeader.onesComplementSum(bytes, h, end - h)
    const type = icmp.type(bytes, h)
    if (type === icmpv6.ICMPV6_ECHO_REQUEST) {
      icmp.setType(bytes, h, icmp.ICMP_ECHO)
    } else if (type === icmpv6.ICMPV6_ECHO_REPLY) {
      icmp.setType(bytes, h, icmp.ICMP_ECHOREPLY)
    } else {
      const to = ERRORS_6.get(get16(bytes, h))
      if (to === undefined || isQuote) return false
      const mtu = to === FRAG_NEEDED_4 ? icmpv6.mtu(bytes, h) - GROWTH : 0
      const limit = quoteEnd(header, icmpv6.quoteLength(bytes, h))
      const quote = this.#to4(bytes, h + icmp.ICMP_HLEN, limit, this.#quoted, true)
      if (quote < 0) return false
      const { end: quotedEnd, isFragment } = this.#quoted
      const fitting = Math.max(0, Math.min(0xffff, mtu) - (isFragment ? FRAGMENT_HLEN : 0))
      putError(bytes, header, quote, quotedEnd, to, icmp.checksum(bytes, h), fitting)
    }
    growIcmp(bytes, header, -before)
    return true
  }

  /** Same as #to4 in the other direction. */
  #to6(bytes: Uint8Array, nh: number, limit: number, header: Header, isQuote: boolean): number {
    if (!header.read4(bytes, nh, limit)) return -1
    const { source, destination, protocol } = header
    const [number, address] = isQuote ? [source, destination] : [destination, source]
    const host = this.#hosts[number - 1]
    if (host === undefined || address < FIRST_IPV4) return -1
    let before = 0
    if (protocol === ipv4.IPPROTO_ICMP) {
      before = checksumHeader.onesComplementSum(bytes, header.h, header.end - header.h)
      if (!this.#icmpTo6(bytes, header, isQuote)) return -1
    }
    const { h, end } = header
    const check = h + udp.UDP_CHECK
    const isBare =
      protocol === ipv4.IPPROTO_UDP &&
      header.offset === 0 &&
      check + 2 <= end &&
      get16(bytes, check) === 0
    if (isBare && header.isFragment && !isQuote) return -1
    const at = header.write6(bytes)
    const [inside, outside] = isQuote
      ? [ipv6.sourceAt(at), ipv6.destinationAt(at)]
      : [ipv6.destinationAt(at), ipv6.sourceAt(at)]
    bytes.set(host, inside)
    bytes.set(NAT64_PREFIX, outside)
    put32(bytes, outside + NAT64_PREFIX.length, address)
    if (protocol === ipv4.IPPROTO_ICMP) {
      growIcmp(
        bytes,
        header,
        checksumHeader.pseudoHeaderSum6(bytes, at, ipv6.NEXTHDR_ICMP, header.length) - before,
      )
    } else if (!isBare) {
      growUpper(
        bytes,
        header,
        checksumHeader.onesComplementSum(bytes, ipv6.sourceAt(at), 2 * ipv6.IPV6_ALEN) - header.sum,
      )
    } else if (!isQuote) {
      // IPv6 needs the checksum that a sender of IPv4 may leave out.
      const sum = checksumHeader.finish(
        checksumHeader.onesComplementSum(
          bytes,
          h,
          end - h,
          checksumHeader.pseudoHeaderSum6(bytes, at, ipv4.IPPROTO_UDP, end - h),
        ),
      )
      put16(bytes, check, sum === 0 ? 0xffff : sum)
    }
    return at
  }

  #icmpTo6(bytes: Uint8Array, header: Header, isQuote: boolean): boolean {
    const { h, end } = header
    if (header.isFragment || h + icmp.ICMP_HLEN > end) return false
    const type = icmp.type(bytes, h)
    if (type === icmp.ICMP_ECHO) {
      icmp.setType(bytes, h, icmpv6.ICMPV6_ECHO_REQUEST)
    } else if (type === icmp.ICMP_ECHOREPLY) {
      icmp.setType(bytes, h, icmpv6.ICMPV6_ECHO_REPLY)
    } else {
      const to = ERRORS_4.get(get16(bytes, h))
      if (to === undefined || isQuote) return false
      const mtu = Math.max(IPV6_MIN_MTU, icmp.nextHopMtu(bytes, h) + GROWTH)
      let rest = 0
      if (to === TOO_BIG_6) {
        rest = mtu
      } else if (to === UNKNOWN_NEXT_HEADER_6) {
        rest = NEXT_HEADER_AT
      }
      const checksum = icmp.checksum(bytes, h)
      const limit = quoteEnd(header, icmp.quoteLength(bytes, h))
      // The longer quote overwrites the error's header.
      const quote = this.#to6(bytes, h + icmp.ICMP_HLEN, limit, this.#quoted, true)
      if (quote < 0) return false
      putError(bytes, header, quote, this.#quoted.end, to, checksum, rest)
    }
    return true
  }

  #moveFrame(skb: SkBuff, nh: number, type: number): void {
    const { bytes, data } = skb
    const at = nh - ETH_HLEN
    bytes.set(this.#link, at)
    put16(bytes, nh - 2, type)
    skb.trim(this.#header.end - data)
    if (at < data) {
      skb.push(data - at)
    } else {
      skb.pull(at - data)
    }
    skb.protocol = type
    skb.mac = at
    skb.nh = nh
    skb.h = 0
  }

  /** Returns the number of an IPv6 host, a new one if necessary; 0 if there are too many hosts. */
  #numberOf(bytes: Uint8Array, at: number): number {
    for (let key = get32(bytes, at + 12) + get32(bytes, at + 8) + get32(bytes, at + 4); ; key++) {
      const number = this.#numbers.get(key)
      if (number === undefined) {
        if (this.#hosts.length === MAX_HOSTS) return 0
        this.#numbers.set(key, this.#hosts.push(bytes.slice(at, at + ipv6.IPV6_ALEN)))
        return this.#hosts.length
      }
      if (isAt(this.#hosts[number - 1] as Uint8Array, bytes, at)) return number
    }
  }
}

/** Whether a frame is an untagged packet of this type with a whole header. */
function isIp({ bytes, data, len }: SkBuff, type: number, header: number): boolean {
  return len >= ETH_HLEN + header && get16(bytes, data + ETH_HLEN - 2) === type
}

const hasPrefix = (bytes: Uint8Array, at: number): boolean => isAt(NAT64_PREFIX, bytes, at)

const wordsOf = (address: number): number => (address >>> 16) + (address & 0xffff)

/** The end of the quote, if the error says that something follows it (RFC 4884). */
function quoteEnd({ h, end }: Header, length: number): number {
  return length === 0 ? end : Math.min(end, h + icmp.ICMP_HLEN + length)
}

/** Writes the header of an error before its translated quote. */
function putError(
  bytes: Uint8Array,
  header: Header,
  quote: number,
  end: number,
  typeAndCode: number,
  checksum: number,
  rest: number,
): void {
  header.h = quote - icmp.ICMP_HLEN
  header.end = end
  header.length = end - header.h
  put16(bytes, header.h, typeAndCode)
  icmp.setChecksum(bytes, header.h, checksum)
  put32(bytes, header.h + 4, rest)
}

/** Grows the checksum of a message by its sum and `more`. */
function growIcmp(bytes: Uint8Array, { h, end }: Header, more: number): void {
  checksumHeader.growChecksum(
    bytes,
    h + 2,
    checksumHeader.onesComplementSum(bytes, h, end - h) + more,
  )
}

/** Grows the checksum of TCP or UDP, unless it is missing. */
function growUpper(bytes: Uint8Array, { h, end, protocol, offset }: Header, growth: number): void {
  const check = h + (protocol === ipv4.IPPROTO_TCP ? tcp.TCP_CHECK : udp.UDP_CHECK)
  if (
    (protocol !== ipv4.IPPROTO_TCP && protocol !== ipv4.IPPROTO_UDP) ||
    offset !== 0 ||
    check + 2 > end
  ) {
    return
  }
  checksumHeader.growChecksum(bytes, check, growth, protocol === ipv4.IPPROTO_UDP)
}
