/**
 * Router advertisements and solicitations (RFC 4861 sec. 4.1, 4.2, 4.6, RFC 8106) as octets. Checksums are the caller's:
 * they cover addresses that only the caller knows.
 */
import { nameOf } from './dns.ts'
import {
  ND_OPT_SOURCE_LL_ADDR,
  NDISC_HLEN,
  NDISC_HOP_LIMIT,
  NDISC_ROUTER_ADVERTISEMENT,
  NDISC_ROUTER_SOLICITATION,
  sourceLinkAddress,
} from './icmpv6.ts'
import * as ipv6 from './ipv6.ts'

/** Octets of the two without options. */
export const NDISC_RA_HLEN = 16
export const NDISC_RS_HLEN = 8
/** Options, RFC 4861 sec. 4.6, RFC 8106 sec. 5. */
export const ND_OPT_PREFIX_INFO = 3
export const ND_OPT_MTU = 5
export const ND_OPT_RDNSS = 25
export const ND_OPT_DNSSL = 31

const MANAGED = 0x80
const OTHER = 0x40
const ON_LINK = 0x80
const AUTONOMOUS = 0x40

/** A prefix of the link. Lifetimes are seconds, Infinity for ever. */
export interface AdvertisedPrefix {
  /** 16 octets; those behind the prefix are sent as zeros. */
  readonly prefix: Uint8Array
  readonly prefixLen: number
  /** Neighbours are reached directly (L), and make addresses of it (A). */
  readonly onLink: boolean
  readonly autonomous: boolean
  readonly validLifetime: number
  readonly preferredLifetime: number
}

/** What a router says of itself and its link. Times are seconds but where the name says ms; 0 is "not said". */
export interface RouterAdvert {
  readonly hopLimit: number
  /** Addresses (M), or other things (O), are to be had by DHCPv6. */
  readonly managed: boolean
  readonly other: boolean
  /** 0: not a default router; at most 65535. */
  readonly lifetime: number
  readonly reachableTimeMs: number
  readonly retransTimerMs: number
  /** The router's Ethernet address. */
  readonly mac?: Uint8Array | undefined
  readonly mtu?: number | undefined
  readonly prefixes: readonly AdvertisedPrefix[]
  /** Resolvers, 16 octets each, and domains to search; Infinity for ever, 0: no longer. */
  readonly rdnss?: { readonly lifetime: number; readonly servers: readonly Uint8Array[] } | undefined
  readonly dnssl?: { readonly lifetime: number; readonly domains: readonly string[] } | undefined
}

/** The ICMPv6 message, its checksum 0. A domain that is no name is left out. */
export function routerAdvertisement(ra: RouterAdvert): Uint8Array {
  const { mac, mtu, prefixes, rdnss, dnssl } = ra
  const flags = (ra.managed ? MANAGED : 0) | (ra.other ? OTHER : 0)
  const domains = (dnssl?.domains ?? []).flatMap(domain => [...(nameOf(domain) ?? [])])
  return Uint8Array.from([
    ...[NDISC_ROUTER_ADVERTISEMENT, 0, 0, 0, ra.hopLimit, flags, ...word(ra.lifetime)],
    ...[...long(ra.reachableTimeMs), ...long(ra.retransTimerMs)],
    ...(mac === undefined ? [] : option(ND_OPT_SOURCE_LL_ADDR, [...mac])),
    ...(mtu === undefined ? [] : option(ND_OPT_MTU, [0, 0, ...long(mtu)])),
    ...prefixes.flatMap(prefixInformation),
    ...(rdnss?.servers.length
      ? option(ND_OPT_RDNSS, [0, 0, ...long(rdnss.lifetime), ...rdnss.servers.flatMap(octets)])
      : []),
    ...(dnssl && domains.length > 0 ? option(ND_OPT_DNSSL, [0, 0, ...long(dnssl.lifetime), ...domains]) : []),
  ])
}

function prefixInformation(info: AdvertisedPrefix): number[] {
  const { prefixLen, validLifetime, preferredLifetime } = info
  const flags = (info.onLink ? ON_LINK : 0) | (info.autonomous ? AUTONOMOUS : 0)
  const prefix = octets(info.prefix).map((octet, i) => octet & (0xff00 >> Math.max(0, Math.min(8, prefixLen - 8 * i))))
  const body = [prefixLen, flags, ...long(validLifetime), ...long(preferredLifetime), 0, 0, 0, 0, ...prefix]
  return option(ND_OPT_PREFIX_INFO, body)
}

/** An option, filled up to 8 octets with zeros, its length in units of those. */
function option(type: number, body: readonly number[]): number[] {
  const units = Math.ceil((body.length + 2) / 8)
  return [type, units, ...body, ...Array<number>(units * 8 - 2 - body.length).fill(0)]
}

const octets = (bytes: Uint8Array): number[] => [...bytes]
const word = (value: number): number[] => [(value >>> 8) & 0xff, value & 0xff]
/** 32 bits, of which all ones are infinity. */
function long(value: number): number[] {
  const whole = Math.min(value, 0xffff_ffff)
  return [...word(whole >>> 16), ...word(whole)]
}

/**
 * Whether an ICMPv6 message, whose sum is right, is a good router solicitation (RFC 4861 sec. 6.1.1). `source` is the IPv6 address it
 * came from: who has none cannot say whose hardware address it names.
 */
export function isRouterSolicitation(message: Uint8Array, hopLimit: number, source: Uint8Array): boolean {
  if (hopLimit !== NDISC_HOP_LIMIT || message.length < NDISC_RS_HLEN) return false
  if (message[0] !== NDISC_ROUTER_SOLICITATION || message[1] !== 0) return false
  // Options begin 16 octets earlier than in a neighbour solicitation.
  const before = NDISC_HLEN - NDISC_RS_HLEN
  const named = sourceLinkAddress(message, -before, message.length + before)
  return named === 0 || (named > 0 && !ipv6.isUnspecified(source, 0))
}
