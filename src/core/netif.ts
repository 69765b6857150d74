/**
 * What a driver calls: netif_rx, the carrier, all queues at once, eth_type_trans (net/core/dev.c, net/ethernet/eth.c).
 */
import {
  ETH_P_802_2,
  ETH_P_802_3,
  ETH_P_802_3_MIN,
  etherType,
  isMulticastAddress,
  isSameAddress,
} from '../header/ethernet.ts'
import { get16 } from '../header/octets.ts'
import { SKB_DROP_REASON_SKB_CSUM } from '../skb/drop-reason.ts'
import { skbPanic } from '../skb/error.ts'
import {
  CHECKSUM_PARTIAL,
  OWNER_FREE,
  OWNER_RX,
  PACKET_BROADCAST,
  PACKET_HOST,
  PACKET_MULTICAST,
  PACKET_OTHERHOST,
  SKB_GSO_TCPV4,
  SKB_GSO_TCPV6,
  SKB_GSO_UDP_L4,
  type SkBuff,
} from '../skb/sk-buff.ts'
import { skbChecksumHelp, skbGsoSegment } from './gso.ts'
import {
  ETH_HLEN,
  IFF_UP,
  NETIF_F_CSUM_MASK,
  NETIF_F_GSO_UDP_L4,
  NETIF_F_TSO,
  NETIF_F_TSO6,
  NETIF_MSG_PKTDATA,
  NETREG_REGISTERED,
} from './if.ts'
import { logFrame } from './log-frame.ts'
import { request } from './ndo.ts'
import type { NetDevice } from './net-device.ts'

/**
 * netif_rx: hands a frame to the host by `skb.dev`, on the queue it came from; it is written once the poll that runs is
 * through its batch. What the receiving side has no offload for is done here first.
 */
export function netifRx(skb: SkBuff): void {
  const dev = skb.dev as NetDevice | undefined
  if (skb.owner === OWNER_FREE || skb.owner === OWNER_RX || dev === undefined) throw notReceivable(skb)
  skb.owner = OWNER_RX
  if ((dev.msgEnable & NETIF_MSG_PKTDATA) !== 0) logFrame(dev, 'rx', skb)
  if ((skb.ipSummed === CHECKSUM_PARTIAL || skb.gsoSize !== 0) && !canOffload(skb, dev.features)) finish(skb, dev)
  else dev.receive(skb)
}

/** Drops a frame that was on its way to the host by `dev`: it counts there, on the receive side. */
export function netifRxDrop(skb: SkBuff, dev: NetDevice, reason: number): void {
  if (skb.owner === OWNER_FREE) throw skbPanic('netif_rx of a freed frame', netifRxDrop)
  skb.dev = dev
  skb.owner = OWNER_RX
  skb.drop(reason)
}

function notReceivable({ owner }: SkBuff): Error {
  if (owner === OWNER_FREE) return skbPanic('netif_rx of a freed frame', netifRx)
  return skbPanic(
    `netif_rx of a frame that ${owner === OWNER_RX ? 'the host was given already' : 'is on no device'}`,
    netifRx,
  )
}

function canOffload(skb: SkBuff, features: number): boolean {
  if ((features & NETIF_F_CSUM_MASK) === 0) return false
  if (skb.gsoSize === 0) return true
  const { gsoType } = skb
  if ((gsoType & SKB_GSO_TCPV4) !== 0) return (features & NETIF_F_TSO) !== 0
  if ((gsoType & SKB_GSO_TCPV6) !== 0) return (features & NETIF_F_TSO6) !== 0
  return (gsoType & SKB_GSO_UDP_L4) !== 0 && (features & NETIF_F_GSO_UDP_L4) !== 0
}

/** Completes checksums and cuts GSO frames in software, for a host side without offloads. */
function finish(skb: SkBuff, dev: NetDevice): void {
  if (dev.port === undefined) {
    // Which drops it: there is no Net to ask for room for segments.
    dev.receive(skb)
    return
  }
  if (skb.gsoSize === 0) {
    if (skbChecksumHelp(skb)) dev.receive(skb)
    else skb.drop(SKB_DROP_REASON_SKB_CSUM)
    return
  }
  const { segments } = dev.net
  const n = skbGsoSegment(skb, segments)
  if (n < 0) {
    skb.drop(-n)
    return
  }
  for (let segment = segments.shift(); segment !== undefined; segment = segments.shift()) dev.receive(segment)
}

/**
 * eth_type_trans: what a receiver learns from the link header: `skb.mac`, `skb.nh`, `pktType` by the destination, and the
 * protocol, which it answers: the EtherType in host order, ETH_P_802_2 or ETH_P_802_3 where a length is in its place, 0
 * without a whole header. Unlike the kernel's it leaves the header on: a port takes whole frames. The frame stays the caller's.
 */
export function ethTypeTrans(skb: SkBuff, dev: NetDevice): number {
  const { bytes, data } = skb
  skb.mac = data
  skb.nh = data + ETH_HLEN
  const type = skb.len < ETH_HLEN ? 0 : etherType(bytes, data)
  skb.protocol = type < ETH_P_802_3_MIN ? lengthProtocol(skb) : type
  skb.pktType = packetType(bytes, data, dev)
  return skb.protocol
}

/** A frame with a length: LLC, but for Novell's, which put IPX with its checksum of all ones straight behind the header. */
function lengthProtocol({ bytes, data, len }: SkBuff): number {
  if (len < ETH_HLEN) return 0
  return len >= ETH_HLEN + 2 && get16(bytes, data + ETH_HLEN) === 0xffff ? ETH_P_802_3 : ETH_P_802_2
}

function packetType(bytes: Uint8Array, data: number, dev: NetDevice): number {
  if (!isMulticastAddress(bytes, data)) {
    return isSameAddress(bytes, data, dev.devAddr) ? PACKET_HOST : PACKET_OTHERHOST
  }
  return isSameAddress(bytes, data, dev.broadcast) ? PACKET_BROADCAST : PACKET_MULTICAST
}

/** netif_carrier_on: the link has a signal; the host sees LOWER_UP. */
export function netifCarrierOn(dev: NetDevice): void {
  setCarrier(dev, true)
}

/** netif_carrier_off: the link lost its signal; the host sees NO-CARRIER and sends nothing. */
export function netifCarrierOff(dev: NetDevice): void {
  setCarrier(dev, false)
}

/** netif_carrier_ok */
export function netifCarrierOk(dev: NetDevice): boolean {
  return dev.carrier
}

function setCarrier(dev: NetDevice, carrier: boolean): void {
  if (dev.carrier === carrier) return
  dev.carrier = carrier
  request(dev, { carrier })
}

/** netif_device_present: it is registered, so its interface is there. */
export function netifDevicePresent(dev: NetDevice): boolean {
  return dev.regState === NETREG_REGISTERED
}

/** netif_running: the interface is up and the driver opened it. */
export function netifRunning(dev: NetDevice): boolean {
  return (dev.flags & IFF_UP) !== 0
}

/** netif_tx_start_all_queues */
export function netifTxStartAllQueues(dev: NetDevice): void {
  for (const txq of dev.tx) txq.start()
}

/** netif_tx_stop_all_queues */
export function netifTxStopAllQueues(dev: NetDevice): void {
  for (const txq of dev.tx) txq.stop()
}

/** netif_tx_wake_all_queues */
export function netifTxWakeAllQueues(dev: NetDevice): void {
  for (const txq of dev.tx) txq.wake()
}
