/**
 * What happens on the host's side, turned into the driver's ndo calls: dev_open, dev_close, dev_set_mtu,
 * dev_set_mac_address, dev_set_rx_mode (net/core/dev.c).
 *
 * The kernel asks the driver before it changes an MTU or an address. Here the host has changed it already when we hear of
 * it, so a change that the driver refuses is undone and logged.
 */
import { EINVAL, errnoName } from './errno.ts'
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
import { callNdo, notify, request } from './ndo.ts'
import type { NetDevice } from './net-device.ts'
import type { LinkChange, LinkState } from './port.ts'

const RESTRICTED =
  'without CAP_SYS_ADMIN its multicast groups and its speed stay as they were: --keep-privileges follows them'

/** Takes over what the host says of an interface, for a device that is just being registered. It counts as down. */
export function adoptLink(dev: NetDevice, link: LinkState): void {
  dev.flags = link.flags & ~IFF_UP
  if ((dev.flags & IFF_DEBUG) !== 0) dev.msgEnable = NETIF_MSG_FRAMES
  dev.mtu = link.mtu
  dev.txQueueLen = link.txQueueLen
  dev.mc = link.multicast
  dev.addresses = link.addresses
  dev.devAddr.set(link.address)
}

/** One change of the host's; `gone` is for registering to answer. */
export function linkChanged(dev: NetDevice, change: Exclude<LinkChange, { kind: 'gone' }>): void {
  switch (change.kind) {
    case 'up':
      openDevice(dev)
      break
    case 'down':
      closeDevice(dev)
      break
    case 'mtu':
      mtuChanged(dev, change.mtu)
      break
    case 'address':
      addressChanged(dev, change.address)
      break
    case 'flags':
      flagsChanged(dev, change.flags)
      break
    case 'multicast':
      dev.mc = change.multicast
      setRxMode(dev)
      break
    case 'addresses':
      dev.addresses = change.addresses
      break
    case 'txqueuelen':
      dev.txQueueLen = change.txQueueLen
      break
    case 'renamed':
      dev.log.info(`renamed to ${change.name}`)
      dev.rename(change.name)
      notify(dev, NETDEV_CHANGENAME)
      break
    case 'moved':
      dev.log.info(`moved to another network namespace, there ${change.name}`)
      if (change.restricted) dev.log.warn(RESTRICTED)
      dev.rename(change.name)
      dev.ifindex = change.ifindex
      notify(dev, NETDEV_CHANGENAME)
  }
}

/** __dev_open: the interface is up; one that the driver does not want to open is taken down again. */
export function openDevice(dev: NetDevice): void {
  const error =
    callNdo(dev, 'ndoValidateAddr', () => dev.netdevOps.ndoValidateAddr?.(dev)) ||
    callNdo(dev, 'ndoOpen', () => dev.netdevOps.ndoOpen?.(dev))
  if (error !== 0) {
    dev.log.err(`ndo_open failed: ${errnoName(error)}; taking the link down again`)
    request(dev, { up: false })
    return
  }
  dev.flags |= IFF_UP
  setRxMode(dev)
  for (const txq of dev.tx) txq.activate()
  dev.log.info('device opened')
  notify(dev, NETDEV_UP)
}

/** __dev_close: the interface is down, or about to go. Frames on their way are dropped and counted. */
export function closeDevice(dev: NetDevice): void {
  if ((dev.flags & IFF_UP) === 0) return
  dev.flags &= ~IFF_UP
  dev.watchdog.down()
  // Before ndoStop, which may wake a queue: the driver is given no frame while it closes. After it once more, for what could
  // not be read as long as the driver had all the slots.
  for (const txq of dev.tx) txq.deactivate()
  callNdo(dev, 'ndoStop', () => dev.netdevOps.ndoStop?.(dev))
  for (const txq of dev.tx) txq.deactivate()
  dev.net.flush()
  dev.purge()
  dev.log.info('device closed')
  notify(dev, NETDEV_DOWN)
}

/** dev_set_rx_mode: of a device that is down it is done when it is opened. */
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
  notify(dev, NETDEV_CHANGE)
}

function mtuChanged(dev: NetDevice, mtu: number): void {
  // Also what comes back when a change is undone.
  if (mtu === dev.mtu) return
  const fits = mtu >= dev.minMtu && mtu <= dev.maxMtu
  const error = fits ? callNdo(dev, 'ndoChangeMtu', () => dev.netdevOps.ndoChangeMtu?.(dev, mtu)) : -EINVAL
  if (error !== 0) {
    dev.log.warn(`MTU ${mtu} refused by the driver: ${errnoName(error)}; back to ${dev.mtu}`)
    request(dev, { mtu: dev.mtu })
    return
  }
  dev.mtu = mtu
  notify(dev, NETDEV_CHANGEMTU)
}

function addressChanged(dev: NetDevice, address: Uint8Array): void {
  if (address.every((octet, i) => octet === dev.devAddr[i])) return
  const error = callNdo(dev, 'ndoSetMacAddress', () => dev.netdevOps.ndoSetMacAddress?.(dev, address))
  if (error !== 0) {
    dev.log.warn(`hardware address refused by the driver: ${errnoName(error)}; back to the former one`)
    request(dev, { address: dev.devAddr.slice() })
    return
  }
  dev.devAddr.set(address)
  notify(dev, NETDEV_CHANGEADDR)
}
