/**
 * A device's life on a Net: register_netdev, unregister_netdev (net/core/dev.c). link-change.ts
 * handles the changes in between.
 */
import { EINVAL, EIO, VnetError } from '../base/errno.ts'
import {
  devValidName,
  IFF_NOARP,
  IFF_UP,
  NETDEV_POST_INIT,
  NETDEV_REGISTER,
  NETDEV_UNREGISTER,
  NETIF_F_CSUM_MASK,
  NETIF_F_GSO,
  NETIF_F_GSO_UDP_L4,
  NETIF_F_HW_CSUM,
  NETIF_F_IP_CSUM,
  NETIF_F_IPV6_CSUM,
  NETIF_F_NO_CSUM,
  NETIF_F_SG,
  NETIF_F_TSO,
  NETIF_F_TSO_ECN,
  NETIF_F_TSO6,
  NETREG_REGISTERED,
  NETREG_UNINITIALIZED,
  NETREG_UNREGISTERED,
  NETREG_UNREGISTERING,
} from './if.ts'
import { adoptLink, closeDevice, linkChanged, openDevice } from './link-change.ts'
import { callNdo } from './ndo.ts'
import type { Net } from './net.ts'
import type { NetDevice } from './net-device.ts'
import { unknownOps } from './ops.ts'
import type { LinkRequest, Port, PortQueue, PortSpec } from './port.ts'
import { RxQueue } from './rx-queue.ts'
import { Watchdog } from './watchdog.ts'

/** How and where a device's interface is made; by default according to the device. */
export type RegisterOptions = Pick<PortSpec, 'netns' | 'persist' | 'owner' | 'group'>

/**
 * register_netdev: makes the interface and joins the device to it, down. The steps are the
 * kernel's, in its order, each logged by its name there. If one fails, the steps before it are
 * undone, the last first, and its VnetError is thrown. One thing differs: a TAP has no index before
 * it exists, so the interface exists from dev_new_index on, and is deleted if a later step fails.
 *
 * Disposing of the result unregisters the device if it is still registered.
 */
export async function registerNetdev<Priv>(
  dev: NetDevice<Priv>,
  net: Net,
  options: RegisterOptions = {},
): Promise<AsyncDisposable> {
  if (dev.regState !== NETREG_UNINITIALIZED) {
    throw new VnetError(EINVAL, `register_netdev ${dev.name}`, 'a device is registered once')
  }
  if (typeof dev.netdevOps.ndoStartXmit !== 'function') {
    throw new VnetError(
      EINVAL,
      `register_netdev ${dev.name}`,
      'dev.netdevOps has no function ndoStartXmit',
    )
  }
  const undo: Undo = []
  const slots = dev.enlist(net)
  undo.push(() => dev.discharge(), asBefore(dev))
  try {
    const pattern = initialize(dev, options, undo)
    const port = await openPort(dev, { ...options, name: pattern, slots }, undo)
    announce(dev, port, undo)
    addQueues(dev, port, undo)
    list(dev, port, undo)
  } catch (error) {
    for (const back of undo.reverse()) {
      try {
        await back()
      } catch (failed) {
        // The first error is the one to report.
        dev.logException('undoing register_netdev', failed)
      }
    }
    throw error
  }
  if (((dev.port?.link.flags ?? 0) & IFF_UP) !== 0) {
    openDevice(dev)
  }
  return {
    async [Symbol.asyncDispose]() {
      if (dev.regState === NETREG_REGISTERED) {
        await unregister(dev)
      }
    },
  }
}

/** Functions that undo the steps so far. If a later step fails, they run, the last first. */
type Undo = (() => void | Promise<void>)[]

/** Names the device, and calls ndoInit. Returns the pattern for the interface's name. */
function initialize(dev: NetDevice, { netns }: RegisterOptions, undo: Undo): string {
  let pattern = allocName(dev, netns)
  const chosen = dev.name
  const error = callNdo(dev, 'ndoInit', () => dev.netdevOps.ndoInit?.(dev))
  succeed(error, `ndo_init of ${chosen}`)
  undo.push(() => uninit(dev))
  step(dev, 'ndo_init')

  if (!devValidName(dev.name)) {
    throw new VnetError(EINVAL, `dev_get_valid_name '${dev.name}'`, 'ndoInit chose that name')
  }
  if (dev.name !== chosen) {
    pattern = allocName(dev, netns)
  }
  step(dev, `dev_get_valid_name: ${dev.name}`)
  for (const line of unknownOps(dev.netdevOps)) {
    dev.log.warn(line)
  }
  return pattern
}

