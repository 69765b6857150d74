/**
 * Opens a TAP or TUN with /dev/net/tun, TUNSETIFF and the other ioctls of
 * include/uapi/linux/if_tun.h. All queues are attached together; none is added later. Header size
 * and offloads belong to the interface, not to the descriptor, and outlive the descriptor if the
 * interface is persistent, so both are set on every open.
 */
import { EACCES, EBUSY, EEXIST, EINVAL, EPERM } from '../../base/errno.ts'
import {
  NETIF_F_GRO,
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
} from '../../netdev/if.ts'
import type { PortSpec } from '../../netdev/port.ts'
import type { Native } from '../index.ts'
import { check, checkTap, closingOnError, hasCapability, sudoCommand, tunAdvice } from '../index.ts'
import * as uapi from '../uapi.ts'

/** How openTun opens /dev/net/tun and makes or attaches to the interface. */
export interface TunOptions
  extends Pick<PortSpec, 'name' | 'queues' | 'features'>,
    Pick<Tun, 'layer'> {
  /** The name in errors, if it is another. */
  shownName?: string
  /** False for an interface that was made with a single queue. */
  multiQueue: boolean
  /** False to start without a carrier (TUNSETCARRIER). */
  carrier: boolean
  /** Fail if the interface exists. */
  exclusive: boolean
  /** The user and group that may attach a queue; undefined leaves them unchanged. */
  rights: TunRights | undefined
  /** Descriptor of the network namespace to open in, -1 for the caller's. */
  nsfd: number
}

/**
 * Who may attach a queue without CAP_NET_ADMIN: the owner, by default this process's user, or a
 * member of the group. With both, the owner must be a member. Without either, every user may.
 */
export type TunRights = Pick<PortSpec, 'owner' | 'group'>

/** An open TAP or TUN. Its descriptors, one per queue, belong to the caller. */
export interface Tun {
  readonly name: string
  readonly layer: 'tap' | 'tun'
  readonly fds: readonly number[]
  /** The NETIF_F_* that the kernel granted. */
  readonly features: number
  /** Bytes before each frame: 10 with offloads, 0 without. */
  readonly vnetHdrLen: number
}

/** Opens all queues of a TAP or TUN. If one fails, closes all and throws a VnetError. */
export function openTun(native: Native, options: TunOptions): Tun {
  const { layer, queues, features, nsfd, exclusive, rights } = options
  const flags = setiffFlags(options)
  const fds: number[] = []
  let { name } = options
  return closingOnError(native, fds, () => {
    for (let q = 0; q < queues; q++) {
      const fd = native.open('/dev/net/tun', uapi.O_RDWR | uapi.O_NONBLOCK, nsfd)
      check(fd, ['open', '/dev/net/tun'], openAdvice(-fd, nsfd))
      fds.push(fd)
      const request = uapi.ifreq(name, q === 0 && exclusive ? flags | uapi.IFF_TUN_EXCL : flags)
      const result = native.ioctl(fd, uapi.TUNSETIFF, request)
      check(
        result,
        ['TUNSETIFF', (options.shownName ?? name).replace('%d', 'N')],
        setiffAdvice(-result, nsfd),
      )
      name = uapi.ifreqName(request)
      if (q === 0 && rights !== undefined) {
        setRights(native, fd, name, rights)
      }
    }
    // Linux before 6.1 does not know IFF_NO_CARRIER; later kernels have no carrier here yet.
    if (!options.carrier) {
      native.ioctl(fds[0], uapi.TUNSETCARRIER, uapi.int32(0))
    }
    const vnetHdrLen = features === 0 ? 0 : uapi.VIRTIO_NET_HDR_LEN
    if (vnetHdrLen !== 0) {
      check(native.ioctl(fds[0], uapi.TUNSETVNETHDRSZ, uapi.int32(vnetHdrLen)), [
        'TUNSETVNETHDRSZ',
        name,
      ])
    }
    return {
      name,
      layer,
      fds,
      vnetHdrLen,
      features: setOffload(native, fds[0], name, features, vnetHdrLen),
    }
  })
}

function setiffFlags({ layer, multiQueue, features, carrier }: TunOptions): number {
  const kind =
    (layer === 'tun' ? uapi.IFF_TUN : uapi.IFF_TAP) |
    uapi.IFF_NO_PI |
    (multiQueue ? uapi.IFF_MULTI_QUEUE : 0)
  return kind | (features === 0 ? 0 : uapi.IFF_VNET_HDR) | (carrier ? 0 : uapi.IFF_NO_CARRIER)
}

function setRights(native: Native, fd: number, name: string, { owner, group }: TunRights): void {
  if (group !== undefined) {
    check(native.ioctl(fd, uapi.TUNSETGROUP, group), ['TUNSETGROUP', name])
  }
  if (owner === undefined && group !== undefined) return
  const result = native.ioctl(fd, uapi.TUNSETOWNER, owner ?? process.geteuid?.() ?? 0)
  // This user may have no number in this user namespace, which no other user is in.
  if (owner !== undefined || result !== -EINVAL) {
    check(result, ['TUNSETOWNER', name])
  }
}

/** Sets whether a TAP remains when its last descriptor is closed. */
export function setPersist(native: Native, tap: Tun, persist: boolean): void {
  check(native.ioctl(tap.fds[0], uapi.TUNSETPERSIST, persist ? 1 : 0), ['TUNSETPERSIST', tap.name])
}

