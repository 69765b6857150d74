/** ARP (RFC 826) and neighbour discovery (RFC 4861): the messages, and the replies to them. */
import { arp, ETH_ALEN, ETH_HLEN, ETH_P_ARP, ETH_P_IP, ethernet, icmpv6, ipv6 } from 'vnet'
import { get32, put16, sameBytes } from 'vnet/kit/packet'
import type { Ip, Packet } from '../contract.ts'
import { isAddressAt, isGroup, isLoopback, isUnspecified } from './version.ts'

/** The parts of an interface that ARP and neighbour discovery use. */
interface DiscoveryInterface {
  readonly mac: Uint8Array
  readonly neighbours: {
    has(address: Uint8Array): boolean
    /** Whether it was asked for, or packets are sent to it. */
    isUsed(address: Uint8Array): boolean
    learn(address: Uint8Array, mac: Uint8Array): void
    update(address: Uint8Array, mac: Uint8Array, isOverride: boolean): void
  }
  hasAddress(bytes: Uint8Array, at: number): boolean
  transmit(frame: Uint8Array): void
}

/** The parts of a stack that neighbour discovery uses; `Dev` are its interfaces. */
export interface DiscoveryOwner<Dev> extends Pick<Ip, 'count' | 'isOwn'> {
  readonly forwarding: boolean
  readonly output: {
    sendDiscovery(dev: Dev, from: Uint8Array, to: Uint8Array, message: Uint8Array): void
  }
}

/** Handles the ARP packet at `at`, like arp_process of Linux with its default settings. */
export function receiveArp(
  stack: Pick<Ip, 'isOwn'>,
  dev: DiscoveryInterface,
  bytes: Uint8Array,
  at: number,
  length: number,
): void {
  if (!isForEthernet(bytes, at, length)) return
  const op = arp.op(bytes, at)
  if (op !== arp.ARPOP_REQUEST && op !== arp.ARPOP_REPLY) return
  const sender = bytes.slice(at + 14, at + 18)
  const target = bytes.slice(at + 24, at + 28)
  const mac = bytes.slice(arp.shaAt(at), arp.shaAt(at) + ETH_ALEN)
  if (isGroup(sender, 0, 4) || isGroup(target, 0, 4) || isLoopback(target) || isLoopback(sender)) {
    return
  }
  // Linux replies for the addresses of other interfaces too (arp_ignore of 0).
  if (op === arp.ARPOP_REPLY || !stack.isOwn(target)) {
    const isGratuitous =
      sameBytes(sender, target) &&
      (op === arp.ARPOP_REQUEST || isAddressAt(bytes, arp.thaAt(at), mac))
    if (!stack.isOwn(sender)) {
      dev.neighbours.update(sender, mac, isGratuitous)
    }
    return
  }
  // A sender without an address looks for another host that has the target (RFC 5227).
  if (get32(sender, 0) !== 0) {
    if (stack.isOwn(sender)) return
    dev.neighbours.learn(sender, mac)
  }
  const reply = new Uint8Array(ETH_HLEN + arp.ARP_LEN)
  reply.set(bytes.subarray(at, at + arp.ARP_LEN), ETH_HLEN)
  put16(reply, ETH_HLEN, arp.ARPHRD_ETHER)
  arp.toReply(reply, ETH_HLEN, dev.mac)
  ethernet.copyAddress(reply, 0, mac)
  ethernet.copyAddress(reply, ethernet.sourceAt(0), dev.mac)
  ethernet.setEtherType(reply, 0, ETH_P_ARP)
  dev.transmit(reply)
}

/** The type of hardware addresses of other IEEE 802 networks (RFC 1042). */
const ARPHRD_IEEE802 = 6

function isForEthernet(bytes: Uint8Array, at: number, length: number): boolean {
  if (
    length < arp.ARP_LEN ||
    arp.pro(bytes, at) !== ETH_P_IP ||
    bytes[at + 4] !== 6 ||
    bytes[at + 5] !== 4
  ) {
    return false
  }
  return arp.hrd(bytes, at) === arp.ARPHRD_ETHER || arp.hrd(bytes, at) === ARPHRD_IEEE802
}

/** Returns the solicited-node multicast address of an address (RFC 4291 section 2.7.1). */
export function solicitedGroup(address: Uint8Array): Uint8Array {
  return Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, ...address.subarray(13))
}

const isSolicited = (group: Uint8Array): boolean =>
  solicitedGroup(group).every((byte, i) => byte === group[i])

