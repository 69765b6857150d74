/** IPv4 and IPv6 with one interface: the fields of a header that a host reads and writes. */
import { checksum, ETH_P_IP, ETH_P_IPV6, icmp, icmpv6, ipv4, ipv6 } from 'vnet'
import { get16, get32, put16 } from 'vnet/kit/packet'

/** The numbers and field accessors of one version. `at` is the position of a packet's IP header. */
export interface IpVersion {
  readonly etherType: number
  /** The names of its counters, as nstat(8) prints them. */
  readonly counters: IpCounters
  /** Lengths of a header without options, and of an address. */
  readonly header: number
  readonly address: number
  readonly icmp: number
  readonly unreachable: number
  readonly timeExceeded: number
  /** Unreachables with codes up to this one mean that a path lacks, as Linux reads RFC 6069. */
  readonly noPathMax: number
  readonly portUnreachable: number
  /** The longest ICMP error with its IP header (RFC 1812 sec. 4.3.2.3, RFC 4443 sec. 2.4 (c)). */
  readonly errorMax: number
  sourceAt(at: number): number
  destinationAt(at: number): number
  lifeAt(at: number): number
  /** The type of service of IPv4, the traffic class of IPv6. */
  trafficClass(bytes: Uint8Array, at: number): number
  setTrafficClass(bytes: Uint8Array, at: number, value: number): void
  /** Length of the packet with its header. */
  total(bytes: Uint8Array, at: number): number
  pseudoSum(bytes: Uint8Array, at: number, protocol: number, length: number): number
  /** Writes a header without addresses and checksum. `id` is for fragments of IPv4. */
  create(
    bytes: Uint8Array,
    at: number,
    protocol: number,
    length: number,
    life: number,
    id: number,
    df: boolean,
  ): void
  /** Completes a header after its addresses are written. */
  finish(bytes: Uint8Array, at: number): void
}

type IpCounters = ReturnType<typeof countersOf>

/** Names are made once: a concatenation for each packet costs more than the count. */
function countersOf(ip: string, ipExt: string, udp: string) {
  return {
    inReceives: `${ip}InReceives`,
    inHdrErrors: `${ip}InHdrErrors`,
    inAddrErrors: `${ip}InAddrErrors`,
    inNoRoutes: `${ipExt}InNoRoutes`,
    inUnknownProtos: `${ip}InUnknownProtos`,
    inDelivers: `${ip}InDelivers`,
    outRequests: `${ip}OutRequests`,
    outNoRoutes: `${ip}OutNoRoutes`,
    forwarded: ip === 'Ip' ? 'IpForwDatagrams' : 'Ip6OutForwDatagrams',
    fragOks: `${ip}FragOKs`,
    fragFails: `${ip}FragFails`,
    fragCreates: `${ip}FragCreates`,
    reasmReqds: `${ip}ReasmReqds`,
    reasmOks: `${ip}ReasmOKs`,
    reasmFails: `${ip}ReasmFails`,
    reasmTimeout: `${ip}ReasmTimeout`,
    udpInDatagrams: `${udp}InDatagrams`,
    udpNoPorts: `${udp}NoPorts`,
    udpInErrors: `${udp}InErrors`,
    udpInCsumErrors: `${udp}InCsumErrors`,
    udpOutDatagrams: `${udp}OutDatagrams`,
  }
}

export const IP4: IpVersion = {
  etherType: ETH_P_IP,
  counters: countersOf('Ip', 'IpExt', 'Udp'),
  header: ipv4.IPV4_HLEN,
  address: ipv4.IPV4_ALEN,
  icmp: ipv4.IPPROTO_ICMP,
  unreachable: icmp.ICMP_DEST_UNREACH,
  timeExceeded: icmp.ICMP_TIME_EXCEEDED,
  noPathMax: 1,
  portUnreachable: icmp.ICMP_PORT_UNREACH,
  errorMax: 576,
  sourceAt: ipv4.sourceAt,
  destinationAt: ipv4.destinationAt,
  lifeAt: at => at + 8,
  trafficClass: ipv4.typeOfService,
  setTrafficClass(bytes, at, value) {
    bytes[at + 1] = value
  },
  total: ipv4.totalLength,
  pseudoSum: checksum.pseudoHeaderSum4,
  create(bytes, at, protocol, length, life, id, df) {
    ipv4.create(bytes, at, protocol, length, life)
    ipv4.setIdentification(bytes, at, id)
    if (!df) {
      put16(bytes, at + 6, 0)
    }
  },
  finish: ipv4.fillHeaderChecksum,
}

