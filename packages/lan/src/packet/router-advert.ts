/**
 * Router advertisements and solicitations (RFC 4861 sec. 4.1, 4.2, 4.6, RFC 8106, RFC 8781).
 * Checksums are left to the caller, because they cover the addresses of the packet.
 */
import { icmpv6, ipv6 } from 'vnet'
import { dns, long, networkOf, word } from 'vnet/kit/packet'

/** Length of a solicitation without options. */
export const NDISC_RS_HLEN = 8
/** Options, RFC 4861 sec. 4.6, RFC 8106 sec. 5, RFC 8781 sec. 4. */
export const ND_OPT_PREFIX_INFO = 3
export const ND_OPT_MTU = 5
export const ND_OPT_RDNSS = 25
export const ND_OPT_DNSSL = 31
export const ND_OPT_PREF64 = 38

const MANAGED = 0x80
const OTHER = 0x40
const ON_LINK = 0x80
const AUTONOMOUS = 0x40

/** A prefix of the link. Lifetimes are in seconds; they may be Infinity. */
export interface AdvertisedPrefix {
  /** 16 bytes. Bits after the prefix are sent as zeros. */
  readonly prefix: Uint8Array
  readonly prefixLen: number
  /** Flags L: addresses are on the link; A: hosts may make addresses of the prefix. */
  readonly onLink: boolean
  readonly autonomous: boolean
  readonly validLifetime: number
  readonly preferredLifetime: number
}

/** Times are in seconds, or in ms by name; 0 is unspecified. */
export interface RouterAdvert {
  readonly hopLimit: number
  /** DHCPv6 has addresses (flag M), or other information (O). */
  readonly managed: boolean
  readonly other: boolean
  /** At most 65535; 0 if it is not a default router. */
  readonly lifetime: number
  readonly reachableTimeMs: number
  readonly retransTimerMs: number
  readonly mac?: Uint8Array | undefined
  readonly mtu?: number | undefined
  readonly prefixes: readonly AdvertisedPrefix[]
  /** Resolvers, 16 bytes each, and search domains. A lifetime may be Infinity; 0 withdraws them. */
  readonly rdnss?:
    | { readonly lifetime: number; readonly servers: readonly Uint8Array[] }
    | undefined
  readonly dnssl?: { readonly lifetime: number; readonly domains: readonly string[] } | undefined
  /** The /96 of a NAT64, 16 bytes. At most 65528 seconds, a multiple of 8; 0 withdraws it. */
  readonly pref64?: { readonly lifetime: number; readonly prefix: Uint8Array } | undefined
}

/** Builds the ICMPv6 message, with checksum 0. Domains that are not valid names are left out. */
export function routerAdvertisement(ra: RouterAdvert): Uint8Array {
  const { mac, mtu, prefixes, rdnss, dnssl, pref64 } = ra
  const flags = (ra.managed ? MANAGED : 0) | (ra.other ? OTHER : 0)
  const domains = (dnssl?.domains ?? []).flatMap(domain => [...(dns.nameOf(domain) ?? [])])
  return Uint8Array.from([
    icmpv6.NDISC_ROUTER_ADVERTISEMENT,
    0,
    0,
    0,
    ra.hopLimit,
    flags,
    ...word(ra.lifetime),
    ...long(ra.reachableTimeMs),
    ...long(ra.retransTimerMs),
    ...(mac === undefined ? [] : option(icmpv6.ND_OPT_SOURCE_LL_ADDR, [...mac])),
    ...(mtu === undefined ? [] : option(ND_OPT_MTU, [0, 0, ...long(mtu)])),
    ...prefixes.flatMap(prefixInformation),
    ...(rdnss?.servers.length
      ? option(ND_OPT_RDNSS, [0, 0, ...lifetime(rdnss.lifetime), ...rdnss.servers.flatMap(octets)])
      : []),
    ...(dnssl && domains.length > 0
      ? option(ND_OPT_DNSSL, [0, 0, ...lifetime(dnssl.lifetime), ...domains])
      : []),
    // 13 bits of the lifetime in 8 seconds, and 3 bits for the length of the prefix: 0 is /96.
    ...(pref64 === undefined
      ? []
      : option(ND_OPT_PREF64, [...word(pref64.lifetime & ~7), ...pref64.prefix.slice(0, 12)])),
  ])
}

function prefixInformation(info: AdvertisedPrefix): number[] {
  const { prefixLen, validLifetime, preferredLifetime } = info
  const flags = (info.onLink ? ON_LINK : 0) | (info.autonomous ? AUTONOMOUS : 0)
  const lifetimes = [...lifetime(validLifetime), ...lifetime(preferredLifetime)]
  const network = networkOf({ bytes: info.prefix, prefixLen })
  return option(ND_OPT_PREFIX_INFO, [prefixLen, flags, ...lifetimes, ...long(0), ...network])
}

/** An option, padded with zeros to a multiple of 8 bytes, the unit of its length field. */
function option(type: number, body: readonly number[]): number[] {
  const units = Math.ceil((body.length + 2) / 8)
  return [type, units, ...body, ...Array<number>(units * 8 - 2 - body.length).fill(0)]
}

const octets = (bytes: Uint8Array): number[] => [...bytes]
/** Seconds in 32 bits; all ones for Infinity. */
const lifetime = (seconds: number): number[] => long(Math.min(seconds, 0xffff_ffff))

/**
 * Whether `message`, an ICMPv6 message with a correct checksum from the IPv6 address `source`, is a
 * valid router solicitation (RFC 4861 sec. 6.1.1). The caller has verified the checksum.
 */
export function isRouterSolicitation(
  message: Uint8Array,
  hopLimit: number,
  source: Uint8Array,
): boolean {
  if (hopLimit !== icmpv6.NDISC_HOP_LIMIT || message.length < NDISC_RS_HLEN) return false
  if (message[0] !== icmpv6.NDISC_ROUTER_SOLICITATION || message[1] !== 0) return false
  // Options start 16 bytes earlier than in a neighbour solicitation.
  const before = icmpv6.NDISC_HLEN - NDISC_RS_HLEN
  const named = icmpv6.sourceLinkAddress(message, -before, message.length + before)
  return named === 0 || (named > 0 && !ipv6.isUnspecified(source, 0))
}
