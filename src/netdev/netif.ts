/** netif_rx, eth_type_trans, dev_open, carriers, queues (net/core/dev.c, net/ethernet/eth.c). */
import { EIO, ENODEV, VnetError } from '../base/errno.ts'
import * as ethernet from '../packet/ethernet.ts'
import { get16 } from '../packet/octets.ts'
import {
  handedOn,
  OWNER_HOLDER,
  OWNER_PORT,
  Ring,
  SKB_DROP_REASON_SKB_CSUM,
  skbPanic,
} from '../skb/index.ts'
import type { SkBuff } from '../skb/sk-buff.ts'
import {
  CHECKSUM_PARTIAL,
  PACKET_BROADCAST,
  PACKET_HOST,
  PACKET_MULTICAST,
  PACKET_OTHERHOST,
} from '../skb/sk-buff.ts'
import type { FrameOrigin } from './gate.ts'
import { canOffload, skbChecksumHelp, skbGsoSegment } from './gso.ts'
import {
  ETH_HLEN,
  IFF_UP,
  NETDEV_CHANGE,
  NETIF_MSG_LINK,
  NETIF_MSG_PKTDATA,
  NETREG_REGISTERED,
} from './if.ts'
import { callNdo, request } from './ndo.ts'
import type { NetDevice } from './net-device.ts'

/**
 * (4) netif_rx: gives a frame to the kernel, which receives it on `skb.dev`, on the queue it came
 * from, after the current batch. Offloads that the receiving side lacks are done here first.
 */
export function netifRx(skb: SkBuff): void {
  const dev = skb.dev as NetDevice | undefined
  if (skb.owner < OWNER_HOLDER || dev === undefined) throw notReceivable(skb, netifRx)
  skb.owner = OWNER_PORT
  receive(skb, dev, 'driver')
}

/** Like netifRx, for vnet's own code, which is not a driver. */
export function netifRxFrom(skb: SkBuff, from: FrameOrigin): void {
  const dev = skb.dev as NetDevice | undefined
  if (skb.owner < OWNER_HOLDER || dev === undefined) throw notReceivable(skb, netifRxFrom)
  skb.owner = OWNER_PORT
  receive(skb, dev, from)
}

function receive(skb: SkBuff, dev: NetDevice, from: FrameOrigin): void {
  if ((dev.msgEnable & NETIF_MSG_PKTDATA) !== 0) {
    dev.logFrame('rx', skb)
  }
  const { gate } = dev
  if (gate !== undefined) {
    gate.received(skb, from)
  } else {
    netifRxNow(skb, dev)
  }
}

/** The rest of netifRx, after the frame has waited at the step gate. */
export function netifRxNow(skb: SkBuff, dev: NetDevice): void {
  if ((skb.ipSummed === CHECKSUM_PARTIAL || skb.gsoSize !== 0) && !canOffload(skb, dev.features)) {
    finish(skb, dev)
  } else {
    dev.receive(skb)
  }
}

/** Drops a frame that `dev` was about to receive: it is counted there, on the receive side. */
export function netifRxDrop(skb: SkBuff, dev: NetDevice, reason: number): void {
  if (skb.owner < OWNER_HOLDER) throw handedOn(skb.owner, netifRxDrop, 'netif_rx')
  skb.dev = dev
  skb.owner = OWNER_PORT
  skb.drop(reason)
}

function notReceivable({ owner }: SkBuff, called: typeof netifRx | typeof netifRxFrom): Error {
  if (owner < OWNER_HOLDER) return handedOn(owner, called, 'netif_rx')
  const why = 'set skb.dev; if a ring had it, it was freed meanwhile'
  return skbPanic('netif_rx of a frame that is on no device', called, why)
}

/** Completes checksums and cuts GSO frames in software, for a receiving side without offloads. */
function finish(skb: SkBuff, dev: NetDevice): void {
  if (dev.port === undefined) {
    // Drops it: segments need a Net.
    dev.receive(skb)
    return
  }
  if (skb.gsoSize === 0) {
    if (skbChecksumHelp(skb)) {
      dev.receive(skb)
    } else {
      skb.drop(SKB_DROP_REASON_SKB_CSUM)
    }
    return
  }
  // A full receive queue is written out, and code that then runs may cut another frame meanwhile.
  const { segments: usual } = dev.net
  const segments = usual.length === 0 ? usual : new Ring(usual.capacity)
  const { queueMapping } = skb
  const n = skbGsoSegment(skb, segments)
  if (n < 0) {
    skb.drop(-n)
    return
  }
  dev.counters.madeFrom(queueMapping, n - 1)
  for (let segment = segments.shift(); segment !== undefined; segment = segments.shift()) {
    dev.receive(segment)
  }
}

/**
 * eth_type_trans: reads the link header, and sets `skb.mac`, `skb.nh`, `skb.pktType` by the
 * destination, and `skb.protocol`, which it returns: the EtherType in host order, ETH_P_802_2 or
 * ETH_P_802_3 for a frame that has a length instead, 0 without a whole header. Unlike the kernel's
 * it leaves the header on, since a port takes whole frames. The caller still owns the frame.
 */
export function ethTypeTrans(skb: SkBuff, dev: NetDevice): number {
  if (skb.owner < OWNER_HOLDER) throw handedOn(skb.owner, ethTypeTrans, 'eth_type_trans')
  const { bytes, data } = skb
  skb.mac = data
  skb.nh = data + ETH_HLEN
  const type = skb.len < ETH_HLEN ? 0 : ethernet.etherType(bytes, data)
  skb.protocol = type < ethernet.ETH_P_802_3_MIN ? lengthProtocol(skb) : type
  skb.pktType = packetType(bytes, data, dev)
  return skb.protocol
}