/** Names a device by its name, which may be a pattern such as `eth%d`. Returns the pattern. */
function allocName(dev: NetDevice, netns: string | undefined): string {
  const pattern = dev.name
  dev.rename(dev.net.platform.allocName(pattern, netns))
  step(dev, `dev_alloc_name: ${pattern} is ${dev.name}`)
  return pattern
}

/**
 * Makes the interface. The kernel chooses a name for the pattern once more when it makes it, so
 * that nothing can take the name in between.
 */
async function openPort(
  dev: NetDevice,
  spec: RegisterOptions & Pick<PortSpec, 'name' | 'slots'>,
  undo: Undo,
): Promise<Port> {
  const port = await dev.net.platform.open({
    ...spec,
    queues: dev.numTxQueues,
    features: dev.features,
    carrier: dev.carrier,
    multicastList: dev.netdevOps.ndoSetRxMode !== undefined,
  })
  undo.push(async () => {
    // A deleted interface does not persist anyway.
    if (spec.persist && port.created) {
      await port.apply({ persist: false }).catch(() => {})
    }
    await port.close()
  })
  dev.rename(port.link.name)
  dev.ifindex = port.link.ifindex
  await port.apply(port.created ? wanted(dev) : needed(dev))
  step(dev, `dev_new_index: ifindex ${dev.ifindex}`)

  dev.features = port.setFeatures(netdevFixFeatures(dev.features, text => dev.log.info(text)))
  step(dev, `netdev_fix_features: 0x${dev.features.toString(16)}`)
  return port
}

/** Calls the notifiers, each of which may veto. */
function announce(dev: NetDevice, port: Port, undo: Undo): void {
  const { net } = dev
  adoptLink(dev, port.link)
  succeed(net.callNetdeviceNotifiers(NETDEV_POST_INIT, dev), `netdevice notifier for ${dev.name}`)
  step(dev, 'call_netdevice_notifiers: NETDEV_POST_INIT')
  // A notifier that learned of it also learns of its end, even if another one vetoes.
  undo.push(() => void net.callNetdeviceNotifiers(NETDEV_UNREGISTER, dev))
  succeed(net.callNetdeviceNotifiers(NETDEV_REGISTER, dev), `netdevice notifier for ${dev.name}`)
  step(dev, 'call_netdevice_notifiers: NETDEV_REGISTER')
}

/** Joins the device to its port, and makes it registered. */
function addQueues(dev: NetDevice, port: Port, undo: Undo): void {
  const { queues } = port.refresh()
  if (queues !== dev.numTxQueues) {
    throw new VnetError(
      EIO,
      ['netdev_register_kobject', dev.name],
      `the kernel shows ${queues} queues`,
    )
  }
  const receiver = (queue: PortQueue) => new RxQueue(dev, queue)
  dev.attach(port, { watchdog: new Watchdog(dev), receiver, lost: () => gone(dev) })
  step(dev, `netdev_register_kobject: /sys/class/net/${dev.name}, ${queues} queues`)

  dev.regState = NETREG_REGISTERED
  undo.push(() => {
    dev.regState = NETREG_UNINITIALIZED
  })
  step(dev, 'reg_state: NETREG_REGISTERED')
  step(dev, 'set_bit: __LINK_STATE_PRESENT')
}

/** Adds the device to the list of its Net, and follows the changes of its interface from now on. */
function list(dev: NetDevice, port: Port, undo: Undo): void {
  const { qdisc } = port.refresh()
  step(dev, `dev_init_scheduler: qdisc ${qdisc}, ${dev.txQueueLen} frames a queue`)

  dev.net.devices.push(dev)
  undo.push(() => unlist(dev))
  step(dev, 'list_netdevice')
  if (!port.announced) {
    throw new VnetError(EIO, ['RTM_NEWLINK', dev.name], 'the kernel reports no changes')
  }
  step(dev, 'rtmsg_ifinfo: RTM_NEWLINK')

  // From here on no change may be missed.
  adoptLink(dev, port.link)
  port.onChange(change => (change.kind === 'gone' ? gone(dev) : linkChanged(dev, change)))
}

function step(dev: NetDevice, name: string): void {
  dev.log.debug(name)
}

/** unregister_netdev: stops the device, then deletes the interface. EINVAL if not registered. */
export async function unregisterNetdev<Priv>(dev: NetDevice<Priv>): Promise<void> {
  if (dev.regState !== NETREG_REGISTERED) {
    throw new VnetError(EINVAL, `unregister_netdev ${dev.name}`, 'it is not registered')
  }
  await unregister(dev)
}

