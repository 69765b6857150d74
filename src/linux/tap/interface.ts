/**
 * Makes the interface of a port, attaches to a persistent one, or adopts a TAP or TUN that another
 * program opened: systemd, a container runtime or a privileged helper.
 *
 * Two kinds of interface are made in an unnamed namespace and then moved to their own, which takes
 * some 20 ms:
 *
 * - An interface of another namespace: a TAP opened inside would keep the namespace alive, and its
 *   deletion would go unnoticed. A namespace that a descriptor of this process refers to is kept
 *   alive by it anyway, so there the TAP is opened inside.
 * - A multi-queue interface: until it has an owner, every user of its namespace may attach a queue
 *   to it by /dev/net/tun. An interface with a single queue refuses a second one.
 */
import {
  EBADF,
  EBADFD,
  EBUSY,
  EEXIST,
  EINVAL,
  ENFILE,
  ENODEV,
  ENOENT,
  EPERM,
  isErrno,
  VnetError,
} from '../../base/errno.ts'
import { IFNAMSIZ } from '../../netdev/if.ts'
import type { PortSpec } from '../../netdev/port.ts'
import { encodeName } from '../../netlink/index.ts'
import { sameBytes } from '../../packet/address.ts'
import {
  check,
  checkTap,
  closeAside,
  closeFds,
  closing,
  closingOnError,
  type Native,
} from '../index.ts'
import { getLink, type Link, RouteSocket, setLinkAside } from '../rtnetlink.ts'
import * as uapi from '../uapi.ts'
import { openTun, rootAdvice, setOffload, setPersist, type Tun, tapName } from './tap.ts'

type TapSpec = Pick<
  PortSpec,
  'name' | 'netns' | 'queues' | 'features' | 'layer' | 'carrier' | 'persist' | 'owner' | 'group'
>

/** The kernel's limit: the number of bits in a page of 4 KiB. */
const MAX_NUMBERS = 32768

/** The name of an interface until it is moved. The kernel replaces %d by a free number. */
const TEMPORARY_NAME = 'vnet-move%d'

const OWN_NETNS = '/proc/thread-self/ns/net'

/** Where descriptors of this process are found. */
const OWN_DESCRIPTOR = /^\/proc\/(?:thread-)?self\/fd\/\d+$/

/**
 * Makes an interface in the namespace `spec.netns`, which `nsfd` refers to; -1 is our own. `before`
 * is called before it appears in another namespace. If it throws a VnetError, no interface remains.
 */
export async function createTap(
  native: Native,
  spec: TapSpec,
  nsfd: number,
  before: () => void,
): Promise<Tun> {
  const {
    name,
    queues,
    features,
    layer = 'tap',
    carrier = true,
    persist = false,
    owner,
    group,
  } = spec
  // A multi-queue TAP shows 256 queues, so a port with one queue is made single-queue and shows
  // one, like hardware. A persistent interface is always multi-queue: a later run may want more
  // queues.
  const multiQueue = queues > 1 || persist
  const options = {
    layer,
    queues,
    features,
    carrier,
    multiQueue,
    exclusive: true,
    rights: { owner, group },
  }
  const staysInside = nsfd < 0 || OWN_DESCRIPTOR.test(spec.netns ?? '')
  // The kernel refuses it without CAP_SYS_ADMIN, in a container for example.
  const unnamed = staysInside && !multiQueue ? -1 : native.unnamedNetns()
  if (staysInside && unnamed < 0) {
    before()
    return openTun(native, { ...options, name, nsfd })
  }
  const tap = openTun(native, {
    ...options,
    name: TEMPORARY_NAME,
    shownName: name,
    nsfd: Math.max(-1, unnamed),
  })
  try {
    using here = RouteSocket.open(native, Math.max(-1, unnamed))
    const link = getLink(here, { name: tap.name })
    if (link === undefined) throw new VnetError(ENODEV, ['RTM_GETLINK', tap.name])
    before()
    await move(native, here, link.ifindex, nsfd, name)
    return { ...tap, name: tapName(native, tap.fds[0] as number) ?? name }
  } catch (error) {
    await closeAside(native, tap.fds)
    throw error
  }
}

