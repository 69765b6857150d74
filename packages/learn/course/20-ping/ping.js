// @ts-check
import {
  allocEtherdevMqs,
  arp,
  defineDriver,
  ETH_HLEN,
  ETH_P_ARP,
  ETH_P_IP,
  ethernet,
  ethTypeTrans,
  ipv4,
  netifRx,
  SKB_DROP_REASON_NOT_SPECIFIED,
  SKB_DROP_REASON_OTHERHOST,
  SKB_DROP_REASON_PKT_TOO_SMALL,
  SKB_DROP_REASON_UNHANDLED_PROTO,
} from 'vnet'

// The host at the other end of the cable, 198.18.0.2, and
// the broadcast address of its network.
const HARDWARE = Uint8Array.of(0x02, 0, 0, 0, 0, 0x09)
const ADDRESS = 0xc6120002
const BROADCAST = 0xc61200ff
const TTL = 64

/**
 * The host receives a frame. Returns 0 if the frame is a
 * reply now, or the reason for its drop.
 * @param {import('vnet').SkBuff} skb
 * @param {import('vnet').NetDevice} dev
 */
function receive(skb, dev) {
  const { bytes, data } = skb
  const protocol = ethTypeTrans(skb, dev)
  const isForHost = ethernet.isSameAddress(bytes, data, HARDWARE)
  if (!isForHost && !ethernet.isBroadcastAddress(bytes, data)) return SKB_DROP_REASON_OTHERHOST
  if (protocol === ETH_P_ARP) return receiveArp(bytes, data, skb.len)
  // TODO 3: drop IP in frames for all stations.
  if (protocol === ETH_P_IP) return receiveIp(bytes, data, skb.len)
  return SKB_DROP_REASON_UNHANDLED_PROTO
}

/**
 * Receives a frame of ARP, as arp_rcv and arp_process do.
 * It starts at `mac`.
 * @param {Uint8Array} bytes
 * @param {number} mac
 * @param {number} length
 */
function receiveArp(bytes, mac, length) {
  const at = mac + ETH_HLEN
  if (length < ETH_HLEN + arp.ARP_LEN) return SKB_DROP_REASON_PKT_TOO_SMALL
  if (arp.hrd(bytes, at) !== arp.ARPHRD_ETHER || arp.pro(bytes, at) !== ETH_P_IP) {
    return SKB_DROP_REASON_NOT_SPECIFIED
  }
  if (bytes[at + 4] !== 6 || bytes[at + 5] !== 4) return SKB_DROP_REASON_NOT_SPECIFIED
  if (arp.op(bytes, at) !== arp.ARPOP_REQUEST) return SKB_DROP_REASON_NOT_SPECIFIED
  if (arp.tpa(bytes, at) !== ADDRESS) return SKB_DROP_REASON_NOT_SPECIFIED

  arp.setOp(bytes, at, arp.ARPOP_REPLY)
  ethernet.copyAddress(bytes, arp.thaAt(at), bytes, arp.shaAt(at))
  arp.setTpa(bytes, at, arp.spa(bytes, at))
  ethernet.copyAddress(bytes, arp.shaAt(at), HARDWARE)
  arp.setSpa(bytes, at, ADDRESS)
  ethernet.copyAddress(bytes, ethernet.destinationAt(mac), bytes, arp.thaAt(at))
  ethernet.copyAddress(bytes, ethernet.sourceAt(mac), HARDWARE)
  return 0
}

/**
 * Returns the Internet checksum (RFC 1071): 0 for bytes
 * that contain their own.
 * @param {Uint8Array} bytes
 * @param {number} at
 * @param {number} length
 */
function checksum(bytes, at, length) {
  // TODO 1: the sum of all 16-bit words, with its carries,
  // inverted.
  return 0
}

/**
 * Receives a frame of IPv4, as ip_rcv_core and
 * ip_route_input do. It starts at `mac`.
 * @param {Uint8Array} bytes
 * @param {number} mac
 * @param {number} length
 */
function receiveIp(bytes, mac, length) {
  const at = mac + ETH_HLEN
  // TODO 2: check version, lengths and checksum of the
  // header, and drop what is wrong.
  // TODO 3: drop packets for others, from no host's
  // address, fragments, and all but ICMP.
  const header = ipv4.headerLength(bytes, at)
  const reason = receiveIcmp(bytes, at + header, ipv4.totalLength(bytes, at) - header)
  if (reason !== 0) return reason
  replyIp(bytes, mac)
  return 0
}

/**
 * Sends the packet of a frame back: addresses, time to
 * live and checksum of its headers.
 * @param {Uint8Array} bytes
 * @param {number} mac
 */
function replyIp(bytes, mac) {
  const at = mac + ETH_HLEN
  // TODO 5: both addresses of IP, TTL, the checksum of the
  // header, both hardware addresses.
}

/**
 * Receives an ICMP message, as icmp_rcv and icmp_echo do,
 * and makes it a reply.
 * @param {Uint8Array} bytes
 * @param {number} at
 * @param {number} length
 */
function receiveIcmp(bytes, at, length) {
  // TODO 4: drop what is too short, has a wrong checksum,
  // or is not an echo request, and make the rest an echo
  // reply: its type, its checksum.
  return SKB_DROP_REASON_NOT_SPECIFIED
}

/**
 * The kernel transmits a frame: the host is at the other
 * end of the cable.
 * @param {import('vnet').SkBuff} skb
 * @param {import('vnet').NetDevice} dev
 */
function startXmit(skb, dev) {
  const reason = receive(skb, dev)
  if (reason !== 0) return skb.drop(reason)
  netifRx(skb)
}

/** @param {import('vnet').NetDevice} dev */
function setup(dev) {
  dev.netdevOps = { ndoStartXmit: startXmit }
}

function init() {
  const dev = allocEtherdevMqs({ name: 'host%d', setup, priv: {} })
  return [{ dev, addresses: ['198.18.0.1/24'] }]
}

export const driver = defineDriver({
  name: 'ping',
  description: 'a host that replies to ping',
  params: {},
  init,
})
