// @ts-check
import {
  allocEtherdevMqs,
  defineDriver,
  ETH_HLEN,
  ETH_P_IP,
  ethernet,
  ethTypeTrans,
  IFF_NOARP,
  ipv4,
  netifRx,
  PACKET_BROADCAST,
  PACKET_MULTICAST,
  SKB_DROP_REASON_IP_INHDR,
  SKB_DROP_REASON_IP_NOT_TRANSLATABLE,
  SKB_DROP_REASON_UNHANDLED_PROTO,
} from 'vnet'

/**
 * Makes a frame one that comes back from where it was
 * sent. Returns 0, or the reason for a drop.
 * @param {import('vnet').SkBuff} skb
 * @param {import('vnet').NetDevice} dev
 */
function reflect(skb, dev) {
  // #todo 2: swap the IPv4 addresses.
  // #todo 3: swap the hardware addresses.
  // #todo 4: before that, return the reason if the frame
  // #skeleton // cannot be mirrored.
  if (ethTypeTrans(skb, dev) !== ETH_P_IP) return SKB_DROP_REASON_UNHANDLED_PROTO
  if (skb.pktType === PACKET_BROADCAST || skb.pktType === PACKET_MULTICAST) {
    return SKB_DROP_REASON_IP_NOT_TRANSLATABLE
  }
  const { bytes, nh } = skb
  if (ipv4.parse(bytes, nh, skb.len - ETH_HLEN) < 0) return SKB_DROP_REASON_IP_INHDR
  const source = ipv4.source(bytes, nh)
  ipv4.setSource(bytes, nh, ipv4.destination(bytes, nh))
  ipv4.setDestination(bytes, nh, source)
  ethernet.swapAddresses(bytes, skb.data)
  // #end
  return 0
}

/**
 * The kernel transmits a frame, which is ours from now on.
 * @param {import('vnet').SkBuff} skb
 * @param {import('vnet').NetDevice} dev
 */
function startXmit(skb, dev) {
  const reason = reflect(skb, dev)
  if (reason !== 0) return skb.drop(reason)
  // #todo 1: give the frame to the kernel instead.
  // #skeleton skb.drop()
  netifRx(skb)
  // #end
}

/** @param {import('vnet').NetDevice} dev */
function setup(dev) {
  dev.netdevOps = { ndoStartXmit: startXmit }
  dev.flags |= IFF_NOARP // nothing replies to ARP
}

function init() {
  const dev = allocEtherdevMqs({ name: 'mirror%d', setup, priv: {} })
  return [{ dev, addresses: ['198.18.0.1/24'] }]
}

export const driver = defineDriver({
  name: 'mirror',
  description: 'the machine sees itself',
  params: {},
  init,
})
