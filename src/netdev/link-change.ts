/**
 * Changes of an interface, turned into the driver's ndo calls: dev_open, dev_close, dev_set_mtu,
 * dev_set_mac_address, dev_set_rx_mode (net/core/dev.c).
 *
 * The kernel calls a driver before it changes an MTU or an address. Here the interface has changed
 * already when the device is notified, so a change that the driver refuses is undone and logged.
 */
import { EINVAL, errnoName, VnetError } from '../base/errno.ts'
import { sameBytes } from '../packet/address.ts'
import {
  IFF_DEBUG,
  IFF_UP,
  NETDEV_CHANGE,
  NETDEV_CHANGEADDR,
  NETDEV_CHANGEMTU,
  NETDEV_CHANGENAME,
  NETDEV_DOWN,
  NETDEV_UP,
  NETIF_MSG_FRAMES,
} from './if.ts'
import { callNdo, request } from './ndo.ts'
import type { NetDevice } from './net-device.ts'
import type { LinkChange, LinkState } from './port.ts'

const RESTRICTED =
  'without CAP_SYS_ADMIN its multicast groups and its speed stay as they were: --keep-privileges follows them'

/** Sets the fields of a device that is being registered from its interface. It counts as down. */
export function adoptLink(dev: NetDevice, link: LinkState): void {
  dev.flags = link.flags & ~IFF_UP
  if ((dev.flags & IFF_DEBUG) !== 0) {
    dev.msgEnable = NETIF_MSG_FRAMES
  }
  dev.mtu = link.mtu
  dev.txQueueLen = link.txQueueLen
  dev.mc = link.multicast
  dev.addresses = link.addresses
  dev.devAddr.set(link.address)
}

/** Handles one change; `gone` is for register.ts. */
export function linkChanged(dev: NetDevice, change: Exclude<LinkChange, { kind: 'gone' }>): void {
  if (change.kind === 'up') {
    openDevice(dev)
  } else if (change.kind === 'down') {
    closeDevice(dev)
  } else if (change.kind === 'mtu') {
    mtuChanged(dev, change.mtu)
  } else if (change.kind === 'address') {
    addressChanged(dev, change.address)
  } else if (change.kind === 'flags') {
    flagsChanged(dev, change.flags)
  } else if (change.kind === 'addresses') {
    dev.addresses = change.addresses
  } else if (change.kind === 'txqueuelen') {
    dev.txQueueLen = change.txQueueLen
  } else if (change.kind === 'multicast') {
    dev.mc = change.multicast
    setRxMode(dev)
  } else if (change.kind === 'renamed' && dev.ifindex !== dev.port?.link.ifindex) {
    // The device has the name of another interface, which it serves (attach/attachment.ts).
    dev.changeLog.info('its TAP was renamed to', `its TAP was renamed to ${change.name}`)
  } else if ('name' in change) {
    const isMoved = change.kind === 'moved'
    const what = isMoved ? 'moved to another network namespace, there' : 'renamed to'
    dev.changeLog.info(what, `${what} ${change.name}`)
    if (isMoved && change.restricted) {
      dev.changeLog.warn('moved without CAP_SYS_ADMIN', RESTRICTED)
    }
    dev.rename(change.name)
    if (isMoved) {
      dev.ifindex = change.ifindex
    }
    dev.net.callNetdeviceNotifiers(NETDEV_CHANGENAME, dev)
  }
}

/** __dev_open: the interface is up. If the driver refuses to open it, it is taken down again. */
export function openDevice(dev: NetDevice): void {
  const error =
    callNdo(dev, 'ndoValidateAddr', () => dev.netdevOps.ndoValidateAddr?.(dev)) ||
    callNdo(dev, 'ndoOpen', () => dev.netdevOps.ndoOpen?.(dev))
  if (error !== 0) {
    dev.changeLog.err(
      'ndo_open failed',
      `ndo_open failed: ${errnoName(error)}; taking the link down again`,
    )
    request(dev, { up: false })
    return
  }
  dev.flags |= IFF_UP
  setRxMode(dev)
  for (const txq of dev.tx) {
    txq.activate()
  }
  dev.changeLog.info('device opened', 'device opened')
  dev.net.callNetdeviceNotifiers(NETDEV_UP, dev)
}