export const IP6: IpVersion = {
  etherType: ETH_P_IPV6,
  counters: countersOf('Ip6', 'Ip6', 'Udp6'),
  header: ipv6.IPV6_HLEN,
  address: ipv6.IPV6_ALEN,
  icmp: ipv6.NEXTHDR_ICMP,
  unreachable: icmpv6.ICMPV6_DEST_UNREACH,
  timeExceeded: icmpv6.ICMPV6_TIME_EXCEED,
  noPathMax: 0,
  portUnreachable: icmpv6.ICMPV6_PORT_UNREACH,
  errorMax: 1280,
  sourceAt: ipv6.sourceAt,
  destinationAt: ipv6.destinationAt,
  lifeAt: at => at + 7,
  trafficClass: ipv6.trafficClass,
  setTrafficClass: (bytes, at, value) =>
    put16(bytes, at, 0x6000 | (value << 4) | ((bytes[at + 1] as number) & 0xf)),
  total: (bytes, at) => ipv6.IPV6_HLEN + ipv6.payloadLength(bytes, at),
  pseudoSum: checksum.pseudoHeaderSum6,
  create(bytes, at, protocol, length, life) {
    ipv6.create(bytes, at, protocol, length, life)
  },
  finish() {},
}

const LOOPBACK4 = Uint8Array.of(127, 0, 0, 1)
const LOOPBACK6 = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)

/** The smallest MTU of an interface that passes IPv6 (RFC 8200 section 5). */
export const IPV6_MIN_MTU = 1280

/** Returns the version of the packet at `nh`. */
export const versionAt = (bytes: Uint8Array, nh: number): IpVersion =>
  (bytes[nh] as number) >>> 4 === 4 ? IP4 : IP6

/** Returns the version of an address, by its length. */
export const versionOf = (address: Uint8Array): IpVersion =>
  address.length === ipv4.IPV4_ALEN ? IP4 : IP6

/** The key of an address in a Map: a character a byte. */
export function keyOf(bytes: Uint8Array, at = 0, length = bytes.length): string {
  let key = ''
  for (let i = at; i < at + length; i++) {
    key += String.fromCharCode(bytes[i] as number)
  }
  return key
}

/** The key of an address of 4 or 16 bytes: a number or 8 characters. */
export type AddressKey = number | string

/** Returns the key of the address of `length` bytes at `at`. */
export function addressKey(bytes: Uint8Array, at: number, length: number): AddressKey {
  if (length === ipv4.IPV4_ALEN) return get32(bytes, at)
  return String.fromCharCode(
    get16(bytes, at),
    get16(bytes, at + 2),
    get16(bytes, at + 4),
    get16(bytes, at + 6),
    get16(bytes, at + 8),
    get16(bytes, at + 10),
    get16(bytes, at + 12),
    get16(bytes, at + 14),
  )
}

/** Whether the bytes at `at` are an address; all of its bytes are compared. */
export function isAddressAt(bytes: Uint8Array, at: number, address: Uint8Array): boolean {
  let i = address.length - 1
  while (i >= 0 && bytes[at + i] === address[i]) {
    i--
  }
  return i < 0
}

/** Whether an address is a group's (224.0.0.0/4 or ff00::/8), or the limited broadcast. */
export function isGroup(bytes: Uint8Array, at: number, length: number): boolean {
  const first = bytes[at] as number
  if (length !== ipv4.IPV4_ALEN) return first === 0xff
  return first >>> 4 === 0xe || (first === 0xff && get32(bytes, at) === 0xffff_ffff)
}

/** Whether an address is a loopback address: 127.0.0.0/8 or ::1. */
export function isLoopback(address: Uint8Array): boolean {
  if (address.length === ipv4.IPV4_ALEN) return address[0] === 127
  return address[0] === 0 && address[15] === 1 && !ipv6.isUnicastAddress(address, 0)
}

/** Whether an IPv6 address or group is of one link, which a zone chooses. */
export function isOfLink(address: Uint8Array): boolean {
  if (address.length !== ipv6.IPV6_ALEN) return false
  const isGroupOfLink = address[0] === 0xff && ((address[1] as number) & 0xf) <= 2
  return isGroupOfLink || ipv6.isLinkLocal(address, 0)
}

/** Whether an address is unspecified: 0.0.0.0 or `::`. */
export function isUnspecified(address: Uint8Array): boolean {
  return address.length === ipv4.IPV4_ALEN
    ? get32(address, 0) === 0
    : ipv6.isUnspecified(address, 0)
}

/** Returns the address to which packets for `address` go: the unspecified ones mean this host. */
export function targetOf(address: Uint8Array): Uint8Array {
  if (!isUnspecified(address)) return address
  return address.length === ipv4.IPV4_ALEN ? LOOPBACK4 : LOOPBACK6
}