/** A frame with a length is LLC, except Novell's IPX, which starts with a checksum of all ones. */
function lengthProtocol({ bytes, data, len }: SkBuff): number {
  if (len < ETH_HLEN) return 0
  return len >= ETH_HLEN + 2 && get16(bytes, data + ETH_HLEN) === 0xffff
    ? ethernet.ETH_P_802_3
    : ethernet.ETH_P_802_2
}

function packetType(bytes: Uint8Array, data: number, dev: NetDevice): number {
  if (!ethernet.isMulticastAddress(bytes, data)) {
    return ethernet.isSameAddress(bytes, data, dev.devAddr) ? PACKET_HOST : PACKET_OTHERHOST
  }
  return ethernet.isSameAddress(bytes, data, dev.broadcast) ? PACKET_BROADCAST : PACKET_MULTICAST
}

/**
 * dev_open: brings the interface up and settles after ndoOpen ran. Rejects with a VnetError: ENODEV
 * if the device is not registered, EBADFD if its interface is deleted meanwhile, EIO if the driver
 * refused, with the reason in the log.
 */
export async function devOpen<Priv>(dev: NetDevice<Priv>): Promise<void> {
  if (dev.port === undefined) {
    throw new VnetError(ENODEV, ['dev_open', dev.name], 'it is not registered')
  }
  await dev.port.apply({ up: true })
  if ((dev.flags & IFF_UP) === 0) {
    throw new VnetError(EIO, ['dev_open', dev.name], 'the driver refused, for the reason logged')
  }
}

/**
 * dev_close: brings the interface down and settles after ndoStop ran, or immediately if the device
 * is not registered. Rejects with EBADFD if its interface is deleted meanwhile.
 */
export async function devClose<Priv>(dev: NetDevice<Priv>): Promise<void> {
  await dev.port?.apply({ up: false })
}

/** netif_carrier_on: the link has a signal; shows LOWER_UP, unless the cable is cut. */
export function netifCarrierOn(dev: NetDevice): void {
  dev.driverCarrier = true
  updateCarrier(dev)
}

/** netif_carrier_off: no signal; the interface shows NO-CARRIER, and the kernel sends nothing. */
export function netifCarrierOff(dev: NetDevice): void {
  dev.driverCarrier = false
  updateCarrier(dev)
}

/** netif_carrier_ok: true if the link has a signal. */
export function netifCarrierOk(dev: NetDevice): boolean {
  return dev.carrier
}

/**
 * Pulls the cable out of a device: it and its peer (ndoGetPeerDev) have no carrier until plugCable.
 * The kernel drops new frames; frames that it had queued are dropped as TX_CARRIER. Changes of the
 * drivers' carriers meanwhile take effect then. `cause` is logged. The kernel has no such function.
 */
export function cutCable(dev: NetDevice, cause?: string): void {
  setCut(dev, true, cause)
}

/** Puts the cable in again, at both ends. `cause` is logged. */
export function plugCable(dev: NetDevice, cause?: string): void {
  setCut(dev, false, cause)
}

function setCut(dev: NetDevice, cut: boolean, cause: string | undefined): void {
  const what = (cut ? 'cable cut' : 'cable plugged in') + (cause === undefined ? '' : ` (${cause})`)
  const ends = [dev, peerOf(dev)].filter(end => end !== undefined && end.cut !== cut) as NetDevice[]
  for (const end of ends) {
    end.cut = cut
  }
  for (const end of ends) {
    if (end.regState === NETREG_REGISTERED) {
      end.log.info(what)
    }
    callNdo(end, 'ndoCableChanged', () => end.netdevOps.ndoCableChanged?.(end))
    if (!updateCarrier(end)) {
      stateChange(end)
    }
  }
}

/** Returns the device at the other end of the cable, if the driver returns one (ndoGetPeerDev). */
export function peerOf(dev: NetDevice): NetDevice | undefined {
  try {
    return dev.netdevOps.ndoGetPeerDev?.(dev)
  } catch (error) {
    dev.logException('ndoGetPeerDev', error)
    return undefined
  }
}

/** Returns true if the carrier changed. */
function updateCarrier(dev: NetDevice): boolean {
  const carrier = dev.driverCarrier && (!dev.cut || dev.netdevOps.keepsCarrier === true)
  if (dev.carrier === carrier) return false
  dev.carrier = carrier
  if ((dev.msgEnable & NETIF_MSG_LINK) !== 0) {
    dev.logEvent(`carrier ${carrier ? 'on' : 'off'}`)
  }
  request(dev, { carrier })
  stateChange(dev)
  return true
}

/** netdev_state_change */
function stateChange(dev: NetDevice): void {
  if (dev.regState === NETREG_REGISTERED) {
    dev.net.callNetdeviceNotifiers(NETDEV_CHANGE, dev)
  }
}

/** netif_device_present: true if it is registered, so that its interface exists. */
export function netifDevicePresent(dev: NetDevice): boolean {
  return dev.regState === NETREG_REGISTERED
}

/** netif_running: true if the interface is up and the driver has opened it. */
export function netifRunning(dev: NetDevice): boolean {
  return (dev.flags & IFF_UP) !== 0
}

/** netif_tx_start_all_queues: lets the driver be given frames of every queue. */
export function netifTxStartAllQueues(dev: NetDevice): void {
  for (const txq of dev.tx) {
    txq.start()
  }
}

/** netif_tx_stop_all_queues: gives the driver no more frames until the queues are woken. */
export function netifTxStopAllQueues(dev: NetDevice): void {
  for (const txq of dev.tx) {
    txq.stop()
  }
}

/** netif_tx_wake_all_queues: starts every queue again, with the frames that it kept. */
export function netifTxWakeAllQueues(dev: NetDevice): void {
  for (const txq of dev.tx) {
    txq.wake()
  }
}
