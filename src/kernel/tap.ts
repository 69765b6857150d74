/**
 * Opening a TAP: /dev/net/tun, TUNSETIFF and the other ioctls of include/uapi/linux/if_tun.h. All queues are attached
 * together; none is added later. Header size and offloads belong to the device, not to the descriptor, and outlive it on a
 * persistent one: both are set on every open.
 */
import { EACCES, EBUSY, EEXIST, EINVAL, ENODEV, ENOENT, EPERM } from '../core/errno.ts'
import { check } from './errno.ts'
import type { Native } from './native.ts'
import { setOffload } from './offload.ts'
import { hasCapability } from './privileges.ts'
import {
  CAP_NET_ADMIN,
  CAP_SYS_ADMIN,
  IFF_MULTI_QUEUE,
  IFF_NO_CARRIER,
  IFF_NO_PI,
  IFF_TAP,
  IFF_TUN_EXCL,
  IFF_VNET_HDR,
  ifreq,
  ifreqName,
  int32,
  O_NONBLOCK,
  O_RDWR,
  TUNGETIFF,
  TUNSETCARRIER,
  TUNSETGROUP,
  TUNSETIFF,
  TUNSETOWNER,
  TUNSETPERSIST,
  TUNSETVNETHDRSZ,
  VIRTIO_NET_HDR_LEN,
} from './uapi.ts'

export interface TapOptions {
  /** A name, or a pattern with one %d. */
  name: string
  queues: number
  /** False for a device that was made with a single queue. */
  multiQueue: boolean
  /** NETIF_F_* wanted; 0 leaves the vnet header away. */
  features: number
  /** False begins without a carrier (TUNSETCARRIER). */
  carrier: boolean
  /** Fail when the interface is there already. */
  exclusive: boolean
  /** Descriptor of the network namespace to open in, -1 for the caller's. */
  nsfd: number
}

/** An open TAP: one descriptor a queue, owned by whoever asked. */
export interface Tap {
  readonly name: string
  readonly fds: readonly number[]
  /** NETIF_F_* that it really has. */
  readonly features: number
  /** Octets before each frame: 10 with offloads, 0 without. */
  readonly vnetHdrLen: number
}

/** Opens all queues of a TAP. Throws a VnetError, and leaves no descriptor, when one fails. */
export function openTap(native: Native, options: TapOptions): Tap {
  const { queues, features, nsfd, exclusive } = options
  const flags = setiffFlags(options)
  const fds: number[] = []
  let { name } = options
  try {
    for (let q = 0; q < queues; q++) {
      const fd = native.open('/dev/net/tun', O_RDWR | O_NONBLOCK, nsfd)
      check(fd, 'open /dev/net/tun', openAdvice(-fd))
      fds.push(fd)
      const request = ifreq(name, q === 0 && exclusive ? flags | IFF_TUN_EXCL : flags)
      const result = native.ioctl(fd, TUNSETIFF, request)
      check(result, `TUNSETIFF ${name}`, setiffAdvice(-result))
      name = ifreqName(request)
    }
    // Linux before 6.1 does not know IFF_NO_CARRIER; where there is none already, nothing comes of this.
    if (!options.carrier) native.ioctl(fds[0], TUNSETCARRIER, int32(0))
    const vnetHdrLen = features === 0 ? 0 : VIRTIO_NET_HDR_LEN
    if (vnetHdrLen !== 0) check(native.ioctl(fds[0], TUNSETVNETHDRSZ, int32(vnetHdrLen)), `TUNSETVNETHDRSZ ${name}`)
    return { name, fds, vnetHdrLen, features: setOffload(native, fds[0], name, features, vnetHdrLen) }
  } catch (error) {
    for (const fd of fds) native.close(fd)
    throw error
  }
}

function setiffFlags({ multiQueue, features, carrier }: TapOptions): number {
  const kind = IFF_TAP | IFF_NO_PI | (multiQueue ? IFF_MULTI_QUEUE : 0)
  return kind | (features === 0 ? 0 : IFF_VNET_HDR) | (carrier ? 0 : IFF_NO_CARRIER)
}

/** Makes a TAP stay when its last descriptor is closed, for the user and group that may attach to it; or no longer. */
export function setPersist(native: Native, tap: Tap, persist: boolean, owner?: number, group?: number): void {
  const fd = tap.fds[0]
  if (owner !== undefined) check(native.ioctl(fd, TUNSETOWNER, owner), `TUNSETOWNER ${tap.name}`)
  if (group !== undefined) check(native.ioctl(fd, TUNSETGROUP, group), `TUNSETGROUP ${tap.name}`)
  check(native.ioctl(fd, TUNSETPERSIST, persist ? 1 : 0), `TUNSETPERSIST ${tap.name}`)
}

/** The interface's present name; undefined when it was deleted. */
export function tapName(native: Native, fd: number): string | undefined {
  const request = ifreq('')
  return native.ioctl(fd, TUNGETIFF, request) < 0 ? undefined : ifreqName(request)
}

function openAdvice(error: number): string | undefined {
  if (error === ENOENT || error === ENODEV) {
    return 'load the module with `modprobe tun`, or give the container the device: --device /dev/net/tun'
  }
  if (error !== EACCES && error !== EPERM) return undefined
  return `${rootAdvice()}, or for a persistent interface of your own: sudo chmod 666 /dev/net/tun`
}

function setiffAdvice(error: number): string | undefined {
  if (error === EPERM) return rootAdvice()
  if (error === EBUSY || error === EEXIST) return 'the interface exists; choose another with --name'
  if (error === EINVAL) return 'an interface of that name exists and is no TAP of this kind; choose another with --name'
  return undefined
}

/**
 * How to get CAP_NET_ADMIN: the same command with sudo, and node by its full path, which secure_path may not have. Root
 * without it is in a container, and whoever has it in vain is in a user namespace of his own.
 */
export function rootAdvice(): string {
  if (hasCapability(CAP_NET_ADMIN)) {
    return hasCapability(CAP_SYS_ADMIN)
      ? 'CAP_NET_ADMIN is there, but not over this network namespace: another user namespace owns it'
      : 'to enter a network namespace takes CAP_SYS_ADMIN; a vnet that is ready keeps it with --keep-privileges'
  }
  if (process.geteuid?.() === 0) return 'root here lacks CAP_NET_ADMIN: run the container with --cap-add NET_ADMIN'
  const command = [process.execPath, ...process.argv.slice(1)].join(' ')
  return `it needs CAP_NET_ADMIN: sudo ${command}`
}
