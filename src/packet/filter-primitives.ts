/** Primitives of pcap-filter(7) on Ethernet, as conditions: protocols, hosts, networks, ports. */
import * as codes from './bpf-codes.ts'
import { all, and, any, type Condition, not, or, testing } from './condition.ts'
import { ETH_P_ARP, ETH_P_IP, ETH_P_IPV6 } from './ethernet.ts'
import {
  IPPROTO_AH,
  IPPROTO_ESP,
  IPPROTO_ICMP,
  IPPROTO_IGMP,
  IPPROTO_TCP,
  IPPROTO_UDP,
} from './ipv4.ts'
import { NEXTHDR_FRAGMENT, NEXTHDR_ICMP } from './ipv6.ts'

const ETH_P_RARP = 0x8035
const IPPROTO_SCTP = 132
const IPPROTO_IGRP = 9
const IPPROTO_PIM = 103
const IPPROTO_VRRP = 112

/** Loads of 1, 2 and 4 bytes at a position, and past the index register. */
export const LOAD: Readonly<Record<number, number>> = {
  1: codes.LD_B_ABS,
  2: codes.LD_H_ABS,
  4: codes.LD_W_ABS,
}
export const LOAD_X: Readonly<Record<number, number>> = {
  1: codes.LD_B_IND,
  2: codes.LD_H_IND,
  4: codes.LD_W_IND,
}
export const LOAD_LEN = { code: codes.LD_LEN, k: 0 }
/** Loads the length of the IPv4 header into the index register. */
export const LOAD_HEADER_LEN = { code: codes.LDX_B_MSH, k: 14 }

export const loading = (at: number, size: number) => ({ code: LOAD[size] as number, k: at })
const byteIs = (at: number, value: number) => testing([loading(at, 1)], value)

/** Positions in the frame. */
const ETHER_TYPE = 12
const IP_PROTOCOL = 23
const IP_FRAGMENT = 20
const NEXT_HEADER = 20
const NEXT_HEADER_OF_FRAGMENT = 54

export type Direction = 'src' | 'dst' | 'src or dst' | 'src and dst'

/** EtherTypes by the names of a filter. */
export const LINK_PROTOCOLS: ReadonlyMap<string, number> = new Map([
  ['ip', ETH_P_IP],
  ['ip6', ETH_P_IPV6],
  ['arp', ETH_P_ARP],
  ['rarp', ETH_P_RARP],
])

/** A protocol of IP, and the versions of IP that carry it. */
export interface IpProtocol {
  readonly number: number
  readonly versions: readonly (4 | 6)[]
}

/** Protocols of IP by the names of a filter. */
export const IP_PROTOCOLS: ReadonlyMap<string, IpProtocol> = new Map<string, IpProtocol>([
  ['tcp', { number: IPPROTO_TCP, versions: [4, 6] }],
  ['udp', { number: IPPROTO_UDP, versions: [4, 6] }],
  ['sctp', { number: IPPROTO_SCTP, versions: [4, 6] }],
  ['icmp', { number: IPPROTO_ICMP, versions: [4] }],
  ['icmp6', { number: NEXTHDR_ICMP, versions: [6] }],
  ['igmp', { number: IPPROTO_IGMP, versions: [4] }],
  ['igrp', { number: IPPROTO_IGRP, versions: [4] }],
  ['pim', { number: IPPROTO_PIM, versions: [4, 6] }],
  ['ah', { number: IPPROTO_AH, versions: [4, 6] }],
  ['esp', { number: IPPROTO_ESP, versions: [4, 6] }],
  ['vrrp', { number: IPPROTO_VRRP, versions: [4] }],
])

export const isEtherType = (type: number) => testing([loading(ETHER_TYPE, 2)], type)
const isIp = isEtherType(ETH_P_IP)
export const isFirstFragment = not(testing([loading(IP_FRAGMENT, 2)], 0x1fff, codes.JSET_K))

export function isProtocol(number: number, version?: number): Condition {
  const on4 = and(isIp, byteIs(IP_PROTOCOL, number))
  const inFragment = and(
    byteIs(NEXT_HEADER, NEXTHDR_FRAGMENT),
    byteIs(NEXT_HEADER_OF_FRAGMENT, number),
  )
  const on6 = and(isEtherType(ETH_P_IPV6), or(byteIs(NEXT_HEADER, number), inFragment))
  if (version === undefined) return or(on4, on6)
  return version === 4 ? on4 : on6
}

