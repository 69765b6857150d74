/**
 * Makes the interface of a port, or attaches to a persistent one.
 *
 * An interface for another namespace is made in our own and then moved: a TAP opened inside would
 * keep the namespace alive, and its deletion would go unnoticed. To move one takes some 20 ms. A
 * namespace that a descriptor of this process refers to is kept alive by it anyway, so there the
 * TAP is opened inside.
 */
import { EEXIST, EINVAL, ENFILE, ENOENT, VnetError } from '../netdev/errno.ts'
import { IFNAMSIZ } from '../netdev/if.ts'
import type { PortSpec } from '../netdev/port.ts'
import { encodeName } from '../netlink/index.ts'
import { closingOnError } from './errno.ts'
import type { Native } from './native.ts'
import { getLink, type Link, RouteSocket, setLink } from './rtnetlink.ts'
import { openTun, setPersist, type Tun, tapName } from './tap.ts'

type TapSpec = Pick<PortSpec, 'name' | 'netns' | 'queues' | 'features' | 'layer' | 'carrier' | 'persist'>

/** The kernel's limit: the number of bits in a page of 4 KiB. */
const MAX_NUMBERS = 32768

/** The name of an interface until it is moved. The kernel replaces %d by a free number. */
const TEMPORARY_NAME = 'vnet-move%d'

/** Where descriptors of this process are found. */
const OWN_DESCRIPTOR = /^\/proc\/(?:thread-)?self\/fd\/\d+$/

/**
 * Makes an interface in the namespace `spec.netns`, which `nsfd` refers to; -1 is our own.
 * `before` is called before it appears in another namespace. Throws a VnetError and leaves nothing
 * behind.
 */
export function createTap(native: Native, spec: TapSpec, nsfd: number, before: () => void): Tun {
  const { name, queues, features, layer = 'tap', carrier = true, persist = false } = spec
  // A multi-queue TAP shows 256 queues, so a port with one queue is made single-queue and shows
  // one, as hardware does. A later run may want more queues of a persistent interface.
  const multiQueue = queues > 1 || persist
  const options = { layer, queues, features, carrier, multiQueue, exclusive: true, nsfd: -1 }
  if (nsfd < 0) return openTun(native, { ...options, name })
  if (OWN_DESCRIPTOR.test(spec.netns ?? '')) {
    before()
    return openTun(native, { ...options, name, nsfd })
  }
  const tap = openTun(native, { ...options, name: TEMPORARY_NAME })
  return closingOnError(native, tap.fds, () => {
    using home = RouteSocket.open(native)
    const link = getLink(home, { name: tap.name })
    if (link === undefined) throw new VnetError(ENOENT, `RTM_GETLINK ${tap.name}`)
    before()
    setLink(home, link.ifindex, { netnsFd: nsfd, name })
    return { ...tap, name: tapName(native, tap.fds[0] as number) ?? name }
  })
}

/** Attaches to a persistent interface that no program is attached to. Throws a VnetError. */
export function attachTap(native: Native, spec: TapSpec, link: Link, nsfd: number): Tun {
  const { name, queues, features, layer = 'tap', carrier = true } = spec
  const what = `attach to ${name}`
  const { tun } = link
  if (tun === undefined || tun.type !== layer) {
    const kind = layer.toUpperCase()
    throw new VnetError(EEXIST, what, `an interface of that name exists and is not a ${kind}; choose another name`)
  }
  if (tun.numQueues + tun.numDisabledQueues > 0 || !tun.persist) {
    throw new VnetError(EEXIST, what, 'another program drives that interface; choose another name')
  }
  if (!tun.multiQueue && queues > 1) {
    throw new VnetError(EINVAL, what, 'it was made with a single queue; use --txqs 1 --rxqs 1, or --delete it first')
  }
  return openTun(native, { layer, name, queues, features, carrier, multiQueue: tun.multiQueue, exclusive: false, nsfd })
}

/**
 * Removes a persistent TAP that no program is attached to, from the namespace of `there` and
 * `nsfd`. Throws a VnetError.
 */
export function removeTap(native: Native, there: RouteSocket, name: string, nsfd: number): void {
  const existing = getLink(there, { name })
  if (existing === undefined) throw new VnetError(ENOENT, `delete ${name}`, 'there is no such interface')
  const tap = attachTap(native, { name, queues: 1, features: 0 }, existing, nsfd)
  try {
    setPersist(native, tap, false)
  } finally {
    for (const fd of tap.fds) native.close(fd)
  }
}

/**
 * dev_alloc_name (net/core/dev.c): returns `pattern` with its %d replaced by the first number, from
 * 0, that gives a name not in `taken`; a pattern without %d is returned as it is. VnetError ENFILE
 * if no number is free or the name would be too long.
 */
export function devAllocName(pattern: string, taken: ReadonlySet<string>): string {
  if (!pattern.includes('%d')) return pattern
  for (let number = 0; number < MAX_NUMBERS; number++) {
    const name = pattern.replace('%d', String(number))
    if (encodeName(name).length >= IFNAMSIZ) break
    if (!taken.has(name)) return name
  }
  throw new VnetError(ENFILE, `dev_alloc_name ${pattern}`, 'every such name is taken; choose another')
}