/** Returns a neighbour solicitation with the hardware address of its sender. */
export function solicitation(target: Uint8Array, mac: Uint8Array): Uint8Array {
  const message = new Uint8Array(icmpv6.NDISC_HLEN + icmpv6.ND_OPT_LL_ADDR_LEN)
  message[0] = icmpv6.NDISC_NEIGHBOUR_SOLICITATION
  message.set(target, icmpv6.targetAt(0))
  message[icmpv6.NDISC_HLEN] = icmpv6.ND_OPT_SOURCE_LL_ADDR
  message[icmpv6.NDISC_HLEN + 1] = icmpv6.ND_OPT_LL_ADDR_LEN >>> 3
  message.set(mac, icmpv6.NDISC_HLEN + 2)
  return message
}

/** Handles a message of neighbour discovery with a correct checksum and the IPv6 header at `nh`. */
export function receiveDiscovery<Dev extends DiscoveryInterface>(
  stack: DiscoveryOwner<Dev>,
  dev: Dev,
  packet: Packet,
  nh: number,
): void {
  const { bytes, at, length } = packet
  // RFC 4861 sections 7.1.1 and 7.1.2
  const isValid = ipv6.hopLimit(bytes, nh) === icmpv6.NDISC_HOP_LIMIT && bytes[at + 1] === 0
  // A fragment header, even of a whole packet, hides messages from switches (RFC 6980).
  const before = ipv6.upperLayer(bytes, nh, at + length - nh, false, true) & 0xff
  if (!isValid || length < icmpv6.NDISC_HLEN || before === ipv6.NEXTHDR_FRAGMENT) return
  const target = bytes.slice(icmpv6.targetAt(at), icmpv6.targetAt(at) + ipv6.IPV6_ALEN)
  if (isGroup(target, 0, target.length)) return
  if (bytes[at] === icmpv6.NDISC_NEIGHBOUR_ADVERTISEMENT) {
    receiveAdvertisement(stack, dev, packet, target)
  } else if (bytes[at] === icmpv6.NDISC_NEIGHBOUR_SOLICITATION) {
    receiveSolicitation(stack, dev, packet, target)
  }
}

function receiveAdvertisement<Dev extends DiscoveryInterface>(
  stack: DiscoveryOwner<Dev>,
  dev: Dev,
  packet: Packet,
  target: Uint8Array,
): void {
  const { bytes, at, length, destination } = packet
  stack.count('Icmp6InNeighborAdvertisements')
  const flags = get32(bytes, at + 4)
  if (isGroup(destination, 0, destination.length) && (flags & icmpv6.NA_SOLICITED) !== 0) return
  const link = icmpv6.targetLinkAddress(bytes, at, length)
  if (link <= 0 || stack.isOwn(target)) return
  // Only an advertisement with the override flag replaces a known address.
  if ((flags & icmpv6.NA_OVERRIDE) === 0 && dev.neighbours.has(target)) return
  dev.neighbours.update(target, bytes.slice(link, link + ETH_ALEN), true)
}

function receiveSolicitation<Dev extends DiscoveryInterface>(
  stack: DiscoveryOwner<Dev>,
  dev: Dev,
  packet: Packet,
  target: Uint8Array,
): void {
  const { bytes, at, length, source, destination } = packet
  stack.count('Icmp6InNeighborSolicits')
  const link = icmpv6.sourceLinkAddress(bytes, at, length)
  // The sender of duplicate address detection has no address yet.
  const isDetection = isUnspecified(source)
  if (isDetection && (link > 0 || !isSolicited(destination))) return
  if (link < 0 || !dev.hasAddress(target, 0)) return
  if (stack.isOwn(source)) return
  // A neighbour that asks all must give its hardware address, unless this host asks for it.
  const isForAll = isGroup(destination, 0, destination.length)
  if (isForAll && !isDetection && link === 0 && !dev.neighbours.isUsed(source)) return
  if (link > 0) {
    dev.neighbours.learn(source, bytes.slice(link, link + ETH_ALEN))
  }
  const advertisement = solicitation(target, dev.mac)
  const router = stack.forwarding ? icmpv6.NA_ROUTER : 0
  const solicited = isDetection ? 0 : icmpv6.NA_SOLICITED
  // A neighbour that asks this host alone knows its hardware address.
  const override = isForAll ? icmpv6.NA_OVERRIDE : 0
  icmpv6.toAdvertisement(advertisement, 0, router | solicited | override, dev.mac)
  stack.count('Icmp6OutNeighborAdvertisements')
  stack.output.sendDiscovery(
    dev,
    target,
    isDetection ? ipv6.ALL_NODES : source,
    isForAll ? advertisement : advertisement.subarray(0, icmpv6.NDISC_HLEN),
  )
}
