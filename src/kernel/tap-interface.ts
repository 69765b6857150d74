/**
 * The interface that a port is for: made anew, or a persistent one that is there already.
 *
 * One for another namespace is made at home and then moved there: a TAP opened inside would keep the namespace alive, and
 * its deletion would go unseen.
 */
import { EEXIST, EINVAL, ENOENT, VnetError } from '../core/errno.ts'
import type { PortSpec } from '../core/port.ts'
import type { Native } from './native.ts'
import { getLink, type Link, RouteSocket, setLink } from './rtnetlink.ts'
import { openTap, setPersist, type Tap, tapName } from './tap.ts'

type TapSpec = Pick<PortSpec, 'name' | 'queues' | 'features' | 'carrier' | 'persist'>

/** What an interface is called on its way to another namespace: the kernel gives each a number of its own. */
const ON_THE_WAY = 'vnet-move%d'

/**
 * A new interface, in the namespace that `nsfd` refers to; -1 is home. `beforeMove` is called when it is made and goes
 * elsewhere. Throws a VnetError, and leaves nothing behind.
 */
export function createTap(native: Native, spec: TapSpec, nsfd: number, beforeMove: () => void): Tap {
  const { name, queues, features, carrier = true, persist = false } = spec
  // With one queue it is shown with one, as hardware is: of many kinds the kernel has 256 laid out, and shows them. Of one that
  // stays a later run may want more.
  const multiQueue = queues > 1 || persist
  const options = { queues, features, carrier, multiQueue, exclusive: true, nsfd: -1 }
  if (nsfd < 0) return openTap(native, { ...options, name })
  const tap = openTap(native, { ...options, name: ON_THE_WAY })
  try {
    using home = RouteSocket.open(native)
    const link = getLink(home, { name: tap.name })
    if (link === undefined) throw new VnetError(ENOENT, `RTM_GETLINK ${tap.name}`)
    beforeMove()
    setLink(home, link.ifindex, { netnsFd: nsfd, name })
    return { ...tap, name: tapName(native, tap.fds[0] as number) ?? name }
  } catch (error) {
    for (const fd of tap.fds) native.close(fd)
    throw error
  }
}

/** Attaches to a persistent interface that nobody is attached to. Throws a VnetError. */
export function attachTap(native: Native, spec: TapSpec, link: Link, nsfd: number): Tap {
  const { name, queues, features, carrier = true } = spec
  const what = `attach to ${name}`
  const { tun } = link
  if (tun === undefined || tun.type !== 'tap') {
    throw new VnetError(EEXIST, what, 'an interface of that name exists and is no TAP; choose another name')
  }
  if (tun.numQueues + tun.numDisabledQueues > 0 || !tun.persist) {
    throw new VnetError(EEXIST, what, 'another program drives that interface; choose another name')
  }
  if (!tun.multiQueue && queues > 1) {
    throw new VnetError(EINVAL, what, 'it was made with a single queue; use --txqs 1 --rxqs 1, or --delete it first')
  }
  return openTap(native, { name, queues, features, carrier, multiQueue: tun.multiQueue, exclusive: false, nsfd })
}

/** Removes a persistent TAP that nobody is attached to, from the namespace of `there` and `nsfd`. Throws a VnetError. */
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
