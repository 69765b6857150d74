/**
 * A device's life on a Net: register_netdev, dev_open, dev_close, unregister_netdev (net/core/dev.c), and the host's
 * changes in between, each turned into the driver's ndo call.
 *
 * The kernel asks the driver before it changes an MTU or an address. Here the host has changed it already when we hear of
 * it, so a change that the driver refuses is undone and logged.
 */

import { EBADFD, EINVAL, EIO, errnoName, isErrno, VnetError } from './errno.ts'
import { describeException } from './exception.ts'
import { netdevFixFeatures } from './features.ts'
import {
  IFF_NOARP,
  IFF_UP,
  NETDEV_CHANGE,
  NETDEV_CHANGEADDR,
  NETDEV_CHANGEMTU,
  NETDEV_CHANGENAME,
  NETDEV_DOWN,
  NETDEV_POST_INIT,
  NETDEV_REGISTER,
  NETDEV_UNREGISTER,
  NETDEV_UP,
  NETREG_REGISTERED,
  NETREG_UNINITIALIZED,
  NETREG_UNREGISTERED,
  NETREG_UNREGISTERING,
} from './if.ts'
import type { Net } from './net.ts'
import type { NetDevice } from './net-device.ts'
import type { Errno } from './ops.ts'
import type { LinkChange, LinkRequest, PortSpec } from './port.ts'

/** Where and how a device's interface is made; what is left out follows the device. */
export type RegisterOptions = Pick<PortSpec, 'netns' | 'persist' | 'owner' | 'group'>

/**
 * register_netdev: makes the interface and joins the device to it, down. Rejects with a VnetError, everything undone,
 * when a step fails. What it gives unregisters the device, if it still is registered, when disposed of.
 */
export async function registerNetdev<Priv>(
  dev: NetDevice<Priv>,
  net: Net,
  options: RegisterOptions = {},
): Promise<AsyncDisposable> {
  if (dev.regState !== NETREG_UNINITIALIZED) {
    throw new VnetError(EINVAL, `register_netdev ${dev.name}`, 'a device is registered once')
  }
  const slots = dev.enlist(net)
  const undo: (() => void | Promise<void>)[] = [() => dev.discharge()]
  try {
    succeed(
      call(dev, 'ndoInit', () => dev.netdevOps.ndoInit?.(dev)),
      `ndo_init of ${dev.name}`,
    )
    undo.push(() => uninit(dev), asBefore(dev))
    const features = netdevFixFeatures(dev.features, text => net.log.named(dev.name).info(text))
    const port = await net.host.open({ ...options, name: dev.name, queues: dev.numTxQueues, features, slots })
    undo.push(async () => {
      // What is gone does not stay anyway.
      if (options.persist && port.created) await port.apply({ persist: false }).catch(() => {})
      await port.close()
    })
    dev.rename(port.link.name)
    dev.ifindex = port.link.ifindex
    dev.features = port.features
    await port.apply({ ...(port.created ? wanted(dev) : needed(dev)), ...(dev.carrier ? {} : { carrier: false }) })
    const { link } = port
    dev.flags = link.flags & ~IFF_UP
    dev.mtu = link.mtu
    dev.txQueueLen = link.txQueueLen
    dev.devAddr.set(link.address)
    succeed(net.callNetdeviceNotifiers(NETDEV_POST_INIT, dev), `netdevice notifier for ${dev.name}`)
    succeed(net.callNetdeviceNotifiers(NETDEV_REGISTER, dev), `netdevice notifier for ${dev.name}`)
    dev.attach(port, () => gone(dev))
    port.onChange(change => linkChanged(dev, change))
  } catch (error) {
    for (const step of undo.reverse()) await step()
    throw error
  }
  dev.regState = NETREG_REGISTERED
  net.devices.push(dev)
  if (((dev.port?.link.flags ?? 0) & IFF_UP) !== 0) open(dev)
  return {
    async [Symbol.asyncDispose]() {
      if (dev.regState === NETREG_REGISTERED) await unregister(dev)
    },
  }
}

/** unregister_netdev: stops the device, tells the notifiers, and takes the interface away. EINVAL when it is not registered. */
export async function unregisterNetdev<Priv>(dev: NetDevice<Priv>): Promise<void> {
  if (dev.regState !== NETREG_REGISTERED) {
    throw new VnetError(EINVAL, `unregister_netdev ${dev.name}`, 'it is not registered')
  }
  await unregister(dev)
}

/** dev_open: brings the interface up; settles after ndoOpen ran. EIO when the driver refused, with the reason in the log. */
export async function devOpen<Priv>(dev: NetDevice<Priv>): Promise<void> {
  await dev.port?.apply({ up: true })
  if ((dev.flags & IFF_UP) === 0)
    throw new VnetError(EIO, `dev_open ${dev.name}`, 'the driver refused, for the reason logged')
}

/** dev_close: brings the interface down; settles after ndoStop ran. */
export async function devClose<Priv>(dev: NetDevice<Priv>): Promise<void> {
  await dev.port?.apply({ up: false })
}

/** What is there already stays as it is, but for what the driver cannot do without: one without ARP never answers any. */
function needed(dev: NetDevice): LinkRequest {
  return (dev.flags & IFF_NOARP) === 0 ? {} : { noarp: true }
}