/** Moves an interface to the namespace of `nsfd`, or to our own if that is -1. */
async function move(
  native: Native,
  here: RouteSocket,
  ifindex: number,
  nsfd: number,
  name: string,
): Promise<void> {
  const moveTo = (netnsFd: number) => setLinkAside(here, ifindex, { netnsFd, name })
  try {
    if (nsfd >= 0) {
      await moveTo(nsfd)
    } else {
      await closing(
        native,
        check(native.open(OWN_NETNS, uapi.O_RDONLY, -1), ['open', OWN_NETNS]),
        moveTo,
      )
    }
  } catch (error) {
    throw isErrno(error, EPERM) ? new VnetError(EPERM, error.what, rootAdvice()) : error
  }
}

/** Throws EBUSY if `link` has other queues: anyone could attach some while it had no owner. */
export function checkQueues({ name, tun }: Link, queues: number): void {
  if (tun === undefined || !tun.multiQueue) return
  const others = tun.numQueues + tun.numDisabledQueues - queues
  if (others !== 0) {
    const advice = `another program has attached ${others} queues to it; delete it: ip link delete ${name}`
    throw new VnetError(EBUSY, ['open', name], advice)
  }
}

/** Attaches to a persistent interface that no program is attached to. Throws a VnetError. */
export function attachTap(native: Native, spec: TapSpec, link: Link, nsfd: number): Tun {
  const { name, queues, features, layer = 'tap', carrier = true, owner, group } = spec
  const what = `attach to ${name}`
  const { tun } = link
  if (tun === undefined || tun.type !== layer) {
    const kind = layer.toUpperCase()
    throw new VnetError(
      EEXIST,
      what,
      `an interface of that name exists and is not a ${kind}; choose another name`,
    )
  }
  if (tun.numQueues + tun.numDisabledQueues > 0 || !tun.persist) {
    throw new VnetError(EEXIST, what, 'another program drives that interface; choose another name')
  }
  if (!tun.multiQueue && queues > 1) {
    throw new VnetError(
      EINVAL,
      what,
      'it was made with a single queue; use --txqs 1 --rxqs 1, or --delete it first',
    )
  }
  if (group !== undefined && owner === undefined && tun.owner !== undefined) {
    const advice = `only user ${tun.owner} may attach to it, so a group changes nothing; add --user, or --delete it first`
    throw new VnetError(EINVAL, what, advice)
  }
  const isFree = tun.owner === undefined && tun.group === undefined
  const rights =
    owner !== undefined || group !== undefined || (isFree && tun.multiQueue)
      ? { owner, group }
      : undefined
  const { multiQueue } = tun
  return openTun(native, {
    layer,
    name,
    queues,
    features,
    carrier,
    multiQueue,
    exclusive: false,
    rights,
    nsfd,
  })
}

/** Removes a persistent TAP that no program is attached to. Throws a VnetError. */
export function removeTap(native: Native, there: RouteSocket, name: string, nsfd: number): void {
  const existing = getLink(there, { name })
  if (existing === undefined) {
    throw new VnetError(ENOENT, `delete ${name}`, 'there is no such interface')
  }
  const tap = attachTap(native, { name, queues: 1, features: 0 }, existing, nsfd)
  closingOnError(native, tap.fds, () => setPersist(native, tap, false))
  closeFds(native, tap.fds)
}

/**
 * Checks that `fd` is a TAP or TUN with an interface, makes it non-blocking, and sets the header
 * and the offloads of `features` like openTun. `layer` is the required kind, or undefined for
 * either. Throws a VnetError if the descriptor cannot be used, and leaves it open.
 */
export function adoptTun(
  native: Native,
  fd: number,
  layer: 'tap' | 'tun' | undefined,
  features: number,
): Tun {
  const what = `fd ${fd}`
  const request = uapi.ifreq('')
  const result = native.ioctl(fd, uapi.TUNGETIFF, request)
  check(result, what, refusal(-result))
  const [name, flags] = [uapi.ifreqName(request), uapi.ifreqFlags(request)]
  const found = (flags & uapi.IFF_TAP) === 0 ? 'tun' : 'tap'
  if (layer !== undefined && layer !== found) {
    throw new VnetError(
      EINVAL,
      what,
      `${name} is a ${found.toUpperCase()}, not a ${layer.toUpperCase()}`,
    )
  }
  const hasHeader = (flags & uapi.IFF_VNET_HDR) !== 0
  if (features !== 0 && !hasHeader) {
    throw new VnetError(
      EINVAL,
      what,
      `${name} was opened without IFF_VNET_HDR, which \`offload\` needs`,
    )
  }
  check(native.adopt(fd), what, `it belongs to ${name} of this program`)
  try {
    check(native.ioctl(fd, uapi.FIONBIO, uapi.int32(1)), ['FIONBIO', name])
    const vnetHdrLen = hasHeader ? uapi.VIRTIO_NET_HDR_LEN : 0
    if (hasHeader) {
      checkTap(native.ioctl(fd, uapi.TUNSETVNETHDRSZ, uapi.int32(vnetHdrLen)), [
        'TUNSETVNETHDRSZ',
        name,
      ])
    }
    return {
      name,
      fds: [fd],
      layer: found,
      vnetHdrLen,
      features: setOffload(native, fd, name, features, vnetHdrLen),
    }
  } catch (error) {
    native.release(fd)
    throw error
  }
}

