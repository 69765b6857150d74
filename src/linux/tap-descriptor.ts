/** A TAP or TUN that another program opened, such as systemd or a container runtime. */
import { EBADF, EBADFD, EINVAL, EPERM, VnetError } from '../base/errno.ts'
import { sameBytes } from '../packet/address.ts'
import { check, checkTap } from './errno.ts'
import type { Native } from './native.ts'
import { getLink, type Link, type RouteSocket } from './rtnetlink.ts'
import { IFF_VNET_HDR, setOffload, TUNSETVNETHDRSZ, type Tun } from './tap.ts'
import {
  FIONBIO,
  IFF_TAP,
  ifreq,
  ifreqFlags,
  ifreqName,
  int32,
  SIOCGIFHWADDR,
  TUNGETDEVNETNS,
  TUNGETIFF,
  VIRTIO_NET_HDR_LEN,
} from './uapi.ts'

/**
 * Checks that `fd` is a TAP or TUN with an interface, makes it non-blocking, and sets the header
 * and the offloads of `features` like openTun. `layer` is the required kind, or undefined for
 * either. Throws a VnetError if the descriptor cannot be used, and leaves it open.
 */
export function adoptTun(native: Native, fd: number, layer: 'tap' | 'tun' | undefined, features: number): Tun {
  const what = `fd ${fd}`
  const request = ifreq('')
  const result = native.ioctl(fd, TUNGETIFF, request)
  check(result, what, refusal(-result))
  const [name, flags] = [ifreqName(request), ifreqFlags(request)]
  const found = (flags & IFF_TAP) === 0 ? 'tun' : 'tap'
  if (layer !== undefined && layer !== found) {
    throw new VnetError(EINVAL, what, `${name} is a ${found.toUpperCase()}, not a ${layer.toUpperCase()}`)
  }
  const hasHeader = (flags & IFF_VNET_HDR) !== 0
  if (features !== 0 && !hasHeader) {
    throw new VnetError(EINVAL, what, `${name} was opened without IFF_VNET_HDR, which \`offload\` needs`)
  }
  check(native.ioctl(fd, FIONBIO, int32(1)), ['FIONBIO', name])
  const vnetHdrLen = hasHeader ? VIRTIO_NET_HDR_LEN : 0
  if (hasHeader) checkTap(native.ioctl(fd, TUNSETVNETHDRSZ, int32(vnetHdrLen)), ['TUNSETVNETHDRSZ', name])
  return { name, fds: [fd], layer: found, vnetHdrLen, features: setOffload(native, fd, name, features, vnetHdrLen) }
}

function refusal(errno: number): string {
  if (errno === EBADF) return 'no descriptor of that number is open'
  if (errno === EBADFD) return 'it has no interface: attach it with TUNSETIFF first'
  return 'it is not a TAP or TUN'
}

/**
 * Returns a descriptor of the namespace of a Tun's interface, or a negative number if the kernel
 * does not report it, which takes CAP_NET_ADMIN there: linkOfTun() then recognizes a TAP in our own
 * namespace by its address. A TUN has none, so that throws a VnetError.
 */
export function netnsOfTun(native: Native, { name, layer, fds }: Tun): number {
  const [fd] = fds as [number]
  const nsfd = native.ioctl(fd, TUNGETDEVNETNS, 0)
  if (nsfd !== -EPERM) return checkTap(nsfd, ['TUNGETDEVNETNS', name])
  if (layer === 'tap') return nsfd
  const advice = 'a TUN takes CAP_NET_ADMIN in its network namespace: add it, or pass on a TAP'
  throw new VnetError(EPERM, `fd ${fd}`, advice)
}

/**
 * Returns the interface of a Tun, read through a socket in the namespace where it should be. Throws
 * a VnetError if it is elsewhere: without CAP_NET_ADMIN nothing returns its namespace, and another
 * interface may have its name here. Also if each frame has a header in front of it, or if there are
 * more queues, whose frames would not be read.
 */
export function linkOfTun(native: Native, there: RouteSocket, { name, layer, fds }: Tun): Link {
  const [fd] = fds as [number]
  const link = getLink(there, { name })
  if (link?.tun?.type !== layer || !sameBytes(link.address, addressOf(native, fd, link.address.length))) {
    throw new VnetError(EPERM, `fd ${fd}`, `${name} is in another network namespace: it takes CAP_NET_ADMIN there`)
  }
  // The flags of TUNGETIFF do not show it: IFF_NOFILTER has the value of IFF_NO_PI.
  if (link.tun.packetInfo) {
    throw new VnetError(EINVAL, `fd ${fd}`, `${name} has 4 bytes in front of each frame: open it with IFF_NO_PI`)
  }
  const queues = link.tun.numQueues + link.tun.numDisabledQueues
  if (queues > 1) {
    throw new VnetError(EINVAL, `fd ${fd}`, `it is one of ${queues} queues of ${name}: only one queue is supported`)
  }
  return link
}

/** The hardware address by the descriptor: `struct sockaddr` in ifr_hwaddr. */
function addressOf(native: Native, fd: number, length: number): Uint8Array {
  const request = ifreq('')
  checkTap(native.ioctl(fd, SIOCGIFHWADDR, request), 'SIOCGIFHWADDR')
  return request.slice(18, 18 + length)
}
