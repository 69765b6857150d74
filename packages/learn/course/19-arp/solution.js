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
  netifRx,
  SKB_DROP_REASON_NOT_SPECIFIED,
  SKB_DROP_REASON_OTHERHOST,
  SKB_DROP_REASON_PKT_TOO_SMALL,
  SKB_DROP_REASON_UNHANDLED_PROTO,
} from 'vnet'

// The host at the other end of the cable: its hardware
// address, and 198.18.0.2.
const HARDWARE = Uint8Array.of(0x02, 0, 0, 0, 0, 0x09)
const ADDRESS = 0xc6120002

/**
 * The host receives a frame. Returns 0 if the frame is a
 * reply now, or the reason for its drop.
 * @param {import('vnet').SkBuff} skb
 * @param {import('vnet').NetDevice} dev
 */
function receive(skb, dev) {
  const { bytes, data } = skb
  const protocol = ethTypeTrans(skb, dev)
  // #todo 1: drop frames that are neither for HARDWARE nor
  // #skeleton // for all, as SKB_DROP_REASON_OTHERHOST.
  const isForHost =
    ethernet.isSameAddress(bytes, data, HARDWARE) || ethernet.isBroadcastAddress(bytes, data)
  if (!isForHost) return SKB_DROP_REASON_OTHERHOST
  // #end
  if (protocol === ETH_P_ARP) return receiveArp(bytes, data, skb.len)
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
  // #todo 2: drop what is too short as
  // #skeleton // SKB_DROP_REASON_PKT_TOO_SMALL, and what does not join
  // #skeleton // an Ethernet address to one of IPv4 as
  // #skeleton // SKB_DROP_REASON_NOT_SPECIFIED.
  // #todo 3: drop what is not a request for ADDRESS.
  // #todo 4: make the frame a reply, and return 0.
  // #skeleton return SKB_DROP_REASON_NOT_SPECIFIED
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
  name: 'arp',
  description: 'a host that replies to ARP',
  params: {},
  init,
})
