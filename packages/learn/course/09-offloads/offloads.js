// @ts-check
import {
  allocEtherdevMqs,
  bool,
  defineDriver,
  ETH_HLEN,
  ETH_P_IP,
  ethernet,
  ethTypeTrans,
  IFF_NOARP,
  ipv4,
  netifRx,
  PACKET_HOST,
  Ring,
  SKB_DROP_REASON_IP_INHDR,
  SKB_DROP_REASON_IP_NOT_TRANSLATABLE,
  SKB_DROP_REASON_UNHANDLED_PROTO,
  tcp,
  udp,
} from 'vnet'

/** @typedef {{ params: { plain: boolean }, segments: import('vnet').Ring }} Priv */
/** @typedef {import('vnet').NetDevice<Priv>} Device */

const params = { plain: bool({ default: false, description: 'receive frames without offloads' }) }

/**
 * Makes a frame one that comes back from where it was
 * sent. Returns 0, or the reason for a drop.
 * @param {import('vnet').SkBuff} skb
 * @param {Device} dev
 */
function reflect(skb, dev) {
  if (ethTypeTrans(skb, dev) !== ETH_P_IP) return SKB_DROP_REASON_UNHANDLED_PROTO
  if (skb.pktType !== PACKET_HOST) return SKB_DROP_REASON_IP_NOT_TRANSLATABLE
  if (ipv4.parse(skb.bytes, skb.nh, skb.len - ETH_HLEN) < 0) return SKB_DROP_REASON_IP_INHDR
  ipv4.swapAddresses(skb.bytes, skb.nh)
  ethernet.swapAddresses(skb.bytes, skb.data)
  return 0
}

/**
 * Returns the position of the TCP or UDP header, -1 if the
 * frame has none that is whole.
 * @param {import('vnet').SkBuff} skb
 */
function transportAt({ bytes, nh, tail }) {
  const protocol = ipv4.protocol(bytes, nh)
  const at = nh + ipv4.headerLength(bytes, nh)
  if (ipv4.fragmentOffset(bytes, nh) !== 0) return -1
  if (protocol === ipv4.IPPROTO_TCP && at + tcp.TCP_HLEN <= tail) return at
  return protocol === ipv4.IPPROTO_UDP && at + udp.UDP_HLEN <= tail ? at : -1
}

/**
 * Changes the lowest bit of both ports: 5200 is 5201, and
 * back. Keeps the checksum right.
 * @param {import('vnet').SkBuff} skb
 */
function flipPorts(skb) {
  const { bytes } = skb
  const at = transportAt(skb)
  if (at < 0) return
  const [source, destination] = [udp.sourcePort(bytes, at), udp.destinationPort(bytes, at)]
  udp.setSourcePort(bytes, at, source ^ 1)
  udp.setDestinationPort(bytes, at, destination ^ 1)
  // TODO 2: keep the checksum right.
}

/**
 * Gives the kernel frames that need no offload: as short
 * as a wire takes them, their checksums complete.
 * @param {import('vnet').SkBuff} skb
 * @param {Device} dev
 */
function receivePlain(skb, dev) {
  // TODO 3: cut a frame with a gsoSize into
  // dev.priv.segments.
  // TODO 4: complete the checksum of any other.
  netifRx(skb)
}

/**
 * @param {import('vnet').SkBuff} skb
 * @param {Device} dev
 */
function startXmit(skb, dev) {
  const reason = reflect(skb, dev)
  if (reason !== 0) return skb.drop(reason)
  flipPorts(skb)
  if (dev.priv.params.plain) {
    receivePlain(skb, dev)
  } else {
    netifRx(skb)
  }
}

/** @param {Device} dev */
function setup(dev) {
  dev.netdevOps = { ndoStartXmit: startXmit }
  dev.flags |= IFF_NOARP
  // TODO 1: offer scatter-gather, checksums, and long
  // frames of TCP and UDP.
}

/** @param {{ plain: boolean }} params */
function init(params) {
  // As many frames as 64 KiB can be cut into, with 512
  // bytes in each.
  const segments = new Ring(128)
  const dev = allocEtherdevMqs({ name: 'off%d', setup, priv: { params, segments } })
  return [{ dev, addresses: ['198.18.0.1/24'] }]
}

export const driver = defineDriver({
  name: 'offloads',
  description: 'a mirror that flips ports',
  params,
  init,
})
