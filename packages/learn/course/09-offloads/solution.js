// @ts-check
import {
  allocEtherdevMqs,
  bool,
  CHECKSUM_PARTIAL,
  checksum,
  defineDriver,
  ETH_HLEN,
  ETH_P_IP,
  ethernet,
  ethTypeTrans,
  IFF_NOARP,
  ipv4,
  NETIF_F_GSO_UDP_L4,
  NETIF_F_HW_CSUM,
  NETIF_F_SG,
  NETIF_F_TSO,
  netifRx,
  PACKET_HOST,
  Ring,
  SKB_DROP_REASON_IP_INHDR,
  SKB_DROP_REASON_IP_NOT_TRANSLATABLE,
  SKB_DROP_REASON_SKB_CSUM,
  SKB_DROP_REASON_UNHANDLED_PROTO,
  skbChecksumHelp,
  skbGsoSegment,
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
  // #skeleton const { bytes } = skb
  const { bytes, nh } = skb
  // #end
  const at = transportAt(skb)
  if (at < 0) return
  const [source, destination] = [udp.sourcePort(bytes, at), udp.destinationPort(bytes, at)]
  udp.setSourcePort(bytes, at, source ^ 1)
  udp.setDestinationPort(bytes, at, destination ^ 1)
  // #todo 2: keep the checksum right.
  if (skb.ipSummed === CHECKSUM_PARTIAL) return
  const isTcp = ipv4.protocol(bytes, nh) === ipv4.IPPROTO_TCP
  const old = isTcp ? tcp.checksum(bytes, at) : udp.checksum(bytes, at)
  if (!isTcp && old === 0) return
  const half = checksum.checksumUpdate(old, source, source ^ 1)
  const check = checksum.checksumUpdate(half, destination, destination ^ 1)
  if (isTcp) {
    tcp.setChecksum(bytes, at, check)
  } else {
    udp.setChecksum(bytes, at, check === 0 ? 0xffff : check)
  }
  // #end
}

/**
 * Gives the kernel frames that need no offload: as short
 * as a wire takes them, their checksums complete.
 * @param {import('vnet').SkBuff} skb
 * @param {Device} dev
 */
function receivePlain(skb, dev) {
  // #todo 3: cut a frame with a gsoSize into
  // #skeleton // dev.priv.segments.
  // #todo 4: complete the checksum of any other.
  // #skeleton netifRx(skb)
  const { segments } = dev.priv
  if (skb.gsoSize === 0) {
    if (skbChecksumHelp(skb)) {
      netifRx(skb)
    } else {
      skb.drop(SKB_DROP_REASON_SKB_CSUM)
    }
    return
  }
  const n = skbGsoSegment(skb, segments)
  if (n < 0) return skb.drop(-n)
  for (let segment = segments.shift(); segment !== undefined; segment = segments.shift()) {
    netifRx(segment)
  }
  // #end
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
  // #todo 1: offer scatter-gather, checksums, and long
  // #skeleton // frames of TCP and UDP.
  dev.features = NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_TSO | NETIF_F_GSO_UDP_L4
  // #end
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