/** The interface's current name; undefined if it was deleted. */
export function tapName(native: Native, fd: number): string | undefined {
  const request = uapi.ifreq('')
  return native.ioctl(fd, uapi.TUNGETIFF, request) < 0 ? undefined : uapi.ifreqName(request)
}

/** How to open /dev/net/tun. `nsfd` is the namespace that was to be entered for it, or -1. */
export function openAdvice(
  error: number,
  nsfd: number,
  isAdmin = isNetAdmin(),
): string | undefined {
  // Only the entry of a namespace takes a capability. The device has a mode.
  if (error === EPERM && nsfd >= 0) return rootAdvice()
  const advice = tunAdvice(error)
  if (error !== EACCES || isAdmin) return advice
  return `${advice}, for ${ROOTLESS} or a persistent interface of your own; or ${sudoCommand()}`
}

/** How to make an interface. `nsfd` is its namespace, or -1. */
export function setiffAdvice(
  error: number,
  nsfd: number,
  isAdmin = isNetAdmin(),
): string | undefined {
  const canBeRootless = nsfd < 0 && !isAdmin && process.geteuid?.() !== 0
  if (error === EPERM) {
    return canBeRootless ? `${rootAdvice()}, or without root: ${ROOTLESS}` : rootAdvice()
  }
  if (error === EBUSY || error === EEXIST) return 'the interface exists: choose another name'
  if (error === EINVAL) {
    return 'an interface of that name exists and is not such a TAP: choose another name'
  }
  return undefined
}

const ROOTLESS = 'vnet rootless -- COMMAND'
const isNetAdmin = (): boolean => hasCapability(uapi.CAP_NET_ADMIN)

/**
 * Advice on how to get CAP_NET_ADMIN: the same command with sudo. Root without the capability is in
 * a container. A process that has the capability to no avail is in another user namespace, or lacks
 * CAP_SYS_ADMIN to enter a network namespace.
 */
export function rootAdvice(): string {
  if (hasCapability(uapi.CAP_NET_ADMIN)) {
    return hasCapability(uapi.CAP_SYS_ADMIN)
      ? 'another user namespace owns this network namespace, so CAP_NET_ADMIN does not apply to it'
      : 'entering a network namespace takes CAP_SYS_ADMIN, which commands of vnet keep with --keep-privileges'
  }
  if (process.geteuid?.() === 0) {
    return 'root here lacks CAP_NET_ADMIN: run the container with --cap-add NET_ADMIN'
  }
  return `it needs CAP_NET_ADMIN: ${sudoCommand()}`
}

/** Features that the framework provides without the kernel. */
const SOFTWARE = NETIF_F_SG | NETIF_F_GSO | NETIF_F_GRO
const ANY_CSUM = NETIF_F_HW_CSUM | NETIF_F_NO_CSUM
const PROTOCOL_CSUM = NETIF_F_IP_CSUM | NETIF_F_IPV6_CSUM
const SEGMENTATION = NETIF_F_TSO | NETIF_F_TSO6 | NETIF_F_TSO_ECN | NETIF_F_GSO_UDP_L4

/** Sets the offloads of a TAP. Returns the features that the kernel granted; 0 without header. */
export function setOffload(
  native: Native,
  fd: number,
  name: string,
  features: number,
  vnetHdrLen: number,
): number {
  const wanted = vnetHdrLen === 0 ? 0 : expressible(features)
  const result = native.ioctl(fd, uapi.TUNSETOFFLOAD, tunFeatures(wanted))
  if (result !== -EINVAL || (wanted & NETIF_F_GSO_UDP_L4) === 0) {
    checkTap(result, ['TUNSETOFFLOAD', name])
    return wanted
  }
  // Kernels before 6.2 have no USO.
  const without = wanted & ~NETIF_F_GSO_UDP_L4
  checkTap(native.ioctl(fd, uapi.TUNSETOFFLOAD, tunFeatures(without)), ['TUNSETOFFLOAD', name])
  return without
}

/** A TAP has one switch for all checksums, and segmentation depends on it. */
function expressible(features: number): number {
  const protocols = (features & PROTOCOL_CSUM) === PROTOCOL_CSUM ? PROTOCOL_CSUM : 0
  const csum = (features & ANY_CSUM) | protocols
  const segmentation = csum === 0 ? 0 : features & SEGMENTATION
  // ECN only modifies TSO.
  const ecn = (segmentation & (NETIF_F_TSO | NETIF_F_TSO6)) === 0 ? NETIF_F_TSO_ECN : 0
  return (features & SOFTWARE) | csum | (segmentation & ~ecn)
}

function tunFeatures(features: number): number {
  let mask = 0
  if ((features & (ANY_CSUM | PROTOCOL_CSUM)) !== 0) {
    mask |= uapi.TUN_F_CSUM
  }
  if ((features & NETIF_F_TSO) !== 0) {
    mask |= uapi.TUN_F_TSO4
  }
  if ((features & NETIF_F_TSO6) !== 0) {
    mask |= uapi.TUN_F_TSO6
  }
  if ((features & NETIF_F_TSO_ECN) !== 0) {
    mask |= uapi.TUN_F_TSO_ECN
  }
  // The kernel refuses one without the other.
  if ((features & NETIF_F_GSO_UDP_L4) !== 0) {
    mask |= uapi.TUN_F_USO4 | uapi.TUN_F_USO6
  }
  return mask
}