function refusal(errno: number): string {
  if (errno === EBADF) return 'no descriptor of that number is open'
  if (errno === EBADFD) return 'it has no interface: attach it with TUNSETIFF first'
  return 'it is not a TAP or TUN'
}

/**
 * Returns a descriptor of the namespace of a Tun's interface, for the caller to close. Returns a
 * negative number if the kernel does not report the namespace, which takes CAP_NET_ADMIN there:
 * linkOfTun() then recognizes a TAP in our own namespace by its address. A TUN has no address, so
 * that throws a VnetError instead.
 */
export function netnsOfTun(native: Native, { name, layer, fds }: Tun): number {
  const [fd] = fds as [number]
  const nsfd = native.ioctl(fd, uapi.TUNGETDEVNETNS, 0)
  if (nsfd !== -EPERM) return checkTap(nsfd, ['TUNGETDEVNETNS', name])
  if (layer === 'tap') return nsfd
  const advice = 'a TUN takes CAP_NET_ADMIN in its network namespace: add it, or pass on a TAP'
  throw new VnetError(EPERM, `fd ${fd}`, advice)
}

/**
 * Returns the interface of a Tun, read through a socket in the namespace where it should be. Throws
 * a VnetError if it is elsewhere: without CAP_NET_ADMIN nothing returns its namespace, and another
 * interface may have its name here. Also if each frame has a header in front of it, or if there are
 * more queues, and their frames would not be read.
 */
export function linkOfTun(native: Native, there: RouteSocket, { name, layer, fds }: Tun): Link {
  const [fd] = fds as [number]
  const link = getLink(there, { name })
  if (
    link?.tun?.type !== layer ||
    !sameBytes(link.address, addressOf(native, fd, link.address.length))
  ) {
    throw new VnetError(
      EPERM,
      `fd ${fd}`,
      `${name} is in another network namespace: it takes CAP_NET_ADMIN there`,
    )
  }
  // The flags of TUNGETIFF do not show it: IFF_NOFILTER has the value of IFF_NO_PI.
  if (link.tun.packetInfo) {
    throw new VnetError(
      EINVAL,
      `fd ${fd}`,
      `${name} has 4 bytes in front of each frame: open it with IFF_NO_PI`,
    )
  }
  const queues = link.tun.numQueues + link.tun.numDisabledQueues
  if (queues > 1) {
    throw new VnetError(
      EINVAL,
      `fd ${fd}`,
      `it is one of ${queues} queues of ${name}: only one queue is supported`,
    )
  }
  return link
}

/** The hardware address by the descriptor: `struct sockaddr` in ifr_hwaddr. */
function addressOf(native: Native, fd: number, length: number): Uint8Array {
  const request = uapi.ifreq('')
  checkTap(native.ioctl(fd, uapi.SIOCGIFHWADDR, request), 'SIOCGIFHWADDR')
  return request.slice(18, 18 + length)
}

/**
 * dev_alloc_name (net/core/dev.c): returns `pattern` with its %d replaced by the first number, from
 * 0, that gives a name not in `taken`; a pattern without %d is returned unchanged. Throws a
 * VnetError, ENFILE if no number is free or the name would be too long.
 */
export function devAllocName(pattern: string, taken: ReadonlySet<string>): string {
  if (!pattern.includes('%d')) return pattern
  for (let number = 0; number < MAX_NUMBERS; number++) {
    const name = pattern.replace('%d', String(number))
    if (encodeName(name).length >= IFNAMSIZ) break
    if (!taken.has(name)) return name
  }
  throw new VnetError(
    ENFILE,
    ['dev_alloc_name', ''],
    `every name ${pattern} is taken; choose another`,
  )
}