function wanted(dev: NetDevice): LinkRequest {
  const address = dev.devAddr.some(octet => octet !== 0)
  return {
    mtu: dev.mtu,
    txQueueLen: dev.txQueueLen,
    noarp: (dev.flags & IFF_NOARP) !== 0,
    ...(address ? { address: dev.devAddr.slice() } : {}),
  }
}

/** How to give a device back the fields that the host's take the place of. */
function asBefore(dev: NetDevice): () => void {
  const { name, ifindex, flags, features, mtu, txQueueLen } = dev
  const address = dev.devAddr.slice()
  return () => {
    Object.assign(dev, { ifindex, flags, features, mtu, txQueueLen })
    dev.devAddr.set(address)
    dev.rename(name)
  }
}

async function unregister(dev: NetDevice): Promise<void> {
  const { net, port } = dev
  dev.regState = NETREG_UNREGISTERING
  if ((dev.flags & IFF_UP) !== 0) stop(dev)
  net.devices.splice(net.devices.indexOf(dev), 1)
  net.callNetdeviceNotifiers(NETDEV_UNREGISTER, dev)
  uninit(dev)
  dev.discharge()
  await port?.close()
  dev.regState = NETREG_UNREGISTERED
}

/** The interface was deleted from outside: as unregistered, but there is nothing left to take away. */
function gone(dev: NetDevice): void {
  if (dev.regState !== NETREG_REGISTERED) return
  dev.log.warn('interface was deleted from outside')
  void unregister(dev)
}

function linkChanged(dev: NetDevice, change: LinkChange): void {
  switch (change.kind) {
    case 'up':
      open(dev)
      break
    case 'down':
      stop(dev)
      break
    case 'gone':
      gone(dev)
      break
    case 'mtu':
      mtuChanged(dev, change.mtu)
      break
    case 'address':
      addressChanged(dev, change.address)
      break
    case 'flags':
      dev.flags = (change.flags & ~IFF_UP) | (dev.flags & IFF_UP)
      call(dev, 'ndoSetRxMode', () => dev.netdevOps.ndoSetRxMode?.(dev))
      notify(dev, NETDEV_CHANGE)
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
      dev.rename(change.name)
      dev.ifindex = change.ifindex
  }
}

function open(dev: NetDevice): void {
  const error =
    call(dev, 'ndoValidateAddr', () => dev.netdevOps.ndoValidateAddr?.(dev)) ||
    call(dev, 'ndoOpen', () => dev.netdevOps.ndoOpen?.(dev))
  if (error !== 0) {
    dev.log.err(`ndo_open failed: ${errnoName(error)}; taking the link down again`)
    request(dev, { up: false })
    return
  }
  dev.flags |= IFF_UP
  for (const txq of dev.tx) txq.activate()
  dev.log.info('device opened')
  notify(dev, NETDEV_UP)
}

function stop(dev: NetDevice): void {
  if ((dev.flags & IFF_UP) === 0) return
  dev.flags &= ~IFF_UP
  call(dev, 'ndoStop', () => dev.netdevOps.ndoStop?.(dev))
  for (const txq of dev.tx) txq.deactivate()
  dev.net.flush()
  dev.purge()
  dev.log.info('device closed')
  notify(dev, NETDEV_DOWN)
}

function uninit(dev: NetDevice): void {
  call(dev, 'ndoUninit', () => dev.netdevOps.ndoUninit?.(dev))
}

function mtuChanged(dev: NetDevice, mtu: number): void {
  // Also what comes back when a change is undone.
  if (mtu === dev.mtu) return
  const fits = mtu >= dev.minMtu && mtu <= dev.maxMtu
  const error = fits ? call(dev, 'ndoChangeMtu', () => dev.netdevOps.ndoChangeMtu?.(dev, mtu)) : -EINVAL
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
  const error = call(dev, 'ndoSetMacAddress', () => dev.netdevOps.ndoSetMacAddress?.(dev, address))
  if (error !== 0) {
    dev.log.warn(`hardware address refused by the driver: ${errnoName(error)}; back to the former one`)
    request(dev, { address: dev.devAddr.slice() })
    return
  }
  dev.devAddr.set(address)
  notify(dev, NETDEV_CHANGEADDR)
}

/** Asks the host for a change that nobody waits for. An interface that is gone needs none: that it is gone is said apart. */
export function request(dev: NetDevice, change: LinkRequest): void {
  dev.port?.apply(change).catch(error => {
    if (!isErrno(error, EBADFD)) dev.log.err(error instanceof Error ? error.message : String(error))
  })
}

function notify(dev: NetDevice, event: number): void {
  dev.net.callNetdeviceNotifiers(event, dev)
}

/** Runs one of the driver's operations: 0 or a negative errno, also when it throws or answers nonsense. */
function call(dev: NetDevice, op: string, fn: () => Errno): number {
  try {
    const answer: unknown = fn() ?? 0
    if (typeof answer === 'number' && answer <= 0) return answer
    dev.logException(op, `answered ${describeException(answer)} where 0 or a negative errno is needed`)
    return -EIO
  } catch (error) {
    dev.logException(op, error)
    return -EIO
  }
}

function succeed(answer: number, what: string): void {
  if (answer < 0) throw new VnetError(-answer, what)
}
