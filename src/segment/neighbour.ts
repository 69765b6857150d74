/**
 * IPv6 neighbour discovery for the simulated hosts (RFC 4861). A solicitation for a host's address is answered to who asked; one
 * of duplicate address detection (RFC 4862 sec. 5.4), which comes from nobody, to all nodes: the address is taken.
 */
import { copyAddress, ETH_ALEN, isStationAddress, source } from '../header/ethernet.ts'
import * as icmpv6 from '../header/icmpv6.ts'
import * as ipv6 from '../header/ipv6.ts'
import { IPV6_HLEN } from '../header/ipv6.ts'
import { SKB_DROP_REASON_ICMP_CSUM, SKB_DROP_REASON_NEIGH_FAILED } from '../skb/drop-reason.ts'
import type { SkBuff } from '../skb/sk-buff.ts'
import type { Hosts } from './hosts.ts'
import { hasAdvertisementRoom, isSolicitation, toAdvertisement } from './ndisc.ts'

/** ff02::1 and what it is on Ethernet (RFC 2464 sec. 7). */
const ALL_NODES = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)
const ALL_NODES_MAC = Uint8Array.of(0x33, 0x33, 0, 0, 0, 1)

/** Takes over a frame with a solicitation in the IPv6 packet at `nh`, which is whole; to the host of a number, -1 is to a group. */
export function receiveSolicitation(hosts: Hosts, skb: SkBuff, nh: number, index: number): void {
  const { segment, table } = hosts
  const { bytes, data } = skb
  if (!isSolicitation(skb, nh)) {
    segment.drop(skb, SKB_DROP_REASON_ICMP_CSUM)
    return
  }
  const h = nh + IPV6_HLEN
  const from = ipv6.source(nh)
  const isDad = ipv6.isUnspecified(bytes, from)
  const option = icmpv6.sourceLinkAddress(bytes, h, ipv6.payloadLength(bytes, nh))
  const hardware = option > 0 ? option : source(data)
  const isGood = isDad ? option === 0 : ipv6.isUnicastAddress(bytes, from)
  if (option < 0 || !isGood || !isStationAddress(bytes, hardware) || !hasAdvertisementRoom(skb, nh)) {
    segment.drop(skb, SKB_DROP_REASON_NEIGH_FAILED)
    return
  }
  // A host's own address in somebody else's mouth teaches nothing.
  if (table.byIp6(bytes, from) >= 0) {
    segment.take(skb)
    return
  }
  if (!isDad) hosts.neighbours6.learn(bytes, from, bytes, hardware)
  const target = table.byIp6(bytes, icmpv6.target(h))
  if (target < 0 || (index >= 0 && index !== target)) {
    segment.take(skb)
    return
  }
  copyAddress(bytes, data, isDad ? ALL_NODES_MAC : bytes, isDad ? 0 : hardware)
  copyAddress(bytes, source(data), table.macs, target * ETH_ALEN)
  if (isDad) for (let i = 0; i < ALL_NODES.length; i++) bytes[from + i] = ALL_NODES[i]
  const router = table.kind(target).router ? icmpv6.NA_ROUTER : 0
  const flags = router | icmpv6.NA_OVERRIDE | (isDad ? 0 : icmpv6.NA_SOLICITED)
  toAdvertisement(skb, nh, flags, table.macs, target * ETH_ALEN)
  hosts.counters.neighbour++
  if (isDad) hosts.announce(skb)
  else hosts.forward(skb)
}

/** Learns from an advertisement at `h` of `length` octets, whose sum is right; the frame stays the caller's. */
export function learnAdvertised({ table, neighbours6 }: Hosts, bytes: Uint8Array, h: number, length: number): void {
  if (length < icmpv6.NDISC_HLEN) return
  const target = icmpv6.target(h)
  const option = icmpv6.targetLinkAddress(bytes, h, length)
  if (option <= 0 || !isStationAddress(bytes, option)) return
  if (ipv6.isUnicastAddress(bytes, target) && table.byIp6(bytes, target) < 0) {
    neighbours6.learn(bytes, target, bytes, option)
  }
}
