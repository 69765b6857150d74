/**
 * ARP for the simulated hosts (RFC 826, RFC 5227). A request for a host's address is answered to who asked, a probe too: its
 * sender is to see that the address is taken. Who says that an address of a host is his hears an announcement of its owner,
 * to all, at most once in DEFEND_INTERVAL (RFC 5227 sec. 2.4 (c)).
 */
import { NSEC_PER_SEC } from '../core/clock.ts'
import * as arp from '../header/arp.ts'
import { ARP_LEN } from '../header/arp.ts'
import {
  copyAddress,
  ETH_ALEN,
  isMulticastAddress,
  isSameAddress,
  isStationAddress,
  source,
} from '../header/ethernet.ts'
import { isUnicastAddress } from '../header/ipv4.ts'
import { SKB_DROP_REASON_MAC_INVALID_SOURCE, SKB_DROP_REASON_UNHANDLED_PROTO } from '../skb/drop-reason.ts'
import { CHECKSUM_NONE, type SkBuff } from '../skb/sk-buff.ts'
import type { Hosts } from './hosts.ts'

const SPA = 14
const TPA = 24
/** RFC 5227 sec. 1.1: ten seconds. */
const DEFEND_INTERVAL = 10 * NSEC_PER_SEC

/** Takes over a frame with an ARP packet at `at`. */
export function receiveArp(hosts: Hosts, skb: SkBuff, at: number): void {
  const { segment, table } = hosts
  const { bytes, data } = skb
  if (arp.parse(bytes, at, data + skb.len - at) < 0) {
    segment.drop(skb, SKB_DROP_REASON_UNHANDLED_PROTO)
    return
  }
  const hardware = arp.sha(at)
  if (!isStationAddress(bytes, hardware)) {
    segment.drop(skb, SKB_DROP_REASON_MAC_INVALID_SOURCE)
    return
  }
  const claimed = table.byIp4(bytes, at + SPA)
  if (claimed >= 0) {
    defend(hosts, skb, at, claimed)
    return
  }
  const isUnicast = isUnicastAddress(bytes, at + SPA)
  if (isUnicast) hosts.neighbours4.learn(bytes, at + SPA, bytes, hardware)
  const asked = arp.op(bytes, at) === arp.ARPOP_REQUEST ? table.byIp4(bytes, at + TPA) : -1
  const isProbe = isZero(bytes, at + SPA)
  if (asked < 0 || !(isUnicast || isProbe) || !isFor(hosts, skb, asked)) {
    segment.take(skb)
    return
  }
  setLink(skb, bytes, hardware, table.macs, asked * ETH_ALEN)
  arp.toReply(bytes, at, table.macs, asked * ETH_ALEN)
  hosts.counters.arp++
  hosts.forward(skb)
}

/** Whether the IPv4 address at `at` is 0.0.0.0; not by its number, which may cost an object. */
function isZero(bytes: Uint8Array, at: number): boolean {
  return (bytes[at] | bytes[at + 1] | bytes[at + 2] | bytes[at + 3]) === 0
}

/** Whether a frame is for everybody or for the host of a number: not for another's hardware address. */
function isFor({ table }: Hosts, { bytes, data }: SkBuff, index: number): boolean {
  return isMulticastAddress(bytes, data) || table.byMac(bytes, data) === index
}

/** Somebody sends from an address that is a host's. */
function defend(hosts: Hosts, skb: SkBuff, at: number, index: number): void {
  const { segment, table, env } = hosts
  const { bytes } = skb
  const own = index * ETH_ALEN
  if (isSameAddress(bytes, arp.sha(at), table.macs, own)) {
    segment.take(skb)
    return
  }
  if (hosts.defended === undefined || hosts.defended.length < table.size) {
    const longer = new Float64Array(table.size).fill(Number.NEGATIVE_INFINITY)
    longer.set(hosts.defended ?? [])
    hosts.defended = longer
  }
  const now = env.clock.now()
  if (now - hosts.defended[index] < DEFEND_INTERVAL) {
    segment.take(skb)
    return
  }
  hosts.defended[index] = now
  arp.create(bytes, at, arp.ARPOP_REQUEST)
  copyAddress(bytes, arp.sha(at), table.macs, own)
  bytes.fill(0, arp.tha(at), arp.tha(at) + ETH_ALEN)
  arp.setTpa(bytes, at, arp.spa(bytes, at))
  setLink(skb, BROADCAST, 0, table.macs, own)
  hosts.counters.defended++
  hosts.announce(skb)
}

const BROADCAST = Uint8Array.of(255, 255, 255, 255, 255, 255)

/** Link header of a frame with an ARP packet of its own, and nothing behind it that was not meant. */
function setLink(skb: SkBuff, to: Uint8Array, toAt: number, from: Uint8Array, fromAt: number): void {
  const { bytes, data } = skb
  copyAddress(bytes, data, to, toAt)
  copyAddress(bytes, source(data), from, fromAt)
  skb.trim(14 + ARP_LEN)
  skb.ipSummed = CHECKSUM_NONE
  skb.gsoSize = 0
  skb.gsoType = 0
}
