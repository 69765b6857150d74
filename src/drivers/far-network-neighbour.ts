/**
 * Who has the hosts of the far network: ARP (RFC 826) and IPv6 neighbour discovery (RFC 4861) for every address with a far
 * end, but the port's own. Who only wants to know whether an address is free (RFC 5227 probes and announcements, RFC 4862
 * sec. 5.4) hears nothing, so it is.
 *
 * Answers are -1 when there is none, the frame untouched; else the position of the transport header, 0 without one.
 */
import { devHardHeader } from '../core/eth.ts'
import type { NetDevice } from '../core/net-device.ts'
import * as arp from '../header/arp.ts'
import { copyAddress, ETH_HLEN, etherType, isStationAddress, source } from '../header/ethernet.ts'
import * as icmpv6 from '../header/icmpv6.ts'
import { IPV4_ALEN, isUnicastAddress } from '../header/ipv4.ts'
import * as ipv6 from '../header/ipv6.ts'
import { IPV6_ALEN } from '../header/ipv6.ts'
import { hasAdvertisementRoom, isSolicitation, toAdvertisement } from '../segment/ndisc.ts'
import { CHECKSUM_PARTIAL, type SkBuff } from '../skb/sk-buff.ts'
import { type FarNetwork, isLocal } from './far-network-address.ts'
import { isUnicast4, isUnicast6 } from './hidden-loopback-address.ts'

const SPA = 14
const TPA = 24

/** An ARP request for a far host becomes the reply. */
export function answerArp(skb: SkBuff, dev: NetDevice, at: number, far: FarNetwork): number {
  const { bytes } = skb
  if (arp.parse(bytes, at, skb.data + skb.len - at) < 0 || arp.op(bytes, at) !== arp.ARPOP_REQUEST) return -1
  if (!isUnicastAddress(bytes, at + SPA) || arp.spa(bytes, at) === arp.tpa(bytes, at)) return -1
  if (!isUnicast4(bytes, at + TPA) || isLocal(bytes, at + TPA, IPV4_ALEN, dev.addresses)) return -1
  const hardware = arp.sha(at)
  if (!isStationAddress(bytes, hardware) || skb.ipSummed === CHECKSUM_PARTIAL) return -1
  copyAddress(far.asker, 0, bytes, hardware)
  if (!sendBack(skb, dev, far)) return -1
  arp.toReply(bytes, at, far.address)
  return 0
}

/** A neighbour solicitation for a far host becomes the advertisement; it may be longer than the solicitation was. */
export function answerSolicitation(skb: SkBuff, dev: NetDevice, nh: number, far: FarNetwork): number {
  const { bytes } = skb
  if (ipv6.parse(bytes, nh, skb.data + skb.len - nh) < 0 || !isSolicitation(skb, nh)) return -1
  const h = nh + ipv6.IPV6_HLEN
  const target = icmpv6.target(h)
  const from = ipv6.source(nh)
  if (!ipv6.isUnicastAddress(bytes, from) || isSame(bytes, from, target)) return -1
  if (!isUnicast6(bytes, target) || isLocal(bytes, target, IPV6_ALEN, dev.addresses)) return -1
  const option = icmpv6.sourceLinkAddress(bytes, h, ipv6.payloadLength(bytes, nh))
  if (option < 0) return -1
  const hardware = option === 0 ? source(skb.data) : option
  if (!isStationAddress(bytes, hardware) || !hasAdvertisementRoom(skb, nh)) return -1
  copyAddress(far.asker, 0, bytes, hardware)
  if (!sendBack(skb, dev, far)) return -1
  return toAdvertisement(skb, nh, icmpv6.NA_SOLICITED | icmpv6.NA_OVERRIDE, far.address, 0)
}

/**
 * Replaces the link header by one from the far address to the asker; a VLAN tag is behind it, and stays. False, and nothing
 * done, for a device that makes no headers.
 */
function sendBack(skb: SkBuff, dev: NetDevice, far: FarNetwork): boolean {
  const type = etherType(skb.bytes, skb.data)
  skb.pull(ETH_HLEN)
  if (devHardHeader(skb, dev, type, far.asker, far.address) > 0) return true
  skb.push(ETH_HLEN)
  return false
}

function isSame(bytes: Uint8Array, at: number, other: number): boolean {
  let i = 0
  while (i < IPV6_ALEN && bytes[at + i] === bytes[other + i]) i++
  return i === IPV6_ALEN
}