/** __dev_close: the link is down or about to go. Frames under way are dropped and counted. */
export function closeDevice(dev: NetDevice): void {
  if ((dev.flags & IFF_UP) === 0) return
  dev.flags &= ~IFF_UP
  dev.watchdog.down()
  // Before ndoStop, which may wake a queue: the driver is given no frame while it closes. After it
  // once more, for frames that could not be read while the driver held all slots.
  for (const txq of dev.tx) {
    txq.deactivate()
  }
  callNdo(dev, 'ndoStop', () => dev.netdevOps.ndoStop?.(dev))
  for (const txq of dev.tx) {
    txq.deactivate()
  }
  dev.net.flush()
  dev.purge()
  dev.changeLog.info('device closed', 'device closed')
  dev.net.callNetdeviceNotifiers(NETDEV_DOWN, dev)
}

/** dev_set_rx_mode: for a device that is down it is done when it is opened. */
function setRxMode(dev: NetDevice): void {
  if ((dev.flags & IFF_UP) === 0) return
  callNdo(dev, 'ndoSetRxMode', () => dev.netdevOps.ndoSetRxMode?.(dev))
}

function flagsChanged(dev: NetDevice, flags: number): void {
  if (((flags ^ dev.flags) & IFF_DEBUG) !== 0) {
    dev.msgEnable = (flags & IFF_DEBUG) !== 0 ? NETIF_MSG_FRAMES : dev.net.msgEnable
  }
  dev.flags = (flags & ~IFF_UP) | (dev.flags & IFF_UP)
  setRxMode(dev)
  dev.net.callNetdeviceNotifiers(NETDEV_CHANGE, dev)
}

/** dev_set_mtu: calls ndoChangeMtu, then changes the interface. Rejects, undone, if one refuses. */
export async function devSetMtu<Priv>(dev: NetDevice<Priv>, mtu: number): Promise<void> {
  const device = dev as NetDevice
  const before = dev.mtu
  const refused = changeMtu(device, mtu)
  if (refused !== 0) {
    const advice = fitsMtu(device, mtu)
      ? 'the driver refused it'
      : `the driver takes ${dev.minMtu} to ${dev.maxMtu}`
    throw new VnetError(refused, `MTU ${mtu} of ${dev.name}`, advice)
  }
  try {
    await dev.port?.apply({ mtu })
  } catch (error) {
    changeMtu(device, before)
    throw error
  }
}

function mtuChanged(dev: NetDevice, mtu: number): void {
  const error = changeMtu(dev, mtu)
  if (error === 0) return
  dev.changeLog.warn(
    'MTU refused',
    `MTU ${mtu} refused by the driver: ${errnoName(error)}; back to ${dev.mtu}`,
  )
  request(dev, { mtu: dev.mtu })
}

/** Returns 0, also for the device's present MTU: undoing a change sets that. */
function changeMtu(dev: NetDevice, mtu: number): number {
  if (mtu === dev.mtu) return 0
  if (!fitsMtu(dev, mtu)) return -EINVAL
  const error = callNdo(dev, 'ndoChangeMtu', () => dev.netdevOps.ndoChangeMtu?.(dev, mtu))
  if (error !== 0) return error
  dev.mtu = mtu
  dev.net.callNetdeviceNotifiers(NETDEV_CHANGEMTU, dev)
  return 0
}

const fitsMtu = ({ minMtu, maxMtu }: NetDevice, mtu: number): boolean =>
  mtu >= minMtu && mtu <= maxMtu

function addressChanged(dev: NetDevice, address: Uint8Array): void {
  if (sameBytes(address, dev.devAddr)) return
  const error = callNdo(dev, 'ndoSetMacAddress', () =>
    dev.netdevOps.ndoSetMacAddress?.(dev, address),
  )
  if (error !== 0) {
    const what = 'hardware address refused'
    dev.changeLog.warn(what, `${what} by the driver: ${errnoName(error)}; back to the former one`)
    request(dev, { address: dev.devAddr.slice() })
    return
  }
  dev.devAddr.set(address)
  dev.net.callNetdeviceNotifiers(NETDEV_CHANGEADDR, dev)
}