const ALL_TSO = NETIF_F_TSO | NETIF_F_TSO6 | NETIF_F_TSO_ECN
const PROTOCOL_CSUM = NETIF_F_IP_CSUM | NETIF_F_IPV6_CSUM

/** netdev_fix_features: returns the features that work together, with a notice of each dropped. */
export function netdevFixFeatures(features: number, notice: (text: string) => void): number {
  let fixed = features
  const has = (mask: number): boolean => (fixed & mask) !== 0
  function drop(mask: number, isUnusable: boolean, text: string): void {
    if (!has(mask) || !isUnusable) return
    notice(text)
    fixed &= ~mask
  }
  drop(PROTOCOL_CSUM, has(NETIF_F_HW_CSUM), 'mixed HW and IP checksum settings.')
  drop(
    PROTOCOL_CSUM | NETIF_F_HW_CSUM,
    has(NETIF_F_NO_CSUM),
    'mixed no checksumming and other settings.',
  )
  drop(NETIF_F_SG, !has(NETIF_F_CSUM_MASK), 'Dropping NETIF_F_SG since no checksum feature.')
  drop(ALL_TSO, !has(NETIF_F_SG), 'Dropping TSO features since no SG feature.')
  drop(
    NETIF_F_TSO_ECN,
    !has(NETIF_F_TSO | NETIF_F_TSO6),
    'Dropping NETIF_F_TSO_ECN since no TSO feature.',
  )
  drop(
    NETIF_F_GSO_UDP_L4,
    !has(NETIF_F_CSUM_MASK),
    'Dropping NETIF_F_GSO_UDP_L4 since no checksum feature.',
  )
  drop(NETIF_F_GSO_UDP_L4, !has(NETIF_F_SG), 'Dropping NETIF_F_GSO_UDP_L4 since no SG feature.')
  return has(NETIF_F_SG) ? fixed | NETIF_F_GSO : fixed
}

/** For an existing interface: only no ARP, if nothing replies to it, and the driver's medium. */
function needed({ flags, linkKsettings }: NetDevice): LinkRequest {
  return {
    ...(linkKsettings && { linkKsettings }),
    ...((flags & IFF_NOARP) !== 0 && { noarp: true }),
  }
}

function wanted(dev: NetDevice): LinkRequest {
  const { mtu, txQueueLen, devAddr } = dev
  const hasAddress = devAddr.some(byte => byte !== 0)
  return {
    mtu,
    txQueueLen,
    noarp: false,
    ...(hasAddress && { address: devAddr.slice() }),
    ...needed(dev),
  }
}

/** Returns a function that restores the fields which registering sets from the interface. */
function asBefore(dev: NetDevice): () => void {
  const { name, ifindex, flags, features, mtu, txQueueLen, mc, addresses } = dev
  const address = dev.devAddr.slice()
  return () => {
    Object.assign(dev, { ifindex, flags, features, mtu, txQueueLen, mc, addresses })
    dev.devAddr.set(address)
    dev.rename(name)
  }
}

async function unregister(dev: NetDevice): Promise<void> {
  const { port } = dev
  dev.regState = NETREG_UNREGISTERING
  closeDevice(dev)
  unlist(dev)
  // Before the notification: the last statistics have the packets that the wires held.
  callNdo(dev, 'ndoGetWires', () => {
    for (const wire of dev.netdevOps.ndoGetWires?.(dev) ?? []) {
      wire.close()
    }
  })
  dev.net.callNetdeviceNotifiers(NETDEV_UNREGISTER, dev)
  uninit(dev)
  dev.discharge()
  await port?.close()
  dev.regState = NETREG_UNREGISTERED
}

/** The interface was deleted from outside: the device is unregistered, with nothing to delete. */
function gone(dev: NetDevice): void {
  if (dev.regState !== NETREG_REGISTERED) return
  dev.log.warn('interface was deleted from outside')
  void unregister(dev)
}

function unlist(dev: NetDevice): void {
  const { devices } = dev.net
  devices.splice(devices.indexOf(dev), 1)
}

function uninit(dev: NetDevice): void {
  callNdo(dev, 'ndoUninit', () => dev.netdevOps.ndoUninit?.(dev))
}

function succeed(result: number, what: string): void {
  if (result < 0) throw new VnetError(-result, what)
}
