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
  icmp,
  ipv4,
  netifRx,
  SKB_DROP_REASON_FRAG_REASM,
  SKB_DROP_REASON_ICMP_CSUM,
  SKB_DROP_REASON_IP_CSUM,
  SKB_DROP_REASON_IP_INADDRERRORS,
  SKB_DROP_REASON_IP_INHDR,
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
  // #todo 3: drop IP in frames for all stations.
  // #skeleton if (protocol === ETH_P_IP) return receiveIp(bytes, data, skb.len)
  if (protocol === ETH_P_IP) {
    return isForHost ? receiveIp(bytes, data, skb.len) : SKB_DROP_REASON_NOT_SPECIFIED
  }
  // #end
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
  // #todo 1: the sum of all 16-bit words, with its carries,
  // #skeleton // inverted.
  // #skeleton return 0
  let sum = 0
  for (let i = 0; i < length; i++) {
    sum += i % 2 === 0 ? bytes[at + i] << 8 : bytes[at + i]
  }
  while (sum > 0xffff) {
    sum = (sum & 0xffff) + (sum >>> 16)
  }
  return ~sum & 0xffff
  // #end
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
  // #todo 2: check version, lengths and checksum of the
  // #skeleton // header, and drop what is wrong.
  // #todo 3: drop packets for others, from no host's
  // #skeleton // address, fragments, and all but ICMP.
  // #skeleton const header = ipv4.headerLength(bytes, at)
  // #skeleton const reason = receiveIcmp(bytes, at + header, ipv4.totalLength(bytes, at) - header)
  const space = length - ETH_HLEN
  if (space < ipv4.IPV4_HLEN) return SKB_DROP_REASON_PKT_TOO_SMALL
  const header = ipv4.headerLength(bytes, at)
  if (ipv4.version(bytes, at) !== 4 || header < ipv4.IPV4_HLEN || header > space) {
    return SKB_DROP_REASON_IP_INHDR
  }
  if (checksum(bytes, at, header) !== 0) return SKB_DROP_REASON_IP_CSUM
  const total = ipv4.totalLength(bytes, at)
  if (total > space) return SKB_DROP_REASON_PKT_TOO_SMALL
  if (total < header) return SKB_DROP_REASON_IP_INHDR

  const isFromHost =
    ipv4.isUnicastAddress(bytes, ipv4.sourceAt(at)) && ipv4.source(bytes, at) !== BROADCAST
  if (!isFromHost || ipv4.destination(bytes, at) !== ADDRESS) return SKB_DROP_REASON_IP_INADDRERRORS
  if (ipv4.isFragment(bytes, at)) return SKB_DROP_REASON_FRAG_REASM
  if (ipv4.protocol(bytes, at) !== ipv4.IPPROTO_ICMP) return SKB_DROP_REASON_UNHANDLED_PROTO
  const reason = receiveIcmp(bytes, at + header, total - header)
  // #end
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
  // #todo 5: both addresses of IP, TTL, the checksum of the
  // #skeleton // header, both hardware addresses.
  ipv4.setDestination(bytes, at, ipv4.source(bytes, at))
  ipv4.setSource(bytes, at, ADDRESS)
  bytes[at + 8] = TTL
  ipv4.setHeaderChecksum(bytes, at, 0)
  ipv4.setHeaderChecksum(bytes, at, checksum(bytes, at, ipv4.headerLength(bytes, at)))
  ethernet.copyAddress(bytes, ethernet.destinationAt(mac), bytes, ethernet.sourceAt(mac))
  ethernet.copyAddress(bytes, ethernet.sourceAt(mac), HARDWARE)
  // #end
}

/**
 * Receives an ICMP message, as icmp_rcv and icmp_echo do,
 * and makes it a reply.
 * @param {Uint8Array} bytes
 * @param {number} at
 * @param {number} length
 */
function receiveIcmp(bytes, at, length) {
  // #todo 4: drop what is too short, has a wrong checksum,
  // #skeleton // or is not an echo request, and make the rest an echo
  // #skeleton // reply: its type, its checksum.
  // #skeleton return SKB_DROP_REASON_NOT_SPECIFIED
  if (length < icmp.ICMP_HLEN) return SKB_DROP_REASON_PKT_TOO_SMALL
  if (checksum(bytes, at, length) !== 0) return SKB_DROP_REASON_ICMP_CSUM
  if (icmp.type(bytes, at) !== icmp.ICMP_ECHO) return SKB_DROP_REASON_NOT_SPECIFIED
  icmp.setType(bytes, at, icmp.ICMP_ECHOREPLY)
  icmp.setChecksum(bytes, at, 0)
  icmp.setChecksum(bytes, at, checksum(bytes, at, length))
  return 0
  // #end
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