/** Returns the condition of a protocol's name; undefined for another word. */
export function protocolNamed(name: string): Condition | undefined {
  const link = LINK_PROTOCOLS.get(name)
  if (link !== undefined) return isEtherType(link)
  const protocol = IP_PROTOCOLS.get(name)
  if (protocol === undefined) return undefined
  const { number, versions } = protocol
  return isProtocol(number, versions.length === 1 ? versions[0] : undefined)
}

function directed(direction: Direction, src: Condition, dst: Condition): Condition {
  if (direction === 'src') return src
  if (direction === 'dst') return dst
  return direction === 'src or dst' ? or(src, dst) : and(src, dst)
}

/** Addresses in IPv4, ARP and RARP, or in one protocol if it is named. */
export function isHost4(
  address: number,
  mask: number,
  direction: Direction,
  only?: string,
): Condition {
  const masked = (at: number) =>
    testing(
      [loading(at, 4), ...(mask === 0xffffffff ? [] : [{ code: codes.AND_K, k: mask }])],
      address,
    )
  const on = (type: number, src: number, dst: number) =>
    mask === 0
      ? isEtherType(type)
      : and(isEtherType(type), directed(direction, masked(src), masked(dst)))
  const kinds = {
    ip: on(ETH_P_IP, 26, 30),
    arp: on(ETH_P_ARP, 28, 38),
    rarp: on(ETH_P_RARP, 28, 38),
  }
  return only === undefined
    ? any(kinds.ip, kinds.arp, kinds.rarp)
    : kinds[only as keyof typeof kinds]
}

export function isHost6(address: Uint8Array, mask: Uint8Array, direction: Direction): Condition {
  const word = (bytes: Uint8Array, i: number) =>
    new DataView(bytes.buffer, bytes.byteOffset).getUint32(4 * i)
  const equal = (at: number) => {
    const words = [0, 1, 2, 3].filter(i => word(mask, i) !== 0)
    const tests = words.map(i => {
      const masking = word(mask, i) === 0xffffffff ? [] : [{ code: codes.AND_K, k: word(mask, i) }]
      return testing([loading(at + 4 * i, 4), ...masking], word(address, i))
    })
    return tests.length === 0 ? undefined : all(...(tests as [Condition, ...Condition[]]))
  }
  const [src, dst] = [equal(22), equal(38)]
  const type = isEtherType(ETH_P_IPV6)
  return src === undefined || dst === undefined ? type : and(type, directed(direction, src, dst))
}

export function isMac(address: Uint8Array, direction: Direction): Condition {
  const view = new DataView(address.buffer, address.byteOffset)
  const equal = (at: number) =>
    and(
      testing([loading(at + 2, 4)], view.getUint32(2)),
      testing([loading(at, 2)], view.getUint16(0)),
    )
  return directed(direction, equal(6), equal(0))
}

/** TCP, UDP and SCTP ports from `low` to `high`; of one protocol if it is given. */
export function isPort(
  low: number,
  high: number,
  direction: Direction,
  protocol?: number,
): Condition {
  const numbers = protocol === undefined ? [IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP] : [protocol]
  const within = (loads: readonly { code: number; k: number }[]) =>
    low === high
      ? testing(loads, low)
      : and(testing(loads, low, codes.JGE_K), not(testing(loads, high, codes.JGT_K)))
  const on4 = (at: number) => within([LOAD_HEADER_LEN, { code: LOAD_X[2] as number, k: at }])
  const on6 = (at: number) => within([loading(at, 2)])
  const each = (at: number, test: Condition) =>
    any(...(numbers.map(number => and(byteIs(at, number), test)) as [Condition, ...Condition[]]))
  return or(
    all(isEtherType(ETH_P_IPV6), each(NEXT_HEADER, directed(direction, on6(54), on6(56)))),
    all(isIp, each(IP_PROTOCOL, and(isFirstFragment, directed(direction, on4(14), on4(16))))),
  )
}

export const isBroadcast = isMac(new Uint8Array(6).fill(0xff), 'dst')
export const isMulticast = testing([loading(0, 1)], 1, codes.JSET_K)
export const isIpMulticast = and(isIp, testing([loading(30, 1)], 224, codes.JGE_K))
export const isIp6Multicast = and(isEtherType(ETH_P_IPV6), byteIs(38, 0xff))
export const isShorter = (length: number) => not(testing([LOAD_LEN], length, codes.JGT_K))
export const isLonger = (length: number) => testing([LOAD_LEN], length, codes.JGE_K)
